"""DICOM: headers and pixels of single-frame, multi-frame, mosaic and compressed objects."""
