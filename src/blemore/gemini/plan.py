"""The pieces to embed, what a run over them would do, and what that means: no key, no network, nothing written."""

import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from blemore.gemini.service import LONGEST_SECONDS, PRICE_DATE, PRICE_SOURCE, TERMS, USD_PER_SECOND, Service
from blemore.gemini.store import Cache, Ledger, cache_key
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
        advice = "`snakemake prepare` cuts pieces where an enabled encoder reads them"
        raise MissingDataError(str(folder), [f"no .mp4 and no .parquet file; {advice}"])
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
                reason = f"{seconds:.0f} s of video: {LONGEST_SECONDS:.0f} go" if seconds > LONGEST_SECONDS else ""
                return seconds, reason
    except (av.FFmpegError, ValueError):
        pass
    return 0.0, "no readable video"


@dataclass(frozen=True)
class Plan:
    """Counts are of pieces; equal pieces count as one miss.

    seconds, bytes, usd : of the misses, all together.
    minutes : the least that the misses take at the rate limit.
    spent : USD that the cache folder's ledger holds so far.
    """

    pieces: int
    hits: int
    refused: int
    misses: int
    seconds: float
    bytes: int
    usd: float
    minutes: float
    spent: float

    def lines(self, service: Service, folder: Path) -> list[str]:
        """For people."""
        kept = f"cache            {folder}: {self.hits} of {self.pieces} pieces are there"
        kept += f", {self.refused} cannot be embedded" if self.refused else ""
        stops = ": the run will stop at the limit, what it made is kept"
        over = stops if self.spent + self.usd > service.max_usd else ""
        return [
            kept,
            f"to send          {self.misses} pieces, {self.seconds:.0f} s of video, {self.bytes / 1e6:.1f} MB",
            f"to whom          {service.base_url}, model {service.model}, {service.dimensions} numbers per piece",
            "what             the MP4 file of each piece: face and upper body, and the voice (which the service does "
            "not hear); no clip name, no label, no person's number",
            f"cost             ${self.usd:.2f} at ${USD_PER_SECOND} per second ({PRICE_SOURCE}; {PRICE_DATE}, check before use)",
            f"spent so far     ${self.spent:.2f}, limit ${service.max_usd:.2f}{over}",
            f"time             {self.minutes:.1f} minutes at least, at {service.requests_per_minute:g} requests a minute",
            *(f"terms            {line}" for line in TERMS),
        ]


def make_plan(pieces: Iterable[tuple[str, bytes]], service: Service, folder: Path) -> Plan:
    """What a run over these pieces (clip, MP4 file) with this cache folder would ask for."""
    cache = Cache(folder)
    count = hits = refused = 0
    missing: dict[str, tuple[float, int]] = {}  # seconds and bytes
    for _, mp4 in pieces:
        count += 1
        key = cache_key(mp4, service)
        if cache.vector(key, service.dimensions) is not None:
            hits += 1
        elif cache.refusal(key) is not None or (measures := measured(mp4))[1]:
            refused += 1
        else:
            missing[key] = measures[0], len(mp4)
    seconds = sum(length for length, _ in missing.values())
    return Plan(
        pieces=count,
        hits=hits,
        refused=refused,
        misses=len(missing),
        seconds=seconds,
        bytes=sum(size for _, size in missing.values()),
        usd=service.price(seconds),
        minutes=len(missing) / service.requests_per_minute,
        spent=Ledger(folder / "ledger.jsonl").spent(),
    )
