"""CREMA-D (Cao et al. 2014) as it is published: VideoFlash/1001_DFA_ANG_XX.flv, and a table persons.csv of one's own.

The worked example of another data set (docs/own_data.md): acted clips of one emotion each, the study's own six, no blends. Copy this
file to bring yours. The table says who is held back: person,fold with a fold from 0 for training and `test` for test clips.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from blemore.datasets.withdrawn import NOBODY, Withdrawn

if TYPE_CHECKING:  # the workflow imports this module at each start: pandas only when a roster is made
    import pandas as pd

CLIPS, PERSONS = "VideoFlash", "persons.csv"
CITATION = "CREMA-D: Cao et al., IEEE Transactions on Affective Computing 5 (4), 2014, doi 10.1109/TAFFC.2014.2336244"
"""What a study of it cites."""
TABLES = (PERSONS,)
BLENDS = False
"""No clip shows two emotions: no answer does, and there is no ACC_salience."""
CLIP_BYTES = 400_000
"""Assumed until the clips are there: 2.5 s of 480 x 360."""
EMOTIONS = {"ANG": "ang", "DIS": "disg", "FEA": "fea", "HAP": "hap", "NEU": "neu", "SAD": "sad"}
"""The name's word for an emotion, and ours. Another word is refused: a study knows no seventh class."""
TEST = "test"
_NAME = re.compile(r"(1[0-9]{3})_([A-Z]{3})_([A-Z]{3})_(LO|MD|HI|XX|X)")
FORM = "<person>_<sentence>_<emotion>_<LO|MD|HI|XX>, such as 1001_DFA_ANG_XX"


def person_of(clip: str) -> str | None:
    """The person in a clip's name; None for another file's."""
    match = _NAME.fullmatch(clip)
    return match[1] if match else None


def clip_files(root: Path, options: Mapping[str, Any]) -> list[str]:
    """Sorted paths below root of every clip that lies there: "VideoFlash/1001_DFA_ANG_XX.flv"."""
    files = Path(root, CLIPS).glob("*")
    return sorted(f"{CLIPS}/{file.name}" for file in files if file.suffix.lower() == ".flv" and file.name[0] != ".")


def held_back(root: Path, files: list[str]) -> list[str]:
    """The test clips among the files, for a plan."""
    with open(Path(root, PERSONS), encoding="utf-8-sig", newline="") as table:
        persons = {row.get("person") for row in csv.DictReader(table) if row.get("fold") == TEST}
    return [file for file in files if person_of(Path(file).stem) in persons]


def roster(root: Path, withdrawn: Withdrawn = NOBODY, *, folds: int) -> pd.DataFrame:
    """Read the roster (``tables.ROSTER_COLUMNS``), checked; no clip is opened.

    Parameters
    ----------
    root : Path
        Folder of the data set.
    withdrawn : Withdrawn
        Whose clips are passed over, whether they lie there or not.
    folds : int, >= 2
        Number of folds.

    Returns
    -------
    DataFrame
        One row per clip.

    Raises
    ------
    MissingDataError
        A part of the data is not there; the message says how to get it.
    DataError
        A name, a label or the table is wrong: every fault.
    """
    import pandas as pd

    from blemore.datasets.roster import folds_of_persons, numbering_faults, read_table
    from blemore.tables import NO_FOLD, ROSTER_COLUMNS
    from joblineage.errors import MissingDataError, refuse

    root = Path(root)
    if (advice := how_to_get(root)) is not None:
        raise MissingDataError(str(root), [advice])
    persons, faults = read_table(root / PERSONS, ("person", "fold"))
    refuse(root, faults)
    held_back, learned = persons["fold"] == TEST, persons["fold"] != TEST
    rows = []
    for file in withdrawn.kept(clip_files(root, {})):
        clip = Path(file).stem
        match = _NAME.fullmatch(clip)
        if match is None:
            faults.append(f"{file}: expected {FORM}")
        elif match[3] not in EMOTIONS:
            reason = f"expected one of {', '.join(EMOTIONS)}: a study has these six classes, leave the clip out"
            faults.append(f"{file}: shows {match[3]}, {reason}")
        else:
            rows.append((clip, file, match[1], EMOTIONS[match[3]]))
    table = pd.DataFrame(rows, columns=["clip", "file", "person", "emotion_1"])
    test = table["person"].isin(set(persons["person"][held_back]))
    fold_of, fold_faults = folds_of_persons(persons[learned], PERSONS, table[~test].set_index("clip")["person"])
    faults += fold_faults + numbering_faults(fold_of, PERSONS, folds)
    faults += (
        [] if test.any() else [f"{PERSONS}: no person of these clips has the fold `{TEST}`, so there is no test clip"]
    )
    refuse(root, faults)
    table["split"], table["fold"] = test.map({True: "test", False: "train"}), table["clip"].map(fold_of)
    table = table.fillna({"fold": NO_FOLD}).assign(mix=0.0, emotion_1_salience=100.0).astype({"fold": "int64"})
    table.loc[test, ["person", "emotion_1", "mix", "emotion_1_salience"]] = None  # no step may know these
    numbers = dict.fromkeys(("mix", "emotion_1_salience", "emotion_2_salience"), "float64")
    table = table.reindex(columns=list(ROSTER_COLUMNS)).astype(numbers)
    return table.sort_values("clip", kind="stable").reset_index(drop=True)


def how_to_get(root: Path) -> str | None:
    """What is missing below root and how to get it; None when every part is there."""
    root = Path(root)
    parts = {f"clips ({CLIPS}/*.flv)": bool(clip_files(root, {})), f"folds ({PERSONS})": (root / PERSONS).is_file()}
    missing = [text for text, there in parts.items() if not there]
    if not missing:
        return None
    return "\n".join(
        (
            f"CREMA-D is not complete in {root}; missing: {'; '.join(missing)}.",
            f"1. Copy the folder {CLIPS} of https://github.com/CheyneyComputerScience/CREMA-D (Git LFS; ODbL) to {root / CLIPS}.",
            f"2. Write {root / PERSONS}: person,fold with a row for each actor, folds from 0, `{TEST}` for those held back.",
        )
    )
