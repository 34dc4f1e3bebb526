"""Other engines give the same results as the engine `local`."""

from collections.abc import Callable
from pathlib import Path

import pytest

from batchmri.errors import SettingsError, UsageError
from batchmri.extensions import ENGINES
from batchmri.pipeline.commands.dry_run import dry_run
from batchmri.pipeline.scan import scan
from batchmri.settings import Settings
from tests.pipeline.builders import changed, instance, save, write_series
from tests.pipeline.outputs import contents


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    root = tmp_path / "archive"
    write_series(root / "a", "a", "one")
    write_series(root / "a", "a", "two")
    save(instance("a", "one", 6, PixelData=b"\0" * 100), root / "a" / "cut")
    (root / "notes.txt").write_text("no image")
    return root


def test_an_engine_of_another_package_gives_the_same_bytes(
    archive: Path,
    tmp_path: Path,
    settings: Settings,
    install: Callable[[str], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    local = scan([archive], out=tmp_path / "local", settings=settings)
    assert contents(tmp_path / "local")["slices.csv"].count(b"\n") > 12
    install("serial_engine")
    monkeypatch.setattr("batchmri.pipeline.engines.worker_pool.WorkerPool.__init__", None)
    serial = changed(settings, "engine", name="serial")
    assert scan([archive], out=tmp_path / "serial", settings=serial).totals == local.totals
    assert contents(tmp_path / "serial") == contents(tmp_path / "local")
    dry_run([archive], settings=serial)


def test_an_unknown_engine_is_a_settings_error() -> None:
    assert ENGINES.names() == ("local", "ray")
    with pytest.raises(SettingsError, match="'spark' is not allowed; expected local, ray, or"):
        Settings.load(engine={"name": "spark"})


def test_a_package_that_cannot_be_imported_is_named(
    tmp_path: Path, settings: Settings, install: Callable[[str], None]
) -> None:
    install("serial_engine")
    (tmp_path / "packages" / "serial_engine.py").write_text("import nowhere_to_be_found")
    broken = changed(settings, "engine", name="serial")
    write_series(tmp_path / "archive")
    with pytest.raises(UsageError, match=r"serial_engine:SerialEngine.*repair or uninstall"):
        scan([tmp_path / "archive"], out=tmp_path / "out", settings=broken)
