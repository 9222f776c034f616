"""A local server that speaks the service's wire format and makes its vectors from the pixels: for the demo and tests.

It knows nothing about emotions. Like the service it looks at one picture per second and hears nothing. A vector is a
fixed random projection of these small grey pictures and of how they differ, so that faces that do alike lie near
each other. The same piece gives the same vector always.
"""

import base64
import io
import json
import re
import threading
from collections.abc import Mapping
from functools import lru_cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from blemore.gemini.service import DIMENSIONS, LEAST_DIMENSIONS, MOST_DIMENSIONS, SAMPLED_FPS

SIDE = 24
"""Width and height of the small grey pictures, px."""

MOST_PICTURES = 32

PATH = re.compile(r"/v1(?:beta)?/(models/[^/:]+):batchEmbedContents")


class Answer(NamedTuple):
    """What goes back: status, JSON (or bytes as they are), further headers."""

    status: int
    body: Any
    headers: Mapping[str, str] = MappingProxyType({})


def look(mp4: bytes) -> np.ndarray:
    """(T, SIDE, SIDE) float, the grey values (0..255) at 0 s, 1 s, ... of a video; T from 1 to 32.

    Raises
    ------
    ValueError : no video that can be decoded.
    """
    import av

    pictures: list[np.ndarray] = []
    try:
        with av.open(io.BytesIO(mp4), "r") as container:
            stream = container.streams.video[0]
            stream.thread_type = "NONE"  # the same bytes on every machine, and few cores are free
            for frame in container.decode(stream):
                if frame.time is not None and frame.time >= len(pictures) / SAMPLED_FPS - 1e-6:
                    small = frame.reformat(SIDE, SIDE, "gray", interpolation="AREA")
                    pictures.append(small.to_ndarray().astype(float))
                if len(pictures) == MOST_PICTURES:
                    break
    except (av.FFmpegError, IndexError) as error:
        raise ValueError("Failed to decode the video") from error
    if not pictures:
        raise ValueError("The video holds no frame")
    return np.stack(pictures)


def vector_of(mp4: bytes, dimensions: int) -> np.ndarray:
    """(dimensions,) float64 of norm 1, rounded to eight digits.

    Each picture is standardised first, so that light and contrast count little; its change is what the last picture
    has beyond the first.
    """
    pictures = look(mp4)
    pictures = pictures - pictures.mean(axis=(1, 2), keepdims=True)
    pictures /= pictures.std(axis=(1, 2), keepdims=True) + 1.0  # a blank picture stays blank
    seen = np.concatenate([pictures.mean(axis=0).ravel(), (pictures[-1] - pictures[0]).ravel()])
    seen = np.append(seen, 1.0)  # keeps a blank piece away from zero
    vector = np.einsum("i,ij->j", seen, _projection(dimensions))  # unlike `@` the same with any number of threads
    return np.round(vector / np.linalg.norm(vector), 8)


@lru_cache(maxsize=2)
def _projection(dimensions: int) -> np.ndarray:
    """(2 * SIDE^2 + 1, dimensions) normal random numbers, the same on every machine."""
    rng = np.random.default_rng([*b"blemore stand-in", dimensions])
    return rng.standard_normal((2 * SIDE * SIDE + 1, dimensions))


def error(status: int, name: str, message: str, *details: dict[str, Any]) -> dict[str, Any]:
    """An error in the form of Google's services."""
    return {"error": {"code": status, "status": name, "message": message, "details": list(details)}}


class StandIn:
    """The server, on a free port of this machine; `with StandIn() as server: ... server.url`."""

    def __enter__(self) -> "StandIn":
        owner = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_POST(self) -> None:
                data = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                answer = owner.answer(self.path, {k.lower(): v for k, v in self.headers.items()}, data)
                if answer is None:  # hang up
                    self.close_connection = True
                    return
                body = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
                self.send_response(answer.status)
                self.send_header("Content-Type", "application/json; charset=UTF-8")
                self.send_header("Content-Length", str(len(body)))
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                """Nothing: the ledger says what was asked."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        """Base address."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def answer(self, path: str, headers: dict[str, str], data: bytes) -> Answer | None:
        """What to say to one request; None hangs up. Headers have names in small letters."""
        if not PATH.fullmatch(path):
            return Answer(404, error(404, "NOT_FOUND", f"{path} is not found"))
        if not headers.get("x-goog-api-key"):
            return Answer(403, error(403, "PERMISSION_DENIED", "The request is missing a valid API key."))
        try:
            values = [_embedding(request) for request in json.loads(data)["requests"]]
        except (ValueError, KeyError, IndexError, TypeError) as problem:
            return Answer(400, error(400, "INVALID_ARGUMENT", f"Invalid request: {problem}"))
        return Answer(200, {"embeddings": [{"values": vector} for vector in values]})


def _embedding(request: dict[str, Any]) -> list[float]:
    """The values for one content of one part; names may be written either way, as in JSON of protocol buffers."""
    part = request["content"]["parts"][0]
    inline = part.get("inlineData") or part["inline_data"]
    dimensions = request.get("outputDimensionality") or request.get("output_dimensionality") or DIMENSIONS
    if not LEAST_DIMENSIONS <= dimensions <= MOST_DIMENSIONS:
        raise ValueError(f"output_dimensionality {dimensions} is not supported")
    data = inline["data"].replace("-", "+").replace("_", "/")  # google-genai writes the alphabet for addresses
    return vector_of(base64.b64decode(data, validate=True), dimensions).tolist()
