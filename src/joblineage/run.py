"""What happens around a whole run of the workflow: its mark before the first job; record and version after the last."""

import hashlib
import os
import re
import sys
from collections.abc import Iterable, Sequence
from contextlib import chdir
from pathlib import Path

from joblineage import recovery, runs
from joblineage.errors import LineageError
from joblineage.files import parse_yaml
from joblineage.store import Store


def digest(names: Iterable[str]) -> str:
    """sha256 of a list of names: a short parameter that changes when a file comes or goes."""
    return hashlib.sha256("\n".join(names).encode()).hexdigest()


def mark(root: Path, how_to_go_on: str) -> None:
    """Mark this run's jobs as the workspace's own, and say how to go on where a killed run left its lock."""
    if recovery.MARK in os.environ:  # a job of a run that is already marked
        return
    os.environ[recovery.MARK] = str(root.resolve())
    if recovery.stale_lock(root):
        print(f"A run in this folder was killed and left its lock. {how_to_go_on}", file=sys.stderr)


def end(store: Store, made: Sequence[re.Pattern], targets: Sequence[str], last_stage: str) -> bool | None:
    """After the last job: write the run's record and version a complete study with DVC.

    A partial run is not committed: dvc.lock would claim that stale files came from the new parameters; nor is a study
    whose lineage does not verify. When DVC itself is the caller (DVC_STAGE in the environment) it commits its stages on its
    own, unless this raises.

    Parameters
    ----------
    made : the output patterns of every rule.
    targets : the files for whose sake the study is run, as `runs.close` takes them.
    last_stage : the stage of dvc.yaml that ends a study.

    Returns
    -------
    Whether the study is complete; None within a stage of DVC's that does not end it.

    Raises
    ------
    LineageError : the finished study does not verify; nothing was versioned.
    """
    from joblineage.planned import up_to_date  # loads what a run with nothing to do goes without

    stage = os.environ.get("DVC_STAGE")
    if stage not in (None, last_stage):
        return None
    complete = stage == last_stage or up_to_date(store.root, store.study.target)
    runs.close(store, made, targets, complete=complete)
    if complete:
        store = Store(store.root, store.study)  # with the run that was just written
        _check(store)
        if stage is None:
            _version(store)
    return complete


def _check(store: Store) -> None:
    """Refuse to version a study whose lineage does not verify."""
    from joblineage.verify import verify  # every job's Snakemake loads this module, none of them verifies

    found = [one for one in verify(store).findings if one.node != "dvc.lock"]  # which is about to be written anew
    if found:
        said = [f"{one.verdict.value} {one.node}: {one.what}" for one in found]
        raise LineageError("lineage", [*said, f"nothing was versioned; `{store.study.command} verify` says more"])


def _stages_here(store: Store) -> list[str]:
    """Stages of dvc.yaml that neither read nor make what only the private store has: DVC can version no others here.

    Where that is all of them their file is named, which DVC then reads once instead of once a stage.
    """
    from joblineage.verify import dvc_stages, not_here

    away = set(not_here(store.root, store.study))
    if not away:
        return ["dvc.yaml"]
    stages = dvc_stages(store.root, parse_yaml((store.root / store.study.settings).read_text()))
    return [
        name for name, one in stages.items() if not away & {*one["deps"], *(next(iter(out)) for out in one["outs"])}
    ]


def _version(store: Store) -> None:
    """Have DVC version the study, in this process: a new one would load for half a second."""
    from dvc.cli import main

    with chdir(store.root):
        failed = main(["commit", "--force", "--quiet", *_stages_here(store)])
    if failed:
        print("DVC did not version this study (`dvc commit` says why)", file=sys.stderr)
