"""Errors that are the data's fault, shown in full: every fault at once, with what to do."""

import json
import unicodedata
from collections.abc import Iterable
from pathlib import Path


def escaped(text: str, kept: str = "") -> str:
    r"""Text that no terminal and no log takes for more than text.

    Control characters (ESC, line feeds), what turns the direction of writing, and halves of letters become escapes of JSON,
    such as `\u001b`; so JSON stays JSON.

    Parameters
    ----------
    text : str
        The text.
    kept : str
        Characters that stay, such as a line feed in a text of several lines.

    Returns
    -------
    str
        The text with escapes.

    Examples
    --------
    >>> from joblineage.errors import escaped
    >>> print(escaped("a\x1b[2Jb"))
    a\u001b[2Jb
    """
    if text.isprintable():
        return text
    return "".join(
        character
        if character.isprintable() or character in kept or unicodedata.category(character) == "Zs"
        else json.dumps(character)[1:-1]
        for character in text
    )


class DataError(ValueError):
    """The data is wrong; the message lists the first 50 faults, `escaped`.

    Parameters
    ----------
    where : str
        What is wrong: a file, a table.
    faults : iterable of str
        One sentence per fault.

    Attributes
    ----------
    faults : list of str
        All faults.
    """

    kept = ""
    """Characters of a fault that are not escaped."""

    def __init__(self, where: str, faults: Iterable[str]):
        self.where = str(where)
        self.faults = list(faults)
        shown = "".join(f"\n  - {escaped(str(fault), self.kept)}" for fault in self.faults[:50])
        rest = f"\n  ... and {len(self.faults) - 50} more" if len(self.faults) > 50 else ""
        super().__init__(f"{escaped(self.where)}: {len(self.faults)} fault(s){shown}{rest}")


def refuse(where: str | Path, faults: Iterable[str]) -> None:
    """Raise `DataError` if there are faults.

    Parameters
    ----------
    where : str or Path
        What is wrong: a file, a table.
    faults : iterable of str
        One sentence per fault.

    Raises
    ------
    DataError
        There is a fault.
    """
    if listed := list(faults):
        raise DataError(str(where), listed)


class MissingDataError(DataError):
    """Data that has to be fetched or made first; the message says from where and how, in several lines where that takes some.

    Parameters
    ----------
    where : str
        What is missing.
    faults : iterable of str
        One sentence per fault.
    """

    kept = "\n"


class LineageError(DataError):
    """The records and the study disagree.

    Parameters
    ----------
    where : str
        A file or a record.
    faults : iterable of str
        One sentence per fault.
    """
