"""The model, which maps prepared slices to class maps, features and calibrated probabilities."""
