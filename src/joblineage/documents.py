"""The lineage's own documents, when some are lost or damaged: each bears the hash of its content as its name, so every copy will do."""

from collections.abc import Iterator
from contextlib import chdir
from pathlib import Path

from joblineage import capture
from joblineage.checks import structure
from joblineage.files import sha256
from joblineage.installed import Installed
from joblineage.record import LOGIC
from joblineage.restoring import DvcCache, locked, named
from joblineage.run import study_files
from joblineage.store import FOLDER, OBJECT, Store, digest
from joblineage.verdict import Verdict
from joblineage.workspace import clear

KINDS = ("records", "runs", "objects")
"""Folders of the lineage."""


def bring_back(store: Store, cache: DvcCache) -> Iterator[str]:
    """Documents that do not have the hash which they bear as their name, and those that are spoken of and gone."""
    called = [path for kind in KINDS for path in (store.folder / kind).glob("*") if OBJECT.fullmatch(path.stem)]
    nodes = {f"{FOLDER}/{document.parent.name}/{document.name}": document for document in called}
    bad = {
        node
        for node, document in nodes.items()
        if not document.is_file() or digest(document.read_bytes()) != document.stem
    }
    for node in bad:
        clear(nodes[node])
    versioned = {f"{FOLDER}/{document}" for document in cache.listed((locked(store.root) or {}).get(FOLDER, ""))}
    wanted = bad | {node for node in versioned if not (store.root / node).exists()}
    tried: set[str] = set()
    while wanted := (wanted | spoken_of(store)) - tried:  # a run that came back speaks of others
        for node in wanted:
            md5s = cache.ever.get(node.removeprefix(f"{FOLDER}/"), ())
            any(cache.copy(md5, store.root / node, Path(node).stem) for md5 in md5s)
        tried |= wanted
    lost = {node for node in tried if not (store.root / node).exists()}
    if any(node.startswith(f"{FOLDER}/objects/") for node in lost):
        _put_again(Store(store.root, store.study), {Path(node).stem for node in lost})
        lost = {node for node in lost if not (store.root / node).exists()}
    if restored := tried - lost:
        yield f"restored {len(restored)} document(s) of {FOLDER}/"
    if lost:
        gone = _forget(store, {Path(node).stem for node in lost})
        also = f"and {gone} document(s) that spoke of them: the next run rewrites what it needs" if gone else ""
        yield f"removed from {FOLDER}/ what is damaged or lost and in no copy: {named(lost)} {also}".rstrip()


def _put_again(store: Store, names: set[str]) -> None:
    """Keep what the present files of the study, its code and this environment are, where that is what was lost."""
    code = {
        input_["path"] for record in store.records.values() for input_ in record["inputs"] if input_["role"] in LOGIC
    }
    for place in (store.root / path for path in code | study_files(store).keys()):
        if place.is_file() and sha256(place) in names:
            store.put(place.read_bytes())
    lock = Path(capture.LOCK)
    with chdir(store.root):
        here = Store(study=store.study)
        for known in {None, sha256(lock) if lock.is_file() else None}:
            capture.environment(here, known, Installed())


def _forget(store: Store, names: set[str]) -> int:
    """Remove the records and runs that speak of documents which are lost, and those that speak of these; how many. What such a
    record's job made has no record then, so the job runs again; the next run lists the records that no run lists."""
    removed = 0
    while names:
        paths = [path for kind in KINDS[:2] for path in (store.folder / kind).glob("*.json")]
        texts = {path: path.read_text("utf-8") for path in paths}
        speaking = [path for path in paths if any(name in texts[path] for name in names)]
        for path in speaking:
            path.unlink()
        removed += len(speaking)
        names = {path.stem for path in speaking}
    return removed


def spoken_of(store: Store) -> set[str]:
    """Documents that others speak of and that are not here."""
    findings = structure.check(Store(store.root, store.study))
    return {finding.node for finding in findings if finding.verdict is Verdict.MISSING}
