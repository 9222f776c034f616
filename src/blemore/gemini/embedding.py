"""The run: what the cache holds is taken from there, the rest is asked for, and kept at once.

The first request goes alone, so that a wrong key or model costs one request, then `concurrency` workers share the
rest. A piece is asked for until it is taken or refused, within rate and budget, with every request in the ledger.
Whatever ends a run, what was paid for is in the cache, and the next run asks for nothing of it again.
"""

import logging
import random
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from blemore.gemini.client import Ask, connected
from blemore.gemini.faults import Failure, Meaning
from blemore.gemini.limits import Budget, Pace, Stopped
from blemore.gemini.plan import measured
from blemore.gemini.service import STAND_IN, Service
from blemore.gemini.store import Cache, Ledger, alone, cache_key
from joblineage.errors import DataError

log = logging.getLogger(__name__)

TRIES = 8
"""Requests for one piece before it is put aside."""

FIRST_WAIT, LAST_WAIT = 1.0, 60.0
"""s: before the second try, doubled for each further one, at most the latter; a random share of it is waited."""

REFUSED_FIRST = 3
"""Pieces refused one after the other, before any was taken, that stop the run: then it is not the pieces' fault."""


@dataclass
class Task:
    """A piece that is not in the cache."""

    key: str
    clip: str
    mp4: bytes
    usd: float


