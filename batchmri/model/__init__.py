"""The model: prepared slices to class maps, features and calibrated probabilities."""
