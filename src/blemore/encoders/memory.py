"""What to do when a device's memory runs out: fewer clips at once, the same result."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Concatenate, ParamSpec, TypeVar

import torch

from joblineage.errors import DataError

ADVICE = (
    "set gradient_checkpointing: true (finetuning), take smaller or fewer frames, a smaller checkpoint or a larger "
    "device; see whether another program holds the device's memory"
)

P = ParamSpec("P")
T = TypeVar("T")
logger = logging.getLogger(__name__)


class MicroBatch:
    """How many clips the device works on at once; halved each time that its memory runs out.

    size : clips at first.
    where : whose clips, for messages.
    """

    def __init__(self, size: int, where: str):
        self.size = size
        self.where = where

    def run(self, work: Callable[Concatenate[int, P], T], *given: P.args, **options: P.kwargs) -> T:
        """`work(size, ...)`; from its beginning again with half the size until it fits.

        Raises
        ------
        DataError : one clip alone does not fit.
        """
        while True:
            try:
                return work(self.size, *given, **options)
            except torch.OutOfMemoryError as error:
                if self.size == 1:
                    faults = [f"the device's memory does not hold a single clip: {ADVICE}"]
                    raise DataError(self.where, faults) from error
            self.size //= 2  # here, the error no longer holds on to what was computed
            logger.warning("%s: out of device memory, going on with %d clip(s) at once", self.where, self.size)
            torch.cuda.empty_cache()


@contextmanager
def told_when_full(where: str) -> Iterator[None]:
    """Memory that runs out where fewer clips would not help is told as a fault with what to do."""
    try:
        yield
    except torch.OutOfMemoryError as error:
        raise DataError(where, [f"the device's memory does not hold the network: {ADVICE}"]) from error
