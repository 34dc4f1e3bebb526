"""What the words and codes of headers mean: sequences, contrast, body parts, image types."""
