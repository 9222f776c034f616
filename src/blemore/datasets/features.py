"""Features that others made, one file a clip, brought into the challenge kit's form: one row of statistics a clip.

The organisers give such folders of six networks. Five hold <clip>.npy, frames by values (T, D); OpenFace 3's hold
<clip>.csv, a row a frame. Folders and zips are searched as for the challenge's other files (`sources`).
"""

import csv
import io
import math
import tempfile
import tokenize
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

import numpy as np

from blemore.datasets.sources import Source, UnreadableError, find_files
from blemore.datasets.withdrawn import NOBODY, Withdrawn
from blemore.scoring.columns import clip_names, missing_columns, numbers
from blemore.scoring.reading import decoded, once
from joblineage.errors import MissingDataError, refuse
from joblineage.files import whole_file
from joblineage.progress import Steps

PERCENTILES = (10, 25, 50, 75, 90)
"""Of each value over the frames, behind its mean and standard deviation: the kit's seven statistics."""
MOST_BYTES = 1 << 28
"""Of one clip's file; a minute of 4,096 values at 50 frames a second takes a fifth of it."""
WIDEST = 1 << 14
"""Values of a frame."""
FEW = 2
"""Frames of which percentiles say no more than the mean."""
ACTION_UNITS, EXPRESSIONS = 8, 8
"""Of OpenFace 3."""
COLUMNS = ("emotion_index", "gaze_yaw", "gaze_pitch", "action_units")
"""Of its tables; the action units of a frame are a list in text, with nan where no face was found."""


@dataclass(frozen=True)
class Features:
    """What was read.

    clips : (n,) names, sorted. values : (n, d) float32. frames : (n,) rows that each clip's file had.
    withdrawn : files that were passed over.
    """

    clips: list[str]
    values: np.ndarray
    frames: list[int]
    withdrawn: int = 0

    @property
    def few(self) -> bool:
        """Whether no clip has so many frames that percentiles say more than the mean."""
        return max(self.frames) <= FEW

    def write(self, path: Path) -> None:
        """Write the `.npz` file that encoders of module precomputed read; the same features in the same bytes."""
        with whole_file(path) as temporary, open(temporary, "wb") as file:
            np.savez(file, X=self.values, filenames=np.array(self.clips, dtype=str))


def read_features(
    paths: Sequence[Path],
    known: Mapping[str, bool],
    *,
    mean_alone: bool = False,
    withdrawn: Withdrawn = NOBODY,
) -> Features:
    """The features of every clip, statistics over its frames.

    Parameters
    ----------
    paths : folders and zips of one network's files.
    known : clip -> whether it must have a file: false for one that was set aside.
    mean_alone : the mean in place of the seven statistics.
    withdrawn : whose files are passed over unread.

    Raises
    ------
    MissingDataError : no such file in the folders.
    DataError : clips that have no file, several, or are not known; files that hold no finite numbers, Python objects,
        no frame, or rows of another width than the others. Each fault is reported once, with its first clip.
    """
    with tempfile.TemporaryDirectory() as spare, find_files(paths, Path(spare)) as sources:
        files = [source for source in sources if PurePath(source.name).suffix.lower() in (".npy", ".csv")]
        kept = [file for file in files if not withdrawn.holds(clip_of(file))]
        if not kept:
            raise MissingDataError(", ".join(map(str, paths)), ["no .npy or .csv file, one a clip, is there"])
        refuse("features", _name_faults(kept, known))
        return _read(sorted(kept, key=clip_of), mean_alone, len(files) - len(kept))


def _name_faults(files: Sequence[Source], known: Mapping[str, bool]) -> list[str]:
    """Clips that have no file, several, or are not known."""
    by_clip: dict[str, list[str]] = {}
    for file in files:
        by_clip.setdefault(clip_of(file), []).append(file.shown)
    doubled = [f"clip {clip} ({', '.join(names)})" for clip, names in sorted(by_clip.items()) if len(names) > 1]
    absent = (f"clip {clip}" for clip, needed in sorted(known.items()) if needed and clip not in by_clip)
    strange = (f"clip {clip} ({names[0]})" for clip, names in sorted(by_clip.items()) if clip not in known)
    return [
        *once(doubled, "more than one file: name the folders of one network"),
        *once(absent, "no file; every usable clip needs one"),
        *once(strange, "not among the study's clips"),
    ]


