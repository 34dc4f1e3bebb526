"""DICOM objects of an output: what goes into them, and where it comes from."""
