"""Logging an upload to the challenge: a new entry in `uploads.json`, or what a logged one still lacked."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import filelock

from blemore.challenge.submission import check
from blemore.challenge.uploads.entries import (
    TIME,
    VARIANTS,
    Numbers,
    entry_of,
    faults_of,
    logged,
    merge,
    read_uploads,
    write_uploads,
)
from joblineage import turns
from joblineage.errors import DataError, refuse
from joblineage.files import sha256

LOCK_SECONDS = 30
"""How long to wait for another process that writes; a write takes milliseconds, and a killed process holds nothing."""


@dataclass(frozen=True)
class Recorded:
    """What `record` did.

    Parameters
    ----------
    action : {"added", "completed", "known"}
        A new entry, an entry that lacked something, or nothing new.
    entry : dict of str to object
        The entry as the file has it now.
    twins : list of int
        Numbers of the other uploads of the same bytes.
    """

    action: str
    entry: dict[str, Any]
    twins: list[int]


def record(
    path: str | Path,
    file: str | Path,
    *,
    variant: str | None = None,
    when: datetime | None = None,
    numbers: Numbers | None = None,
    note: str = "",
    keys: Iterable[str] | None = None,
) -> Recorded:
    """Log an upload, or complete the one that is logged already.

    The same bytes are known by their sha256. Numbers a score, or `when` it was uploaded, the entry of these bytes that
    lacks the score, or that has this time, is completed; else the same bytes once more are one more upload.

    Parameters
    ----------
    path : str or Path
        The `uploads.json`; made where it is missing. Written whole or not at all, by one process at a time.
    file : str or Path
        The zip that was uploaded.
    variant : {"inductive", "transductive"} or None
        None: the one logged for these bytes, else as the file's name says.
    when : datetime or None
        Moment of the upload, with its time zone; None: now.
    numbers : dict of str to Decimal, or None
        What the challenge returned, as far as known.
    note : str
        Anything; a second note of an upload is added to the first.
    keys : iterable of str or None
        The challenge's clips, all of which must be in the file.

    Returns
    -------
    Recorded
        What was done.

    Raises
    ------
    DataError
        The challenge would not take the file; its name shows no variant; the scores contradict themselves or what is
        logged; `uploads.json` is damaged. Nothing is written then.
    OSError
        The zip cannot be read, or the folder cannot be written.
    """
    path, file, numbers = Path(path), Path(file), numbers or {}
    digest = sha256(file)
    refuse(file, _file_faults(file, keys) or faults_of(numbers))
    with _alone(path):
        entries = _entries_to_extend(path)
        same = [entry for entry in entries if entry["sha256"] == digest]
        _refuse_contradiction(path, same, variant, numbers)
        moment = None if when is None else when.astimezone(UTC).strftime(TIME)
        entry = _meant(same, moment, numbers)
        twins = [other["number"] for other in same if other is not entry]
        if entry is None:
            entry = {
                "number": len(entries) + 1,
                "uploaded": moment or datetime.now(UTC).strftime(TIME),
                "file": _shown(file, path.parent),
                "sha256": digest,
                "variant": variant or (same[0]["variant"] if same else _variant_of(file)),
                "returned": entry_of(numbers),
                "note": note,
            }
            write_uploads(path, [*entries, entry])
            return Recorded("added", entry, twins)
        known = logged(entry["returned"])
        merged, _ = merge(known, numbers)
        notes = dict.fromkeys(filter(None, [*entry["note"].split("; "), note]))  # the same note twice is one
        news = {"returned": entry["returned"] if merged == known else entry_of(merged), "note": "; ".join(notes)}
        if news.items() <= entry.items():
            return Recorded("known", entry, twins)
        entry.update(news)
        write_uploads(path, entries)
        return Recorded("completed", entry, twins)


def _variant_of(file: Path) -> str:
    """The variant that a submission's name shows: `submission_transductive.zip`; `submission.zip` is the other of the two."""
    for variant in reversed(VARIANTS):
        if variant in file.stem:
            return variant
    if file.stem == "submission":
        inductive, transductive = VARIANTS
        return transductive if file.with_stem(f"submission_{inductive}").exists() else inductive
    raise DataError(str(file), [f"the name shows no variant: say which of {', '.join(VARIANTS)} it is (--variant)"])


def _file_faults(file: Path, keys: Iterable[str] | None) -> list[str]:
    if file.suffix.lower() != ".zip":
        return ["the challenge takes a zip: log the very file that was uploaded"]
    return check(file, keys)


def _refuse_contradiction(path: Path, same: list[dict[str, Any]], variant: str | None, numbers: Numbers) -> None:
    """The same bytes are one variant and have one score, however often they are uploaded."""
    faults = []
    for entry in same:
        start = f"upload {entry['number']} ({entry['file']}, {entry['uploaded']}) holds the same bytes: "
        if variant is not None and variant != entry["variant"]:
            faults.append(f"{start}it is logged as {entry['variant']}, not {variant}")
        faults += [start + fault for fault in merge(logged(entry["returned"]), numbers)[1]]
    refuse(f"{path}: nothing was written; if what is logged is wrong, correct it there", faults)


def _meant(same: list[dict[str, Any]], moment: str | None, numbers: Numbers) -> dict[str, Any] | None:
    """The logged upload that a call is about; None: a new one."""
    if moment is not None:
        return next((entry for entry in same if entry["uploaded"] == moment), None)
    if not numbers:
        return None
    known = [(entry, logged(entry["returned"])) for entry in same]
    lacking = [entry for entry, before in known if merge(before, numbers)[0] != before]
    return next(iter([*lacking, *same]), None)


def _entries_to_extend(path: Path) -> list[dict[str, Any]]:
    try:
        return read_uploads(path)
    except DataError as error:
        raise DataError(f"{path}: damaged, so nothing was written", error.faults) from error


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """One process at a time from reading to writing, or two that log at once would lose an entry."""
    lock = path.with_name(f".{path.name}.lock")
    try:
        with turns.alone(lock, seconds=LOCK_SECONDS):
            yield
    except filelock.Timeout as error:
        raise DataError(str(path), [f"another process has held {lock} for {LOCK_SECONDS} s; try again"]) from error


def _shown(file: Path, folder: Path) -> str:
    """The file's path below the study's folder; of a file elsewhere its name alone: the log goes into git."""
    file, folder = file.resolve(), folder.resolve()
    return file.relative_to(folder).as_posix() if file.is_relative_to(folder) else file.name
