"""One run as a side of a comparison: its records by job, and who made which file."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from joblineage.errors import DataError
from joblineage.files import matches, parse_yaml
from joblineage.store import Document, Store, key
from joblineage.walk import depths


@dataclass(frozen=True)
class Side:
    """A run of a workspace."""

    store: Store
    name: str

    @property
    def run(self) -> Document:
        """The run's document."""
        return self.store.runs[self.name]

    @cached_property
    def records(self) -> dict[str, Document]:
        """{job key: record} of what the run executed and reused; the newer one where a job has two."""
        found = [self.store.records[name] for name in (*self.run["executed"], *self.run["reused"]) if self._has(name)]
        return {key(record): record for record in sorted(found, key=lambda one: (one["time"]["end"], key(one)))}

    def _has(self, name: str) -> bool:
        return name in self.store.records

    @cached_property
    def makers(self) -> dict[str, str]:
        """{path: key of the job that made it}."""
        return {out["path"]: name for name, record in self.records.items() for out in record["outputs"]}

    @cached_property
    def made(self) -> dict[str, str]:
        """{path: sha256 as it was made}."""
        return {out["path"]: out["sha256"] for record in self.records.values() for out in record["outputs"]}

    @cached_property
    def read(self) -> set[tuple[str, str]]:
        """(path, sha256) of every file that some job read."""
        return {(one["path"], one["sha256"]) for record in self.records.values() for one in record["inputs"]}

    def above(self, name: str) -> set[str]:
        """Keys of the jobs that made the inputs of job `name`."""
        return {self.makers[one["path"]] for one in self.records[name]["inputs"] if one["path"] in self.makers}

    @cached_property
    def depths(self) -> dict[str, int]:
        """{job key: how many jobs in a row lie before it}."""
        return depths({name: self.above(name) for name in self.records})

    def study(self, path: str) -> Any:
        """A YAML file of the study as it was in this run; None where it is not kept.

        Parameters
        ----------
        path : one of the study's files, "params.yaml".
        """
        name = self.run["study"].get(path)
        try:
            return None if name is None else parse_yaml(self.store.get(name))
        except FileNotFoundError:
            return None

    def volatile(self, path: str) -> bool:
        """Whether a file holds times, hosts or costs."""
        return matches(path, self._patterns)

    @cached_property
    def _patterns(self) -> tuple[str, ...]:
        file = self.store.study.volatile
        return tuple(((file and self.study(file)) or {"volatile": []})["volatile"])

    @cached_property
    def metrics(self) -> dict[str, float]:
        """The run's headline; empty where it came to none."""
        study = self.store.study
        job = self.records.get(study.headline_rule)
        return study.headline(job["metrics"]) if job else {}


class Both(Store):
    """The objects of two workspaces as one store."""

    def __init__(self, first: Store, second: Store):
        super().__init__(second.root, second.study)
        self.first = first

    def get(self, name: str) -> bytes:
        """The object of that sha256, from either."""
        try:
            return super().get(name)
        except FileNotFoundError:
            return self.first.get(name)


def find_run(said: str, store: Store) -> Side:
    """The run that is meant.

    Parameters
    ----------
    said : "last", "previous" (the run before it), the beginning of a run's id, or the folder of a workspace (its last run).
    store : where runs are looked for.

    Raises
    ------
    DataError : no such run, or several; says which there are.
    """
    workspace, runs = store.root, list(store.runs)
    named = {"last": -1, "previous": -2}
    if said in named:
        if len(runs) < -named[said]:
            raise DataError(f"run {said!r}", [f"{workspace} has {len(runs)} run(s) in lineage/runs"])
        return Side(store, runs[named[said]])
    found = [name for name in runs if name.startswith(said)] if said else []
    if len(found) == 1:
        return Side(store, found[0])
    if not found and (Path(said) / store.folder.name).is_dir():
        return find_run("last", Store(Path(said), store.study))
    what = "several runs begin so" if found else f"neither a run of {workspace} nor the folder of a workspace"
    there = [f"run {name[:12]}, {store.runs[name]['time']['end']}" for name in (found or runs)]
    raise DataError(f"run {said!r}", [what, *there])
