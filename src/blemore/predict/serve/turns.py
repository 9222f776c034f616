"""Jobs take turns: one at a time, in the order in which they came, each with a time limit and an end at any moment."""

import asyncio
import json
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any

from joblineage.errors import DataError
from joblineage.files import parse_json

BEAT = 0.5
"""s between two states of a job; a client that has gone is noticed as fast."""
LONGEST_LINE = 2**26
"""Bytes of the answers to one job, pictures included."""
ENDED = "the process that judges has ended: too little memory, or a file that it cannot stand; fewer or smaller clips may go"


class Turns:
    """One worker, and the jobs that wait for it.

    command : starts a worker (`worker.main`): its first line says what it is, then a line of JSON in gives a line out.
    seconds : most that a job may take once it is its turn; waiting : most jobs that may wait.
    """

    def __init__(self, command: Sequence[str], *, seconds: float, waiting: int):
        self.command = command
        self.seconds = seconds
        self.waiting = waiting
        self.line: list[object] = []
        self.process: Process | None = None

    @property
    def full(self) -> bool:
        """Whether no further job may wait."""
        return len(self.line) > self.waiting

    async def start(self) -> dict[str, Any]:
        """Start the worker; what it says of itself.

        Raises
        ------
        DataError : it cannot load its bundle; says why.
        """
        self.process = await asyncio.create_subprocess_exec(
            *self.command, stdin=PIPE, stdout=PIPE, limit=LONGEST_LINE, start_new_session=True
        )
        said = await self._read()
        if "about" not in said:
            await self.stop()
            raise DataError("bundle", [said["fault"]])
        return said["about"]

    async def stop(self) -> None:
        """End the worker at once; the next job starts another one."""
        process, self.process = self.process, None
        if process is not None:
            if process.returncode is None:
                process.kill()
            await process.wait()

    async def states(self, job: Mapping[str, Any]) -> AsyncGenerator[dict[str, Any], None]:
        """What becomes of a job: "waiting", with how many are ahead; "running", with s; at last "done" or "failed".

        To leave the iterator is to cancel the job.
        """
        turn = object()
        self.line.append(turn)
        try:
            while ahead := self.line.index(turn):
                yield {"state": "waiting", "ahead": ahead}
                await asyncio.sleep(BEAT)
            async for state in self._run(job):
                yield state
        finally:
            self.line.remove(turn)

    async def _run(self, job: Mapping[str, Any]) -> AsyncGenerator[dict[str, Any], None]:
        work, begun = asyncio.create_task(self._answer(job)), time.monotonic()
        try:
            while not work.done():
                passed = time.monotonic() - begun
                if passed > self.seconds:
                    text = f"took longer than the limit of {self.seconds / 60:g} min (--minutes): fewer clips at once may go"
                    yield {"state": "failed", "fault": text}
                    return
                yield {"state": "running", "seconds": round(passed)}
                await asyncio.wait({work}, timeout=BEAT)
            yield work.result()
        finally:
            if not work.done():
                work.cancel()
                await self.stop()

    async def _answer(self, job: Mapping[str, Any]) -> dict[str, Any]:
        try:
            if self.process is None:
                await self.start()
            assert self.process is not None
            assert self.process.stdin is not None
            self.process.stdin.write(json.dumps(job).encode() + b"\n")
            await self.process.stdin.drain()
            said = await self._read()
        except (DataError, ConnectionError) as fault:
            said = {"fault": ENDED if isinstance(fault, ConnectionError) else "; ".join(fault.faults)}
        return {"state": "failed" if "fault" in said else "done", **said}

    async def _read(self) -> dict[str, Any]:
        assert self.process is not None
        assert self.process.stdout is not None
        line = await self.process.stdout.readline()
        if line:
            return parse_json(line)
        await self.stop()
        return {"fault": ENDED}
