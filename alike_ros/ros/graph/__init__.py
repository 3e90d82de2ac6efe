"""A graph of processes of one's own, for the demo, the benchmark, the soak and tests."""
