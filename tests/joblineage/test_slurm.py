"""What is asked of Slurm, and what a record says of where its job ran."""

import socket
from pathlib import Path

import pytest

from joblineage import slurm
from joblineage.slurm import Queued


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Put a shell script of that name in front of all other programs."""
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")

    def write(name: str, text: str) -> None:
        path = tmp_path / name
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)

    return write


def test_outside_of_a_cluster_a_record_names_the_machine_alone(monkeypatch) -> None:
    for name in ("SLURM_JOB_ID", "SLURMD_NODENAME", slurm.ATTEMPT):
        monkeypatch.delenv(name, raising=False)
    assert slurm.place() == {"host": socket.gethostname(), "slurm_job": None, "start": None}
    assert slurm.attempt() is None
    monkeypatch.setenv("SLURM_JOB_ID", "7")  # a shell of `salloc` on the login node
    assert slurm.place()["slurm_job"] is None


def test_on_a_node_a_record_names_node_job_start_and_attempt(monkeypatch) -> None:
    about = {
        "SLURM_JOB_ID": "7",
        "SLURMD_NODENAME": "n3",
        slurm.COUNT: "1",
        slurm.ATTEMPT: "",
        slurm.STARTED: "",
    }
    for name, value in about.items():
        monkeypatch.setenv(name, value)
    slurm.keep_counts(2)
    monkeypatch.delenv(slurm.COUNT)
    assert slurm.place() == {"host": "n3", "slurm_job": "7", "start": 2}
    assert slurm.attempt() == 2
    slurm.keep_counts(None)
    assert slurm.place()["start"] == 1
    assert slurm.attempt() is None


def test_the_queue_is_read_job_by_job(program) -> None:
    program("squeue", r"printf '7\tRUNNING\t/a folder\trule_fuse\n9_2\tPENDING\t/b\t(null)\n'")
    assert slurm.queue() == {"7": Queued("RUNNING", "/a folder", "rule_fuse"), "9_2": Queued("PENDING", "/b", "(null)")}


def test_a_queue_that_gives_no_answer_is_not_an_empty_one(program, tmp_path: Path, monkeypatch) -> None:
    program("squeue", "echo 'Unable to contact slurm controller' >&2; exit 1")
    assert slurm.queue() is None
    (tmp_path / "squeue").unlink()
    monkeypatch.setenv("PATH", str(tmp_path))  # this machine may have a Slurm
    assert slurm.queue() is None


@pytest.mark.thorough
def test_cancelled_jobs_are_waited_for(program, tmp_path: Path, monkeypatch) -> None:
    program("squeue", rf"cat {tmp_path}/jobs")
    program("scancel", rf"printf '8\tRUNNING\t/b\tx\n' > {tmp_path}/jobs")
    (tmp_path / "jobs").write_text("7\tRUNNING\t/a\tx\n8\tRUNNING\t/b\tx\n")
    assert slurm.cancel(["7"]) == []
    monkeypatch.setattr(slurm, "SECONDS", 1)
    assert slurm.cancel(["7", "8"]) == ["8"]


def test_a_job_s_gpus_are_those_of_slurm_on_a_node_alone(monkeypatch) -> None:
    for name in ("SLURM_JOB_ID", "SLURMD_NODENAME", "SLURM_JOB_GPUS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    assert slurm.gpus() == ""
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    monkeypatch.setenv("SLURMD_NODENAME", "n3")
    assert slurm.gpus() == "0"
    monkeypatch.setenv("SLURM_JOB_GPUS", "2")
    assert slurm.gpus() == "2"
    monkeypatch.delenv("SLURM_JOB_GPUS")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "NoDevFiles")
    assert slurm.gpus() == ""
