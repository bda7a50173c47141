"""The playground: a page of the demo in which people change tokens and settings, and see what happens."""
