"""What an artifact may be called: a path, a record's id or its first digits, or a job key."""

import os
import re
from dataclasses import dataclass
from pathlib import Path

from joblineage.errors import DataError
from joblineage.store import FOLDER, Store, key

ID = re.compile(r"[0-9a-f]{6,64}")


@dataclass(frozen=True)
class Artifact:
    """An artifact that records know.

    record : id of the record that made it.
    path : the file that was asked for; None where a record or a job was.
    """

    record: str
    path: str | None = None


def find(artifact: str, store: Store) -> Artifact:
    """The record that `artifact` speaks of: the present study's, else the newest.

    Raises
    ------
    DataError : nothing is known by that name; says what is.
    """
    if not store.records:
        raise DataError(str(store.folder), [f"no records here: `snakemake {store.study.target}` makes them"])
    below = os.path.relpath(Path(artifact).absolute(), store.root.absolute())
    for path in (os.path.normpath(artifact), Path(below).as_posix()):
        if path in store.makers:
            return Artifact(store.makers[path], path)
    newest = sorted(store.records, key=lambda name: store.records[name]["time"]["end"])
    jobs = {key(store.records[name]): name for name in newest} | store.current
    if artifact in jobs:
        return Artifact(jobs[artifact])
    if ID.fullmatch(artifact):
        fitting = [name for name in store.records if name.startswith(artifact)]
        if len(fitting) == 1:
            return Artifact(fitting[0])
        if fitting:
            raise DataError(artifact, [f"{len(fitting)} records begin like this: {', '.join(fitting[:5])}"])
    older = {out["path"]: name for name in newest for out in store.records[name]["outputs"]}
    if artifact in older:
        return Artifact(older[artifact], artifact)
    raise DataError(artifact, [_unknown(artifact, store, [*jobs, *older])])


def _unknown(artifact: str, store: Store, names: list[str]) -> str:
    current = [store.records[name] for name in store.current.values()]
    readers = sorted({key(record) for record in current if artifact in {one["path"] for one in record["inputs"]}})
    if readers:
        return f"no record made it: it is read as it was found, by {', '.join(readers[:5])}"
    import difflib

    near = difflib.get_close_matches(artifact, names, 5, 0.5) or sorted(store.current)[:5]
    rules = sorted({record["job"]["rule"] for record in current})
    return (
        f"unknown; close to it: {', '.join(near)}. {FOLDER}/ has {len(store.current)} jobs of the rules {', '.join(rules)}; "
        "name a file that one of them made, a job key or a record's id"
    )
