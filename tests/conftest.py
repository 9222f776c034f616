"""For every test: how property tests draw their examples, which tests begin, and what is made once for all of them.

Examples are the same ones for the same code, so that one commit has one verdict; `pytest --hypothesis-profile=search` draws
new ones each time, to look for what nobody has thought of; `make campaign PART=fuzz` those of fixed seeds.
"""

import gc
import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import filelock
import pytest
from hypothesis import HealthCheck, settings

NOT_TIMED = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow, HealthCheck.function_scoped_fixture]}

settings.register_profile("same", derandomize=True, **NOT_TIMED)
settings.register_profile("search", print_blob=True, **NOT_TIMED)
settings.register_profile("campaign", print_blob=True, database=None, **NOT_TIMED)
settings.load_profile("same")

gc.set_threshold(20_000, 20, 50)  # to look for garbage took 6 % of the everyday tests' time, and finds little

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # in the background; what tests start would ignore it too
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The slow files first: at the end of a run the short ones keep every worker busy; of these the files that need no
    finished study: one worker makes it, and the other one would wait."""
    needing = {item.path for item in items if "finished" in getattr(item, "fixturenames", ())}
    items.sort(key=lambda item: (item.get_closest_marker("slow") is None, item.path in needing))


@pytest.fixture(autouse=True)
def _same_process(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What runs a workflow in this process sets variables (`variables.OF_A_RUN`) and names Python anew: not for the next test."""
    monkeypatch.setattr(sys, "executable", sys.executable)
    before = dict(os.environ)
    yield
    for name in os.environ.keys() - before.keys():
        del os.environ[name]
    os.environ.update(before)


@pytest.fixture(scope="session")
def made_once(
    tmp_path_factory: pytest.TempPathFactory, worker_id: str
) -> Callable[[str, Callable[[Path], None]], Path]:
    """Have `make(folder)` fill the folder called `name`, once for all of pytest's workers; the folder."""
    top = tmp_path_factory.getbasetemp()
    top = top if worker_id == "master" else top.parent

    def once(name: str, make: Callable[[Path], None]) -> Path:
        with filelock.FileLock(top / f"{name}.lock"):
            folder = top / name
            if not (folder / "done").exists():
                shutil.rmtree(folder, ignore_errors=True)  # of a worker in which it failed
                folder.mkdir()
                make(folder)
                (folder / "done").touch()
        return folder

    return once


@pytest.fixture(scope="session")
def report_of(made_once) -> Callable[[str], tuple[dict[str, Any], str]]:
    """For a data set: what `report.page.build` is given for a made-up study, and the page. Tests change no file of it."""
    from report_study import made, make

    return lambda dataset: made(made_once(f"report_{dataset}", lambda folder: make(folder, dataset)))


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch, report_of: Callable[[str], tuple[dict[str, Any], str]]) -> None:
    """Pages with empty figures, which take nine tenths of the time to make a page: for tests of what else stands there."""
    from markupsafe import Markup

    from blemore.report import page

    for dataset in ("demo", "blemore"):  # whole pages, for the tests that look at figures
        report_of(dataset)

    def drawings(read: Any, views: Any, clips: Any, decided: Any, curves: Any) -> dict[str, Markup]:
        names = ["surface", "outcomes", "confusion", *["curves"] * bool(len(curves))]
        return dict.fromkeys([*names, *["calibration"] * (read["reliability"] is not None)], Markup("<svg></svg>"))

    monkeypatch.setattr(page, "_drawings", drawings)
