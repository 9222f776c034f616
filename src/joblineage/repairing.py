"""What is lost or damaged comes back from DVC's cache where its bytes are there and right; the rest is made again.

Right is what a hash says: a document of the lineage bears its own as its name, a result's stands in the record of its job, an
object of DVC's cache bears its md5. Snakemake's note on a result is right where it agrees with that record. Nothing is
fetched, and no job is run: what Snakemake has to make again is only named.
"""

import hashlib
import json
import os
from base64 import urlsafe_b64encode
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml

from joblineage.checks import claims, structure
from joblineage.files import parse_yaml, write_bytes, write_text
from joblineage.present import Kind, compare
from joblineage.restoring import DVC, Cache, whole
from joblineage.run import study_changes, version
from joblineage.store import FOLDER, SIGNATURES, Store, digest
from joblineage.verdict import Verdict
from joblineage.workspace import under_git

MEMORY = "cache/lineage/whole.json"
"""The status of all files when they were last found whole, and of each object of DVC's cache that was."""
LOCK = "dvc.lock"
KINDS = ("records", "runs", "objects")
"""Folders of the lineage."""
WATCHED = (FOLDER, ".snakemake/metadata", ".snakemake/incomplete", LOCK, f"{DVC}/tmp/rwlock")
SHOWN = 5
"""So many files are named in a line."""
Status = list[int]


def repair(store: Store) -> list[str]:
    """Bring back what can be, in a workspace in which nothing is at work; a sentence for each thing done or left to do.

    Where no file's status changed since everything was found whole nothing is read.
    """
    memory = _remembered(store.root)
    cache = Cache(store.root)
    if memory["all"] == _summary(store, cache):
        return []
    done = [*_locks(store.root), *_cache(cache, memory["objects"]), *_lineage(store, cache)]
    store = Store(store.root, store.study)
    left: list[str] = []
    if store.records:
        brought, left = _results(store, cache)
        done += brought
        if not left:
            done += _versions(store, cache)
    told = {"all": None if left else _summary(store, cache), "objects": memory["objects"]}
    write_text(store.root / MEMORY, json.dumps(told))
    return done + left


def _remembered(root: Path) -> dict[str, Any]:
    try:
        told = json.loads((root / MEMORY).read_bytes())
        return {"all": told["all"], "objects": dict(told["objects"])}
    except (OSError, ValueError, KeyError, TypeError):
        return {"all": None, "objects": {}}


def _summary(store: Store, cache: Cache) -> str:
    """One hash of the status of all files that count; the time of change (ctime) cannot be set back by a program."""
    places = [*WATCHED, *store.study.shared, store.study.raw, *store.study.files]
    status = hashlib.sha256()
    for place in sorted({os.path.normpath(store.root / one) for one in places} | {str(cache.folder)}):
        for path, about in _below(place):
            status.update(f"{path}\0{_status(about)}\n".encode(errors="surrogateescape"))
    return status.hexdigest()


def _below(place: str) -> Iterator[tuple[str, os.stat_result]]:
    try:
        entries = sorted(os.scandir(place), key=lambda one: one.name)
    except NotADirectoryError:
        yield place, os.stat(place)
        return
    except FileNotFoundError:
        return
    for one in entries:
        if one.is_dir():
            yield from _below(one.path)
        else:
            yield one.path, one.stat(follow_symlinks=False)


def _status(about: os.stat_result) -> Status:
    return [about.st_size, about.st_mtime_ns, about.st_ctime_ns, about.st_ino]


def _named(paths: Iterable[str]) -> str:
    names = sorted(paths)
    return ", ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")


def _locks(root: Path) -> Iterator[str]:
    """DVC reads its list of locks before each command, and stops at one that it cannot read."""
    path = root / DVC / "tmp/rwlock"
    try:
        held = json.loads(path.read_bytes())
        if isinstance(held, dict) and all(isinstance(one, dict) for one in held.values()):
            return
    except FileNotFoundError:
        return
    except ValueError:
        pass
    path.unlink()
    yield f"removed {DVC}/tmp/rwlock, DVC's list of locks, which could not be read"


def damaged(cache: Cache, known: dict[str, Status]) -> list[Path]:
    """Objects whose content does not have the md5 that they bear as their name.

    Parameters
    ----------
    known : the status of each object that was found whole; one that still has it is not read. Brought up to date.
    """
    bad, now = [], {}
    for one in cache.objects():
        name, status = f"{Path(one.path).parent.name}/{one.name}", _status(one.stat())
        if known.get(name) == status or whole(Path(one.path)):
            now[name] = status
        else:
            bad.append(Path(one.path))
    known.clear()
    known.update(now)
    return sorted(bad)


def _cache(cache: Cache, known: dict[str, Status]) -> Iterator[str]:
    bad = damaged(cache, known)
    for path in bad:
        path.unlink()
    if bad:
        yield f"removed {len(bad)} damaged object(s) of DVC's cache: {_named(f'{one.parent.name}/{one.name}' for one in bad)}"


