"""What happens to a request, told without doing any I/O. Begin with `pipeline`."""
