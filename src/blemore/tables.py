"""The contract between the steps: three tables.

clips          one row per clip of the study: what it is, who shows it, what it shows, what the file holds
probabilities  one row per clip: six class probabilities of one encoder, or of the fused ones
features       one row per clip: what a frozen encoder gives

Clips and probabilities are checked when written and when read: a `DataError` names file, row and clip. Features are
checked by who embeds (`encoders.embedding`) and by who reads them (`heads.run`).
"""

import json
import logging
import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from blemore.scoring.columns import Table, clip_names, missing_columns, numbers, read_columns, repeated, texts
from blemore.scoring.formulas import guarded, quoting
from blemore.scoring.labels import CLASSES
from blemore.scoring.logits import softmax
from blemore.scoring.reading import once
from blemore.scoring.shares import SUM_TOLERANCE, is_exact, shares
from joblineage.errors import DataError, refuse
from joblineage.files import whole_file

if TYPE_CHECKING:
    import pandas as pd

NO_FOLD = -1
"""Fold of a test clip."""

ROSTER_COLUMNS = (
    "clip",  # name without extension, unique
    "file",  # path below the data set's root; missing for a withdrawn test clip, which the challenge still asks for
    "split",  # "train" | "test"
    "person",  # "A412"; missing for test clips, whose names carry no identity
    "fold",  # 0.. for train clips, NO_FOLD for test clips
    "mix",  # 1 blend, 0 single; missing for test clips
    "emotion_1",
    "emotion_2",  # missing for singles
    "emotion_1_salience",  # percent; 100 for singles
    "emotion_2_salience",  # percent; missing for singles
)
PROBE_COLUMNS = (
    "container",
    "video_codec",
    "width",  # px, as shown (after rotation)
    "height",
    "rotation",  # degrees, 0 | 90 | 180 | 270
    "fps",  # mean frames per second
    "duration",  # s
    "transfer",  # of light to signal, in ffmpeg's words: "bt709", "arib_std_b67" (HLG), "smpte2084" (PQ), ...; missing: not said
    "good_pictures",  # 0..1, share of the pictures that are whole; the decoder concealed none of it
    "audio_codec",  # missing: the clip has no sound
    "audio_rate",  # Hz
    "audio_channels",
    "good_sound",  # 0..1, share of the clip's length with sound; missing likewise
    "faces",  # most faces seen at once
    "face_share",  # 0..1, share of the face samples that show the face
    "bytes",
    "sha256",
    "quarantine",  # "" usable; else the reason why the clip was set aside
    "remarks",  # "" or what was decided about a file that is not plain, "; " between
)
CLIPS_COLUMNS = ROSTER_COLUMNS + PROBE_COLUMNS
BETWEEN_REMARKS = "; "
"""Between two remarks of one clip."""
PROBABILITY_COLUMNS = ("clip", "person", "split", "fold", *CLASSES)


def class_rows(clips: "pd.DataFrame", values: np.ndarray) -> "pd.DataFrame":
    """Identity from `clips`, then the (n_clips, 6) values of the classes."""
    table = clips[["clip", "person", "split", "fold"]].reset_index(drop=True)
    table[list(CLASSES)] = values
    return table


def probability_rows(clips: "pd.DataFrame", probabilities: np.ndarray) -> "pd.DataFrame":
    """Rows of the probabilities table: `class_rows` of probabilities (n_clips, 6), divided by their sums."""
    shares = np.asarray(probabilities, float)
    return class_rows(clips, shares / shares.sum(axis=1, keepdims=True))


