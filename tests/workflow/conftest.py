"""Real runs of both runners on a tiny study, in clones of this repository with their params.yaml edited."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from . import warm

REPOSITORY = Path(__file__).parents[2]
OURS = ("BLEMORE_", "DVC_", "GIT_", "KMP_", "LD_", "MAKE", "MFLAGS", "PYTEST_")
ENVIRONMENT = {key: value for key, value in os.environ.items() if not key.startswith(OURS)}
ENVIRONMENT["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
for who in ("AUTHOR", "COMMITTER"):  # a newcomer has told git no name yet
    ENVIRONMENT |= {f"GIT_{who}_NAME": "test", f"GIT_{who}_EMAIL": "test@example.org"}
WARM = dict(ENVIRONMENT)
"""With the commands of warm.py in front, while tests run."""
UNSIGNED = ["-c", "commit.gpgsign=false"]

ENCODERS = ("s4d", "videomae", "wav2vec2_prosody")
"""Two networks that are trained, and one that is not."""
MAKE = ("make", "--old-file=.venv/runtime", "submission")


class Study:
    """A workspace: a clone in which commands are run as a user would.

    cold : whether each command and job starts a Python of its own, and not one of warm.py.
    """

    def __init__(self, folder: Path, *, cold: bool = False):
        self.folder = folder
        self.environment = ENVIRONMENT if cold else WARM

    def run(self, *command: str, check: bool = True) -> subprocess.CompletedProcess:
        # Found in PATH here: subprocess looks in that of pytest itself.
        program = shutil.which(command[0], path=self.environment["PATH"])
        done = subprocess.run(
            [program, *command[1:]],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=1200,
        )
        if check and done.returncode:
            raise AssertionError(f"{' '.join(command)} ended with {done.returncode}\n{done.stdout}\n{done.stderr}")
        return done

    def git(self, *command: str) -> str:
        return self.run("git", *UNSIGNED, *command).stdout

    def edit_params(self, change) -> None:
        """Apply `change` to the parsed params.yaml and write it back."""
        path = self.folder / "params.yaml"
        values = yaml.safe_load(path.read_text())
        change(values)
        path.write_text(yaml.safe_dump(values, sort_keys=False))

    def submission(self, cores: int = 2) -> str:
        """Run the workflow; what it printed."""
        done = self.run("snakemake", "--cores", str(cores), "submission")
        return done.stdout + done.stderr

    def make(self, check: bool = True) -> subprocess.CompletedProcess:
        """`make submission` as in the README, in this environment instead of installing another."""
        return self.run(*MAKE, check=check)

    def would_run(self, target: str = "submission") -> dict[str, int]:
        """Rules that Snakemake would run now, with the number of jobs of each."""
        done = self.run("snakemake", "-n", target)
        text = done.stdout + done.stderr
        if "Nothing to be done" in text:
            return {}
        table = re.search(r"^job\s+count\n-+\s+-+\n(.*?)^total", text, re.M | re.S)
        assert table, text
        counts = {name: int(count) for name, count in (line.split() for line in table[1].splitlines())}
        return {name: count for name, count in counts.items() if name not in TARGETS}

    def repro(self, *targets: str) -> list[str]:
        """Run `dvc repro`; the rules that executed a job, one entry a job."""
        done = self.run("dvc", "repro", *targets)
        return executed(done.stdout + done.stderr)

    def payload(self) -> dict[str, str]:
        """sha256 of every file of the study that holds no times, hosts or costs."""
        volatile = yaml.safe_load((self.folder / "schemas/volatile_files.yaml").read_text())["volatile"]
        files = [path for top in ("data", "results") for path in (self.folder / top).rglob("*") if path.is_file()]
        names = {path.relative_to(self.folder).as_posix(): path for path in files}
        return {
            name: hashlib.sha256(path.read_bytes()).hexdigest()
            for name, path in sorted(names.items())
            if not any(Path(name).match(pattern) for pattern in volatile)
        }

    def remotes(self, folder: Path) -> None:
        """Set up DVC's two remotes as local folders, "shared" (the default one) and "private"; not committed."""
        self.run("dvc", "remote", "add", "--force", "--default", "shared", str(folder / "shared"))
        self.run("dvc", "remote", "add", "--force", "private", str(folder / "private"))

    def copy(self, folder: Path, *, cold: bool = False) -> "Study":
        """A copy to be changed freely; what DVC's cache holds is never written over, and linked."""
        cache = Path(".dvc/cache")
        aside = shutil.ignore_patterns("cache")
        shutil.copytree(
            self.folder, folder, ignore=lambda top, names: aside(top, names) if top.endswith(".dvc") else []
        )
        shutil.copytree(self.folder / cache, folder / cache, copy_function=os.link)
        return Study(folder, cold=cold)


def executed(said: str) -> list[str]:
    """The rules of a run's jobs, in the order in which they were finished, by what it printed."""
    return re.findall(r"^ *\d+ of \d+  (\w+)", said, re.M)


