"""Verdicts of slices, series and studies: pure functions, described in docs/verdict.md."""
