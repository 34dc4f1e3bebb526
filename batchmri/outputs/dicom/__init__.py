"""DICOM objects of the results of a study (extra `dicom`)."""
