"""The form of `uploads.json`: what was uploaded to the challenge, when, which bytes, and what came back.

The file is the user's own: it lies in the study's folder, belongs in git, and no run of the workflow touches it.
It is a list of entries, in the order in which they were logged (`uploads.log.record`):

    {"number": 1, "uploaded": "2026-03-01T11:00:00Z", "file": "results/submission/submission.zip", "sha256": "...",
     "variant": "inductive", "returned": {"acc_presence": 0.391, "acc_salience": 0.168, "score": 0.2795}, "note": ""}

`returned` is null until a score is known; its accuracies are null where only the Score is known.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from blemore.challenge.files import load_json
from blemore.challenge.uploads.scores import ACCURACIES, faults_of, logged
from blemore.params.schema import check_list
from joblineage.files import write_json

VARIANTS = ("inductive", "transductive")
WARNING = (
    "Choosing among submissions by their test score is selection: the best of {scored} test scores is not an unbiased "
    "estimate of what the chosen submission would score on new clips."
)
TIME = "%Y-%m-%dT%H:%M:%SZ"
SHARE = {"type": "number", "minimum": 0, "maximum": 1}
ENTRY = {
    "number": {"type": "integer", "minimum": 1},
    "uploaded": {"type": "string", "pattern": r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z$"},
    "file": {"type": "string", "minLength": 1},
    "sha256": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
    "variant": {"enum": list(VARIANTS)},
    "returned": {
        "type": ["object", "null"],
        "properties": {key: SHARE | {"type": ["number", "null"]} for key in ACCURACIES} | {"score": SHARE},
        "required": [*ACCURACIES, "score"],
        "additionalProperties": False,
    },
    "note": {"type": "string"},
}
SCHEMA = {
    "type": "array",
    "items": {"type": "object", "properties": ENTRY, "required": list(ENTRY), "additionalProperties": False},
}


def read_uploads(path: str | Path) -> list[dict[str, Any]]:
    """The entries of an `uploads.json`, checked; an empty list where there is no such file yet.

    Raises
    ------
    DataError : not JSON, or an entry is not in the form above, missing or doubled; every fault names its upload.
    """
    path = Path(path)
    if not path.exists():
        return []
    entries = load_json(path.read_bytes(), str(path))
    _check(entries, str(path))
    return entries


def write_uploads(path: str | Path, entries: list[dict[str, Any]]) -> None:
    """Write the entries, checked, whole or not at all. Who extends the file holds a lock (`uploads.log.record`)."""
    _check(entries, str(path))
    write_json(path, entries)


def summary(entries: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """How often was uploaded, and what the best returned Score may not be taken for.

    Returns
    -------
    {"uploads": how many, "files": of how many different contents, "scored": how many of these have a score,
    "best": the entry with the highest Score (of equals the one logged first) or None, "warning": a sentence}.
    """
    entries = [dict(entry) for entry in entries]
    scored = [entry for entry in entries if entry["returned"] is not None]
    contents = {entry["sha256"] for entry in scored}
    return {
        "uploads": len(entries),
        "files": len({entry["sha256"] for entry in entries}),
        "scored": len(contents),
        "best": max(scored, key=lambda entry: entry["returned"]["score"], default=None),
        "warning": WARNING.format(scored=len(contents) if len(contents) > 1 else "several"),
    }


def _check(entries: Any, where: str) -> None:
    check_list(entries, SCHEMA, where, ("uploads", "upload"), _entry_faults)


def _entry_faults(place: int, entry: Mapping[str, Any]) -> Iterator[str]:
    if entry["number"] != place:
        yield f"upload {place}: its number is {entry['number']}, so an entry is missing or doubled"
    try:
        datetime.strptime(entry["uploaded"], TIME)
    except ValueError:
        yield f"upload {place}, uploaded: {entry['uploaded']} is no moment"
    yield from (f"upload {place}, returned: {fault}" for fault in faults_of(logged(entry["returned"])))
