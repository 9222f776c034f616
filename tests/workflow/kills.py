"""Runs that are killed in a certain phase: a study that is back before it, the kill, and which phase its log says it is in."""

import json
import os
import re
import shutil
import signal
import subprocess
import time
from base64 import urlsafe_b64decode
from contextlib import suppress
from pathlib import Path
from random import Random

import psutil
import yaml

from .conftest import ENVIRONMENT, MAKE, REPOSITORY, Study

PHASES = {
    "generation": ["data"],
    "prepare": ["prepare"],
    "training": ["embed", "encode"],
    "fusion": ["fuse"],
    "closing": ["report"],
    "commit": ["report"],
}
"""The steps whose jobs are at work. In the last two all jobs have ended: the run is recorded and verified, DVC versions."""
TOOLS = {"make": MAKE, "snakemake": ("snakemake", "submission"), "dvc": ("dvc", "repro")}
SIGNALS = {
    "KILL all": ("all", [signal.SIGKILL]),
    "KILL the tool": ("tool", [signal.SIGKILL]),
    "KILL Snakemake": ("snakemake", [signal.SIGKILL]),
    "TERM all": ("all", [signal.SIGTERM]),
    "TERM the tool": ("tool", [signal.SIGTERM]),
    "HUP": ("all", [signal.SIGHUP]),
    "INT": ("all", [signal.SIGINT]),
    "INT twice": ("all", [signal.SIGINT, signal.SIGINT]),
    "suspended, then KILL": ("tool", [signal.SIGSTOP, signal.SIGKILL]),
    "suspended, then CONT": ("tool", [signal.SIGSTOP, signal.SIGCONT]),
}
"""Who hears which signals: every process (as from a terminal), only what was typed, only Snakemake. Suspended are all."""
PAUSE = 0.5
"""Seconds between two signals, and at most from the beginning of a phase to the first one."""


def back_to(study: Study, phase: str) -> None:
    """Take a finished study back to where it was when the phase began; no run of it has ended yet."""
    root = study.folder
    stages = yaml.safe_load((root / "dvc.yaml").read_text())["stages"]
    names = list(stages)
    later = [stages[name] for name in names[names.index(PHASES[phase][0]) :]]
    outs = [path for stage in later for out in stage["outs"] + stage.get("metrics", []) for path in out]
    for path in (root / out.replace("${dataset}", "demo") for out in outs if out.startswith(("data/", "results/"))):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    for record in (root / "lineage/records").iterdir():
        if not all((root / one["path"]).exists() for one in json.loads(record.read_text())["outputs"]):
            record.unlink()
    for one in (root / ".snakemake/metadata").iterdir():
        if not (root / urlsafe_b64decode(one.name).decode()).exists():
            one.unlink()
    for folder in ("lineage/runs", ".dvc/cache", ".dvc/tmp", ".snakemake/log"):
        shutil.rmtree(root / folder)
    (root / "dvc.lock").unlink()
    study.git("reset", "--quiet", "HEAD~1")  # to before it was committed


def steps() -> dict[str, str]:
    """{rule: its step}, by the files that they are in."""
    rule = re.compile(r"^ *(?:use rule \w+ as|rule) (\w+)", re.M)
    return {name: file.stem for file in (REPOSITORY / "rules").glob("*.smk") for name in rule.findall(file.read_text())}


def phases(study: Study, tool: str) -> set[str]:
    """The phases that a run is in, or was in when it was killed: of the jobs that have begun and not ended, as its log says;
    once all have ended, by whether DVC holds files to version them."""
    logs, held = sorted((study.folder / ".snakemake/log").glob("*.log")), study.folder / ".dvc/tmp/rwlock"
    said = logs[-1].read_text() if logs else ""
    begun = re.findall(r"^(?:local)?rule (\w+):\n(?:    .*\n)*?    jobid: (\d+)$", said, re.M)
    ended = set(re.findall(r"^Finished jobid: (\d+)", said, re.M))
    step = steps()
    at_work = {step[rule] for rule, job in begun if job not in ended and rule in step}
    if at_work:
        return {name for name, their in PHASES.items() if at_work & {*their} and their != ["report"]}
    versions = held.exists() and held.read_text() not in ("", "{}")
    whole, gone = "Finished jobid: 0 (Rule: submission)" in said, "Complete log" in said
    if tool == "dvc":  # which holds the files of a stage also while Snakemake is at work
        return {"commit"} if gone and versions else {"closing"} if whole and not gone else set()
    return set() if gone or not whole else {"commit"} if versions else {"closing"}


def kill(study: Study, phase: str, how: str, tool: str, chance: Random) -> bool:
    """Start a run and kill it in a phase; whether it was met, at a moment at which all processes were held to look."""
    run = subprocess.Popen(
        TOOLS[tool],
        cwd=study.folder,
        env=ENVIRONMENT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    while run.poll() is None:
        if phase in phases(study, tool):
            time.sleep(chance.uniform(0, PAUSE))
            _send(run, "all", signal.SIGSTOP)
            if run.poll() is None and phase in phases(study, tool):
                break
            _send(run, "all", signal.SIGCONT)
        time.sleep(0.01)
    else:
        return False
    whom, signals = SIGNALS[how]
    for number, one in enumerate(signals):
        if number:
            time.sleep(PAUSE)
        if one is not signal.SIGSTOP:
            _send(run, whom, one)
        if signals[0] is not signal.SIGSTOP or one is signal.SIGCONT:
            _send(run, "all", signal.SIGCONT)
    for _ in range(300):
        with suppress(subprocess.TimeoutExpired):
            run.wait(timeout=2)
            return True
        _send(run, "all", signal.SIGCONT)  # a fork under way when it was first sent was seen to stay stopped
    raise AssertionError(f"a run that heard {how} in {phase} has not ended in 10 minutes")


def _send(run: subprocess.Popen, whom: str, which: signal.Signals) -> None:
    """Have every process of a run, what was typed, or Snakemake (where it is at work) hear a signal."""
    with suppress(ProcessLookupError, psutil.NoSuchProcess):
        if whom == "all":
            os.killpg(run.pid, which)
            return
        typed = psutil.Process(run.pid)
        family = [typed, *typed.children(recursive=True)] if whom == "snakemake" else []
        ours = [one for one in family if any(Path(word).name == "snakemake" for word in one.cmdline()[:3])]
        (ours or [typed])[0].send_signal(which)
