"""What a reviewer asks of a study, answered out of its records as plain numbers and texts: the page's block `lineage.json`.

Sums and counts are in no other file; the block is embedded in the page, and every number of its text points into it.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import pandas as pd

from blemore.audit.page.chain import Chain
from joblineage.record import LOGIC
from joblineage.store import Store, digest, key

FILE = "lineage.json"
"""Name of the block, as the page's numbers call it."""
Facts = dict[str, Any]
SHORT = 6
"""So many files of a role are listed one by one; more become a count and one hash."""


def list_sum(files: Iterable[Mapping[str, Any]]) -> str:
    """One hash for many files: sha256 of the lines "<sha256>  <path>", sorted by path, as `sha256sum` prints them."""
    lines = sorted({(file["path"], file["sha256"]) for file in files})
    return digest("".join(f"{sha256}  {path}\n" for path, sha256 in lines).encode())


def answers(store: Store, chain: Chain, params: Mapping[str, Any], clips: pd.DataFrame | None) -> Facts:
    """{"data", "code", "checkpoints", "environments", "time", "run", "unknown"}.

    Parameters
    ----------
    clips : the clips table, None where it is not there or not the one of the records.
    """
    records = chain.records
    return {
        "data": _data(records, str(params.get("dataset")), clips),
        "code": _code(records),
        "checkpoints": _checkpoints(chain, params),
        "environments": _environments(store, records),
        "time": _time(chain),
        "run": _run(store, chain),
        "unknown": dict(sorted(Counter(name for record in records.values() for name in record["unknown"]).items())),
    }


def _data(records: Mapping[str, dict[str, Any]], dataset: str, clips: pd.DataFrame | None) -> Facts:
    folder = f"data/{dataset}/"
    known = (entry for record in records.values() for side in ("inputs", "outputs") for entry in record[side])
    files = {entry["path"]: entry for entry in known if entry["path"].startswith(folder)}
    counts: Facts = dict.fromkeys(("train_clips", "persons", "test_clips", "set_aside"))
    if clips is not None:
        train = clips[clips["split"] == "train"]
        counts["train_clips"], counts["persons"] = len(train), train["person"].nunique()
        counts["test_clips"] = int((clips["split"] == "test").sum())
        counts["set_aside"] = int((clips["quarantine"] != "").sum())
    return {
        "dataset": dataset,
        "folder": folder,
        "files": len(files),
        "megabytes": round(sum(file["size"] for file in files.values()) / 1e6, 2),
        "sha256": list_sum(files.values()) if files else None,
        **counts,
    }


def _code(records: Mapping[str, dict[str, Any]]) -> Facts:
    used: Counter[tuple[str, str]] = Counter(
        (input_["path"], input_["sha256"])
        for record in records.values()
        for input_ in record["inputs"]
        if input_["role"] in LOGIC
    )
    commits = Counter(str(record["code"]["commit"] or "unknown") for record in records.values())
    dirty = Counter(path for record in records.values() for path in record["code"]["dirty"])
    return {
        "commits": dict(commits.most_common()),
        "dirty": dict(sorted(dirty.items())),
        "dirty_jobs": sum(bool(record["code"]["dirty"]) for record in records.values()),
        "files": [{"path": path, "sha256": sha256, "jobs": jobs} for (path, sha256), jobs in sorted(used.items())],
        "count": len(used),
        "sha256": list_sum({"path": path, "sha256": sha256} for path, sha256 in used),
    }


def _checkpoints(chain: Chain, params: Mapping[str, Any]) -> Facts:
    """Pretrained networks that jobs were given, and encoders whose training is unknown."""
    given: Facts = {}
    for record in chain.records.values():
        if record["model"]:
            name = str(record["params"]["values"]["encoder"].get("name", record["job"]["rule"]))
            given.setdefault(name, record["model"])
    entries = params.get("encoders") or {}
    outside = [name for name, entry in entries.items() if entry.get("enabled") and entry.get("learning") == "given"]
    return {"given": dict(sorted(given.items())), "outside": sorted(outside)}


