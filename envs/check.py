"""What would make the installation or a run fail on this machine, a sentence each. Nothing is written or installed."""

import importlib.util
import os
import re
import shutil
import sys
import tempfile
from pathlib import Path

SPECIAL = re.compile(r"""[$:;'"`*?#&|<>()\[\]{}!\\%\s]""")
"""Characters of a path that mean something to a shell, to make, to Snakemake or in PATH. A space alone does no harm."""

DOWNLOAD = {"cpu": 0.7, "cuda": 3.4}
ENVIRONMENT = {"cpu": 2.6, "cuda": 6.3}
"""GB, by the build of torch: what is downloaded, and what .venv takes with what `make test` needs. Measured in 2026."""
STUDY = 0.7
"""GB of the default study, DVC's copy included."""


def gpu() -> bool:
    """Whether this machine shows an NVIDIA GPU (of Linux, or of Windows to its Linux)."""
    return any(re.fullmatch(r"nvidia[0-9]+|dxg", name) for name in os.listdir("/dev"))


def faults(root: Path, torch: str) -> list[str]:
    """What to change before an installation in the checkout `root`.

    torch : "cpu" or "cuda", the build that is going to be installed.
    """
    return [*path(root), *python(), *folders(root), *temporary(), *disk(root, torch)]


def disk(root: Path, torch: str) -> list[str]:
    """Whether the environment and the study fit, and what uv keeps of all packages, where that is another disk."""
    needed = {root: ENVIRONMENT[torch] + STUDY}
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    cache = next(folder for folder in (cache, *cache.parents) if folder.exists())
    if cache.stat().st_dev != root.stat().st_dev:  # on the same one, .venv links to it
        needed[cache] = ENVIRONMENT[torch]
    return [
        f"{free:.1f} GB are free in {folder}, {size:.1f} GB are needed: make room there."
        for folder, size in needed.items()
        if (free := shutil.disk_usage(folder).free / 1e9) < size
    ]


def path(root: Path) -> list[str]:
    marks = sorted(set(SPECIAL.findall(str(root).replace(" ", ""))))
    return (
        [f"The path {root} has {' '.join(marks)} in it, which a shell takes for a command: move it."] if marks else []
    )


def python() -> list[str]:
    if importlib.util.find_spec("ensurepip"):
        return []
    package = "python{}.{}-venv".format(*sys.version_info)
    return [f"{sys.executable} cannot make environments: install its package {package} (Debian and Ubuntu have one)."]


def folders(root: Path) -> list[str]:
    shut = [str(folder) for folder in (root, root / "src") if not os.access(folder, os.W_OK)]
    return [f"Not writable: {', '.join(shut)}. Clone into a folder of your own."] if shut else []


def temporary() -> list[str]:
    named = [os.environ[name] for name in ("TMPDIR", "TEMP", "TMP") if os.environ.get(name)]
    given = os.path.abspath([*named, "/tmp"][0])
    try:
        fits = tempfile.gettempdir() == given
    except FileNotFoundError:
        fits = False
    return [] if fits else [f"No files can be made in {given}: set TMPDIR to a folder where they can."]
