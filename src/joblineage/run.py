"""A run of the workflow in one document: which records it executed, which it reused, under one Merkle root.

Written when a run ends well and executed something; a run with nothing to do writes nothing. What a killed run had
finished is listed by the next one. A complete study is then verified and versioned. Schema: schemas/run.schema.json.
"""

import hashlib
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import chdir
from typing import Any

from joblineage import capture
from joblineage.errors import LineageError
from joblineage.files import parse_yaml, sha256
from joblineage.graph import reached
from joblineage.store import Store, merkle_root
from joblineage.workspace import forget, under_git

SCHEMAS = ("joblineage-run/1", "blemore-run/1")
"""Of a run: the one that is written, and the name that it had before the library had its own."""


DVC_SAYS = "`dvc commit` says why"


def digest(names: Iterable[str]) -> str:
    """sha256 of a list of names: a short parameter that changes when a file comes or goes."""
    return hashlib.sha256("\n".join(names).encode()).hexdigest()


def end(
    store: Store, patterns: Sequence[re.Pattern], targets: Sequence[str], last_stage: str, jobs: Iterable[Any] = ()
) -> bool | None:
    """Write the run's record after the last job, and version a complete study with DVC.

    A partial run is not committed: dvc.lock would claim that stale files came from the new parameters; nor is a study
    whose lineage does not verify, nor one outside git. When DVC itself is the caller (DVC_STAGE in the environment) it commits its
    stages on its own, unless this raises.

    Parameters
    ----------
    store : Store
        The study's records.
    patterns : sequence of Pattern
        The output patterns of every rule.
    targets : sequence of str
        The files for whose sake the study is run, as `close` takes them.
    last_stage : str
        The stage of dvc.yaml that ends a study.
    jobs : iterable of object
        Jobs of this run, as Snakemake has them. Within a stage their files are compared once more: DVC hashes what the
        stage read when it has ended.

    Returns
    -------
    bool or None
        Whether the study is complete; None within a stage of DVC's that does not end it.

    Raises
    ------
    LineageError
        The finished study does not verify, files changed while a stage was at work, or DVC failed; nothing was
        versioned.
    """
    from joblineage.planned import up_to_date  # loads what a run with nothing to do goes without
    from joblineage.rerun import concerned, sentences

    stage = os.environ.get("DVC_STAGE")
    if stage is not None and (causes := concerned(jobs, Store(store.root, store.study))):
        again = "this changed while the stage was at work: the same command again goes on from here"
        raise LineageError(f"stage {stage}", [*sentences(causes), again])
    if stage not in (None, last_stage):
        return None
    complete = up_to_date(store.root, store.study.target)
    close(store, patterns, targets, complete=complete)
    if stage and not complete:
        what = (
            "the study is not up to date, it was changed while it ran: nothing was versioned, `dvc repro` again goes on"
        )
        raise LineageError("lineage", [what])
    if complete:
        from joblineage.checks.commits import UNTRACKED
        from joblineage.verify import verify  # every job's Snakemake loads this module, none of them verifies

        store = Store(store.root, store.study)  # with the run that was just written
        forget(store.root, patterns, store.makers)
        findings = [
            finding
            for finding in verify(store).findings
            # The former is about to be rewritten; no result came of the latter.
            if finding.node != "dvc.lock" and finding.what != UNTRACKED
        ]
        if findings:
            said = [f"{finding.verdict.value} {finding.node}: {finding.what}" for finding in findings]
            raise LineageError("lineage", [*said, f"nothing was versioned; `{store.study.command} verify` says more"])
        if stage is None and under_git(store.root) and not version(store):
            what = f"DVC did not version this study ({DVC_SAYS}): dvc.lock is of an earlier one"
            raise LineageError("dvc.lock", [f"{what}; results and records are kept, and `recover` tries again"])
    return complete


