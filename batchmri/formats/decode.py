"""Decoding one file, in a worker process: no torch, no MONAI, and no exception for a bad file."""

import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from batchmri.formats.decode_task import Decoded, DecodeTask, Refusal, Refused
from batchmri.formats.dicom.pixels import read_dicom_pixels
from batchmri.formats.nifti.pixels import read_nifti_pixels
from batchmri.reasons import Reason

__all__ = ["DecodeTask", "Decoded", "Refusal", "decode", "decode_many"]

_READERS = {"dicom": read_dicom_pixels, "nifti": read_nifti_pixels}


def decode(task: DecodeTask) -> Decoded:
    """Decode the frames asked; never raises for what stands in a file."""
    try:
        with _quiet():
            return _READERS[task.format](task)
    except Refused as refused:
        refusal = refused.refusal
    except OSError as error:
        refusal = Refusal(Reason.IO_ERROR, error.strerror or str(error))
    except MemoryError:
        refusal = Refusal(Reason.OUT_OF_MEMORY)
    except RecursionError:
        refusal = Refusal(Reason.BAD_PIXELS, "its header is nested too deeply")
    except Exception as error:
        # pydicom and nibabel raise whatever a damaged byte leads to. The name of the error only:
        # its text may repeat what the header contains.
        refusal = Refusal(Reason.BAD_PIXELS, f"the reader failed on it ({type(error).__name__})")
    return Decoded((refusal,) * len(task.frames), refusal)


def decode_many(tasks: Sequence[DecodeTask]) -> list[Decoded]:
    """Decode several files, in their order."""
    return [decode(task) for task in tasks]


@contextmanager
def _quiet() -> Iterator[None]:
    """pydicom warns and logs tracebacks of what the refusal says in one line."""
    logger = logging.getLogger("pydicom")
    level = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
