"""A finished study, something that happens to it, and what each of the three commands then says and does.

`make submission` first brings back what DVC's cache has (`blemore recover`); `snakemake submission` and `dvc repro`, typed by
hand, make it again. Either way the bytes are the same and `verify` says OK.
"""

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from .conftest import Study
from .damages import DAMAGES, cut, lost, older
from .test_runners import AFTER_ENCODE
from .trials import OK, says_so

pytestmark = pytest.mark.slow

SOURCE, CLIP = "src/blemore/fusion/simplex.py", "data/demo/train/A901_ang_int4_ver1.mov"
TABLE, DAY = "results/calibration/decisions.parquet", 86400
CHANGED, OTHER, GONE = "changed since they were read", "are not what was made", "result(s) are gone"


def edit(root: Path) -> None:
    (root / SOURCE).open("a").write("# changed\n")


def edited_two_days_ago(root: Path) -> None:
    edit(root)
    os.utime(root / SOURCE, (time.time() - 2 * DAY,) * 2)


def edited_after_a_run_with_a_fast_clock(root: Path) -> None:
    for path in (path for top in ("data", "results") for path in (root / top).rglob("*")):
        os.utime(path, (time.time() + DAY,) * 2)
    edit(root)


STATES: dict[str, tuple[Callable[[Path], None], str, set[str]]] = {
    "a source was edited two days ago": (edited_two_days_ago, CHANGED, {*AFTER_ENCODE}),
    "a source is edited after a run with a fast clock": (
        edited_after_a_run_with_a_fast_clock,
        CHANGED,
        {*AFTER_ENCODE},
    ),
    "a clip is an older one": (lambda root: older(root / CLIP), OTHER, {"demo_actor", "prepare_shard", *AFTER_ENCODE}),
    "the fused weights are lost": (lambda root: lost(root / "results/fusion/weights.json"), GONE, {*AFTER_ENCODE}),
    "a table is cut": (lambda root: cut(root / TABLE), OTHER, {"decide", "score", "write_submission", "write_report"}),
    "a cut table was removed": (lambda root: lost(root / TABLE), GONE, {"decide", "score", "write_submission"}),
    "a record is lost": (DAMAGES["a record is lost"], "no recorded job made", {*AFTER_ENCODE}),
}
"""What happens; what is said of it before a run; some of the jobs that run again."""


@pytest.mark.parametrize("state", STATES)
def test_content_decides_what_runs_again_and_it_is_said_first_why(study: Study, state: str) -> None:
    happens, words, jobs = STATES[state]
    happens(study.folder)
    done = study.run("snakemake", "--dry-run", "submission")
    assert words in done.stdout + done.stderr
    assert jobs <= study.would_run().keys()


COMMANDS = {"make": Study.make, "snakemake": Study.submission, "dvc": Study.repro}


@pytest.mark.parametrize("command", COMMANDS)
def test_after_all_of_it_each_command_alone_makes_the_same_study(finished: Study, study: Study, command: str) -> None:
    for state in ("a source was edited two days ago", "the fused weights are lost", "a table is cut"):
        STATES[state][0](study.folder)
    cut(study.folder / "results/submission/submission.zip")
    DAMAGES["DVC's copy of a result is cut"](study.folder)
    if command != "dvc":  # which cannot begin: see below
        DAMAGES["DVC's list of locks is garbage"](study.folder)
    COMMANDS[command](study)
    assert study.payload() == finished.payload()
    said = says_so(study, OK)
    assert "dvc.lock" not in said
    assert study.would_run() == {}
    assert study.repro() == []


def test_make_goes_on_where_dvc_cannot_begin(finished: Study, study: Study) -> None:
    DAMAGES["DVC's list of locks is garbage"](study.folder)
    assert study.run("dvc", "repro", check=False).returncode
    study.make()
    assert study.repro() == []


def test_a_run_whose_study_dvc_could_not_version_fails_and_says_what_is_kept(finished: Study, study: Study) -> None:
    before = (study.folder / "dvc.lock").read_bytes()
    report = study.folder / "src/blemore/report/scales.py"
    report.write_text(report.read_text() + "# changed\n")
    cache = study.folder / ".dvc/cache/files"
    cache.rename(cache.with_name("kept"))
    cache.touch()  # DVC can keep nothing here
    said = study.run("snakemake", "--cores", "2", "submission", check=False)
    assert said.returncode
    assert (
        "DVC did not version this study (`dvc commit` says why): dvc.lock is of an earlier one"
        in said.stdout + said.stderr
    )
    assert "The study is finished" not in said.stdout + said.stderr
    assert (study.folder / "dvc.lock").read_bytes() == before
    cache.unlink()
    cache.with_name("kept").rename(cache)
    study.make()
    assert (study.folder / "dvc.lock").read_bytes() != before
    assert study.repro() == []
