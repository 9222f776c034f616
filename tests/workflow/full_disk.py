"""A disk that fills while a run is at work."""

import shutil
import subprocess
import time
from contextlib import suppress

from .conftest import ENVIRONMENT, MAKE, Study
from .kills import back_to, phases

PHASES = ("generation", "prepare", "training", "fusion", "commit")
ROOM = 1 << 29
"""Bytes of the disk beside what the study holds when the run begins: as much as the plan asks for, so that it begins."""


def run_on_a_small_disk(study: Study, phase: str) -> None:
    """Bring the study to a small disk of its own, mounted in its place, and have the disk filled by somebody else in a phase
    of a run. The run fails; then there is room again.

    Mounts: for a process in a mount namespace of its own.
    """
    back_to(study, phase)
    whole = study.folder.rename(study.folder.parent / "whole")
    size = sum(path.lstat().st_size for path in whole.rglob("*")) + ROOM
    study.folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(study.folder)], check=True)
    shutil.copytree(whole, study.folder, symlinks=True, dirs_exist_ok=True)
    run = subprocess.Popen(
        MAKE, cwd=study.folder, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    while phase not in phases(study, "make"):
        assert run.poll() is None, f"{phase} was not met: {run.communicate()[0]}"
        time.sleep(0.01)
    ballast = study.folder / "ballast"
    with suppress(OSError), open(ballast, "wb", buffering=0) as file:
        while True:
            file.write(bytes(1 << 16))
    said, _ = run.communicate()
    assert run.returncode, said
    ballast.unlink()
