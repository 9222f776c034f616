"""The record of one job: what went in, what came out, by which code, parameters, environment and hands.

Inputs are hashed before the work and again after it: one that changed between is named, and the record is "tainted".
Schema: schemas/record.schema.json.
"""

import hashlib
import json
import os
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from joblineage import capture, declare, loaded, slurm
from joblineage.capture import File
from joblineage.errors import refuse
from joblineage.files import write_json
from joblineage.progress import SCRIPT_MARK
from joblineage.store import Store, canonical, digest, key

SCHEMAS = ("joblineage-job/1", "blemore-job/1")
"""Of a record: the one that is written, and the name that it had before the library had its own."""
LOGIC = ("code", "templates")
"""Roles of inputs that are source files."""
Headline = Callable[[dict[str, str]], dict[str, float]]
AGAIN = "start the run again: it first restores or remakes what is damaged"
WEIGHTS = "weights"
"""Role of a checkpoint's files."""


@dataclass
class Part:
    """What one record is of: an instance of a rule. Most jobs are one; a job may be several that have the same inputs.

    wildcards : those of the instance, also where the job itself has fewer.
    outputs : (role, path) of what this instance makes.
    used : seconds, cpu_seconds, peak_mb, device, peak_gpu_mb; filled when its work is done.
    split : who was seen by what, as `declare.take` gives it; filled when its work is done.
    taken : object with what was taken from caches, as `declare.taken` gives it; None: nothing. Filled when its work is done.
    """

    begun: "Begun"
    wildcards: dict[str, str]
    outputs: list[tuple[str, str]]
    used: dict[str, Any] = field(default_factory=dict)
    split: dict[str, Any] = field(default_factory=dict)
    taken: str | None = None

    @property
    def output(self) -> dict[str, str]:
        """{role: path}."""
        return dict(self.outputs)

    @property
    def work_key(self) -> str:
        """Hash of all that decides the result: content of the inputs (code among them), parameters, wildcards.

        A job's saved state may be kept under this key: with other parameters or inputs it is never resumed.
        """
        return self.begun.key(self.wildcards)

    def shared_key(self, each: str) -> str:
        """The same for what all instances that differ in the wildcard `each` alone have in common."""
        return self.begun.key({name: value for name, value in self.wildcards.items() if name != each})

    def done(self, used: dict[str, Any]) -> None:
        """Its work is done: keep what it used and whom it saw, write its output `cost` where it has one."""
        self.used, self.split, self.taken = used, declare.take(Store().put_json), declare.taken(Store().put_json)
        declare.begin()  # listen to the next one
        if "cost" in self.output:
            write_json(self.output["cost"], used)


@dataclass(frozen=True)
class Begun:
    """A job at work: what it found when it began."""

    snakemake: Any
    inputs: list[File]
    start: str

    def key(self, wildcards: Mapping[str, str]) -> str:
        """Hash of content of the inputs, parameters and these wildcards, 32 hex digits."""
        job, files = self.snakemake, sorted((input_["path"], input_["sha256"]) for input_ in self.inputs)
        about = json.dumps([job.rule, files, dict(job.params), dict(wildcards)], sort_keys=True)
        return hashlib.sha256(about.encode()).hexdigest()[:32]

    def damaged(self) -> list[str]:
        """A sentence on each input that is not what its job made: what a job ends with that cannot read it."""
        store, said = Store(), []
        for input_ in self.inputs:
            path = input_["path"]
            if path in store.makers:
                record = store.records[store.makers[path]]
                out = next(out for out in record["outputs"] if out["path"] == path)
                if out["sha256"] != input_["sha256"]:
                    expected = f"{key(record)} made {out['size']} bytes, sha256 {out['sha256']:.12}"
                    said.append(
                        f"{path} is damaged: {expected}; here are {input_['size']}, {input_['sha256']:.12}; {AGAIN}"
                    )
        return said

    def parts(self, wildcard: str | None = None) -> list[Part]:
        """The instances of the rule that this job is: one, or with a wildcard one for each of its numbers.

        An output belongs to the number that follows the wildcard in its file's name: "part3.csv" to part 3. So
        records are the same whether Snakemake ran the instances in jobs of their own or together.
        """
        given, outputs = dict(self.snakemake.wildcards.items()), capture.files_of(self.snakemake.output)
        if wildcard is None:
            return [Part(self, given, outputs)]
        numbers: dict[str, list[tuple[str, str]]] = {}
        for role, path in outputs:
            number = re.fullmatch(rf"{wildcard}([0-9]+)\..*", Path(path).name)
            if number is None:
                raise ValueError(f"{path}: no number of {wildcard} in its name")
            numbers.setdefault(number[1], []).append((role, path))
        return [Part(self, given | {wildcard: number}, files) for number, files in numbers.items()]

    def end(self, parts: Iterable[Part], headline: Headline | None = None) -> list[str]:
        """Write the records of a job that ended well; their ids. All have the times of the whole job.

        Parameters
        ----------
        headline : given {role: path} of an instance's outputs, the numbers for which it is run.
        """
        again = [capture.hashed(input_["role"], input_["path"]) for input_ in self.inputs]
        changed = [after for before, after in zip(self.inputs, again, strict=True) if before != after]
        store, job, params = Store(), self.snakemake, plain(dict(self.snakemake.params.items()))
        lock = next((input_["sha256"] for input_ in self.inputs if input_["path"] == capture.LOCK), None)
        sources = [input_ for input_ in self.inputs if input_["role"] in LOGIC]
        installed = loaded.environment()
        runner = "dvc" if "DVC_STAGE" in os.environ else "snakemake"
        shared = {
            "schema": SCHEMAS[0],
            "status": "tainted" if changed else "ok",
            "inputs": self.inputs,
            "changed_inputs": changed,
            "code": capture.code(store, sources),
            "params": {"values": params, "sha256": digest(canonical(params))},
            "environment": capture.environment(store, lock, installed),
            "seeds": _seeds(params),
            "determinism": capture.determinism(),
            "hardware": capture.hardware(),
            "place": slurm.place(),
            "agent": {"user": capture.user(), "runner": runner, "snakemake": version("snakemake")},
            "model": _model(params, self.inputs),
            "foreign": loaded.foreign((input_["path"] for input_ in self.inputs), installed),
            "cached_from": None,
        }
        installed.keep()
        time = {"start": self.start, "end": capture.now()}
        written = []
        for part in parts:
            body = shared | {
                "job": {"rule": job.rule, "wildcards": part.wildcards, "attempt": slurm.attempt()},
                "outputs": [capture.hashed(role, path, md5=True) for role, path in part.outputs],
                "time": time | part.used,
                "split": part.split,
                "taken": part.taken,
                "metrics": headline(part.output) if headline else {},
                "number": store.count(),
            }
            written.append(store.write("records", body | {"unknown": _unknown(body)}))
        return written


