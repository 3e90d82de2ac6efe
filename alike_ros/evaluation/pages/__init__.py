"""What the evaluations found, as pages: one file an evaluation."""
