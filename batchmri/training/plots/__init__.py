"""The figures of a training: its pictures, their brain boxes, its augmentations, its curves."""
