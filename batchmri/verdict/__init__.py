"""Verdicts of slices, series and studies as pure functions; see docs/verdict.md."""
