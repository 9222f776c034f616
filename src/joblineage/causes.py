"""The causes of a difference between two runs: changed fields joined over the jobs where they began.

A field of a job's parameters comes from params.yaml, often under another name and in several jobs. Where params.yaml
differs too, the cause is told by its key there; what was derived from that key (a list of source files, the names of
entries, jobs that came or went) belongs to the same cause.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from joblineage.diffing import CHANGED, Comparison, Job
from joblineage.reasons import ABSENT, KINDS, Change, parameters

SETTING = ("parameter", "seed", "checkpoint")
"""Kinds of change whose values may stand in params.yaml."""
UNSEEN = "src/joblineage/"
"""Modules that every job loads and no result hangs on."""
TAKING_PART = ("", ".enabled", ".learning")
"""Keys of an entry that decide which jobs it has; the whole entry too, where it is new."""


@dataclass(frozen=True)
class Cause:
    """One change, and what it did.

    change : the field; a parameter bears its key in params.yaml, or that of a job and the job's name.
    began : keys of the jobs where it began; follows : of those that only read what became of it.
    """

    change: Change
    began: tuple[str, ...]
    follows: tuple[str, ...]


class Causes:
    """Assigns every job that is not the same to its causes."""

    def __init__(self, comparison: Comparison):
        self.comparison = comparison
        sides = (comparison.a, comparison.b)
        self.jobs = {job.key: job for job in comparison.jobs}
        self.wildcards = {name: record["job"]["wildcards"] for side in sides for name, record in side.records.items()}
        self.study = comparison.b.store.study
        before, after = (side.study(self.study.settings) for side in sides)
        self.settings = [] if before is None or after is None else parameters(before, after)

    @cached_property
    def found(self) -> list[Cause]:
        """Every cause. Told first: what moved a result, where it began earliest, parameters before code before data."""
        began: dict[tuple, tuple[Change, list[str]]] = {}
        for job in self.jobs.values():
            for change in self._own(job):
                known, names = began.get(_identity(change), (change, []))
                told = min(known, change, key=_rank)  # a file of weights is a mere input to who only lists it
                began[_identity(change)] = told, [*names, *({job.key} - {*names})]
        order = list(self.jobs)
        causes = [Cause(change, tuple(names), self._after(names)) for change, names in began.values()]
        return sorted(causes, key=lambda one: (self._weak(one), order.index(one.began[0]), _rank(one.change)))

    def _weak(self, cause: Cause) -> bool:
        """Whether a cause is told after the others: it moved nothing, no result hangs on it, or it is a mere hash."""
        moved = any(job.outputs for job in map(self.jobs.__getitem__, cause.began))
        return not moved or cause.change.name.startswith(UNSEEN) or _opaque(cause.change)

    @cached_property
    def idle(self) -> list[Change]:
        """Settings that differ in params.yaml and changed no job."""
        told = {_identity(cause.change) for cause in self.found}
        return [one for one in self.settings if _identity(one) not in told]

    def _after(self, began: list[str]) -> tuple[str, ...]:
        reached = set(began)
        for job in self.jobs.values():  # makers before readers
            if reached & {*job.after}:
                reached.add(job.key)
        return tuple(name for name in self.jobs if name in reached and name not in began)

    def _own(self, job: Job) -> list[Change]:
        """What began at a job, under the names of what was changed."""
        if job.how != CHANGED:
            setting = self._by_wildcards(job.key) or (None if job.after else self._only_setting())
            follows = any(name in self.jobs for name in job.after)
            return [setting] if setting else [] if follows else [_job_itself(job)]
        known = [(change, self._setting(change, job)) for change in job.own]
        settings = [setting for _, setting in known if setting]
        # parameters all come from params.yaml: one that is not found there was derived from one that is
        rest = [change for change, setting in known if not setting]
        if settings:
            rest = [one for one in rest if not _of_params(one) and one.kind != "code list"]
        if len({change.kind for change in rest}) > 1:  # a source file came because another one now asks for it
            rest = [change for change in rest if change.kind != "code list"]
        if settings:
            rest = [change for change in rest if not self._listed_otherwise(change)]
        return [*settings, *(self._of_job(change, job) for change in rest)]

    def _setting(self, change: Change, job: Job) -> Change | None:
        """The entry of params.yaml that a changed field comes from."""
        if _of_params(change):
            words = change.name.split(".")
            same = [one for one in self.settings if (one.before, one.after) == (change.before, change.after)]
            same = [one for one in same if self._about(one, job, words)] or same
            best = max(same, key=lambda one: _common_end(one.name.split("."), words), default=None)
            if best is not None and (len(same) == 1 or best.name.split(".")[-1] == words[-1]):
                return best
            part = [one for one in self.settings if self._entry(one) in words]
            return part[0] if part else None
        if change.kind == "code list" or self._listed_otherwise(change):
            return self._by_wildcards(job.key) or self._only_setting()
        return None

    def _about(self, setting: Change, job: Job, words: list[str]) -> bool:
        """Whether a setting of one entry is about this job's entry; other settings are about every job."""
        entry = self._entry(setting)
        return entry is None or entry in words or entry in self.wildcards[job.key].values()

    def _entry(self, setting: Change) -> str | None:
        """The entry that a setting is about."""
        words = setting.name.split(".")
        return words[1] if self.study.entries and words[0] == self.study.entries[0] and len(words) > 1 else None

    def _of_job(self, change: Change, job: Job) -> Change:
        """A parameter that is not in the settings, with the entry that it is about, or the rule."""
        if not _of_params(change):
            return change
        wildcards = self.wildcards[job.key]
        names = self.study.entries[1] if self.study.entries else ()
        whose = next((value for name, value in wildcards.items() if name in names), job.key.split("/")[0])
        return replace(change, name=f"{change.name} of {whose}")

    def _by_wildcards(self, name: str) -> Change | None:
        """The setting that decides whether a job with these wildcards is there: its entry's, or the number of them."""
        wildcards: Mapping[str, str] = self.wildcards[name]
        listed = self.study.entries[0] if self.study.entries else ""
        entries = {f"{listed}.{value}{key}" for value in wildcards.values() for key in TAKING_PART}
        there = [one for one in self.settings if one.name in entries]
        many = [one for one in self.settings if any(word in one.name.rpartition(".")[2] for word in wildcards)]
        return next(iter([*there, *many]), None)

    def _only_setting(self) -> Change | None:
        return self.settings[0] if len(self.settings) == 1 else None

    def _listed_otherwise(self, change: Change) -> bool:
        """Whether an input came or went without being new: both runs know it, or some job makes it, or the study is
        of another data set."""
        if change.kind != "input" or ABSENT not in (change.before, change.after):
            return False
        file = (change.name, change.after if change.before == ABSENT else change.before)
        a, b = self.comparison.a, self.comparison.b
        return (
            (file in a.read and file in b.read)
            or change.name in a.makers
            or change.name in b.makers
            or any(one.name == self.study.other_data for one in self.settings)
        )


def _of_params(change: Change) -> bool:
    """Whether a changed field is a parameter; a checkpoint may also be a file."""
    return change.kind in SETTING and "/" not in change.name


def _common_end(one: list[str], other: list[str]) -> int:
    pairs = zip(reversed(one), reversed(other), strict=False)
    return next((k for k, (left, right) in enumerate(pairs) if left != right), min(len(one), len(other)))


def _identity(change: Change) -> tuple:
    kind = change.kind if change.kind != "checkpoint" or _of_params(change) else "input"
    return kind, change.name, repr(change.before), repr(change.after)


def _rank(change: Change) -> tuple[int, str]:
    return (KINDS.index(change.kind) if change.kind in KINDS else len(KINDS)), change.name


def _opaque(change: Change) -> bool:
    """A parameter that is a hash of something else says less than that something."""
    values: list[Any] = [change.before, change.after]
    return _of_params(change) and any(isinstance(one, str) and len(one) == 64 for one in values)


def _job_itself(job: Job) -> Change:
    before, after = (ABSENT, "there") if job.how.endswith("B") else ("there", ABSENT)
    return Change("job", job.key, before, after)
