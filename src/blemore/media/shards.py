"""Which shard a clip lies in, and how the prepared files are read; `schemas` says what they hold.

A shard is one file per kind (faces, body, audio, pieces, probe) for many clips: 3,050 clips make a few dozen
files, not hundreds of thousands. The workflow asks for shard numbers at every start, so what reads files is
imported where it is needed.
"""

import zlib
from collections.abc import Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from pathlib import Path

import numpy as np

from joblineage.errors import DataError

BATCH_ROWS = 256
"""Rows read at a time: a few megabytes."""


def shard_of(clip: str, shards: int) -> int:
    """Number (0..shards-1) of the shard that a clip lies in; it depends on no other clip."""
    return zlib.crc32(clip.encode()) % shards


def read_jpegs(path: Path) -> Iterator[tuple[str, list[bytes]]]:
    """(clip, JPEG files of its samples in order of time) of a faces or body file, one clip in memory at a time."""
    for clip, rows in groupby(_rows(path, "jpeg"), key=itemgetter(0)):
        yield clip, [data for _, data in rows]


def read_timed(path: Path) -> Iterator[tuple[str, np.ndarray, list[bytes]]]:
    """(clip, times of its samples in s, ascending, their JPEG files) of a faces or body file, one clip in memory at a time."""
    for clip, rows in groupby(_rows(path, "time", "jpeg"), key=itemgetter(0)):
        _, times, jpegs = zip(*rows, strict=True)
        yield clip, np.array(times), list(jpegs)


def decode_frames(jpegs: Sequence[bytes], size: int) -> np.ndarray:
    """(T, size, size, 3) uint8 RGB; scaled by area where sizes differ.

    Pictures at least twice as large are already decoded at half their size, in a third of the time.
    """
    import cv2

    frames = np.empty((len(jpegs), size, size, 3), np.uint8)
    how_read = cv2.IMREAD_COLOR
    if jpegs and read_jpeg(jpegs[0], how_read).shape[0] >= 2 * size:
        how_read = cv2.IMREAD_REDUCED_COLOR_2
    for frame, data in zip(frames, jpegs, strict=True):
        picture = read_jpeg(data, how_read)
        if picture.shape[0] != size:
            how = cv2.INTER_AREA if picture.shape[0] > size else cv2.INTER_LINEAR
            picture = cv2.resize(picture, (size, size), interpolation=how)
        frame[:] = picture
    return frames


def read_jpeg(data: bytes, how: int | None = None) -> np.ndarray:
    """(H, W, 3) uint8 RGB of a JPEG file; how : OpenCV's flag, None for the whole size."""
    import cv2

    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR if how is None else how)
    if picture is None:
        fault = "a picture cannot be read: remove results/media and prepare the clips again"
        raise DataError("prepared media", [fault])
    return cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)


def read_frames(paths: Sequence[Path], size: int) -> dict[str, np.ndarray]:
    """All crops of faces or body files: clip -> (T, size, size, 3) uint8 RGB, as `decode_frames` gives them."""
    return {clip: decode_frames(jpegs, size) for path in paths for clip, jpegs in read_jpegs(path)}


def read_samples(path: Path) -> Iterator[tuple[str, int, bytes]]:
    """(clip, rate in Hz, little-endian int16 samples) of an audio file."""
    return _rows(path, "rate", "samples")


def read_pieces(path: Path) -> Iterator[tuple[str, bytes]]:
    """(clip, bytes of an MP4 file) of a pieces file."""
    return _rows(path, "mp4")


def _rows(path: Path, *columns: str) -> Iterator[tuple]:
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(columns=["clip", *columns], batch_size=BATCH_ROWS):
            yield from zip(*(batch[name].to_pylist() for name in ("clip", *columns)), strict=True)
