"""What a run leaves that ended early, by a signal, a failed job or a kill: no tampering, and the next run finishes it."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from joblineage.run import study_changes
from joblineage.store import FOLDER, Store, key
from joblineage.verdict import Finding, Verdict
from joblineage.workspace import METADATA, STARTED, marked

OLD = (
    "recorded by an older version of this library, whose jobs did not count the records before them: which of two that no "
    "run lists is the newer one, only their clocks say"
)
"""Said of a study with such records."""
EARLY = (Verdict.TAMPERED, Verdict.MISSING, Verdict.UNRECORDED)
"""What is found of a file that a job was about to make."""


def begun(root: Path) -> set[str]:
    """Outputs of jobs that have begun and of which Snakemake has seen no end."""
    return {path for _, path in marked(root / ".snakemake" / STARTED)}


def check(store: Store) -> tuple[list[Finding], list[str]]:
    """Whether the last run finished the study. Findings, and notes: on what was tried and set aside, on old records."""
    last, pending = store.last_run, store.by_age(store.pending)
    notes = [OLD] if any("number" not in store.records[name] for name in store.current.values()) else []
    goes_on = f"what is finished is kept, `snakemake {store.study.target}` goes on"
    if pending:
        said = f"{len(pending)} jobs have ended that no run lists, {key(store.records[pending[-1]])} the last"
        if _set_aside(store, pending):
            return [], [*notes, f"{said}: of a study that was tried and set aside; the next run removes what they made"]
        what = f"{said}: a run is at work, or it ended early; {goes_on}"
        return [Finding(Verdict.INCOMPLETE, f"{FOLDER}/runs", what)], notes
    if last is not None and not last["complete"]:
        what = f"the last run did not finish the study; {goes_on}"
        return [Finding(Verdict.INCOMPLETE, f"{FOLDER}/runs/{store.line[0]}.json", what)], notes
    return [], notes


def _set_aside(store: Store, pending: Iterable[str]) -> bool:
    """Whether the study is that of the last run again, and has none of the files that these jobs made."""
    if store.last_run is None or not store.last_run["complete"] or study_changes(store):
        return False
    ours = {out["path"] for name, run in store.listed.items() if run == store.line[0] for out in _outputs(store, name)}
    return not any(out["path"] in ours for name in pending for out in _outputs(store, name))


def _outputs(store: Store, name: str) -> list[dict[str, str]]:
    return store.records[name]["outputs"] if name in store.records else []


def explained(findings: Iterable[Finding], store: Store) -> list[Finding]:
    """The findings, with another verdict for what a job leaves that began and did not end."""
    findings, started = list(findings), begun(store.root)
    gone = {finding.node for finding in findings if finding.verdict is Verdict.MISSING}
    other = {finding.node for finding in findings if finding.node.startswith(METADATA)}
    tried = {out["path"] for name in store.pending for out in _outputs(store, name)}

    def early(finding: Finding) -> bool:
        path = finding.node.removeprefix(f"{METADATA} of ")
        failed = path in gone and f"{METADATA} of {path}" in other  # which is lost, or of the try, after a failed job
        return finding.verdict in EARLY and (path in started or failed or (finding.node in gone and path in tried))

    ended = "; a job that makes it began and did not end"
    return [
        replace(finding, verdict=Verdict.INCOMPLETE, what=finding.what + ended) if early(finding) else finding
        for finding in findings
    ]
