"""Are the source files that a record calls clean those of its commit, DVC's settings too, and does git know all of them?"""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from joblineage.files import LITTER, sha256
from joblineage.graph import Graph
from joblineage.isolation import IMPORTABLE
from joblineage.store import Store, digest, key
from joblineage.verdict import Finding, Verdict
from joblineage.workspace import GIT_ALONE, tracked

UNTRACKED = "a module that git does not know and no record names: commit it, or take it out of here"
CONFIG = ".dvc/config"
"""DVC's settings of caches and stores: they are in no record, but in git."""


def check(root: Path, graph: Graph, chain: set[str]) -> tuple[list[Finding], list[str]]:
    """Source files that a record says were clean are those of its commit. Findings, and notes on what could not be
    compared."""
    asked: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for name in sorted(chain):
        record = graph.records[name]
        commit, dirty = record["code"]["commit"], set(record["code"]["dirty"])
        if commit is None:
            continue
        for file in record["inputs"]:
            if file["role"] == "code" and file["path"] not in dirty and "\n" not in file["path"]:
                asked.setdefault((commit, file["path"]), []).append((file["sha256"], key(record)))
    if not asked:
        return [], ["no record names a commit"] if chain else []
    commit = graph.records[max(chain, key=lambda name: graph.records[name]["time"]["end"])]["code"]["commit"]
    if commit and os.path.isfile(root / CONFIG):
        asked[commit, CONFIG] = [(sha256(root / CONFIG), CONFIG)]
    names = "".join(f"{commit}:./{path}\n" for commit, path in asked)
    quietly: dict[str, Any] = {"cwd": root, "capture_output": True, "check": False, "env": os.environ | GIT_ALONE}
    try:
        done = subprocess.run(["git", "cat-file", "--batch"], input=names.encode(), **quietly)
    except FileNotFoundError:
        return [], ["git is not installed: commits were not compared"]
    if done.returncode:
        said = done.stderr.decode(errors="replace").partition("\n")[0]
        return [], [f"git does not read this folder ({said}): commits were not compared"]
    findings, unknown, odd, rest = [], set(), list[str](), done.stdout
    for (commit, path), uses in asked.items():
        (head, _, rest), data = rest.partition(b"\n"), None
        if not head.endswith(b"missing"):
            size = int(head.split()[-1])
            data, rest = digest(rest[:size]), rest[size + 1 :]
        elif _cannot_tell(commit, path, quietly):
            unknown.add(commit)
            continue
        wrong = sorted({job for used, job in uses if used != data})
        if wrong and path == CONFIG:
            odd.append(f"{CONFIG} is not the one of commit {commit[:12]}, which the newest record names")
        elif wrong:
            what = f"{wrong[0]} used another {path} than commit {commit[:12]} has, and calls it clean"
            findings.append(Finding(Verdict.TAMPERED, path, what))
    notes = [f"commit {commit[:12]} is not in this clone: its files were not compared" for commit in sorted(unknown)]
    return findings, odd + notes


def untracked(store: Store) -> list[str]:
    """Modules of the study that git does not know and no record names: a job could load one by its name. None without git."""
    root = store.root
    known = tracked(root)
    if not known:
        return []
    known |= {file["path"] for record in store.records.values() for file in record["inputs"]}
    paths = (path for top in store.study.modules for path in (root / top).rglob("*") if path.name.endswith(IMPORTABLE))
    names = {path.relative_to(root).as_posix() for path in paths if not LITTER.fullmatch(path.name)}
    return sorted(name for name in names - known if "__pycache__" not in name)


def strange(store: Store) -> list[Finding]:
    """What `untracked` finds."""
    return [Finding(Verdict.UNRECORDED, path, UNTRACKED) for path in untracked(store)]


def _cannot_tell(commit: str, path: str, quietly: Mapping[str, Any]) -> bool:
    """Whether a file that git does not give may be in the commit: the commit, or what it has there, is not in this clone."""
    done = subprocess.run(["git", "ls-tree", commit, f"./{path}"], **quietly)
    return bool(done.returncode or done.stdout)
