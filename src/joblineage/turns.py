"""One process at a time, also on a shared disk without locks: a file that names its owner is used there instead."""

import errno
import fcntl
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from filelock import BaseFileLock

NO_LOCKS = (errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP)
"""What `flock` fails with on some network disks: Lustre mounted without -o flock, NFS without a lock daemon."""

logger = logging.getLogger(__name__)


@contextmanager
def alone(path: Path, *, seconds: float = -1, waiting: Callable[[], object] = lambda: None) -> Iterator[None]:
    """Let one process at a time go on. A killed process holds nothing back on its own machine.

    Parameters
    ----------
    path : of the lock. On a disk without locks the file beside it that ends in ".owner" says which process on which machine
        is going on; one that was killed on another machine leaves it.
    seconds : so long others are waited for; -1: for ever.
    waiting : called once if another process has to be waited for.

    Raises
    ------
    filelock.Timeout : the others took longer.
    """
    from filelock import Timeout  # whoever only wants to know `has_locks` goes without

    lock = _lock(path)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        waiting()
        if (owner := Path(lock.lock_file)).name != path.name:
            held = " on ".join(owner.read_text("utf-8", "replace").split()[:2]) if owner.exists() else ""
            logger.warning("%s is held by process %s: remove it if that process is gone", owner, held)
        lock.acquire(timeout=seconds)
    try:
        yield
    finally:
        lock.release()


def has_locks(path: Path) -> bool:
    """Whether the disk that a file lies on has locks; the file is made."""
    with open(path, "a", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError as error:
            if error.errno in NO_LOCKS:
                return False
            raise
    return True


def _lock(path: Path) -> "BaseFileLock":
    from filelock import FileLock, SoftFileLock

    if has_locks(path):
        return FileLock(path)
    logger.warning("the disk of %s has no locks (flock): a file that names its owner is used instead", path)
    return SoftFileLock(path.with_name(f"{path.name}.owner"))
