"""Synthetic images: tumors removed or transplanted, and controls with the same edit."""
