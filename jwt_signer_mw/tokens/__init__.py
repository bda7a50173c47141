"""Tokens and claims: pure functions over values."""
