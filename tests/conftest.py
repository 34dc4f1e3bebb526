import logging
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

# `pytest -n` runs one process per core. Threads of torch spin while they wait for each other, so
# with more of them, tests of networks take several times as long. This must be set before torch is
# imported; processes that tests start inherit it.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# The same examples in each run, so that a failure can be repeated. Machines may be slow.
settings.register_profile("everyday", deadline=None, derandomize=True)
settings.register_profile("random", deadline=None)
settings.load_profile("everyday")


@pytest.fixture(autouse=True)
def restored_signals() -> Iterator[None]:
    """Restore the signal handlers, which commands replace if a test calls them in this process."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture(autouse=True)
def restored_logger() -> Iterator[None]:
    """Restore the logger, which a console or a training sets up to write to stderr."""
    loggers = [logging.getLogger(name) for name in ("", "batchmri")]
    before = [(list(logger.handlers), logger.level) for logger in loggers]
    yield
    for logger, (handlers, level) in zip(loggers, before, strict=True):
        logger.handlers[:] = handlers
        logger.setLevel(level)


@pytest.fixture(scope="session", autouse=True)
def network_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep converted networks in a temporary folder instead of the user's cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real data that is not in the repository; tests that need it are skipped without it."""
    folder = Path(__file__).resolve().parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("needs ../shared/data, which is not here")
    return folder
