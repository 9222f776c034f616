"""`why`: a job beside the present study or an earlier record of it: its state, the first cause, all others."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from joblineage.comparing import Cause, Comparison, joined
from joblineage.errors import DataError
from joblineage.files import parse_yaml
from joblineage.finding import Artifact
from joblineage.graph import Descent
from joblineage.planned import planned
from joblineage.reasons import ABSENT, MISSING, OUTPUT, Change, parameters, short, source_lines, text
from joblineage.run import study_changes
from joblineage.run_view import RunView, of_present, of_record
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
"""The answer where no cause was found."""
FEW = 10
"""So many changes of circumstance are shown."""


@dataclass(frozen=True)
class Explanation:
    """What was found about a job.

    state : one of the six above.
    causes : where the differences began, the nearest first.
    before : id of the record that it is compared from; after : of that to which, None for the present.
    made : when that one was made.
    around : circumstances that differ and decided nothing.
    outputs : paths of outputs that differ between two records.
    """

    job: str
    state: str
    causes: list[Cause]
    before: str
    after: str | None = None
    made: str | None = None
    around: Sequence[Cause] = ()
    outputs: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """As JSON knows it."""
        causes = [vars(cause.change) | {"began": cause.began, "way": cause.way} for cause in self.causes]
        around = [vars(difference.change) | {"began": difference.began} for difference in self.around]
        return vars(self) | {"causes": causes, "around": around}

    def lines(self) -> Iterator[str]:
        """The text for people: the first cause in one sentence, its source lines, then all others."""
        first, others = self.causes[:1], self.causes[1:]
        how = "" if self.outputs else " (with the same bytes as before)"
        ids = f"{self.before[:12]} -> {(self.after or '')[:12]}"
        remade = f" at {self.made[:19].replace('T', ' ')} UTC{how}, record {ids}" if self.made else ""
        because = f", because {sentence(first[0])}" if first else f": {NOTHING[self.state]}"
        yield f"{self.job} {self.state}{remade}{because}"
        for cause in first:
            makers = [*(job for job, _ in cause.way[1:]), *cause.began[:1]]
            for (job, path), maker in zip(cause.way, makers, strict=False):
                yield f"  {job} reads {path}, which {maker} makes"
            yield from (f"  {line}" for line in cause.change.lines)
        if self.outputs:
            yield f"  other bytes: {', '.join(self.outputs)}"
        if others:
            yield "Changed as well:"
        for other in others:
            yield from (f"  {sentence(other)}", *(f"    {line}" for line in other.change.lines))
        if self.around:
            yield "Other surroundings, which make nothing run again:"
            yield from (f"  {sentence(difference)}" for difference in self.around[:FEW])
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
        return Explanation(job, GONE, [Cause(change, ()) for change in _study_changes(store)], artifact.record)
    comparison = Comparison(of_record(store, artifact.record), of_present(store, jobs, job), job)
    explanation = _explained(job, UP_TO_DATE, comparison, artifact.record)
    causes = sorted(
        explanation.causes, key=lambda cause: (cause.change.name, cause.change.kind) != (artifact.path, OUTPUT)
    )
    return replace(explanation, state=RUNS if jobs[job].runs else UNSEEN if causes else UP_TO_DATE, causes=causes)


def then(artifact: Artifact, store: Store, against: RunView) -> Explanation:
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
    comparison = Comparison(against, of_record(store, artifact.record), job)
    outputs = comparison.jobs[job].outputs if job in comparison.jobs else ()
    explanation = _explained(job, REMADE, comparison, old)
    start = store.records[artifact.record]["time"]["start"]
    return replace(explanation, after=artifact.record, made=start, outputs=outputs)


def before(artifact: Artifact, store: Store) -> RunView | None:
    """The newest record of the same job that is older; None where it was made once."""
    history = Descent(store).history(key(store.records[artifact.record]))
    older = history[history.index(artifact.record) + 1 :]
    return of_record(store, older[0]) if older else None


def _explained(job: str, state: str, comparison: Comparison, before: str) -> Explanation:
    ways = comparison.above(job)
    began = joined((name, change) for name in ways for change in comparison.jobs[name].own)
    causes = [replace(cause, way=ways[cause.began[0]]) for cause in began]
    causes.sort(key=lambda cause: (len(cause.way), cause.change.rank))
    return Explanation(job, state, causes, before, around=comparison.around)


def _study_changes(store: Store) -> list[Change]:
    """What changed in the files that decide which jobs there are, since the last run."""
    changes: list[Change] = []
    for path, (old, new) in study_changes(store).items() if store.last_run else ():
        texts = [content for content in (text(path, sha, store) for sha in (old, new)) if content is not None]
        if path == store.study.settings and len(texts) == 2:
            changes += parameters(*map(parse_yaml, texts))
        else:
            changes.append(Change("module", path, old or ABSENT, new or ABSENT, source_lines(path, old, new, store)))
    return changes
