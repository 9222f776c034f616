"""Would a run now make something else? Parameters, rules and jobs of the present study, compared with the records."""

from joblineage.errors import DataError
from joblineage.graph import Graph
from joblineage.planned import planned
from joblineage.run import study_changes
from joblineage.verdict import Finding, Verdict


def check(graph: Graph, chain: set[str], artifact: str | None) -> list[Finding]:
    """Jobs whose parameters, inputs or outputs are not those of their record.

    Snakemake is asked (3 CPU s) only where a file that decides which jobs there are differs from the last run's, or
    where jobs have ended since.

    Parameters
    ----------
    artifact : the file whose `chain` it is; None for the whole study.
    """
    store = graph.store
    changed = [*study_changes(store)]
    if not changed:
        return []
    try:
        jobs = planned(store.root, artifact or store.study.target)
    except DataError as error:
        return [Finding(Verdict.STALE, changed[0], f"changed since the last run; {error.faults[0]}")]
    found, by = {}, f"({', '.join(changed)})"
    for name in (name for name, record in store.current.items() if record in chain):
        one = graph.records[store.current[name]]
        if name not in jobs:
            found[name] = "no longer a job of this study"
        elif what := jobs[name].changed(one):
            found[name] = f"{what} {by}"
        elif not {path for _, path in jobs[name].outputs} <= {out["path"] for out in one["outputs"]}:
            found[name] = f"it makes other files now {by}"
    if artifact is None:
        found |= {name: f"not done yet {by}" for name in sorted(set(jobs) - set(store.current))}
    return [Finding(Verdict.STALE, name, what) for name, what in found.items()]
