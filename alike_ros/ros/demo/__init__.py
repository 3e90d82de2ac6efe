"""The whole graph in processes of its own, and what came of it: `make demo`."""
