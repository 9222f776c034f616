"""Content decides which jobs Snakemake runs again: the example is run once for real, then planned in one state after the other."""

import logging
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import chdir
from pathlib import Path

import pytest
import yaml
from alone import alone

from joblineage.planned import planning
from joblineage.store import Store

pytestmark = pytest.mark.slow
EXAMPLE = Path(__file__).parents[2] / "examples/words"
SEA, COUNTS, WEIGHTS, SUMMARY = "data/sea.txt", "results/counts/sea.csv", "results/weights.json", "results/summary.json"
DAY = 24 * 3600 * 10**9
COUNT_SEA = {"count sea", "weigh", "judge"}


def run(project: Path, *command: str, check: bool = True) -> str:
    """What a command prints in the project."""
    environment = alone(project.parent, library=None)
    done = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, check=False)
    assert not check or not done.returncode, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example, run and versioned. Tests work in copies."""
    folder = tmp_path_factory.mktemp("words")
    alone(folder)
    project = folder / "words"
    shutil.copytree(EXAMPLE, project, ignore=shutil.ignore_patterns("__pycache__"))
    (project / ".gitignore").write_text("results/\nlineage/\nlogs/\ncache/\n.snakemake/\n")
    run(project, "git", "init", "--quiet")
    run(project, "dvc", "init", "--quiet")
    run(project, "git", "add", ".")
    run(project, "git", "commit", "--quiet", "--message", "Start")
    run(project, "snakemake", "--quiet")
    assert run(project, "python", "study.py", "verify").startswith("OK:")
    return project


@pytest.fixture
def words(finished: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy beside it, to be changed freely; its files keep their times."""
    project = finished.with_name("copy")
    shutil.copytree(finished, project, symlinks=True)
    monkeypatch.delitem(sys.modules, "study", raising=False)
    monkeypatch.setattr(sys, "path", [*sys.path])
    yield project
    shutil.rmtree(project)


def again(project: Path, target: str = "all") -> set[str]:
    """The jobs that Snakemake would run now."""
    handlers = list(logging.getLogger("snakemake.logging").handlers)
    with chdir(project), planning(target) as dag:
        named = {" ".join([job.rule.name, *job.wildcards_dict.values()]) for job in dag.needrun_jobs()}
    logging.getLogger("snakemake.logging").handlers = handlers
    return named - {"all"}


def edited(path: str, ago: int | None = None) -> Callable[[Path], None]:
    """Other bytes of the same number; the time is the old one, or some days before it."""

    def edit(project: Path) -> None:
        file = project / path
        before = file.stat()
        file.write_bytes(b"zebras" + file.read_bytes()[6:])
        os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns - (ago or 0) * DAY))

    return edit


def lost(*paths: str) -> Callable[[Path], None]:
    return lambda project: [(project / path).unlink() for path in paths]


def emptied(path: str) -> Callable[[Path], None]:
    return lambda project: (project / path).write_text("")


def parameter(project: Path) -> None:
    path = project / "params.yaml"
    path.write_text(path.read_text().replace("shortest: 4", "shortest: 5"))


def all_in_the_future(project: Path) -> None:
    """As after a run with a fast clock."""
    for folder in ("results", ".snakemake/metadata"):
        for path in (project / folder).rglob("*"):
            os.utime(path, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns + 30 * DAY))


def both(*changes: Callable[[Path], None]) -> Callable[[Path], None]:
    return lambda project: [change(project) for change in changes]


STATES = {
    "nothing": (lambda project: None, set()),
    "an input that looks older": (edited(SEA, 2), COUNT_SEA),
    "an input with its old time": (edited(SEA), COUNT_SEA),
    "an input that looks newer": (edited(SEA, -2), COUNT_SEA),
    "an older script": (edited("workflow_scripts/weigh.py", 2), {"weigh", "judge"}),
    "a lost table that no remaining job reads": (lost(COUNTS), COUNT_SEA),
    "all results lost but the last": (lost(COUNTS, "results/counts/wood.csv", WEIGHTS), {*COUNT_SEA, "count wood"}),
    "a cut result": (emptied(WEIGHTS), {"weigh", "judge"}),
    "a result edited under its old time": (edited(SUMMARY), {"judge"}),
    "an older version of a result": (edited(COUNTS, 3), COUNT_SEA),
    "a parameter": (parameter, {*COUNT_SEA, "count wood"}),
    "a run by a fast clock": (all_in_the_future, set()),
    "an edit after a run by a fast clock": (both(all_in_the_future, edited(SEA, -1)), COUNT_SEA),
    "Snakemake's notes lost": (lambda project: shutil.rmtree(project / ".snakemake/metadata"), set()),
    "a parameter, and Snakemake's notes lost": (
        both(parameter, lambda project: shutil.rmtree(project / ".snakemake/metadata")),
        {*COUNT_SEA, "count wood"},
    ),
    "the status of files forgotten": (lambda project: shutil.rmtree(project / "cache"), set()),
    "no record at all": (lambda project: shutil.rmtree(project / "lineage"), {*COUNT_SEA, "count wood"}),
}


