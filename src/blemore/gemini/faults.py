"""What a failed request means. Never by the status alone: a bad key comes as 400, a spent daily quota as 429."""

import email.utils
import re
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

LONGEST_WAIT = 900.0
"""s; a service that asks for more is out of quota, and the run stops."""


class Meaning(Enum):
    """What to do after a failed request."""

    stop = "stop the run"
    again = "ask again"
    leave = "leave this piece"


@dataclass(eq=False)
class Failure(Exception):
    """A request that brought no vector.

    wait : s that the service asks all workers to wait, if it does.
    everybody : whether all workers pause, not only the one that was answered.
    maybe_paid : whether the service may have done the work and charged for it.
    """

    meaning: Meaning
    reason: str
    wait: float | None = field(default=None, kw_only=True)
    everybody: bool = field(default=False, kw_only=True)
    maybe_paid: bool = field(default=False, kw_only=True)

    def __str__(self) -> str:
        return self.reason


def failure(status: int, body: Any, headers: Mapping[str, str]) -> Failure:
    """The failure behind an answer that is not 200.

    Stops the run: a bad key (by its reason), 401, 403, 404, FAILED_PRECONDITION, the daily quota, a wait longer than LONGEST_WAIT, and
    what is not understood. Asked again: any other 429 (all workers wait), 408, 5xx. Costs one piece: any other 400, and 413.

    Parameters
    ----------
    body : the JSON, as far as it is some.
    headers : names in small letters.
    """
    error = _error(body)
    details = _parts(error.get("details"))
    wait = _asked_wait(details, headers)
    said = f"HTTP {status} {error.get('status') or ''}".strip()
    said += f": {error['message']}" if error.get("message") else ""
    reasons = {str(part.get("reason")) for part in details}
    if any(reason.startswith("API_KEY_") for reason in reasons) or "API key not valid" in said:
        return Failure(Meaning.stop, f"the API key is refused ({said})")
    if error.get("status") == "FAILED_PRECONDITION":
        return Failure(Meaning.stop, f"the account or region may not use the service ({said})")
    if status == 429:
        violations = [violation for part in details for violation in _parts(part.get("violations"))]
        quotas = [f"{violation.get('quotaId', '')}{violation.get('subject', '')}" for violation in violations]
        if any(re.search(r"per_?day|daily", quota, re.IGNORECASE) for quota in quotas):
            return Failure(Meaning.stop, f"the daily quota is used up ({said})")
        if wait is not None and wait > LONGEST_WAIT:
            return Failure(Meaning.stop, f"the quota is used up for {wait:.0f} s ({said})")
        return Failure(Meaning.again, said, wait=wait, everybody=True)
    if status == 408 or 500 <= status < 600:
        if wait is not None and wait > LONGEST_WAIT:
            return Failure(Meaning.stop, f"the service asks for {wait:.0f} s of patience ({said})")
        return Failure(Meaning.again, said, wait=wait, everybody=wait is not None)
    if status in (400, 413):
        return Failure(Meaning.leave, said)
    advice = {
        401: "check the API key",
        403: "the key may not use this model",
        404: "check gemini.model and the address",
    }
    return Failure(Meaning.stop, said + f" ({advice.get(status, 'an answer that is not understood')})")


def _error(body: Any) -> dict[str, Any]:
    """The object that Google's errors carry under "error", however it is wrapped; empty where there is none."""
    body = body[0] if isinstance(body, list) and len(body) == 1 else body
    inner = body.get("error", body) if isinstance(body, dict) else {}
    return inner if isinstance(inner, dict) else {}


def _parts(value: Any) -> list[dict[str, Any]]:
    """The objects of a list, nothing of any other value."""
    return [part for part in value if isinstance(part, dict)] if isinstance(value, list) else []


def _asked_wait(details: list[dict[str, Any]], headers: Mapping[str, str]) -> float | None:
    """s to wait by retryDelay and Retry-After (seconds, or a date), the longer of the two; None: neither says anything."""
    said = (re.fullmatch(r"([0-9]+(?:\.[0-9]*)?)s", str(part.get("retryDelay", ""))) for part in details)
    waits = [float(match[1]) for match in said if match]
    after = headers.get("retry-after", "").strip()
    if re.fullmatch(r"[0-9]+(\.[0-9]*)?", after):
        waits.append(float(after))
    elif after:
        with suppress(ValueError):  # no date either: as if nothing had been said
            waits.append(max(0.0, email.utils.parsedate_to_datetime(after).timestamp() - time.time()))
    return max(waits, default=None)
