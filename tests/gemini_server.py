"""A server for the tests of Gemini: answers at once with made-up vectors, keeps a record, and fails when it is told to."""

import base64
import hashlib
import io
import json
import ssl
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import av
import numpy as np

from blemore.gemini.embedding import Run
from blemore.gemini.service import USD_PER_SECOND, Service
from blemore.gemini.stand_in import Answer, StandIn, error

PRICE = 2 * USD_PER_SECOND  # of a piece of two seconds
SERVICE = Service("api", "gemini-embedding-2", 128, 60_000, 4, 10.0, timeout=20.0)
BLOCK = {  # of params.yaml
    "backend": "stand-in",
    "model": "gemini-embedding-2",
    "dimensions": 128,
    "requests_per_minute": 300,
    "concurrency": 4,
    "max_usd": 10.0,
    "transfer_approved": None,
}
KEY = "AIzaSy-not-a-real-key-0123456789"
SECONDS = 2.0

BAD_KEY = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}
DAILY = {
    "@type": "type.googleapis.com/google.rpc.QuotaFailure",
    "violations": [{"quotaId": "EmbedContentRequestsPerDayPerUserPerProjectPerModel-FreeTier"}],
}


def retry_delay(text: str) -> dict:
    return {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": text}


def too_many(*details: dict, **headers: str) -> Answer:
    return Answer(429, error(429, "RESOURCE_EXHAUSTED", "You exceeded your current quota.", *details), headers)


class Server(StandIn):
    """`fault(number, mp4)` may give an Answer in place of the vector, or `hang_up`; numbers count from 1."""

    def __init__(self, fault: Callable[[int, bytes], object] = lambda number, mp4: None, latency: float = 0.0):
        self.fault = fault
        self.latency = latency
        self.asked: list[bytes] = []  # the pieces, in order of arrival
        self.times: list[float] = []
        self.lengths: list[int] = []
        self.under_way = self.most_under_way = 0
        self._count = threading.Lock()

    def answer(self, path, headers, data):
        request = json.loads(data)["requests"]
        text = request[0]["content"]["parts"][0]["inline_data"]["data"]
        mp4 = base64.urlsafe_b64decode(text)
        with self._count:
            self.asked.append(mp4)
            self.times.append(time.monotonic())
            self.lengths.append(len(request))
            number = len(self.asked)
            self.under_way += 1
            self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            time.sleep(self.latency)
            found = self.fault(number, mp4)
        finally:
            with self._count:
                self.under_way -= 1
        if found == "hang up":
            return None
        if found is not None:
            return found
        return Answer(200, {"embeddings": [{"values": vector(mp4, request[0]["outputDimensionality"]).tolist()}]})


def vector(mp4: bytes, dimensions: int) -> np.ndarray:
    """What the server gives for a piece."""
    seed = int.from_bytes(hashlib.sha256(mp4).digest()[:8], "big")
    values = np.random.default_rng(seed).standard_normal(dimensions)
    return values / np.linalg.norm(values)


def make_pieces(count: int, shade: int = 120, fps: int = 4) -> list[tuple[str, bytes]]:
    """(clip, MP4 file) of two seconds each, all alike but for a free box at the end that makes their bytes differ."""
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=fps, options={"threads": "1", "bf": "0"})
        stream.width = stream.height = 64
        stream.pix_fmt = "yuv420p"
        for k in range(round(SECONDS * fps)):
            picture = np.full((64, 64, 3), shade, np.uint8)
            picture[8 * (k % 8) : 8 * (k % 8) + 8, 16:48] = 255
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    data = file.getvalue()
    return [(f"clip{k:03d}", data + struct.pack(">I4sI", 12, b"free", k)) for k in range(count)]


def write_pieces(folder: Path, pieces: list[tuple[str, bytes]]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for clip, mp4 in pieces:
        (folder / f"{clip}.mp4").write_bytes(mp4)
    return folder


def run(tmp_path: Path, server: StandIn, first_wait: float = 0.001, **changes: object) -> Run:
    """A run that asks the server, with a cache below `tmp_path`."""
    return Run(replace(SERVICE, base_url=server.url, **changes), tmp_path / "cache", first_wait)


def prepare(monkeypatch, tmp_path: Path) -> None:
    """A key, a proxy that must not be asked, a folder of its own; no certificates, which take 0.1 s per client."""
    monkeypatch.setattr(ssl.SSLContext, "load_verify_locations", lambda *_args, **_kwargs: None)
    monkeypatch.setenv("GOOGLE_API_KEY", KEY)
    monkeypatch.delenv("GEMINI_API_KEY", raising=False)
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.chdir(tmp_path)
