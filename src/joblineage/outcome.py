"""The outcome of comparing two runs: one sentence that names the cause, the headline, the jobs, and what differs."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from joblineage.comparing import CHANGED, Cause, Comparison, Job, joined
from joblineage.reasons import ABSENT, Change, parameters
from joblineage.run_view import RunView

SHOWN = 8
"""Causes that are printed; JSON has all."""
DISTINCT = 5e-13
"""What differs by less is rounding."""
UNSEEN = "src/joblineage/"
"""Modules that every job loads and that change no result."""
TAKING_PART = ("", ".enabled", ".learning")
"""Keys of an entry that decide which jobs it has; the whole entry too, where it is new."""


class Settings:
    """What differs in the settings of two runs: changes of jobs under the names that the settings have for them.

    A field of a job's parameters comes from the file of settings, often under another name and in several jobs. Where the
    settings differ too, a change bears its key there; what was derived from that key (a list of source files, the names of
    entries, jobs that came or went) is the same change.

    changes : the changed keys; empty where a side's settings are not kept.
    """

    def __init__(self, comparison: Comparison):
        self.a, self.b = comparison.a, comparison.b
        study = self.b.store.study
        before, after = (side.study(study.settings) for side in (self.a, self.b))
        self.changes = [] if before is None or after is None else parameters(before, after)
        self.only = self.changes[0] if len(self.changes) == 1 else None
        self.other_data = any(twin.name == study.other_data for twin in self.changes)
        self.listed, self.takes_entry = study.entries or ("", ())

    def named(self, job: Job) -> list[Change]:
        """What began at a job, under the names of what was changed."""
        wildcards = (self.b.records.get(job.key) or self.a.records[job.key])["job"]["wildcards"]
        if job.how != CHANGED:
            setting = self._deciding(wildcards) or (None if job.after else self.only)
            return [setting] if setting else [*job.own]
        known = [(change, self._setting(change, wildcards)) for change in job.own]
        settings = [setting for _, setting in known if setting]
        rest = [change for change, setting in known if not setting]
        if settings:  # parameters all come from the settings: one that is not found there was derived from one that is
            derived = [
                change
                for change in rest
                if change.setting or change.kind == "code list" or self._listed_otherwise(change)
            ]
            rest = [change for change in rest if change not in derived]
        elif len({change.kind for change in rest}) > 1:  # a source file came because another one now asks for it
            rest = [change for change in rest if change.kind != "code list"]
        whose = next((value for name, value in wildcards.items() if name in self.takes_entry), job.key.split("/")[0])
        return settings + [
            replace(change, name=f"{change.name} of {whose}") if change.setting else change for change in rest
        ]

    def _setting(self, change: Change, wildcards: Mapping[str, str]) -> Change | None:
        """The changed key that a changed field comes from."""
        if not change.setting:
            derived = change.kind == "code list" or self._listed_otherwise(change)
            return (self._deciding(wildcards) or self.only) if derived else None
        words = change.name.split(".")
        same = [twin for twin in self.changes if (twin.before, twin.after) == (change.before, change.after)]
        # a setting of one entry is about that entry's jobs; other settings are about every job
        about = {None, *words, *wildcards.values()}
        same = [twin for twin in same if self._entry(twin) in about] or same
        ends = [f".{'.'.join(words[start:])}" for start in range(len(words))]
        best = max(
            same, key=lambda twin: sum(map(f".{twin.name}".endswith, ends)), default=None
        )  # the longest common end
        if best is not None and (len(same) == 1 or best.name.split(".")[-1] == words[-1]):
            return best
        return next((twin for twin in self.changes if self._entry(twin) in words), None)

    def _entry(self, setting: Change) -> str | None:
        """The entry that a setting is about."""
        words = setting.name.split(".")
        return words[1] if self.listed and words[0] == self.listed and len(words) > 1 else None

    def _deciding(self, wildcards: Mapping[str, str]) -> Change | None:
        """The setting that decides whether a job with these wildcards is there: its entry's, or the number of them."""
        entries = {f"{self.listed}.{value}{key}" for value in wildcards.values() for key in TAKING_PART}
        there = [twin for twin in self.changes if twin.name in entries]
        many = [twin for twin in self.changes if any(word in twin.name.rpartition(".")[2] for word in wildcards)]
        return next(iter(there + many), None)

    def _listed_otherwise(self, change: Change) -> bool:
        """Whether an input came or went without being new: both runs know it, or some job makes it, or the study is
        of another data set."""
        if change.kind != "input" or ABSENT not in (change.before, change.after):
            return False
        file = (change.name, change.after if change.before == ABSENT else change.before)
        has_maker = change.name in self.a.makers or change.name in self.b.makers
        return has_maker or self.other_data or (file in self.a.read and file in self.b.read)


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
        """Every cause, sorted: those that moved a result first, then the earliest in the workflow, then parameters before code before data."""
        jobs, order = self.comparison.jobs, [*self.comparison.jobs]

        def weak(cause: Cause) -> bool:
            """Whether it moved nothing, no result comes from it, or it is a mere hash of something else."""
            hashes = [
                isinstance(value, str) and len(value) == 64 for value in (cause.change.before, cause.change.after)
            ]
            moved = any(jobs[job].outputs for job in cause.began)
            return not moved or cause.change.name.startswith(UNSEEN) or (cause.change.setting and any(hashes))

        causes = joined((job.key, change) for job in jobs.values() for change in self.settings.named(job))
        return sorted(causes, key=lambda cause: (weak(cause), order.index(cause.began[0]), cause.change.rank))

    @cached_property
    def idle(self) -> list[Change]:
        """Settings that differ and changed no job."""
        counted = [cause.change for cause in self.causes]
        return [change for change in self.settings.changes if change not in counted]

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
        causes, jobs = [], []
        for cause in self.causes:
            about = {"began": cause.began, "said": str(cause.change), "follows": self.comparison.following(cause.began)}
            causes.append(vars(cause.change) | about)
        for job in self.comparison.jobs.values():
            how = f"{job.how}{', same outputs' * (not job.outputs and job.how == CHANGED)}"
            after = {"after": sorted(job.after), "outputs": job.outputs}
            jobs.append({"job": job.key, "how": how, "why": self.why(job)} | after)
        return {
            **{"a": _run(self.comparison.a), "b": _run(self.comparison.b)},
            **{"sentence": self.sentence(), "causes": causes, "without_effect": [vars(change) for change in self.idle]},
            "headline": {name: {"a": old, "b": new, "change": new - old} for name, (old, new) in self.headline.items()},
            **{"jobs": jobs, "same": self.comparison.same},
        }

    def lines(self) -> Iterator[str]:
        """The text for people, without the division of the change."""
        said = self.as_dict()
        yield said["sentence"]
        yield from (f"  also: {self.cause(cause)}" for cause in self.causes[1:SHOWN])
        if len(self.causes) > SHOWN:
            yield f"  and {len(self.causes) - SHOWN} more causes (--json lists them)"
        yield from (f"  without effect: {change}" for change in self.idle)
        yield ""
        for letter in "ab":
            run = said[letter]
            partial = "" if run["complete"] else ", not complete"
            yield f"  {letter.upper()}  run {run['run'][:12]} of {run['end'][:19]}{partial}  ({run['workspace']})"
        yield ""
        if not self.headline:
            yield "  no headline: a run did not come so far"
        for name, figures in said["headline"].items():
            change = 0.0 if abs(figures["change"]) < DISTINCT else figures["change"]
            yield f"  {name:<14}{figures['a']:.4f} -> {figures['b']:.4f}  {change:+.4f}"
        if said["jobs"]:
            yield ""
            rows = [("job", "how", "why"), *((job["job"], job["how"], job["why"]) for job in said["jobs"])]
            first, second = (max(map(len, column)) for column in list(zip(*rows, strict=True))[:2])
            yield from (f"  {job:<{first}}  {how:<{second}}  {why}" for job, how, why in rows)
        yield f"  {len(said['same'])} jobs are the same"


def _run(side: RunView) -> dict[str, Any]:
    run = side.store.runs[side.name]
    about = {"complete": run["complete"], "end": run["time"]["end"]}
    return {"run": side.name, "workspace": str(side.store.root)} | about
