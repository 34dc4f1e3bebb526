"""DICOM objects of an output: their contents and the source headers."""
