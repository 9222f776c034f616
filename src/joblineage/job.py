"""What every job does around its one package call: log to its own file, one thread, say what it made, leave a record."""

import logging
import os
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from joblineage import capture, record
from joblineage.errors import DataError, escaped
from joblineage.progress import in_job
from joblineage.telling import Plain

FAILED = "the job failed: "
"""Comes before the error in a job's log."""
TRACEBACK = "\nTraceback (most recent call last):"
NO_MEMORY = "let fewer jobs run at a time, with `snakemake --cores 1`; what is finished is kept"
"""What helps a job for which the machine's memory does not suffice."""


@contextmanager
def job(
    snakemake: Any, *, first: Sequence[str] = (), each: str | None = None, headline: record.Headline | None = None
) -> Iterator[Iterator[record.Part]]:
    """Run a job's work, with its log, its costs and its lineage record.

    Logging goes to the rule's log file; its last lines name outputs and loaded modules. A rule with an output `cost` gets there
    what the job used. A job that ends well leaves a record. The log is rewritten by each run of the job and holds times, so it
    is no payload. It also holds the traceback of a job that failed. A process that Snakemake started for the job ends with it.

    Parameters
    ----------
    snakemake : object
        What Snakemake gives a script.
    first : sequence of str
        Arguments of a Python that must end well before the work begins, such as a `verify` of an input.
    each : str or None
        A wildcard; the job may be several instances of its rule, one for each number in its outputs' names.
    headline : callable or None
        Given {role: path} of the outputs when the work is done, the numbers for which the study is run.

    Yields
    ------
    iterator of Part
        The instances, for a job with `each` to work on one after the other; each has a record and costs of its own.

    Raises
    ------
    DataError
        `first` did not end well; what it said.
    """
    log = Path(snakemake.log[0])
    handler = logging.FileHandler(log, mode="w", encoding="utf-8")
    handler.setFormatter(Plain("%(asctime)s %(levelname)s %(message)s"))
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    logging.captureWarnings(True)
    started, begun = time.monotonic(), None
    try:
        if first:
            run_first(first)
        begun = record.begin(snakemake)
        parts = begun.parts(each)
        waiting = one_by_one(parts, started)
        yield waiting
        list(waiting)  # a job without `each` has not asked for its one instance
        for path in snakemake.output:
            logging.info("made %s (%d bytes)", path, Path(path).stat().st_size)
        logging.info("modules %s", " ".join(capture.own_modules()))
        logging.info("record %s", " ".join(begun.end(parts, headline)))
        logging.info("done in %.1f s", time.monotonic() - started)
    except BaseException as error:
        logging.exception("%s%s", FAILED, "\n".join([_message(error), *(begun.damaged() if begun else [])]))
        if in_job():
            raise SystemExit(1) from None  # the traceback is in the log, `failure` finds the message there
        raise
    finally:
        root.removeHandler(handler)
        handler.close()
    if in_job():
        # The outputs and the record are on disk; the interpreter's own end would take torch, pandas and the like apart
        # first, for up to a second.
        print(end="", flush=True)  # unlike a stream's own `flush` also where it is closed
        print(end="", flush=True, file=sys.stderr)
        os._exit(0)


def _message(error: BaseException) -> str:
    """What went wrong, for people: a fault of the data says it all, others need their kind."""
    if isinstance(error, DataError):
        return str(error)
    said = escaped(": ".join(filter(None, [type(error).__name__, str(error)])))
    return f"{said}: not enough memory: {NO_MEMORY}" if isinstance(error, MemoryError) else said


def failure(log: Path) -> str | None:
    """What a failed job said last in its log, without the traceback.

    Parameters
    ----------
    log : Path
        The job's log file.

    Returns
    -------
    str or None
        The message; None where it said nothing.
    """
    if not log.is_file():
        return None
    _, failed, said = log.read_text("utf-8", errors="replace").rpartition(FAILED)
    return said.partition(TRACEBACK)[0].strip() if failed else None


def one_by_one(parts: Iterable[record.Part], started: float) -> Iterator[record.Part]:
    """Go through the instances; each is done, with what it used, when the next one is asked for.

    Parameters
    ----------
    parts : iterable of Part
        The instances.
    started : float, s
        When the first one began, by the monotonic clock.

    Yields
    ------
    Part
        One instance.
    """
    cpu_before = 0.0
    for part in parts:
        yield part
        now, cpu = time.monotonic(), time.process_time()
        part.done(cost(now - started, cpu - cpu_before))
        started, cpu_before = now, cpu


def run_first(arguments: Sequence[str]) -> None:
    """Refuse to go on where another Python did not end well.

    In a process of its own: its modules are no part of what the job's result depends on.

    Parameters
    ----------
    arguments : sequence of str
        Arguments of the Python.

    Raises
    ------
    DataError
        It did not end well; what it said.
    """
    done = subprocess.run(
        [sys.executable, *arguments], capture_output=True, encoding="utf-8", errors="replace", check=False
    )
    said = (done.stdout + done.stderr).strip()
    logging.info("%s: %s", " ".join(arguments), said)
    if done.returncode:
        raise DataError(" ".join(arguments), ["did not end well:", *said.splitlines()])


def cost(seconds: float, cpu_seconds: float) -> dict[str, Any]:
    """What an instance used.

    Parameters
    ----------
    seconds : float, s
        Its wall time.
    cpu_seconds : float, s
        Its CPU time.

    Returns
    -------
    dict of str to object
        "seconds", "cpu_seconds", "peak_mb" (the process's largest memory so far), "device", "peak_gpu_mb".
    """
    cuda = capture.cuda()
    return {
        "seconds": round(seconds, 2),
        "cpu_seconds": round(cpu_seconds, 2),
        "peak_mb": capture.peak_memory() >> 20,
        "device": cuda.get_device_name() if cuda else "cpu",
        "peak_gpu_mb": round(cuda.max_memory_allocated() / 2**20) if cuda else 0,
    }
