"""Cheap jobs done once more, in a scratch copy of the study: do the same bytes come out?

On the same kind of processor and environment they must. Elsewhere the study says how near files have to be.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

from joblineage.code import python_path
from joblineage.errors import DataError
from joblineage.files import matches, parse_yaml, sha256
from joblineage.graph import Graph
from joblineage.progress import Steps
from joblineage.store import FOLDER, Store, key
from joblineage.study import Study
from joblineage.verdict import Finding, Verdict
from joblineage.verify import Report


def replayed(report: Report, store: Store, artifact: str | None, number: int) -> Report:
    """The report with what replaying found.

    Parameters
    ----------
    report : of `verify`; a study that is not as recorded is not replayed.
    artifact : only jobs of its chain; None: of the whole study.
    number : how many jobs, the cheapest first, of each rule one before any rule's second.
    """
    if report.findings:
        return replace(report, notes=[*report.notes, "nothing was replayed: the study is not as recorded"])
    graph = Graph(store)
    chosen = choose(graph, set(graph.chain(artifact)) if artifact else set(graph.records), number, volatile(store))
    elsewhere = any(note.startswith("other environment") for note in report.notes)
    findings, notes = [], list(report.notes)
    with Steps("replay", len(chosen)) as steps:
        for name in chosen:
            bad, close = replay(store, graph.records[name], elsewhere)
            findings += bad
            notes += close
            steps.advance(1, key(graph.records[name]))
    notes.append(f"replayed: {', '.join(key(graph.records[name]) for name in chosen)}")
    return replace(report, findings=findings, notes=notes)


def volatile(store: Store) -> list[str]:
    """Patterns of files that hold times or costs and differ between equal runs."""
    file = store.study.volatile
    return list(parse_yaml((store.root / file).read_text("utf-8"))["volatile"]) if file else []


def choose(graph: Graph, chain: set[str], number: int, patterns: list[str]) -> list[str]:
    """Ids of `number` records of `chain`, the cheapest first, no rule twice before each had its turn."""
    seen: Counter[str] = Counter()
    turns = {}
    for name in sorted(chain, key=lambda name: (graph.records[name]["time"]["seconds"], key(graph.records[name]))):
        record = graph.records[name]
        if not all(matches(file["path"], patterns) for file in record["outputs"]):
            seen[record["job"]["rule"]] += 1
            turns[name] = seen[record["job"]["rule"]]
    return sorted(turns, key=turns.__getitem__)[:number]


def replay(store: Store, record: dict[str, Any], elsewhere: bool) -> tuple[list[Finding], list[str]]:
    """Do the job of a record once more in a scratch copy of the study.

    Parameters
    ----------
    elsewhere : the processor or environment is another than the record's: files may differ as far as `Study.near` allows.

    Returns
    -------
    findings, and notes on what differed within the tolerance.

    Raises
    ------
    DataError : the job could not be done; Snakemake's last lines.
    """
    root, study, patterns = store.root, store.study, volatile(store)
    (root / "cache").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="replay-", dir=root / "cache") as folder:  # same disk: links are possible
        scratch = Path(folder)
        _copy(root, scratch, study)
        paths = [out["path"] for out in record["outputs"]]
        for path in paths:
            (scratch / path).unlink()
        command = [
            sys.executable,
            *f"-m snakemake --cores 1 --allowed-rules {record['job']['rule']} --".split(),
            *paths,
        ]
        # Under the name of a stage that ends nothing: a scratch copy is not versioned.
        about = {**os.environ, "DVC_STAGE": "replay", "PYTHONPATH": python_path(scratch)}
        about["GIT_CEILING_DIRECTORIES"] = str(root.resolve() / "cache")  # the copy does not belong to the repository
        done = subprocess.run(
            command, cwd=scratch, env=about, capture_output=True, encoding="utf-8", errors="replace", check=False
        )
        missing = [path for path in paths if not (scratch / path).is_file()]
        if done.returncode or missing:
            raise DataError(key(record), ["could not be replayed:", *done.stderr.strip().splitlines()[-8:]])
        findings, notes = [], []
        for out in record["outputs"]:
            if matches(out["path"], patterns) or sha256(scratch / out["path"]) == out["sha256"]:
                continue
            near = study.near(root / out["path"], scratch / out["path"]) if elsewhere else None
            if near is not None:
                notes.append(f"replayed {out['path']}: {near}")
            else:
                findings.append(
                    Finding(Verdict.TAMPERED, out["path"], f"{key(record)} was replayed and made other bytes")
                )
    return findings, notes


def _copy(root: Path, scratch: Path, study: Study) -> None:
    for name in (*study.copied, ".snakemake/metadata", FOLDER):
        source, target = root / name, scratch / name
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        elif source.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)
    for name in study.shared:
        if (root / name).is_dir():
            shutil.copytree(root / name, scratch / name, copy_function=os.link)
