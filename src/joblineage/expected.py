"""How long jobs will take: as long as they took before, else as others of their kind."""

import statistics
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from joblineage.record import plain
from joblineage.store import Document, Store, canonical, digest

START_SECONDS = 1.0
"""What a job takes beside its work, which its record knows: Python and imports."""
UNKNOWN_SECONDS = 5.0
"""Of a job of which nothing is known at all."""


def expected(
    jobs: Mapping[int, Any], store: Store, estimate: Callable[[Any], float | None] = lambda job: None
) -> dict[int, float]:
    """{name: seconds} that each job will take.

    As long as its outputs took before, where they were made with the same parameters out of the same files (whatever is
    in them); else what `estimate` says; else the usual time of its rule's records.

    Parameters
    ----------
    jobs : Snakemake's, by any name.
    estimate : of a job, seconds; None where it does not know.
    """
    newest = {name: store.records[name] for name in set(store.newest.values())}
    of_rule: dict[str, list[float]] = {}
    for record in newest.values():
        of_rule.setdefault(record["job"]["rule"], []).append(record["time"]["seconds"])
    usual = {rule: statistics.median(seconds) for rule, seconds in of_rule.items()}

    def seconds(job: Any) -> float:
        makers = {store.newest.get(str(path)) for path in job.output}
        before = [newest[name] for name in makers if name is not None]
        if len(before) == len(makers) and _same(job, before):
            return sum(record["time"]["seconds"] for record in before)
        estimated = estimate(job)
        return usual.get(job.rule.name, UNKNOWN_SECONDS) if estimated is None else estimated

    return {name: START_SECONDS + seconds(job) for name, job in jobs.items()}


def _same(job: Any, before: Iterable[Document]) -> bool:
    """Whether records are of this job with these parameters and, by their names, these inputs."""
    params, inputs = digest(canonical(plain(dict(job.params.items())))), set(map(str, job.input))
    return all(
        record["params"]["sha256"] == params and {input_["path"] for input_ in record["inputs"]} == inputs
        for record in before
    )
