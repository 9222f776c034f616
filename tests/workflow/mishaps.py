"""Honest mishaps of a finished study, none of which is a forgery: failed and broken runs, clocks, copies, other users.

Each is a generator that is given a copy of the study. Wherever it yields, `blemore lineage verify` is asked: it must say OK
where OK is yielded, and anything but TAMPERED where HONEST is. After the last one `make submission` makes all well.
"""

import json
import os
import shutil
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

from .conftest import ENVIRONMENT, MAKE, Study
from .kills import back_to, kill, phases

OK, HONEST = "OK", "anything but TAMPERED"
Mishap = Callable[[Study], Iterator[str]]

DAY = 86400
CLOCK = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <sys/time.h>
#include <time.h>
int clock_gettime(clockid_t clock, struct timespec *now) {
    int (*real)(clockid_t, struct timespec *) = dlsym(RTLD_NEXT, "clock_gettime");
    int failed = real(clock, now);
    if (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE) now->tv_sec += SECONDS;
    return failed;
}
time_t time(time_t *into) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return into ? (*into = now.tv_sec) : now.tv_sec;
}
int gettimeofday(struct timeval *restrict into, void *restrict zone) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    into->tv_sec = now.tv_sec;
    into->tv_usec = now.tv_nsec / 1000;
    return 0;
}
"""
"""A library that has every process believe in another time; times of files stay those of the machine."""


def with_clock(study: Study, seconds: int) -> Study:
    """The same study for someone whose clock is off."""
    library = study.folder.parent / f"clock{seconds}.so"
    source = library.with_suffix(".c")
    source.write_text(CLOCK)
    command = ["cc", "-shared", "-fPIC", f"-DSECONDS={seconds}", "-o", str(library), str(source), "-ldl"]
    subprocess.run(command, check=True)
    return with_environment(study, LD_PRELOAD=str(library))


def with_environment(study: Study, folder: Path | None = None, **variables: str) -> Study:
    """The same study, or one in another folder, for someone with other environment variables."""
    other = Study(folder or study.folder, cold=True)
    other.environment = study.environment | variables
    return other


def through(study: Study, *command: str) -> Study:
    """The same study for someone whose `blemore` is started by another command (another user, a read-only disk)."""
    programs = study.folder.parent / "bin"
    programs.mkdir(exist_ok=True)
    real = shutil.which("blemore", path=ENVIRONMENT["PATH"])
    (programs / "blemore").write_text(f'#!/bin/sh\nexec {" ".join(command)} {real} "$@"\n')
    (programs / "blemore").chmod(0o755)
    return with_environment(study, PATH=f"{programs}{os.pathsep}{study.environment['PATH']}")


# -- runs that end badly, or while something changes


def failed_job(study: Study) -> Iterator[str]:
    """A table from outside is refused in mid-run; then its entry is taken out again."""
    before = (study.folder / "params.yaml").read_bytes()
    (study.folder / "outside/theirs.csv").write_text("clip,ang\nA901_ang_int4_ver1,yes\n")
    entry = {
        "enabled": True,
        "module": "precomputed",
        "learning": "given",
        "file": "outside/theirs.csv",
        "persons": None,
    }
    study.edit_params(lambda values: values["encoders"].update(theirs=entry))
    assert study.make(check=False).returncode
    yield HONEST
    (study.folder / "params.yaml").write_bytes(before)
    yield HONEST


def folder_in_place_of_a_result(study: Study) -> Iterator[str]:
    """A result is lost, and a folder lies in its place: `make submission` brings the file back."""
    place = study.folder / "results/calibration/models.json"
    place.unlink()
    place.mkdir()
    (place / "file").touch()
    study.make()
    assert place.is_file()
    yield HONEST


def broken_off(phase: str, how: str, tool: str = "make") -> Mishap:
    """A run that was killed."""

    def mishap(study: Study) -> Iterator[str]:
        back_to(study, phase)
        assert kill(study, phase, how, tool, Random(0)), f"{phase} was not met"
        yield HONEST

    return mishap


def killed_with_changed_parameters(study: Study) -> Iterator[str]:
    """A finished study is tried with other parameters, the run is killed, and the parameters are put back."""
    before = (study.folder / "params.yaml").read_bytes()
    study.edit_params(lambda values: values["fusion"]["cmaes"].update(evaluations=50))
    assert kill(study, "fusion", "TERM all", "make", Random(0))
    yield HONEST
    (study.folder / "params.yaml").write_bytes(before)
    yield HONEST


def during_a_run(change: Callable[[Study], None], phase: str = "training") -> Mishap:
    """Something is changed while a run is in a phase, then set back."""

    def mishap(study: Study) -> Iterator[str]:
        back_to(study, phase)
        run = started(study)
        while phase not in phases(study, "make"):
            assert run.poll() is None, f"{phase} was not met"
            time.sleep(0.02)
        change(study)
        yield HONEST  # while it runs
        run.wait()
        yield HONEST
        study.git("checkout", "--quiet", "--", "params.yaml", "src")

    return mishap


def started(study: Study) -> subprocess.Popen:
    return subprocess.Popen(
        MAKE, cwd=study.folder, env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


def _parameters(study: Study) -> None:
    study.edit_params(lambda values: values["encoders"]["videomae"]["tiny"].update(learning_rate=0.05))


def _later_parameters(study: Study) -> None:
    study.edit_params(lambda values: values["fusion"]["greedy"].update(bags=3))


def _source(study: Study) -> None:
    path = study.folder / "src/blemore/fusion/simplex.py"
    path.write_text(path.read_text() + "# an edit\n")


def _nothing(study: Study) -> None:
    """Verification alone, in mid-run."""


# -- clocks


def run_with_clock(seconds: int) -> Mishap:
    """A whole run by another clock, looked at by the right one, and by one that is off the other way."""

    def mishap(study: Study) -> Iterator[str]:
        back_to(study, "fusion")
        with_clock(study, seconds).make()
        yield OK
        study.environment = with_clock(study, -seconds).environment
        yield OK
        study.environment = ENVIRONMENT

    return mishap


def another_run_with_clock(seconds: int) -> Mishap:
    """A finished study is tried with another number by another clock, then made as it was by the right one."""

    def mishap(study: Study) -> Iterator[str]:
        before = (study.folder / "params.yaml").read_bytes()
        study.edit_params(lambda values: values["calibration"]["personal"].update(kappas=[3]))
        with_clock(study, seconds).make()
        yield OK
        (study.folder / "params.yaml").write_bytes(before)
        yield HONEST

    return mishap


def files_with_clock(seconds: int) -> Mishap:
    """A file server whose clock is off: all that was written has other times."""

    def mishap(study: Study) -> Iterator[str]:
        for path in files(study):
            about = path.stat()
            os.utime(path, (about.st_atime + seconds, about.st_mtime + seconds))
        yield OK

    return mishap


def shuffled_times(study: Study) -> Iterator[str]:
    chance = Random(0)
    for path in files(study):
        os.utime(path, (time.time() + chance.uniform(-1e7, 1e7),) * 2)
    yield OK


def files(study: Study) -> list[Path]:
    return sorted(path for path in study.folder.rglob("*") if path.is_file() and ".git" not in path.parts)


def metadata_written_late(study: Study) -> Iterator[str]:
    """What a remote executor does: the head notices the end of a job an hour later, by its own clock."""
    for path in (study.folder / ".snakemake/metadata").iterdir():
        said = json.loads(path.read_text())
        said["starttime"] -= 1800
        said["endtime"] += 3600
        path.write_text(json.dumps(said))
    yield OK


# -- other users, other places


def other_user(study: Study) -> Iterator[str]:
    """Someone who may read the study and write nowhere looks at it."""
    study.environment = through(study, "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--").environment
    yield OK
    study.environment = ENVIRONMENT


def no_home(study: Study) -> Iterator[str]:
    """Nobody's home, no writable cache."""
    study.environment = ENVIRONMENT | {"HOME": "/nonexistent", "XDG_CACHE_HOME": "/nonexistent/cache"}
    yield OK
    study.environment = ENVIRONMENT


