"""The report page in a browser: its tabs work by mouse and by keyboard, it fits a phone, prints whole, and asks for nothing."""

import csv
import io
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from chromium import CUT, SIZES, SMALL, WIDER, By, Keys, chromium, needed, printed_pages, show
from report_study import without_new_blocks, write_study

from blemore.report.page import SECTIONS, build

pytestmark = [needed, pytest.mark.slow]
NAMES = list(SECTIONS)


@pytest.fixture(scope="module")
def pages(report_of, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Addresses of the page of a complete study, of one without the new blocks, and of one with real persons."""
    root = tmp_path_factory.mktemp("pages")
    study, full = report_of("demo")
    real = write_study(root, dataset="blemore", persons=12)
    found = {}
    for name, text in {"full": full, "bare": build(**without_new_blocks(study)), "real": build(**real)}.items():
        path = root / f"{name}.html"
        path.write_text(text)
        found[name] = path.as_uri()
    return found


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with chromium(tmp_path_factory.mktemp("profile")) as driver:
        yield driver


def visible(browser: Any) -> list[str]:
    parts = browser.find_elements(By.CSS_SELECTOR, "section.part")
    return [part.get_attribute("id") for part in parts if part.is_displayed()]


def selected(browser: Any) -> list[str]:
    return [
        tab.get_attribute("id") for tab in browser.find_elements(By.CSS_SELECTOR, '[role=tab][aria-selected="true"]')
    ]


@pytest.mark.parametrize("name", ["full", "bare", "real"])
def test_the_page_opens_without_an_error_and_asks_the_network_for_nothing(
    browser: Any, pages: dict[str, str], name: str
) -> None:
    browser.get_log("browser"), browser.get_log("performance")
    show(browser, pages[name])
    for part in NAMES:
        browser.find_element(By.ID, f"tab-{part}").click()
    assert browser.get_log("browser") == []
    events = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    asked = {one["params"]["request"]["url"] for one in events if one["method"] == "Network.requestWillBeSent"}
    assert {url for url in asked if not url.startswith(("data:", "about:"))} == {pages[name]}


def test_a_script_that_broke_into_the_page_does_not_run_and_ours_does(
    browser: Any, pages: dict[str, str], tmp_path: Path
) -> None:
    text = Path(pages["full"].removeprefix("file://")).read_text()
    foreign = "<script>document.title = 'broken in'</script><img src='data:,' onerror=\"document.title = 'broken in'\">"
    (tmp_path / "broken.html").write_text(
        text.replace("<main", f"{foreign}<style>main {{display: none}}</style><main", 1)
    )
    browser.get_log("browser")
    show(browser, (tmp_path / "broken.html").as_uri())
    assert browser.title == "Blended emotions: Blends 7, seen twice"
    assert visible(browser) == ["overview"]
    refused = [entry["message"] for entry in browser.get_log("browser")]
    assert len(refused) == 3
    assert all("Content Security Policy" in message for message in refused)


SAVED = """
const done = arguments[0], blobs = [], names = [], made = URL.createObjectURL, clicked = HTMLAnchorElement.prototype.click;
URL.createObjectURL = blob => { blobs.push(blob); return "blob:none"; };
HTMLAnchorElement.prototype.click = function () { names.push(this.download); };
document.querySelectorAll(".get button").forEach(one => one.click());
URL.createObjectURL = made;
HTMLAnchorElement.prototype.click = clicked;
Promise.all(blobs.map(one => one.text())).then(texts => done(names.map((name, k) => [name, texts[k]])));
"""
"""What each button of the page would save: its name and text."""
TABLES = """return [...document.querySelectorAll("main table")].map(table =>
    [...table.querySelectorAll("tbody td:not(.plot) data")].map(one => one.value))"""


@pytest.fixture(scope="module")
def saved(browser: Any, pages: dict[str, str]) -> dict[str, str]:
    show(browser, pages["full"])
    found = browser.execute_async_script(SAVED)
    assert len(dict(found)) == len(found), "two files of one name"
    return dict(found)


def test_every_table_can_be_saved_as_csv_with_all_its_numbers_in_full(
    browser: Any, pages: dict[str, str], saved: dict[str, str]
) -> None:
    show(browser, pages["full"])
    tables = browser.execute_script(TABLES)
    texts = [text for name, text in saved.items() if name.endswith(".csv")]
    assert len(tables) == len(texts) > 20
    for numbers, text in zip(tables, texts, strict=True):
        rows = list(csv.reader(io.StringIO(text)))
        assert len({len(row) for row in rows}) == 1, rows[0]
        assert len(set(rows[0])) == len(rows[0])
        cells = [part for row in rows[1:] for cell in row for part in cell.split("; ")]
        assert [one for one in numbers if one not in cells] == []


def test_the_table_of_encoders_is_saved_with_the_numbers_of_encoders_csv(report_of, saved: dict[str, str]) -> None:
    study, _ = report_of("demo")
    with open(study["encoders"], newline="") as file:
        kept = {row["encoder"]: row for row in csv.DictReader(file)}
    rows = {row["code name"]: row for row in csv.DictReader(io.StringIO(saved["encoders-table-of-encoders.csv"]))}
    assert set(rows) == set(kept)
    columns = {"Score": "score", "Score low": "score_low", "Score high": "score_high", "weight": "fusion_weight"}
    for name, row in rows.items():
        for column, key in columns.items():
            assert float(row[column]) == float(kept[name][key])


def test_every_figure_can_be_saved_as_an_svg_that_needs_no_style_sheet(browser: Any, saved: dict[str, str]) -> None:
    figures = {name: text for name, text in saved.items() if name.endswith(".svg")}
    assert len(figures) == len(browser.find_elements(By.CSS_SELECTOR, "main svg.drawing")) >= 4
    for text in figures.values():
        assert ElementTree.fromstring(text).tag == "{http://www.w3.org/2000/svg}svg"
        assert "var(" not in text
        assert "class=" not in text


def test_a_click_saves_the_file_and_a_whole_csv_byte_for_byte(
    browser: Any, pages: dict[str, str], report_of, tmp_path: Path
) -> None:
    browser.execute_cdp_cmd("Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(tmp_path)})
    show(browser, f"{pages['full']}#encoders")
    for what in ("#encoders a.file", "#encoders .get button"):
        browser.execute_script(
            "arguments[0].scrollIntoView({block: 'center'})", browser.find_element(By.CSS_SELECTOR, what)
        )
        browser.find_element(By.CSS_SELECTOR, what).click()
    until = time.monotonic() + 20
    while {one.suffix for one in tmp_path.iterdir()} != {".csv"} or len([*tmp_path.iterdir()]) < 2:
        assert time.monotonic() < until, "nothing was saved"
        time.sleep(0.05)
    assert (tmp_path / "encoders.csv").read_bytes() == Path(report_of("demo")[0]["encoders"]).read_bytes()
    assert "ACC_presence low" in (tmp_path / "encoders-acc-presence.csv").read_text()


def test_each_tab_opens_its_part_by_a_click(browser: Any, pages: dict[str, str]) -> None:
    show(browser, pages["full"])
    assert visible(browser) == ["overview"]
    for name in reversed(NAMES):
        browser.find_element(By.ID, f"tab-{name}").click()
        assert visible(browser) == [name]
        assert selected(browser) == [f"tab-{name}"]
        assert browser.current_url.endswith(f"#{name}")
        assert len(browser.find_element(By.ID, name).text) > 200


def test_tabs_are_walked_with_the_keyboard(browser: Any, pages: dict[str, str]) -> None:
    show(browser, pages["full"])
    browser.find_element(By.ID, "tab-overview").send_keys(Keys.ARROW_RIGHT)
    for name in NAMES[1:]:
        assert visible(browser) == [name]
        assert browser.switch_to.active_element.get_attribute("id") == f"tab-{name}"
        browser.switch_to.active_element.send_keys(Keys.ARROW_RIGHT)
    assert visible(browser) == [NAMES[0]]  # from the last on to the first
    browser.switch_to.active_element.send_keys(Keys.END)
    assert visible(browser) == [NAMES[-1]]
    browser.switch_to.active_element.send_keys(Keys.ARROW_LEFT)
    assert visible(browser) == [NAMES[-2]]
    browser.switch_to.active_element.send_keys(Keys.HOME)
    assert visible(browser) == [NAMES[0]]


def test_the_tab_key_leads_from_the_tabs_into_the_open_part(browser: Any, pages: dict[str, str]) -> None:
    show(browser, pages["full"])
    browser.find_element(By.ID, "tab-overview").send_keys(Keys.END)
    browser.switch_to.active_element.send_keys(Keys.TAB)
    inside = "return document.activeElement.closest('section')?.id"
    assert browser.execute_script(inside) == NAMES[-1]


@pytest.mark.parametrize("name", NAMES)
def test_an_address_with_a_hash_opens_that_part_below_the_banner(
    browser: Any, pages: dict[str, str], name: str
) -> None:
    show(browser, f"{pages['full']}#{name}")
    assert visible(browser) == [name]
    assert browser.execute_script("return window.scrollY") == 0


def test_tabs_tell_what_they_are(browser: Any, pages: dict[str, str]) -> None:
    show(browser, pages["full"])
    assert browser.find_element(By.CSS_SELECTOR, "[role=tablist]").is_displayed()
    tabs = browser.find_elements(By.CSS_SELECTOR, "[role=tablist] [role=tab]")
    assert [tab.get_attribute("aria-controls") for tab in tabs] == NAMES
    assert [tab.get_attribute("tabindex") for tab in tabs] == ["0"] + ["-1"] * (len(NAMES) - 1)
    panels = browser.find_elements(By.CSS_SELECTOR, "[role=tabpanel]")
    assert [panel.get_attribute("aria-labelledby") for panel in panels] == [f"tab-{name}" for name in NAMES]


@pytest.mark.parametrize("page", ["full", "bare", "real"])
@pytest.mark.parametrize("width", SIZES)
def test_nothing_is_wider_than_the_window_and_every_picture_loads(
    browser: Any, pages: dict[str, str], page: str, width: int
) -> None:
    show(browser, pages[page], width)
    for name in NAMES:
        browser.execute_script("location.hash = arguments[0]", name)
        assert visible(browser) == [name]
        browser.execute_script("document.querySelectorAll('details').forEach(fold => fold.open = true)")
        assert browser.execute_script("return document.documentElement.scrollWidth") <= width, name
        assert browser.execute_script(WIDER) == [], name
    pictures = "return [...document.images].map(one => one.complete && one.naturalWidth > 0)"
    loaded = browser.execute_script(pictures)
    assert all(loaded)
    assert bool(loaded) == (page != "real")


def test_the_drawings_text_is_large_enough_to_read_on_a_phone(browser: Any, pages: dict[str, str]) -> None:
    show(browser, pages["full"], 390)
    heights = """return [...document.querySelectorAll("section:not([hidden]) svg text")]
        .map(one => parseFloat(getComputedStyle(one).fontSize) * Math.hypot(one.getScreenCTM().a, one.getScreenCTM().b))"""
    for name in ("decoders", "reliability"):
        browser.execute_script("location.hash = arguments[0]", name)
        assert visible(browser) == [name]
        assert min(browser.execute_script(heights)) >= 8.5


BESIDE = """
return [...document.querySelectorAll("section:not([hidden]) .get")].filter(get => get.getClientRects().length)
  .filter(get => {
    const own = get.getBoundingClientRect(), above = get.previousElementSibling.getBoundingClientRect();
    return own.top < above.bottom || own.top > above.bottom + 40 || own.left > above.right;
  }).map(get => get.textContent + " of " + get.previousElementSibling.outerHTML.slice(0, 90));
"""
"""Buttons for a table or figure that do not stand below it."""


@pytest.mark.parametrize("width", SIZES)
def test_each_download_button_stands_below_its_table_or_figure(browser: Any, pages: dict[str, str], width: int) -> None:
    show(browser, pages["full"], width)
    for name in NAMES:
        browser.execute_script("location.hash = arguments[0]", name)
        assert browser.execute_script(BESIDE) == [], name


@pytest.mark.parametrize("width", [1280, 1920])
def test_no_table_is_cut_on_a_desk(browser: Any, pages: dict[str, str], width: int) -> None:
    for page in ("full", "real"):
        show(browser, pages[page], width)
        for name in NAMES:
            browser.execute_script("location.hash = arguments[0]", name)
            browser.execute_script("document.querySelectorAll('details').forEach(fold => fold.open = true)")
            assert browser.execute_script(CUT) == [], name


def test_in_print_all_parts_are_shown_readable_and_no_table_is_cut(browser: Any, pages: dict[str, str]) -> None:
    show(browser, pages["full"])
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    width = {"width": 715, "height": 1040, "deviceScaleFactor": 1, "mobile": False}  # of A4 within its margins
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", width)
    try:
        assert visible(browser) == NAMES
        assert not browser.find_element(By.CSS_SELECTOR, "nav.tabs").is_displayed()
        assert not browser.find_element(By.CSS_SELECTOR, ".get").is_displayed()
        assert browser.execute_script(CUT) == []
        assert browser.execute_script(SMALL) == []
    finally:
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})


def test_what_is_folded_is_left_out_of_print_and_a_sentence_says_where_it_is(
    browser: Any, pages: dict[str, str]
) -> None:
    show(browser, pages["full"])
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    try:
        fold = browser.find_element(By.XPATH, "//details[summary[contains(., 'clip by clip')]]")
        assert not fold.find_element(By.TAG_NAME, "table").is_displayed()
        said = "return getComputedStyle(arguments[0].querySelector('summary'), '::after').content"
        assert "left out of print; the page itself shows it" in browser.execute_script(said, fold)
        browser.execute_script("arguments[0].open = true", fold)  # who opens it has it printed
        assert fold.find_element(By.TAG_NAME, "table").is_displayed()
    finally:
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})


def test_the_report_prints_on_few_pages(browser: Any, pages: dict[str, str]) -> None:
    show(browser, pages["full"])
    assert printed_pages(browser) <= 35


def test_without_scripts_all_parts_are_shown_one_after_another(
    browser: Any, pages: dict[str, str], tmp_path: Path
) -> None:
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        show(browser, pages["full"])
        boxes = [browser.find_element(By.ID, name).rect for name in NAMES]
        tops = [box["y"] for box in boxes]
        assert all(box["height"] > 200 for box in boxes)
        assert tops == sorted(tops)
    finally:
        browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


def test_a_number_that_is_tapped_tells_its_file_and_place(browser: Any, pages: dict[str, str]) -> None:
    show(browser, pages["full"], 390)
    number = browser.find_element(By.CSS_SELECTOR, ".headline .big data")
    number.click()
    told = browser.find_element(By.ID, "source")
    assert told.is_displayed()
    assert told.text == f"{number.get_attribute('value')} in metrics.json at /protocols/nested/acc_presence"
    browser.find_element(By.TAG_NAME, "h1").click()
    assert not told.is_displayed()
