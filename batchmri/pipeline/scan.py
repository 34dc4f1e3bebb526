"""The main job: folders in, tables and pictures out."""

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from batchmri.errors import OutputError, StateError, UsageError
from batchmri.pipeline.export import Totals, export
from batchmri.pipeline.index import index
from batchmri.pipeline.interrupt import Interrupt
from batchmri.pipeline.judge import judge_series
from batchmri.pipeline.lock import hold
from batchmri.pipeline.made_with import MadeWith, check_made_with
from batchmri.pipeline.model import Model, describe_model, load_model
from batchmri.pipeline.plan import plan, waiting
from batchmri.pipeline.roots import find_roots
from batchmri.pipeline.run import Run
from batchmri.pipeline.stopwatch import Stopwatch
from batchmri.pipeline.workers import WorkerPool
