"""The outcome of comparing two runs: one sentence that names the cause, the headline, the jobs, and what differs."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from joblineage.comparing import CHANGED, Cause, Comparison, Job, joined
from joblineage.reasons import Change
from joblineage.settings import Settings
from joblineage.sides import Side

SHOWN = 8
"""Causes that are told in text; JSON has all."""
DISTINCT = 5e-13
"""What differs by less is rounding."""
UNSEEN = "src/joblineage/"
"""Modules that every job loads and that change no result."""


@dataclass(frozen=True)
class Outcome:
    """What a comparison of two runs says."""

    comparison: Comparison

    @cached_property
    def settings(self) -> Settings:
        """What differs in the settings."""
        return Settings(self.comparison)

    @cached_property
    def causes(self) -> list[Cause]:
        """Every cause. Told first: what moved a result, where it began earliest, parameters before code before data."""
        jobs, order = self.comparison.jobs, [*self.comparison.jobs]

        def weak(cause: Cause) -> bool:
            """Whether it moved nothing, no result comes from it, or it is a mere hash of something else."""
            hashes = [isinstance(one, str) and len(one) == 64 for one in (cause.change.before, cause.change.after)]
            moved = any(jobs[one].outputs for one in cause.began)
            return not moved or cause.change.name.startswith(UNSEEN) or (cause.change.setting and any(hashes))

        found = joined((job.key, change) for job in jobs.values() for change in self.settings.named(job))
        return sorted(found, key=lambda one: (weak(one), order.index(one.began[0]), one.change.rank))

    @cached_property
    def idle(self) -> list[Change]:
        """Settings that differ and changed no job."""
        told = [cause.change for cause in self.causes]
        return [one for one in self.settings.changes if one not in told]

    def sentence(self) -> str:
        """The cause and how far it reached, in one sentence."""
        if not self.causes:
            return f"Nothing differs: {len(self.comparison.same)} jobs are the same."
        first, *others = self.causes
        more = f" (and {len(others)} other cause{'s' * (len(others) > 1)})" if others else ""
        return f"{self.cause(first)}{more}"

    def cause(self, cause: Cause) -> str:
        """One cause: the field with its values, the jobs where it began, and how many follow."""
        jobs = [self.comparison.jobs[name] for name in cause.began]
        parts = []
        for how in dict.fromkeys(job.how for job in jobs):
            some = [job.key for job in jobs if job.how == how]
            parts.append(f"{self._count(some)}{'' if how == CHANGED else f' {how}'}")
        if follows := self.comparison.following(cause.began):
            parts.append(f"{self._count(follows)} after {'it' if len(jobs) == 1 else 'them'}")
        return f"{cause.change}; {' and '.join(filter(None, [', '.join(parts[:-1]), parts[-1]]))}"

    @cached_property
    def headline(self) -> dict[str, tuple[float, float]]:
        """{name: (A, B)} of the headline's numbers that both runs have."""
        study = self.comparison.b.store.study
        jobs = [side.records.get(study.headline_rule) for side in (self.comparison.a, self.comparison.b)]
        a, b = (study.headline(job["metrics"]) if job else {} for job in jobs)
        return {name: (a[name], b[name]) for name in a if name in b}

    def _count(self, names: Sequence[str]) -> str:
        called = self.comparison.b.store.study.called
        words = {called.get(name.split("/")[0], "job") for name in names}
        return f"{len(names)} {words.pop() if len(words) == 1 else 'job'}{'s' * (len(names) != 1)}"

    def why(self, job: Job) -> str:
        """Why a job is not the same, in a few words."""
        own, after = [cause.change for cause in self.causes if job.key in cause.began], sorted(job.after)
        if own:
            return f"{own[0]}{f' (and {len(own) - 1} more)' if len(own) > 1 else ''}"
        return f"follows {', '.join(after[:2])}{', ...' if len(after) > 2 else ''}"

    def as_dict(self) -> dict[str, Any]:
        """All of it as JSON knows it."""
        causes = [
            one.as_dict() | {"said": str(one.change), "follows": self.comparison.following(one.began)}
            for one in self.causes
        ]
        jobs = [
            {
                **{"job": one.key, "how": f"{one.how}{', same outputs' * (not one.outputs and one.how == CHANGED)}"},
                **{"why": self.why(one), "after": sorted(one.after), "outputs": one.outputs},
            }
            for one in self.comparison.jobs.values()
        ]
        return {
            **{"a": _run(self.comparison.a), "b": _run(self.comparison.b)},
            **{"sentence": self.sentence(), "causes": causes, "without_effect": [one.as_dict() for one in self.idle]},
            "headline": {name: {"a": old, "b": new, "change": new - old} for name, (old, new) in self.headline.items()},
            **{"jobs": jobs, "same": self.comparison.same},
        }

    def lines(self) -> Iterator[str]:
        """The text for people, without the division of the change."""
        said = self.as_dict()
        yield said["sentence"]
        yield from (f"  also: {self.cause(one)}" for one in self.causes[1:SHOWN])
        if len(self.causes) > SHOWN:
            yield f"  and {len(self.causes) - SHOWN} more causes (--json lists them)"
        yield from (f"  without effect: {one}" for one in self.idle)
        yield ""
        for letter in "ab":
            run = said[letter]
            partial = "" if run["complete"] else ", not complete"
            yield f"  {letter.upper()}  run {run['run'][:12]} of {run['end'][:19]}{partial}  ({run['workspace']})"
        yield ""
        if not self.headline:
            yield "  no headline: a run did not come so far"
        for name, one in said["headline"].items():
            change = 0.0 if abs(one["change"]) < DISTINCT else one["change"]
            yield f"  {name:<14}{one['a']:.4f} -> {one['b']:.4f}  {change:+.4f}"
        if said["jobs"]:
            yield ""
            rows = [("job", "how", "why"), *((one["job"], one["how"], one["why"]) for one in said["jobs"])]
            first, second = (max(map(len, column)) for column in list(zip(*rows, strict=True))[:2])
            yield from (f"  {job:<{first}}  {how:<{second}}  {why}" for job, how, why in rows)
        yield f"  {len(said['same'])} jobs are the same"


def _run(side: Side) -> dict[str, Any]:
    run = side.store.runs[side.name]
    about = {"complete": run["complete"], "end": run["time"]["end"]}
    return {"run": side.name, "workspace": str(side.store.root)} | about
