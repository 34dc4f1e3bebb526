"""Engines do the work of a scan: they read headers and classify series."""
