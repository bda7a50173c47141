"""From a declarative Kong file to ours, and back for one policy."""
