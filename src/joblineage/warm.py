"""Jobs fork from one process that has the libraries loaded: Python's start and their import are paid once a run.

Snakemake starts a Python for every script. Here a process of its own imports the libraries that most jobs need, then
forks for each script: the fork runs it as the main module of a process of its own. The study's packages are not among
the libraries: each job imports them again, and so depends on no more of them than it did.
"""

import gc
import json
import os
import random
import runpy
import signal
import socket
import subprocess
import sys
import threading
import traceback
import warnings
from collections.abc import Iterable
from contextlib import suppress
from functools import cache
from importlib import import_module
from typing import Any

from joblineage.capture import own_modules

LEAST_JOBS = 12
"""With fewer jobs to run, loading libraries that none of them may need costs more than it saves."""
ONE_THREAD = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "GOTO", "OPENBLAS", "MKL", "NUMEXPR")} | {
    "VECLIB_MAXIMUM_THREADS": "1"
}
TEMPORARY = ("TMPDIR", "TMP", "TEMPDIR", "TEMP")
"""What Snakemake sets in the environment of a job."""


def start(modules: Iterable[str], jobs: int) -> None:
    """Have this Snakemake run its scripts as forks of a process with `modules` loaded; called before the first job.

    The process starts with the first such script: a run that hands its jobs to a cluster has none. A script of more
    than one thread starts by itself, for the libraries read their number of threads when they load; so does one in
    another environment (conda, container), and each one after the process was killed.

    Parameters
    ----------
    modules : names of what is imported once; what they load of the study's own packages is forgotten again. None may
        start a thread that does not outlive a fork.
    jobs : number of jobs to run; below `LEAST_JOBS` all is as Snakemake has it.
    """
    if jobs < LEAST_JOBS or not hasattr(os, "fork"):
        return
    from snakemake.script import PythonScript

    cold = PythonScript.execute_script
    asking = threading.Lock()

    @cache
    def server() -> socket.socket:
        ours, theirs = socket.socketpair()
        with theirs:
            # -P: as a script's own Python, it finds no module in the study's folder.
            command = [sys.executable, "-P", "-m", "joblineage.warm", *modules]
            subprocess.Popen(command, stdin=theirs.fileno(), env=os.environ | ONE_THREAD)
        return ours

    def execute_script(script: Any, fname: str, edit: bool = False) -> None:
        if edit or script.threads > 1 or script.conda_env or script.container_img or script.env_modules:
            return cold(script, fname, edit)
        here, there = socket.socketpair()
        with here, there:
            try:
                with asking:
                    socket.send_fds(server(), [b"j"], [there.fileno()])
            except OSError:  # the process was killed
                return cold(script, fname, edit)
            there.close()
            begun = said = ""
            with suppress(OSError), here.makefile() as answer:  # killed just now
                here.sendall(json.dumps([fname, script.resources.get("tmpdir")]).encode() + b"\n")
                begun, said = answer.readline(), answer.readline()
        if not begun:  # the process ended before it came to this script
            return cold(script, fname, edit)
        if code := int(said or -signal.SIGKILL):
            raise subprocess.CalledProcessError(code, fname)

    PythonScript.execute_script = execute_script


def serve(asked: socket.socket, given: dict[str, Any]) -> None:
    """Fork for every socket that comes in, until Snakemake has ended.

    given : {name: value} that each script finds among its own.
    """
    heard = signal.signal(signal.SIGINT, signal.SIG_IGN)  # the jobs hear it, and end
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # no fork is waited for: each answers by itself
    while True:
        _, sockets, *_ = socket.recv_fds(asked, 1, 1)
        if not sockets:
            return
        with socket.socket(fileno=sockets[0]) as answer:
            if os.fork() == 0:
                asked.close()
                wait_for_script(answer, heard, given)


def wait_for_script(answer: socket.socket, heard: Any, given: dict[str, Any]) -> None:
    """Fork once more, for the script that `answer` names; say how it ended, however it did.

    The script's process keeps `answer` open: where this one is killed, Snakemake waits until the script has ended.

    heard : what the script's process does with an interrupt.
    """
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    script, folder = json.loads(answer.makefile().readline())
    with suppress(OSError):  # Snakemake was killed
        answer.sendall(b"begun\n")
    process = os.fork()
    if process == 0:
        signal.signal(signal.SIGINT, heard)
        run_script(script, folder, given)
    code = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    with suppress(OSError):  # Snakemake was killed
        answer.sendall(f"{code}\n".encode())
    os._exit(0)


def run_script(script: str, folder: str | None, given: dict[str, Any]) -> None:
    """Run the script as the main module, as `python script` would, and end the process.

    folder : for temporary files.
    """
    os.environ |= dict.fromkeys(TEMPORARY, folder) if folder else {}
    random.seed()
    sys.argv = [script]
    code: Any = 0
    try:
        runpy.run_path(script, given, run_name="__main__")
    except SystemExit as end:
        code = end.code
    except BaseException:
        traceback.print_exc()
        code = 1
    print(end="", flush=True)  # unlike a stream's own `flush` also where it is closed
    print(end="", flush=True, file=sys.stderr)
    os._exit(code if isinstance(code, int) else int(code is not None))


def main() -> None:
    """`python -m joblineage.warm MODULE ...` in the study's folder; its standard input is the socket."""
    from joblineage import loaded  # Snakemake imports this module and needs none of it

    environment = dict(os.environ)
    gc.disable()  # what is imported stays: to look for garbage takes a sixth of the time
    for name in sys.argv[1:]:
        with suppress(Exception):  # a job that needs it says so
            import_module(name)
    os.environ.clear()  # some libraries add to it
    os.environ |= environment
    warnings.filterwarnings("ignore", "This process .* is multi-threaded", DeprecationWarning)  # see `start`
    given = {loaded.BEFORE: loaded.so_far()}
    for name in own_modules():
        del sys.modules[name]
    sys.modules.pop("__mp_main__", None)  # some library's second name for this module
    gc.freeze()  # nor do the forks look at it again
    gc.enable()
    asked = socket.socket(fileno=os.dup(0))
    with open(os.devnull, encoding="utf-8") as nothing:
        os.dup2(nothing.fileno(), 0)
    serve(asked, given)


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):  # while it loads the libraries
        main()
