"""Two sides beside each other: where each change began, what only follows from it, and the changes joined into causes."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from joblineage.files import matches
from joblineage.graph import reached
from joblineage.reasons import ABSENT, CIRCUMSTANCES, JOB, OUTCOME, OUTPUT, Change, differences
from joblineage.run_view import RunView
from joblineage.store import Document

ONLY_A, ONLY_B, CHANGED = "only in A", "only in B", "changed"
Way = tuple[tuple[str, str], ...]
"""From a job up to another one: (key of a job, the file that it reads of the next)."""


@dataclass(frozen=True)
class Job:
    """A job that is not the same on both sides.

    how : ONLY_A, ONLY_B or CHANGED.
    own : changes that no other job explains: here they began. Empty where the job only follows.
    after : {key of a job that explains why an input is, or will be, another: that input}.
    outputs : paths of outputs that differ, without those that hold times or costs.
    around : changed circumstances that decided nothing.
    """

    key: str
    how: str
    own: tuple[Change, ...]
    after: Mapping[str, str]
    outputs: tuple[str, ...]
    around: tuple[Change, ...] = ()

    @property
    def differs(self) -> bool:
        """Whether more than circumstances differ."""
        return bool(self.own or self.after or self.outputs)


@dataclass(frozen=True)
class Cause:
    """One change, the keys of the jobs where it began, and the way up to the nearest where one job is asked about."""

    change: Change
    began: tuple[str, ...]
    way: Way = ()


class Comparison:
    """Sides A and B, job by job.

    Parameters
    ----------
    job : of B, where only that job and what it comes from is asked about.
    """

    def __init__(self, a: RunView, b: RunView, job: str | None = None):
        names = {*a.records, *b.records} if job is None else reached([job], b.above)
        self.a, self.b = (
            replace(view, records={n: r for n, r in view.records.items() if n in names}) for view in (a, b)
        )

    @cached_property
    def jobs(self) -> dict[str, Job]:
        """{key: job} of the jobs that are not the same, makers before readers, then by key."""
        return {name: job for name, job in self._compared.items() if job.differs}

    @cached_property
    def same(self) -> list[str]:
        """Keys of the jobs that are the same on both sides."""
        return sorted({*self.a.records, *self.b.records} - {*self.jobs})

    def following(self, began: Iterable[str]) -> tuple[str, ...]:
        """Keys of the jobs that only follow from what began in some."""
        keys = {*began}
        for job in self.jobs.values():  # makers before readers
            if not keys.isdisjoint(job.after):
                keys.add(job.key)
        return tuple(name for name in self.jobs if name in keys and name not in began)

    def above(self, job: str) -> dict[str, Way]:
        """{key: way} of the jobs that explain why a job differs, itself among them, the nearest first."""
        ways: dict[str, Way] = {job: ()} if job in self.jobs else {}

        def makers(name: str) -> Iterator[str]:
            for maker, path in self.jobs[name].after.items():
                ways.setdefault(maker, (*ways[name], (name, path)))
                yield maker

        return {name: ways[name] for name in reached([*ways], makers)}

    @cached_property
    def around(self) -> list[Cause]:
        """Circumstances that differ and decided nothing."""
        jobs = reversed(self._compared.values())
        return sorted(
            joined((job.key, change) for job in jobs for change in job.around),
            key=lambda joined_change: joined_change.change.rank,
        )

    @cached_property
    def _compared(self) -> dict[str, Job]:
        depths = (self.a.depths, self.b.depths)
        jobs: dict[str, Job] = {}
        moved: set[str] = set()
        names = {*self.a.records, *self.b.records}
        for name in sorted(names, key=lambda job: (max(side.get(job, -1) for side in depths), job)):
            old, new = self.a.records.get(name), self.b.records.get(name)
            jobs[name] = job = self._changed(name, old, new, moved) if old and new else self._only(name, moved)
            if job.how != CHANGED or job.outputs or (self.b.present and job.differs):
                moved.add(name)
        return jobs

    def _only(self, name: str, moved: set[str]) -> Job:
        """A job of one side. It follows from those that it reads of, if they moved."""
        side, how = (self.a, ONLY_A) if name in self.a.records else (self.b, ONLY_B)
        record = side.records[name]
        makers = {side.makers.get(input_["path"]): input_["path"] for input_ in record["inputs"]}
        after = {maker: path for maker, path in makers.items() if maker in moved}
        itself = Change(JOB, name, *((ABSENT, "there") if how == ONLY_B else ("there", ABSENT)))
        return Job(name, how, () if after else (itself,), after, tuple(sorted(_files(record, "outputs"))))

    def _changed(self, name: str, old: Document, new: Document, moved: set[str]) -> Job:
        if old == new:
            return Job(name, CHANGED, (), {}, ())
        changes = [
            difference
            for difference in differences(old, new, self.b.store, self.a.store)
            if not self._volatile(difference.name)
        ]
        around = tuple(change for change in changes if change.kind in CIRCUMSTANCES)
        was, now = _files(old, "inputs"), _files(new, "inputs")
        makers = {path: self._makers(path, was.get(path), now.get(path)) & moved for path in now | was}
        own = [
            *self._edited(name, old, new),
            *(change for change in changes if change not in around and not makers.get(change.name)),
        ]
        after: dict[str, str] = {}
        for path, names in makers.items():
            after |= {name: path for name in sorted(names) if name not in after}
        was, now = _files(old, "outputs"), _files(new, "outputs")
        other = [path for path in sorted({*was, *now}) if was.get(path) != now.get(path) and not self._volatile(path)]
        if other and not own and not after:  # the same work, other bytes: the circumstances, or chance
            chance = Change(OUTCOME, other[0], was.get(other[0], ABSENT), now.get(other[0], ABSENT))
            own, around = [*around] or [chance], ()
        return Job(name, CHANGED, tuple(own), after, tuple(other), around)

    def _makers(self, path: str, was: str | None, now: str | None) -> set[str]:
        """Keys of the jobs that explain an input with these two sha256, if they moved: it was read as they made it."""
        if was and now and self.b.present:  # what was not remade yet may still be
            return {self.b.makers[path]} if path in self.b.makers else set()
        there = [(side, sha) for side, sha in ((self.a, was), (self.b, now)) if sha]
        if was == now or any(side.made.get(path) != sha for side, sha in there):
            return set()  # nobody made it, or it was edited afterwards
        if len(there) < 2 and path in self.a.made and path in self.b.made:
            return set()  # only the list of inputs is another
        return {side.makers[path] for side, _ in there}

    def _edited(self, name: str, old: Document, new: Document) -> list[Change]:
        """Outputs of the present study that are not what the newest record of their job says."""
        newest = self.b.store.records.get(self.b.store.current.get(name, ""), old)
        recorded, now = _files(newest, "outputs"), _files(new, "outputs")
        edited = [path for path in recorded if path in now and recorded[path] != now[path]] if self.b.present else []
        return [Change(OUTPUT, path, recorded[path], now[path]) for path in edited]

    def _volatile(self, path: str) -> bool:
        return matches(path, [*self.a.volatile, *self.b.volatile])


def joined(changes: Iterable[tuple[str, Change]]) -> list[Cause]:
    """Each change once, with every job where it began.

    Parameters
    ----------
    changes : (job key, change).
    """
    began: dict[tuple[str, ...], tuple[Change, dict[str, None]]] = {}
    for name, change in changes:
        # a file of weights is a mere input to a job that only lists it
        kind = "input" if change.kind == "checkpoint" and not change.setting else change.kind
        identity = kind, change.name, repr(change.before), repr(change.after)
        known, names = began.get(identity, (change, {}))
        names[name] = None
        began[identity] = min(known, change, key=lambda candidate: candidate.rank), names
    return [Cause(change, tuple(names)) for change, names in began.values()]


def _files(record: Document, side: str) -> dict[str, str]:
    return {entry["path"]: entry["sha256"] for entry in record[side]}
