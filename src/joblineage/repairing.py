"""What is lost or damaged comes back from DVC's cache where its bytes are there and right; the rest is made again.

Right is what a hash says: a document of the lineage bears its own as its name, a result's is in the record of its job, an
object of DVC's cache bears its md5. Snakemake's note on a result is right where it agrees with that record. Nothing is
fetched, and no job is run: what Snakemake has to make again is only named.
"""

import hashlib
import json
import os
import pickletools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from joblineage import documents
from joblineage.checks import lock, metadata
from joblineage.files import Status, parse_json, status_of, write_bytes, write_text
from joblineage.present import Kind, compare
from joblineage.recovery import holding
from joblineage.restoring import DVC, LOCK, DvcCache, locked, named, whole
from joblineage.run import DVC_SAYS, study_changes, version
from joblineage.store import FOLDER, Store, seconds
from joblineage.workspace import METADATA, STARTED, clear, note, read_note, under_git

MEMORY = "cache/lineage/whole.json"
"""The status of all files when they were last found whole, and of each object of DVC's cache that was."""
WATCHED = (FOLDER, ".snakemake/metadata", ".snakemake/incomplete", LOCK, f"{DVC}/tmp/rwlock")


def repair(store: Store) -> list[str]:
    """Bring back what can be, in a workspace in which nothing is at work; a sentence for each thing done or left to do.

    Where no file's status changed since everything was found whole nothing is read.
    """
    memory = _remembered(store.root)
    cache = DvcCache(store.root)
    if memory["all"] == _summary(store, cache):
        return []
    if held := holding(store.root):
        return [f"a DVC command is at work here (process {held}): no file was looked at; recover again when it is done"]
    done = [
        *locks(store.root),
        *_compiled(store),
        *_cache(store, cache, memory["objects"]),
        *documents.bring_back(store, cache),
    ]
    store = Store(store.root, store.study)
    left: list[str] = []
    if store.records:
        brought, left = _results(store, cache)
        done += brought
        if not left:
            done += _versions(store, cache)
    clear(store.root / MEMORY)
    kept = {"all": None if left else _summary(store, cache), "objects": memory["objects"]}
    write_text(store.root / MEMORY, json.dumps(kept))
    return done + left


def _remembered(root: Path) -> dict[str, Any]:
    try:
        kept = parse_json((root / MEMORY).read_bytes())
        return {"all": kept["all"], "objects": dict(kept["objects"])}
    except (OSError, ValueError, KeyError, TypeError):
        return {"all": None, "objects": {}}


def _summary(store: Store, cache: DvcCache) -> str:
    """One hash of the status of all files that count; the time of change (ctime) cannot be set back by a program."""
    places = [*WATCHED, *store.study.shared, store.study.raw, *store.study.files, *store.study.sources]
    status = hashlib.sha256()
    for place in sorted({os.path.normpath(store.root / place) for place in places} | {str(cache.folder)}):
        for path, about in _below(place):
            status.update(f"{path}\0{status_of(about)}\n".encode(errors="surrogateescape"))
    return status.hexdigest()


def _below(place: str) -> Iterator[tuple[str, os.stat_result]]:
    try:
        entries = sorted(os.scandir(place), key=lambda entry: entry.name)
    except NotADirectoryError:
        yield place, os.stat(place)
        return
    except FileNotFoundError:
        return
    for entry in entries:
        if entry.is_dir():
            yield from _below(entry.path)
        else:
            yield entry.path, entry.stat(follow_symlinks=False)


def locks(root: Path) -> Iterator[str]:
    """DVC reads its list of locks before each command, and stops at one that it cannot read."""
    path = root / DVC / "tmp/rwlock"
    try:
        held = parse_json(path.read_bytes())
        if isinstance(held, dict) and all(isinstance(note, dict) for note in held.values()):
            return
    except FileNotFoundError:
        return
    except (OSError, ValueError):
        pass
    clear(path)
    yield f"removed {DVC}/tmp/rwlock, DVC's list of locks, which could not be read"


def _compiled(store: Store) -> Iterator[str]:
    """numba does not flush what it keeps of compiled functions, and ends at a file that is not whole. Nothing of one is run."""
    tops = (store.root / source for source in store.study.sources)
    bad = sorted(path for top in tops for path in top.rglob("*.nb[ci]") if not _is_pickle(path))
    for path in bad:
        clear(path)
    if bad:
        yield f"removed {len(bad)} damaged file(s) that numba compiled: {named(path.name for path in bad)}"


