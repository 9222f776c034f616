"""Errors that are the data's fault, told to people in full: every fault at once, with what to do."""

from collections.abc import Iterable
from pathlib import Path


class DataError(ValueError):
    """The data is wrong. `faults` holds one sentence per fault; the message lists them all (the first 50)."""

    def __init__(self, where: str, faults: Iterable[str]):
        self.where = str(where)
        self.faults = list(faults)
        shown = "".join(f"\n  - {fault}" for fault in self.faults[:50])
        rest = f"\n  ... and {len(self.faults) - 50} more" if len(self.faults) > 50 else ""
        super().__init__(f"{self.where}: {len(self.faults)} fault(s){shown}{rest}")


def refuse(where: str | Path, faults: Iterable[str]) -> None:
    """Raise `DataError` if there are faults."""
    if told := list(faults):
        raise DataError(str(where), told)


class MissingDataError(DataError):
    """Data that has to be fetched or made first; the message says from where and how."""


class LineageError(DataError):
    """The records and the study disagree."""
