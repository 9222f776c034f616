"""The library's tests pass where the packages of the study cannot be imported."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from alone import alone

TESTS = Path(__file__).parent


@pytest.mark.slow
def test_the_library_s_tests_pass_where_the_study_cannot_be_imported(tmp_path):
    environment = alone(tmp_path / "src")
    shutil.copytree(TESTS, tmp_path / "tests/joblineage", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("tests/conftest.py", "pyproject.toml"):
        shutil.copy(TESTS.parents[1] / name, tmp_path / name)
    environment = {name: value for name, value in environment.items() if not name.startswith("PYTEST_")}
    command = [
        "python",
        "-m",
        "pytest",
        "-p",
        "no:cacheprovider",
        "-m",
        "not slow and not thorough",
        "tests/joblineage",
    ]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(re.findall(r"\.", done.stdout.partition("=")[0])) > 140
