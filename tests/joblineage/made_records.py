"""A small made-up lineage: files, records of the jobs that made them and runs, without a workflow."""

import json
from base64 import urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from joblineage.capture import differs_from_lock, dvc_md5, hashed
from joblineage.commands.app import commands
from joblineage.planned import Planned
from joblineage.run import study_files
from joblineage.store import ANY, Store, canonical, digest, key, merkle_root
from joblineage.study import Study

START = datetime(2026, 1, 1, tzinfo=UTC)
LOCK = "requirements.lock"
main = commands(ANY)
"""The library's command line for a study of which nothing special is known."""


class Lineage:
    """Writes files and records below `root`. `store` reads them anew each time."""

    def __init__(self, root: Path, study: Study = ANY):
        self.root = root
        self.study = study
        self.minutes = 0
        self.pending: list[str] = []
        self.packages = {"numpy": "2.0"}

    @property
    def store(self) -> Store:
        return Store(self.root, self.study)

    def file(self, path: str, text: str) -> str:
        """Write a file; its path."""
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
        return path

    def now(self) -> str:
        self.minutes += 1
        return f"{(START + timedelta(minutes=self.minutes)).isoformat(timespec='microseconds')[:-6]}Z"

    def job(self, name: str, reads: list[str], makes: dict[str, str], **more: Any) -> str:
        """Write the files that a job makes and its record; the record's id.

        Parameters
        ----------
        name : job key, "train/fold=0".
        reads : paths; source files are those below src/, and the lock file.
        makes : {path: text}.
        more : params, model, models (fits), or any other field of a record.
        """
        rule, *wildcards = name.split("/")
        for path, text in makes.items():
            self.file(path, text)
        inputs = [hashed(role(path), str(self.root / path)) | {"path": path} for path in reads]
        for one in inputs:
            if one["role"] == "code":
                self.store.put((self.root / one["path"]).read_bytes())
        params = more.pop("params", {})
        lock = next((one["sha256"] for one in inputs if one["path"] == LOCK), None)
        differing = differs_from_lock(self.packages, (self.root / LOCK).read_text()) if lock else {}
        environment = {"python": "3.11.9", "system": "Linux", "packages": self.packages, "lock": lock}
        body = {
            "schema": "joblineage-job/1",
            "job": {"rule": rule, "wildcards": dict(one.split("=") for one in wildcards), "attempt": None},
            "status": "ok",
            "inputs": inputs,
            "changed_inputs": [],
            "outputs": [hashed("file", str(self.root / path), md5=True) | {"path": path} for path in makes],
            "code": {"commit": "c0ffee" + 34 * "0", "dirty": [], "diff": None},
            "params": {"values": params, "sha256": digest(canonical(params))},
            "environment": self.store.put_json(environment | {"differs_from_lock": differing}),
            "seeds": {},
            "determinism": {
                "threads": dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1"),
                "hash_seed": None,
                "torch_threads": None,
                "torch_deterministic": None,
            },
            "hardware": {"cpu": "a processor", "cores": 2, "ram_mb": 1000, "gpu": None},
            "agent": {"user": "somebody", "runner": "snakemake", "snakemake": "9"},
            "time": {
                "start": self.now(),
                "end": self.now(),
                "seconds": 1.5,
                "cpu_seconds": 1.5,
                "peak_mb": 100,
                "device": "cpu",
                "peak_gpu_mb": 0,
            },
            "model": {},
            "split": {"models": []},
            "metrics": {},
            "cached_from": None,
            "number": self.store.count(),
            "unknown": ["job.attempt"],
        }
        written = self.store.write("records", body | more)
        self.pending.append(written)
        return written

    def relist(self, names: dict[str, str]) -> None:
        """Have the one run list records under other names."""
        (path,) = (self.root / "lineage/runs").glob("*.json")
        run = json.loads(path.read_bytes())
        run["executed"] = sorted(names[one] for one in run["executed"])
        run["root"] = merkle_root(run["executed"])
        path.unlink()
        self.store.write("runs", run)

    def run(self, complete: bool = True) -> str:
        """Write the run of the jobs since the last one; its id."""
        store = self.store
        last = store.last_run
        made = {key(store.records[name]) for name in self.pending}
        older = [*last["executed"], *last["reused"]] if last else []
        reused = sorted(name for name in older if key(store.records[name]) not in made)
        document = {
            "schema": "blemore-run/1",
            "complete": complete,
            "previous": store.line[0] if last else None,
            "time": {"start": self.now(), "end": self.now()},
            "study": {path: store.put((self.root / path).read_bytes()) for path in study_files(store)},
            "sources": {},
            "executed": (executed := sorted(set(self.pending) & set(store.current.values()))),
            "reused": reused,
            "superseded": sorted(set(self.pending) - set(executed)),
            "root": merkle_root([*executed, *reused]),
        }
        self.pending = []
        return store.write("runs", document)

    def tell(self) -> None:
        """Write what other tools would say of the present study: Snakemake's metadata and dvc.lock."""
        store, folder = self.store, self.root / ".snakemake/metadata"
        folder.mkdir(parents=True, exist_ok=True)
        for path, name in store.makers.items():
            one = store.records[name]
            start, end = (datetime.fromisoformat(one["time"][side]).timestamp() for side in ("start", "end"))
            claim = {
                "rule": one["job"]["rule"],
                "incomplete": False,
                "input": [file["path"] for file in one["inputs"]],
                "input_checksums": {file["path"]: f"sha256:{file['sha256']}" for file in one["inputs"]},
                "params": [repr(value) for value in one["params"]["values"].values()],
                "starttime": start,
                "endtime": end,
            }
            (folder / urlsafe_b64encode(path.encode()).decode()).write_text(json.dumps(claim))
        outs = {path: hashed("file", str(self.root / path), md5=True)["md5"] for path in store.makers}
        outs |= {folder: dvc_md5(self.root / folder) for folder in ("lineage", ".snakemake/metadata")}
        listed = [{"path": path, "md5": md5} for path, md5 in outs.items()]
        self.file("dvc.lock", json.dumps({"stages": {"all": {"cmd": "snakemake", "deps": [], "outs": listed}}}))

    def plan(self, **params: dict[str, Any]) -> dict[str, Planned]:
        """What Snakemake would say: every current job as recorded, except for the parameters of the rules named; a job
        runs where these differ, and whatever reads what it makes."""
        store, plan = self.store, {}
        for name, record in sorted(store.current.items(), key=lambda pair: store.records[pair[1]]["time"]["end"]):
            about = store.records[record]
            inputs = [[one["role"], one["path"]] for one in about["inputs"]]
            given = params.get(about["job"]["rule"], about["params"]["values"])
            remade = {path for job in plan.values() if job.runs for _, path in job.outputs}
            runs = given != about["params"]["values"] or any(path in remade for _, path in inputs)
            outputs = [[one["role"], one["path"]] for one in about["outputs"]]
            plan[name] = Planned(about["job"]["rule"], about["job"]["wildcards"], inputs, outputs, given, runs)
        return plan


