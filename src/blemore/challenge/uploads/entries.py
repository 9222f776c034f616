"""The form of `uploads.json`: what was uploaded to the challenge, when, which bytes, and what came back.

The file is the user's own: it lies in the study's folder, belongs in git, and no run of the workflow touches it.
It is a list of entries, in the order in which they were logged (`uploads.log.record`):

    {"number": 1, "uploaded": "2026-03-01T11:00:00Z", "file": "results/submission/submission.zip", "sha256": "...",
     "variant": "inductive", "returned": {"acc_presence": 0.391, "acc_salience": 0.168, "score": 0.2795}, "note": ""}

`returned` is null until a score is known; its accuracies are null where only the Score is known. Numbers that a person
types are `Decimal` as long as it matters how many digits were typed, and floats in the file.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from blemore.params.schema import check_list
from blemore.scoring.reading import load_json
from joblineage.files import write_json

ACCURACIES = ("acc_presence", "acc_salience")

Numbers = dict[str, Decimal]
"""Some of acc_presence, acc_salience and score; both accuracies or none."""

VARIANTS = ("inductive", "transductive")
WARNING = (
    "Choosing among submissions by their test score is selection: the best of {scored} test scores is not an unbiased "
    "estimate of what the chosen submission would score on new clips."
)
TIME = "%Y-%m-%dT%H:%M:%SZ"
SHARE = {"type": "number", "minimum": 0, "maximum": 1}
ENTRY = {
    "number": {"type": "integer", "minimum": 1},
    "uploaded": {"type": "string", "pattern": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$"},
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
    """Read the entries of an `uploads.json`, checked.

    Parameters
    ----------
    path : str or Path
        The file.

    Returns
    -------
    list of dict
        The entries; empty where there is no such file yet.

    Raises
    ------
    DataError
        Not JSON, or an entry is not in the form above, missing or doubled; every fault names its upload.
    """
    path = Path(path)
    if not path.exists():
        return []
    entries = load_json(path.read_bytes(), str(path))
    _check(entries, str(path))
    return entries


def write_uploads(path: str | Path, entries: list[dict[str, Any]]) -> None:
    """Write the entries, checked, whole or not at all.

    Who extends the file holds a lock (`uploads.log.record`).

    Parameters
    ----------
    path : str or Path
        The file.
    entries : list of dict
        The entries, in the form above.
    """
    _check(entries, str(path))
    write_json(path, entries)


def summary(entries: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """How often was uploaded, and what the best returned Score may not be taken for.

    Parameters
    ----------
    entries : iterable of mapping
        The entries.

    Returns
    -------
    dict of str to object
        {"uploads": how many, "files": of how many different contents, "scored": how many of these have a score, "best":
        the entry with the highest Score (of equals the one logged first) or None, "warning": a sentence}.
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


def share(text: str) -> Decimal:
    """Read a typed number in 0..1, with its digits.

    Parameters
    ----------
    text : str
        What was typed.

    Returns
    -------
    Decimal, 0..1
        The number.

    Raises
    ------
    ValueError
        It is no such number.
    """
    try:
        value = Decimal(text.strip() if text.isascii() else "")
    except InvalidOperation:
        raise ValueError(f"{text!r} is not a number") from None
    if not value.is_finite() or not 0 <= value <= 1:
        raise ValueError(f"{text!r} does not lie in 0..1 (39.1 % is written 0.391)")
    return value


def logged(returned: Mapping[str, Any] | None) -> Numbers:
    """The numbers that an entry of the log holds.

    Parameters
    ----------
    returned : mapping of str to object, or None
        The entry's "returned".

    Returns
    -------
    dict of str to Decimal
        Those that are known.
    """
    # repr is the shortest text of a float; without normalize, 0.0 would count as known to one digit only.
    return {key: Decimal(repr(value)).normalize() for key, value in (returned or {}).items() if value is not None}


def faults_of(numbers: Numbers) -> list[str]:
    """What is wrong among the numbers themselves: one accuracy alone, or a Score that is not the mean of both.

    Parameters
    ----------
    numbers : dict of str to Decimal
        What the challenge returned, as far as known.

    Returns
    -------
    list of str
        Faults, in sentences.
    """
    if (ACCURACIES[0] in numbers) != (ACCURACIES[1] in numbers):
        return ["acc_presence and acc_salience come together: one alone is no result"]
    if "score" not in numbers or ACCURACIES[0] not in numbers:
        return []
    mean = _mean(numbers)
    if abs(numbers["score"] - mean) <= _doubt(numbers) + _half_unit(numbers["score"]):
        return []
    pair = " and ".join(_text(numbers[key]) for key in ACCURACIES)
    return [
        f"Score {_text(numbers['score'])} is not the mean of {pair}, {_text(mean)}, within the rounding of these numbers"
    ]


def merge(known: Numbers, numbers: Numbers) -> tuple[Numbers, list[str]]:
    """Add numbers to what is known.

    Accuracies must be the same numbers. A Score is held against the accuracies where they are known (it is their mean
    and may be rounded otherwise), else it must be the same number.

    Parameters
    ----------
    known : dict of str to Decimal
        What is logged.
    numbers : dict of str to Decimal
        What is new.

    Returns
    -------
    merged : dict of str to Decimal
        What is known together.
    faults : list of str
        How the two contradict each other; `merged` is not to be used then.
    """
    same = ACCURACIES if ACCURACIES[0] in known else ("score",)
    faults = [
        f"{key} {_text(numbers[key])} contradicts the {_text(known[key])} that is logged"
        for key in same
        if key in known and key in numbers and known[key] != numbers[key]
    ]
    merged = numbers | known
    # Each Score given so far must fit the accuracies, not only the one that is kept.
    faults = faults or faults_of(merged) or faults_of(known | numbers)
    return merged, faults


def entry_of(numbers: Numbers) -> dict[str, float | None] | None:
    """The three numbers as the log keeps them.

    The Score is the mean of the accuracies where it was not given, or given with fewer digits than they have.

    Parameters
    ----------
    numbers : dict of str to Decimal
        What the challenge returned, as far as known.

    Returns
    -------
    dict of str to float, or None
        Numbers that are not known are None; None where nothing is known.
    """
    if not numbers:
        return None
    if ACCURACIES[0] in numbers and ("score" not in numbers or _half_unit(numbers["score"]) > _doubt(numbers)):
        numbers = numbers | {"score": _mean(numbers)}
    return {key: float(numbers[key]) if key in numbers else None for key in (*ACCURACIES, "score")}


def _mean(numbers: Numbers) -> Decimal:
    return (numbers[ACCURACIES[0]] + numbers[ACCURACIES[1]]) / 2


def _doubt(numbers: Numbers) -> Decimal:
    """How far the mean of the unrounded accuracies can lie from that of the rounded ones."""
    return sum((_half_unit(numbers[key]) for key in ACCURACIES), Decimal(0)) / 2


def _half_unit(value: Decimal) -> Decimal:
    """How far the true value can lie from a rounded one: half of its last digit; a plain 0 or 1 is exact."""
    exponent = int(value.as_tuple().exponent)
    return Decimal(5).scaleb(exponent - 1) if exponent < 0 else Decimal(0)


def _text(value: Decimal) -> str:
    return format(value, "f")
