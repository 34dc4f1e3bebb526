"""state.db: what was seen and what was found, the only memory of batchmri."""

from batchmri.state.store import Store

__all__ = ["Store"]
