"""Pieces to embed, from the workflow's shards or from a folder of MP4 files."""

import io
from collections.abc import Iterator
from pathlib import Path

from blemore.gemini.service import LONGEST_SECONDS
from blemore.media.shards import read_pieces
from joblineage.errors import DataError, MissingDataError


def read_folder(folder: Path) -> Iterator[tuple[str, bytes]]:
    """(clip, MP4 file) of every `*.mp4` (named by its file) and of every shard `*.parquet`, sorted by file.

    Raises
    ------
    MissingDataError : there is no such file.
    DataError : a clip that is there twice, or a Parquet file that holds no pieces.
    """
    files = sorted([*folder.glob("*.mp4"), *folder.glob("*.parquet")])
    if not files:
        raise MissingDataError(
            str(folder),
            ["no .mp4 and no .parquet file; `snakemake prepare` cuts pieces where an enabled encoder reads them"],
        )
    seen: dict[str, Path] = {}
    for file in files:
        for clip, mp4 in [(file.stem, file.read_bytes())] if file.suffix == ".mp4" else _shard(file):
            if clip in seen:
                raise DataError(str(folder), [f"clip {clip}: in {seen[clip].name} and in {file.name}"])
            seen[clip] = file
            yield clip, mp4


def _shard(file: Path) -> Iterator[tuple[str, bytes]]:
    import pyarrow as pa

    try:
        yield from read_pieces(file)
    except (pa.ArrowException, KeyError) as error:
        raise DataError(str(file), [f"no pieces: expected the columns clip and mp4 ({error})"]) from error


def measured(mp4: bytes) -> tuple[float, str]:
    """Length of a piece, s, and why the service would not take it ("" where it would)."""
    import av

    try:
        with av.open(io.BytesIO(mp4), "r") as container:
            for stream in container.streams.video:
                if stream.duration is not None and stream.time_base is not None:
                    seconds = float(stream.duration * stream.time_base)
                elif container.duration is not None:
                    seconds = container.duration / av.time_base
                else:
                    continue
                return (
                    seconds,
                    f"{seconds:.0f} s of video: {LONGEST_SECONDS:.0f} go" if seconds > LONGEST_SECONDS else "",
                )
    except (av.FFmpegError, ValueError):
        pass
    return 0.0, "no readable video"
