"""What every job does around its one package call: log to its own file, one thread, say what it made, leave a record."""

import logging
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from blemore.errors import DataError
from blemore.files import write_json
from blemore.lineage import capture, record


@contextmanager
def job(snakemake: Any, *, verified: str | None = None) -> Iterator[record.Begun]:
    """Run a job's work: logging goes to the rule's log file; the last lines name outputs and loaded modules.
    A rule with an output `cost` gets there what the job used. A job that ends well leaves a lineage record.

    The log is written anew by each run of the job and holds times, so it is no payload.

    Parameters
    ----------
    verified : an input whose whole chain must verify before the work begins.

    Yields
    ------
    The job at work, which knows the hash of what it hangs on (`record.Begun.work_key`).

    Raises
    ------
    DataError : that chain does not verify; what `blemore lineage verify` says of it.
    """
    log = Path(snakemake.log[0])
    handler = logging.FileHandler(log, mode="w")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    logging.captureWarnings(True)
    started = time.monotonic()
    try:
        if verified is not None:
            check_chain(verified)
        begun = record.begin(snakemake)
        yield begun
        used = cost(time.monotonic() - started)
        if "cost" in snakemake.output.keys():  # noqa: SIM118  (a Namedlist, not a dict)
            write_json(snakemake.output.cost, used)
        for path in snakemake.output:
            logging.info("made %s (%d bytes)", path, Path(path).stat().st_size)
        loaded = sorted(name for name in sys.modules if name.split(".")[0] == "blemore")
        logging.info("modules %s", " ".join(loaded))
        logging.info("record %s", begun.end(used))
        logging.info("done in %.1f s", time.monotonic() - started)
    except BaseException as error:
        logging.exception("the job failed: %s", error)
        raise
    finally:
        root.removeHandler(handler)
        handler.close()


def check_chain(path: str) -> None:
    """Refuse to go on from a file whose chain does not verify.

    In a process of its own: what checks a job's chain is no part of what the job's result hangs on.
    """
    command = [sys.executable, "-m", "blemore.cli", "lineage", "verify", path]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    logging.info("verify %s: %s", path, (done.stdout + done.stderr).strip())
    if done.returncode:
        raise DataError(path, ["its lineage does not verify:", *(done.stdout + done.stderr).strip().splitlines()])


def cost(seconds: float) -> dict[str, Any]:
    """What this process has used so far: wall and CPU seconds, imports included in the latter, memory, device."""
    cuda = capture.cuda()
    return {
        "seconds": round(seconds, 2),
        "cpu_seconds": round(time.process_time(), 2),
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "device": cuda.get_device_name() if cuda else "cpu",
        "peak_gpu_mb": round(cuda.max_memory_allocated() / 2**20) if cuda else 0,
    }
