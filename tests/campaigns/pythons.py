"""The default study and the everyday tests on each Python that the project names; the study's bytes beside those of 3.11.

Each Python has a clone with an environment of its own in .campaigns/pythons, and is found by its name: python3.12.
"""

import shutil
import subprocess
import sys
from pathlib import Path

from filelock import FileLock

TESTS = Path(__file__).parents[1]
sys.path.insert(0, str(TESTS))

from workflow.conftest import ENVIRONMENT, Study  # noqa: E402

ABOUT = (
    "The default study on Python 3.12 and 3.13, every payload file byte for byte that of Python 3.11; and the everyday "
    "tests there."
)
FIRST, OTHERS = "3.11", ("3.12", "3.13")
ROOT = TESTS.parent


def trials() -> dict[str, list[str]]:
    own = [sys.executable, str(Path(__file__))]
    return {f"{what}/{version}": [*own, what, version] for what in ("study", "tests") for version in OTHERS}


def clone(version: str) -> Path:
    """A clone of the present commit for this Python; what was made there of the same commit stays."""
    folder = ROOT / ".campaigns/pythons" / version

    def head(of: Path) -> str:
        return subprocess.run(["git", "rev-parse", "HEAD"], cwd=of, capture_output=True, text=True, check=True).stdout

    if not (folder / ".git").is_dir() or head(folder) != head(ROOT):
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(folder)], check=True)
    return folder


def make(version: str, target: str) -> Study:
    """`make` in this Python's clone, one process of a campaign at a time."""
    (ROOT / ".campaigns/pythons").mkdir(parents=True, exist_ok=True)
    with FileLock(ROOT / f".campaigns/pythons/{version}.lock"):
        folder = clone(version)
        command = ["make", f"PYTHON=python{version}", "CORES=1", target]
        subprocess.run(command, cwd=folder, env=ENVIRONMENT, check=True)
        return Study(folder)


def different(one: dict[str, str], other: dict[str, str]) -> list[str]:
    """Files that are only in one of two studies, or have other bytes in the second one."""
    return sorted(path for path in one.keys() | other.keys() if one.get(path) != other.get(path))


def main(what: str, version: str) -> int:
    if what == "tests":
        make(version, "quick")
        return 0
    here, there = make(version, "submission").payload(), make(FIRST, "submission").payload()
    found = different(there, here)
    print(f"{len(here)} payload files, {len(found)} differ from those of Python {FIRST}", *found, sep="\n  ")
    return 1 if found or not here else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
