"""Outputs: tables, pictures, the data package, metrics and the console."""
