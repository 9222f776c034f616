"""What is paid for is kept: a cache of vectors and a ledger of requests, in one folder that no runner ever deletes.

vectors/ab/ab12....npy       one vector, float32; named by what was asked for, not by the clip
vectors/ab/ab12....refused   in place of a vector: why the service does not take this piece
ledger.jsonl                 one line per request sent, done or failed, with its price; never the key
"""

import hashlib
import io
import json
import logging
import os
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from blemore.gemini.service import MIME, SAMPLED_FPS, Service
from joblineage import declare, turns
from joblineage.files import close, parse_json, write_bytes

log = logging.getLogger(__name__)

SCHEMA = "blemore.gemini/1"
SHOWN = 16
"""Digits of a piece's key that the ledger shows."""


def digest(data: bytes) -> str:
    """sha256 of a file's bytes, in hex."""
    return hashlib.sha256(data).hexdigest()


def cache_key(mp4: bytes, service: Service) -> str:
    """sha256, in hex, of all that decides a vector; the clip's name does not count."""
    return _key(mp4, service.origin, service.model, service.dimensions)


def _key(mp4: bytes, origin: str, model: str, dimensions: int) -> str:
    about = {
        "schema": f"{SCHEMA} {origin}",
        "model": model,
        "dimension": dimensions,
        "mime": MIME,
        "sha256": hashlib.sha256(mp4).hexdigest(),
        "fps": SAMPLED_FPS,
    }
    return hashlib.sha256(json.dumps(about, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


class Cache:
    """Vectors by key. A file that is not whole, or not what the ledger says that came, counts as absent.

    sums : {beginning of a key: sha256 of its vector's file}, as the ledger beside the vectors has it.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self.look_again()

    def look_again(self) -> None:
        """Another process may have brought vectors since."""
        self.sums = Ledger(self.folder / "ledger.jsonl").sums()

    def vector(self, key: str, dimensions: int) -> np.ndarray | None:
        """(dimensions,) float32, or None where there is none, or none that can be used."""
        path = self._path(key, "npy")
        try:
            data = path.read_bytes()
            vector = np.load(io.BytesIO(data), allow_pickle=False)
        except (OSError, ValueError, EOFError):
            return None
        sha256 = hashlib.sha256(data).hexdigest()
        if self.sums.get(key[:SHOWN], sha256) != sha256:
            log.warning("%s: not the vector that came from the service; it is asked for again", path)
            return None
        right = vector.shape == (dimensions,) and vector.dtype == np.float32 and np.isfinite(vector).all()
        return vector if right else None

    def refusal(self, key: str) -> str | None:
        """Why the service did not take this piece, if it did not."""
        path = self._path(key, "refused")
        return path.read_text("utf-8").strip() if path.is_file() else None

    def keep(self, key: str, vector: np.ndarray) -> str:
        """Write a vector: whole, flushed to the disk, then under its name; the file's sha256."""
        file = io.BytesIO()
        np.save(file, vector.astype(np.float32), allow_pickle=False)
        write_bytes(self._path(key, "npy"), file.getvalue())
        self.sums[key[:SHOWN]] = hashlib.sha256(file.getvalue()).hexdigest()
        return self.sums[key[:SHOWN]]

    def declare(self, key: str) -> None:
        """Tell the job's lineage record which file of this cache went into its result."""
        path = next(path for path in (self._path(key, "npy"), self._path(key, "refused")) if path.is_file())
        declare.took(path, hashlib.sha256(path.read_bytes()).hexdigest())

    def refuse(self, key: str, reason: str) -> None:
        """Remember that a piece is not taken: asking again would bring the same answer. Delete the file to ask again."""
        write_bytes(self._path(key, "refused"), (reason + "\n").encode())

    def _path(self, key: str, kind: str) -> Path:
        return self.folder / "vectors" / key[:2] / f"{key}.{kind}"


class Ledger:
    """The requests of one cache folder, ever. A line is on the disk before the request that it tells of starts."""

    def __init__(self, path: Path):
        self.path = path
        self._lock = threading.Lock()

    def sent(self, key: str, service: Service, usd: float) -> str:
        """Before a request starts; gives the request's name."""
        request = uuid.uuid4().hex[:12]
        where = {"origin": service.origin, "model": service.model, "dimension": service.dimensions}
        self._write({"event": "sent", "request": request, "piece": key[:SHOWN], "usd": usd, **where})
        return request

    def done(self, request: str, usd: float, sha256: str) -> None:
        """A vector came, and is kept in a file of this sha256."""
        self._write({"event": "done", "request": request, "usd": usd, "sha256": sha256})

    def sums(self) -> dict[str, str]:
        """{beginning of a key: sha256 of the file of the last vector that came}; older lines say none."""
        pieces, sums = {}, {}
        for line in self.lines():
            if line["event"] == "sent":
                pieces[line["request"]] = line["piece"]
            elif "sha256" in line and line["request"] in pieces:
                sums[pieces[line["request"]]] = line["sha256"]
        return sums

    def failed(self, request: str, usd: float, reason: str) -> None:
        """No vector came; `usd` is what it may have cost all the same."""
        self._write({"event": "failed", "request": request, "usd": usd, "reason": reason})

    def note(self, **words: Any) -> None:
        """Anything else worth keeping, such as who approved the transfer."""
        self._write({"event": "note", **words})

    def lines(self) -> Iterator[dict[str, Any]]:
        """All lines that are whole; a kill may have cut the last one."""
        if not self.path.is_file():
            return
        for line in self.path.read_text("utf-8", errors="replace").splitlines():
            try:
                yield parse_json(line)
            except ValueError:
                continue

    def spent(self) -> float:
        """USD gone so far. A request without an answer (the run was killed) counts as paid for."""
        usd: dict[str, float] = {}
        for line in self.lines():
            if "request" in line:
                usd[line["request"]] = line["usd"]
        return sum(usd.values())

    def answered(self, service: Service) -> bool:
        """Whether this service, asked for this model and length, ever gave a vector."""
        wanted = {"origin": service.origin, "model": service.model, "dimension": service.dimensions}
        sent = set()
        for line in self.lines():
            if line["event"] == "sent" and wanted.items() <= line.items():
                sent.add(line["request"])
            elif line["event"] == "done" and line["request"] in sent:
                return True
        return False

    def _write(self, line: dict[str, Any]) -> None:
        text = json.dumps({"time": datetime.now(UTC).isoformat(timespec="milliseconds"), **line}, sort_keys=True)
        with self._lock:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with open(self.path, "ab+") as file:
                if file.seek(0, os.SEEK_END) and (file.seek(-1, os.SEEK_END), file.read(1))[1] != b"\n":
                    text = "\n" + text  # what a kill cut short stays a line of its own
                file.write(text.encode() + b"\n")
                file.flush()
                os.fsync(file.fileno())


def kept_of(mp4: bytes, folder: Path) -> list[Path]:
    """Files of a cache folder that were made of a piece, by any service that the folder's ledger names."""
    lines = Ledger(folder / "ledger.jsonl").lines()
    services = {(line["origin"], line["model"], line["dimension"]) for line in lines if line["event"] == "sent"}
    keys = {_key(mp4, *service) for service in services}
    return sorted(path for key in keys for path in (folder / "vectors" / key[:2]).glob(f"{key}.*"))


@contextmanager
def alone(folder: Path, waiting: Callable[[], object] = lambda: None) -> Iterator[None]:
    """Only one process at a time sends requests for a cache folder: rate and spending limit hold for all together.

    waiting : called once if another process has to be waited for. A killed process holds nothing back.
    """
    folder.mkdir(parents=True, exist_ok=True)
    close([folder], like=Path())
    with turns.alone(folder / "lock", waiting=waiting):
        yield
