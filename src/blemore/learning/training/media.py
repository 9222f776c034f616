"""Decoded clips in one file that all folds of an encoder map: decoded once, in memory once, whoever reads them.

The file is written whole or not at all, and by one process: the others wait for it. It is no output. Whoever runs the
trainings chooses its name, which says what decides its content, and removes it with `forget_media`.
"""

import hashlib
import math
import mmap
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from blemore.encoders.ahead import decoded
from blemore.encoders.base import Preprocessing
from joblineage import declare, turns
from joblineage.errors import refuse
from joblineage.files import whole_file

TEXTS = dict.fromkeys(("clip", "sha256", "dtype"), pa.string())
SCHEMA = pa.schema(TEXTS | {"shape": pa.list_(pa.int64()), "media": pa.large_binary()})
"""Arrow file, one batch a clip; `media` holds the array's bytes in C order. The preprocessing is in the metadata."""
MAPPED = 32 * 2**20
"""Bytes of clips after which a process gives the pages back that it has looked at."""


class Media(Sequence[np.ndarray]):
    """Clips as `Preprocessing.decode` makes them, read only; looking at one costs no memory that lasts.

    Parameters
    ----------
    arrays : sequence of ndarray
        The n clips.
    digests : sequence of str
        The sha256 of each one's bytes.
    mapping : mmap or None
        The mapped file in which they lie, if they do.
    """

    def __init__(self, arrays: Sequence[np.ndarray], digests: Sequence[str], mapping: mmap.mmap | None = None):
        self.arrays = arrays
        self.digests = digests
        self._mapping = mapping
        self._looked_at = 0  # bytes

    def __len__(self) -> int:
        return len(self.arrays)

    def __getitem__(self, row: Any) -> Any:
        clip = self.arrays[row]
        self._looked_at += clip.nbytes
        if self._mapping is not None and self._looked_at > MAPPED:
            self._mapping.madvise(mmap.MADV_DONTNEED)  # they stay in the system's cache and come back when asked for
            self._looked_at = 0
        return clip

    def where(self, chosen: np.ndarray) -> "Media":
        """Select clips; nothing is copied.

        Parameters
        ----------
        chosen : (n,) bool
            Which of them.

        Returns
        -------
        Media
            Those for which `chosen` is true.
        """
        return self.at(np.flatnonzero(chosen))

    def at(self, rows: Sequence[int] | np.ndarray) -> "Media":
        """Take clips in a given order; nothing is copied.

        Parameters
        ----------
        rows : sequence of int
            Their numbers.

        Returns
        -------
        Media
            Those clips.
        """
        return Media([self.arrays[row] for row in rows], [self.digests[row] for row in rows], self._mapping)

    def as_written(self) -> bool:
        """Whether every clip still has its digest.

        Returns
        -------
        bool
            False where a byte has changed.
        """
        return all(digest(self[row]) == self.digests[row] for row in range(len(self)))

    @classmethod
    def of(cls, arrays: Sequence[np.ndarray]) -> "Media":
        """Take arrays of the process's own memory.

        Parameters
        ----------
        arrays : sequence of ndarray
            The clips.

        Returns
        -------
        Media
            The clips with their digests.
        """
        return cls(arrays, [digest(array) for array in arrays])


def digest(array: np.ndarray) -> str:
    """Hash an array's bytes.

    Parameters
    ----------
    array : ndarray
        The array.

    Returns
    -------
    str
        The sha256 in hexadecimal digits.
    """
    return hashlib.sha256(np.ascontiguousarray(array).data).hexdigest()


def read_media(
    shards: Sequence[Any], clips: pd.Series, preprocessing: Preprocessing, workers: int = 1, shared: Path | None = None
) -> Media:
    """Read what a preprocessing keeps of each clip.

    Parameters
    ----------
    shards : sequence of object
        As `settings.shards_of` gives them.
    clips : Series
        Names of the clips.
    preprocessing : Preprocessing
        What decodes them.
    workers : int, >= 1
        Threads that decode.
    shared : Path or None
        The file that other trainings read too; made if it is not there, or holds something else. Its name must say what
        decides the clips' content, for nobody looks into the shards again. None: a file of this process alone.

    Returns
    -------
    Media
        The clips, in the order of `clips`.

    Raises
    ------
    DataError
        Clips that are in no shard.
    """
    if shared is None:
        with tempfile.TemporaryDirectory() as folder:
            return read_media(shards, clips, preprocessing, workers, Path(folder, "media"))
    shared.parent.mkdir(parents=True, exist_ok=True)
    with turns.alone(_lock(shared)):
        names, media = _mapped(shared, preprocessing)
        if set(clips) <= set(names) and media.as_written():
            # Of all clips' digests: the file itself holds nothing else.
            declare.took(shared / "digests", hashlib.sha256("".join(media.digests).encode()).hexdigest())
        else:
            _write(shared, shards, set(clips), preprocessing, workers)
            names, media = _mapped(shared, preprocessing)
    places = {name: place for place, name in enumerate(names)}
    return media.at([places[clip] for clip in clips])


def forget_media(shared: Path) -> None:
    """Remove the file and what a killed process left of it; a process that has mapped it keeps what it has.

    Parameters
    ----------
    shared : Path
        The file that `read_media` was given.
    """
    for path in (shared, _lock(shared), *shared.parent.glob(f".{shared.name}.*.tmp")):
        path.unlink(missing_ok=True)


def _write(path: Path, shards: Sequence[Any], clips: set[str], preprocessing: Preprocessing, workers: int) -> None:
    schema = SCHEMA.with_metadata({"preprocessing": repr(preprocessing)})
    missing = set(clips)
    with whole_file(path) as temporary, pa.ipc.new_file(temporary, schema) as file:
        for clip, array in decoded(preprocessing, shards, clips, workers):
            row = [clip, digest(array), array.dtype.str, array.shape, array.tobytes()]
            file.write_batch(pa.record_batch([[value] for value in row], schema=schema))
            missing.discard(clip)
        faults = [f"clip {clip}: not in the prepared files" for clip in sorted(missing)]
        refuse(", ".join(map(str, shards)), faults)


def _mapped(path: Path, preprocessing: Preprocessing) -> tuple[list[str], Media]:
    """Names and clips of the file; none if it is not there, is broken or holds what another preprocessing made."""
    try:
        with path.open("rb") as opened:
            mapping = mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ)
        file = pa.ipc.open_file(pa.py_buffer(mapping))
    except (FileNotFoundError, ValueError):  # ValueError: an empty file, or not one of Arrow's
        return [], Media.of([])
    if (file.schema.metadata or {}).get(b"preprocessing") != repr(preprocessing).encode():
        return [], Media.of([])
    names, digests, arrays = [], [], []
    for k in range(file.num_record_batches):
        *said, media = file.get_batch(k).columns
        clip, sha256, dtype, shape = (column[0].as_py() for column in said)
        names.append(clip)
        digests.append(sha256)
        values = media.buffers()[2]  # where they lie in the file; a scalar of Arrow's would be a copy
        arrays.append(np.frombuffer(values, dtype, math.prod(shape)).reshape(shape))
        mapping.madvise(mmap.MADV_DONTNEED)  # the system maps 64 KB around each line read: 400 MB for 3,050 clips
    return names, Media(arrays, digests, mapping)


def _lock(path: Path) -> Path:
    return path.with_name(f"{path.name}.lock")
