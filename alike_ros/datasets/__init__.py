"""Public datasets and the rendered room, each a `Source` with its ground truth."""
