"""Audit of labeled images for duplicates, leaks between splits, label conflicts and shortcuts."""
