"""The lineage page in a browser: a box opens its records by mouse and by keyboard, on a desk and on a phone, and without
scripts everything is there. Needs Chromium and its driver, as the tests of the report page do."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from chromium import CUT, SIZES, WIDER, By, Keys, chromium, needed, printed_pages, show
from markupsafe import Markup
from page_study import AT, report, write_study

from blemore.audit.page.build import Check, page
from blemore.audit.page.tab import FOLDER, TAB
from blemore.report.page import SECTIONS, build
from joblineage.verdict import Finding, Verdict

pytestmark = [needed, pytest.mark.slow]
FOLD = "encoders, s4d, fold 1"
BAD = Finding(
    Verdict.TAMPERED, "results/encoders/s4d/fold0", "other bytes " * 30, ("gather_folds/finetuned=s4d", "fuse")
)
OVERFLOW = WIDER.replace("section:not([hidden]) *", "main *")


@pytest.fixture(scope="module")
def pages(report_of, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Addresses: a sound study's page, one with a finding, one of real persons, and a report with the tab."""
    root = tmp_path_factory.mktemp("pages")
    made, real = write_study(root / "made").root, write_study(root / "real", dataset="blemore", leak=True).root
    fine = Check(report(), AT)
    inner = {"lineage": Markup(page(made, fine, inside=True)), "fault": None}
    texts = {
        "fine": page(made, fine),
        "bad": page(made, Check(report(BAD), AT)),
        "real": page(real, fine),
        "report": build(**report_of("demo")[0], sections=SECTIONS | TAB, more=inner, folders=[FOLDER]),
    }
    for name, text in texts.items():
        (root / f"{name}.html").write_text(text)
    found = {name: (root / f"{name}.html").as_uri() for name in texts}
    return found | {"report": f"{found['report']}#lineage"}


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with chromium(tmp_path_factory.mktemp("profile")) as driver:
        yield driver


def box(browser: Any, name: str) -> Any:
    """The head of the chain's box of that name."""
    return browser.find_element(By.CSS_SELECTOR, f'.job > summary[title^="{name}:"]')


def click(browser: Any, element: Any) -> None:
    """Click in the middle of the window, where no tab strip lies above it."""
    browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", element)
    element.click()


def shown(browser: Any) -> str:
    """What the chain shows."""
    return browser.find_element(By.CSS_SELECTOR, ".chain").text


@pytest.mark.parametrize("width", SIZES)
@pytest.mark.parametrize("name", ["fine", "report"])
def test_a_click_on_a_box_shows_the_records_of_its_jobs(
    browser: Any, pages: dict[str, str], name: str, width: int
) -> None:
    show(browser, pages[name], width)
    assert "train_fold" not in shown(browser)
    click(browser, box(browser, FOLD))
    assert "train_fold/finetuned=s4d/fold=1" in shown(browser)
    assert "learning_rate" in shown(browser)
    assert "results/encoders/s4d/fold1" in shown(browser)
    click(browser, box(browser, FOLD))
    assert "train_fold" not in shown(browser)
    assert browser.find_element(By.ID, "lineage-all").is_displayed()  # the report's tab stays open


def test_boxes_are_walked_and_opened_with_the_keyboard(browser: Any, pages: dict[str, str]) -> None:
    show(browser, pages["fine"])
    browser.execute_script("arguments[0].focus()", box(browser, "encoders, s4d, fold 0"))
    browser.switch_to.active_element.send_keys(Keys.TAB)
    assert browser.switch_to.active_element.get_attribute("title").startswith(FOLD)
    browser.switch_to.active_element.send_keys(Keys.ENTER)
    assert "train_fold/finetuned=s4d/fold=1" in shown(browser)


@pytest.mark.parametrize("name", ["fine", "bad", "real", "report"])
@pytest.mark.parametrize("width", SIZES)
def test_nothing_is_wider_than_the_window(browser: Any, pages: dict[str, str], name: str, width: int) -> None:
    show(browser, pages[name], width)
    for one in ("data, fetch", "prepare, prepare_shard", FOLD):
        click(browser, box(browser, one))
        browser.execute_script("document.querySelectorAll('.lineage details').forEach(fold => fold.open = true)")
        assert browser.execute_script("return document.documentElement.scrollWidth") <= width
        assert browser.execute_script(OVERFLOW) == []


def test_the_names_of_models_above_the_table_of_persons_can_be_read_on_a_phone(
    browser: Any, pages: dict[str, str]
) -> None:
    show(browser, pages["fine"], 390)
    rights = "return [...document.querySelectorAll('.steps th > span')].map(one => one.getBoundingClientRect().right)"
    found = browser.execute_script(rights)
    assert found
    assert max(found) <= 390


@pytest.mark.parametrize("name", ["fine", "bad", "real", "report"])
def test_the_page_opens_without_an_error_and_asks_the_network_for_nothing(
    browser: Any, pages: dict[str, str], name: str
) -> None:
    browser.get_log("browser"), browser.get_log("performance")
    show(browser, pages[name])
    click(browser, box(browser, FOLD))
    for link in browser.find_elements(By.CSS_SELECTOR, ".answers a"):
        click(browser, link)
    assert browser.get_log("browser") == []
    events = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    asked = {one["params"]["request"]["url"] for one in events if one["method"] == "Network.requestWillBeSent"}
    assert {url for url in asked if not url.startswith(("data:", "about:"))} == {pages[name].split("#")[0]}


@pytest.mark.parametrize("width", SIZES)
def test_the_boxes_of_the_chain_are_large_enough_to_read_and_to_touch(
    browser: Any, pages: dict[str, str], width: int
) -> None:
    show(browser, pages["fine"], width)
    sizes = """return [...document.querySelectorAll(".job > summary")]
        .map(one => [parseFloat(getComputedStyle(one).fontSize), one.getBoundingClientRect().height])"""
    assert all(text >= 12 and height >= 24 for text, height in browser.execute_script(sizes))


def test_without_scripts_the_answers_and_every_record_are_there(
    browser: Any, pages: dict[str, str], tmp_path: Path
) -> None:
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        show(browser, pages["fine"])
        assert "144 training clips" in browser.find_element(By.CSS_SELECTOR, ".answers").text
        assert len(browser.find_elements(By.CSS_SELECTOR, ".chain .record-facts")) == 11
        click(browser, box(browser, FOLD))
        assert "train_fold/finetuned=s4d/fold=1" in shown(browser)
    finally:
        browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


@pytest.mark.parametrize("name", ["fine", "report"])
def test_it_prints_on_few_pages_without_the_records(browser: Any, pages: dict[str, str], name: str) -> None:
    show(browser, pages[name])
    assert browser.execute_script(CUT) == []
    assert printed_pages(browser) <= 35
