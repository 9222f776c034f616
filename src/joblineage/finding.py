"""Everything that came from some bytes, a name or a checkpoint, over every record that is kept."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from joblineage.graph import Descent, reached
from joblineage.store import Store, key

SHORTEST = 8
"""Hex digits that a sha256 may be shortened to."""


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
        return self._files(lambda one: one["sha256"].startswith(prefix.lower()))

    def names(self, names: Iterable[str], ran_for: str | None = None) -> list[Match]:
        """Jobs that made, read, were fitted on or judged anything of these names.

        Parameters
        ----------
        ran_for : jobs with this wildcard value belong to it too.
        """
        wanted = set(names)
        found = self._files(lambda one: PurePosixPath(one["path"]).stem in wanted)
        for name, record in self.store.records.items():
            if ran_for is not None and ran_for in record["job"]["wildcards"].values():
                found.append(self._match(name, "ran for", ran_for, None))
            for model in record["split"]["models"]:
                for side, how in (("on", "fitted on"), ("judges", "judged")):
                    if wanted & self._listed(model[side]):
                        found.append(self._match(name, how, f"{model['model']} ({model['kind']})", None))
        return self._sorted(found)

    def checkpoint(self, name: str) -> list[Match]:
        """Jobs that started from a checkpoint: by its name or the last part of it, its revision, or sha256 of a file."""
        found = []
        for record_name, record in self.store.records.items():
            model = record["model"]
            if not model:
                continue
            known = model["checkpoint"] or ""
            whats = [(one["path"], one["sha256"]) for one in model["files"] if _begins(one["sha256"], name)]
            if not whats and (name in (known, known.rpartition("/")[2]) or _begins(model["revision"] or "", name)):
                whats = [(f"{known} ({model['revision']})", None)]
            found += [self._match(record_name, "started from", *what) for what in whats]
        return self._sorted(found)

    def below(self, matches: Iterable[Match]) -> list[Match]:
        """Every file that came from the matching jobs, their own files among them; for a file that was made, from it.

        As matches with how = "came from it".
        """
        starts: list[str] = []
        for match in matches:
            made = match.how == "made"
            starts += self.descent.read.get((match.what, match.sha256 or ""), []) if made else [match.record]
        return [
            self._match(name, "came from it", out["path"], out["sha256"])
            for name in self.descent.by_key(reached(starts, self.descent.readers))
            for out in self.store.records[name]["outputs"]
        ]

    def _files(self, fits: Callable[[dict[str, Any]], bool]) -> list[Match]:
        return self._sorted(
            self._match(name, how, one["path"], one["sha256"])
            for name, record in self.store.records.items()
            for how, side in (("made", "outputs"), ("read", "inputs"))
            for one in record[side]
            if fits(one)
        )

    def _listed(self, name: str) -> set[str]:
        try:
            return set(self.store.get_json(name))
        except FileNotFoundError:
            return set()

    def _match(self, name: str, how: str, what: str, sha256: str | None) -> Match:
        return Match(key(self.store.records[name]), name, how, what, sha256, name in self.descent.current)

    @staticmethod
    def _sorted(found: Iterable[Match]) -> list[Match]:
        return sorted(found, key=lambda one: (not one.current, one.what, one.how != "made", one.job, one.record))


def _begins(value: str, prefix: str) -> bool:
    return len(prefix) >= SHORTEST and value.lower().startswith(prefix.lower())
