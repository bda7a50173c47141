"""Whole servers under load: `python -m benchmarks.server`. Needs wrk and the extra `benchmarks`."""
