"""Whose name, and whose face, the page may show.

Generated actors are nobody: their names are shown. Real persons are shown only where their publication is recorded;
everybody else gets a neutral number. The numbers follow the persons' fused probabilities, not their names: who knows
the data set's list of persons cannot count them off, and the page holds no key. This keeps names out; it does not make
a person with an unusual number of clips unrecognisable to somebody who has the data set and does the fractions.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pandas as pd

from blemore.scoring.formulas import bare
from blemore.scoring.labels import CLASSES
from joblineage.errors import DataError, refuse

ExampleFrames = Literal["demo_only", "none", "listed"]
GENERATED = "demo"
"""The data set whose persons are generated."""
PUBLICATION_COLUMNS = ("person", "by", "date", "basis")
NOBODY = "P00"
"""A person without any usable clip."""
WITHHELD = "(withheld)"


@dataclass(frozen=True)
class Identities:
    """neutral : {person: "P01"} of everybody who stays unnamed; faces : the persons whose frames may be shown;
    record : rows of the publication list for persons of this study, {"person", "by", "date", "basis"}."""

    neutral: dict[str, str]
    faces: frozenset[str]
    record: list[dict[str, str]] = field(default_factory=list)

    def label(self, person: str) -> str:
        """The person's name, or neutral number."""
        return self.neutral.get(person, person)

    def hides(self, person: str) -> bool:
        return person in self.neutral

    def scrub(self, text: str) -> str:
        """A text without the names of those who stay unnamed, nor those of their clips and files.

        No neutral number takes their place: whose clip is damaged may be known to others.
        """
        for person in self.neutral:
            text = re.sub(_name_of(person) + r"[A-Za-z0-9_]*(\.\w+)?", WITHHELD, text)
        return text

    def check(self, page: str) -> None:
        """Refuse a page that names somebody who stays unnamed.

        Raises
        ------
        DataError : how many names were found, but not which: the message may be shown to others.
        """
        readable = re.sub(r'"data:[^"]*"', '""', page)  # pictures are letters and digits too
        count = sum(bool(re.search(_name_of(person), readable)) for person in self.neutral)
        if count:
            raise DataError("report", [f"the page would name {count} person(s) whose publication is not recorded"])


def _name_of(person: str) -> str:
    """Pattern of a person's id: A41 is not found in A412, nor in BA41."""
    return rf"(?<![A-Za-z0-9]){re.escape(person)}(?![0-9])"


def identities(
    dataset: str,
    clips: pd.DataFrame,
    probabilities: pd.DataFrame,
    example_frames: ExampleFrames,
    published: str | Path | None = None,
) -> Identities:
    """Decide who is named and whose frames are shown.

    Parameters
    ----------
    clips : clips table; probabilities : fused probabilities table.
    example_frames : "demo_only" frames of generated actors only; "none" no frame at all; "listed" frames, and of real
        persons the names, of the persons in the publication list and of nobody else.
    published : CSV with the columns person, by, date (YYYY-MM-DD), basis; needed for "listed", unused otherwise.

    Raises
    ------
    DataError : an unknown option, "listed" without a list, or a row that is not complete.
    """
    if example_frames not in ("demo_only", "none", "listed"):
        raise DataError("example_frames", [f"expected demo_only, none or listed, found {example_frames!r}"])
    if example_frames == "listed" and not published:
        raise DataError("example_frames", ["'listed' needs a publication list: a CSV with person, by, date, basis"])
    persons = frozenset(clips.loc[clips["split"] == "train", "person"])
    record = read_publications(published) if example_frames == "listed" and published else []
    record = [row for row in record if row["person"] in persons]
    listed = frozenset(row["person"] for row in record)
    generated = dataset == GENERATED
    faces = listed if example_frames == "listed" else persons if generated and example_frames == "demo_only" else ()
    hidden = frozenset() if generated else persons - listed
    means = probabilities[probabilities["person"].isin(hidden)].groupby("person")[list(CLASSES)].mean()
    order = means.sort_values(list(CLASSES), kind="stable").index
    digits = max(2, len(str(len(order))))
    numbered = {person: f"P{k:0{digits}d}" for k, person in enumerate(order, start=1)}
    return Identities({person: numbered.get(person, NOBODY) for person in hidden}, frozenset(faces), record)


def text_rows(path: str | Path, columns: Sequence[str]) -> list[dict[str, str]]:
    """The named columns of a CSV file, row by row, as text."""
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    refuse(Path(path).name, [f"column {name!r} is missing" for name in columns if name not in table.columns])
    return [{name: bare(row[name]) for name in columns} for row in table.to_dict("records")]


def read_publications(path: str | Path) -> list[dict[str, str]]:
    """The list of persons whose publication is recorded, checked: one complete row per person."""
    where = Path(path).name
    rows = [{name: cell.strip() for name, cell in row.items()} for row in text_rows(path, PUBLICATION_COLUMNS)]
    numbered = list(enumerate(rows, start=1))
    faults = [f"row {k}: {name} is empty" for k, row in numbered for name in PUBLICATION_COLUMNS if not row[name]]
    dated = pd.to_datetime([row["date"] for row in rows], format="%Y-%m-%d", errors="coerce")
    faults += [f"row {k}: date is no YYYY-MM-DD" for k, _ in numbered if pd.isna(dated[k - 1])]
    doubled = pd.Series([row["person"] for row in rows], dtype=str).duplicated()
    faults += [f"row {k}: the person is in more than one row" for k, _ in numbered if doubled[k - 1]]
    refuse(where, faults)
    return rows
