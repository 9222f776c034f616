"""The door: what would fail is said before anything is installed, and uv finds what pip finds."""

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

REPOSITORY = Path(__file__).parents[1]
BASH = shutil.which("bash")


@pytest.fixture
def check(monkeypatch):
    monkeypatch.syspath_prepend(str(REPOSITORY / "envs"))
    return importlib.import_module("check")


@pytest.fixture
def install(check):
    return importlib.import_module("install")


def python(folder: Path, name: str, version: str, *, runs: bool = True) -> None:
    """A program that answers as a Python of that version, or one that is there and does not run, as pyenv's do."""
    code = f"import sys; from collections import namedtuple; sys.version_info = {tuple(map(int, version.split('.')))}"
    lines = [f"exec {sys.executable} -c \"{code}; $2\"" if runs else "exit 127"]
    (folder / name).write_text("\n".join([f"#!{BASH}", *lines, ""]))
    (folder / name).chmod(0o755)


def found(folder: Path, *given: str) -> subprocess.CompletedProcess:
    command = [BASH, str(REPOSITORY / "envs/python.sh"), *given]
    return subprocess.run(command, cwd=folder, env={"PATH": f"{folder}:/bin"}, capture_output=True, text=True)
