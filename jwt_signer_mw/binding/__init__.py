"""Tokens that are bound: to a key of the client (DPoP), and what proves it. Checked for every request."""
