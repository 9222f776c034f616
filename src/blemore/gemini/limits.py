"""Rate, pauses and spending: one of each for all workers of a run."""

import threading
import time
from collections.abc import Callable


class Stopped(Exception):
    """The run was stopped by another worker, or by its user."""


class Pace:
    """Lets requests start evenly, `per_minute` of them, and not at all during a pause.

    Evenly, not in bursts: then no minute, wherever it begins, sees more than the limit.

    clock, sleep : s; for tests.
    """

    def __init__(
        self,
        per_minute: float | None,
        stop: threading.Event,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] | None = None,
    ):
        self._gap = 60 / per_minute if per_minute else 0.0
        self._stop = stop
        self._clock = clock
        self._sleep = sleep or stop.wait
        self._lock = threading.Lock()
        self._next = 0.0
        self._paused_until = 0.0

    def wait(self) -> None:
        """Return when a request may start.

        Raises
        ------
        Stopped : the run ends.
        """
        while not self._stop.is_set():
            with self._lock:
                now = self._clock()
                ready = max(self._next, self._paused_until)
                if now >= ready:
                    self._next = now + self._gap
                    return
            self._sleep(ready - now)
        raise Stopped

    def pause(self, seconds: float) -> None:
        """No request starts for so long, of no worker; a longer pause under way stays."""
        with self._lock:
            self._paused_until = max(self._paused_until, self._clock() + seconds)

    def rest(self, seconds: float) -> None:
        """The calling worker alone waits; others go on.

        Raises
        ------
        Stopped : the run ends.
        """
        self._sleep(seconds)
        if self._stop.is_set():
            raise Stopped


class Budget:
    """What may still be spent. Money is set aside before a request starts and settled after it."""

    def __init__(self, limit: float, spent: float):
        self.limit = limit
        self.spent = spent
        self._open = 0.0
        self._lock = threading.Lock()

    def take(self, usd: float) -> bool:
        """Set `usd` aside; False, and nothing is set aside, where that could exceed the limit."""
        with self._lock:
            if usd and not self.spent + self._open + usd <= self.limit + 1e-9:  # a limit of NaN allows nothing
                return False
            self._open += usd
            return True

    def settle(self, usd: float, paid: float) -> None:
        """`usd` was set aside, `paid` of it is gone."""
        with self._lock:
            self._open -= usd
            self.spent += paid
