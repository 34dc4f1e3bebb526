"""Training: a table of labeled images to a checkpoint and its card."""
