"""The record of one job: what went in, what came out, by which code, parameters, environment and hands.

Inputs are hashed before the work and again after it: one that changed between is named, and the record is "tainted".
Schema: schemas/lineage_record.schema.json.
"""

import getpass
import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from blemore import seen
from blemore.files import read_json
from blemore.lineage import capture
from blemore.lineage.capture import File
from blemore.lineage.store import Store, canonical, digest

SCHEMA = "blemore-job/1"
LOGIC = ("code", "templates")
"""Roles of inputs that are source files."""
WEIGHTS = "weights"
"""Role of a checkpoint's files."""


@dataclass(frozen=True)
class Begun:
    """A job at work: what it found when it began."""

    snakemake: Any
    inputs: list[File]
    start: str

    @property
    def work_key(self) -> str:
        """Hash of all that decides the job's result: content of its inputs (code among them), parameters, wildcards.

        A training's saved state is kept under this key: another learning rate or another crop never resumes it.
        """
        job, parts = self.snakemake, sorted((one["path"], one["sha256"]) for one in self.inputs)
        about = json.dumps([job.rule, parts, dict(job.params), dict(job.wildcards)], sort_keys=True)
        return hashlib.sha256(about.encode()).hexdigest()[:32]

    def end(self, used: Mapping[str, Any]) -> str:
        """Write the record of a job that ended well; its id.

        Parameters
        ----------
        used : seconds, cpu_seconds, peak_mb, device, peak_gpu_mb of the job.
        """
        job, store = self.snakemake, Store()
        again = [capture.hashed(one["role"], one["path"]) for one in self.inputs]
        changed = [after for before, after in zip(self.inputs, again, strict=True) if before != after]
        outputs = [capture.hashed(role, path, md5=True) for role, path in capture.files_of(job.output)]
        params = plain(dict(job.params.items()))
        lock = next((one["sha256"] for one in self.inputs if one["path"] == capture.LOCK), None)
        sources = [one for one in self.inputs if one["role"] in LOGIC]
        body: dict[str, Any] = {
            "schema": SCHEMA,
            "job": {"rule": job.rule, "wildcards": dict(job.wildcards.items()), "attempt": None},
            "status": "tainted" if changed else "ok",
            "inputs": self.inputs,
            "changed_inputs": changed,
            "outputs": outputs,
            "code": capture.code(store, sources),
            "params": {"values": params, "sha256": digest(canonical(params))},
            "environment": capture.environment(store, lock),
            "seeds": _seeds(params),
            "determinism": capture.determinism(),
            "hardware": capture.hardware(),
            "agent": {
                "user": _user(),
                "runner": "dvc" if "DVC_STAGE" in os.environ else "snakemake",
                "snakemake": version("snakemake"),
            },
            "time": {"start": self.start, "end": capture.now(), **used},
            "model": _model(params, self.inputs),
            "split": seen.take(store.put_json),
            "metrics": _metrics(job),
            "cached_from": None,
        }
        body["unknown"] = _unknown(body)
        return store.write("records", body)


def begin(snakemake: Any) -> Begun:
    """Hash every input before the work begins."""
    start = capture.now()
    seen.begin()
    return Begun(snakemake, [capture.hashed(role, path) for role, path in capture.files_of(snakemake.input)], start)


def plain(value: Any) -> Any:
    """Parameters as JSON knows them."""
    if isinstance(value, Mapping):
        return {str(name): plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    return value if isinstance(value, str | int | float | bool | None) else str(value)


def _seeds(params: Mapping[str, Any]) -> dict[str, int]:
    """{where: seed} of every parameter called seed; each step derives its own from it and names (`blemore.seeds`)."""
    found: dict[str, int] = {}

    def look(value: Any, where: str) -> None:
        if isinstance(value, Mapping):
            for name, one in value.items():
                if name == "seed" and isinstance(one, int):
                    found[f"{where}seed"] = one
                else:
                    look(one, f"{where}{name}.")

    look(params, "")
    return found


def _model(params: Mapping[str, Any], inputs: list[File]) -> dict[str, Any]:
    """Checkpoint, revision and the files of it that were read; empty for a job without a pretrained network."""
    settings = params.get("encoder")
    if not isinstance(settings, Mapping) or "checkpoint" not in settings:
        return {}
    files = [{name: one[name] for name in ("path", "sha256", "size")} for one in inputs if one["role"] == WEIGHTS]
    return {"checkpoint": settings["checkpoint"], "revision": settings.get("revision"), "files": files}


def _metrics(job: Any) -> dict[str, float]:
    """The headline of a job that makes metrics; empty for others."""
    if "metrics" not in job.output.keys():  # noqa: SIM118  (a Namedlist, not a dict)
        return {}
    fused = read_json(job.output.metrics)["variants"]["global"]
    return {name: fused[name] for name in ("acc_presence", "acc_salience")}


def _user() -> str | None:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return None


def _unknown(body: Mapping[str, Any]) -> list[str]:
    """Paths of fields that nobody can fill; nothing is invented."""
    never = ["job.attempt"]  # Snakemake does not tell scripts
    sometimes = {
        "code.commit": body["code"]["commit"],
        "agent.user": body["agent"]["user"],
        "hardware.cores": body["hardware"]["cores"],
        "model.files": body["model"].get("files")
        or not body["model"],  # taken from the hub's cache by name and revision
    }
    return never + sorted(name for name, value in sometimes.items() if not value)
