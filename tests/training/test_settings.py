from pathlib import Path

import pytest

from batchmri.errors import SettingsError
from batchmri.training.settings import TrainSettings


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("epoch: 3", "unknown key epoch; did you mean epochs?"),
        ("preparation:\n  siz: 64", "unknown key preparation.siz; did you mean preparation.size?"),
        ("xyzzy: 1", "unknown key xyzzy"),
        ("epochs: many", "epochs: input should be a valid integer"),
        ("- 3", "expected settings such as"),
    ],
)
def test_typos_raise_one_line_with_file_and_similar_key(
    tmp_path: Path, text: str, says: str
) -> None:
    config = tmp_path / "own.yaml"
    config.write_text(text)
    with pytest.raises(SettingsError) as caught:
        TrainSettings.load(config)
    said = str(caught.value)
    assert f"config file {config}: {says}" in said and "\n" not in said
