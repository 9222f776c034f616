"""Is all there that has to be? What is left out disagrees with nothing, so it is looked for.

In dvc.lock: stages, files, parameters. In the runs: every record in one list, and only in that.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any

from joblineage.files import read_bytes
from joblineage.store import FOLDER, PARTS, Store
from joblineage.verdict import Finding, Verdict
from joblineage.workspace import under_git

LOCK = "dvc.lock"
Stages = Mapping[str, Any]
"""{name: stage}, of dvc.yaml or of dvc.lock."""


def gone(store: Store) -> list[Finding]:
    """dvc.lock itself, of a study that a run finished: where DVC and git are at hand, the run wrote it."""
    root, run = store.root, store.last_run
    if run is None or not run["complete"] or store.pending or not (root / ".dvc").is_dir() or not under_git(root):
        return []
    return [_missing("gone, or never written after the last run: `dvc commit` writes it")]


def unfinished(store: Store, lineage: bool, odd: list[str]) -> list[Finding]:
    """What dvc.lock says of a study whose last run did not finish it, or that has no run.

    Parameters
    ----------
    lineage : whether it has a version of lineage/, which DVC takes when a run has ended.
    odd : outputs of which it has a version that no record explains.
    """
    if lineage and not odd and not any(run["complete"] for run in store.runs.values()):
        what = f"{LOCK} has what these records made, and their lineage: a run listed them, and its document is gone"
        return [Finding(Verdict.MISSING, f"{FOLDER}/runs", what)]
    if odd and store.runs and not store.pending:  # while jobs end it may be of another study's run
        what = f"has a version of {odd[0]} that no run made: the next run that finishes the study rewrites it"
        return [Finding(Verdict.STALE, LOCK, what)]
    return []


def left_out(plans: Iterable[tuple[Stages, Mapping[str, Any]]], locked: Stages, settings: str) -> list[Finding]:
    """Stages, files and parameters that dvc.yaml names and dvc.lock does not.

    Parameters
    ----------
    plans : stages of dvc.yaml with the parameters that fill in its "${name}", of the run and of the present: one must be
        served.
    settings : the file of parameters.
    """
    by_plan = []
    for stages, values in plans:
        with suppress(AttributeError, TypeError, RuntimeError):  # no dvc.yaml that DVC would take
            by_plan.append([*_left_out(stages, values, locked, settings)])
    return [_missing(what) for what in min(by_plan, key=len, default=[])]


def _left_out(plan: Stages, values: Mapping[str, Any], locked: Stages, settings: str) -> Iterator[str]:
    def path(entry: Any) -> str:
        """Of an entry of dvc.yaml: a path, or {path: options}."""
        text = entry if isinstance(entry, str) else next(iter(entry))
        return re.sub(r"\$\{(\w+)\}", lambda name: str(values.get(name[1], name[0])), text)

    for name, stage in plan.items():
        if "cmd" not in stage:  # a template for several stages
            continue
        if name not in locked:
            yield f"has no stage {name}, which dvc.yaml has"
            continue
        wanted = {("deps", path(dep)) for dep in stage.get("deps", [])}
        wanted |= {("outs", path(entry)) for kind in ("outs", "metrics", "plots") for entry in stage.get(kind, [])}
        wanted |= {("params", path(param)) for param in stage.get("params", []) if isinstance(param, str)}
        there = {(kind, entry["path"]) for kind in ("deps", "outs") for entry in locked[name].get(kind, [])}
        there |= {("params", setting) for setting in locked[name].get("params", {}).get(settings, {})}
        for kind, output in sorted(wanted - there):
            yield f"stage {name} has no {output} among its {kind}, which dvc.yaml has"


def sizes(store: Store, outs: Iterable[Mapping[str, Any]]) -> Iterator[Finding]:
    """Sizes and numbers of files that dvc.lock names of what jobs made, where they are not the records'."""
    records = {name: store.records[name] for name in store.current.values()}
    recorded = {file["path"]: file["size"] for name, record in records.items() for file in record["outputs"]}
    for out in outs:
        below = [size for path, size in recorded.items() if path == out["path"] or path.startswith(f"{out['path']}/")]
        for name, true in {"size": sum(below), "nfiles": len(below)}.items():
            if below and out.get(name, true) != true:
                what = f"claims {name} {out[name]} of {out['path']}, the records say {true}"
                yield Finding(Verdict.TAMPERED, LOCK, what)


def lists(store: Store) -> Iterator[Finding]:
    """Runs whose lists of records no run could have written."""
    earlier: set[str] = set()
    whole = len(store.line) == len(store.runs) and next(iter(store.runs.values()), {}).get("previous") is None
    for name, run in store.runs.items():
        own, reused = [*run["executed"], *run["superseded"]], run["reused"]
        twice = [record for record, times in Counter([*own, *reused]).items() if times > 1]
        if twice:
            what = f"lists record {twice[0][:12]} twice"
        elif any(run[part] != sorted(run[part]) for part in PARTS):
            what = "its lists of records are not sorted"
        elif not own:
            what = "lists no job of its own, and such a run writes nothing"
        elif whole and (odd := [*(earlier & {*own}), *({*reused} - earlier)]):
            known = "an earlier run lists too" if odd[0] in earlier else "no earlier run lists"
            what = f"calls record {odd[0][:12]} {'its own' if odd[0] in earlier else 'reused'}, which {known}"
        else:
            what = ""
        if what:
            yield Finding(Verdict.TAMPERED, f"{FOLDER}/runs/{name}.json", what)
        earlier |= {*own, *reused}


def unnamed(store: Store) -> list[str]:
    """A note on objects that nothing in lineage/ names: a job that was killed before its record leaves some."""
    named: set[bytes] = set()
    for path in store.folder.glob("*/*"):
        with suppress(OSError):  # `structure` names it
            data = read_bytes(path)
            named.update(re.findall(rb'"([0-9a-f]{64})"', data) if data[:1] in (b"{", b"[") else ())
    lost = sorted(
        path.name for path in store.folder.glob("objects/*") if path.name.encode() not in named and path.name[0] != "."
    )
    return [f"{len(lost)} files in {FOLDER}/objects are named by no record: {lost[0][:12]}, ..."] if lost else []


def _missing(what: str) -> Finding:
    return Finding(Verdict.MISSING, LOCK, what)
