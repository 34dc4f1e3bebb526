import re
from pathlib import Path

from batchmri.flags import FLAG_WORDS, in_words

DOCS = Path(__file__).parents[1] / "docs"


def test_every_documented_flag_has_words() -> None:
    documented: set[str] = set()
    for page in ("verdict.md", "archive.md"):
        table = (DOCS / page).read_text().partition("| flag | meaning |")[2].partition("\n\n")[0]
        documented |= set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE))
    assert documented == set(FLAG_WORDS)


def test_an_unknown_flag_is_readable() -> None:
    assert in_words("some_new_flag") == "some new flag"
