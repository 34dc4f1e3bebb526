"""Connecting to a Ray cluster, or starting one on this machine."""

import os
import secrets
import shutil
import signal
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from batchmri.errors import UsageError
from batchmri.interrupts import SIGNALS
from batchmri.settings.engine import EngineSettings

_OBJECT_STORE_BYTES = 100 << 20
# Ray reads this when it is imported, and then sends no usage statistics.
_QUIET = {"RAY_USAGE_STATS_ENABLED": "0"}
# The processes of a cluster on this machine listen on the loopback interface only, despite the name
# of this variable.
_LOOPBACK = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}
# Workers have the priority of the scan; Ray would give them a lower one.
_PRIORITY = {"RAY_worker_niceness": "0"}


def connect(settings: EngineSettings) -> tuple[Any, Callable[[], None]]:
    """Connect to the cluster at `ray_address`, or start one on this machine.

    Returns the module `ray`, and a function that ends the actors and a started cluster. Raises
    UsageError if Ray is not installed or the cluster cannot be reached.
    """
    address = settings.ray_address
    os.environ.update(_QUIET)
    if not address:
        os.environ.update(_LOOPBACK | _PRIORITY)
        _require_token()
    with _kept_signals():
        try:
            import ray
        except ImportError:
            raise UsageError(
                "--engine ray needs the extra ray; install it with: pip install 'batchmri[ray]'"
            ) from None
        common: dict[str, Any] = {"log_to_driver": False, "logging_level": "error"}
        if address:
            try:
                ray.init(address=address, **common)
            except (ConnectionError, ValueError, RuntimeError) as error:
                first = str(error).partition("\n")[0]
                raise UsageError(f"--ray-address {address}: {first}") from None
            return ray, ray.shutdown
        folder = tempfile.mkdtemp(prefix="batchmri-", dir="/tmp")  # paths of sockets are short
        n_actors = 1 if settings.actors == "auto" else settings.actors
        ray.init(
            address="local",
            num_cpus=max(n_actors, len(os.sched_getaffinity(0))),
            include_dashboard=False,
            object_store_memory=_OBJECT_STORE_BYTES,
            _temp_dir=folder,
            **common,
        )

    def close() -> None:
        ray.shutdown()
        shutil.rmtree(folder, ignore_errors=True)

    return ray, close


def _require_token() -> None:
    """Let only this process use the cluster; Ray would save a token in the home folder."""
    if "RAY_AUTH_MODE" not in os.environ:
        os.environ["RAY_AUTH_MODE"] = "token"
        os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))


@contextmanager
def _kept_signals() -> Iterator[None]:
    """Keep the signal handlers of this process, which Ray would replace."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
