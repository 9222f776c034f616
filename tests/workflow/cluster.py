"""A Slurm of two nodes on this machine, for one test or trial at a time, and what runs of a study on it do."""

import json
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from .conftest import ENVIRONMENT, MAKE, REPOSITORY, Study
from .kills import back_to

PROGRAMS = ("munged", "slurmctld", "slurmd", "squeue", "sinfo")
MUNGE = Path("/run/munge/munged.pid")
SLURM_MAKE = (*MAKE, "PROFILE=slurm")
SECONDS = 600
"""So long a state of the cluster is waited for."""


def lacking() -> str:
    """Why no Slurm can be started here; empty where one can."""
    if os.getuid() != 0:
        return "daemons of Slurm are started by root"
    if Path("/etc/slurm/slurm.conf").exists():
        return "this machine belongs to a Slurm already"
    path = f"{os.environ['PATH']}{os.pathsep}/usr/sbin"
    if missing := [name for name in PROGRAMS if not shutil.which(name, path=path)]:
        return f"no Slurm here (apt-get install slurm-wlm munge): {', '.join(missing)}"
    if not find_spec("snakemake_executor_plugin_slurm"):
        return "the extra `slurm` is not installed (docs/cluster.md)"
    return ""


@contextmanager
def running(folder: Path) -> Iterator[dict[str, str]]:
    """A Slurm at work; the environment in which its commands find it, empty where its daemons do not start.

    Parameters
    ----------
    folder : is made, for its settings, states and logs.
    """
    environment = ENVIRONMENT | {"SLURM_CONF": str(folder / "slurm.conf"), "PATH": f"{ENVIRONMENT['PATH']}:/usr/sbin"}
    before = MUNGE.read_text() if MUNGE.exists() else None
    try:
        script = str(REPOSITORY / "tests/workflow/slurm.sh")
        started = subprocess.run(["bash", script, str(folder)], env=environment, check=False).returncode == 0
        yield environment if started else {}
    finally:
        Path("/run/slurm/conf/slurm.conf").unlink(missing_ok=True)
        for pid in folder.glob("slurm*.pid"):
            with suppress(ProcessLookupError):
                os.kill(int(pid.read_text()), signal.SIGTERM)
        if MUNGE.exists() and MUNGE.read_text() != before:
            os.kill(int(MUNGE.read_text()), signal.SIGTERM)


def untrain(study: Study, cluster: dict[str, str], phase: str = "training") -> None:
    """Take a finished study back to before a phase (`kills.PHASES`): it, and all after it, is to be made on the cluster."""
    study.environment = cluster
    back_to(study, phase)
    profile = study.folder / "profiles/slurm/config.yaml"
    asked = study.run("blemore", "plan", "--slurm").stdout  # this study asks for no GPU, and this cluster has none
    text = re.sub(r"^set-resources:\n(?:  (?:prepare|embed|fit|train).*\n)+", asked, profile.read_text(), flags=re.M)
    profile.write_text(text.replace("checks: 10", "checks: 2"))


@contextmanager
def head(study: Study, *before: str) -> Iterator[subprocess.Popen]:
    """`make submission PROFILE=slurm` at work, in a process group of its own.

    Parameters
    ----------
    before : words of a command that starts it.
    """
    log = study.folder.with_suffix(".log")
    with (
        open(log, "w") as said,
        subprocess.Popen(
            (*before, *SLURM_MAKE),
            cwd=study.folder,
            env=study.environment,
            start_new_session=True,
            stdout=said,
            stderr=subprocess.STDOUT,
        ) as run,
    ):
        try:
            yield run
        except BaseException:
            os.killpg(run.pid, signal.SIGKILL)
            print(log.read_text())
            raise


def queued(study: Study) -> dict[str, str]:
    """{job: its comment} of all jobs in the queue."""
    rows = study.run("squeue", "--noheader", "--format=%i %k").stdout.splitlines()
    return dict(row.split(maxsplit=1) for row in rows)


def at_work(study: Study, rule: str, *, seconds: float = 5) -> str | None:
    """A job of a rule that has run for some seconds; None where there is none."""
    rows = study.run("squeue", "--noheader", "--states=RUNNING", "--format=%i %S %k").stdout.splitlines()
    for row in rows:
        job, begun, comment = row.split(maxsplit=2)
        if rule in comment and time.time() - time.mktime(time.strptime(begun, "%Y-%m-%dT%H:%M:%S")) >= seconds:
            return job
    return None


def wait(what: Callable[[], Any], run: subprocess.Popen | None = None) -> Any:
    """Wait until something is so; what it is. A run that ends before is a failure."""
    until = time.monotonic() + SECONDS
    while not (value := what()):
        assert time.monotonic() < until, "waited in vain"
        assert run is None or run.poll() is None, "the run ended before"
        time.sleep(0.2)
    return value


def records(study: Study, *rules: str) -> list[Mapping[str, Any]]:
    """The records of some rules' jobs, or of all."""
    found = [json.loads(path.read_text()) for path in (study.folder / "lineage/records").iterdir()]
    return [record for record in found if not rules or record["job"]["rule"] in rules]
