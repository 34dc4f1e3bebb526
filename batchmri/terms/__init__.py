"""Interpret words and codes in headers: sequences, contrast, body parts, image types."""
