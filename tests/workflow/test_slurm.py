"""A study on a cluster: the same bytes as on one machine, and a head that is killed leaves no jobs that are doubled."""

import json
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from .conftest import ENVIRONMENT, MAKE, REPOSITORY, Study
from .kills import back_to
from .mishaps import OK
from .trials import says_so

PROGRAMS = ("munged", "slurmctld", "slurmd", "squeue", "sinfo")
SBIN = f"{os.environ['PATH']}{os.pathsep}/usr/sbin"
LACKING = [name for name in PROGRAMS if not shutil.which(name, path=SBIN)]
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.getuid() != 0, reason="daemons of Slurm are started by root"),
    pytest.mark.skipif(Path("/etc/slurm/slurm.conf").exists(), reason="this machine belongs to a Slurm already"),
    pytest.mark.skipif(bool(LACKING), reason=f"no Slurm here (apt-get install slurm-wlm munge): {', '.join(LACKING)}"),
    pytest.mark.skipif(
        not find_spec("snakemake_executor_plugin_slurm"), reason="the extra `slurm` is not installed (docs/cluster.md)"
    ),
]


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[dict[str, str]]:
    """A Slurm at work; the environment in which its commands find it."""
    folder = tmp_path / "slurm"
    environment = ENVIRONMENT | {"SLURM_CONF": str(folder / "slurm.conf"), "PATH": f"{ENVIRONMENT['PATH']}:/usr/sbin"}
    munge = Path("/run/munge/munged.pid")
    before = munge.read_text() if munge.exists() else None
    try:
        subprocess.run(["bash", str(REPOSITORY / "tests/workflow/slurm.sh"), str(folder)], env=environment, check=True)
        yield environment
    finally:
        Path("/run/slurm/conf/slurm.conf").unlink(missing_ok=True)
        for pid in folder.glob("slurm*.pid"):
            os.kill(int(pid.read_text()), signal.SIGTERM)
        if munge.exists() and munge.read_text() != before:
            os.kill(int(munge.read_text()), signal.SIGTERM)


def queued(study: Study) -> dict[str, str]:
    """{job: its comment} of all jobs in the queue."""
    rows = study.run("squeue", "--noheader", "--format=%i %k").stdout.splitlines()
    return dict(row.split(maxsplit=1) for row in rows)


def test_a_study_whose_head_is_killed_ends_on_the_cluster_with_the_bytes_of_one_machine(
    finished: Study, cluster: dict[str, str], tmp_path: Path
) -> None:
    study = finished.copy(tmp_path / "study", cold=True)
    study.environment = cluster
    back_to(study, "training")
    profile = study.folder / "profiles/slurm/config.yaml"
    asked = study.run("blemore", "plan", "--slurm").stdout  # this study asks for no GPU, and this cluster has none
    text = re.sub(r"^set-resources:\n(?:  (?:prepare|embed|fit|train).*\n)+", asked, profile.read_text(), flags=re.M)
    profile.write_text(text.replace("checks: 10", "checks: 2"))
    make = (*MAKE, "PROFILE=slurm")
    with subprocess.Popen(
        make,
        cwd=study.folder,
        env=cluster,
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as head:
        while not queued(study):
            assert head.poll() is None
            time.sleep(0.2)
        os.killpg(head.pid, signal.SIGKILL)
    left = queued(study)
    refused = study.make(check=False)
    assert refused.returncode
    assert "jobs of a killed run are still in the queue" in refused.stderr
    assert all(job in refused.stderr for job in left)
    assert queued(study) == left  # none was doubled
    assert "cancelled" in study.run("blemore", "recover", "--force").stdout
    assert queued(study) == {}

    study.run(*make)
    assert study.payload() == finished.payload()
    says_so(study, OK)
    assert (study.folder / "dvc.lock").exists()
    assert study.would_run() == {}
    records = [json.loads(path.read_text()) for path in (study.folder / "lineage/records").iterdir()]
    on_cluster = [record for record in records if record["job"]["rule"] in ("train_fold", "fuse", "write_report")]
    assert all(record["place"]["slurm_job"] and record["job"]["attempt"] == 1 for record in on_cluster)
