"""What the crate and the SLSA statement both say: the jobs that made the present study, and what they read and wrote."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from joblineage.errors import DataError
from joblineage.export.pseudonyms import Names
from joblineage.graph import Graph
from joblineage.record import LOGIC
from joblineage.store import Document, Store, canonical, digest, key


@dataclass(frozen=True)
class Thing:
    """A file; or all raw files as one: their paths may hold private names.

    path : below the study's folder. sha256 : of the bytes; of raw files, of the sorted list of their [sha256, size].
    size : bytes. count : how many raw files it stands for, 0 for any other file.
    """

    path: str
    sha256: str
    size: int
    count: int = 0


Things = list[tuple[str, Thing]]


@dataclass(frozen=True)
class Job:
    """A record, and its files as exports show them.

    id : the record's. name : its job's, without private names. record : as it is; `View.names` hides those in it.
    used, made, code : (role, thing) of its inputs, its outputs, and the source files among its inputs.
    """

    id: str
    name: str
    record: Document
    used: Things
    made: Things
    code: Things

    @property
    def rule(self) -> str:
        """Name of the rule."""
        return str(self.record["job"]["rule"])


class View:
    """The lineage of a finished study.

    Parameters
    ----------
    store : its records.
    names : the private names, and what to call them.

    Raises
    ------
    DataError : no run has finished the study, or jobs have ended since.
    """

    def __init__(self, store: Store, names: Names):
        if store.last_run is None or not store.last_run["complete"] or store.pending:
            raise DataError(str(store.folder), ["nothing to export: the last run did not finish the study"])
        self.store, self.names = store, names
        self.run = store.last_run
        self.run_id = list(store.runs)[-1]

    @cached_property
    def jobs(self) -> list[Job]:
        """Every job of the present study, makers before readers, else by the name that is shown."""
        graph = Graph(self.store)
        return sorted(map(self._job, graph.records), key=lambda job: (graph.depths[job.id], job.name))

    def _job(self, name: str) -> Job:
        record = self.store.records[name]
        data = self._things(input_ for input_ in record["inputs"] if input_["role"] not in LOGIC)
        code = self._things(input_ for input_ in record["inputs"] if input_["role"] in LOGIC)
        return Job(name, self.names.shown(key(record)), record, data, self._things(record["outputs"]), code)

    def _things(self, files: Iterable[dict[str, Any]]) -> Things:
        pairs: dict[tuple[str, Thing], None] = {}
        for file in files:
            if file["path"].startswith(self.store.study.raw):
                pairs["raw", self.raw] = None
            else:
                pairs[file["role"], Thing(self.names.shown(file["path"]), file["sha256"], file["size"])] = None
        return list(pairs)

    @cached_property
    def files(self) -> dict[str, dict[str, Any]]:
        """{path: {role, path, sha256, size}} of every file that a job of the study read or wrote."""
        current = [self.store.records[name] for name in self.store.current.values()]
        return {input_["path"]: input_ for record in current for input_ in (*record["inputs"], *record["outputs"])}

    @cached_property
    def raw(self) -> Thing:
        """All raw files as one."""
        raw = (file for path, file in self.files.items() if path.startswith(self.store.study.raw))
        pairs = sorted([file["sha256"], file["size"]] for file in raw)
        return Thing("data", digest(canonical(pairs)), sum(size for _, size in pairs), len(pairs))

    @cached_property
    def commits(self) -> list[str]:
        """The git commits that the jobs ran from."""
        return sorted({job.record["code"]["commit"] for job in self.jobs if job.record["code"]["commit"]})

    @cached_property
    def dirty(self) -> list[str]:
        """Paths that differed from their commit when a job ran, and so the commit does not tell all."""
        return sorted({self.names.shown(path) for job in self.jobs for path in job.record["code"]["dirty"]})
