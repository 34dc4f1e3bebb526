"""Audit of labeled images: duplicates, leaks between splits, label conflicts and shortcuts."""