def _is_pickle(path: Path) -> bool:
    try:
        with open(path, "rb") as file:
            while True:
                for _ in pickletools.genops(file):
                    pass
                if not file.peek(1):
                    return True
    except (OSError, ValueError, IndexError, EOFError):
        return False


def _cache(store: Store, cache: DvcCache, known: dict[str, Status]) -> Iterator[str]:
    if store.root.resolve() not in cache.folder.resolve().parents:
        return  # shared with others: `verify --cache` reads it
    bad = cache.damaged(known)
    for path in bad:
        clear(path)
    if bad:
        yield f"removed {len(bad)} damaged object(s) of DVC's cache: {named(f'{path.parent.name}/{path.name}' for path in bad)}"


def _results(store: Store, cache: DvcCache) -> tuple[list[str], list[str]]:
    """What jobs made, and Snakemake's notes on it. What was done, and what is left for Snakemake."""
    changed = study_changes(store)
    now = compare(store).differences
    stale = {state.record for state in now if state.kind not in (Kind.LOST, Kind.OTHER)}
    restored, left = [], []
    for state in now:
        place, record = store.root / state.path, store.records.get(state.record or "")
        if (
            state.kind not in (Kind.LOST, Kind.OTHER)
            or record is None
            or (store.root / note(state.path, STARTED)).exists()
        ):
            continue
        if changed or state.record in stale or not cache.copy(state.file["md5"], place, state.file["sha256"]):
            left.append(state.path)
            continue
        # As old as it was: an input that was made since then is the newer one.
        os.utime(place, (seconds(record["time"]["end"]),) * 2)
        restored.append(state.path)
    done = [f"restored {len(restored)} result(s) from DVC's cache: {named(restored)}"] if restored else []
    brought, lost = _notes(store, cache)
    if brought:
        done.append(f"restored Snakemake's notes on {len(brought)} result(s) from DVC's cache: {named(brought)}")
    notes = [f"lost or damaged, and to be made again: {named(left)}"] if left else []
    if lost:
        notes.append(f"Snakemake's notes on {len(lost)} result(s) are lost; it writes them again: {named(lost)}")
    return done, notes


def _notes(store: Store, cache: DvcCache) -> tuple[list[str], list[str]]:
    """Outputs of which Snakemake's note came back, and those of which it did not: it is lost, or cannot be read."""
    brought, lost = [], []
    for path, name in store.makers.items():
        place, record = store.root / note(path), store.records[name]
        if not (store.root / path).exists() or metadata.agrees(record, read_note(place)):
            continue
        below = place.relative_to(store.root / METADATA).as_posix()
        places = (cache.place(md5) for md5 in cache.ever.get(below, ()))
        right = next((place for place in places if metadata.agrees(record, read_note(place)) and whole(place)), None)
        if right:
            clear(place)
            write_bytes(place, right.read_bytes())
            brought.append(path)
        elif read_note(place) is None:
            clear(place)  # Snakemake ends at some of those that it cannot read
            lost.append(path)
    return brought, lost


def _versions(store: Store, cache: DvcCache) -> Iterator[str]:
    """Have DVC version a finished study again where dvc.lock or its cache has not what it should."""
    root, outs = store.root, locked(store.root)
    last = store.last_run
    if (root / LOCK).exists() and outs is None:
        clear(root / LOCK)
        yield f"removed {LOCK}, which could not be read"
    if not under_git(root) or last is None or not last["complete"] or store.pending or study_changes(store):
        return
    held = {md5 for md5 in (outs or {}).values()}
    held |= {md5 for folder in held if folder.endswith(".dir") for md5 in cache.listed(folder).values()}
    if outs and all(cache.place(md5).is_file() for md5 in held) and not lock.check(store)[0]:
        return
    from joblineage.verify import verify

    if all(finding.node == LOCK for finding in verify(store).findings):
        if version(store):
            yield f"had DVC version the study again: its cache, or {LOCK}, had lost something"
        else:
            yield f"DVC did not version the study again, {LOCK} is of an earlier one ({DVC_SAYS})"
