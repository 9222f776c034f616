"""The one record that a name speaks of, and everything that came from some bytes, a name or a checkpoint."""

import difflib
import os
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from joblineage.errors import DataError
from joblineage.graph import Descent, reached
from joblineage.store import FOLDER, Store, key

ID = re.compile(r"[0-9a-f]{6,64}")

SHORTEST = 8
"""Hex digits that a sha256 may be shortened to."""


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
    newest = store.by_age(store.records)
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
    readers = sorted({key(record) for record in current if artifact in {input_["path"] for input_ in record["inputs"]}})
    if readers:
        return f"no record made it: it is read as it was found, by {', '.join(readers[:5])}"
    near = difflib.get_close_matches(artifact, names, 5, 0.5) or sorted(store.current)[:5]
    rules = sorted({record["job"]["rule"] for record in current})
    return (
        f"unknown; close to it: {', '.join(near)}. {FOLDER}/ has {len(store.current)} jobs of the rules {', '.join(rules)}; "
        "name a file that one of them made, a job key or a record's id"
    )


@dataclass(frozen=True)
class Match:
    """A job that touched what was looked for.

    how : "made", "read", "fitted on", "judged", "ran for" (a wildcard), "started from" (a checkpoint).
    what : path of the file, or name of the model.
    sha256 : of the file; None for a model.
    current : whether the record belongs to the present study.
    """

    job: str
    record: str
    how: str
    what: str
    sha256: str | None
    current: bool


class Finder:
    """Looks through a store's records."""

    def __init__(self, store: Store):
        self.store = store
        self.descent = Descent(store)

    def sha256(self, prefix: str) -> list[Match]:
        """Files whose sha256 begins so, made or read."""
        return _sorted(self._files(lambda entry: entry["sha256"].startswith(prefix.lower())))

    def names(self, names: Iterable[str], ran_for: str | None = None) -> list[Match]:
        """Jobs that made, read, were fitted on or judged anything of these names.

        Parameters
        ----------
        ran_for : jobs with this wildcard value belong to it too.
        """
        wanted = set(names)
        matches = [*self._files(lambda entry: PurePosixPath(entry["path"]).stem in wanted)]
        for name, record in self.store.records.items():
            if ran_for is not None and ran_for in record["job"]["wildcards"].values():
                matches.append(self._match(name, "ran for", ran_for, None))
            for model in record["split"]["models"]:
                for side, how in (("on", "fitted on"), ("judges", "judged")):
                    if wanted & self._listed(model[side]):
                        matches.append(self._match(name, how, f"{model['model']} ({model['kind']})", None))
        return _sorted(matches)

    def checkpoint(self, name: str) -> list[Match]:
        """Jobs that started from a checkpoint: by its name or the last part of it, its revision, or sha256 of a file."""
        matches = []
        for record, model in ((name, about["model"]) for name, about in self.store.records.items() if about["model"]):
            known = model["checkpoint"] or ""
            whats = [(file["path"], file["sha256"]) for file in model["files"] if _begins(file["sha256"], name)]
            if not whats and (name in (known, known.rpartition("/")[2]) or _begins(model["revision"] or "", name)):
                whats = [(f"{known} ({model['revision']})", None)]
            matches += [self._match(record, "started from", *what) for what in whats]
        return _sorted(matches)

    def below(self, matches: Iterable[Match]) -> list[Match]:
        """Every file that came from the matching jobs, their own files among them; for a file that was made, from it.

        As matches with how = "came from it".
        """
        starts: list[str] = []
        for match in matches:
            was_made = match.how == "made"
            starts += self.descent.read.get((match.what, match.sha256 or ""), []) if was_made else [match.record]
        return [
            self._match(name, "came from it", out["path"], out["sha256"])
            for name in self.descent.by_key(reached(starts, self.descent.readers))
            for out in self.store.records[name]["outputs"]
        ]

    def _files(self, fits: Callable[[dict[str, Any]], bool]) -> Iterator[Match]:
        for name, record in self.store.records.items():
            for how, side in (("made", "outputs"), ("read", "inputs")):
                yield from (
                    self._match(name, how, entry["path"], entry["sha256"]) for entry in record[side] if fits(entry)
                )

    def _listed(self, name: str) -> set[str]:
        try:
            return set(self.store.samples(name))
        except (FileNotFoundError, ValueError):  # `verify` names it
            return set()

    def _match(self, name: str, how: str, what: str, sha256: str | None) -> Match:
        return Match(key(self.store.records[name]), name, how, what, sha256, name in self.descent.current)


def _sorted(matches: Iterable[Match]) -> list[Match]:
    return sorted(
        matches, key=lambda match: (not match.current, match.what, match.how != "made", match.job, match.record)
    )


def _begins(value: str, prefix: str) -> bool:
    return len(prefix) >= SHORTEST and value.lower().startswith(prefix.lower())
