"""The study as it lies there now, in the form of records: what each job would find if it ran."""

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from joblineage import capture, files
from joblineage.files import parse_yaml
from joblineage.planned import Planned, planned
from joblineage.reasons import ABSENT, Change, parameters, source_lines
from joblineage.record import WEIGHTS, pretrained
from joblineage.run import study_files
from joblineage.store import Store

MISSING = "(missing)"
"""Stands for the sha256 of a file that is not there."""


class Present:
    """Every job of the present study. Hashes the files that it is asked about, each once; nothing is executed.

    Raises
    ------
    DataError : Snakemake cannot read the study.
    """

    def __init__(self, store: Store):
        self.store = store
        self.jobs: Mapping[str, Planned] = planned(store.root, store.study.target)
        self._sums: dict[str, str] = {}

    @cached_property
    def makers(self) -> dict[str, str]:
        """{path: key of the job that makes it}."""
        return {path: name for name, job in self.jobs.items() for _, path in job.outputs}

    @cached_property
    def environment(self) -> dict[str, Any]:
        """Versions of what is installed here."""
        return capture.surroundings()

    def sha256(self, path: str) -> str:
        """sha256 of a file of the workspace; MISSING where there is none."""
        if path not in self._sums:
            file = Path(self.store.root, path)
            self._sums[path] = files.sha256(file) if file.is_file() else MISSING
        return self._sums[path]

    def document(self, job: str) -> dict[str, Any]:
        """A job like a record, as far as `reasons.differences` reads it; a missing input's sha256 is MISSING."""
        about = self.jobs[job]
        inputs = [
            {"role": role, "path": path, "sha256": self.sha256(path), "size": None} for role, path in about.inputs
        ]
        network = any(map(pretrained, about.params.values()))
        return {
            "job": {"rule": about.rule, "wildcards": about.wildcards},
            "inputs": inputs,
            "params": {"values": about.params},
            "model": {"files": [one for one in inputs if one["role"] == WEIGHTS]} if network else {},
            "environment": self.environment,
        }

    def edited(self, record: Mapping[str, Any]) -> list[Change]:
        """Outputs of a record that are not what its job wrote."""
        now = [(out["path"], out["sha256"], self.sha256(out["path"])) for out in record["outputs"]]
        return [Change("output", path, was, found) for path, was, found in now if was != found]

    def study_changes(self) -> list[Change]:
        """What changed in the files that decide which jobs there are, since the last run."""
        run = self.store.last_run
        if run is None:
            return []
        found, now = [], study_files(self.store)
        for path in sorted({*run["study"], *now}):
            was, new = run["study"].get(path, ABSENT), now.get(path, ABSENT)
            if was != new and path == self.store.study.settings and ABSENT not in (was, new):
                old = parse_yaml(self.store.get(was))
                found += parameters(old, parse_yaml(Path(self.store.root, path).read_text()))
            elif was != new:
                found.append(Change("module", path, was, new, source_lines(path, was, new, self.store)))
        return found
