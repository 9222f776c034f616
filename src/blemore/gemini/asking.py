"""One piece at a time: asked for until it is taken or refused, within rate and budget, every request in the ledger."""

import logging
import random
import threading
from collections.abc import Sequence
from dataclasses import dataclass

from blemore.gemini.client import Asks
from blemore.gemini.faults import Failure, Meaning
from blemore.gemini.limits import Budget, Pace
from blemore.gemini.service import STAND_IN, Service
from blemore.gemini.store import Cache, Ledger
from joblineage.errors import DataError

log = logging.getLogger(__name__)

TRIES = 8
"""Requests for one piece before it is put aside."""

FIRST_WAIT, LAST_WAIT = 1.0, 60.0
"""s: before the second try, doubled for each further one, at most the latter; a random share of it is waited."""


@dataclass
class Task:
    """A piece that is not in the cache."""

    key: str
    clip: str
    mp4: bytes
    usd: float


class Asker:
    """What all workers of a run share.

    made : vectors that this run brought.
    late : clips put aside, since the service failed on them while others got through, and why.
    first_wait : s; shorter in tests.
    """

    def __init__(self, service: Service, cache: Cache, ledger: Ledger, first_wait: float = FIRST_WAIT):
        self.service = service
        self.cache = cache
        self.ledger = ledger
        self.first_wait = first_wait
        self.made = 0
        self.late: dict[str, str] = {}
        self.stop = threading.Event()
        limit = None if service.backend == STAND_IN else service.requests_per_minute
        self.pace = Pace(limit, self.stop)
        self.budget = Budget(service.max_usd, 0.0)
        self._lock = threading.Lock()

    def settle(self, task: Task, client: Asks) -> str:
        """Ask until the piece is taken or put aside (gives ""), or refused (gives the reason)."""
        before, reason = self.made, ""
        for tries in range(TRIES):
            self.pace.wait()
            failure = self._once(task, client)
            if failure is None:
                return ""
            reason = failure.reason
            log.info("clip %s, try %d: %s", task.clip, tries + 1, failure.reason)
            if failure.meaning is Meaning.stop:
                raise self.ended([f"clip {task.clip}: {failure.reason}"])
            if failure.meaning is Meaning.leave:
                return failure.reason
            if tries + 1 < TRIES:
                self._wait(failure, tries)
        if self.made == before:  # nothing at all got through meanwhile
            raise self.ended([f"clip {task.clip}: {TRIES} tries failed, the last one: {reason}"])
        with self._lock:
            self.late[task.clip] = reason
        return ""

    def _once(self, task: Task, client: Asks) -> Failure | None:
        """One request, within the budget and in the ledger; None when the piece is taken and kept."""
        if not self.budget.take(task.usd):
            raise self.ended([self._too_dear(task)])
        paid = task.usd  # unless the answer says otherwise
        try:
            request = self.ledger.sent(task.key, self.service, task.usd)
            try:
                vector = client.embed(task.mp4)
            except Failure as failure:
                paid = task.usd if failure.maybe_paid else 0.0
                self.ledger.failed(request, paid, failure.reason)
                return failure
            self.cache.keep(task.key, vector)
            self.ledger.done(request, paid)
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

    def _too_dear(self, task: Task) -> str:
        return (
            f"the spending limit of ${self.budget.limit:.2f} is reached: ${self.budget.spent:.4f} are spent by "
            f"{self.ledger.path}, the next piece costs ${task.usd:.4f}; raise max_usd (--max-usd) to go on"
        )

    def ended(self, faults: Sequence[str]) -> DataError:
        """Stop all workers; gives the error to raise."""
        self.stop.set()
        kept = f"{self.made} vector(s) of this run are kept in {self.cache.folder}, the next run goes on from there"
        return DataError(f"Gemini ({kept})", faults)
