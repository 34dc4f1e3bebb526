"""Training and evaluation of the shipped weights. Not part of the package."""
