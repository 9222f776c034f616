"""The outcome of comparing two runs: one sentence that names the cause, the headline, the jobs, and what differs."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from joblineage.causes import Cause, Causes
from joblineage.diffing import CHANGED, Comparison, Job
from joblineage.sides import Side

SHOWN = 8
"""Causes that are told in text; JSON has all."""
DISTINCT = 5e-13
"""What differs by less is rounding."""


@dataclass(frozen=True)
class Outcome:
    """What a comparison of two runs says."""

    comparison: Comparison

    @cached_property
    def causes(self) -> Causes:
        """Why."""
        return Causes(self.comparison)

    def sentence(self) -> str:
        """The cause and how far it reached, in one sentence."""
        found, same = self.causes.found, len(self.comparison.same)
        if not found:
            return f"Nothing differs: {same} jobs are the same."
        others = f" (and {len(found) - 1} other cause{'s' * (len(found) > 2)})" if len(found) > 1 else ""
        return f"{self.cause(found[0])}{others}"

    def cause(self, cause: Cause) -> str:
        """One cause: the field with its values, the jobs where it began, and how many follow."""
        jobs = [self.causes.jobs[name] for name in cause.began]
        only = {how: [job for job in jobs if job.how == how] for how in dict.fromkeys(job.how for job in jobs)}
        began = [f"{self._count(some)}{'' if how == CHANGED else f' {how}'}" for how, some in only.items()]
        after = (
            [
                f"{self._count([self.causes.jobs[name] for name in cause.follows])} after {'it' if len(jobs) == 1 else 'them'}"
            ]
            if cause.follows
            else []
        )
        *first, last = [*began, *after]
        return f"{cause.change}; {', '.join(first)}{' and ' * bool(first)}{last}"

    @cached_property
    def headline(self) -> dict[str, tuple[float, float]]:
        """{name: (A, B)} of the headline's numbers that both runs have."""
        a, b = self.comparison.a.metrics, self.comparison.b.metrics
        return {name: (a[name], b[name]) for name in a if name in b}

    def _count(self, jobs: Sequence[Job]) -> str:
        called = self.comparison.b.store.study.called
        words = {called.get(job.key.split("/")[0], "job") for job in jobs}
        return f"{len(jobs)} {words.pop() if len(words) == 1 else 'job'}{'s' * (len(jobs) != 1)}"

    def why(self, job: Job) -> str:
        """Why a job is not the same, in a few words."""
        own = [cause.change for cause in self.causes.found if job.key in cause.began]
        if own:
            return f"{own[0]}{f' (and {len(own) - 1} more)' if len(own) > 1 else ''}"
        return f"follows {', '.join(job.after[:2])}{', ...' if len(job.after) > 2 else ''}"

    def lines(self) -> Iterator[str]:
        """The text for people, without the division of the change."""
        a, b = self.comparison.a, self.comparison.b
        yield self.sentence()
        yield from (f"  also: {self.cause(one)}" for one in self.causes.found[1:SHOWN])
        if len(self.causes.found) > SHOWN:
            yield f"  and {len(self.causes.found) - SHOWN} more causes (--json lists them)"
        yield from (f"  without effect: {one}" for one in self.causes.idle)
        yield ""
        for letter, side in (("A", a), ("B", b)):
            partial = "" if side.run["complete"] else ", not complete"
            yield f"  {letter}  run {side.name[:12]} of {side.run['time']['end'][:19]}{partial}  ({side.store.root})"
        yield ""
        if not self.headline:
            yield "  no headline: a run did not come so far"
        for name, (before, after) in self.headline.items():
            yield f"  {name:<14}{before:.4f} -> {after:.4f}  {_signed(after - before)}"
        if self.comparison.jobs:
            yield ""
            yield from _columns(
                [("job", "how", "why"), *((job.key, _how(job), self.why(job)) for job in self.comparison.jobs)]
            )
        yield f"  {len(self.comparison.same)} jobs are the same"

    def as_dict(self) -> dict[str, Any]:
        """All of it as JSON knows it."""
        causes = [
            one.change.as_dict() | {"said": str(one.change), "began": one.began, "follows": one.follows}
            for one in self.causes.found
        ]
        jobs = [
            {"job": one.key, "how": one.how, "why": self.why(one), "after": one.after, "outputs": one.outputs}
            for one in self.comparison.jobs
        ]
        return {
            "a": _run(self.comparison.a),
            "b": _run(self.comparison.b),
            "sentence": self.sentence(),
            "causes": causes,
            "without_effect": [one.as_dict() for one in self.causes.idle],
            "headline": {name: {"a": old, "b": new, "change": new - old} for name, (old, new) in self.headline.items()},
            "jobs": jobs,
            "same": self.comparison.same,
        }


def _run(side: Side) -> dict[str, Any]:
    return {"run": side.name, "workspace": str(Path(side.store.root)), "complete": side.run["complete"]}


def _how(job: Job) -> str:
    return job.how if job.how != CHANGED or job.outputs else "changed, same outputs"


def _signed(value: float) -> str:
    return f"{0.0 if abs(value) < DISTINCT else value:+.4f}"


def _columns(rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
