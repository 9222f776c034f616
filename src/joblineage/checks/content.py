"""Are the files still those of the records? Unchanged ones are known by their status, changed ones by hash.

A status is size, times and inode; the time of change (ctime) cannot be set back by a program, so an edit with a restored
mtime is seen. What a whole new disk or a privileged hand can hide is found by `--deep`, which reads every byte.
"""

import json
import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from joblineage.files import sha256, write_text
from joblineage.graph import Graph
from joblineage.store import Document, key
from joblineage.verdict import Finding, Verdict

CACHE = "cache/lineage/status.json"
Sums = dict[str, str | None]


def sums(root: Path, paths: Iterable[str], *, deep: bool) -> tuple[Sums, int]:
    """{path: sha256, None where there is no such file} and how many bytes were read.

    Parameters
    ----------
    deep : read every byte, whatever the status says.
    """
    known = {} if deep else _read(root / CACHE)
    found: Sums = {}
    status = {}
    ask = []
    for path in sorted(set(paths)):
        try:
            about = os.stat(root / path)
        except (FileNotFoundError, NotADirectoryError):
            found[path] = None
            continue
        status[path] = [about.st_size, about.st_mtime_ns, about.st_ctime_ns, about.st_ino]
        old = known.get(path)
        if old and old[:4] == status[path]:
            found[path] = old[4]
        else:
            ask.append(path)
    with ThreadPoolExecutor(os.cpu_count()) as pool:  # hashing lets other threads run
        found.update(zip(ask, pool.map(lambda path: sha256(root / path), ask), strict=True))
    if ask:
        known |= {path: [*status[path], found[path]] for path in ask}
        write_text(root / CACHE, json.dumps({path: known[path] for path in sorted(known)}))
    return found, sum(status[path][0] for path in ask)


def _read(path: Path) -> dict[str, list]:
    try:
        return dict(json.loads(path.read_text()))
    except (OSError, ValueError):
        return {}


def outputs(graph: Graph, found: Sums, away: Iterable[str], chain: set[str]) -> tuple[list[Finding], list[str]]:
    """Findings on what jobs made, and what is not here because it lies in the private store.

    Parameters
    ----------
    found : of every output's path.
    away : folders and files of the private store that are not here at all.
    chain : ids of the records to check.
    """
    findings, absent = [], []
    for name in chain:
        one = graph.records[name]
        for out in one["outputs"]:
            path = out["path"]
            if graph.store.makers[path] != name or found[path] == out["sha256"]:
                continue
            if found[path] is not None:
                what = f"{key(one)} made {out['sha256'][:12]} ({out['size']} bytes), found {str(found[path])[:12]}"
                findings.append(Finding(Verdict.TAMPERED, path, what))
            elif any(path == folder or path.startswith(f"{folder}/") for folder in away):
                absent.append(path)
            else:
                findings.append(Finding(Verdict.MISSING, path, f"{key(one)} made it, and it is gone"))
    return findings, sorted(absent)


def inputs(graph: Graph, found: Sums, away: Iterable[str], chain: set[str]) -> list[Finding]:
    """Findings on what jobs read: other bytes than their maker made, changed while they ran, or changed since."""
    findings = []
    for name in chain:
        one = graph.records[name]
        if one["status"] == "tainted":
            paths = ", ".join(file["path"] for file in one["changed_inputs"])
            findings.append(Finding(Verdict.TAINTED, key(one), f"changed while the job ran: {paths}"))
        for file in one["inputs"]:
            path = file["path"]
            maker = graph.store.makers.get(path)
            if maker is not None:
                findings += _handed_on(one, graph.records[maker], file)
            elif found[path] not in (None, file["sha256"]):
                findings.append(Finding(Verdict.STALE, path, f"changed since {key(one)} read it"))
            elif found[path] is None and not any(path.startswith(f"{folder}/") for folder in away):
                findings.append(Finding(Verdict.MISSING, path, f"{key(one)} read it, and it is gone"))
    return findings


def _handed_on(reader: Document, made: Document, file: dict[str, str]) -> Iterator[Finding]:
    """What a job read is what the maker of that file made."""
    path = file["path"]
    if any(out["path"] == path and out["sha256"] == file["sha256"] for out in made["outputs"]):
        return
    if made["time"]["end"] > reader["time"]["start"]:
        yield Finding(Verdict.STALE, key(reader), f"made from an older {path}")
    else:
        yield Finding(Verdict.TAMPERED, key(reader), f"read other bytes of {path} than {key(made)} had made")
