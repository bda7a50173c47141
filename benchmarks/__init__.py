"""How fast it is, and beside what: `python -m benchmarks`, and `python -m benchmarks.server`."""
