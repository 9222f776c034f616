"""The example, another project than the study, uses the library alone: its README's commands are run for real."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from alone import LIBRARY, alone

EXAMPLE = Path(__file__).parents[2] / "examples/words"
README = (LIBRARY / "README.md").read_text()
VARIES = re.compile(r"\b[0-9a-f]{8,64}\b|\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d|\b\d+\.\d s\b|\b\d+\.\d MB\b")
"""Hashes, times and costs, which are others each time."""


def steps() -> list[tuple[str, str]]:
    """(command, what it prints) of the README, in its order."""
    blocks = "".join(re.findall(r"^```console\n(.*?)^```", README, re.M | re.S))
    return re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", blocks, re.M)


def masked(text: str) -> list[str]:
    return [VARIES.sub("*", line).rstrip() for line in text.splitlines()]


@pytest.mark.slow
def test_the_readme_s_commands_print_what_it_shows_where_the_study_cannot_be_imported(tmp_path):
    environment, project = alone(tmp_path / "library"), tmp_path / "words"
    shutil.copytree(EXAMPLE, project, ignore=shutil.ignore_patterns("__pycache__"))
    printed = {}
    for command, expected in steps():
        done = subprocess.run(
            ["bash", "-c", command], cwd=project, env=environment, capture_output=True, text=True, check=False
        )
        assert masked(done.stdout) == masked(expected), f"{command}\n{done.stdout}{done.stderr}"
        printed.setdefault(command.split("--")[0].strip(), []).append(
            (done.returncode, done.stdout.split(" ")[0].strip())
        )
    assert [word for _, word in printed["python study.py verify"]] == ["OK:", "TAMPERED", "OK:"]
    assert [code for code, _ in printed["python study.py verify"]] == [0, 11, 0]
    assert {"python study.py why results/summary.json", "python study.py show results/summary.json"} < printed.keys()
    assert (tmp_path / "words.zip").stat().st_size > 10_000
    # A Python whose path a shell would divide.
    (tmp_path / "two words").symlink_to(sys.prefix)
    again = [f"{tmp_path}/two words/bin/python", "-m", "snakemake", "--cores", "1", "--forcerun", "judge"]
    subprocess.run(again, cwd=project, env=environment, check=True, capture_output=True)
    nothing = subprocess.run(
        ["snakemake", "--dry-run"], cwd=project, env=environment, capture_output=True, text=True, check=True
    )
    assert "Nothing to be done" in nothing.stdout + nothing.stderr
    missing = subprocess.run(
        ["python", "study.py", "show", "nothing"], cwd=project, env=environment, capture_output=True, text=True
    )
    assert (missing.returncode, "Traceback" in missing.stderr) == (1, False)
    assert "close to it" in missing.stderr


@pytest.mark.parametrize("module", ["blemore.study", "demoactors.make", "joblineage.verify"])
def test_alone_the_library_can_be_imported_and_the_study_cannot(tmp_path: Path, module: str):
    environment = alone(tmp_path)
    code = f"import {module} as found; print(found.__file__)"
    done = subprocess.run(["python", "-c", code], env=environment, cwd=tmp_path, capture_output=True, text=True)
    if module.startswith("joblineage"):
        assert Path(done.stdout.strip()) == tmp_path / "joblineage/verify.py"
    else:
        assert done.stderr.endswith(f"ModuleNotFoundError: {module.partition('.')[0]} is blocked\n")
