"""The run: what the cache holds is taken from there, the rest is asked for, and kept at once.

The first request goes alone, so that a wrong key or model costs one request, then `concurrency` workers share the
rest. Whatever ends a run, what was paid for is in the cache, and the next run asks for nothing of it again.
"""

import logging
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

import numpy as np

from blemore.gemini.asking import FIRST_WAIT, Asker, Task
from blemore.gemini.client import Asks, connected
from blemore.gemini.limits import Stopped
from blemore.gemini.pieces import seconds_of
from blemore.gemini.service import LONGEST_SECONDS, Service
from blemore.gemini.store import Cache, Ledger, alone, cache_key

log = logging.getLogger(__name__)

REFUSED_FIRST = 3
"""Pieces refused one after the other, before any was taken, that stop the run: then it is not the pieces' fault."""


class Run:
    """Asks for pieces and keeps what comes: one per process and cache folder, for any number of calls of `vectors`."""

    def __init__(self, service: Service, folder: Path, first_wait: float = FIRST_WAIT):
        self.service = service
        self.folder = folder
        self.cache = Cache(folder)
        self.ledger = Ledger(folder / "ledger.jsonl")
        self.asker = Asker(service, self.cache, self.ledger, first_wait)

    @property
    def made(self) -> int:
        """Vectors that this run brought."""
        return self.asker.made

    @property
    def spent(self) -> float:
        """USD that this cache folder cost, as far as this run has looked."""
        return self.asker.budget.spent

    def vectors(
        self,
        pieces: Sequence[tuple[str, bytes]],
        advance: Callable[[int], None] = lambda count: None,
    ) -> tuple[np.ndarray, list[str]]:
        """The vectors of some pieces (clip, MP4 file), asking for those that are not in the cache.

        advance : told how many more pieces are settled, from any thread.

        Returns
        -------
        (n, dimensions) float32, norm 1 or a row of NaN for a piece that is not taken, and n reasons ("" where taken).

        Raises
        ------
        DataError : the run was stopped (key, model, quota, spending limit, no connection), or pieces were put aside
            because the service failed on them again and again. What came before is kept.
        """
        keys = [cache_key(mp4, self.service) for _, mp4 in pieces]
        tasks = self._missing(pieces, keys)
        advance(len(pieces) - len(tasks))
        if tasks:
            self._ask(tasks, advance)
        found = [self.cache.vector(key, self.service.dimensions) for key in keys]
        nothing = np.full(self.service.dimensions, np.nan, np.float32)
        reasons = [
            self.cache.refusal(key) or "" if vector is None else "" for key, vector in zip(keys, found, strict=True)
        ]
        return np.stack([nothing if vector is None else vector for vector in found]), reasons

    def _missing(self, pieces: Sequence[tuple[str, bytes]], keys: Sequence[str]) -> list[Task]:
        """The pieces to ask for: neither in the cache nor refused before, equal ones once.

        A piece that is no video, or too long, is refused here, before it costs anything.
        """
        tasks: dict[str, Task] = {}
        for (clip, mp4), key in zip(pieces, keys, strict=True):
            if key in tasks or self._known(key):
                continue
            seconds = seconds_of(mp4)
            if seconds is None or seconds > LONGEST_SECONDS:
                reason = (
                    "no readable video" if seconds is None else f"{seconds:.0f} s of video: {LONGEST_SECONDS:.0f} go"
                )
                self.cache.refuse(key, reason)
            else:
                tasks[key] = Task(key, clip, mp4, self.service.price(seconds))
        return list(tasks.values())

    def _known(self, key: str) -> bool:
        """Whether nothing needs to be asked for."""
        return self.cache.vector(key, self.service.dimensions) is not None or self.cache.refusal(key) is not None

    def _ask(self, tasks: Sequence[Task], advance: Callable[[int], None]) -> None:
        with alone(self.folder, lambda: log.warning("waiting for another run that uses %s", self.folder)):
            self.asker.budget.spent = self.ledger.spent()
            todo = deque(task for task in tasks if not self._known(task.key))  # that run may have made some
            advance(len(tasks) - len(todo))
            if todo:
                with connected(self.service) as client:
                    if self.service.approval:
                        self.ledger.note(approved=self.service.approval, origin=self.service.origin)
                    if not self.made:
                        self._first(todo, client, advance)
                    self._rest(todo, client, advance)
        if self.asker.late:
            raise self.asker.ended(
                [f"clip {clip}: put aside, {reason}" for clip, reason in sorted(self.asker.late.items())]
            )

    def _first(self, todo: deque[Task], client: Asks, advance: Callable[[int], None]) -> None:
        """Pieces one by one until one is taken; until then a refusal may be ours, and is not remembered."""
        believed = self.ledger.answered(self.service)
        refused: list[tuple[str, str]] = []
        while todo and len(refused) < REFUSED_FIRST:
            task = todo.popleft()
            reason = self.asker.settle(task, client)
            advance(1)
            if reason:
                refused.append((task.key, reason))
            if believed or not reason:
                for key, why in refused:
                    self.cache.refuse(key, why)
                return
        raise self.asker.ended([f"the first {len(refused)} piece(s) were refused, none was taken: {refused[-1][1]}"])

    def _rest(self, todo: deque[Task], client: Asks, advance: Callable[[int], None]) -> None:
        def work() -> None:
            while not self.asker.stop.is_set():
                try:
                    task = todo.popleft()
                except IndexError:
                    return
                if reason := self.asker.settle(task, client):
                    self.cache.refuse(task.key, reason)
                advance(1)

        ends = []
        with ThreadPoolExecutor(self.service.concurrency) as pool:
            workers = [pool.submit(work) for _ in range(min(self.service.concurrency, len(todo)))]
            try:
                for worker in as_completed(workers):
                    if (error := worker.exception()) is not None:
                        self.asker.stop.set()  # requests under way still end, and their vectors are kept
                        if not isinstance(error, Stopped):
                            ends.append(error)
            except BaseException:  # such as Ctrl-C
                self.asker.stop.set()
                raise
        if ends:
            raise ends[0]
