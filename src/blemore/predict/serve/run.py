"""`blemore serve`, from its numbers to a running server."""

import asyncio
import signal
import sys
from pathlib import Path

from aiohttp import web

from blemore.predict.serve.app import LOOPBACK, Limits, application, hosts_of
from blemore.predict.serve.turns import Turns
from joblineage.telling import say


def run(bundle: Path, *, host: str, port: int, megabytes: float, minutes: float, waiting: int) -> None:
    """Serve the page until it is interrupted.

    Parameters
    ----------
    bundle : folder; host, port : where to listen.
    megabytes : most of a request's clips; minutes : most that sending them, and judging them, may take.
    waiting : most requests that wait.

    Raises
    ------
    DataError : the bundle cannot be loaded, or `host` is every address. OSError : the port is taken.
    """
    asyncio.run(_run(bundle, host, port, Limits(round(megabytes * 1e6), 60 * minutes), waiting))


async def _run(bundle: Path, host: str, port: int, limits: Limits, waiting: int) -> None:
    hosts = hosts_of(host, port)
    command = [sys.executable, "-m", "blemore.predict.serve.worker", str(bundle)]
    turns = Turns(command, seconds=limits.seconds, waiting=waiting)
    say("The bundle is loaded and compared with its manifest ...", err=True)
    about = await turns.start()
    runner = web.AppRunner(application(turns, about, limits, hosts), handler_cancellation=True, access_log=None)
    try:
        await runner.setup()
        await web.TCPSite(runner, host.strip("[]"), port, shutdown_timeout=1).start()
        say(f"http://{hosts[0]}  (Ctrl-C ends it)", err=True)
        if f"{LOOPBACK[0]}:{port}" not in hosts:
            say("Whoever reaches this address can use it, and clips travel to it unencrypted.", err=True)
        ended = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
        await ended.wait()
    finally:
        await runner.cleanup()
        await turns.stop()
