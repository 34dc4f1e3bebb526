"""Training and evaluation of the shipped weights: tables, trainings, calibration, comparison."""
