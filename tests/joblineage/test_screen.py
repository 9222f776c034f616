"""What a run shows: a line for each job, the message of each failed one, and a time left that follows from costs."""

import io
import logging
import os
import re
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace

import pytest
from made_records import Lineage
from rich.console import Console

from joblineage import progress, screen
from joblineage.expected import START_SECONDS, UNKNOWN_SECONDS, expected
from joblineage.job import FAILED, failure
from joblineage.progress import SETTLING, never_fail_to_print, spoken, time_left
from joblineage.store import Store
from joblineage.workspace import under_git

LIBRARY = Path(screen.__file__).parents[1]
JOB_LINE = re.compile(r"^ *(\d+) of (\d+)  (\w+)", re.M)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.4, "0 s"), (99, "99 s"), (100, "2 min"), (3 * 3600, "3.0 h"), (47 * 3600, "47 h"), (5.25 * 86400, "5.2 days")],
)
def test_a_length_of_time_is_said_in_the_unit_that_people_would_use(seconds: float, words: str) -> None:
    assert spoken(seconds) == words


def test_the_time_left_grows_with_what_the_jobs_cost_and_not_with_their_number() -> None:
    assert time_left(0, 600, 0, 2) == 300
    assert time_left(0, 1200, 0, 2) == 2 * time_left(0, 600, 0, 2)
    many_cheap, one_dear = sum([1.0] * 50), 500.0
    assert time_left(10, one_dear, 5, 2) == 10 * time_left(10, many_cheap, 5, 2)


def test_a_machine_that_takes_twice_as_long_as_expected_is_noticed() -> None:
    assert time_left(1000, 100, 1000, 1) == pytest.approx(100)
    assert time_left(1000, 100, 2000, 1) == pytest.approx(200, rel=0.02)
    assert time_left(0, 100, SETTLING, 1) > time_left(SETTLING, 100, SETTLING, 1)


def test_a_running_job_counts_in_part_and_is_never_quite_done() -> None:
    job = screen.Shown(100.0)
    assert job.done(now=1000) == 0
    job.begun = 1000
    assert job.done(now=1030) == 30
    assert job.done(now=9000) < 100
    job.over = True
    assert job.done(now=9000) == 100


def test_the_bar_tells_what_is_running_and_how_much_is_left() -> None:
    now = time.time()
    shown = screen.Screen(SimpleNamespace(resource_settings=SimpleNamespace(cores=2, nodes=None)), lambda jobs: {})
    shown.jobs = {1: screen.Shown(100.0, "train a", begun=now - 50), 2: screen.Shown(350.0)}
    shown.began = now - 50
    ascii_alone = Console(file=io.TextIOWrapper(io.BytesIO(), encoding="ascii"), width=100)
    with ascii_alone.capture() as said:
        ascii_alone.print(shown.view())
    assert said.get().isascii()
    assert said.get().split("- ")[-1].strip() == "0 of 2, about 5 min left; running: train a"


@pytest.mark.parametrize("width", [20, 80])
def test_the_bar_takes_one_line_and_so_leaves_what_jobs_print(width: int) -> None:
    shown = screen.Screen(SimpleNamespace(resource_settings=SimpleNamespace(cores=2, nodes=None)), lambda jobs: {})
    shown.jobs = {number: screen.Shown(9.0, "a job with a long name", begun=time.time()) for number in range(9)}
    terminal = Console(file=io.StringIO(), width=width)
    terminal.print(shown.view())
    assert terminal.file.getvalue().count("\n") == 1


def test_a_run_that_was_ended_with_no_job_failed_says_so_and_how_to_go_on(capsys) -> None:
    shown = screen.Screen(SimpleNamespace(), lambda jobs: {})
    shown.jobs = {1: screen.Shown(9.0, "a", begun=1.0, over=True), 2: screen.Shown(9.0)}
    shown.emit(logging.makeLogRecord({"event": "error", "msg": screen.AT_THE_END}))
    assert capsys.readouterr().err == (
        "The run was ended. 1 of 2 are done and kept.\nRun the same command again: it goes on from here.\n"
    )


