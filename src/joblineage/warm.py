"""Jobs fork from one process that has the libraries loaded: Python's start and their import are paid once a run.

Snakemake starts a Python for every script. Here a process of its own imports the libraries that most jobs need, then
forks for each script: the fork runs it as the main module of a process of its own. The study's packages are not among
the libraries: each job imports them anew, and so depends on no more of them than it did.
"""

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
from collections.abc import Iterable
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

LEAST_JOBS = 12
"""With fewer jobs to run, loading libraries that none of them may need costs more than it saves."""


def start(modules: Iterable[str], jobs: int) -> None:
    """Have this Snakemake run its scripts as forks of a process with `modules` loaded; called before the first job.

    A script of more than one thread starts by itself, for the libraries read their number of threads when they load;
    so does one in another environment (conda, container).

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
    ours, theirs = socket.socketpair()
    one_thread = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}  # as Snakemake's jobs
    subprocess.Popen(
        [sys.executable, "-m", "joblineage.warm", *modules], stdin=theirs.fileno(), env=os.environ | one_thread
    )
    theirs.close()
    asking = threading.Lock()

    def execute_script(script: Any, fname: str, edit: bool = False) -> None:
        if edit or script.threads > 1 or script.conda_env or script.container_img or script.env_modules:
            return cold(script, fname, edit)
        here, there = socket.socketpair()
        with here, there:
            with asking:
                socket.send_fds(ours, [b"j"], [there.fileno()])
            there.close()
            here.sendall(json.dumps([fname, script.resources.get("tmpdir")]).encode() + b"\n")
            code = here.makefile().readline()
        if code != "0\n":
            raise subprocess.CalledProcessError(int(code or 1), fname)

    PythonScript.execute_script = execute_script


def serve(asked: socket.socket) -> None:
    """Fork for every socket that comes in, until Snakemake has ended."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the jobs hear it, and end
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # no fork is waited for: each answers by itself
    while True:
        _, sockets, *_ = socket.recv_fds(asked, 1, 1)
        if not sockets:
            return
        with socket.socket(fileno=sockets[0]) as answer:
            if os.fork() == 0:
                asked.close()
                wait_for_script(answer)


def wait_for_script(answer: socket.socket) -> None:
    """Fork once more, for the script that `answer` names; say how it ended, however it did."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    script, folder = json.loads(answer.makefile().readline())
    process = os.fork()
    if process == 0:
        answer.close()
        signal.signal(signal.SIGINT, signal.default_int_handler)
        run_script(script, folder)
    code = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    answer.sendall(f"{code}\n".encode())
    os._exit(0)


def run_script(script: str, folder: str | None) -> None:
    """Run the script as the main module, as `python script` would, and end the process.

    folder : for temporary files.
    """
    os.environ |= dict.fromkeys(("TMPDIR", "TMP", "TEMP"), folder) if folder else {}
    random.seed()
    sys.argv = [script]
    code: Any = 0
    try:
        runpy.run_path(script, run_name="__main__")
    except SystemExit as end:
        code = end.code
    except BaseException:
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code if isinstance(code, int) else int(code is not None))


def main() -> None:
    """`python -m joblineage.warm MODULE ...` in the study's folder; its standard input is the socket."""
    for name in sys.argv[1:]:
        with suppress(ImportError):  # a job that needs it says so
            import_module(name)
    packages = {entry.name for entry in Path("src").glob("*")}
    for name in [name for name in sys.modules if name.split(".")[0] in packages]:
        del sys.modules[name]
    asked = socket.socket(fileno=os.dup(0))
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    serve(asked)


if __name__ == "__main__":
    main()
