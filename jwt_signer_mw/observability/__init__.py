"""Observers that pass events on to monitoring systems. Extra `observability`."""