def role(path: str) -> str:
    return "code" if path.startswith("src/") or path == LOCK else "weights" if path.endswith(".pt") else "data"


def small_study(root: Path, rate: float = 0.1) -> Lineage:
    """Two raw clips -> prepare -> train on two folds -> gather -> fuse, which also reads what prepare made; one run."""
    made = Lineage(root)
    for clip in ("A11_ang_int1_ver1", "A12_hap_int1_ver1"):
        made.file(f"data/{clip}.mov", clip)
    made.file("src/train.py", "def train():\n    return 1\n")
    made.file(LOCK, "numpy==2.0 \\\n    --hash=sha256:00\n")
    made.job("prepare", ["data/A11_ang_int1_ver1.mov", "data/A12_hap_int1_ver1.mov"], {"results/media": "media"})
    for fold in (0, 1):
        train(made, fold, rate)
    gather(made)
    fuse(made)
    made.run()
    return made


def train(made: Lineage, fold: int, rate: float, text: str = "") -> str:
    clips = [made.store.put_json([clip]) for clip in ("A11_ang_int1_ver1", "A12_hap_int1_ver1")]
    fit = {"model": f"s4d/fold{fold}", "kind": "network", "on": clips[1 - fold], "judges": clips[fold]}
    return made.job(
        f"train/fold={fold}",
        ["results/media", "src/train.py", LOCK],
        {f"results/fold{fold}": text or f"fold {fold} at {rate}"},
        params={"encoder": {"learning_rate": rate, "layers": [2, 4]}, "seed": 17},
        seeds={"seed": 17},
        split={"models": [fit]},
    )


def gather(made: Lineage) -> str:
    folds = [f"results/fold{fold}" for fold in (0, 1)]
    text = " ".join((made.root / fold).read_text() for fold in folds)
    return made.job("gather", folds, {"results/probabilities": text})


def fuse(made: Lineage) -> str:
    text = (made.root / "results/probabilities").read_text()
    return made.job("fuse", ["results/media", "results/probabilities"], {"results/fused": f"fused {text}"})


def chain(jobs: int, first: str = "start") -> SimpleNamespace:
    """A store of `jobs` records, each of which reads what the one before made; keys fall as the chain goes on."""

    def file(path: str) -> dict:
        return {"path": path, "sha256": f"sum of {path}"}

    records = {
        f"record{k}": {
            "job": {"rule": f"job{jobs - k:05d}", "wildcards": {}},
            "inputs": [file(f"file{k - 1}" if k else first)],
            "outputs": [file(f"file{k}")],
            "time": {"end": f"{k:05d}"},
        }
        for k in range(jobs)
    }
    return SimpleNamespace(
        records=records,
        ranks={name: k for k, name in enumerate(records)},
        current={record["job"]["rule"]: name for name, record in records.items()},
        makers={record["outputs"][0]["path"]: name for name, record in records.items()},
    )
