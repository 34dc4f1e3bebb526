"""Figures of a training: images, brain boxes, augmentations and learning curves."""
