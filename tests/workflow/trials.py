"""What the trials of campaigns share: a finished study for each commit, a copy of it for each trial, how a trial ends."""

import random
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock

from .conftest import REPOSITORY, Study, make_finished
from .mishaps import OK

FOLDER = REPOSITORY / ".campaigns"


def reference() -> Study:
    """The finished study of the present commit, made by the first trial that needs it."""
    commit = subprocess.run(["git", "rev-parse", "HEAD"], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    FOLDER.mkdir(exist_ok=True)
    with FileLock(FOLDER / "reference.lock"):
        top = FOLDER / "reference"
        done = top / "done"
        if not done.exists() or done.read_text() != commit.stdout:
            shutil.rmtree(top, ignore_errors=True)
            top.mkdir()
            make_finished(top)
            done.write_text(commit.stdout)
    return Study(top / "study", cold=True)


@contextmanager
def copied(study: Study, name: str) -> Iterator[Study]:
    """A copy for one trial, removed afterwards."""
    folder = FOLDER / "trials" / "".join(letter if letter.isalnum() else "-" for letter in name)
    _remove(folder)  # of a trial that was killed
    folder.mkdir(parents=True)
    try:
        yield study.copy(folder / "study", cold=True)
    finally:
        _remove(folder)


def _remove(folder: Path) -> None:
    subprocess.run(["chmod", "-R", "u+rwX", str(folder)], stderr=subprocess.DEVNULL, check=False)
    shutil.rmtree(folder, ignore_errors=True)


def chance(name: str) -> random.Random:
    """Random numbers of a trial, always the same ones."""
    return random.Random(name)


def verified(study: Study) -> tuple[str, str]:
    """The word in which `blemore lineage verify` ends, and all that it says."""
    done = study.run("blemore", "lineage", "verify", check=False)
    words = re.findall(r"^([A-Z][A-Z ]+)(?=[:,]|$)", done.stdout, re.M)
    assert words, f"verify gave no verdict:\n{done.stdout}\n{done.stderr}"
    assert "Traceback" not in done.stderr, done.stderr
    return words[-1], done.stdout


def says_so(study: Study, expected: str) -> str:
    """`verify` says OK where that is expected, and else anything but TAMPERED; all that it says."""
    word, said = verified(study)
    assert word == OK if expected == OK else word != "TAMPERED", f"expected {expected}:\n{said}"
    return said


def is_whole_again(study: Study, finished: Study) -> None:
    """`make submission` alone brings back the bytes of the finished study; it verifies, and DVC has versioned it."""
    made = study.make()
    mine, whole = study.payload(), finished.payload()
    assert mine == whole, sorted(path for path in mine.keys() | whole.keys() if mine.get(path) != whole.get(path))
    said = says_so(study, OK)
    assert "dvc.lock" not in said, f"{made.stdout}\n{made.stderr}\n{said}"  # a note on why it was not compared
