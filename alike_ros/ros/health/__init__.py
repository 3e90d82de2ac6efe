"""Look at a running graph and say in sentences what is wrong."""
