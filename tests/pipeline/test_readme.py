"""The Python example in README, run as a plain script without a `__main__` guard."""

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.pipeline.builders import write_series

# Compiling a network takes seconds and does not matter for this test.
PRELUDE = """
open("executed", "a").write("x")
import batchmri.pipeline.run.loaded_model
from tests.nights.driver import Arithmetic
loaded_model = batchmri.pipeline.run.loaded_model
loaded_model.load_checkpoint = lambda _: (None, None, None)
loaded_model.load_backend = lambda network, card, chosen: Arithmetic(chosen.batch_size)
"""
README = Path(__file__).parents[2] / "README.md"


def test_the_snippet_works_as_a_script(tmp_path: Path, random_model: Path) -> None:
    (snippet,) = re.findall(r"^```python\n(.*?)^```", README.read_text(), re.DOTALL | re.MULTILINE)
    (tmp_path / "script.py").write_text(PRELUDE + snippet)
    write_series(tmp_path / "sample_data" / "archive", n=6)
    model = {"BATCHMRI_CLASSIFIER__MODEL": str(random_model)}
    done = subprocess.run(
        [sys.executable, "script.py"],
        cwd=tmp_path,
        env=os.environ | model | {"PYTHONPATH": str(README.parent)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "executed").read_text() == "x", "no worker runs the script again"
    assert (tmp_path / "results" / "studies.csv").read_text().count(",classified,") == 1
    assert "(2, 4, " in done.stdout
