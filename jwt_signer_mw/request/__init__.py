"""The head of a request, in and out: pure functions over values."""
