"""Does dvc.lock agree with the records, and DVC's cache with its own names? They are claims; the records decide."""

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import yaml

from joblineage import capture
from joblineage.checks import complete
from joblineage.files import parse_json, parse_yaml, read_bytes
from joblineage.restoring import DvcCache
from joblineage.shapes import compiled
from joblineage.store import FOLDER, SIGNATURES, Store
from joblineage.verdict import Finding, Verdict
from joblineage.workspace import METADATA

OF_RUNS = (METADATA, FOLDER)
"""Outputs in dvc.lock that no job makes."""
FILES = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["path", "md5"],
        "properties": {"path": {"type": "string"}, "md5": {"type": "string"}},
    },
}
STAGE = {
    "type": "object",
    "required": ["cmd"],
    "properties": {
        "deps": FILES,
        "outs": FILES,
        "params": {"type": "object", "additionalProperties": {"type": "object"}},
    },
}
LOCK = {
    "type": "object",
    "required": ["stages"],
    "properties": {"stages": {"type": "object", "additionalProperties": STAGE}},
}
"""Form of dvc.lock."""
PLAN = {
    "type": "object",
    "required": ["stages"],
    "properties": {"stages": {"type": "object", "additionalProperties": {"type": "object"}}},
}
"""Form of dvc.yaml, as far as it is read here."""


def check(store: Store, *, whole: bool = True) -> tuple[list[Finding], list[str]]:
    """dvc.lock agrees with the last complete run: outputs by the md5 in the records, sources by those of the run.
    Findings, and notes on what could not be compared, or need not be the same.

    Parameters
    ----------
    whole : whether nothing is wrong with the records themselves; else nothing is compared with them.
    """
    root, run = store.root, store.last_run
    file = root / "dvc.lock"
    if not file.exists():
        return complete.gone(store), ["there is no dvc.lock to compare with"]
    unfinished = ["dvc.lock was not compared: the last run did not finish the study"]
    finished = run is not None and run["complete"] and not store.pending
    try:
        lock = parse_yaml(read_bytes(file))
        compiled(LOCK, {})(lock)
    except (OSError, yaml.YAMLError, ValueError) as error:
        return ([_wrong(f"cannot be read: {error}")], []) if finished else ([], unfinished)
    stages = lock["stages"]
    listed = [(stage, out) for stage, entry in stages.items() for out in entry.get("outs", [])]
    outs = {out["path"]: (stage, out["md5"]) for stage, out in listed}
    deps = [(stage, dep["path"], dep["md5"]) for stage, entry in stages.items() for dep in entry.get("deps", [])]
    params = {stage: entry.get("params", {}).get(store.study.settings, {}) for stage, entry in stages.items()}
    commands = {stage: entry["cmd"] for stage, entry in stages.items()}
    versioned = _versioned(root, outs[FOLDER][1]) if FOLDER in outs else None
    lost = [document for document in versioned or () if not (root / FOLDER / document).exists()]
    if lost:
        return [
            Finding(Verdict.MISSING, f"{FOLDER}/{document}", "DVC versioned it, and it is gone") for document in lost
        ], []
    written = ((name, out) for name in store.current.values() for out in store.records[name]["outputs"])
    md5s = {out["path"]: out["md5"] for name, out in written if store.makers[out["path"]] == name}
    if run is None or not finished:
        versions = [md5s, *map(store.made_by, store.runs.values())]
        odd = [
            path
            for path, claim in outs.items()
            if path not in OF_RUNS and all(_output(store, version, path, *claim) for version in versions)
        ]
        return complete.unfinished(store, FOLDER in outs, odd), unfinished
    if not whole:
        return [], ["dvc.lock was not compared: something is wrong with the records themselves"]
    if versioned is not None and f"runs/{store.line[0]}.json" not in versioned:
        what = "of an earlier run: DVC has not versioned the last one, `dvc commit --force` does"
        return [Finding(Verdict.INCOMPLETE, "dvc.lock", what)], []
    # Metadata are compared one by one: a job that failed has changed them, and times in them are nobody's concern.
    changed = METADATA in outs and not any(
        outs[METADATA][1] == _here(root, METADATA, litter=litter) for litter in (False, True)
    )
    notes = [f"{METADATA} is another than DVC versioned: it was compared file by file"] if changed else []
    findings = [_output(store, md5s, path, *claim) for path, claim in outs.items()]
    findings += [_dependency(store, md5s, outs, *dep) for dep in deps]
    findings += complete.sizes(store, [out for _, out in listed if out["path"] not in OF_RUNS])
    findings += _settings(store, run, stages, params, commands)
    return [finding for finding in findings if finding], notes


def _wrong(what: str) -> Finding:
    return Finding(Verdict.TAMPERED, "dvc.lock", what)


def _versioned(root: Path, md5: str) -> list[str] | None:
    """Files of a folder that DVC versioned under that md5, by the list in its cache; None where that is not here."""
    try:
        data = read_bytes(root / ".dvc/cache/files/md5" / md5[:2] / md5[2:])
        files = {entry["relpath"]: entry["md5"] for entry in parse_json(data)}
        return sorted(files) if capture.dvc_folder_md5(files) == md5 else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _output(store: Store, md5s: dict[str, str], path: str, stage: str, md5: str) -> Finding | None:
    if f"{path}/".startswith(store.study.raw) and not _made(md5s, path):
        return None  # raw files that no job made: records know them by sha256, as inputs
    true = _here(store.root, path) or "nothing" if path in OF_RUNS else _sum_of(md5s, path)
    if md5 == true or (path == FOLDER and _grown(store, md5)) or (path == METADATA and _was_there(store.root, md5)):
        return None
    return _wrong(f"stage {stage} claims md5 {md5[:12]} of {path}, the records say {true[:12]}")


