"""JWT signer for Django: a middleware that only translates, and what a project needs around it."""
