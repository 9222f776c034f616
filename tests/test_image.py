"""The image is made from the same locks, by the same line of the Makefile, and no clip gets into it."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]
DOCKERFILE = (REPOSITORY / "Dockerfile").read_text()
INSTALLERS = re.compile(r"\b(pip|uv|conda|mamba|poetry|install\.py)\b")
PROGRAMS = "apt-get update && apt-get install --yes --no-install-recommends git make && rm -rf /var/lib/apt/lists/*"
"""What README.md asks for beside Python."""


def lines(text: str, what: str) -> list[str]:
    """What stands behind an instruction, each time."""
    return re.findall(rf"^{what} (.*)$", text, re.M)


def copied(text: str) -> list[str]:
    """Files and folders of the checkout that get into the image."""
    return [name for line in lines(text, "COPY") for name in line.split()[:-1]]


def faults(text: str, folder: Path) -> list[str]:
    """Where a Dockerfile installs otherwise than `make .venv/runtime` does in a checkout; `folder` is an empty one."""
    found = []
    for line in lines(text, "RUN"):
        if line == PROGRAMS:
            continue
        if INSTALLERS.search(line) or not re.match(
            r"TORCH=\$TORCH make \.venv/runtime( && rm -rf /root/\.cache)?$", line
        ):
            found.append(f"installs by itself: {line}")
    for name in copied(text):
        source = REPOSITORY / name
        if not source.exists():
            found.append(f"copies what is not there: {name}")
        elif source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__", "*.py"))
        else:
            shutil.copy(source, folder / name)
    made, here = (make(place) for place in (folder, REPOSITORY))
    if made != here:
        found.append(f"`make .venv/runtime` there: {made}")
    version = re.search(r"^FROM python:(3\.\d+)-", text, re.M)
    if not version or f"python{version[1]} " not in (REPOSITORY / "envs/python.sh").read_text():
        found.append("a Python that the Makefile does not take")
    return found


def make(folder: Path) -> str:
    """What `make .venv/runtime` would do in a folder without environment."""
    command = ["make", "--dry-run", "--always-make", "--no-print-directory", ".venv/runtime"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def test_the_image_installs_what_the_makefile_installs(tmp_path: Path) -> None:
    assert faults(DOCKERFILE, tmp_path) == []
    assert "envs/install.py runtime" in make(tmp_path)
    assert "ARG TORCH=cpu" in DOCKERFILE  # envs/install.py takes cpu or cuda


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("RUN TORCH", "RUN pip install torch\nRUN TORCH", "installs by itself"),
        ("make .venv/runtime", "make .venv/developer", "installs by itself"),
        (" requirements-cuda.lock", "", "No rule to make target"),
        ("python:3.12", "python:3.14", "a Python that"),
        ("COPY envs", "COPY environments", "not there"),
    ],
)
def test_an_image_that_installs_otherwise_is_found(tmp_path: Path, old: str, new: str, fault: str) -> None:
    assert old in DOCKERFILE
    assert fault in "\n".join(faults(DOCKERFILE.replace(old, new), tmp_path))


def test_nothing_but_code_and_locks_is_sent_to_the_builder() -> None:
    ignored = [line for line in (REPOSITORY / ".dockerignore").read_text().splitlines() if not line.startswith("#")]
    assert ignored[0] == "*"
    assert sorted(line.removeprefix("!") for line in ignored if line.startswith("!")) == sorted(copied(DOCKERFILE))
    tracked = subprocess.run(["git", "ls-files"], cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout
    assert {name.partition("/")[0] for name in tracked.splitlines()} >= set(copied(DOCKERFILE))
