"""Records folded for reading: files by role, code as one hash."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from blemore.audit.page.answers import Facts, list_sum
from blemore.audit.page.chain import Chain
from joblineage.record import LOGIC
from joblineage.store import Store, key

SHORT = 6
"""So many files of a role are listed one by one; more become a count and one hash."""


def shown(store: Store, chain: Chain, name: str) -> Facts:
    """The record of that id as the page shows it.

    Returns
    -------
    {"name", "key", "state", "record", "inputs": files of each role, "outputs": the same, "code": the source files,
    "fits": (model, kind, number of clips it was fitted on, of clips it judges) of each, None where a list is lost}.
    Files are {"role", "count", "size", "sha256" of the file or of their list (`answers.list_sum`), "listed": the files,
    if they are few, "makers": {rule: number of jobs} that made them}.
    """
    record = chain.records[name]
    code = [one for one in record["inputs"] if one["role"] in LOGIC]
    return {
        "name": name,
        "key": key(record),
        "state": chain.states[name],
        "record": record,
        "inputs": _by_role(chain, [one for one in record["inputs"] if one["role"] not in LOGIC]),
        "outputs": _by_role(chain, record["outputs"]),
        "code": _files(chain, "source files", code),
        "fits": [
            (one["model"], one["kind"], _length(store, one["on"]), _length(store, one["judges"]))
            for one in record["split"]["models"]
        ],
    }


def _by_role(chain: Chain, files: list[Mapping[str, Any]]) -> list[Facts]:
    roles = dict.fromkeys(one["role"] for one in files)
    return [_files(chain, role, [one for one in files if one["role"] == role]) for role in roles]


def _files(chain: Chain, role: str, files: list[Mapping[str, Any]]) -> Facts:
    makers = dict.fromkeys(chain.made[one["path"]] for one in files if one["path"] in chain.made)
    return {
        "role": role,
        "count": len(files),
        "size": sum(one["size"] for one in files),
        "sha256": files[0]["sha256"] if len(files) == 1 else list_sum(files),
        "listed": files if len(files) <= SHORT else [],
        "makers": Counter(chain.records[maker]["job"]["rule"] for maker in makers),
    }


def _length(store: Store, name: str) -> int | None:
    try:
        return len(store.get_json(name))
    except (FileNotFoundError, ValueError):
        return None
