"""What surrounds the stages of one run: inputs, lock, provenance, reports, shutdown."""
