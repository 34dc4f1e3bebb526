"""state.db: what was seen and what was found, the only memory of batchmri."""

from batchmri.state.changes import Change
from batchmri.state.series import Trouble
from batchmri.state.store import Store
from batchmri.state.studies import ToldStudy

__all__ = ["Change", "Store", "ToldStudy", "Trouble"]
