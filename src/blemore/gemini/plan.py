"""What a run would do, and what that means: no key, no network, nothing written."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from blemore.gemini.pieces import measured
from blemore.gemini.service import PRICE_DATE, PRICE_SOURCE, TERMS, USD_PER_SECOND, Service
from blemore.gemini.store import Cache, Ledger, cache_key


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
        over = (
            ": the run will stop at the limit, what it made is kept" if self.spent + self.usd > service.max_usd else ""
        )
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
        elif cache.refusal(key) is not None or (found := measured(mp4))[1]:
            refused += 1
        else:
            missing[key] = found[0], len(mp4)
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
