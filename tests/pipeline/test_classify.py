"""Classification of series by the process that runs the network."""

import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from batchmri.pipeline.classify import SeriesClassifier
from batchmri.pipeline.engines.base import EngineContext
from batchmri.pipeline.run.shutdown import Shutdown
from batchmri.settings import Settings
from tests.nights.driver import Arithmetic


def test_the_network_is_loaded_while_the_first_slices_are_decoded(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    loading = threading.Event()

    class Model(SimpleNamespace):
        @property
        def backend(self) -> Arithmetic:
            loading.set()
            return Arithmetic(8)

    def decode(*_: Any, **__: Any) -> Iterator[Any]:
        assert loading.wait(10)
        yield from ()

    monkeypatch.setattr("batchmri.pipeline.classify.load", decode)
    model: Any = Model(card=SimpleNamespace(preparation={"size": 64}))
    pool: Any = SimpleNamespace(processes=1)
    context = EngineContext(Settings(), Shutdown(), tmp_path)
    assert list(SeriesClassifier(pool, model, context).classify(())) == []