def check_probabilities(table: Table, where: str, clips: Iterable[str] | None = None) -> None:
    """Refuse a probabilities table that breaks the contract. A fault is reported once: its first row, and how many more.

    Parameters
    ----------
    table : at least the columns clip, ang, disg, fea, hap, sad, neu.
    where : the file's name, for the message.
    clips : clip names that must all be there, and no other (optional).

    Raises
    ------
    DataError : missing columns, doubled or missing or unknown clips, a value that is no number or lies outside [0, 1],
        a row not summing to 1.
    """
    refuse(where, missing_columns(table, ("clip", *CLASSES)))
    names, values = texts(table["clip"]), class_values(table)
    faults: list[str] = []

    def tell(bad: np.ndarray, what: str, cure: str = "", numbers_too: bool = True) -> None:
        rows = np.flatnonzero(bad)
        example = f", found {[list(table[name])[rows[0]] for name in CLASSES]}" if numbers_too and len(rows) else ""
        faults.extend(once((f"row {row + 1}, clip {names[row]}" for row in rows), what + example + cure))

    unknown = ~np.isfinite(values).all(axis=1)
    tell(unknown, "a probability is NaN, infinite or no number", "; write numbers such as 0.25")
    outside = ~unknown & ((values < 0) | (values > 1 + SUM_TOLERANCE)).any(axis=1)
    cure = "; if these are logits, say --logits or give their softmax" if (values < 0).any() else ""
    if not cure and (np.abs(values[~unknown].sum(axis=1) - 100) < 1).all():
        cure = "; these look like percent whose rows do not sum to 100: divide each row by its sum"
    tell(outside, "a probability lies outside 0..1", cure)
    unlike = ~outside.any() & ~unknown & (np.abs(values.sum(axis=1) - 1) > SUM_TOLERANCE)
    tell(unlike, "the six probabilities do not sum to 1", "; divide each row by its sum, if that is what is meant")
    tell(names == "", "the clip has no name", numbers_too=False)
    tell(repeated(names), "the clip is in more than one row; leave one", numbers_too=False)
    if clips is not None:
        expected, present = set(texts(clips)), set(names)
        faults += once((f"clip {name}" for name in sorted(expected - present)), "no row")
        faults += once((f"clip {name}" for name in sorted(present - expected)), "unknown, no such clip in the study")
    refuse(where, faults)


def foreign_rows(table: "pd.DataFrame", clips: "pd.DataFrame") -> list[str]:
    """Faults of a probabilities table: clips that are not among `clips`, and another person, split or fold than there."""
    import pandas as pd

    # Not Series.isin, which goes through the text cell by cell.
    unknown = table["clip"][pd.Index(clips["clip"]).get_indexer(table["clip"]) < 0]
    faults = once((f"clip {name}" for name in unknown), "no usable clip of the study")
    both = table.merge(clips[["clip", "person", "split", "fold"]], on="clip", suffixes=("", "_study"))
    # A table from outside needs only clips and probabilities.
    for column in [name for name in ("person", "split", "fold") if name in table.columns]:
        theirs, ours = both[column], both[f"{column}_study"]
        wrong = both[(theirs != ours) & ~(theirs.isna() & ours.isna())]
        differing_rows = zip(wrong["clip"], wrong[column], wrong[f"{column}_study"], strict=True)
        differing = (f"clip {clip}: {column} {their}, in this study {our}" for clip, their, our in differing_rows)
        faults += once(differing, "rows must agree with the study's persons, splits and folds")
    return faults


def class_values(table: Table) -> np.ndarray:
    """(n, 6) float64, a table's probabilities in the order of ``CLASSES``."""
    return np.stack([numbers(table[name]) for name in CLASSES], axis=1)


def _check_clips(table: "pd.DataFrame", where: str) -> None:
    faults = [f"column {name!r} is missing" for name in ROSTER_COLUMNS if name not in table.columns]
    if not faults:
        doubled = table.loc[table["clip"].duplicated(), "clip"]
        faults += once((f"clip {name}" for name in doubled), "is in more than one row")
        train = table[table["split"] == "train"]
        alone = train.loc[train["person"].isna(), "clip"]
        faults += once((f"clip {name}" for name in alone), "a train clip without a person")
        folds = train.groupby("person")["fold"].nunique()
        faults += [f"person {name}: in {n} folds" for name, n in folds[folds > 1].items()]
    if faults:
        raise DataError(where, faults)


def write_clips(table: "pd.DataFrame", path: str | Path) -> None:
    """Write a clips table (or a roster, the part known before the files are opened) as Parquet, sorted by clip."""
    _check_clips(table, str(path))
    columns = [name for name in CLIPS_COLUMNS if name in table.columns]
    write_table(table[columns].sort_values("clip", kind="stable"), path)


def read_clips(path: str | Path) -> "pd.DataFrame":
    """Read a clips table or a roster, checked."""
    import pandas as pd  # only who wants a DataFrame waits for it

    table = pd.read_parquet(path)
    _check_clips(table, str(path))
    return table


def remarks_of(row: Mapping[str, Any]) -> list[str]:
    """The remarks of a clip, by its row of the clips table or of a probe."""
    return [remark for remark in row["remarks"].split(BETWEEN_REMARKS) if remark]


def usable(clips: "pd.DataFrame") -> "pd.DataFrame":
    """The clips that were not quarantined."""
    return clips[clips["quarantine"] == ""].reset_index(drop=True)


def labelled(clips: "pd.DataFrame") -> "pd.DataFrame":
    """The usable train clips of a clips table, sorted by name."""
    return train_clips(usable(clips))


