"""Chromium without a window, for the tests of pages: the driver, windows, and what is too wide for them.

Needs Chromium and its driver (Debian: chromium, chromium-driver); without them these tests are skipped and say so.
"""

import re
import shutil
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
By = pytest.importorskip("selenium.webdriver.common.by").By
Keys = pytest.importorskip("selenium.webdriver.common.keys").Keys
Service = pytest.importorskip("selenium.webdriver.chrome.service").Service

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser")
DRIVER = shutil.which("chromedriver")
needed = pytest.mark.skipif(
    not (BROWSER and DRIVER), reason="no chromium with chromedriver is installed (Debian: chromium, chromium-driver)"
)
OPTIONS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
)  # fmt: skip
SIZES = {390: 844, 1280: 800, 1920: 1080}
"""Width and height, px, of a phone, of a small and of a large desktop."""
WIDER = """
return [...document.querySelectorAll("section:not([hidden]) *, header *, footer *")]
  .filter(one => one.getBoundingClientRect().right > document.documentElement.clientWidth + 1 && !one.closest(".box"))
  .map(one => one.outerHTML.slice(0, 90));
"""


@contextmanager
def chromium(profile: Path, *more: str) -> Iterator[Any]:
    """A driver of Chromium that keeps its files in `profile`; more : further options."""
    options = webdriver.ChromeOptions()
    options.binary_location = BROWSER
    for option in (*OPTIONS, *more, f"--user-data-dir={profile}"):
        options.add_argument(option)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(DRIVER))  # with its path given, nothing is downloaded
    try:
        yield driver
    finally:
        driver.quit()


def show(browser: Any, address: str, width: int = 1280) -> None:
    """Open a page afresh in a window of the given width."""
    about = {"width": width, "height": SIZES[width], "deviceScaleFactor": 1, "mobile": width < 500}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", about)
    browser.get("about:blank")
    browser.get(address)


A4 = {"paperWidth": 8.27, "paperHeight": 11.69}
"""Inches."""
CUT = """
return [...document.querySelectorAll("section:not([hidden]) .box")]
  .filter(one => one.getClientRects().length && one.scrollWidth > one.clientWidth + 1)
  .map(one => one.getAttribute("aria-label"));
"""
"""Boxes whose content is wider than they are."""
SMALL = """
return [...document.querySelectorAll("main p:not(.printed), main li, main dd, .about dd")]
  .filter(one => one.getClientRects().length && one.textContent.trim())
  .filter(one => parseFloat(getComputedStyle(one).fontSize) < 12 - 0.01).map(one => one.outerHTML.slice(0, 90));
"""
"""Text that prints below 9 points, 12 CSS pixels."""


def printed_pages(browser: Any) -> int:
    """Number of A4 pages on which the open page prints."""
    made = browser.execute_cdp_cmd("Page.printToPDF", A4)
    return len(re.findall(rb"/Type\s*/Page\b", b64decode(made["data"])))
