"""The parts of a run around its stages: inputs, lock, provenance, reports, shutdown."""
