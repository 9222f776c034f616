"""What differs between two runs: jobs aligned by rule and wildcards, where the change began, and what only follows."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from joblineage.reasons import ABSENT, CIRCUMSTANCES, Change, differences
from joblineage.sides import Both, Side
from joblineage.store import Document

ONLY_A, ONLY_B, CHANGED = "only in A", "only in B", "changed"


@dataclass(frozen=True)
class Job:
    """A job that is not the same in both runs.

    how : ONLY_A, ONLY_B or CHANGED.
    own : changed fields that no other job explains: here a change began. Empty where the job only follows.
    after : keys of the jobs whose changed output this one reads.
    outputs : paths of outputs that differ, without those that hold times or costs.
    """

    key: str
    how: str
    own: tuple[Change, ...]
    after: tuple[str, ...]
    outputs: tuple[str, ...]


class Comparison:
    """Two runs side by side."""

    def __init__(self, a: Side, b: Side):
        self.a = a
        self.b = b

    @cached_property
    def jobs(self) -> list[Job]:
        """The jobs that are not the same, makers before readers, then by key."""
        keys = {*self.a.records, *self.b.records}
        found = [job for name in self._ordered(keys) if (job := self._compare(name)) is not None]
        changed = {job.key for job in found if job.how != CHANGED or job.outputs}
        return [
            Job(job.key, job.how, job.own, tuple(one for one in job.after if one in changed), job.outputs)
            for job in found
        ]

    @cached_property
    def same(self) -> list[str]:
        """Keys of the jobs that are the same in both."""
        changed = {job.key for job in self.jobs}
        return sorted({*self.a.records, *self.b.records} - changed)

    def _ordered(self, keys: set[str]) -> list[str]:
        return sorted(keys, key=lambda name: (max(one.depths.get(name, -1) for one in (self.a, self.b)), name))

    def _compare(self, name: str) -> Job | None:
        old, new = self.a.records.get(name), self.b.records.get(name)
        if old is None or new is None:
            side, how = (self.b, ONLY_B) if old is None else (self.a, ONLY_A)
            record = side.records[name]
            return Job(name, how, (), tuple(sorted(side.above(name))), tuple(sorted(_outputs(record))))
        if old == new:
            return None
        outputs = tuple(self._changed_outputs(old, new))
        found = differences(old, new, self.store)
        triggers = [one for one in found if one.kind not in CIRCUMSTANCES and not self._volatile(one.name)]
        if not triggers and not outputs:
            return None
        follows = [self._followed(one) for one in triggers]
        own = [one for one, names in zip(triggers, follows, strict=True) if not names]
        if not triggers:  # the same work, other bytes: the surroundings, or chance
            own = [one for one in found if one.kind in CIRCUMSTANCES] or [chance(outputs[0], old, new)]
        after = sorted({name for names in follows for name in names})
        return Job(name, CHANGED, tuple(own), tuple(after), outputs)

    @cached_property
    def store(self) -> Both:
        """The objects of both workspaces."""
        return Both(self.a.store, self.b.store)

    def _volatile(self, path: str) -> bool:
        return self.a.volatile(path) or self.b.volatile(path)

    def _changed_outputs(self, old: Document, new: Document) -> Iterator[str]:
        before, after = _outputs(old), _outputs(new)
        for path in sorted({*before, *after}):
            if before.get(path) != after.get(path) and not self._volatile(path):
                yield path

    def _followed(self, change: Change) -> tuple[str, ...]:
        """Keys of the jobs that explain a changed input: it was read as they made it, and they made another one."""
        if change.kind not in ("input", "checkpoint"):
            return ()
        sides = ((self.a, change.before), (self.b, change.after))
        there = [(side, sha) for side, sha in sides if sha != ABSENT]
        if any(side.made.get(change.name) != sha for side, sha in there):
            return ()  # nobody made it, or it was edited afterwards
        if len(there) < 2 and all(change.name in side.made for side, _ in sides):
            return ()  # made in both: only the list of inputs is another
        return tuple(sorted({side.makers[change.name] for side, _ in there}))


def chance(output: str, old: Document, new: Document) -> Change:
    """What is said where nothing recorded differs and yet an output does."""
    return Change("not reproducible", output, _outputs(old).get(output, ABSENT), _outputs(new).get(output, ABSENT))


def _outputs(record: Document) -> dict[str, str]:
    return {one["path"]: one["sha256"] for one in record["outputs"]}
