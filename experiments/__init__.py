"""How the shipped weights were made. Not part of the package."""