def read_only(study: Study) -> Iterator[str]:
    """A disk that is mounted read-only."""
    here = f"mount --bind {study.folder} {study.folder} && mount -o remount,ro,bind {study.folder} && cd {study.folder}"
    study.environment = through(study, "unshare", "-m", "-r", "sh", "-c", f'\'{here} && exec "$0" "$@"\'').environment
    yield OK
    study.environment = ENVIRONMENT


def no_right_to_write(study: Study) -> Iterator[str]:
    """Its own owner has made it read-only."""
    subprocess.run(["chmod", "-R", "a-w", str(study.folder)], check=True)
    study.environment = through(study, "setpriv", "--bounding-set=-all", "--inh-caps=-all", "--").environment
    yield OK
    study.environment = ENVIRONMENT
    subprocess.run(["chmod", "-R", "u+w", str(study.folder)], check=True)


def elsewhere(bring: Callable[[Path, Path], object]) -> Mishap:
    """The study is brought to another folder, and goes on there."""

    def mishap(study: Study) -> Iterator[str]:
        there = study.folder.parent / "elsewhere"
        bring(study.folder, there)
        if study.folder.exists():
            shutil.rmtree(study.folder)
        study.folder = there
        yield OK

    return mishap


def zipped(here: Path, there: Path) -> None:
    """By zip, which keeps even seconds and no links."""
    subprocess.run(["zip", "-qr", str(there.with_suffix(".zip")), "."], cwd=here, check=True)
    subprocess.run(["unzip", "-q", str(there.with_suffix(".zip")), "-d", str(there)], check=True)


