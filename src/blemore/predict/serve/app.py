"""The local page: who may ask, how much may be sent, and the answers as they come.

A request to judge is one request: clips go in, lines of JSON come out, and when it ends, by whatever, its files are deleted.
"""

import asyncio
import json
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from importlib.resources import files
from ipaddress import ip_address
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from aiohttp import BodyPartReader, web

from blemore.predict.serve.turns import Turns
from joblineage.errors import DataError

FILES = {"/": "index.html", "/serve.css": "serve.css", "/serve.js": "serve.js"}
TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript"}
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; "
    "media-src blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "Permissions-Policy": "camera=(self), microphone=(self)",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
PIECE = 2**18
"""Bytes of an upload that are held in memory."""


@dataclass(frozen=True)
class Limits:
    """Of one request: bytes of all its clips, s that sending them may take, and clips."""

    size: int
    seconds: float
    clips: int = 200


class Refused(Exception):
    """A request is not answered; the message says why."""

    def __init__(self, status: int, reason: str):
        super().__init__(reason)
        self.status = status


def application(turns: Turns, about: Mapping[str, Any], limits: Limits, hosts: Sequence[str]) -> web.Application:
    """The page and its one question.

    Parameters
    ----------
    turns : where jobs wait; about : what the worker said of its bundle.
    hosts : values of the header Host that are answered, such as "127.0.0.1:8000". Another one is a page elsewhere whose
        name was made to lead here.
    """

    @web.middleware
    async def guarded(request: web.Request, handler: Any) -> web.StreamResponse:
        origin = request.headers.get("Origin", f"http://{request.host}")
        try:
            if request.host not in hosts:
                raise Refused(403, f"this page is at http://{hosts[0]}")
            if origin.partition("://")[2] != request.host:
                raise Refused(403, "another page asked for this")
            return await handler(request)
        except Refused as reason:
            return web.json_response({"fault": str(reason)}, status=reason.status)

    async def predict(request: web.Request) -> web.StreamResponse:
        if turns.full:
            raise Refused(503, f"{len(turns.line)} others wait already: try again later")
        with TemporaryDirectory(prefix="blemore-serve-") as folder:
            job = await received(request, Path(folder), limits)
            response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
            await response.prepare(request)
            async with aclosing(turns.states(job)) as states:
                async for state in states:
                    await response.write(json.dumps(state).encode() + b"\n")
        await response.write_eof()
        return response

    async def said(request: web.Request) -> web.Response:
        return web.json_response({**about, "limits": {"bytes": limits.size, "clips": limits.clips}})

    app = web.Application(middlewares=[guarded])
    app.on_response_prepare.append(_add_headers)
    app.add_routes([web.get(path, _page(name)) for path, name in FILES.items()])
    app.add_routes([web.get("/about", said), web.post("/predict", predict)])
    return app


async def received(request: web.Request, folder: Path, limits: Limits) -> dict[str, Any]:
    """Write the clips of a request into `folder`, numbered in their order; the job, as the worker reads it.

    Raises
    ------
    Refused : too much, too slow, nothing, or no form.
    """
    if not request.content_type.startswith("multipart/"):
        raise Refused(415, f"found {request.content_type}, expected a form with clips (multipart/form-data)")
    clips: list[str] = []
    fields: dict[str, str | None] = {"person": None, "schedule": None}
    size = 0
    try:
        async with asyncio.timeout(limits.seconds):
            async for part in await request.multipart():
                if not isinstance(part, BodyPartReader):
                    raise Refused(400, "the form holds a form")
                if part.name in fields:
                    fields[part.name] = (await part.read_chunk(1000)).decode("utf-8", "replace") or None
                elif part.name == "clip":
                    if len(clips) == limits.clips:
                        raise Refused(413, f"more than {limits.clips} clips at once")
                    clips.append(str(folder / f"{len(clips):03d}"))
                    with open(clips[-1], "wb") as file:
                        while piece := await part.read_chunk(PIECE):
                            size += len(piece)
                            if size > limits.size:
                                raise Refused(413, f"more than {limits.size / 1e6:g} MB at once (--megabytes)")
                            file.write(piece)
    except TimeoutError as error:
        raise Refused(408, f"sending took longer than {limits.seconds / 60:g} min (--minutes)") from error
    except ValueError as error:
        raise Refused(400, f"the form is broken: {error}") from error
    except OSError as error:
        raise Refused(507, f"the clips cannot be written: {error.strerror}") from error
    if not clips:
        raise Refused(400, "no clip was sent")
    return {"clips": clips, **fields}


def hosts_of(host: str, port: int) -> list[str]:
    """Values of the header Host for a server at `host`; loopback names as well where it is the loopback.

    Raises
    ------
    DataError : every address of the machine, which is no name that a header could hold.
    """
    try:
        address = ip_address(host.strip("[]"))
    except ValueError:
        return [f"{name}:{port}" for name in ((host, *LOOPBACK) if host == "localhost" else (host,))]
    if address.is_unspecified:
        raise DataError("--host", [f"{host} is every address: give the one by which others reach this machine"])
    name = f"[{address}]" if address.version == 6 else str(address)
    return [f"{host}:{port}" for host in dict.fromkeys((name, *(LOOPBACK if address.is_loopback else ())))]


async def _add_headers(request: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(HEADERS)


def _page(name: str) -> Any:
    data = files("blemore.predict.serve").joinpath("page", name).read_bytes()

    async def page(request: web.Request) -> web.Response:
        return web.Response(body=data, content_type=TYPES[Path(name).suffix], charset="utf-8")

    return page