class Run:
    """Asks for pieces and keeps what comes: one per process and cache folder, for any number of calls of `vectors`.

    made : vectors that this run brought.
    first_wait : s; shorter in tests.
    """

    def __init__(self, service: Service, folder: Path, first_wait: float = FIRST_WAIT):
        self.service = service
        self.folder = folder
        self.first_wait = first_wait
        self.cache = Cache(folder)
        self.ledger = Ledger(folder / "ledger.jsonl")
        self.made = 0
        self.stop = threading.Event()
        self.pace = Pace(None if service.backend == STAND_IN else service.requests_per_minute, self.stop)
        self.budget = Budget(service.max_usd, 0.0)
        self._late: dict[str, str] = {}  # clips on which the service failed while others got through, and why
        self._lock = threading.Lock()

    def vectors(
        self, pieces: Sequence[tuple[str, bytes]], advance: Callable[[int], None] = lambda count: None
    ) -> tuple[np.ndarray, list[str]]:
        """The vectors of some pieces (clip, MP4 file), asking for those that are not in the cache.

        advance : called with how many more pieces are settled, from any thread.

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
        stored = [self.cache.vector(key, self.service.dimensions) for key in keys]
        for key in keys:
            self.cache.declare(key)
        nothing = np.full(self.service.dimensions, np.nan, np.float32)
        reasons = [self.cache.refusal(k) or "" if v is None else "" for k, v in zip(keys, stored, strict=True)]
        return np.stack([nothing if vector is None else vector for vector in stored]), reasons

    def _missing(self, pieces: Sequence[tuple[str, bytes]], keys: Sequence[str]) -> list[Task]:
        """The pieces to ask for: neither in the cache nor refused before, equal ones once.

        A piece that is no video, or too long, is refused here, before it costs anything.
        """
        tasks: dict[str, Task] = {}
        for (clip, mp4), key in zip(pieces, keys, strict=True):
            if key in tasks or self._known(key):
                continue
            seconds, reason = measured(mp4)
            if reason:
                self.cache.refuse(key, reason)
            else:
                tasks[key] = Task(key, clip, mp4, self.service.price(seconds))
        return list(tasks.values())

    def _known(self, key: str) -> bool:
        """Whether nothing needs to be asked for."""
        return self.cache.vector(key, self.service.dimensions) is not None or self.cache.refusal(key) is not None

    def _ask(self, tasks: Sequence[Task], advance: Callable[[int], None]) -> None:
        with alone(self.folder, lambda: log.warning("waiting for another run that uses %s", self.folder)):
            self.budget.spent = self.ledger.spent()
            self.cache.look_again()
            todo = deque(task for task in tasks if not self._known(task.key))  # that run may have made some
            advance(len(tasks) - len(todo))
            if todo:
                with connected(self.service) as ask:
                    if self.service.approval:
                        self.ledger.note(approved=self.service.approval, origin=self.service.origin)
                    if not self.made:
                        self._first(todo, ask, advance)
                    self._rest(todo, ask, advance)
        if self._late:
            raise self._ended([f"clip {clip}: put aside, {reason}" for clip, reason in sorted(self._late.items())])

    def _first(self, todo: deque[Task], ask: Ask, advance: Callable[[int], None]) -> None:
        """Pieces one by one until one is taken; until then a refusal may be ours, and is not remembered."""
        believed = self.ledger.answered(self.service)
        refused: list[tuple[str, str]] = []
        while todo and len(refused) < REFUSED_FIRST:
            task = todo.popleft()
            reason = self._settle(task, ask)
            advance(1)
            if reason:
                refused.append((task.key, reason))
            if believed or not reason:
                for key, why in refused:
                    self.cache.refuse(key, why)
                return
        raise self._ended([f"the first {len(refused)} piece(s) were refused, none was taken: {refused[-1][1]}"])

    def _rest(self, todo: deque[Task], ask: Ask, advance: Callable[[int], None]) -> None:
        def work() -> None:
            while not self.stop.is_set():
                try:
                    task = todo.popleft()
                except IndexError:
                    return
                if reason := self._settle(task, ask):
                    self.cache.refuse(task.key, reason)
                advance(1)

        ends = []
        with ThreadPoolExecutor(self.service.concurrency) as pool:
            workers = [pool.submit(work) for _ in range(min(self.service.concurrency, len(todo)))]
            try:
                for worker in as_completed(workers):
                    if (error := worker.exception()) is not None:
                        self.stop.set()  # requests under way still end, and their vectors are kept
                        if not isinstance(error, Stopped):
                            ends.append(error)
            except BaseException:  # such as Ctrl-C
                self.stop.set()
                raise
        if ends:
            raise ends[0]

    def _settle(self, task: Task, ask: Ask) -> str:
        """Ask until the piece is taken or put aside (gives ""), or refused (gives the reason)."""
        before, reason = self.made, ""
        for tries in range(TRIES):
            self.pace.wait()
            failure = self._once(task, ask)
            if failure is None:
                return ""
            reason = failure.reason
            log.info("clip %s, try %d: %s", task.clip, tries + 1, failure.reason)
            if failure.meaning is Meaning.stop:
                raise self._ended([f"clip {task.clip}: {failure.reason}"])
            if failure.meaning is Meaning.leave:
                return failure.reason
            if tries + 1 < TRIES:
                self._wait(failure, tries)
        if self.made == before:  # nothing at all got through meanwhile
            raise self._ended([f"clip {task.clip}: {TRIES} tries failed, the last one: {reason}"])
        with self._lock:
            self._late[task.clip] = reason
        return ""

    def _once(self, task: Task, ask: Ask) -> Failure | None:
        """One request, within the budget and in the ledger; None when the piece is taken and kept."""
        if not self.budget.take(task.usd):
            limit, spent = f"${self.budget.limit:.2f}", f"${self.budget.spent:.4f} are spent by {self.ledger.path}"
            price = f"the next piece costs ${task.usd:.4f}; raise max_usd (--max-usd) to go on"
            raise self._ended([f"the spending limit of {limit} is reached: {spent}, {price}"])
        paid = task.usd  # unless the answer says otherwise
        try:
            request = self.ledger.sent(task.key, self.service, task.usd)
            try:
                vector = ask(task.mp4)
            except Failure as failure:
                paid = task.usd if failure.maybe_paid else 0.0
                self.ledger.failed(request, paid, failure.reason)
                return failure
            self.ledger.done(request, paid, self.cache.keep(task.key, vector))
        finally:
            self.budget.settle(task.usd, paid)
        with self._lock:
            self.made += 1
        return None

    def _wait(self, failure: Failure, tries: int) -> None:
        """Pause everybody, or rest alone, at least as long as the service asks, and longer with every try."""
        wait = min(LAST_WAIT, self.first_wait * 2**tries)
        wait *= random.uniform(0.5, 1)  # so that workers do not come back all at once; no result depends on it
        if failure.everybody:
            wait = max(wait, failure.wait or 0.0)
            log.warning("all requests pause for %.1f s: %s", wait, failure.reason)
            self.pace.pause(wait)
        else:
            self.pace.rest(wait)

    def _ended(self, faults: Sequence[str]) -> DataError:
        """Stop all workers; gives the error to raise."""
        self.stop.set()
        kept = f"{self.made} vector(s) of this run are kept in {self.cache.folder}, the next run goes on from there"
        return DataError(f"Gemini ({kept})", faults)
