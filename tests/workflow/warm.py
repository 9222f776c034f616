"""Commands that start warm: a server has loaded the large libraries once, and forks a process for each command.

Snakemake, DVC, jobs' scripts and `blemore` run as ever, each in a process of its own and with the workspace's own code (no
module of this project is loaded beforehand). Only what costs a tiny job most is not done anew each time: Python's start
and the import of libraries.
"""

import gc
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path

COMMANDS = ("snakemake", "dvc", "blemore")
PYTHON = sys.executable
"""As it was when the tests began: a workflow in this process may name it by PATH, where the client would find itself."""
# Not torch: whether it is loaded, and with how many threads, is part of a job's record.
LIBRARIES = (
    *("av", "cma", "cv2", "matplotlib.pyplot", "numba", "numpy", "pandas", "psutil", "pyarrow.dataset"),
    *("scipy.optimize", "scipy.stats", "sklearn.decomposition", "sklearn.linear_model", "sklearn.model_selection"),
    *("jinja2", "jsonschema", "rfc8785", "rich.console", "typer", "yaml"),
    *("dvc.cli.parser", "dvc.commands.repro", "dvc.repo.index", "dvc.rwlock"),
    *("snakemake.cli", "snakemake.report.html_reporter", "snakemake.script", "nbformat", "smart_open"),
)
# A "#!" line takes no space in a path: a shell reads the second line, which is a string to Python.
CLIENT = """#!/bin/sh
"exec" "{python}" "-IS" "$0" "$@"
import array, json, os, socket, sys
with socket.socket(socket.AF_UNIX) as server:
    server.connect({address!r})
    said = json.dumps([os.path.basename(sys.argv[0]), sys.argv[1:], os.getcwd(), dict(os.environ)]).encode()
    standard = array.array("i", [0, 1, 2])
    server.sendmsg([len(said).to_bytes(8, "big")], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, standard)])
    server.sendall(said)
    code = server.recv(1)
os._exit(code[0] if code else 1)
"""


@contextmanager
def commands(folder: Path, environment: Mapping[str, str]) -> Iterator[Path]:
    """A server at work, started with that environment; yields the folder of its commands, which belongs at the front of PATH."""
    bin = folder / "bin"
    bin.mkdir()
    client = bin / "python"
    client.write_text(CLIENT.format(python=PYTHON, address=str(folder / "socket")))
    client.chmod(0o755)
    for name in COMMANDS:
        (bin / name).symlink_to("python")
    command = [PYTHON, __file__, str(folder / "socket"), str(client)]
    with subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout.readline() == "ready\n"
        yield bin


def serve(address: str, client: str) -> None:
    """Fork a process for each command that is asked for."""
    path = sys.path[1:]
    for name in LIBRARIES:
        import_module(name)
    sys.modules.pop("__mp_main__", None)  # some library's second name for this module
    assert not [name for name in sys.modules if name.split(".")[0] in ("blemore", "torch")]
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)  # for what is forked: none lives long
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # ended processes are not waited for
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(address)
    listening.listen(64)
    print("ready", flush=True)
    while listening in select.select([listening, sys.stdin], [], [])[0]:
        asked, _ = listening.accept()
        if os.fork() == 0:
            listening.close()
            answer(asked, path, client)
        asked.close()


def answer(asked: socket.socket, path: list[str], client: str) -> None:
    """Run one command in a process of its own and tell its exit code; end it if whoever asked is gone."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    length, standard, _, _ = socket.recv_fds(asked, 8, 3)
    said = asked.recv(int.from_bytes(length, "big"), socket.MSG_WAITALL)
    child = os.fork()
    if child == 0:
        asked.close()
        for number, file in enumerate(standard):
            os.dup2(file, number)
            os.close(file)
        os._exit(run(*json.loads(said), path, client))
    for file in standard:
        os.close(file)
    ended = os.pidfd_open(child)
    if ended not in select.select([ended, asked], [], [])[0]:
        os.kill(child, signal.SIGKILL)
    asked.send(bytes([os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) & 255]))
    os._exit(0)


def run(name: str, arguments: list[str], folder: str, environment: dict[str, str], path: list[str], client: str) -> int:
    """What `name arguments` does in a fresh Python, in this process; the exit code."""
    programs, sys.executable = Path(sys.executable).parent, client
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    own = [part for part in environment.get("PYTHONPATH", "").split(os.pathsep) if part]
    try:
        if name in COMMANDS:
            arguments = [str(programs / name), *arguments]
        safe = arguments[0] == "-P" or environment.get("PYTHONSAFEPATH")
        arguments = arguments[1:] if arguments[0] == "-P" else arguments
        here = [] if safe else [folder if arguments[0] == "-m" else str(Path(arguments[0]).parent)]
        if arguments[0] == "-m":
            sys.path[:] = [*here, *own, *path]
            sys.argv[:] = arguments[1:]
            runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
        else:
            sys.path[:] = [*here, *own, *path]
            sys.argv[:] = arguments
            runpy.run_path(arguments[0], run_name="__main__")
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
    except BaseException:
        traceback.print_exc()
        code = 1
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    return code


if __name__ == "__main__":
    serve(*sys.argv[1:])
