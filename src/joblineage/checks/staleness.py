"""Would a run now make something else? Parameters, rules and jobs of the present study, compared with the records."""

from joblineage.errors import DataError
from joblineage.graph import Graph
from joblineage.planned import planned
from joblineage.runs import study_files
from joblineage.store import Store
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
    changed = _changed(store)
    if not changed:
        return []
    try:
        jobs = planned(store.root, artifact or store.study.target)
    except DataError as error:
        return [Finding(Verdict.STALE, changed[0], f"changed since the last run; {error.faults[0]}")]
    ids = {name: store.current[name] for name in store.current if store.current[name] in chain}
    found = []
    for name, record in ids.items():
        one = graph.records[record]
        if name not in jobs:
            found.append(Finding(Verdict.STALE, name, "no longer a job of this study"))
        elif jobs[name].params != one["params"]["values"]:
            found.append(Finding(Verdict.STALE, name, f"its parameters changed ({', '.join(changed)})"))
        elif {path for _, path in jobs[name].inputs} != {file["path"] for file in one["inputs"]}:
            found.append(Finding(Verdict.STALE, name, f"it reads other files now ({', '.join(changed)})"))
        elif not {path for _, path in jobs[name].outputs} <= {out["path"] for out in one["outputs"]}:
            found.append(Finding(Verdict.STALE, name, f"it makes other files now ({', '.join(changed)})"))
    if artifact is None:
        fresh = sorted(set(jobs) - set(store.current))
        found += [Finding(Verdict.STALE, name, f"not done yet ({', '.join(changed)})") for name in fresh]
    return found


def _changed(store: Store) -> list[str]:
    """Files that decide which jobs there are and that differ from the last run's."""
    last, now = store.last_run, study_files(store)
    if last is None:
        return sorted(now)
    return sorted(path for path in {*now, *last["study"]} if now.get(path) != last["study"].get(path))