def _stages_here(store: Store) -> list[str]:
    """Stages of dvc.yaml that neither read nor make what only the private store has: DVC can version no others here.

    Where that is all of them their file is named, which DVC then reads once instead of once a stage.
    """
    from joblineage.present import dvc_stages, not_here

    away = set(not_here(store.root, store.study))
    if not away:
        return ["dvc.yaml"]
    stages = dvc_stages(store.root, parse_yaml((store.root / store.study.settings).read_text("utf-8")))
    return [
        name
        for name, stage in stages.items()
        if not away & {*stage["deps"], *(next(iter(out)) for out in stage["outs"])}
    ]


def version(store: Store) -> bool:
    """Have DVC version the study, in this process: a new one would load for half a second. Whether it could."""
    from dvc.cli import main

    from joblineage.repairing import locks

    for done in locks(store.root):
        print(done)
    with chdir(store.root):
        return main(["commit", "--force", "--quiet", *_stages_here(store)]) == 0


def study_files(store: Store) -> dict[str, str]:
    """{path: sha256} of the files that decide which jobs there are."""
    paths = sorted(path for pattern in store.study.files for path in store.root.glob(pattern) if path.is_file())
    return {path.relative_to(store.root).as_posix(): sha256(path) for path in paths}


def study_changes(store: Store) -> dict[str, tuple[str, str]]:
    """{path: sha256 at the last run and now, "" where it was not there} of those files that differ.

    A folder of which the run kept nothing was not looked at then: it was recorded with an older version of this library.
    """
    was, now = store.last_run["study"] if store.last_run else {}, study_files(store)
    if was:
        folders = {path.partition("/")[0] for path in was}
        now = {path: sha256 for path, sha256 in now.items() if "/" not in path or path.partition("/")[0] in folders}
    pairs = {path: (was.get(path, ""), now.get(path, "")) for path in sorted({*was, *now})}
    return {path: (old, new) for path, (old, new) in pairs.items() if old != new}


def close(store: Store, patterns: Iterable[re.Pattern], targets: Iterable[str], *, complete: bool) -> str | None:
    """Write the run that has just ended; its id, or None where it executed nothing.

    Parameters
    ----------
    patterns : the output patterns of every rule of the present study; a record of a job that left it is not reused.
    targets : the files for whose sake a complete study is run; it has no other jobs than those that they depend on.
    complete : whether all targets are there and up to date.
    """
    root, patterns = store.root, list(patterns)
    if not store.pending:
        return None
    makers = {path: name for path, name in store.newest.items() if path in store.makers or (root / path).exists()}
    makers = {path: name for path, name in makers.items() if any(pattern.match(path) for pattern in patterns)}
    current = _behind(store, makers, targets) if complete else set(makers.values())
    executed, reused = sorted(current & set(store.pending)), sorted(current - set(store.pending))
    study = study_files(store)
    for path in study:
        store.put((root / path).read_bytes())
    document = {
        "schema": SCHEMAS[0],
        "complete": complete,
        "previous": store.line[0] if store.line else None,
        "time": {"start": min(record["time"]["start"] for record in store.pending.values()), "end": capture.now()},
        "study": study,
        "sources": source_sums(store),
        "executed": executed,
        "reused": reused,
        "superseded": sorted(set(store.pending) - current),
        "root": merkle_root([*executed, *reused]),
    }
    return store.write("runs", document)


def _behind(store: Store, makers: Mapping[str, str], targets: Iterable[str]) -> set[str]:
    """Ids of the records that `targets` came from."""

    def ids(paths: Iterable[str]) -> list[str]:
        return [makers[path] for path in paths if path in makers]

    return set(reached(ids(targets), lambda name: ids(input_["path"] for input_ in store.records[name]["inputs"])))


def source_sums(store: Store) -> dict[str, str]:
    """{path: md5 as dvc.lock has it} of the files and folders of source code that dvc.yaml's stages depend on."""
    places = {name: store.root / name for name in store.study.sources}
    return {name: capture.dvc_md5(place) for name, place in places.items() if place.exists()}