def tarred(here: Path, there: Path) -> None:
    archive = there.with_suffix(".tar")
    with tarfile.open(archive, "w") as file:
        file.add(here, ".")
    with tarfile.open(archive) as file:
        file.extraction_filter = getattr(tarfile, "data_filter", None)  # which Python has from 3.11.4 on
        file.extractall(there)


def copied_by(*command: str) -> Callable[[Path, Path], object]:
    return lambda here, there: subprocess.run([*command, str(here), str(there)], check=True)


def moved(name: str) -> Mishap:
    def mishap(study: Study) -> Iterator[str]:
        study.folder = study.folder.rename(study.folder.parent / name)
        yield OK

    return mishap


def through_a_link(study: Study) -> Iterator[str]:
    real, link = study.folder, study.folder.parent / "link"
    link.symlink_to(real, target_is_directory=True)
    study.folder = link
    yield OK
    study.folder = real


def hard_linked(study: Study) -> Iterator[str]:
    shutil.copytree(study.folder, study.folder.parent / "second", copy_function=os.link)
    yield OK
    shutil.rmtree(study.folder.parent / "second")


def cloned(*options: str) -> Mishap:
    """A clone that pulls, with git's options."""

    def mishap(study: Study) -> Iterator[str]:
        study.remotes(study.folder.parent)
        study.git("commit", "--quiet", "--all", "-m", "A store")
        study.run("dvc", "push")
        there = study.folder.parent / "clone"
        study.run("git", *options, "clone", "--quiet", str(study.folder), str(there))
        for name, value in (one.split("=") for one in options if "=" in one):
            study.run("git", "-C", str(there), "config", name, value)
        study.run("git", "-C", str(there), "checkout", "--quiet", "--force", "HEAD")
        study.folder = there
        study.run("dvc", "pull")
        yield OK

    return mishap


# -- strangers' files, other tools, another environment


def left_by(*names: str, where: tuple[str, ...], says: str = OK) -> Mishap:
    """Small files that a file manager or an editor leaves in folders."""

    def mishap(study: Study) -> Iterator[str]:
        for folder in where:
            for name in names:
                (study.folder / folder / name).write_bytes(b"\0\0\0\1Bud1")
        yield says
        for folder in where:
            for name in names:
                (study.folder / folder / name).unlink(missing_ok=True)

    return mishap


def readme_edited(study: Study) -> Iterator[str]:
    for name in ("README.md", "docs/lineage.md", "tests/conftest.py"):
        path = study.folder / name
        path.write_text(path.read_text() + "\nA note.\n")
    yield OK
    study.git("commit", "--quiet", "--all", "-m", "Notes")
    yield OK


def other_package(study: Study) -> Iterator[str]:
    """An unrelated package is upgraded: another environment in which everything else is the same."""
    venv = study.folder.parent / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(venv)], check=True)
    (packages,) = venv.glob("lib/python*/site-packages")
    (real,) = (Path(path) for path in sys.path if path.endswith("site-packages"))
    (packages / "real.pth").write_text(f"{real}\n")
    (packages / "unrelated-2.0.dist-info").mkdir()
    (packages / "unrelated-2.0.dist-info/METADATA").write_text("Metadata-Version: 2.1\nName: unrelated\nVersion: 2.0\n")
    for name in ("blemore", "snakemake", "dvc"):
        script = Path(shutil.which(name, path=ENVIRONMENT["PATH"])).read_text().split("\n", 1)[1]
        (venv / "bin" / name).write_text(f"#!{venv}/bin/python\n{script}")
        (venv / "bin" / name).chmod(0o755)
    study.environment = ENVIRONMENT | {"PATH": f"{venv}/bin{os.pathsep}{ENVIRONMENT['PATH']}"}
    yield OK
    (study.folder / "results/report/index.html").unlink()
    study.make()
    yield OK
    study.environment = ENVIRONMENT


