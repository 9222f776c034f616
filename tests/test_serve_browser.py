"""The page of `blemore serve` in a browser that reaches the loopback alone."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import predict_study
import pytest
from chromium import WIDER, By, chromium, needed, show
from selenium.common.exceptions import TimeoutException
from selenium.webdriver.support.wait import WebDriverWait

from blemore import Bundle

pytestmark = [needed, pytest.mark.slow]
LOOPBACK_ONLY = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
CAMERA = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")
PATIENCE = 60
"""s for a job on a busy machine."""


@pytest.fixture(scope="module")
def study(made_once) -> Path:
    return made_once("predict_study", predict_study.make_with_bundle)


@pytest.fixture(scope="module")
def held(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of temporary files of the server."""
    return tmp_path_factory.mktemp("held")


@pytest.fixture(scope="module")
def address(study: Path, held: Path) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "blemore.cli", "serve", "--bundle", str(study / "bundle"), "--port", str(port)]
    environment = {**os.environ, "TMPDIR": str(held)}
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as server:
        lines = iter(server.stderr.readline, "")
        assert next(line for line in lines if "http" in line).startswith(f"http://127.0.0.1:{port}"), "".join(lines)
        yield f"http://127.0.0.1:{port}"
        server.send_signal(signal.SIGTERM)
        assert "Traceback" not in server.stderr.read()
    assert server.returncode == 0
    assert list(held.iterdir()) == []


