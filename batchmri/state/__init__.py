"""state.db: what was seen and what was found, the only memory of batchmri."""
