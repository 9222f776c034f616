"""A run of the workflow in one document: which records it executed, which it reused, under one Merkle root.

Written when a run ends well and executed something; a run with nothing to do writes nothing. What a killed run had
finished is listed by the next one. Schema: schemas/run.schema.json.
"""

import re
from collections.abc import Iterable, Mapping

from joblineage import capture
from joblineage.files import sha256
from joblineage.store import Store, merkle_root
from joblineage.walk import reached

SCHEMAS = ("joblineage-run/1", "blemore-run/1")
"""Of a run: the one that is written, and the name that it had before the library had its own."""


def study_files(store: Store) -> dict[str, str]:
    """{path: sha256} of the files that decide which jobs there are."""
    paths = sorted(path for pattern in store.study.files for path in store.root.glob(pattern))
    return {path.relative_to(store.root).as_posix(): sha256(path) for path in paths}


def close(store: Store, made: Iterable[re.Pattern], targets: Iterable[str], *, complete: bool) -> str | None:
    """Write the run that has just ended; its id, or None where it executed nothing.

    Parameters
    ----------
    made : the output patterns of every rule of the present study; a record of a job that left it is not reused.
    targets : the files for whose sake a complete study is run; it has no other jobs than those that they hang on.
    complete : whether all targets are there and up to date.
    """
    root, patterns = store.root, list(made)
    if not store.pending:
        return None
    makers = {path: name for path, name in store.newest.items() if path in store.makers or (root / path).exists()}
    makers = {path: name for path, name in makers.items() if any(pattern.match(path) for pattern in patterns)}
    current = _behind(store, makers, targets) if complete else set(makers.values())
    executed, reused = sorted(current & set(store.pending)), sorted(current - set(store.pending))
    study = study_files(store)
    for path in study:
        store.put((root / path).read_bytes())
    document = {
        "schema": SCHEMAS[0],
        "complete": complete,
        "previous": list(store.runs)[-1] if store.runs else None,
        "time": {
            "start": min(record["time"]["start"] for record in store.pending.values()),
            "end": capture.now(),
        },
        "study": study,
        "sources": source_sums(store),
        "executed": executed,
        "reused": reused,
        "superseded": sorted(set(store.pending) - current),
        "root": merkle_root([*executed, *reused]),
    }
    return store.write("runs", document)


def _behind(store: Store, makers: Mapping[str, str], targets: Iterable[str]) -> set[str]:
    """Ids of the records that `targets` came from."""

    def made(paths: Iterable[str]) -> list[str]:
        return [makers[path] for path in paths if path in makers]

    return set(reached(made(targets), lambda name: made(one["path"] for one in store.records[name]["inputs"])))


def source_sums(store: Store) -> dict[str, str]:
    """{path: md5 as dvc.lock has it} of the files and folders of source code that dvc.yaml's stages depend on."""
    places = {name: store.root / name for name in store.study.sources}
    return {name: capture.dvc_md5(place) for name, place in places.items() if place.exists()}
