"""What would make the installation or a run fail on this machine, a sentence each. Nothing is written or installed."""

import importlib.util
import os
import re
import shutil
import sys
import tempfile
from pathlib import Path

SPECIAL = re.compile(r"[^\w .,+@=~-]")
"""Characters of a path that mean something to a shell, to make or in PATH. Letters of any alphabet and spaces do not."""

ENVIRONMENT = {"cpu": 3.0, "cuda": 9.0}
"""GB of .venv with `make test`'s part, by the build of torch. What was downloaded takes as much on a disk of its own."""
STUDY = 1.0
"""GB of the default study, DVC's copy included."""


def gpu() -> bool:
    """Whether this machine shows an NVIDIA GPU (of Linux, or of Windows to its Linux)."""
    return any(re.fullmatch(r"nvidia\d+|dxg", name) for name in os.listdir("/dev"))


def caches() -> Path:
    """The folder for what programs download and keep: a person's own."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")


def faults(root: Path, torch: str) -> list[str]:
    """What to change before an installation in the checkout `root`.

    torch : "cpu" or "cuda", the build that is going to be installed.
    """
    return [*_path(root), *_python(), *_folders(root), *_temporary(), *disk(root, torch)]


def disk(root: Path, torch: str) -> list[str]:
    """Whether the environment, the study and what is downloaded fit."""
    needed: dict[Path, float] = {root: ENVIRONMENT[torch] + STUDY}
    kept = next(folder for folder in (caches(), *caches().parents) if folder.exists())
    if kept.stat().st_dev != root.stat().st_dev:
        needed[kept] = ENVIRONMENT[torch]
    return [
        f"{free:.1f} GB are free in {folder}, {size:.0f} GB are needed: make room, or clone onto a larger disk."
        for folder, size in needed.items()
        if (free := shutil.disk_usage(folder).free / 1e9) < size
    ]


def _path(root: Path) -> list[str]:
    found = sorted(set(SPECIAL.findall(str(root).replace("/", ""))))
    return [f"The path {root} has {' '.join(found)} in it, which a shell takes for a command: move it."] if found else []


def _python() -> list[str]:
    if importlib.util.find_spec("ensurepip"):
        return []
    package = "python{}.{}-venv".format(*sys.version_info)
    return [f"{sys.executable} cannot make environments: install its package {package} (Debian and Ubuntu have one)."]


def _folders(root: Path) -> list[str]:
    shut = [str(folder) for folder in (root, root / "src") if not os.access(folder, os.W_OK)]
    return [f"Not writable: {', '.join(shut)}. Clone into a folder of your own."] if shut else []


def _temporary() -> list[str]:
    given = os.path.abspath(os.environ.get("TMPDIR") or "/tmp")
    try:
        fits = tempfile.gettempdir() == given
    except FileNotFoundError:
        fits = False
    return [] if fits else [f"No files can be made in {given}: set TMPDIR to a folder where they can."]
