"""A copy of the library in a folder of its own, and an environment in which the study's packages cannot be imported."""

import os
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path

import joblineage

LIBRARY = Path(joblineage.__path__[0])
IDENTITY = {f"GIT_{who}_{what}": "test" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
BLOCK = """\
import sys


class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in BLOCKED:
            raise ModuleNotFoundError(f"{name} is blocked", name=name)


sys.meta_path.insert(0, Blocked())
del __file__  # no part of any project: a job's record would name it
"""
"""As `sitecustomize`, loaded by every Python at its start. An installed study stays out of sight too."""


def alone(
    folder: Path, library: Path | None = LIBRARY, blocked: Iterable[str] = ("blemore", "demoactors")
) -> dict[str, str]:
    """The environment; with a copy of `library` in `folder`, or with what lies there already."""
    if library:
        shutil.copytree(library, folder / library.name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    (folder / "sitecustomize.py").write_text(BLOCK.replace("BLOCKED", repr(tuple(blocked))))
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("DVC_", "GIT_", "KMP_", "LD_", "LINEAGE_"))
    }
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    nobody = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    return kept | IDENTITY | nobody | {"PYTHONPATH": str(folder), "PATH": path, "DVC_NO_ANALYTICS": "1"}
