"""Would a run now make something else? Parameters, rules and jobs of the present study, compared with the records."""

import yaml

from joblineage.errors import DataError
from joblineage.files import parse_yaml
from joblineage.graph import Graph
from joblineage.planned import planned
from joblineage.run import study_changes
from joblineage.store import Store
from joblineage.study import Checked
from joblineage.verdict import Finding, Verdict


def check(graph: Graph, chain: set[str], artifact: str | None, *, ask: bool) -> Checked:
    """Jobs whose parameters, inputs or outputs are not those of their record; and what was edited without effect.

    Parameters
    ----------
    artifact : the file whose `chain` it is; None for the whole study.
    ask : whether Snakemake is asked (3 CPU s) where a file that decides which jobs there are differs from the last run's. It
        executes the Snakefile; without it each such file is named.
    """
    store = graph.store
    edited = study_changes(store)
    gone = [path for path, (_, now) in edited.items() if not now]
    findings = [Finding(Verdict.MISSING, path, "the last run read it, and it is gone") for path in gone]
    said_anew = [path for path, (old, now) in edited.items() if now and _says_the_same(store, path, old)]
    changed = [path for path in edited if path not in (*gone, *said_anew)]
    if changed and not ask and store.last_run is None:
        return [], [
            "no run is recorded: whether parameters and rules are those of the records was not asked (`--plan` asks)"
        ]
    if changed and not ask:
        what = "changed since the last run (`verify --plan` asks the study's Snakefile which jobs that concerns)"
        findings += [Finding(Verdict.STALE, path, what) for path in changed]
    elif changed and not gone:
        stale = _planned(graph, chain, artifact, changed)
        findings += stale
        said_anew += [] if stale else changed
    idle = f"changed since the last run, and no job is concerned: {', '.join(sorted(said_anew))}"
    return findings, [idle] if said_anew else []


def _says_the_same(store: Store, path: str, old: str) -> bool:
    """Whether YAML was edited in its comments or spelling alone."""
    if not path.endswith((".yaml", ".yml")) or not old:
        return False
    try:
        return bool(parse_yaml(store.get(old)) == parse_yaml((store.root / path).read_bytes()))
    except (OSError, ValueError, RecursionError, yaml.YAMLError):
        return False


def _planned(graph: Graph, chain: set[str], artifact: str | None, changed: list[str]) -> list[Finding]:
    store = graph.store
    try:
        jobs = planned(store.root, artifact or store.study.target)
    except DataError as error:
        return [Finding(Verdict.STALE, changed[0], f"changed since the last run; {error.faults[0]}")]
    reasons, by = {}, f"({', '.join(changed)})"
    for name in (name for name, record in store.current.items() if record in chain):
        record = graph.records[store.current[name]]
        if name not in jobs:
            reasons[name] = "no longer a job of this study"
        elif what := jobs[name].changed(record):
            reasons[name] = f"{what} {by}"
        elif not {path for _, path in jobs[name].outputs} <= {out["path"] for out in record["outputs"]}:
            reasons[name] = f"it makes other files now {by}"
    if artifact is None:
        reasons |= {name: f"not done yet {by}" for name in sorted(set(jobs) - set(store.current))}
    return [Finding(Verdict.STALE, name, what) for name, what in reasons.items()]