@pytest.mark.parametrize("state", STATES)
def test_exactly_the_jobs_concerned_run_again(words: Path, state: str) -> None:
    change, expected = STATES[state]
    change(words)
    assert again(words) == expected


def test_a_target_is_looked_at_with_what_it_comes_from_and_no_more(words: Path) -> None:
    edited("workflow_scripts/judge.py", 2)(words)
    assert again(words, WEIGHTS) == set()
    edited(SEA, 2)(words)
    assert again(words, "results/counts/wood.csv") == set()
    assert again(words, WEIGHTS) == {"count sea", "weigh"}


def test_a_result_of_which_no_record_tells_is_made_again(words: Path) -> None:
    store = Store(words)
    (words / "lineage/records" / f"{store.makers[WEIGHTS]}.json").unlink()
    assert again(words) == {"weigh", "judge"}


def test_nothing_is_written_where_snakemake_only_plans(words: Path) -> None:
    edited(SEA, 2)(words)
    (words / WEIGHTS).unlink()
    files = {
        path: path.stat().st_mtime_ns for top in ("data", "results", "lineage") for path in (words / top).rglob("*")
    }
    run(words, "snakemake", "-n")
    assert {path: path.stat().st_mtime_ns for path in files} == files


def test_a_run_says_first_what_is_made_again_and_why_and_a_dry_run_says_the_same(words: Path) -> None:
    """And it ends well also where a clock was fast before: what is made now is older than what stays."""
    all_in_the_future(words)
    edited(SEA, 40)(words)
    lost(COUNTS, "results/counts/wood.csv")(words)
    sentences = [
        "1 input(s) changed since they were read (data/sea.txt): 1 job(s) run again (count sea)",
        "2 result(s) are gone (results/counts/sea.csv, ...): 2 job(s) run again (count sea, ...)",
    ]
    for options in (["--dry-run"], []):
        said = run(words, "snakemake", *options)
        assert [line for line in said.splitlines() if "run again" in line] == sentences
        assert said.index(sentences[0]) < said.index("Job stats")
    assert run(words, "python", "study.py", "verify").startswith("OK:")
    assert "Nothing to be done" in run(words, "snakemake")


def executed(said: str) -> list[str]:
    return re.findall(r"^(?:local)?rule (\w+):", said, re.M)


def test_dvc_repro_runs_the_jobs_of_an_older_input_and_locks_what_they_read(words: Path) -> None:
    edited(SEA, 2)(words)
    assert executed(run(words, "dvc", "repro")) == ["count", "weigh", "judge", "all"]
    assert run(words, "python", "study.py", "verify").startswith("OK:")
    assert executed(run(words, "dvc", "repro")) == []
    assert "Nothing to be done" in run(words, "snakemake")


def test_dvc_looks_at_a_change_that_it_cannot_see_once_snakemake_has(words: Path) -> None:
    """Copies are new files to DVC: it has to see this one first."""
    run(words, "dvc", "repro")
    run(words, "python", "study.py", "verify")
    before = (words / "dvc.lock").read_text()
    edited(SEA)(words)
    assert executed(run(words, "dvc", "repro")) == []
    assert (words / "dvc.lock").read_text() == before  # nothing is claimed of the new bytes
    assert run(words, "python", "study.py", "verify", check=False).startswith("STALE")
    assert executed(run(words, "dvc", "repro")) == ["count", "weigh", "judge", "all"]
    assert run(words, "python", "study.py", "verify").startswith("OK:")


def test_a_stage_in_which_an_input_changed_is_refused_and_not_locked(words: Path) -> None:
    script = words / "workflow_scripts/judge.py"
    script.write_text(f"open({SEA!r}, 'a').write('a late line')\n{script.read_text()}")
    before = lock(words)["judge"]
    said = run(words, "dvc", "repro", check=False)
    assert "1 input(s) changed since they were read (data/sea.txt): 1 job(s) run again (count sea)" in said
    assert "the same command again goes on from here" in said
    assert "failed to reproduce 'judge'" in said
    assert lock(words)["judge"] == before


def lock(project: Path) -> dict:
    return yaml.safe_load((project / "dvc.lock").read_text())["stages"]