def _environments(store: Store, records: Mapping[str, dict[str, Any]]) -> list[Facts]:
    """Each environment with the jobs that ran in it, the commonest first; its content is null where its copy is lost."""
    environments: dict[tuple[str, str], Facts] = {}
    for record in records.values():
        name, hardware = record["environment"], record["hardware"]
        place = environments.setdefault((name, str(hardware["cpu"])), {"id": name, "jobs": 0, "hardware": hardware})
        place["jobs"] += 1
    for place in environments.values():
        try:
            about = store.get_json(place["id"])
        except (FileNotFoundError, ValueError):
            place["about"] = None
        else:
            place["about"] = {name: about[name] for name in ("python", "system", "lock", "differs_from_lock")}
            place["about"]["packages"] = len(about["packages"])
    return sorted(environments.values(), key=lambda environment: (-environment["jobs"], environment["id"]))


def _time(chain: Chain) -> Facts:
    rules: dict[str, Facts] = {}
    for name, record in chain.records.items():
        place = rules.setdefault(record["job"]["rule"], {"step": chain.steps[name], "jobs": 0})
        place["jobs"] += 1
        for field in ("seconds", "cpu_seconds"):
            place[field] = round(place.get(field, 0.0) + record["time"][field], 2)
        for field in ("peak_mb", "peak_gpu_mb"):
            place[field] = max(place.get(field, 0), record["time"][field])
    times = [record["time"] for record in chain.records.values()]
    return {
        "jobs": len(times),
        "seconds": round(sum(rule["seconds"] for rule in rules.values()), 2),
        "cpu_seconds": round(sum(rule["cpu_seconds"] for rule in rules.values()), 2),
        "peak_mb": max(time["peak_mb"] for time in times),
        "start": min(time["start"] for time in times),
        "end": max(time["end"] for time in times),
        "rules": rules,
    }


def _run(store: Store, chain: Chain) -> Facts:
    """The last run, and which of the chain's jobs it made, per rule. open : records that no run lists yet."""
    jobs, fresh = (
        Counter(chain.records[name]["job"]["rule"] for name in some) for some in (chain.records, chain.fresh)
    )
    newest = None
    if last := store.last_run:
        start, end = last["time"]["start"], last["time"]["end"]
        newest = {
            "id": list(store.runs)[-1],
            "sha256": last["root"],
            "complete": last["complete"],
            "start": start,
            "end": end,
            "elapsed": round((datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds(), 1),
            "superseded": len(last["superseded"]),
        }
    return {
        "open": len(store.pending),
        "runs": len(store.runs),
        "newest": newest,
        "executed": fresh.total(),
        "reused": jobs.total() - fresh.total(),
        "rules": {rule: {"executed": fresh[rule], "reused": count - fresh[rule]} for rule, count in jobs.items()},
    }


def shown(store: Store, chain: Chain, name: str) -> Facts:
    """The record of that id as the page shows it.

    Returns
    -------
    {"name", "key", "state", "record", "inputs": files of each role, "outputs": the same, "code": the source files,
    "fits": (model, kind, number of clips it was fitted on, of clips it judges) of each, None where a list is lost}.
    Files are {"role", "count", "size", "sha256" of the file or of their list (`list_sum`), "listed": the files,
    if they are few, "makers": {rule: number of jobs} that made them}.
    """
    record = chain.records[name]
    code = [input_ for input_ in record["inputs"] if input_["role"] in LOGIC]
    return {
        "name": name,
        "key": key(record),
        "state": chain.states[name],
        "record": record,
        "inputs": _by_role(chain, [input_ for input_ in record["inputs"] if input_["role"] not in LOGIC]),
        "outputs": _by_role(chain, record["outputs"]),
        "code": _files(chain, "source files", code),
        "fits": [
            (model["model"], model["kind"], _length(store, model["on"]), _length(store, model["judges"]))
            for model in record["split"]["models"]
        ],
    }


def _by_role(chain: Chain, files: list[Mapping[str, Any]]) -> list[Facts]:
    roles = dict.fromkeys(file["role"] for file in files)
    return [_files(chain, role, [file for file in files if file["role"] == role]) for role in roles]


def _files(chain: Chain, role: str, files: list[Mapping[str, Any]]) -> Facts:
    makers = dict.fromkeys(chain.made[file["path"]] for file in files if file["path"] in chain.made)
    return {
        "role": role,
        "count": len(files),
        "size": sum(file["size"] for file in files),
        "sha256": files[0]["sha256"] if len(files) == 1 else list_sum(files),
        "listed": files if len(files) <= SHORT else [],
        "makers": Counter(chain.records[maker]["job"]["rule"] for maker in makers),
    }


def _length(store: Store, name: str) -> int | None:
    try:
        return len(store.get_json(name))
    except (FileNotFoundError, ValueError):
        return None
