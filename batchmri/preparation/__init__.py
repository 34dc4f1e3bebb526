"""Preparation: slices as displayed to the square images that the network takes, and back."""
