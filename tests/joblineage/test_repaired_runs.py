"""After a repair, and after one without any copy, a run of the example ends in the same results, which verify."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from alone import LIBRARY

EXAMPLE = LIBRARY.parents[1] / "examples/words"
NAME = ["-c", "user.name=test", "-c", "user.email=test@example.org", "-c", "commit.gpgsign=false"]
ENVIRONMENT = os.environ | {
    "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    "PYTHONPATH": str(LIBRARY.parent),
}
pytestmark = pytest.mark.slow


def run(root: Path, *command: str, code: int = 0) -> str:
    done = subprocess.run(command, cwd=root, env=ENVIRONMENT, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def make_words(folder: Path) -> None:
    root = folder / "words"
    shutil.copytree(EXAMPLE, root, ignore=shutil.ignore_patterns("__pycache__"))
    run(root, "git", "init", "--quiet")
    run(root, "dvc", "init", "--quiet")
    run(root, "dvc", "config", "core.autostage", "false")
    run(root, "git", "add", "--all")
    run(root, "git", *NAME, "commit", "--quiet", "-m", "The example")
    run(root, "snakemake", "--cores", "1")


def lost(*names: str) -> Callable[[Path], None]:
    def lose(root: Path) -> None:
        for name in names:
            for path in sorted(root.glob(name)):
                shutil.rmtree(path) if path.is_dir() else path.unlink()

    return lose


def cut(name: str) -> Callable[[Path], None]:
    def halve(root: Path) -> None:
        for path in root.glob(name):
            data = path.read_bytes()
            path.unlink()
            path.write_bytes(data[: len(data) // 2])

    return halve


def both(*damages: Callable[[Path], None]) -> Callable[[Path], None]:
    return lambda root: [damage(root) for damage in damages]


NO_CACHE = lost(".dvc/cache")
DAMAGES = {
    "a result in the middle, and DVC's cache": (both(lost("results/weights.json"), NO_CACHE), 2),
    "Snakemake's notes, all": (lost(".snakemake/metadata"), 0),
    "Snakemake's notes and DVC's cache": (both(cut(".snakemake/metadata/*"), NO_CACHE), 0),
    "the records of a study that DVC does not know": (both(lost("lineage/records", "dvc.lock"), NO_CACHE), 4),
    "the document of a run that DVC does not know": (both(cut("lineage/runs/*"), lost("dvc.lock"), NO_CACHE), 1),
    "dvc.lock": (cut("dvc.lock"), 0),
    "every object of DVC's cache": (cut(".dvc/cache/files/md5/*/*"), 0),
}


@pytest.mark.parametrize(("damage", "jobs"), DAMAGES.values(), ids=DAMAGES)
def test_one_run_brings_back_what_was_damaged(made_once, tmp_path: Path, damage: Callable[[Path], None], jobs: int):
    before, root = made_once("words", make_words) / "words", tmp_path / "words"
    shutil.copytree(before, root)
    damage(root)
    run(root, "python", "study.py", "recover")
    said = run(root, "snakemake", "--cores", "1")
    assert len([line for line in said.splitlines() if line.startswith("localrule ")]) == jobs + bool(jobs), said
    for path in (before / "results").rglob("*.*"):
        assert (root / path.relative_to(before)).read_bytes() == path.read_bytes()
    run(root, "python", "study.py", "recover")
    assert run(root, "python", "study.py", "verify", "--cache").splitlines()[-1].startswith("OK")
    assert "Nothing to be done" in run(root, "snakemake", "--dry-run")
