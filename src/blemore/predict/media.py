"""Clips from anywhere, prepared as the study's own were: decoded once, a batch at a time, and what is odd about each."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from blemore.media.containers import BadClip, open_container
from blemore.media.detectors import Detector, load_detector
from blemore.media.prepare import Prepared, prepare_clip
from blemore.media.schemas import KINDS
from blemore.tables import NO_FOLD, ROSTER_COLUMNS, remarks_of
from joblineage.errors import MissingDataError
from joblineage.progress import Steps

BATCH = 16
"""Clips of one prepared file."""
PICTURES = 4
"""Face crops of a clip that are kept for the picture."""


@dataclass
class Clip:
    """A clip that was asked for.

    name : its own among those asked for; file : where it is; seconds : its length, None where it cannot be opened.
    remarks : what a user should know of it; fault : why it has no answer, "" where it has one.
    pictures : JPEG files of some of its face crops, in order of time.
    """

    name: str
    file: Path
    seconds: float | None = None
    remarks: list[str] = field(default_factory=list)
    fault: str = ""
    pictures: list[bytes] = field(default_factory=list, repr=False)


def listed(paths: Iterable[str | Path]) -> dict[str, Path]:
    """{name: file} of the clips asked for; of a folder all files that are not hidden. A name is a file's stem where that is unique.

    Raises
    ------
    MissingDataError : a path is not there, or a folder is empty.
    """
    files, faults = [], []
    for path in map(Path, paths):
        clips = sorted(file for file in path.iterdir() if _shown(file)) if path.is_dir() else [path]
        faults += [f"{path}: no such file"] if not path.exists() else []
        faults += [f"{path}: the folder holds no file"] if not clips else []
        files += [file for file in clips if file not in files]
    if faults or not files:
        raise MissingDataError("clips", faults or ["none was named"])
    stems = [file.stem for file in files]
    return {file.stem if stems.count(file.stem) == 1 else str(file): file for file in files}


def _shown(file: Path) -> bool:
    return file.is_file() and not file.name.startswith(".")


def prepare(
    files: Mapping[str, Path],
    samples: Mapping[str, Any],
    kinds: Collection[str],
    seconds: Sequence[float],
    folder: Path,
) -> tuple[list[Clip], dict[str, list[Path]]]:
    """Prepare clips into files of `BATCH` clips each.

    Parameters
    ----------
    samples : `media.samples` of the study's parameters; kinds : of media that the encoders read.
    seconds : length of the shortest and the longest clip that the study learned from.
    folder : where the files are written.

    Returns
    -------
    The clips in the order of their names, and {kind: files} of those without a fault.
    """
    cv2.setNumThreads(1)
    detector = load_detector(samples["faces"]["detector"])
    clips = [Clip(name, file) for name, file in sorted(files.items())]
    wanted = sorted({*kinds, "faces", "audio"})  # whether there are a face and a sound is always looked at
    shards: dict[str, list[Path]] = {kind: [] for kind in wanted}
    with Steps("clips decoded", len(clips), every=BATCH) as steps:
        for first in range(0, len(clips), BATCH):
            batch = clips[first : first + BATCH]
            rows = [_prepared(clip, samples, detector, wanted, seconds) for clip in batch]
            for kind, path in write_shard(folder, f"{first:06d}", rows, wanted).items():
                shards[kind].append(path)
            steps.advance(len(batch))
    return clips, shards


def write_shard(folder: Path, name: str, prepared: Iterable[Prepared], kinds: Sequence[str]) -> dict[str, Path]:
    """Write the rows of some clips, one file per kind; the files."""
    paths = {kind: folder / f"{kind}{name}.parquet" for kind in kinds}
    with ExitStack() as files:
        writers = {kind: files.enter_context(pq.ParquetWriter(path, KINDS[kind])) for kind, path in paths.items()}
        for clip in prepared:
            for kind in clip.keys() & writers.keys():
                writers[kind].write_table(pa.Table.from_pylist(clip[kind], KINDS[kind]))
    return paths


def _prepared(
    clip: Clip, samples: Mapping[str, Any], detector: Detector, kinds: Sequence[str], seconds: Sequence[float]
) -> Prepared:
    """The rows of one clip, whose remarks or fault are noted; no rows with a fault."""
    length, longest = promised(clip.file), samples["max_seconds"]
    if length is not None and length > longest:
        clip.seconds = length
        text = f"lasts {length:.0f} s, more than {longest:.0f} s: one answer would say little of it"
        clip.fault = f"{text}; ask for it in windows (--every 0.5 --window 2)"
        return {}
    prepared = prepare_clip(clip.name, clip.file, samples, detector, kinds)
    facts = prepared["probe"][0]
    clip.seconds, clip.fault = facts["duration"], facts["quarantine"]
    if clip.fault:
        return {}
    clip.remarks = remarks(prepared, seconds)
    crops = [row["jpeg"] for row in prepared["faces"]]
    clip.pictures = [crops[k] for k in np.linspace(0, len(crops) - 1, PICTURES).round().astype(int)]
    if not any(row["detected"] for row in prepared["faces"]) and prepared["audio"][0]["silent"]:
        clip.fault = "neither a face nor a sound was found: there is nothing to judge"
        return {}
    return prepared


def promised(path: Path) -> float | None:
    """Length of a file in s, as its header promises it; None where it says nothing or cannot be opened."""
    try:
        with open_container(path) as container:
            return None if container.duration is None else container.duration / av.time_base
    except BadClip:  # `prepare_clip` says what is wrong
        return None


def remarks(prepared: Prepared, seconds: Sequence[float]) -> list[str]:
    """What a user should know of a clip that has been prepared: the remarks of the media step, and an unusual length."""
    facts, (shortest, longest) = prepared["probe"][0], seconds
    texts, length = remarks_of(facts), facts["duration"]
    if not shortest / 2 <= length <= 2 * longest:
        text = f"lasts {length:.1f} s, the study learned from clips of {shortest:.1f} to {longest:.1f} s"
        texts.append(f"{text}: trust the probabilities less")
    return texts


def clips_table(names: Sequence[str]) -> pd.DataFrame:
    """A clips table of new clips, as the study has one of its test clips, sorted by clip."""
    table = pd.DataFrame({"clip": sorted(names)}, columns=[*ROSTER_COLUMNS, "quarantine"])
    return table.assign(split="test", fold=NO_FOLD, quarantine="")
