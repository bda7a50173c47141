"""Drivers run a flow: blocking or asynchronous. The only code that exists twice."""
