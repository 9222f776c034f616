"""Content decides on a real study, whatever the times say: what would run in each state, and that a run of either makes it whole."""

import os
from collections.abc import Callable, Iterator

import pytest

from .conftest import Study
from .test_runners import AFTER_ENCODE, AFTER_SUBMISSION

pytestmark = pytest.mark.slow

CLIP = "data/demo/train/A901_ang_int4_ver1.mov"
FOLD, WEIGHTS, SCORES = "results/encoders/s4d/fold0.parquet", "results/fusion/weights.json", "results/metrics.json"
ZIP = "results/submission/submission.zip"
DAY = 24 * 3600 * 10**9
TRAINED = {"train_fold": 1, "gather_folds": 1, **AFTER_ENCODE}
MODULE = "src/blemore/fusion/simplex.py"


@pytest.fixture(scope="module")
def changing(finished: Study, tmp_path_factory: pytest.TempPathFactory) -> Study:
    """A copy that each test changes and puts back."""
    return finished.copy(tmp_path_factory.mktemp("content") / "study")


@pytest.fixture
def kept(changing: Study) -> Iterator[Study]:
    """The copy; the files that a test may change are put back with their bytes and times."""
    files = [changing.folder / path for path in (CLIP, FOLD, WEIGHTS, SCORES, ZIP, MODULE)]
    before = [(path, path.read_bytes(), path.stat()) for path in files]
    yield changing
    for path, data, status in before:
        path.write_bytes(data)
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def edited(path: str, days: int) -> Callable[[Study], None]:
    """Another last byte; the time is the old one, or some days away from it."""

    def edit(study: Study) -> None:
        file = study.folder / path
        before = file.stat()
        file.write_bytes(file.read_bytes()[:-1] + b"#")
        os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns + days * DAY))

    return edit


def cut(path: str) -> Callable[[Study], None]:
    def halve(study: Study) -> None:
        file = study.folder / path
        os.truncate(file, file.stat().st_size // 2)
        os.utime(file, ns=(0, 0))

    return halve


def lost(path: str) -> Callable[[Study], None]:
    return lambda study: (study.folder / path).unlink()


STATES = {
    "a module that looks older": (edited(MODULE, -2), AFTER_ENCODE),
    "a module with its old time": (edited(MODULE, 0), AFTER_ENCODE),
    "a fold lost while the gathered table is here": (lost(FOLD), TRAINED),
    "fusion weights lost": (lost(WEIGHTS), AFTER_ENCODE),
    "a cut submission": (cut(ZIP), AFTER_SUBMISSION),
    "scores edited under their old time": (
        edited(SCORES, 0),
        {"score": 1, "plot": 1, "compare": 1, "write_report": 1},
    ),
}


@pytest.mark.parametrize("state", STATES)
def test_exactly_the_jobs_concerned_would_run(kept: Study, state: str) -> None:
    change, expected = STATES[state]
    change(kept)
    assert kept.would_run() == expected


def test_a_clip_that_looks_older_is_made_and_prepared_again(kept: Study) -> None:
    edited(CLIP, -2)(kept)
    jobs = kept.would_run()
    assert jobs["demo_actor"] == 1
    assert kept.would_run("data") == {"demo_actor": 1}
    assert kept.would_run("results/licences.json") == {}


@pytest.mark.parametrize("runner", ["snakemake", "dvc"])
def test_what_is_lost_cut_and_edited_comes_back_byte_for_byte(study: Study, runner: str) -> None:
    expected = study.payload()
    for damage in (lost(FOLD), lost(WEIGHTS), cut(ZIP), edited(SCORES, -2), edited(CLIP, -2)):
        damage(study)
    if runner == "snakemake":
        said = study.submission()
        assert "2 result(s) are gone (results/encoders/s4d/fold0.parquet, ...)" in said
    else:
        study.repro()
    assert study.payload() == expected
    assert study.run("blemore", "lineage", "verify", "--deep").stdout.startswith("OK")
    assert study.would_run() == {}
    assert study.repro() == []
