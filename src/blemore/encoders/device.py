"""Where a job computes: one thread of a CPU, or a CUDA device; one that no other job of the study uses, if there is one.

A CUDA device works in plain single precision where nothing else is asked for. Most of its operations give the same
bytes each time, but not all (attention's way back in half precision): a job's record says so. Where its memory runs out,
fewer clips at once give the same result.
"""

import fcntl
import logging
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar
import blemore.encoders.torch_compat  # noqa: F401

import torch
from torch import Tensor

from joblineage import slurm
from joblineage.errors import DataError
from joblineage.turns import NO_LOCKS

LOCKS = Path(tempfile.gettempdir(), f"blemore-devices-{os.getuid()}")
"""Folder of the lock files: the machine's own, since devices are, and a study's folder may lie on a disk of several."""
ADVICE = (
    "set gradient_checkpointing: true (finetuning), take smaller or fewer frames, a smaller checkpoint or a larger "
    "device; see whether another program holds the device's memory"
)

P = ParamSpec("P")
T = TypeVar("T")

logger = logging.getLogger(__name__)
_held: list = []  # locked files; a lock lasts as long as its file is open, at most to the end of the process


@cache
def use_one_thread() -> torch.device:
    """One CPU thread, reproducible operations where torch has them; the device to compute on, the same for a process.

    Raises
    ------
    DataError
        Slurm gave the job a GPU that PyTorch does not see: on a CPU it would not end in the time that it asked for.
    """
    torch.set_num_threads(1)
    if not torch.cuda.is_available():  # one thread of a CPU adds up in one order anyway
        if given := slurm.gpus():
            build = f"PyTorch {torch.__version__} was built {f'for CUDA {torch.version.cuda}' if torch.version.cuda else 'without CUDA'}"
            advice = "install with TORCH=cuda (docs/cluster.md), or see whether `nvidia-smi` lists it on that node"
            raise DataError(f"GPU {given} of Slurm job {slurm.own_job()}", [f"{build} and does not see it: {advice}"])
        return torch.device("cpu")
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # else matrix products are not reproducible
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.utils.deterministic.fill_uninitialized_memory = False  # every operation here fills what it asks for
    torch.backends.cudnn.allow_tf32 = False  # on by default for convolutions: three digits
    device = torch.device("cuda", chosen_device(device_names(), LOCKS))
    torch.cuda.set_device(device)
    return device


def device_names() -> list[str]:
    """The CUDA devices that this process sees, by what they are called everywhere: a scheduler may show each job its own
    one as number 0."""
    return [str(torch.cuda.get_device_properties(number).uuid) for number in range(torch.cuda.device_count())]


def chosen_device(names: Sequence[str], folder: Path) -> int:
    """Number of a device that no other job holds; if all are held, of the one with most free memory."""
    device, count = free_device(names, folder), len(names)
    if device is not None:
        return device
    free = [torch.cuda.mem_get_info(k)[0] for k in range(count)]
    device = free.index(max(free))
    logger.warning(
        "all %d CUDA device(s) are held by other jobs: sharing device %d, which has most free memory (%.1f GB); "
        "the runner's resource gpu says how many jobs run at once",
        count, device, free[device] / 1e9,
    )  # fmt: skip
    return device


def free_device(names: Sequence[str], folder: Path) -> int | None:
    """Number of the first of the devices that no process holds, held from now on by this one; None if all are.

    A device is held by a lock on folder/<name>.lock, which ends with the process, however that ends.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for number, name in enumerate(names):
        file = (folder / f"{name}.lock").open("w")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            file.close()
            if error.errno in NO_LOCKS:
                logger.warning("%s has no locks (flock): jobs may share a device while another one is free", folder)
                return None
            if not isinstance(error, BlockingIOError):
                raise
        else:
            _held.append(file)
            return number
    return None


def pinned(batch: Tensor, device: torch.device) -> Tensor:
    """A batch of the CPU in memory from which the device can copy it beside its work."""
    return batch if device.type == "cpu" else batch.pin_memory()


def to_device(batch: Tensor, device: torch.device) -> Tensor:
    """A batch on the device."""
    return batch if batch.device == device else pinned(batch, device).to(device, non_blocking=True)


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
def advise_when_full(where: str) -> Iterator[None]:
    """Memory that runs out where fewer clips would not help becomes a fault with what to do."""
    try:
        yield
    except torch.OutOfMemoryError as error:
        raise DataError(where, [f"the device's memory does not hold the network: {ADVICE}"]) from error
