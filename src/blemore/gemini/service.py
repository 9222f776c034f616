"""What is asked of whom, at what price and under which terms; imports nothing that takes time."""

import hashlib
import ipaddress
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from joblineage.errors import DataError, MissingDataError

MODEL = "gemini-embedding-2"
DIMENSIONS = 3072
"""What the service gives when it is not asked for fewer."""

LEAST_DIMENSIONS, MOST_DIMENSIONS = 128, 3072

ENDPOINT = "https://generativelanguage.googleapis.com"
API_VERSION = "v1beta"
MIME = "video/mp4"
SAMPLED_FPS = 1
"""Pictures per second that the service looks at in a video of up to 32 s; its sound is not heard."""

LONGEST_SECONDS = 120.0
"""Longest video that the service takes."""

USD_PER_SECOND = 0.0008
"""Price of a second of video on the paid tier."""

PRICE_SOURCE = "https://ai.google.dev/gemini-api/docs/pricing: $12.00 per million tokens of video, paid tier"
PRICE_DATE = "2026-11-23"
"""When copies of the pages on price and terms were last read; both change, so check before use."""

TERMS = (
    "Paid services: pieces and vectors are not used to improve Google's products; they are logged for a limited time "
    "to detect abuse (55 days by the usage policies) and may pass through any country where Google works.",
    "Unpaid quota: Google may use them to improve its products, and people may read them; its terms say not to submit "
    "sensitive, confidential or personal information. In the EEA, Switzerland and the UK the paid terms hold for both.",
    "Sources: https://ai.google.dev/gemini-api/terms (as of 2026-03-23), "
    "https://ai.google.dev/gemini-api/docs/usage-policies, https://ai.google.dev/gemini-api/docs/zdr; "
    f"copies read {PRICE_DATE}. They change: check before use.",
)

KEYS = ("GOOGLE_API_KEY", "GEMINI_API_KEY")
APPROVAL = ("by", "date", "basis")
STAND_IN = "stand-in"


@dataclass(frozen=True)
class Service:
    """One way to have pieces embedded.

    backend : "stand-in" or "api".
    requests_per_minute : most requests that start in a minute; the stand-in needs no such care.
    concurrency : most requests under way at a time.
    max_usd : most that may ever be spent on what one cache folder holds.
    base_url : where requests go; for the stand-in it is known once that has started.
    timeout : s, for one request.
    approval : who approved that clips of real people are sent, when and why; kept in the ledger.
    """

    backend: str
    model: str
    dimensions: int
    requests_per_minute: float
    concurrency: int
    max_usd: float
    base_url: str = ENDPOINT
    timeout: float = 60.0
    approval: str = ""

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> "Service":
        """The service that the block `gemini` of the parameters describes."""
        names = ("backend", "model", "dimensions", "requests_per_minute", "concurrency", "max_usd")
        approval = settings.get("transfer_approved")
        said = ", ".join(str(approval[name]) for name in APPROVAL) if approval else ""
        return cls(**{name: settings[name] for name in names}, approval=said)

    @cached_property
    def origin(self) -> str:
        """Who makes the vectors: part of every cache key, so that vectors of one maker never pass for another's."""
        if self.backend == STAND_IN:  # an older version of its code is another maker
            code = Path(__file__).with_name("stand_in.py").read_bytes()
            return f"{STAND_IN} {hashlib.sha256(code).hexdigest()[:12]}"
        return urlsplit(self.base_url).hostname or self.base_url

    @property
    def cache(self) -> Path:
        """Where the workflow keeps the vectors: outside all that Snakemake or DVC may delete."""
        return Path("cache/gemini-stand-in" if self.backend == STAND_IN else "cache/gemini")

    def price(self, seconds: float) -> float:
        """USD for a piece of that length."""
        return 0.0 if self.backend == STAND_IN else seconds * USD_PER_SECOND


def check_service(service: Mapping[str, Any], dataset: str) -> list[str]:
    """What speaks against asking the service for clips of that data set; empty when it may be asked.

    The backend alone decides what happens, never whether a key is at hand. `off` is always right here; the encoder
    then has to be switched off too.

    Parameters
    ----------
    service : the block `gemini` of the parameters, as `params.check` lets it through.
    """
    if service["backend"] == STAND_IN and dataset != "demo":
        return [
            f"gemini.backend: stand-in says nothing about real faces, it is not used with dataset {dataset}; "
            "set it to api (with transfer_approved), or set it to off and switch the encoder off"
        ]
    if service["backend"] == "api" and dataset != "demo" and not service.get("transfer_approved"):
        wanted = "{by: who approved it, date: YYYY-MM-DD, basis: what allows it, such as consent or a contract}"
        sent = f"clips of real people would be sent to {ENDPOINT}"
        return [f"gemini.transfer_approved: {sent}; first have that approved, then set {wanted}"]
    return []


def check_url(url: str) -> None:
    """Refuse an address that is none, or that would carry key and faces unencrypted over a network."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise DataError(url, [f"no address of a service, expected something like {ENDPOINT}"])
    if parts.scheme == "http" and not is_local(url):
        raise DataError(url, ["http sends key and pieces in the clear, use https"])


def is_local(url: str) -> bool:
    """Whether an address is this machine itself."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def api_key() -> str:
    """The key from GOOGLE_API_KEY or else GEMINI_API_KEY, without the blanks around it.

    Raises
    ------
    MissingDataError : neither holds anything.
    """
    for name in KEYS:
        if key := os.environ.get(name, "").strip():
            return key
    advice = f"set {KEYS[0]} or {KEYS[1]} (a blank one counts as missing), or set gemini.backend to off"
    raise MissingDataError("Gemini", [f"no API key: {advice}"])