def begin(snakemake: Any) -> Begun:
    """Hash every input before the work begins.

    Raises
    ------
    DataError : the code at work is not the code that lies here.
    """
    start = capture.now()
    declare.begin()
    inputs = [capture.hashed(role, path) for role, path in capture.files_of(snakemake.input)]
    check_code(file["path"] for file in inputs if file["role"] in LOGIC)
    return Begun(snakemake, inputs, start)


def check_code(sources: Iterable[str]) -> None:
    """Refuse a job whose record would name other code than the one at work.

    Snakemake runs a copy of the script, which it takes when the run begins; modules are loaded before they are hashed. The
    copy is written when the job starts, so a source that changed later has a later time of change, by the same file system.

    Raises
    ------
    DataError : names what was edited meanwhile.
    """
    main = vars(sys.modules["__main__"])
    if SCRIPT_MARK not in main:  # no script of Snakemake's
        return
    copy, script = Path(main[SCRIPT_MARK]), Path(main["__file__"])
    begun = os.stat(copy).st_ctime_ns
    edited = [path for path in sources if os.stat(path).st_ctime_ns > begun]
    if not _text(copy).endswith(_text(script)):
        edited.append(os.path.relpath(script))
    refuse("code", [f"{path}: changed since this run began: start it again" for path in dict.fromkeys(edited)])


def _text(path: Path) -> bytes:
    return path.read_bytes().replace(b"\r\n", b"\n")


def plain(value: Any) -> Any:
    """Parameters as JSON knows them."""
    if isinstance(value, Mapping):
        return {str(name): plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    return value if isinstance(value, str | int | float | bool | None) else str(value)


def _seeds(params: Mapping[str, Any]) -> dict[str, int]:
    """{where: seed} of every parameter called seed; each step derives its own from it and names."""
    seeds: dict[str, int] = {}
    for name, param in params.items():
        if name == "seed" and isinstance(param, int):
            seeds["seed"] = param
        elif isinstance(param, Mapping):
            seeds |= {f"{name}.{where}": seed for where, seed in _seeds(param).items()}
    return seeds


def pretrained(value: Any) -> bool:
    """Whether a parameter is the settings of a pretrained network: they name its checkpoint."""
    return isinstance(value, Mapping) and "checkpoint" in value


def _model(params: Mapping[str, Any], inputs: list[File]) -> dict[str, Any]:
    """Checkpoint, revision and the files of it that were read; empty for a job without a pretrained network."""
    settings = next((param for param in params.values() if pretrained(param)), None)
    if settings is None:
        return {}
    files = [
        {name: input_[name] for name in ("path", "sha256", "size")} for input_ in inputs if input_["role"] == WEIGHTS
    ]
    return {"checkpoint": settings["checkpoint"], "revision": settings.get("revision"), "files": files}


def _unknown(body: Mapping[str, Any]) -> list[str]:
    """Paths of fields that nobody can fill; nothing is invented."""
    unknown = {
        "job.attempt": body["job"]["attempt"],
        "code.commit": body["code"]["commit"],
        "agent.user": body["agent"]["user"],
        "hardware.cores": body["hardware"]["cores"],
        "model.files": not body["model"] or body["model"]["files"],  # taken from the hub's cache by name and revision
    }
    return sorted(name for name, value in unknown.items() if not value)
