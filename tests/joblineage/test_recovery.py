"""What recovery ends and releases after a kill, and whom it leaves alone: judged by who took the lock, never by a command."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from threading import Lock, Semaphore
from types import SimpleNamespace

import psutil
import pytest
from snakemake.scheduling.job_scheduler import JobScheduler

from joblineage import owner, recovery, slurm
from joblineage.owner import FOLDER, Owner
from joblineage.recovery import RunActive, heed_sigterm
from joblineage.slurm import Queued
from joblineage.store import Store

Sleeper = Callable[..., subprocess.Popen]
RUN = """
import sys, time
from pathlib import Path
from joblineage import owner
with owner.at_work(Path(sys.argv[1])):
    print("at work", flush=True)
    time.sleep(60)
"""
"""A main process: Snakemake's, or a notebook's kernel."""
WITHOUT_NAMESPACES = "a PID namespace needs `unshare --pid` and the right to use it"


def test_a_signal_ends_snakemake_also_while_it_holds_its_own_lock(monkeypatch):
    monkeypatch.setattr(JobScheduler, "exit_gracefully", JobScheduler.exit_gracefully)  # set back afterwards
    heed_sigterm()
    scheduler = SimpleNamespace(_lock=Lock(), _open_jobs=Semaphore(0), _user_kill=None)
    with scheduler._lock:
        JobScheduler.exit_gracefully(scheduler)
    assert scheduler._open_jobs.acquire(timeout=60)
    assert scheduler._user_kill == "graceful"


@pytest.fixture
def sleeper() -> Iterator[Sleeper]:
    """Start processes that sleep, in a folder and with an environment; end them all afterwards."""
    started = []

    def start(folder: Path, **environment: str) -> subprocess.Popen:
        command = [sys.executable, "-c", "print(flush=True); import time; time.sleep(60)"]
        started.append(subprocess.Popen(command, cwd=folder, env={**os.environ, **environment}, stdout=subprocess.PIPE))
        started[-1].stdout.readline()
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Callable[..., psutil.Process]]:
    """Start main processes of runs that are at work in a folder, each behind other words of a command; end them afterwards."""
    started = []

    def start(*before: str, **environment: str) -> psutil.Process:
        command = [*before, sys.executable, "-u", "-c", RUN, str(tmp_path)]
        process = subprocess.Popen(
            command, env={**os.environ, **environment}, stdout=subprocess.PIPE, start_new_session=True
        )
        assert process.stdout.readline() == b"at work\n"
        started.append(process)
        return psutil.Process(process.pid)

    yield start
    for process in started:
        process.kill()
        process.communicate()


def lock(root: Path) -> Path:
    path = root / ".snakemake/locks/0.output.lock"
    path.parent.mkdir(parents=True)
    path.write_text("results/fusion/weights.json\n")
    return path


def leave(root: Path, one: Owner) -> Path:
    """The record of a run that did not end by itself."""
    path = root / FOLDER / "left.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(asdict(one)))
    return path


@pytest.fixture
def dead() -> Owner:
    """A main process that was here and is gone."""
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    one = replace(owner.this_process(), pid=process.pid, start=owner._start(process.pid))
    process.communicate(b"\n")
    return one


@pytest.fixture
def no_slurm(monkeypatch) -> None:
    monkeypatch.setattr(slurm, "queue", lambda: None)


def test_orphans_of_a_killed_run_are_ended_and_other_work_is_left(tmp_path: Path, sleeper: Sleeper, dead) -> None:
    here, elsewhere = tmp_path / "here", tmp_path / "elsewhere"
    here.mkdir(), elsewhere.mkdir()
    orphan = sleeper(here, **{recovery.MARK: str(here), recovery.TOKEN: dead.token()})
    other_study = sleeper(elsewhere, **{recovery.MARK: str(elsewhere), recovery.TOKEN: dead.token()})
    alive = sleeper(here, **{recovery.MARK: str(here), recovery.TOKEN: owner.this_process().token()})
    elsewhere_born = sleeper(here, **{recovery.MARK: str(here), recovery.TOKEN: replace(dead, boot="other").token()})
    assert recovery.recover(Store(here)) == ["ended 1 process(es) that a killed run had left behind"]
    assert not psutil.pid_exists(orphan.pid)
    assert [one.poll() for one in (other_study, alive, elsewhere_born)] == [None] * 3


@pytest.mark.thorough
def test_a_healthy_run_is_never_touched_whatever_its_command(tmp_path: Path, run) -> None:
    held, one = lock(tmp_path), run("nice", "env")
    for force in (False, True):
        with pytest.raises(RunActive, match=f"process {one.pid} on .*wait for it, or end it first"):
            recovery.recover(Store(tmp_path), force=force)
    assert one.is_running()
    assert held.exists()


def test_what_only_looks_like_a_run_is_left_alone(tmp_path: Path) -> None:
    program = tmp_path / "snakemake"
    program.write_text("sleep 60")
    with subprocess.Popen(["sh", str(program)], cwd=tmp_path) as looks:
        try:
            assert recovery.recover(Store(tmp_path)) == []
            assert looks.poll() is None
        finally:
            looks.kill()


def test_a_record_ends_with_its_run_and_a_later_process_of_the_same_number_is_no_run(tmp_path: Path) -> None:
    with owner.at_work(tmp_path):
        (record,) = (tmp_path / FOLDER).iterdir()
        assert [one.pid for one in recovery.survey(tmp_path)[0]] == [os.getpid()]
    assert not record.exists()
    leave(tmp_path, replace(owner.this_process(), start="1"))
    assert recovery.survey(tmp_path) == ([], [])


def test_the_lock_of_a_dead_run_is_released_once(tmp_path: Path, dead, no_slurm) -> None:
    held, record = lock(tmp_path), leave(tmp_path, dead)
    assert recovery.recover(Store(tmp_path)) == ["released the lock of a killed run"]
    assert not held.exists()
    assert not record.exists()
    assert recovery.recover(Store(tmp_path)) == []


def test_a_run_that_is_just_ending_is_waited_for(tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(0.4)"])
    leave(tmp_path, replace(owner.this_process(), pid=process.pid, start=owner._start(process.pid)))
    try:
        assert recovery.recover(Store(tmp_path)) == []
    finally:
        process.wait()


def test_a_run_whose_make_was_killed_counts_as_an_orphan(tmp_path: Path, run, dead) -> None:
    one = run(**{owner.CALLER: str(dead.pid)})
    assert recovery.recover(Store(tmp_path)) == ["ended 1 process(es) that a killed run had left behind"]
    one.wait(timeout=10)


def test_a_run_within_a_stage_of_dvc_runs_for_the_first_ancestor_outside_of_it(monkeypatch) -> None:
    code = "from joblineage import owner; print(owner.this_process().caller[0])"
    said = subprocess.run(
        ["sh", "-c", f"{sys.executable} -c '{code}'; true"],
        env={**os.environ, "DVC_STAGE": "fuse"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert int(said.stdout) == os.getpid()


@pytest.mark.parametrize(
    "elsewhere", [{"host": "login2", "boot": "b2", "machine": "m2"}, {"namespace": "pid:[4026539999]"}]
)
def test_a_run_of_another_machine_or_container_is_named_and_not_taken_for_dead(
    tmp_path: Path, dead, no_slurm, elsewhere
) -> None:
    one = replace(dead, **elsewhere)
    held, record = lock(tmp_path), leave(tmp_path, one)
    with pytest.raises(RunActive) as refused:
        recovery.recover(Store(tmp_path))
    assert f"process {one.pid} on {one.host}" in str(refused.value)
    assert "`recover --force`" in str(refused.value)
    assert held.exists()
    assert record.exists()
    assert recovery.recover(Store(tmp_path), force=True) == ["released the lock of a killed run"]


def test_after_a_boot_of_the_same_machine_its_runs_are_gone(tmp_path: Path, no_slurm, monkeypatch) -> None:
    monkeypatch.setattr(owner, "_place", lambda: ("second boot", owner.INITIAL))
    monkeypatch.setattr(owner, "_line", lambda path: "an installation")
    one = replace(owner.this_process(), boot="first boot")
    leave(tmp_path, one)
    assert recovery.survey(tmp_path) == ([], [])
    leave(tmp_path, replace(one, machine="another"))
    assert len(recovery.survey(tmp_path)[0]) == 1


@pytest.mark.parametrize("record", [None, '{"host": "ho'])
def test_a_lock_whose_owner_nobody_knows_is_kept(tmp_path: Path, no_slurm, record: str | None) -> None:
    held = lock(tmp_path)
    if record:
        (tmp_path / FOLDER).mkdir()
        (tmp_path / FOLDER / "cut.json").write_text(record)
    with pytest.raises(RunActive, match="without a record of who took it"):
        recovery.recover(Store(tmp_path))
    assert held.exists()
    assert recovery.recover(Store(tmp_path), force=True) == ["released the lock of a killed run"]
    assert recovery.recover(Store(tmp_path)) == []


def test_a_run_within_a_job_of_the_scheduler_is_looked_up_there(tmp_path: Path, dead, monkeypatch) -> None:
    leave(tmp_path, replace(dead, boot="of a node", host="n7", job="41"))
    monkeypatch.setattr(slurm, "queue", lambda: {"41": Queued("RUNNING", "/", "")})
    with pytest.raises(RunActive, match=r"on n7 in Slurm job 41.*end it first"):
        recovery.recover(Store(tmp_path), force=True)
    monkeypatch.setattr(slurm, "queue", dict)
    assert recovery.recover(Store(tmp_path)) == []


def noted(root: Path, job: str) -> None:
    path = root / ".snakemake/incomplete/cmVzdWx0cw=="
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"external_jobid": job}))


def test_cluster_jobs_of_a_dead_run_are_refused_by_their_ids_or_cancelled(tmp_path: Path, dead, monkeypatch) -> None:
    jobs = {
        "7": Queued("RUNNING", "/elsewhere", "rule_fuse"),  # noted by Snakemake
        "8": Queued("PENDING", str(tmp_path), "rule_score"),  # submitted just before the kill
        "9": Queued("RUNNING", str(tmp_path), "a notebook"),
        "10": Queued("RUNNING", "/other/study", "rule_fuse"),
    }
    cancelled: list[str] = []

    def cancel(ids: list[str]) -> list[str]:
        cancelled.extend(ids)
        return []

    monkeypatch.setattr(slurm, "queue", lambda: jobs)
    monkeypatch.setattr(slurm, "cancel", cancel)
    held, record = lock(tmp_path), leave(tmp_path, dead)
    noted(tmp_path, "7")
    with pytest.raises(RunActive, match=r"still in the queue \(7, 8\)"):
        recovery.recover(Store(tmp_path))
    assert held.exists()
    assert record.exists()
    assert not cancelled
    said = ["cancelled 2 job(s) of a killed run: 7, 8", "released the lock of a killed run"]
    assert recovery.recover(Store(tmp_path), force=True) == said
    assert cancelled == ["7", "8"]


def test_cluster_jobs_that_cannot_be_asked_for_are_not_doubled(tmp_path: Path, dead, no_slurm) -> None:
    leave(tmp_path, dead)
    noted(tmp_path, "7")
    with pytest.raises(RunActive, match=r"cannot be asked from here \(7\)"):
        recovery.recover(Store(tmp_path))
    assert recovery.recover(Store(tmp_path), force=True) == []


def test_where_dvc_is_at_work_no_file_is_touched(tmp_path: Path) -> None:
    import zc.lockfile

    (tmp_path / ".dvc/tmp").mkdir(parents=True)
    locks = tmp_path / ".dvc/tmp/rwlock"
    locks.write_text('{"read": {"/ho')  # DVC is writing it
    held = zc.lockfile.LockFile(str(tmp_path / ".dvc/tmp/lock"))
    (said,) = recovery.recover(Store(tmp_path))
    assert said.startswith(f"a DVC command is at work here (process {os.getpid()})")
    assert locks.exists()
    held.close()
    assert "removed .dvc/tmp/rwlock" in recovery.recover(Store(tmp_path))[0]


@pytest.mark.thorough
def test_recover_in_another_pid_namespace_leaves_a_healthy_run_alone(tmp_path: Path, run, no_slurm) -> None:
    unshare = ["unshare", "--pid", "--fork", "--mount-proc"]
    if not shutil.which("unshare") or subprocess.run([*unshare, "true"], capture_output=True, check=False).returncode:
        pytest.skip(WITHOUT_NAMESPACES)
    held, one = lock(tmp_path), run()
    code = f"from joblineage import recovery, store; from pathlib import Path; recovery.recover(store.Store(Path({str(tmp_path)!r})))"
    refused = subprocess.run([*unshare, sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert refused.returncode
    assert f"process {one.pid} on " in refused.stderr
    assert "in another container" in refused.stderr
    assert held.exists()
    assert one.is_running()
    one.kill()
    time.sleep(0.1)
    assert recovery.recover(Store(tmp_path)) == ["released the lock of a killed run"]


SNAKEFILE = """
from pathlib import Path
from joblineage import recovery
recovery.mark(Path(workflow.basedir), "How to go on.", workflow)
rule all:
    output: "out"
    shell: "touch begun; sleep 60"