def test_only_a_long_job_tells_its_beginning_where_there_is_no_bar(capsys) -> None:
    shown = screen.Screen(SimpleNamespace(), lambda jobs: {})
    shown.jobs = {1: screen.Shown(90.0), 2: screen.Shown(4 * 3600.0)}
    for number in shown.jobs:
        about = {
            "jobid": number,
            "rule_name": "train",
            "wildcards": {"part": number},
            "output": ["a"],
            "log": ["logs/a"],
        }
        shown.emit(logging.makeLogRecord({"event": "job_info", **about}))
    assert capsys.readouterr().err == "begun: train 2, about 4.0 h; how far it is: logs/a\n"


class Job(SimpleNamespace):
    """Snakemake's, as far as it is looked at."""

    def __init__(self, rule: str, inputs: list[str], outputs: list[str], params: Mapping | None = None):
        super().__init__(rule=SimpleNamespace(name=rule), input=inputs, output=outputs, params=params or {})


@pytest.fixture
def made(tmp_path: Path) -> Lineage:
    made = Lineage(tmp_path)
    made.file("raw", "r")
    made.job("train/fold=0", ["raw"], {"fold0": "0"}, params={"epochs": 3})
    made.job("train/fold=1", ["raw"], {"fold1": "1"}, params={"epochs": 3})
    return made


def test_a_job_takes_as_long_as_its_outputs_took_before(made: Lineage) -> None:
    together = Job("train", ["raw"], ["fold0", "fold1"], {"epochs": 3})
    alone = Job("train", ["raw"], ["fold1"], {"epochs": 3})
    found = expected({1: together, 2: alone}, Store(made.root), lambda job: 1000.0)
    assert found == {1: START_SECONDS + 3.0, 2: START_SECONDS + 1.5}


@pytest.mark.parametrize(
    "job",
    [
        Job("train", ["raw"], ["fold0"], {"epochs": 30}),
        Job("train", ["other"], ["fold0"], {"epochs": 3}),
        Job("train", ["raw"], ["fold0", "fold7"], {"epochs": 3}),
    ],
    ids=["other parameters", "other inputs", "another output"],
)
def test_of_another_job_the_estimate_counts_else_what_its_rule_takes(made: Lineage, job: Job) -> None:
    assert expected({1: job}, Store(made.root), lambda job: 1000.0) == {1: START_SECONDS + 1000}
    assert expected({1: job}, Store(made.root)) == {1: START_SECONDS + 1.5}


def test_of_a_first_run_nothing_is_known_and_nothing_fails(tmp_path: Path) -> None:
    assert expected({1: Job("count", [], ["a"])}, Store(tmp_path)) == {1: START_SECONDS + UNKNOWN_SECONDS}


def test_the_message_of_a_failed_job_is_found_in_its_log_without_the_traceback(tmp_path: Path) -> None:
    log = tmp_path / "log"
    assert failure(log) is None
    log.write_text("INFO made a\n")
    assert failure(log) is None
    log.write_text(
        f"INFO begun\nERROR {FAILED}a.csv: 1 fault(s)\n  - no column é\nTraceback (most recent call last):\n  x",
        "utf-8",
    )
    assert failure(log) == "a.csv: 1 fault(s)\n  - no column é"


def test_a_terminal_without_a_letter_shows_its_escape(monkeypatch: pytest.MonkeyPatch) -> None:
    narrow = io.TextIOWrapper(io.BytesIO(), encoding="cp1252")
    monkeypatch.setattr(sys, "stdout", narrow)
    never_fail_to_print()
    print("Ω")
    narrow.flush()
    assert narrow.buffer.getvalue().strip() == rb"\u03a9"


def test_progress_within_a_job_goes_to_its_log(monkeypatch, capsys, caplog) -> None:
    monkeypatch.setattr(sys.modules["__main__"], progress.SCRIPT_MARK, "script.py", raising=False)
    with caplog.at_level("INFO"), progress.Steps("count", 1) as steps:
        steps.advance(1, "loss 0.3")
    assert caplog.messages == ["count 1/1 loss 0.3"]
    assert capsys.readouterr().err == ""