@pytest.fixture(scope="module")
def chrome(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with chromium(tmp_path_factory.mktemp("profile"), LOOPBACK_ONLY, *CAMERA) as driver:
        yield driver


@pytest.fixture
def browser(chrome: Any, address: str) -> Iterator[Any]:
    """The page, opened afresh; in the end nothing was said on its console, and nothing but the loopback was asked."""
    chrome.get_log("browser"), chrome.get_log("performance")
    show(chrome, address)
    WebDriverWait(chrome, 10).until(lambda page: "persons" in page.find_element(By.ID, "study").text)
    yield chrome
    assert chrome.get_log("browser") == []
    events = [json.loads(entry["message"])["message"] for entry in chrome.get_log("performance")]
    asked = {one["params"]["request"]["url"] for one in events if one["method"] == "Network.requestWillBeSent"}
    assert {url for url in asked if not url.startswith((f"{address}/", "data:", "about:"))} == set()


def clips_of(study: Path) -> list[Path]:
    return sorted((study / "raw").glob("test_*.mov"))


def judge(browser: Any, *clips: Path) -> None:
    browser.find_element(By.ID, "files").send_keys("\n".join(map(str, clips)))
    browser.find_element(By.ID, "judge").click()


def states(browser: Any) -> list[str]:
    """Of the requests, the newest first."""
    return [one.text for one in browser.find_elements(By.CSS_SELECTOR, ".job .state")]


KEEP_STATES = """
window.seen = [];
const keep = () => seen.push([...document.querySelectorAll(".job .state")].map(one => one.textContent));
new MutationObserver(keep).observe(document.body, { subtree: true, childList: true, characterData: true });
"""
"""Keeps in `seen` every list of states that the page shows."""


def wait_for(browser: Any, *wanted: str) -> None:
    def met(page: Any) -> bool:
        found = states(page)
        return len(found) == len(wanted) and all(map(str.startswith, found, wanted))

    try:
        WebDriverWait(browser, PATIENCE, 0.05).until(met)
    except TimeoutException:
        pytest.fail(f"{wanted} was awaited, found {states(browser)}")


def clips_shown(browser: Any) -> list[Any]:
    return browser.find_elements(By.CSS_SELECTOR, ".clip")


@pytest.mark.parametrize("width", [1280, 390])
def test_a_clip_is_answered_beside_a_broken_one_and_the_page_fits_a_desk_and_a_phone(
    browser: Any, address: str, study: Path, held: Path, tmp_path: Path, width: int
) -> None:
    show(browser, address, width)
    good = clips_of(study)[0]
    (tmp_path / "broken.mov").write_bytes(good.read_bytes()[:2000])
    judge(browser, good, tmp_path / "broken.mov")
    wait_for(browser, "Done")
    first, second = clips_shown(browser)
    expected = Bundle.load(study / "bundle").predict([good]).answers[0]
    assert str(expected.decision) in first.text
    shares = [one.text for one in first.find_elements(By.CSS_SELECTOR, ".bars dd") if one.text]
    assert shares == [f"{share:.2f}" for share in expected.probabilities.values()]
    assert len(first.find_elements(By.CSS_SELECTOR, ".pictures img")) == 4
    first.find_element(By.TAG_NAME, "summary").click()
    assert "face_geometry" in first.find_element(By.TAG_NAME, "table").text
    assert "broken.mov" in second.text
    assert "No answer: " in second.text
    assert browser.execute_script(WIDER) == []
    assert list(held.iterdir()) == []


def test_a_cancelled_request_ends_at_once_leaves_no_file_and_the_next_one_is_answered(
    browser: Any, study: Path, held: Path
) -> None:
    judge(browser, *clips_of(study))
    wait_for(browser, "Judging")
    browser.find_element(By.CSS_SELECTOR, ".job button").click()
    wait_for(browser, "Cancelled")
    assert WebDriverWait(browser, 10).until(lambda _: not list(held.iterdir()))
    judge(browser, clips_of(study)[1])
    wait_for(browser, "Done", "Cancelled")


def test_of_two_at_once_the_second_waits_and_both_are_answered(browser: Any, study: Path) -> None:
    browser.execute_script(KEEP_STATES)  # a second of work is over before a busy machine asks
    judge(browser, clips_of(study)[0])
    judge(browser, clips_of(study)[1])
    wait_for(browser, "Done", "Done")
    seen = [found for found in browser.execute_script("return seen") if len(found) == 2]
    assert any(one.startswith("Waiting: 1 before it") and two.startswith("Judging") for one, two in seen)
    assert [one.find_element(By.TAG_NAME, "h4").text.partition(",")[0] for one in clips_shown(browser)] == [
        "test_0013.mov", "test_0012.mov",
    ]  # fmt: skip


def test_a_recording_of_the_camera_is_judged_and_what_is_odd_about_it_said(browser: Any) -> None:
    button = browser.find_element(By.ID, "record")
    button.click()
    WebDriverWait(browser, 10).until(lambda page: page.find_element(By.ID, "clock").text.startswith("2 s"))
    button.click()
    WebDriverWait(browser, 10).until(lambda page: page.find_element(By.ID, "judge").is_enabled())
    assert button.text == "Record with the camera"
    browser.find_element(By.ID, "judge").click()
    wait_for(browser, "Done")
    (clip,) = clips_shown(browser)
    assert "recording 1" in clip.text
    assert "no face" in clip.find_element(By.CSS_SELECTOR, ".remarks").text  # Chromium's camera shows a disc, and beeps


def test_ten_clips_of_one_person_get_the_correction_beside_each_clip_s_own_answer(browser: Any, study: Path) -> None:
    clips = sorted((study / "raw").glob("*.mov"))[:10]
    assert not browser.find_element(By.ID, "one-person").is_enabled()
    browser.find_element(By.ID, "files").send_keys("\n".join(map(str, clips)))
    browser.find_element(By.ID, "one-person").click()
    browser.find_element(By.ID, "judge").click()
    wait_for(browser, "Done")
    assert "assumes that all 10 clips show this one person" in browser.find_element(By.CSS_SELECTOR, ".notes").text
    found = Bundle.load(study / "bundle").predict(clips, person="this person", schedule="balanced").answers
    for one, expected in zip(clips_shown(browser), found, strict=True):
        said = [part.text for part in one.find_elements(By.CSS_SELECTOR, ".answer")]
        assert said == [str(expected.decision), str(expected.corrected)]


def test_more_than_the_limit_is_said_before_it_is_sent(browser: Any, study: Path) -> None:
    browser.execute_script("about.limits.bytes = 1000")
    browser.find_element(By.ID, "files").send_keys(str(clips_of(study)[0]))
    assert "0.0 MB at once are allowed" in browser.find_element(By.ID, "form-fault").text
    assert not browser.find_element(By.ID, "judge").is_enabled()