"""
NOTEBOOK = """
from pathlib import Path
from snakemake.api import OutputSettings, ResourceSettings, SnakemakeApi
with SnakemakeApi(OutputSettings()) as api:
    api.workflow(ResourceSettings(cores=1), snakefile=Path("Snakefile")).dag().execute_workflow()
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    "command", [["-u", "-m", "snakemake", "--cores", "1"], ["-c", NOTEBOOK]], ids=["python -u -m", "API"]
)
def test_every_way_to_start_snakemake_leaves_a_record_that_recover_heeds(tmp_path: Path, command: list[str]) -> None:
    (tmp_path / "Snakefile").write_text(SNAKEFILE)
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with subprocess.Popen([sys.executable, *command], cwd=tmp_path, start_new_session=True, **quiet) as head:
        try:
            while not (tmp_path / "begun").exists():
                assert head.poll() is None
                time.sleep(0.1)
            with pytest.raises(RunActive, match=f"process {head.pid} on "):
                recovery.recover(Store(tmp_path))
            head.kill()
            head.wait()
            said = recovery.recover(Store(tmp_path))
            assert re.fullmatch(r"ended [1-9] process\(es\) that a killed run had left behind", said[0])
            assert said[1] == "released the lock of a killed run"
            assert recovery.recover(Store(tmp_path)) == []
        finally:
            with suppress(ProcessLookupError):
                os.killpg(head.pid, 9)