def _read(files: Sequence[Source], mean_alone: bool, passed_over: int) -> Features:
    rows, frames, wrong = list[np.ndarray](), list[int](), dict[str, list[str]]()
    width, first = 0, ""  # of a frame, and the file that says so
    with Steps("features", len(files), every=500) as steps:
        for file in files:
            try:
                values = frames_of(file)
                width, first = (width, first) if rows else (values.shape[1], file.shown)
                if values.shape[1] != width:
                    raise ValueError(f"{values.shape[1]} values a frame, {first} has {width}")
                rows.append(statistics(values, mean_alone))
                frames.append(len(values))
            except (UnreadableError, ValueError) as error:
                wrong.setdefault(str(error).removeprefix(f"{file.shown}: "), []).append(
                    f"clip {clip_of(file)} ({file.shown})"
                )
            steps.advance(1)
    refuse("features", [fault for what, places in wrong.items() for fault in once(places, what)])
    return Features([clip_of(file) for file in files], np.stack(rows), frames, passed_over)


def clip_of(file: Source) -> str:
    """The clip that a file belongs to, by its name."""
    return clip_names([PurePath(file.name).stem])[0]


def frames_of(file: Source) -> np.ndarray:
    """(T, D) float64 of one file, finite, T and D at least 1.

    Raises
    ------
    UnreadableError : it cannot be read to its end. ValueError : it holds something else; says what.
    """
    if file.size > MOST_BYTES:
        raise ValueError(f"is larger than {MOST_BYTES >> 20} MB")
    data = b"".join(file.chunks())
    values = openface(data) if file.name.lower().endswith(".csv") else array(data)
    if values.ndim == 1:
        values = values[None]
    while values.ndim > 2 and 1 in values.shape:  # some were saved with an axis too many
        values = values.squeeze(values.shape.index(1))
    if values.ndim != 2 or not values.size:
        raise ValueError(f"expected frames by values, found an array of shape {values.shape}")
    if values.shape[1] > WIDEST:
        raise ValueError(f"{values.shape[1]} values a frame, expected at most {WIDEST}")
    if not np.isfinite(values).all():
        raise ValueError("a value is NaN or infinite")
    return values


def array(data: bytes) -> np.ndarray:
    """float64 numbers of an `.npy` file's bytes. Its header is read and compared with its length; nothing is ever unpickled.

    Raises
    ------
    ValueError : it holds something else; says what.
    """
    file = io.BytesIO(data)
    try:
        version = np.lib.format.read_magic(file)
        header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, by_columns, kind = header(file)
    except (ValueError, TypeError, SyntaxError, tokenize.TokenError, RecursionError, MemoryError) as error:
        raise ValueError("is not an array of NumPy, or a damaged one") from error
    if kind.hasobject:
        raise ValueError('holds Python objects, which are never unpickled: save numbers, as array.astype("float32")')
    if kind.kind not in "fiu":
        raise ValueError(f"expected numbers, found {kind}")
    rest = memoryview(data)[file.tell() :]
    if min(shape, default=1) < 0 or math.prod(shape) * kind.itemsize != len(rest):
        raise ValueError(f"is cut short, or longer than its {shape} numbers")
    return np.frombuffer(rest, kind).reshape(shape, order="F" if by_columns else "C").astype(float)


def openface(data: bytes) -> np.ndarray:
    """(T, 18) of an OpenFace 3 table's bytes: gaze, action units, and 1 at the frame's expression.

    Frames without a face are left out.

    Raises
    ------
    ValueError : it is no such table, or no frame shows a face.
    """
    reader = csv.DictReader(io.StringIO(decoded(data)))
    try:
        table = list(reader)
    except csv.Error as error:
        raise ValueError(f"is no CSV table ({error})") from error
    if missing := missing_columns(dict.fromkeys(reader.fieldnames or []), COLUMNS):
        raise ValueError(missing[0])
    rows = []
    for row in table:
        units = numbers(str(row["action_units"]).strip("[] ").replace(",", " ").split())
        index, *gaze = numbers([row[name] for name in COLUMNS[:3]])
        if len(units) != ACTION_UNITS:
            raise ValueError(f"{len(units)} action units in a frame, expected {ACTION_UNITS}")
        if np.isfinite([index, *gaze, *units]).all():
            if index not in range(EXPRESSIONS):
                raise ValueError(f"emotion_index {index:g}, expected 0 to {EXPRESSIONS - 1}")
            rows.append([*gaze, *units, *(np.arange(EXPRESSIONS) == index)])
    if not rows:
        raise ValueError("no frame shows a face")
    return np.array(rows, dtype=float)


def statistics(frames: np.ndarray, mean_alone: bool = False) -> np.ndarray:
    """(T, D) -> (7 * D,) float32: means, standard deviations, then each of `PERCENTILES`; or (D,), the means.

    Raises
    ------
    ValueError : a number that single precision does not hold.
    """
    parts = [frames.mean(axis=0)]
    if not mean_alone:
        parts += [frames.std(axis=0), *np.percentile(frames, PERCENTILES, axis=0)]
    with np.errstate(over="ignore"):
        row = np.concatenate(parts).astype(np.float32)
    if not np.isfinite(row).all():
        raise ValueError("a value is too large for single precision")
    return row
