"""Conversion of displayed slices to the square images that the network takes, and back."""
