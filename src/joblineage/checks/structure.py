"""Are the records themselves whole: every file bears the hash of its content, every run lists what is there."""

import json
import re
from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path
from typing import Any

from joblineage import capture, record, run
from joblineage.checks import complete, places
from joblineage.store import FOLDER, SIGNATURES, Store, canonical, digest, key, merkle_root
from joblineage.verdict import Finding, Verdict

NAME = re.compile(r"[0-9a-f]{64}\.json")
SCHEMAS = {"records": record.SCHEMAS, "runs": run.SCHEMAS}


def check(store: Store) -> list[Finding]:
    """Findings on lineage/: edited, broken, strange, lost or unlisted documents, sums that do not follow."""
    environment = cache(partial(_environment, store))  # many records are of one environment
    return [
        *_names(store.folder),
        *places.lineage(store),
        *_runs(store),
        *complete.lists(store),
        *_listing(store),
        *(finding for name, one in store.records.items() for finding in _record(store, name, one, environment)),
    ]


def _names(folder: Path) -> Iterator[Finding]:
    """Every file below lineage/ bears its own hash, and is in canonical form."""
    for path in sorted(path for path in folder.rglob("*") if path.is_file() and path.suffix != ".tmp"):
        node, kind, data = f"{FOLDER}/{path.relative_to(folder).as_posix()}", path.parent.name, path.read_bytes()
        if kind == "runs" and path.name.endswith(SIGNATURES):
            continue
        schemas, hashed = SCHEMAS.get(kind), f"its content has the hash {digest(data)[:12]}"
        if path.parent.parent != folder or not (kind == "objects" or (schemas and NAME.fullmatch(path.name))):
            yield Finding(Verdict.UNRECORDED, node, "no such file belongs here")
        elif schemas is None:
            if digest(data) != path.name:
                yield Finding(Verdict.TAMPERED, node, f"{hashed}, not its name")
        elif digest(data) != path.stem:
            yield Finding(Verdict.TAMPERED, node, f"{_called(data)}: edited, {hashed}")
        elif not _is_ours(data, schemas):
            yield Finding(Verdict.TAMPERED, node, "not a document that this library writes")


def _is_ours(data: bytes, schemas: tuple[str, ...]) -> bool:
    try:
        value = json.loads(data)
        return canonical(value) == data and value["schema"] in schemas
    except (ValueError, KeyError, TypeError):
        return False


def _called(data: bytes) -> str:
    """What an edited document says of itself."""
    try:
        value = json.loads(data)
        return f"record of {key(value)}" if "job" in value else "run"
    except (ValueError, KeyError, TypeError):
        return "a broken document"


def _runs(store: Store) -> Iterator[Finding]:
    previous = None
    for name, one in store.runs.items():
        node = f"{FOLDER}/runs/{name}.json"
        if one["root"] != merkle_root([*one["executed"], *one["reused"]]):
            yield Finding(Verdict.TAMPERED, node, "its Merkle root is not that of the records which it lists")
        if one["previous"] != previous:
            if one["previous"] is None or one["previous"] in store.runs:
                yield Finding(Verdict.TAMPERED, node, "not the run that follows the one before")
            else:
                gone = f"{FOLDER}/runs/{one['previous']}.json"
                yield Finding(Verdict.MISSING, gone, "a run names it as the one before, and it is gone")
        for path, sha256 in one["study"].items():
            yield from _object(store, sha256, f"copy of {path} of run {name[:12]}")
        previous = name


def _listing(store: Store) -> Iterator[Finding]:
    """Records that a run lists are there; those that no run lists are newer than the last run."""
    for name in sorted(set(store.listed) - set(store.records)):
        if not (store.folder / "records" / f"{name}.json").exists():  # a broken one is named already
            what = f"run {store.listed[name][:12]} lists this record, and it is gone"
            yield Finding(Verdict.MISSING, f"{FOLDER}/records/{name}.json", what)
    last = store.last_run
    for name, one in store.pending.items():
        if last is not None and one["time"]["end"] <= last["time"]["end"]:
            what = f"record of {key(one)}: older than the last run, and no run lists it"
            yield Finding(Verdict.TAMPERED, f"{FOLDER}/records/{name}.json", what)


def _record(
    store: Store, name: str, one: dict[str, Any], environment: Callable[[str, str | None], str | None]
) -> Iterator[Finding]:
    """Sums within a record follow from its parts, and what it refers to is kept."""
    node, title = f"{FOLDER}/records/{name}.json", f"record of {key(one)}"
    if one["params"]["sha256"] != digest(canonical(one["params"]["values"])):
        yield Finding(Verdict.TAMPERED, node, f"{title}: the parameters' hash is not theirs")
    spoken = {one["environment"]: "environment"}
    if one["code"]["diff"]:
        spoken[one["code"]["diff"]] = "difference from its commit"
    changed = {file["path"] for file in one["changed_inputs"]}
    sources = (file for file in one["inputs"] if file["role"] in record.LOGIC and file["path"] not in changed)
    spoken |= {file["sha256"]: f"copy of {file['path']}" for file in sources}
    for model in one["split"].get("models", []):
        spoken |= {model[side]: "list of samples" for side in ("on", "judges") if side in model}
    for sha256, what in spoken.items():
        yield from _object(store, sha256, f"{what} of {title}")
    lock = next((file["sha256"] for file in one["inputs"] if file["path"] == capture.LOCK), None)
    if wrong := environment(one["environment"], lock):
        yield Finding(Verdict.TAMPERED, node, f"{title}: its environment {wrong}")


def _object(store: Store, sha256: str, what: str) -> Iterator[Finding]:
    if not store.has(sha256):
        yield Finding(Verdict.MISSING, f"{FOLDER}/objects/{sha256}", f"the {what} is gone")


def _environment(store: Store, name: str, lock: str | None) -> str | None:
    """What is wrong in an environment's comparison with the lock file: its packages and the lock file used decide it."""
    try:
        about = store.get_json(name)
        if about["lock"] != lock:
            return "is of another lock file"
        differing = capture.differs_from_lock(about["packages"], store.get(lock).decode()) if lock else {}
        same = not lock or about["differs_from_lock"] == differing
        return None if same else "says other differences from the lock than it has"
    except FileNotFoundError:
        return None  # named already
    except (ValueError, KeyError, TypeError):
        return "is no environment"
