"""Gemini Embedding 2 on the short piece of each clip: one vector from Google's service, or from a local stand-in.

Which of the two the block `gemini` of the parameters says, never the presence of a key. Vectors are kept in a cache
of their own (blemore.gemini.store), which outlives the outputs of the workflow: nothing is paid for twice.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from blemore.encoders.base import Embedder
from blemore.gemini.embedding import Run
from blemore.gemini.service import STAND_IN, Service, check_service
from blemore.media.shards import read_pieces
from blemore.params.families import Family
from joblineage.errors import refuse

STAND_IN_REMARK = "stand-in: a projection of the pixels, not Gemini"


@dataclass(frozen=True)
class NamedPiece:
    """A piece that knows its clip, so that messages can name it."""

    clip: str
    mp4: bytes


class Gemini(Embedder):
    """Pieces -> (n, dimensions) float32 of norm 1; a row of NaN where the service refuses a piece."""

    batch = 256  # enough that workers are seldom idle, 25 MB of pieces

    def __init__(self, service: Service):
        self.run = Run(service, service.cache)
        self._reasons: dict[str, str] = {}  # of the last call of `embed`, by clip

    def read(self, shard: Path) -> Iterator[tuple[str, NamedPiece]]:
        """(clip, its piece)."""
        for clip, mp4 in read_pieces(shard):
            yield clip, NamedPiece(clip, mp4)

    def embed(self, clips: Sequence[NamedPiece]) -> np.ndarray:
        """What the cache does not hold is asked for.

        Raises
        ------
        DataError : key, model, quota, spending limit or connection; what came before is kept.
        """
        vectors, reasons = self.run.vectors([(piece.clip, piece.mp4) for piece in clips])
        self._reasons = {piece.clip: reason for piece, reason in zip(clips, reasons, strict=True)}
        return vectors

    def remark(self, clip: NamedPiece) -> str:
        """Why a piece of the last `embed` has no vector; else that the stand-in made it, if it did."""
        if reason := self._reasons.get(clip.clip):
            return f"not embedded: {reason}"
        return STAND_IN_REMARK if self.run.service.backend == STAND_IN else ""


FAMILY = Family(
    kind="service",
    note="no service is asked, a local stand-in makes the vectors, no weights",
    priced_by="blemore gemini plan",
)


def build(settings: Mapping) -> Gemini:
    """Make the encoder for the service.

    Parameters
    ----------
    settings : mapping
        The encoder's slice of the parameters; its "service" is the block `gemini` of the parameters, with the name of
        the data set.

    Returns
    -------
    Gemini
        The embedder.

    Raises
    ------
    DataError
        The block is wrong, or says `off`.
    """
    service = settings["service"]
    faults = check_service(service, service["dataset"])
    if service.get("backend") in ("off", False):  # YAML reads a bare off as false
        off = f"gemini.backend is off, which leaves encoder {settings['name']} nothing to ask"
        faults.append(f"{off}: switch the encoder off too")
    refuse(f"encoder {settings['name']}", faults)
    return Gemini(Service.of(service))
