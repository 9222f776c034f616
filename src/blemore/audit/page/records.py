"""Records folded for reading: files by role, code as one hash."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from blemore.audit.page.answers import list_sum
from blemore.audit.page.chain import Chain
from joblineage.record import LOGIC
from joblineage.store import Store, key

SHORT = 6
"""So many files of a role are listed one by one; more become a count and one hash."""


@dataclass(frozen=True)
class Files:
    """Files of one role. sha256 : of the file, or of the list (`answers.list_sum`); listed : the files, if they are few;
    makers : {job's rule: number of jobs} that made them."""

    role: str
    count: int
    size: int
    sha256: str
    listed: list[Mapping[str, Any]]
    makers: dict[str, int]


@dataclass(frozen=True)
class Shown:
    """One record as the page shows it. fits : (model, kind, clips it was fitted on, clips it judges)."""

    name: str
    key: str
    state: str
    record: Mapping[str, Any]
    inputs: list[Files]
    outputs: list[Files]
    code: Files
    fits: list[tuple[str, str, int | None, int | None]]


def shown(store: Store, chain: Chain, name: str) -> Shown:
    """The record of that id."""
    record = chain.records[name]
    inputs = [one for one in record["inputs"] if one["role"] not in LOGIC]
    return Shown(
        name,
        key(record),
        chain.states[name],
        record,
        _by_role(chain, inputs),
        _by_role(chain, record["outputs"]),
        _files(chain, "source files", [one for one in record["inputs"] if one["role"] in LOGIC]),
        [
            (one["model"], one["kind"], _length(store, one["on"]), _length(store, one["judges"]))
            for one in record["split"]["models"]
        ],
    )


def _by_role(chain: Chain, files: list[Mapping[str, Any]]) -> list[Files]:
    roles: dict[str, list[Mapping[str, Any]]] = {}
    for one in files:
        roles.setdefault(one["role"], []).append(one)
    return [_files(chain, role, found) for role, found in roles.items()]


def _files(chain: Chain, role: str, files: list[Mapping[str, Any]]) -> Files:
    makers: dict[str, set[str]] = {}
    for one in files:
        if one["path"] in chain.made:
            maker = chain.made[one["path"]]
            makers.setdefault(chain.records[maker]["job"]["rule"], set()).add(maker)
    few = len(files) <= SHORT
    return Files(
        role,
        len(files),
        sum(one["size"] for one in files),
        files[0]["sha256"] if len(files) == 1 else list_sum(files),
        files if few and role != "source files" else [],
        {rule: len(names) for rule, names in makers.items()},
    )


def _length(store: Store, name: str) -> int | None:
    """How many clips a kept list holds; None where the list is lost."""
    try:
        return len(store.get_json(name))
    except (FileNotFoundError, ValueError):
        return None