def run_with(**variables: str) -> Mishap:
    """A run, and a look at it, in another locale, time zone or the like; then a look as ever."""

    def mishap(study: Study) -> Iterator[str]:
        back_to(study, "fusion")
        study.environment = ENVIRONMENT | variables
        study.make()
        yield OK
        study.environment = ENVIRONMENT
        yield OK

    return mishap


def other_umask(study: Study) -> Iterator[str]:
    back_to(study, "fusion")
    before = os.umask(0o077)
    try:
        study.make()
    finally:
        os.umask(before)
    yield OK


def after(*commands: tuple[str, ...]) -> Mishap:
    """Tools are used as their manuals say."""

    def mishap(study: Study) -> Iterator[str]:
        for command in commands:
            study.run(*command)
        yield OK

    return mishap


def logs_thrown_away(study: Study) -> Iterator[str]:
    for folder in ("logs", "cache", ".snakemake/log", ".snakemake/auxiliary", ".dvc/tmp"):
        shutil.rmtree(study.folder / folder)
    yield OK


MISHAPS: dict[str, Mishap] = {
    "broken runs/a failed job": failed_job,
    "broken runs/a folder in place of a result": folder_in_place_of_a_result,
    "broken runs/SIGTERM in training": broken_off("training", "TERM all"),
    "broken runs/SIGINT in fusion": broken_off("fusion", "INT"),
    "broken runs/kill -9 of Snakemake in training": broken_off("training", "KILL Snakemake"),
    "broken runs/kill -9 at the end": broken_off("closing", "KILL all"),
    "broken runs/kill -9 while DVC versions": broken_off("commit", "KILL all"),
    "broken runs/killed with other parameters": killed_with_changed_parameters,
    "broken runs/parameters of a job at work edited": during_a_run(_parameters),
    "broken runs/parameters of later jobs edited": during_a_run(_later_parameters),
    "broken runs/a source edited in mid-run": during_a_run(_source),
    "broken runs/verified in mid-run": during_a_run(_nothing),
    "clocks/a run a day early": run_with_clock(-DAY),
    "clocks/a run a day late": run_with_clock(DAY),
    "clocks/another run a day early": another_run_with_clock(-DAY),
    "clocks/another run a day late": another_run_with_clock(DAY),
    "clocks/files a day old": files_with_clock(-DAY),
    "clocks/files of tomorrow": files_with_clock(DAY),
    "clocks/files of any time": shuffled_times,
    "clocks/metadata written late": metadata_written_late,
    "users/another user": other_user,
    "users/no home": no_home,
    "users/a read-only disk": read_only,
    "users/no right to write": no_right_to_write,
    "copies/zip and back": elsewhere(zipped),
    "copies/tar and back": elsewhere(tarred),
    "copies/cp -r": elsewhere(copied_by("cp", "-r")),
    "copies/cp -a, as rsync -a": elsewhere(copied_by("cp", "-a")),
    "copies/a moved folder": moved("Ümläut and spaces"),
    "copies/through a link": through_a_link,
    "copies/a hard-linked copy": hard_linked,
    "copies/a clone": cloned(),
    "copies/a clone with autocrlf": cloned("-c", "core.autocrlf=true"),
    "strangers and tools/a file manager's files": left_by(
        ".DS_Store",
        "Thumbs.db",
        where=("results", "results/fusion", "data/demo", "lineage", "lineage/records", "src/blemore"),
        says=HONEST,  # files that nobody made
    ),
    "strangers and tools/an editor's files": left_by(
        ".weights.json.swp", "weights.json~", "#weights.json#", where=("", "rules", "src/blemore")
    ),
    "strangers and tools/README edited": readme_edited,
    "strangers and tools/an unrelated package upgraded": other_package,
    "strangers and tools/LC_ALL=C": run_with(LC_ALL="C", LANG="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0"),
    "strangers and tools/another time zone": run_with(TZ="Pacific/Kiritimati"),
    "strangers and tools/another umask": other_umask,
    "strangers and tools/git and DVC collect garbage": after(("git", "gc", "--quiet"), ("dvc", "gc", "-w", "-f", "-q")),
    "strangers and tools/snakemake --touch": after(("snakemake", "--touch", "submission")),
    "strangers and tools/dvc repro by hand": after(("dvc", "repro"), ("dvc", "commit", "--force"), ("dvc", "checkout")),
    "strangers and tools/another branch and back": after(
        ("git", "checkout", "-q", "-b", "other"), ("git", "checkout", "-q", "-"), ("git", "branch", "-q", "-d", "other")
    ),
    "strangers and tools/logs and caches thrown away": logs_thrown_away,
}
