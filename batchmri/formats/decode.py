"""Decode one file in a worker process: without torch and MONAI, and never raising for bad files."""

from collections.abc import Sequence

from batchmri.formats.decode_task import Decoded, DecodeTask, Refusal, Refused
from batchmri.formats.quiet import quiet
from batchmri.formats.registry import readers
from batchmri.reasons import Reason

__all__ = ["DecodeTask", "Decoded", "Refusal", "decode", "decode_many"]


def decode(task: DecodeTask) -> Decoded:
    """Decode the requested frames. No content of a file makes this function raise."""
    try:
        with quiet():
            return readers()[task.format].read_pixels(task)
    except Refused as refused:
        refusal = refused.refusal
    except OSError as error:
        refusal = Refusal(Reason.IO_ERROR, error.strerror or "it could not be read")
    except MemoryError:
        refusal = Refusal(Reason.OUT_OF_MEMORY)
    except RecursionError:
        refusal = Refusal(Reason.BAD_PIXELS, "sequences in its header are nested too deeply")
    except Exception as error:
        # pydicom and nibabel raise all kinds of exceptions for damaged files. Only the name of the
        # exception is reported: its text may contain header values.
        refusal = Refusal(Reason.BAD_PIXELS, f"the reader failed on it ({type(error).__name__})")
    return Decoded((refusal,) * len(task.frames), refusal)


def decode_many(tasks: Sequence[DecodeTask]) -> list[Decoded]:
    """Decode several files; results are in the order of `tasks`."""
    return [decode(task) for task in tasks]
