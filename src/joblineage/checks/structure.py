"""Are the records themselves whole: every file bears the hash of its content, every run lists what is there."""

import json
from collections.abc import Callable, Iterator
from functools import cache, partial
from typing import Any

from joblineage import capture, record
from joblineage.checks import complete, places
from joblineage.files import LITTER, parse_json, read_bytes
from joblineage.store import FOLDER, NAME, OBJECT, SIGNATURES, Store, canonical, digest, key, merkle_root
from joblineage.verdict import Finding, Verdict

NAMES = {"records": NAME, "runs": NAME, "objects": OBJECT}
"""What the files of each folder are called."""


def check(store: Store) -> list[Finding]:
    """Findings on lineage/: edited, broken, strange, lost or unlisted documents, sums that do not follow."""
    environment = cache(partial(_environment, store))  # many records are of one environment
    return [
        *places.lineage(store),
        *_names(store),
        *_runs(store),
        *complete.lists(store),
        *_listing(store),
        *(finding for name, record in store.records.items() for finding in _record(store, name, record, environment)),
    ]


def _names(store: Store) -> Iterator[Finding]:
    """Every file below lineage/ bears its own hash, and every document has its form."""
    folder = store.folder
    for path in sorted(path for path in folder.rglob("*") if path.suffix != ".tmp" and not path.is_dir()):
        part, kind = path.relative_to(folder).as_posix(), path.parent.name
        node = f"{FOLDER}/{part}"
        if (kind == "runs" and path.name.endswith(SIGNATURES)) or LITTER.fullmatch(path.name):
            continue
        fitting = NAMES.get(kind)
        if path.parent.parent != folder or fitting is None or not fitting.fullmatch(path.name):
            yield Finding(Verdict.UNRECORDED, node, "no such file belongs here")
            continue
        try:
            data = read_bytes(path)
        except OSError as error:
            yield Finding(Verdict.MISSING, node, f"cannot be read: {error.strerror}")
            continue
        if digest(data) == path.stem:
            wrong = store.broken.get(part) or (None if kind == "objects" else _not_canonical(store, path.stem, data))
            if wrong:
                yield Finding(Verdict.TAMPERED, node, f"not a document that this library writes: {wrong}")
        elif not data.strip(b"\0"):
            yield Finding(Verdict.MISSING, node, f"empty, as a file is after a power cut ({len(data)} bytes)")
        elif kind == "objects":
            yield Finding(Verdict.TAMPERED, node, f"its content has the hash {digest(data)[:12]}, not its name")
        else:
            yield _edited(node, data)


def _edited(node: str, data: bytes) -> Finding:
    """A document that does not bear its own hash."""
    try:
        value = parse_json(data)
    except ValueError:
        return Finding(Verdict.MISSING, node, f"cut off or garbled: {len(data)} bytes that are no JSON")
    try:
        called = f"record of {key(value)}" if "job" in value else "run"
    except (KeyError, TypeError, AttributeError):
        called = "a broken document"
    return Finding(Verdict.TAMPERED, node, f"{called}: edited, its content has the hash {digest(data)[:12]}")


def _not_canonical(store: Store, name: str, data: bytes) -> str | None:
    """Whether a document is spelled as it is written. Python's own JSON is tried first: it differs in some numbers only."""
    value = store.records.get(name) or store.runs.get(name)
    if value is None:  # a job that is at work wrote it since the others were read
        return None
    spelled = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    return None if spelled == data or canonical(value) == data else "no canonical JSON"


def _runs(store: Store) -> Iterator[Finding]:
    """Every run's sums follow from its lists, and each names the one before it."""
    line = set(store.line)
    for name, run in store.runs.items():
        node, previous = f"{FOLDER}/runs/{name}.json", run["previous"]
        if run["root"] != merkle_root([*run["executed"], *run["reused"]]):
            yield Finding(Verdict.TAMPERED, node, "its Merkle root is not that of the records which it lists")
        if name not in line:
            what = "no later run follows from it: it comes from another copy of this study"
            yield Finding(Verdict.UNRECORDED, node, what)
        if previous is not None and previous not in store.runs and f"runs/{previous}.json" not in store.broken:
            gone = f"{FOLDER}/runs/{previous}.json"
            yield Finding(Verdict.MISSING, gone, "a run names it as the one before, and it is gone")
        for path, sha256 in run["study"].items():
            yield from _object(store, sha256, f"copy of {path} of run {name[:12]}")


def _listing(store: Store) -> Iterator[Finding]:
    """Records that a run lists are there; those that no run lists are newer than what runs list of the same job."""
    for name in sorted(set(store.listed) - set(store.records)):
        if f"records/{name}.json" not in store.broken:  # a broken one is named already
            what = f"run {store.listed[name][:12]} lists this record, and it is gone"
            yield Finding(Verdict.MISSING, f"{FOLDER}/records/{name}.json", what)
    newest = {key(store.records[name]): name for name in store.by_age(store.records) if name in store.listed}
    for name, pending in store.pending.items():
        known = store.records[newest[key(pending)]].get("number") if key(pending) in newest else None
        if known is not None and pending.get("number", 0) <= known:
            what = f"record of {key(pending)}: older than the one that a run lists, and no run lists it"
            yield Finding(Verdict.TAMPERED, f"{FOLDER}/records/{name}.json", what)


def _record(
    store: Store, name: str, read_record: dict[str, Any], environment: Callable[[str, str | None], str | None]
) -> Iterator[Finding]:
    """Sums within a record follow from its parts, and what it refers to is kept."""
    node, title = f"{FOLDER}/records/{name}.json", f"record of {key(read_record)}"
    if read_record["params"]["sha256"] != digest(canonical(read_record["params"]["values"])):
        yield Finding(Verdict.TAMPERED, node, f"{title}: the parameters' hash is not theirs")
    if read_record["code"]["dirty"] and not read_record["code"]["diff"]:
        yield Finding(Verdict.TAMPERED, node, f"{title}: files differed from its commit, and it keeps no difference")
    spoken = {read_record["environment"]: "environment"}
    if read_record["code"]["diff"]:
        spoken[read_record["code"]["diff"]] = "difference from its commit"
    changed = {file["path"] for file in read_record["changed_inputs"]}
    sources = (file for file in read_record["inputs"] if file["role"] in record.LOGIC and file["path"] not in changed)
    spoken |= {file["sha256"]: f"copy of {file['path']}" for file in sources}
    if read_record.get("taken"):
        spoken[read_record["taken"]] = "list of files taken from caches"
    for model in read_record["split"].get("models", []):
        spoken |= {model[side]: "list of samples" for side in ("on", "judges") if side in model}
    for sha256, what in spoken.items():
        yield from _object(store, sha256, f"{what} of {title}")
    lock = next((file["sha256"] for file in read_record["inputs"] if file["path"] == capture.LOCK), None)
    if wrong := environment(read_record["environment"], lock):
        yield Finding(Verdict.TAMPERED, node, f"{title}: its environment {wrong}")


def _object(store: Store, sha256: str, what: str) -> Iterator[Finding]:
    if sha256 not in store.kept:
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
    except (ValueError, KeyError, TypeError, AttributeError):
        return "is no environment"
