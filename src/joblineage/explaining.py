"""`why`: a job beside the present study or an earlier record of it: its state, the first cause, all others."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from joblineage.comparing import Cause, Comparison, Way, joined
from joblineage.descent import Descent
from joblineage.errors import DataError
from joblineage.files import parse_yaml
from joblineage.naming import Artifact
from joblineage.planned import planned
from joblineage.reasons import ABSENT, MISSING, OUTPUT, Change, parameters, short, source_lines, text
from joblineage.runs import study_files
from joblineage.sides import Side, of_present, of_record
from joblineage.store import Store, canonical, digest, key

UP_TO_DATE, RUNS, UNSEEN = "is up to date", "would run again", "is not what its record says"
GONE, REMADE, SAME = "is no longer part of the study", "was remade", "is the same record"
NOTHING = {
    UP_TO_DATE: "nothing has changed, it would be made of the same bytes by the same code",
    RUNS: "nothing that is recorded differs; Snakemake's own notes (.snakemake/) ask for it",
    GONE: "the files of the study are what they were; another target asked for it",
    REMADE: "nothing that is recorded differs",
    SAME: "that run reused it",
}
"""What is said of a state where no cause was found."""
FEW = 10
"""So many changes of circumstance are told."""


@dataclass(frozen=True)
class Explanation:
    """What was found about a job.

    state : one of the six above.
    causes : where the differences began, the nearest first.
    before : id of the record that it is compared from; after : of that to which, None for the present.
    comparison : of the job and all that it comes from; None where there is nothing to compare.
    """

    job: str
    state: str
    causes: list[Cause]
    before: str
    after: str | None = None
    comparison: Comparison | None = None

    @cached_property
    def around(self) -> list[Cause]:
        """Circumstances that differ and decided nothing."""
        return self.comparison.around if self.comparison else []

    @cached_property
    def outputs(self) -> tuple[str, ...]:
        """Paths of outputs that differ between two records."""
        job = self.comparison.jobs.get(self.job) if self.comparison and self.after else None
        return job.outputs if job else ()

    @cached_property
    def ways(self) -> dict[str, Way]:
        """{job where something began: how this job hangs on it}."""
        return self.comparison.above(self.job) if self.comparison else {}

    def as_dict(self) -> dict[str, Any]:
        """As JSON knows it."""
        return {
            **{"job": self.job, "state": self.state, "before": self.before, "after": self.after},
            "outputs": self.outputs,
            "causes": [
                one.as_dict() | {"way": self.ways.get(one.began[0]) if one.began else ()} for one in self.causes
            ],
            "around": [one.as_dict() for one in self.around],
        }

    def lines(self) -> Iterator[str]:
        """The text for people: the first cause in one sentence, its source lines, then all others."""
        first, others = self.causes[:1], self.causes[1:]
        when = ""
        if self.comparison and self.after:
            start = self.comparison.b.records[self.job]["time"]["start"][:19].replace("T", " ")
            same = "" if self.outputs else " (with the same bytes as before)"
            when = f" at {start} UTC{same}, record {self.before[:12]} -> {self.after[:12]}"
        because = f", because {sentence(first[0])}" if first else f": {NOTHING[self.state]}"
        yield f"{self.job} {self.state}{when}{because}"
        for one in first:
            way = self.ways.get(one.began[0], ()) if one.began else ()
            makers = [*(name for name, _ in way[1:]), *one.began[:1]]
            yield from (
                f"  {job} reads {path}, which {maker} makes" for (job, path), maker in zip(way, makers, strict=False)
            )
            yield from (f"  {line}" for line in one.change.lines)
        if self.outputs:
            yield f"  other bytes: {', '.join(self.outputs)}"
        if others:
            yield "Changed as well:"
        for one in others:
            yield from (f"  {sentence(one)}", *(f"    {line}" for line in one.change.lines))
        if self.around:
            yield "Other surroundings, which make nothing run again:"
            yield from (f"  {sentence(one)}" for one in self.around[:FEW])
        if len(self.around) > FEW:
            yield f"  and {len(self.around) - FEW} more (--json names them)"


def sentence(cause: Cause) -> str:
    """A cause in words, with the jobs where it began."""
    change, (job, *others) = cause.change, cause.began or ("",)
    if change.kind == OUTPUT and change.after == MISSING:
        return f"{change.name} is missing, which {job} made"
    if change.kind == OUTPUT:
        return f"{change.name} was edited after {job} made it ({short(change.before)} -> {short(change.after)})"
    return f"{change}{f', in {job}' * bool(job)}{f' and {len(others)} other job(s)' if others else ''}"


def now(artifact: Artifact, store: Store) -> Explanation:
    """A record beside the present study.

    Raises
    ------
    DataError : Snakemake cannot read the study.
    """
    job, jobs = key(store.records[artifact.record]), planned(store.root, store.study.target)
    if job not in jobs:
        return Explanation(job, GONE, [Cause(one, ()) for one in _study_changes(store)], artifact.record)
    found = Comparison(of_record(store, artifact.record), of_present(store, jobs, job), job)
    causes = sorted(_causes(found, job), key=lambda one: (one.change.name, one.change.kind) != (artifact.path, OUTPUT))
    state = RUNS if jobs[job].runs else UNSEEN if causes else UP_TO_DATE
    return Explanation(job, state, causes, artifact.record, comparison=found)


def then(artifact: Artifact, store: Store, against: Side) -> Explanation:
    """A record beside another one of the same job.

    Raises
    ------
    DataError : `against` has no such job.
    """
    job = key(store.records[artifact.record])
    if job not in against.records:
        raise DataError(against.name, [f"that run has no job {job}"])
    old = digest(canonical(against.records[job]))
    if old == artifact.record:
        return Explanation(job, SAME, [], old, old)
    found = Comparison(against, of_record(store, artifact.record), job)
    return Explanation(job, REMADE, _causes(found, job), old, artifact.record, found)


def before(artifact: Artifact, store: Store) -> Side | None:
    """The newest record of the same job that is older; None where it was made once."""
    history = [*Descent(store).history(key(store.records[artifact.record]))]
    older = history[history.index(artifact.record) + 1 :]
    return of_record(store, older[0]) if older else None


def _causes(found: Comparison, job: str) -> list[Cause]:
    """Where the differences of a job began, the nearest first."""
    above = found.above(job)
    causes = joined((name, change) for name in above for change in found.jobs[name].own)
    return sorted(causes, key=lambda one: (len(above[one.began[0]]), one.change.rank))


def _study_changes(store: Store) -> list[Change]:
    """What changed in the files that decide which jobs there are, since the last run."""
    found: list[Change] = []
    was, now = store.last_run["study"] if store.last_run else {}, study_files(store)
    for path in sorted(path for path in {*was, *now} if was and was.get(path) != now.get(path)):
        old, new = was.get(path, ABSENT), now.get(path, ABSENT)
        texts = [one for one in (text(path, sha, store) for sha in (old, new)) if one is not None]
        if path == store.study.settings and len(texts) == 2:
            found += parameters(*map(parse_yaml, texts))
        else:
            found.append(Change("module", path, old, new, source_lines(path, old, new, store)))
    return found
