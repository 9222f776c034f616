"""Media of clips, decoded by worker threads ahead of the device, and put together in batches of equal shape."""

from collections import deque
from collections.abc import Collection, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import numpy as np

from blemore.encoders.base import Embedder, Preprocessing

T = TypeVar("T")

AHEAD = 16
"""Clips decoded or waiting per worker: memory, against a device that waits."""


def decoded(
    reader: Preprocessing | Embedder, shards: Iterable[Any], wanted: Collection[str], workers: int = 1
) -> Iterator[tuple[str, Any]]:
    """(clip, what its `decode` makes of it) for the wanted clips, always in the files' order.

    shards : as `settings.shards_of` gives them.
    """
    raws = ((clip, raw) for shard in shards for clip, raw in reader.read(shard) if clip in wanted)
    waiting: deque = deque()
    with ThreadPoolExecutor(workers) as pool:
        for clip, raw in raws:
            waiting.append((clip, pool.submit(reader.decode, raw)))
            if len(waiting) >= AHEAD * workers:
                first, media = waiting.popleft()
                yield first, media.result()
        for clip, media in waiting:
            yield clip, media.result()


def alike(items: Iterable[tuple[Any, Any]], most: int) -> Iterator[tuple[list, list]]:
    """(keys, media) of at most `most` items of the same shape each; what is left comes at the end.

    Sound of clips of different lengths thus never needs padding.
    """
    groups: dict[Any, tuple[list, list]] = {}
    for key, media in items:
        keys, together = groups.setdefault(np.shape(media), ([], []))
        keys.append(key)
        together.append(media)
        if len(keys) == most:
            yield groups.pop(np.shape(media))
    yield from groups.values()


def prefetched(items: Iterator[T]) -> Iterator[T]:
    """The same items in the same order, the next one made by a thread while the last one is used."""
    with ThreadPoolExecutor(1) as pool:
        end: Any = object()
        coming = pool.submit(next, items, end)
        while (item := coming.result()) is not end:
            coming = pool.submit(next, items, end)
            yield item