def _lineage(store: Store, cache: Cache) -> Iterator[str]:
    """Documents that do not have the hash which they bear as their name, and those that are spoken of and gone."""
    files = [(f"{FOLDER}/{kind}/{one.name}", one) for kind in KINDS for one in (store.folder / kind).glob("*")]
    hashed = {node: one for node, one in files if not one.name.endswith((SIGNATURES, ".tmp"))}
    bad = {node for node, one in hashed.items() if digest(one.read_bytes()) != one.stem}
    for node in bad:
        hashed[node].unlink()
    versioned = {f"{FOLDER}/{one}" for one in cache.listed((locked(store.root) or {}).get(FOLDER, ""))}
    wanted = bad | {node for node in versioned if not (store.root / node).exists()}
    restored: set[str] = set()
    tried: set[str] = set()
    while wanted := (wanted | _spoken_of(store)) - tried:  # a run that came back speaks of others
        for node in wanted:
            md5s = cache.ever.get(node.removeprefix(f"{FOLDER}/"), ())
            restored |= {node for md5 in md5s if cache.copy(md5, store.root / node, Path(node).stem)}
        tried |= wanted
    if restored:
        yield f"restored {len(restored)} document(s) of {FOLDER}/ from DVC's cache"
    if lost := tried - restored:
        yield f"lost, and not in DVC's cache: {_named(lost)}"


def _spoken_of(store: Store) -> set[str]:
    """Documents that others speak of and that are not here."""
    found = structure.check(Store(store.root, store.study))
    return {one.node for one in found if one.verdict is Verdict.MISSING}


def _results(store: Store, cache: Cache) -> tuple[list[str], list[str]]:
    """What jobs made, and Snakemake's notes on it. What was done, and what is left for Snakemake."""
    changed = study_changes(store)
    now = compare(store).differences
    stale = {one.record for one in now if one.kind not in (Kind.LOST, Kind.OTHER)}
    restored, left = [], []
    for one in now:
        place, record = store.root / one.path, store.records.get(one.record or "")
        if (
            one.kind not in (Kind.LOST, Kind.OTHER)
            or record is None
            or note(store.root, one.path, "incomplete").exists()
        ):
            continue
        if changed or one.record in stale or not cache.copy(one.file["md5"], place, one.file["sha256"]):
            left.append(one.path)
            continue
        # As old as it was: an input that was made since then is the newer one.
        os.utime(place, (seconds(record["time"]["end"]),) * 2)
        restored.append(one.path)
    done = [f"restored {len(restored)} result(s) from DVC's cache: {_named(restored)}"] if restored else []
    brought, lost = _notes(store, cache)
    if brought:
        done.append(f"restored Snakemake's notes on {len(brought)} result(s) from DVC's cache: {_named(brought)}")
    told = [f"lost or damaged, and to be made again: {_named(left)}"] if left else []
    if lost:
        told.append(f"Snakemake's notes on {len(lost)} result(s) are lost, and not in DVC's cache: {_named(lost)}")
    return done, told


def seconds(time: str) -> float:
    """A record's time as that of a file."""
    return datetime.fromisoformat(time).timestamp()


def note(root: Path, path: str, kind: str = "metadata") -> Path:
    """Where Snakemake keeps what it knows of an output; "incomplete" for one that a job has begun to make."""
    name = urlsafe_b64encode(path.encode()).decode()
    parts = [name[start : start + 254] for start in range(0, len(name), 254)]
    return root.joinpath(".snakemake", kind, *(f"@{part}" for part in parts[:-1]), parts[-1])


def _notes(store: Store, cache: Cache) -> tuple[list[str], list[str]]:
    """Outputs of which Snakemake's note came back, and those of which it did not: it is lost, or cannot be read."""
    brought, lost = [], []
    for path, name in store.makers.items():
        place, record = note(store.root, path), store.records[name]
        if not (store.root / path).exists() or claims.agrees(record, _read(place)):
            continue
        below = place.relative_to(store.root / claims.METADATA).as_posix()
        places = (cache.place(md5) for md5 in cache.ever.get(below, ()))
        right = next((one for one in places if claims.agrees(record, _read(one)) and whole(one)), None)
        if right:
            write_bytes(place, right.read_bytes())
            brought.append(path)
        elif not isinstance(_read(place), dict):
            place.unlink(missing_ok=True)  # Snakemake ends at some of those that it cannot read
            lost.append(path)
    return brought, lost


def _read(path: Path) -> Any:
    """What a JSON file holds; None where it is not there, or none."""
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return None


def locked(root: Path) -> dict[str, str] | None:
    """{path: md5} of every output in dvc.lock; None where that cannot be read."""
    try:
        stages = parse_yaml((root / LOCK).read_bytes())["stages"].values()
        files = {
            side: {one["path"]: one["md5"] for stage in stages for one in stage[side]} for side in ("deps", "outs")
        }
        return files["outs"]
    except (OSError, yaml.YAMLError, KeyError, TypeError, AttributeError):
        return None


def _versions(store: Store, cache: Cache) -> Iterator[str]:
    """Have DVC version a finished study again where dvc.lock or its cache has not what it should."""
    root, outs = store.root, locked(store.root)
    last = store.last_run
    if (root / LOCK).exists() and outs is None:
        (root / LOCK).unlink()
        yield f"removed {LOCK}, which could not be read"
    if not under_git(root) or last is None or not last["complete"] or store.pending or study_changes(store):
        return
    held = {md5 for md5 in (outs or {}).values()}
    held |= {md5 for one in held if one.endswith(".dir") for md5 in cache.listed(one).values()}
    if outs and all(cache.place(md5).is_file() for md5 in held) and not claims.dvc(store)[0]:
        return
    from joblineage.verify import verify

    if all(one.node == LOCK for one in verify(store).findings):
        version(store)
        yield f"had DVC version the study again: its cache, or {LOCK}, had lost something"