TARGETS = (
    "data",
    "prepare",
    "embed",
    "encode",
    "individuals",
    "calibrate",
    "evaluate",
    "submit",
    "report",
    "submission",
)
"""Rules without a script: names for what a step makes."""


def make_tiny(values: dict) -> None:
    """Turn the committed params.yaml into a small study: few persons, short clips, one epoch, little searching."""
    values["demo"].update(train_actors=2, test_actors=1, folds=2, intensities=[4], neutral=1, ratios=1, unusual={})
    values["demo"].update(seconds=[0.5, 0.6], size=128)
    values["media"]["shards"] = 2
    values["media"]["samples"]["faces"]["every"] = 16
    for name, entry in values["encoders"].items():
        entry["enabled"] = name in ENCODERS
        if "epochs" in entry.get("tiny", {}):
            entry["tiny"]["epochs"] = 1
    values["fusion"]["cmaes"]["evaluations"] = 40
    values["fusion"]["greedy"].update(bags=2, members=4)
    values["calibration"]["personal"].update(kappas=[2], ks=[5])
    values["calibration"]["controls"] = 2


def only_the_quick_encoder(values: dict) -> None:
    """Leave an encoder without a network alone in the study, for promises that have nothing to do with training."""
    for name, entry in values["encoders"].items():
        entry["enabled"] = name == "face_geometry"


def clone(folder: Path, *, cold: bool = False) -> Study:
    """Clone this repository as it stands in the working tree, commit the tiny params there."""
    subprocess.run(["git", "clone", "--quiet", str(REPOSITORY), str(folder)], check=True)
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=REPOSITORY,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    for name in filter(None, listed.split("\0")):
        if name == "dvc.lock":  # of a study that was run in the repository itself
            continue
        source, target = REPOSITORY / name, folder / name
        if source.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)
        else:
            target.unlink(missing_ok=True)
    for compiled in (REPOSITORY / "src").rglob("*.nb[ci]"):  # numba's cache, which would cost each clone 20 s
        target = folder / compiled.relative_to(REPOSITORY)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(compiled, target)
    study = Study(folder, cold=cold)
    study.git("remote", "remove", "origin")  # DVC cannot copy a path with an umlaut for its experiments
    study.edit_params(make_tiny)
    study.git("add", "--all")
    study.git("commit", "--quiet", "-m", "A tiny study")
    return study


@pytest.fixture(scope="session", autouse=True)
def warm_commands() -> Iterator[Path]:
    """A warm server for this process, at work from the first of these tests on; the folder of its commands."""
    with tempfile.TemporaryDirectory() as folder, warm.commands(Path(folder), ENVIRONMENT) as commands:
        WARM["PATH"] = f"{commands}{os.pathsep}{ENVIRONMENT['PATH']}"
        yield commands


@pytest.fixture(scope="package", autouse=True)
def warm_python(warm_commands: Path) -> Iterator[None]:
    """What the package starts by sys.executable starts warm too, while these tests run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "executable", str(warm_commands / "python"))
        yield


@pytest.fixture(scope="session")
def made_once(made_once) -> Callable[[str, Callable[[Path], None]], Study]:
    """The study that `make(folder)` made in `folder / "study"`, once for all of pytest's workers."""
    return lambda name, make: Study(made_once(name, make) / "study")


def make_finished(folder: Path) -> None:
    study = clone(folder / "study", cold=True)
    (folder / "said.txt").write_text(study.submission(cores=1))
    study.git("add", "dvc.lock")
    study.git("commit", "--quiet", "-m", "The study's versions")


def make_guarded(folder: Path) -> None:
    study = clone(folder / "study")

    def change(values: dict) -> None:
        values["demo"]["train_actors"] = 3
        for name, entry in values["encoders"].items():
            entry["enabled"] = name in ("face_geometry", "gemini")

    study.edit_params(change)
    study.git("commit", "--quiet", "-am", "Three actors")
    study.submission()
    study.remotes(folder)
    study.git("add", "dvc.lock", ".dvc/config")
    study.git("commit", "--quiet", "-m", "The study's versions and its remotes")
    study.run("dvc", "push")


@pytest.fixture(scope="session")
def finished(made_once) -> Study:
    """A tiny study, run undisturbed on one core, as a user does. Tests never change it: they work in copies."""
    return made_once("finished", make_finished)


@pytest.fixture(scope="session")
def guarded(made_once) -> Study:
    """A finished study of three actors without trainings, but with a service's vectors, pushed to its two
    remotes. Tests never change it: they work in copies, `with_stores`."""
    return made_once("guarded", make_guarded)


def with_stores(guarded: Study, folder: Path) -> Study:
    """A copy of the guarded study and of its remotes."""
    study = guarded.copy(folder / "study")
    for name in ("shared", "private"):
        shutil.copytree(guarded.folder.parent / name, folder / name)
    study.remotes(folder)
    study.git("commit", "--quiet", "-am", "The copies of the remotes")
    return study


@pytest.fixture
def study(finished: Study, tmp_path: Path) -> Study:
    """A copy of the finished study, to be changed freely."""
    return finished.copy(tmp_path / "study")