@pytest.mark.slow
def test_a_job_s_own_snakemake_says_which_try_it_is(tmp_path: Path) -> None:
    shell = f"touch begun; echo ${slurm.ATTEMPT} > out"
    (tmp_path / "Snakefile").write_text(SNAKEFILE.replace("touch begun; sleep 60", shell))
    command = [
        "-m",
        "snakemake",
        "--cores",
        "1",
        "--mode",
        "subprocess",
        "--force-use-threads",
        "--attempt",
        "2",
        "out",
    ]
    subprocess.run([sys.executable, *command], cwd=tmp_path, check=True, capture_output=True)
    assert (tmp_path / "out").read_text() == "2\n"


def test_a_run_that_plans_once_more_does_not_take_itself_for_another_one(tmp_path: Path, monkeypatch, capsys) -> None:
    for patch in ("notes_apart", "hard_links_replaceable", "heed_sigterm"):
        monkeypatch.setattr(recovery, patch, lambda: None)
    monkeypatch.setattr(owner, "record_runs", lambda: None)
    lock(tmp_path)
    with owner.at_work(tmp_path):
        recovery.mark(tmp_path, "How to go on.", SimpleNamespace(is_main_process=True))
    assert capsys.readouterr().err == ""
    recovery.mark(tmp_path, "How to go on.", SimpleNamespace(is_main_process=True))
    assert "left its lock. How to go on." in " ".join(capsys.readouterr().err.split())
