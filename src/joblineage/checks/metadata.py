"""Do Snakemake's metadata agree with the records? They are claims; the records decide."""

import ast
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

from joblineage.checks.content import Sums
from joblineage.files import parse_json, read_bytes
from joblineage.graph import Graph
from joblineage.record import plain
from joblineage.shapes import compiled
from joblineage.store import canonical, key, seconds
from joblineage.verdict import Finding, Verdict
from joblineage.workspace import METADATA, marked

SLACK = 120.0
"""Seconds by which clocks may differ before a note says it: a job is loaded and waited for in between."""
TEXTS = {"type": "array", "items": {"type": "string"}}
CLAIM = {
    "type": "object",
    "required": ["rule", "incomplete", "input", "input_checksums", "params", "starttime", "endtime"],
    "properties": {
        **{name: {"type": "number"} for name in ("starttime", "endtime")},
        **{name: TEXTS for name in ("input", "params")},
        "rule": {"type": "string"},
        "input_checksums": {"type": ["object", "null"], "additionalProperties": {"type": "string"}},
    },
}
"""Form of Snakemake's metadata of a file, as far as they are compared."""


def check(root: Path, graph: Graph, chain: set[str], hashes: Sums) -> tuple[list[Finding], list[str]]:
    """Snakemake's metadata of every output agrees with its record: rule, inputs and their hashes, parameters. Findings,
    and a note on its clock, which may be another.

    Parameters
    ----------
    hashes : of every file that the records name.
    """
    said, closed = _metadata(root / METADATA)
    has_form, store = compiled(CLAIM, {}), graph.store
    early = store.last_run is None or not store.last_run["complete"]
    findings, other_clock = [], []

    @cache
    def params(name: str) -> Counter[bytes]:
        return Counter(canonical(value) for value in graph.records[name]["params"]["values"].values())

    for path in sorted(path for path, name in store.makers.items() if name in chain):
        name = store.makers[path]
        record = graph.records[name]
        node = f"{METADATA} of {path}"
        if path in closed:
            continue
        if path not in said:
            what = f"Snakemake's metadata of this file, which {key(record)} made, is gone"
            findings.append(Finding(Verdict.MISSING, node, what))
            continue
        claim = said[path]
        try:
            has_form({field: claim[field] for field in CLAIM["required"]})
            wrong, late = _disagreement(record, params(name), claim, hashes)
            if not wrong and _other_clock(record, claim):
                other_clock.append(path)
        except (ValueError, LookupError, TypeError, SyntaxError, RecursionError, MemoryError):
            wrong, late = "was not written by Snakemake", False
        if wrong:
            # A run that ended early has not reported all its jobs to Snakemake; one whose parameters change is not complete.
            verdict = Verdict.INCOMPLETE if early or name in store.pending or late else Verdict.TAMPERED
            findings.append(Finding(verdict, node, f"{wrong} (record of {key(record)})"))
    notes = [f"{len(closed)} files of {METADATA} may not be read by this user and were not compared"] if closed else []
    if other_clock:
        more = f" and {len(other_clock) - 1} other files" if other_clock[1:] else ""
        notes.append(
            f"Snakemake noted other times than the jobs which made {other_clock[0]}{more}: another clock, or a cluster"
        )
    return findings, notes


def agrees(record: dict[str, Any], claim: Any) -> bool:
    """Whether Snakemake's metadata of an output say what the record of its job says."""
    try:
        compiled(CLAIM, {})(claim)
        params = Counter(canonical(value) for value in record["params"]["values"].values())
        return _disagreement(record, params, claim, {})[0] is None
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        return False


def _metadata(folder: Path) -> tuple[dict[str, Any], set[str]]:
    """{path: metadata}, as far as it can be read, None of a path that has two; and paths whose metadata this user may not read."""
    metadata, closed = dict[str, Any](), set[str]()
    for file, path in marked(folder):
        try:
            metadata[path] = None if path in metadata else parse_json(read_bytes(file))
        except PermissionError:
            closed.add(path)
        except (OSError, ValueError):
            continue
    return metadata, closed


def _disagreement(
    record: dict[str, Any], params: Counter[bytes], claim: dict[str, Any], hashes: Sums
) -> tuple[str | None, bool]:
    """What Snakemake says otherwise than the record with these parameters (None: nothing), and whether it is that inputs
    changed between the end of the job and the look that Snakemake then took at them."""
    if claim["rule"] != record["job"]["rule"]:
        return f"names the rule {claim['rule']}", False
    if claim["incomplete"]:
        return "says that the job did not end", False
    read = {file["path"]: file["sha256"] for file in record["inputs"]}
    if sorted(claim["input"]) != sorted(read):
        other = sorted(set(claim["input"]) ^ set(read))
        return f"lists other inputs: {', '.join(other[:3])}", False
    sums = {path: value.removeprefix("sha256:") for path, value in (claim["input_checksums"] or {}).items()}
    after = read | {file["path"]: file["sha256"] for file in record["changed_inputs"]}
    differing = [path for path in sums if sums[path] not in (read.get(path), after.get(path))]
    if differing or set(sums) != set(read):
        late = bool(differing) and all(sums[path] == hashes.get(path) for path in differing)
        return f"has another hash of {(differing or sorted(set(sums) ^ set(read)))[0]}", late
    if params != Counter(map(_param, claim["params"])):
        return "has other parameters", False
    return None, False


def _other_clock(record: dict[str, Any], claim: dict[str, Any]) -> bool:
    start, end = (seconds(record["time"][name]) for name in ("start", "end"))
    return not (start - SLACK <= claim["starttime"] <= end and claim["endtime"] <= end + SLACK)


@cache  # the outputs of a job have the same ones
def _param(text: str) -> bytes:
    """A parameter as Snakemake spells it, as canonical JSON."""
    return canonical(plain(ast.literal_eval(text)))
