"""Commands on a finished output, one file each, and their helpers."""