def _was_there(root: Path, md5: str) -> bool:
    """Whether DVC may have versioned other metadata than the present ones under that md5: its cache has their list, or no list."""
    cache = root / ".dvc/cache/files/md5"  # may be closed to this user
    return _versioned(root, md5) is not None or not os.access(cache, os.X_OK) or not any(cache.glob("*/*.dir"))


def _grown(store: Store, md5: str) -> bool:
    """Whether lineage/ has honestly become another than DVC versioned under that md5."""
    if md5 in (_here(store.root, FOLDER, litter=True), _here(store.root, FOLDER, without=SIGNATURES)):  # signed since
        return True
    versioned = _versioned(store.root, md5)
    there = (
        path for path in store.folder.rglob("*") if path.is_file() and not path.name.endswith((".tmp", SIGNATURES))
    )
    more = {file.relative_to(store.folder).as_posix() for file in there} - set(versioned or ())
    # A job that was ended may have kept copies of sources, but no record of itself.
    return versioned is not None and all(document.startswith("objects/") for document in more)


def _here(root: Path, path: str, **options: Any) -> str | None:
    """DVC's md5 of a file or folder of the study as it is now, by `capture.dvc_md5`; None where it cannot be read."""
    if path.startswith("/") or ".." in Path(path).parts:
        return None
    try:
        return capture.dvc_md5(root / path, **options) if (root / path).exists() else None
    except (OSError, ValueError):  # the latter: no name that a file can have
        return None


def _sum_of(md5s: dict[str, str], path: str) -> str:
    """DVC's md5 of an output, from the records."""
    below = {output.removeprefix(f"{path}/"): md5 for output, md5 in md5s.items() if output.startswith(f"{path}/")}
    return md5s.get(path) or capture.dvc_folder_md5(below)


def _dependency(
    store: Store, md5s: dict[str, str], outs: Iterable[str], stage: str, path: str, md5: str
) -> Finding | None:
    """A source may have changed since the run without any job to rerun; then dvc.lock has the present one. Where what is
    private is not here, the stages that need it keep what an earlier run said."""
    if f"{path}/".startswith(store.study.raw) or any(f"{path}/".startswith(f"{out}/") for out in outs):
        right = md5 == _sum_of(md5s, path) or not _made(md5s, path)
    else:
        right = any(run["sources"].get(path) == md5 for run in store.runs.values())
        right = right or md5 == _here(store.root, path)
    what = f"stage {stage} claims that it read {path} with md5 {md5[:12]}, which neither a run nor the present has"
    return None if right else _wrong(what)


def _made(md5s: dict[str, str], path: str) -> bool:
    return path in md5s or any(output.startswith(f"{path}/") for output in md5s)


def _settings(
    store: Store,
    run: dict[str, Any],
    locked: dict[str, Any],
    params: dict[str, dict[str, Any]],
    commands: dict[str, str],
) -> Iterator[Finding]:
    """Parameters and commands that dvc.lock names are those of the run, or the present ones, and it names all."""
    known: list[tuple[dict[str, Any], dict[str, Any]]] = []
    for read in (lambda path: store.get(run["study"][path]), lambda path: read_bytes(store.root / path)):
        with suppress(OSError, KeyError, ValueError, yaml.YAMLError):  # `structure` and `staleness` name such files
            plan, values = (parse_yaml(read(path)) for path in ("dvc.yaml", store.study.settings))
            compiled(PLAN, {})(plan)
            compiled({"type": "object"}, {})(values)
            known.append((plan["stages"], values))
    if not known:
        return
    yield from complete.left_out(known, locked, store.study.settings)
    for stage, claimed in params.items():
        for name, value in claimed.items():
            if not any(name in values and _same(values[name], value) for _, values in known):
                yield _wrong(f"stage {stage} claims other parameters {name} than the run had")
    for stage, command in commands.items():
        if not any(plan.get(stage, {}).get("cmd") == command for plan, _ in known):
            yield _wrong(f"stage {stage} claims the command {command!r}")


def _same(one: Any, other: Any) -> bool:
    """Equal as JSON; numbers as numbers (YAML 1.1 takes 1e-05 for text)."""

    def numbers(value: Any) -> Any:
        if isinstance(value, dict):
            return {str(name): numbers(part) for name, part in value.items()}
        if isinstance(value, list):
            return [numbers(part) for part in value]
        if isinstance(value, str):
            try:
                return float(value)
            except ValueError:
                return {"no": False, "off": False, "yes": True, "on": True}.get(value, value)
        return float(value) if isinstance(value, int) and not isinstance(value, bool) else value

    return bool(numbers(one) == numbers(other))


def stored(store: Store) -> tuple[list[Finding], list[str]]:
    """Every object of DVC's local cache has the content that its name says. Findings, and how much was read."""
    objects, makers = DvcCache(store.root), store.makers
    copies = {out["md5"]: out["path"] for name in makers.values() for out in store.records[name]["outputs"]}
    findings, known = [], dict[str, list[int]]()
    for place in objects.damaged(known):
        name = place.parent.name + place.name
        of = f"DVC's copy of {copies[name]}" if name in copies else "an object of DVC's cache"
        node = Path(os.path.relpath(place, store.root)).as_posix()
        findings.append(
            Finding(Verdict.MISSING, node, f"{of} is damaged: its content does not have the md5 of its name")
        )
    return findings, [f"{len(known) + len(findings)} objects of DVC's cache were read"]
