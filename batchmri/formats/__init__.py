"""File formats: bytes to the header of an `Instance`, and to slices as displayed. No torch."""
