"""What differs between two documents of a job (records, or `run_view.of_present`): every changed field with its values."""

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from joblineage import capture
from joblineage.files import parse_json
from joblineage.record import LOGIC
from joblineage.store import Document, Store, canonical, digest

ABSENT, MISSING = "(absent)", "(missing)"
"""Stand for a value that one side does not have, and for the sha256 of a file that is not there."""
OUTPUT, OUTCOME, JOB = "output", "outcome", "job"
"""Kinds of change beside those that `differences` finds: a file edited after its job; other bytes though nothing recorded
differs; a job that came or went."""
CIRCUMSTANCES = ("environment", "determinism", "hardware")
"""Kinds that make no job run again, but can make the same job end in other bytes."""
KINDS = (
    *(OUTPUT, "parameter", "seed", "checkpoint", "module", "code list", "package", "input", JOB),
    *(*CIRCUMSTANCES, OUTCOME),
)
"""Every kind, in the order in which they are shown."""


@dataclass(frozen=True)
class Change:
    """One changed field.

    kind : of KINDS. "package": a version that the lock file asks for; "environment": one that is installed, Python or
        the system; "code list": a source file that came or went; "checkpoint": its name, revision or a file of it.
    name : dotted key of a parameter, path of a file, name of a package or field.
    before, after : values; sha256 of a file; ABSENT where it is not there.
    lines : unified diff of a source file whose two texts are known.
    """

    kind: str
    name: str
    before: Any
    after: Any
    lines: tuple[str, ...] = ()

    def __str__(self) -> str:
        before, after = (short(value) for value in (self.before, self.after))
        if self.kind == OUTCOME and ABSENT not in (before, after):
            return f"{self.name} came out with other bytes ({before} -> {after}) of the same inputs"
        what = {"parameter": "", "seed": "", "package": "package ", "environment": "installed "}
        return f"{what.get(self.kind, self.kind + ' ')}{self.name}: {before} -> {after}"

    @property
    def setting(self) -> bool:
        """Whether the settings may contain the value; a checkpoint may also be a file."""
        return self.kind in ("parameter", "seed", "checkpoint") and "/" not in self.name

    @property
    def rank(self) -> tuple[int, str]:
        """Its place among others."""
        return KINDS.index(self.kind), self.name


def differences(before: Document, after: Document, *stores: Store) -> list[Change]:
    """Every changed field between two documents of the same job, in the order of KINDS, then by name.

    What follows from the work (outputs, time, metrics, status, split) and who did it (commit, agent) is not compared.

    Parameters
    ----------
    before, after : inputs and params.values are needed; model, environment (sha256 of an object, or the object itself),
        determinism and hardware are compared where both sides have them.
    stores : where source texts and environments are kept. The text of a file that is not kept is read from the
        workspace, if that file still has the sha256 asked for.
    """
    changes = [*parameters(before["params"]["values"], after["params"]["values"]), *_files(before, after, *stores)]
    asked = {(change.name, change.before, change.after) for change in changes if change.kind == "package"}
    changes += [
        change
        for change in _environment(before, after, *stores)
        if (change.name, change.before, change.after) not in asked
    ]
    for kind in ("determinism", "hardware"):
        if kind in before and kind in after:
            old, new = ({"variables": {}, **side[kind]} for side in (before, after))  # older records have none
            changes += [Change(kind, *node) for node in _walk(old, new)]
    return sorted(changes, key=lambda change: change.rank)


def parameters(before: Any, after: Any) -> list[Change]:
    """Changed values of two nested mappings, one entry a dotted key; lists of mappings with a name go by it."""
    return [Change(_kind(name), name, old, new) for name, old, new in _walk(before, after)]


def _kind(name: str) -> str:
    last = name.rpartition(".")[2]
    return "seed" if last == "seed" else "checkpoint" if last in ("checkpoint", "revision") else "parameter"


def _walk(before: Any, after: Any, where: str = "") -> Iterator[tuple[str, Any, Any]]:
    old, new = _named(before), _named(after)
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for name in sorted({*old, *new}):
            yield from _walk(old.get(name, ABSENT), new.get(name, ABSENT), f"{where}.{name}" if where else name)
    elif canonical(before) != canonical(after):
        yield where, before, after


def _named(value: Any) -> Any:
    if isinstance(value, list) and value and all(isinstance(entry, Mapping) and "name" in entry for entry in value):
        return {entry["name"]: entry for entry in value}
    return value


def _files(before: Document, after: Document, *stores: Store) -> Iterator[Change]:
    old, new = ({input_["path"]: input_ for input_ in side["inputs"]} for side in (before, after))
    weights = {file["path"] for side in (before, after) for file in side.get("model", {}).get("files", [])}
    for path in sorted({*old, *new}):
        was, now = (files[path]["sha256"] if path in files else ABSENT for files in (old, new))
        if was == now:
            continue
        logic = (old.get(path) or new[path])["role"] in LOGIC
        if path == capture.LOCK and ABSENT not in (was, now):
            yield from _lock(path, was, now, *stores)
        elif logic:
            kind = "code list" if ABSENT in (was, now) else "module"
            yield Change(kind, path, was, now, source_lines(path, was, now, *stores))
        else:
            yield Change("checkpoint" if path in weights else "input", path, was, now)


def _lock(path: str, before: str, after: str, *stores: Store) -> list[Change]:
    """Package by package; the file itself where only other lines of it changed, or a text is not kept."""
    texts = [text(path, sha, *stores) for sha in (before, after)]
    old, new = (capture.pins(text or "") for text in texts)
    packages = [] if None in texts else [Change("package", *node) for node in _walk(old, new)]
    return packages or [Change("package", path, before, after, source_lines(path, before, after, *stores))]


def source_lines(path: str, before: str, after: str, *stores: Store) -> tuple[str, ...]:
    """Unified diff of a source file between two sha256; empty where one of the texts is not kept."""
    old, new = (text(path, sha, *stores) for sha in (before, after))
    if old is None or new is None:
        return ()
    lines = old.splitlines(), new.splitlines()
    return tuple(difflib.unified_diff(*lines, f"before/{path}", f"after/{path}", n=2, lineterm=""))


def text(path: str, name: str, *stores: Store) -> str | None:
    """The text with that sha256, from a store or the file in its workspace; None where it is in none."""
    for store in stores:
        file = next((place for place in (store.place(name), store.root / path) if place.is_file()), None)
        data = file.read_bytes() if file else b""
        if digest(data) == name:
            return data.decode(errors="replace")
    return None


def _environment(before: Document, after: Document, *stores: Store) -> Iterator[Change]:
    was, now = before.get("environment"), after.get("environment")
    if was is None or now is None or was == now:
        return
    old, new = (parse_json(text("", sha, *stores) or "null") if isinstance(sha, str) else sha for sha in (was, now))
    if old is None or new is None:
        yield Change("environment", "all", was, now)
        return
    for part in ("python", "system", "packages"):
        yield from (Change("environment", name or part, *values) for name, *values in _walk(old[part], new[part]))
    for name in capture.edited(old, new):
        yield Change("environment", f"{name}, files of", old["distributions"][name], new["distributions"][name])


def short(value: Any) -> str:
    """A value for people: 8 digits of a hash, at most 80 characters of all else."""
    text = value if isinstance(value, str) else canonical(value).decode()
    if len(text) == 64 and set(text) <= set("0123456789abcdef"):
        return text[:8]
    return text if len(text) <= 80 else f"{text[:77]}..."
