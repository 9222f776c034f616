"""Why an artifact would be remade, or is not what it was: the state of its job, the first cause, all others."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from joblineage.following import OUTCOME, OUTPUT, Cause, Follower, Now, Then
from joblineage.graph import Descent
from joblineage.naming import Artifact
from joblineage.present import MISSING, Present
from joblineage.reasons import CIRCUMSTANCES, short
from joblineage.store import Store, key

UP_TO_DATE, RUNS, UNSEEN, GONE, REMADE, SAME = (
    "up to date",
    "would run again",
    "changed, would not run again",
    "no longer part of the study",
    "remade",
    "the same record",
)
FEW = 10
"""So many changes of circumstance are told."""


@dataclass(frozen=True)
class Explanation:
    """What was found about a job.

    state : one of the six above.
    causes : where the differences began, the first one first.
    before : id of the record that it is compared from; after : of that to which, None for the present.
    outputs : paths of outputs that differ between two records.
    """

    job: str
    state: str
    causes: list[Cause]
    before: str
    after: str | None = None
    outputs: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """As JSON knows it."""
        return {**vars(self), "outputs": list(self.outputs), "causes": [one.as_dict() for one in self.causes]}


def now(artifact: Artifact, store: Store) -> Explanation:
    """A record beside the present study.

    Raises
    ------
    DataError : Snakemake cannot read the study.
    """
    record = store.records[artifact.record]
    job, present = key(record), Present(store)
    if job not in present.jobs:
        causes = [Cause(one, (), (), ()) for one in present.study_changes()]
        return Explanation(job, GONE, causes, artifact.record)
    causes = Follower(Descent(store), Now(present)).causes(job, record, present.document(job))
    causes.sort(key=lambda one: one.change.name != artifact.path or one.change.kind != OUTPUT)
    changed = any(one.change.kind not in CIRCUMSTANCES for one in causes)
    state = RUNS if present.jobs[job].runs else UNSEEN if changed else UP_TO_DATE
    return Explanation(job, state, causes, artifact.record)


def then(artifact: Artifact, store: Store, against: str) -> Explanation:
    """A record beside another one of the same job, `against`."""
    old, new = store.records[against], store.records[artifact.record]
    job = key(new)
    if artifact.record == against:
        return Explanation(job, SAME, [], against, against)
    descent = Descent(store)
    causes = Follower(descent, Then(descent)).causes(job, old, new)
    was, made = ({out["path"]: out["sha256"] for out in side["outputs"]} for side in (old, new))
    outputs = tuple(path for path in sorted({*was, *made}) if was.get(path) != made.get(path))
    return Explanation(job, REMADE, causes, against, artifact.record, outputs)


def before(artifact: Artifact, store: Store) -> str | None:
    """Id of the newest record of the same job that is older; None where it was made once."""
    history = list(Descent(store).history(key(store.records[artifact.record])))
    return next(iter(history[history.index(artifact.record) + 1 :]), None)


def text(found: Explanation, store: Store) -> Iterator[str]:
    """An explanation in sentences: the first changed field in one, its source lines, then all others."""
    told = [one for one in found.causes if one.change.kind not in CIRCUMSTANCES]
    around = [one for one in found.causes if one.change.kind in CIRCUMSTANCES]
    first, others = (told or (around if found.state == REMADE else []))[:1], told[1:]
    because = f"{JOINED[found.state]} {sentence(first[0])}" if first else f": {NOTHING[found.state]}"
    yield _opening(found, store) + because
    for one in first:
        yield from (f"  {line}" for line in (*_chain(one), *one.change.lines))
    if found.outputs:
        yield f"  other bytes: {', '.join(found.outputs)}"
    if others:
        yield "Changed as well:"
        for one in others:
            yield f"  {sentence(one)}"
            yield from (f"    {line}" for line in one.change.lines)
    around = [one for one in around if one not in first]
    if around:
        yield "Other surroundings, which make nothing run again:"
        yield from (f"  {sentence(one)}" for one in around[:FEW])
        if len(around) > FEW:
            yield f"  and {len(around) - FEW} more (--json names them)"


JOINED = {RUNS: ", because", UNSEEN: ":", GONE: ", since", REMADE: ", because"}
NOTHING = {
    RUNS: "nothing that is recorded differs; Snakemake's own notes (.snakemake/) ask for it",
    GONE: "the files of the study are what they were; another target asked for it",
    UP_TO_DATE: "it would be made of the same bytes by the same code",
    REMADE: "nothing that is recorded differs",
    SAME: "that run reused it",
}


def _opening(found: Explanation, store: Store) -> str:
    if found.state == REMADE:
        start = store.records[found.after or ""]["time"]["start"][:19].replace("T", " ")
        same = "" if found.outputs else " (with the same bytes as before)"
        return f"{found.job} was remade at {start} UTC{same}, record {found.before[:12]} -> {(found.after or '')[:12]}"
    return {
        RUNS: f"{found.job} would run again",
        UNSEEN: f"{found.job} is not what its record says",
        GONE: f"{found.job} is no longer part of the study",
        UP_TO_DATE: f"{found.job}: nothing has changed",
        SAME: f"{found.job}: the same record",
    }[found.state]


def sentence(cause: Cause) -> str:
    """A cause in words, with the jobs that it touches."""
    change = cause.change
    if change.kind == OUTPUT and change.after == MISSING:
        return f"{change.name} is missing, which {cause.jobs[0]} made"
    if change.kind == OUTPUT:
        return (
            f"{change.name} was edited after {cause.jobs[0]} made it ({short(change.before)} -> {short(change.after)})"
        )
    if change.kind == OUTCOME:
        what = f"{change.name} came out with other bytes ({short(change.before)} -> {short(change.after)}) of the same inputs"
    else:
        what = str(change)
    if not cause.jobs:
        return what
    more = f" and {len(cause.jobs) - 1} other job(s)" if len(cause.jobs) > 1 else ""
    return f"{what}, in {cause.jobs[0]}{more}"


def _chain(cause: Cause) -> Iterator[str]:
    for reader, maker, file in zip(cause.chain, cause.chain[1:], cause.files, strict=False):
        yield f"{reader} reads {file}, which {maker} makes"
