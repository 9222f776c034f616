"""Cheap jobs done once more, in a scratch copy of the study: do the same bytes come out?

On the same kind of processor and environment they must. Elsewhere a table of probabilities may differ within TOLERANCE;
how many decisions differ is said.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from blemore.errors import DataError
from blemore.files import parse_yaml, sha256
from blemore.labels import CLASSES
from blemore.lineage.graph import Graph
from blemore.lineage.patterns import matches
from blemore.lineage.store import Store, key
from blemore.lineage.verdict import Finding, Verdict
from blemore.lineage.verify import Report
from blemore.progress import Steps

TOLERANCE = 1e-6
"""Largest difference of a probability that another processor may make."""
LINKED = ("data", "results", "weights", "outside")
"""Folders whose files a job replaces and never writes into: the scratch copy shares them."""
COPIED = (
    *("Snakefile", "dvc.yaml", "params.yaml", "requirements.lock", "uploads.json", "withdrawn.json", "pyproject.toml"),
    *("rules", "schemas", "profiles", "src", "workflow_scripts", "envs", ".snakemake/metadata", "lineage"),
)


def replayed(report: Report, root: Path, artifact: str | None, number: int) -> Report:
    """The report with what replaying found.

    Parameters
    ----------
    report : of `verify`; a study that is not as recorded is not replayed.
    artifact : only jobs of its chain; None: of the whole study.
    number : how many jobs, the cheapest first, of each rule one before any rule's second.
    """
    if report.findings:
        return replace(report, notes=[*report.notes, "nothing was replayed: the study is not as recorded"])
    graph = Graph(Store(root))
    chosen = choose(graph, set(graph.chain(artifact)) if artifact else set(graph.records), number, volatile(root))
    elsewhere = any(note.startswith("other environment") for note in report.notes)
    findings, notes = [], list(report.notes)
    with Steps("replay", len(chosen)) as steps:
        for name in chosen:
            bad, close = replay(root, graph.records[name], elsewhere)
            findings += bad
            notes += close
            steps.advance(1, key(graph.records[name]))
    notes.append(f"replayed: {', '.join(key(graph.records[name]) for name in chosen)}")
    return replace(report, findings=findings, notes=notes)


def volatile(root: Path) -> list[str]:
    """Patterns of files that hold times or costs and differ between equal runs."""
    return list(parse_yaml((root / "schemas/volatile_files.yaml").read_text())["volatile"])


def choose(graph: Graph, chain: set[str], number: int, patterns: list[str]) -> list[str]:
    """Ids of `number` records of `chain`, the cheapest first, no rule twice before each had its turn."""
    turns: dict[str, int] = {}
    waiting: list[tuple[int, int, str]] = []
    for name in sorted(chain, key=lambda name: (graph.records[name]["time"]["seconds"], key(graph.records[name]))):
        one = graph.records[name]
        if all(matches(file["path"], patterns) for file in one["outputs"]):
            continue
        rule = one["job"]["rule"]
        turns[rule] = turns.get(rule, 0) + 1
        waiting.append((turns[rule], len(waiting), name))
    return [name for _, _, name in sorted(waiting)[:number]]


def replay(root: Path, one: dict[str, Any], elsewhere: bool) -> tuple[list[Finding], list[str]]:
    """Do the job of a record once more in a scratch copy of the study.

    Parameters
    ----------
    elsewhere : the processor or environment is another than the record's: probabilities may differ within TOLERANCE.

    Returns
    -------
    findings, and notes on what differed within the tolerance.

    Raises
    ------
    DataError : the job could not be done; Snakemake's last lines.
    """
    patterns = volatile(root)
    (root / "cache").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="replay-", dir=root / "cache") as folder:  # same disk: links are possible
        scratch = Path(folder)
        _copy(root, scratch)
        paths = [out["path"] for out in one["outputs"]]
        for path in paths:
            (scratch / path).unlink()
        command = [
            sys.executable,
            "-m",
            "snakemake",
            "--cores",
            "1",
            "--allowed-rules",
            one["job"]["rule"],
            "--",
            *paths,
        ]
        # Under the name of a stage that ends nothing: a scratch copy is not versioned.
        about = {**os.environ, "DVC_STAGE": "replay", "PYTHONPATH": str(scratch / "src")}
        about["GIT_CEILING_DIRECTORIES"] = str(root.resolve() / "cache")  # the copy is no folder of the repository
        done = subprocess.run(command, cwd=scratch, env=about, capture_output=True, text=True, check=False)
        missing = [path for path in paths if not (scratch / path).is_file()]
        if done.returncode or missing:
            raise DataError(key(one), ["could not be replayed:", *done.stderr.strip().splitlines()[-8:]])
        findings, notes = [], []
        for out in one["outputs"]:
            if matches(out["path"], patterns) or sha256(scratch / out["path"]) == out["sha256"]:
                continue
            near = _near(root / out["path"], scratch / out["path"]) if elsewhere else None
            if near is not None:
                notes.append(f"replayed {out['path']}: {near}")
            else:
                what = f"{key(one)} was replayed and made other bytes"
                findings.append(Finding(Verdict.TAMPERED, out["path"], what))
    return findings, notes


def _copy(root: Path, scratch: Path) -> None:
    for name in COPIED:
        source, target = root / name, scratch / name
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        elif source.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)
    for name in LINKED:
        if (root / name).is_dir():
            shutil.copytree(root / name, scratch / name, copy_function=os.link)


def _near(recorded: Path, made: Path) -> str | None:
    """How near two tables of probabilities are; None where they are none, or too far apart."""
    import pandas as pd

    if recorded.suffix != ".parquet":
        return None
    one, other = pd.read_parquet(recorded), pd.read_parquet(made)
    if not {"clip", *CLASSES} <= set(one.columns) or list(one["clip"]) != list(other["clip"]):
        return None
    apart = (one[list(CLASSES)] - other[list(CLASSES)]).abs().to_numpy()
    changed = int(
        (one[list(CLASSES)].to_numpy().argmax(axis=1) != other[list(CLASSES)].to_numpy().argmax(axis=1)).sum()
    )
    if apart.max() > TOLERANCE:
        return None
    return (
        f"probabilities within {apart.max():.1e} (tolerance {TOLERANCE:.0e}), {changed} clips with another first class"
    )
