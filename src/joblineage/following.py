"""From a changed job up to where the change began: why an artifact is not, or will not be, what it was."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

from joblineage.graph import Descent
from joblineage.present import Present
from joblineage.reasons import ABSENT, CIRCUMSTANCES, KINDS, Change, differences
from joblineage.store import Document, key

OUTPUT, OUTCOME = "output", "outcome"
"""Kinds of change beside those of `reasons`: a file edited after its job; other bytes though nothing recorded differs."""
ORDER = (OUTPUT, *KINDS, OUTCOME)


@dataclass(frozen=True)
class Cause:
    """A change where it began.

    jobs : keys of the jobs that it touches itself, the one nearest to the artifact first.
    chain : how the artifact hangs on the nearest one: the job keys from the artifact's own to it.
    files : what each job of the chain reads of the next, one fewer than jobs in the chain.
    """

    change: Change
    jobs: tuple[str, ...]
    chain: tuple[str, ...]
    files: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """As JSON knows it."""
        about = {"jobs": list(self.jobs), "chain": list(self.chain), "files": list(self.files)}
        return self.change.as_dict() | about


class After(Protocol):
    """What jobs are compared with."""

    def maker(self, path: str, reader: Mapping[str, Any]) -> tuple[str, Document] | None:
        """Key and document of the job that makes an input of `reader`; None where none does."""

    def own(self, job: str, before: Document, after: Document) -> list[Change]:
        """Changes of a job that no comparison of two documents shows."""

    def reaches(self, before: str, after: str) -> bool:
        """Whether to look above an input with these two sha256."""


class Now:
    """The present study: an input whose bytes are still the same may be remade all the same."""

    def __init__(self, present: Present):
        self.present = present

    def maker(self, path: str, reader: Mapping[str, Any]) -> tuple[str, Document] | None:
        """See After."""
        name = self.present.makers.get(path)
        return None if name is None else (name, self.present.document(name))

    def own(self, job: str, before: Document, after: Document) -> list[Change]:
        """Outputs that were edited or deleted after the newest job that made them."""
        newest = self.present.store.current.get(job)
        return self.present.edited(self.present.store.records[newest] if newest else before)

    def reaches(self, before: str, after: str) -> bool:
        """Always."""
        return True


class Then:
    """Other records: only an input with other bytes has a story."""

    def __init__(self, descent: Descent):
        self.descent = descent

    def maker(self, path: str, reader: Mapping[str, Any]) -> tuple[str, Document] | None:
        """See After."""
        found = next((one["sha256"] for one in reader["inputs"] if one["path"] == path), None)
        name = None if found is None else self.descent.maker(path, found)
        if name is None:
            return None
        record = self.descent.store.records[name]
        return key(record), record

    def own(self, job: str, before: Document, after: Document) -> list[Change]:
        """None: records show all that there is."""
        return []

    def reaches(self, before: str, after: str) -> bool:
        """Whether the bytes differ."""
        return before != after


class Follower:
    """Follows changes upward between records and what they are compared with."""

    def __init__(self, descent: Descent, after: After):
        self.descent = descent
        self.store = descent.store
        self.after = after
        self._known: dict[str, list[Cause]] = {}

    def causes(self, job: str, before: Document, after: Document) -> list[Cause]:
        """Where the differences between two documents of a job began, the nearest first; empty where nothing differs."""
        if job not in self._known:
            self._known[job] = []  # records that were tampered with might go round in a circle
            self._known[job] = self._follow(job, before, after)
        return self._known[job]

    def _follow(self, job: str, before: Document, after: Document) -> list[Cause]:
        changes = self.after.own(job, before, after) + differences(before, after, self.store)
        found = [Cause(one, (job,), (job,), ()) for one in changes if one.kind != "input"]
        other = {one.name: one for one in changes if one.kind == "input"}
        for path, was, now in _inputs(before, after):
            above = self._above(path, before, after) if self.after.reaches(was, now) else None
            higher = self.causes(*above) if above else []
            found += [replace(one, chain=(job, *one.chain), files=(path, *one.files)) for one in higher]
            if path in other and not any(one.change.kind not in CIRCUMSTANCES for one in higher):
                found.append(Cause(_unexplained(other[path], above), (job,), (job,), ()))
        return _merged(found)

    def _above(self, path: str, before: Document, after: Document) -> tuple[str, Document, Document] | None:
        """Key and both documents of the job that makes an input; None where one side knows none."""
        new = self.after.maker(path, after)
        if new is None:
            return None
        was = next((one["sha256"] for one in before["inputs"] if one["path"] == path), ABSENT)
        old = self.descent.maker(path, was) or self.store.current.get(new[0])
        if was == ABSENT or old is None or key(self.store.records[old]) != new[0]:
            return None
        return new[0], self.store.records[old], new[1]


def _inputs(before: Document, after: Document) -> list[tuple[str, str, str]]:
    """(path, sha256 before, after) of every input, in the order of the newer document."""
    old, new = ({one["path"]: one["sha256"] for one in side["inputs"]} for side in (before, after))
    return [(path, old.get(path, ABSENT), new.get(path, ABSENT)) for path in dict.fromkeys([*new, *old])]


def _unexplained(change: Change, above: Any) -> Change:
    """An input that changed without a cause above it: a raw file, or a job that gave other bytes for the same."""
    return replace(change, kind=OUTCOME) if above and ABSENT not in (change.before, change.after) else change


def _merged(found: list[Cause]) -> list[Cause]:
    """Each change once, with every job that it touches; what can make a job run first, then by distance."""
    best: dict[tuple[str, ...], Cause] = {}
    for one in sorted(found, key=lambda one: len(one.chain)):
        change = one.change
        same = (change.kind, change.name, repr(change.before), repr(change.after))
        known = best.get(same)
        jobs = tuple(dict.fromkeys((*known.jobs, *one.jobs))) if known else one.jobs
        best[same] = replace(known or one, jobs=jobs)

    def order(one: Cause) -> tuple[bool, int, int, str]:
        return one.change.kind in CIRCUMSTANCES, len(one.chain), ORDER.index(one.change.kind), one.change.name

    return sorted(best.values(), key=order)
