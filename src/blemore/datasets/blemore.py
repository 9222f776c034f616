"""The BLEMORE challenge's data on disk: train/*.mov, test/test_*.mov, train_metadata.csv, submission_template.json."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from blemore.datasets.withdrawn import NOBODY, Withdrawn

if TYPE_CHECKING:  # the workflow imports this module at each start: pandas only when a roster is made
    import pandas as pd

RECORD = "https://zenodo.org/records/15668840"
"""The first published record with both training and test clips, as named by the challenge."""

CHALLENGE = "https://blemore.github.io/workshop/challenge"

PUBLISHED = {"train": 2456, "test": 594}
"""Clips, as the challenge tells; for a plan before the download."""
CLIP_BYTES = 5_000_000
"""Assumed until the clips are there: 4 s at 10 Mbit/s."""
CLIP_SECONDS = 4.0
"""Length of the clip that was measured, and is assumed until the clips are there, s."""
SECONDS_OF_PREPARING = 1.65
"""CPU seconds to decode that clip of 1080p25, find its face and keep its samples; benchmarks/README.md."""

PARTS = {
    "train": "training clips (train/*.mov)",
    "test": "test clips (test/test_*.mov)",
    "train_metadata.csv": "labels and folds of the training clips (train_metadata.csv)",
    "submission_template.json": "names of the test clips (submission_template.json)",
}
CITATION = f"The BLEMORE data set: arXiv 2601.13225, {RECORD}"
"""What a study of it cites."""
TABLES = ("train_metadata.csv", "submission_template.json")
"""Files besides the clips."""


def clip_files(root: Path, options: Mapping[str, Any]) -> list[str]:
    """Sorted paths below root of every clip that lies there: "train/A412_ang_int1_ver1.mov", "test/test_0001.mov"."""
    return sorted(f"{split}/{name}" for split in ("train", "test") for name in _clips(Path(root) / split))


def _clips(folder: Path) -> list[str]:
    return [file.name for file in folder.glob("*") if file.suffix.lower() == ".mov" and not file.name.startswith(".")]


def roster(root: Path, withdrawn: Withdrawn = NOBODY, *, folds: int, folds_csv: str | None) -> pd.DataFrame:
    """Read the roster (``tables.ROSTER_COLUMNS``), checked; no clip is opened.

    Parameters
    ----------
    root : Path
        Folder of the data set.
    withdrawn : Withdrawn
        Whose clips are passed over, whether they lie there or not.
    folds : int, >= 2
        Number of folds.
    folds_csv : str or None
        None, or a table person,fold that replaces the metadata's folds.

    Returns
    -------
    DataFrame
        One row per clip.

    Raises
    ------
    MissingDataError
        A part of the data is not there; the message says how to get it.
    DataError
        Names, metadata, folds or template are wrong: every fault.
    """
    from blemore.datasets.roster import read_roster
    from joblineage.errors import MissingDataError

    advice = how_to_get(root)
    if advice is not None:
        raise MissingDataError(str(root), [advice])
    own_folds = None if folds_csv is None else Path(folds_csv)
    return read_roster(Path(root), clip_files(root, {}), own_folds, folds, withdrawn=withdrawn)


def how_to_get(root: Path) -> str | None:
    """What is missing below root and how to get it; None when every part is there."""
    root = Path(root)
    there = {
        part: bool(_clips(root / part)) if part in ("train", "test") else (root / part).is_file() for part in PARTS
    }
    missing = [text for part, text in PARTS.items() if not there[part]]
    if not missing:
        return None
    return "\n".join(
        (
            f"BLEMORE is not complete in {root}; missing: {'; '.join(missing)}.",
            f"1. Download the training and test clips, train_metadata.csv and submission_template.json: {RECORD}",
            f"   or a later version of it. Access and terms of use: see that page and {CHALLENGE}",
            "2. Import the downloaded zips or folders, as they are: blemore data import PATH...",
            "Without them, the generated demo study runs at once: set `dataset: demo` in params.yaml.",
        )
    )