def test_a_folder_below_a_repository_is_under_git(tmp_path: Path) -> None:
    (tmp_path / "repository/.git").mkdir(parents=True)
    (tmp_path / "repository/study").mkdir()
    assert under_git(tmp_path / "repository/study")
    assert not under_git(tmp_path)


SNAKEFILE = """
import sys
from pathlib import Path
from joblineage import screen, workspace
from joblineage.errors import DataError
from joblineage.expected import expected
from joblineage.store import Store

workspace.python_for_shells()

def check(jobs):
    if any(job.rule.name == "forbidden" for job in jobs):
        raise DataError("weights", ["no weights are here: fetch them"])

screen.when_planned(workflow, check)
screen.show(workflow, lambda jobs: expected(jobs, Store()))

NAMES = ["good", "faulty", "hungry", "killed", "broken"]

rule all:
    input: [f"made/{name}/1" for name in NAMES]

rule some:
    input: "made/good/1"

for name in NAMES + ["forbidden"]:
    rule:
        name: name
        input: [f"raw/{number}" for number in range(100)]
        output: [f"made/{name}/{number}" for number in range(3)]
        log: f"logs/{name}.log"
        params: name=name
        script: "script.py"

def asked(wildcards):
    import subprocess
    subprocess.run(["false"], check=True)

rule asking:
    input: asked
    output: "made/asking"

rule again:
    output: "made/again"
    log: "logs/again.log"
    params: name="faulty"
    retries: 1
    script: "script.py"

rule forgetful:
    output: "made/forgetful"
    log: "logs/forgetful.log"
    params: name="forgetful"
    script: "script.py"

onsuccess:
    print("quarantined: \\u03a9")
"""
SCRIPT = """
import os, signal
from pathlib import Path
from joblineage.errors import DataError
from joblineage.job import job

name = snakemake.params.name
if name == "broken":
    print("no such library", flush=True)
    os._exit(3)
if name == "forgetful":
    os._exit(0)
with job(snakemake):
    print("a library that chatters")
    if name == "faulty":
        raise DataError("table \\u03a9.csv", ["column 'ang' is missing", "another fault"])
    if name == "hungry":
        raise MemoryError("3 GB for a picture")
    if name == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    for path in snakemake.output:
        Path(path).write_text("made")
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("screen") / "für alle"  # a space, and a letter that not every terminal has
    folder.mkdir()
    (folder / "Snakefile").write_text(SNAKEFILE)
    (folder / "script.py").write_text(SCRIPT)
    (folder / "raw").mkdir()
    for number in range(100):
        (folder / "raw" / str(number)).write_text("raw")
    return folder


def run(folder: Path, *arguments: str) -> tuple[int, str]:
    """The exit code, and all that Snakemake printed on a terminal that knows ASCII alone."""
    environment = os.environ | {"PYTHONPATH": str(LIBRARY), "PYTHONIOENCODING": "ascii"}
    command = [sys.executable, "-m", "snakemake", "--cores", "1", *arguments]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


@pytest.fixture(scope="module")
def failed(folder: Path) -> str:
    """What a run said in which all jobs but one failed, each in its own way."""
    code, said = run(folder, "--keep-going", "all")
    assert code == 1
    return said


@pytest.mark.slow
def test_a_run_says_one_line_a_job_with_what_it_made_and_how_much_is_left(folder: Path, failed: str) -> None:
    assert re.search(r"^5 job\(s\) to run, about \d+ s left$", failed, re.M)
    assert re.search(r"^\d of 5  good: 3 files in made/good, \d+ s; about \d+ s left$|^5 of 5  good: ", failed, re.M)
    assert "raw/17" not in failed
    assert len(failed.splitlines()) < 35
    (log,) = (folder / ".snakemake/log").iterdir()
    assert "raw/17" in log.read_text()


@pytest.mark.slow
def test_a_failed_job_says_its_message_first_and_where_the_traceback_is(folder: Path, failed: str) -> None:
    told = failed.partition("FAILED faulty: ")[2].splitlines()
    assert told[0] == r"table \u03a9.csv: 2 fault(s)"
    assert told[1:4] == [
        "  - column 'ang' is missing",
        "  - another fault",
        "  its log, with the traceback: logs/faulty.log",
    ]
    assert "Traceback" in (folder / "logs/faulty.log").read_text("utf-8")
    assert "Traceback" not in failed
    assert 'File "' not in failed


@pytest.mark.slow
def test_a_job_without_memory_says_what_helps(failed: str) -> None:
    told = {name: failed.partition(f"FAILED {name}: ")[2].splitlines()[0] for name in ("hungry", "killed")}
    assert told["hungry"].startswith("MemoryError: 3 GB for a picture: not enough memory")
    assert told["killed"].startswith("killed from outside, as the system does when memory runs out")
    assert all("--cores 1" in said for said in told.values())


@pytest.mark.slow
def test_a_job_that_ended_before_its_work_leads_to_what_it_said(failed: str) -> None:
    assert "FAILED broken: ended with exit status 3 before its work began; what it said is above" in failed
    assert failed.index("no such library") < failed.index("FAILED broken")


@pytest.mark.slow
def test_a_run_that_failed_ends_with_what_failed_and_how_to_go_on(failed: str) -> None:
    assert "4 job(s) failed: " in failed
    assert "1 of 5 are done" in failed
    assert "run the same command again" in failed


@pytest.mark.slow
def test_what_is_finished_is_said_also_on_a_terminal_that_lacks_its_letters(folder: Path, failed: str) -> None:
    (folder / "made/good/1").unlink(missing_ok=True)
    code, said = run(folder, "some")
    assert code == 0
    assert JOB_LINE.findall(said) == [("1", "1", "good")]
    assert r"quarantined: \u03a9" in said


@pytest.mark.slow
@pytest.mark.parametrize("options", [["--dry-run"], []], ids=["dry run", "run"])
def test_what_jobs_lack_is_asked_for_where_they_would_run_in_a_dry_run_too(folder: Path, options: list[str]) -> None:
    code, said = run(folder, *options, "made/forbidden/1")
    assert code == 1
    assert "no weights are here: fetch them" in said
    assert 'File "' not in said
    assert not JOB_LINE.search(said)
    assert not list((folder / ".snakemake/locks").glob("*"))


@pytest.mark.slow
def test_a_dry_run_is_snakemake_s_own(folder: Path, failed: str) -> None:
    code, said = run(folder, "--dry-run", "--forceall", "some")
    assert code == 0
    assert "rule good:" in said
    assert "This was a dry-run" in said


@pytest.mark.slow
def test_a_command_that_fails_outside_of_jobs_is_said(folder: Path) -> None:
    code, said = run(folder, "made/asking")
    assert code == 1
    assert "Command '['false']' returned non-zero exit status 1" in said


@pytest.mark.slow
def test_a_job_that_is_tried_again_or_leaves_no_output_fails_once(folder: Path) -> None:
    code, said = run(folder, "--keep-going", "--latency-wait", "0", "made/again", "made/forgetful")
    assert code == 1
    assert said.count("FAILED again: ") == 2
    assert "some output files are missing" in said
    assert "2 job(s) failed: again, forgetful. 0 of 2 are done and kept." in said


@pytest.mark.slow
def test_a_run_whose_streams_are_closed_does_its_work(folder: Path) -> None:
    (folder / "made/good/1").unlink(missing_ok=True)
    command = [sys.executable, "-m", "snakemake", "--cores", "1", "some"]
    closing = ["sh", "-c", '"$@" <&- >&- 2>&-', "sh", *command]
    assert (
        subprocess.run(closing, cwd=folder, env=os.environ | {"PYTHONPATH": str(LIBRARY)}, check=False).returncode == 0
    )
    assert (folder / "made/good/1").read_text() == "made"
