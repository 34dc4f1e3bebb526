"""The report in a real browser: headless Chromium, from file://."""

import csv
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.outputs.html.make import study, write

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed"),
    pytest.mark.slow,
]
TIMEOUT_MS = 120_000  # the first start of a browser on a busy machine


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> str:
    output = tmp_path_factory.mktemp("out")
    chances = [(n, 0.99 if n % 3 == 0 else 0.05 + n / 100) for n in range(40)]
    studies = [study(n, p, output=output, ood=1.7 if n == 39 else 0.3) for n, p in chances]
    return write(output, studies).as_uri()


@pytest.fixture(scope="module")
def browser() -> Iterator["sync_api.Browser"]:
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def page(browser: "sync_api.Browser") -> Iterator["sync_api.Page"]:
    """A page that fails the test on a message in the console or on a request that is not a file."""
    page = browser.new_page(viewport={"width": 1400, "height": 900})
    page.set_default_timeout(TIMEOUT_MS)
    wrong: list[str] = []
    page.on("console", lambda message: wrong.append(message.text))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("requestfailed", lambda request: wrong.append(f"failed: {request.url}"))
    page.on(
        "request",
        lambda r: None if r.url.startswith(("file:", "data:", "blob:")) else wrong.append(r.url),
    )
    yield page
    page.close()
    assert wrong == []


def shown(page: "sync_api.Page") -> str:
    return page.text_content("#shown:not(:empty)")  # waits for the script of a new page


def first_study(page: "sync_api.Page") -> str:
    return page.text_content("#studies tbody tr:first-child td.source")


def test_sort_filter_search_and_the_address(page: "sync_api.Page", index: str) -> None:
    page.goto(index)
    assert shown(page) == "all 40"
    page.click("#studies th:has-text('p_tumor')")
    assert first_study(page) in {f"root/study-{n}/t1" for n in range(0, 40, 3)}
    page.click("button.bar[data-value=notumor]")
    assert shown(page) == "14 of 40"  # 0.05 + n / 100 of at most 0.261
    assert page.get_attribute("button.bar[data-value=notumor]", "aria-pressed") == "true"
    page.fill("input[name=q]", "study-10")
    assert shown(page) == "1 of 40"
    assert first_study(page) == "root/study-10/t1"
    address = page.url
    assert "verdict=notumor" in address and "q=study-10" in address and "sort=p_tumor" in address
    page.click("#clear")
    assert shown(page) == "all 40"
    page.goto("about:blank")
    page.goto(address)
    assert shown(page) == "1 of 40" and first_study(page) == "root/study-10/t1"


def test_the_deep_link_of_a_page_and_csv_of_the_filtered_rows(
    page: "sync_api.Page", index: str, tmp_path: Path
) -> None:
    page.goto(f"{index}#page=2")
    assert page.locator("#studies tbody tr").count() == 15
    page.select_option("select[name=flag]", "gap")
    assert shown(page) == "14 of 40"
    with page.expect_download() as download:
        page.click("#csv")
    download.value.save_as(tmp_path / "rows.csv")
    rows = list(csv.DictReader((tmp_path / "rows.csv").open()))
    assert len(rows) == 14
    assert all("gap" in row["flags"].split(";") for row in rows)
    assert rows[0]["study_uid"].startswith("1.2.")
    assert {row["source"] for row in rows} >= {"root/study-0/t1", "root/study-39/t1"}


def test_a_code_that_is_a_flag_and_a_reason_has_the_words_of_each(
    page: "sync_api.Page", index: str
) -> None:
    page.goto(index)
    assert shown(page) == "all 40"
    for select, words in (("flag", "unlike"), ("reason", "looks unlike")):
        option = page.locator(f"select[name={select}] option[value=out_of_distribution]")
        assert option.text_content() == f"{words} the training images (1)"
    page.select_option("select[name=flag]", "out_of_distribution")
    assert shown(page) == "1 of 40"
    row = "#studies tbody tr:first-child"
    assert page.text_content(f"{row} td.why") == "looks unlike the training images"
    assert "unlike the training images" in page.text_content(f"{row} td.flags").split("; ")


def test_a_table_that_is_wider_than_the_window_says_so(page: "sync_api.Page", index: str) -> None:
    page.goto(index)
    hint = page.get_by_text("The table has more columns: scroll it to the right →")
    assert shown(page) == "all 40" and hint.is_hidden()
    page.set_viewport_size({"width": 800, "height": 700})
    hint.wait_for(state="visible")
    page.set_viewport_size({"width": 1400, "height": 900})
    hint.wait_for(state="hidden")


def test_a_study_its_slider_and_its_overlay(page: "sync_api.Page", index: str) -> None:
    page.goto(f"{index}#q=study-12")
    page.click("#studies tbody tr:first-child a")
    assert "root/study-12" in page.text_content("h1")
    where = page.locator(".viewer .where")
    assert where.text_content().startswith("slice 3, p_tumor 0.99, deciding")
    page.focus(".slider")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    assert where.text_content() == "slice 6, p_tumor 0.99"
    heat = page.locator(".viewer .heat")
    assert heat.is_visible()
    page.uncheck(".overlay")
    assert not heat.is_visible()
    page.check(".overlay")
    page.locator(".opacity").fill("20")
    assert heat.evaluate("(element) => element.style.opacity") == "0.2"
    page.click(
        ".curve svg",
        position={"x": 41 * page.locator(".curve svg").bounding_box()["width"] / 640, "y": 60},
    )
    assert where.text_content().startswith("slice 1, ")
    page.click("#back")
    assert shown(page) == "1 of 40"


def test_the_heat_map_lies_over_the_slice(page: "sync_api.Page", index: str) -> None:
    """The hot cell is the second row and fourth column of 5 × 5, in a square around the box."""
    page.goto(index.replace("index.html", "studies/") + study_page(12))
    viewer = page.locator(".viewer .slice").bounding_box()
    heat = page.locator(".viewer .heat").bounding_box()
    # A box of 40 × 50 at (4, 6) in a slice of 48 × 64; the square spans 50.
    scale = viewer["width"] / 48
    assert heat["width"] == pytest.approx(50 * scale, abs=1)
    assert heat["x"] - viewer["x"] == pytest.approx((4 + 20 - 25) * scale, abs=1)
    assert heat["y"] - viewer["y"] == pytest.approx(6 * scale, abs=1)


def study_page(number: int) -> str:
    from batchmri.outputs.paths import study_path

    return f"{study_path(f'1.2.{number}')}.html"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(page: "sync_api.Page", index: str, scheme: str) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    page.emulate_media(color_scheme=scheme)
    for address in (index, index.replace("index.html", "studies/") + study_page(12)):
        page.goto(address)
        found = axe.run(page, options={"preload": False}).response["violations"]
        serious = [v for v in found if v["impact"] in ("serious", "critical")]
        assert [(v["id"], v["nodes"][0]["html"]) for v in serious] == []
