"""One side of a comparison: jobs by key with a document each, who made which file, and the study's own files."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from joblineage import capture, files
from joblineage.errors import DataError
from joblineage.files import parse_yaml
from joblineage.graph import Descent, depths, reached
from joblineage.planned import Planned
from joblineage.reasons import MISSING, text
from joblineage.record import WEIGHTS, pretrained
from joblineage.run import study_files
from joblineage.store import Document, Store, key


@dataclass(frozen=True)
class RunView:
    """A run, a record with all that it came from, or the present study.

    name : id of the run or record.
    records : {job key: record}; of the present, documents as far as `reasons.differences` reads them.
    files : {path: sha256} of the files that decide which jobs there are.
    present : whether it is the present study, whose jobs may still have to run.
    """

    store: Store
    name: str
    records: Mapping[str, Document]
    files: Mapping[str, str]
    present: bool = False

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
        return {(input_["path"], input_["sha256"]) for record in self.records.values() for input_ in record["inputs"]}

    def above(self, name: str) -> list[str]:
        """Keys of the jobs that made the inputs of job `name`, in the order of the inputs."""
        paths = [input_["path"] for input_ in self.records[name]["inputs"]]
        return list(dict.fromkeys(self.makers[path] for path in paths if path in self.makers))

    @cached_property
    def depths(self) -> dict[str, int]:
        """{job key: how many jobs in a row lie before it}."""
        return depths({name: self.above(name) for name in self.records})

    def study(self, path: str) -> Any:
        """A YAML file of the study as it was on this side, such as its settings; None where it is not kept."""
        content = text(path, self.files[path], self.store) if path in self.files else None
        return None if content is None else parse_yaml(content)

    @cached_property
    def volatile(self) -> list[str]:
        """Patterns of the files that hold times, hosts or costs."""
        file = self.store.study.volatile
        return ((file and self.study(file)) or {"volatile": []})["volatile"]


def of_run(store: Store, name: str) -> RunView:
    """What a run executed and reused; the newer record where a job has two."""
    run = store.runs[name]
    ids = store.by_age(record for record in (*run["executed"], *run["reused"]) if record in store.records)
    return RunView(store, name, {key(store.records[record]): store.records[record] for record in ids}, run["study"])


def of_record(store: Store, name: str) -> RunView:
    """A record with all that it came from; the other jobs are those of the present study's records."""
    descent = Descent(store)
    came = [*store.current.values(), *reversed(reached([name], lambda below: descent.above(store.records[below])))]
    return RunView(
        store, name, {key(store.records[record]): store.records[record] for record in came}, study_files(store)
    )


def of_present(store: Store, jobs: Mapping[str, Planned], asked: str) -> RunView:
    """A job of the present study and all that it comes from, as records would have them. Hashes what they read and made;
    nothing is executed.

    Parameters
    ----------
    jobs : every job of the present study. asked : key of the one that is asked about.
    """
    makers = {path: name for name, job in jobs.items() for _, path in job.outputs}
    names = reached([asked], lambda name: [makers[path] for _, path in jobs[name].inputs if path in makers])
    environment = capture.surroundings()

    @cache
    def sha256(path: str) -> str:
        file = Path(store.root, path)
        return files.sha256(file) if file.is_file() else MISSING

    def document(job: Planned) -> Document:
        inputs, outputs = (
            [{"role": role, "path": path, "sha256": sha256(path), "size": None} for role, path in listed]
            for listed in (job.inputs, job.outputs)
        )
        weights = (
            [input_ for input_ in inputs if input_["role"] == WEIGHTS]
            if any(map(pretrained, job.params.values()))
            else []
        )
        about = {"job": {"rule": job.rule, "wildcards": job.wildcards}, "inputs": inputs, "outputs": outputs}
        return about | {"params": {"values": job.params}, "model": {"files": weights}, "environment": environment}

    return RunView(store, asked, {name: document(jobs[name]) for name in names}, study_files(store), present=True)


def find_run(said: str, store: Store) -> RunView:
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
    named = {"last": 0, "previous": 1}
    if said in named:
        if len(store.line) <= named[said]:
            raise DataError(f"run {said!r}", [f"{workspace} has {len(store.line)} run(s) in lineage/runs"])
        return of_run(store, store.line[named[said]])
    matches = [name for name in runs if name.startswith(said)] if said else []
    if len(matches) == 1:
        return of_run(store, matches[0])
    if not matches and (Path(said) / store.folder.name).is_dir():
        return find_run("last", Store(Path(said), store.study))
    what = "several runs begin so" if matches else f"neither a run of {workspace} nor the folder of a workspace"
    there = [f"run {name[:12]}, {store.runs[name]['time']['end']}" for name in (matches or runs)]
    raise DataError(f"run {said!r}", [what, *there])