def train_clips(clips: "pd.DataFrame") -> "pd.DataFrame":
    """The train clips of a clips table, those in quarantine too, sorted by name."""
    return clips[clips["split"] == "train"].sort_values("clip", kind="stable").reset_index(drop=True)


def write_probabilities(table: "pd.DataFrame", path: str | Path) -> None:
    """Write a probabilities table as Parquet: float64, sorted by clip, checked."""
    check_probabilities(table, str(path))
    table = table[list(PROBABILITY_COLUMNS)].astype({name: "float64" for name in CLASSES} | {"fold": "int64"})
    write_table(table.sort_values("clip", kind="stable"), path)


def probability_columns(path: str | Path, *, logits: bool = False) -> dict[str, Any]:
    """Read a probabilities table, from us or from outside, in any form that `read_columns` knows (`as_probabilities`)."""
    return as_probabilities(read_columns(path, as_text=CLASSES), str(path), logits=logits)


def as_probabilities(table: Table, where: str, *, logits: bool = False) -> dict[str, Any]:
    """A probabilities table out of one that somebody made, checked; the classes as float64.

    It needs only the columns clip and the six classes. Clip names lose their folder and extension. Rounded numbers and
    percent become probabilities (`shares`), which is logged.

    Parameters
    ----------
    where : the file's name, for messages.
    logits : the six numbers are logits: their softmax is taken.

    Raises
    ------
    DataError : as `check_probabilities`; no row; probabilities where logits were announced.
    """
    refuse(where, missing_columns(table, ("clip", *CLASSES)))
    columns = {name: table[name] for name in table} | {"clip": clip_names(table["clip"])}
    if not columns["clip"]:
        raise DataError(where, ["no row"])
    values, remark = shares([columns[name] for name in CLASSES])
    if logits and (remark or is_exact(values)):
        raise DataError(where, ["holds probabilities: leave out --logits"])
    if logits:
        known = np.isfinite(values).all(axis=1)
        values[known] = softmax(values[known])
    if logits or remark:  # else the faults show what is written, as those of cells without a number always do
        cells = {
            name: zip(numbers.tolist(), columns[name], strict=True)
            for name, numbers in zip(CLASSES, values.T, strict=True)
        }
        columns |= {
            name: [cell if math.isfinite(cell) else written for cell, written in cells[name]] for name in CLASSES
        }
    check_probabilities(columns, where)
    if remark:
        logging.getLogger(__name__).warning("%s: %s", where, remark)
    return columns | dict(zip(CLASSES, values.T, strict=True))


def read_probabilities(path: str | Path, *, logits: bool = False) -> "pd.DataFrame":
    """`probability_columns` as a DataFrame."""
    import pandas as pd

    return pd.DataFrame(probability_columns(path, logits=logits))


def write_csv(table: "pd.DataFrame", path: str | Path) -> None:
    """Write any table as CSV for people, without an index, whole or not at all; text is `guarded`."""
    import pandas as pd

    texts = [name for name in table if not pd.api.types.is_numeric_dtype(table[name].dtype)]
    cells = {name: pd.Series(map(guarded, table[name]), table.index, dtype=object) for name in texts}
    how = quoting(chain(table, *cells.values()))
    with whole_file(path) as temporary:
        table.assign(**cells).rename(columns=guarded).to_csv(temporary, index=False, quoting=how)


def write_table(table: "pd.DataFrame", path: str | Path) -> None:
    """Write any table as Parquet, without an index, whole or not at all."""
    with whole_file(path) as temporary:
        table.reset_index(drop=True).to_parquet(temporary, index=False)


def write_features(path: str | Path, clips: Sequence[str], features: np.ndarray, remarks: Sequence[str]) -> None:
    """Write a features file, whole or not at all.

    Parquet: clip, features (fixed-size list of float16 or float32), remark. The schema's metadata hold under "shape" the
    shape of one clip's array, as JSON. A clip that cannot be embedded has a row of NaN, and a remark that says why.

    Parameters
    ----------
    features : (n_clips, ...) float16 or float32, in the order of `clips`.
    remarks : "" where there is nothing to say.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    kind = pa.float16() if features.dtype == np.float16 else pa.float32()
    flat = features.reshape(len(features), -1)
    values = pa.FixedSizeListArray.from_arrays(pa.array(flat.ravel().astype(kind.to_pandas_dtype())), flat.shape[1])
    table = pa.table({"clip": list(clips), "features": values, "remark": list(remarks)})
    said = {"shape": json.dumps(list(features.shape[1:]))}
    with whole_file(path) as temporary:
        pq.write_table(table.replace_schema_metadata(said), temporary)
