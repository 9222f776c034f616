"""One request: a piece in, a vector or a `Failure` out. google-genai is imported late, it takes two seconds.

One piece per request, not a batch: a piece that the service refuses then costs nobody else a vector, a dropped
connection puts the price of one piece in doubt, and the spending limit is kept to the piece.
"""

import json
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import numpy as np

from blemore.gemini.faults import Failure, Meaning, failure
from blemore.gemini.service import API_VERSION, DIMENSIONS, MIME, STAND_IN, Service, api_key, check_url

log = logging.getLogger(__name__)

NORM_TOLERANCE = 0.01
"""How far a whole vector's norm may be from 1; shorter ones are parts of it in older models, and are set to 1 here."""

LONGEST_REASON = 300
"""Characters kept of what the service says."""


Ask = Callable[[bytes], np.ndarray]
"""An MP4 file in, (dimensions,) float32 of norm 1 out, or a `Failure`; from any number of threads."""


@contextmanager
def connected(service: Service) -> Iterator[Ask]:
    """What asks the service; for the stand-in that server too, started here and stopped at the end.

    Raises
    ------
    MissingDataError : no API key.
    DataError : an address that is none.
    """
    if service.backend == STAND_IN:
        from blemore.gemini.stand_in import StandIn

        log.warning("STAND-IN: a local server gives vectors from the pixels; Gemini is not asked, nothing is sent")
        with StandIn() as server, _client(replace(service, base_url=server.url), STAND_IN) as ask:
            yield ask
    else:
        check_url(service.base_url)
        with _client(service, api_key()) as ask:
            yield ask


@contextmanager
def _client(service: Service, key: str) -> Iterator[Ask]:
    """Requests of one service. A `Failure` never holds the key, and never the request that does."""
    import httpx2
    import pydantic
    from google import genai
    from google.genai import errors, types

    logging.getLogger("httpx2").setLevel(logging.WARNING)  # one line per request, which the ledger has
    config = types.EmbedContentConfig(output_dimensionality=service.dimensions)

    def ask(mp4: bytes) -> np.ndarray:
        content = types.Content(parts=[types.Part.from_bytes(data=mp4, mime_type=MIME)])
        try:
            answer = client.models.embed_content(model=service.model, contents=[content], config=config)
        except errors.APIError as error:
            headers = {} if error.response is None else error.response.headers
            fault = failure(error.code, error.details, {str(k).lower(): str(v) for k, v in headers.items()})
        except (httpx2.ConnectError, httpx2.ConnectTimeout) as error:
            fault = Failure(Meaning.again, f"no connection to {service.base_url} ({type(error).__name__})")
        except httpx2.TimeoutException:
            fault = Failure(Meaning.again, f"no answer within {service.timeout:g} s", maybe_paid=True)
        except httpx2.TransportError as error:
            fault = Failure(Meaning.again, f"the connection broke ({type(error).__name__})", maybe_paid=True)
        except httpx2.DecodingError:
            fault = Failure(Meaning.again, "the answer cannot be decompressed", maybe_paid=True)
        except (json.JSONDecodeError, UnicodeDecodeError, RecursionError):
            fault = Failure(Meaning.again, "the answer is no JSON", maybe_paid=True)
        except (pydantic.ValidationError, AttributeError, TypeError, KeyError):
            fault = Failure(Meaning.again, "the answer is JSON of another form", maybe_paid=True)
        else:
            return checked([part.values for part in answer.embeddings or []], service.dimensions)
        # Some of Google's messages repeat the key; the original error holds the request, whose headers hold it.
        clean = " ".join(fault.reason.replace(key, "[key]").split())[:LONGEST_REASON]
        raise replace(fault, reason=clean) from None

    with httpx2.Client(trust_env=False, timeout=service.timeout) as http:  # the environment's proxies are not asked
        options = types.HttpOptions(
            base_url=service.base_url,
            api_version=API_VERSION,
            timeout=round(service.timeout * 1000),
            httpx_client=http,
            retry_options=types.HttpRetryOptions(attempts=1),
        )
        client = genai.Client(api_key=key, vertexai=False, http_options=options)
        yield ask


def checked(vectors: list[list[float] | None], dimensions: int) -> np.ndarray:
    """The one vector of an answer, at norm 1.

    gemini-embedding-2 gives every length at norm 1; earlier models only the whole vector. So a part is brought to
    norm 1 here, while a whole vector of another norm is refused.

    Raises
    ------
    Failure : none (ask again); more than one, or one of another length (the run stops); NaN, infinite or zero numbers,
        or a norm far from 1 (this piece is lost).
    """
    if not vectors:
        raise Failure(Meaning.again, "an answer without a vector", maybe_paid=True)
    if len(vectors) != 1:
        raise Failure(Meaning.stop, f"{len(vectors)} vectors for one piece", maybe_paid=True)
    vector = np.array(vectors[0] or [], np.float64)
    if vector.shape != (dimensions,):
        raise Failure(Meaning.stop, f"a vector of {vector.size} numbers, asked for {dimensions}", maybe_paid=True)
    norm = float(np.linalg.norm(vector))
    if not np.isfinite(vector).all() or norm == 0:
        raise Failure(Meaning.leave, "a vector with NaN or infinite numbers, or of zeros", maybe_paid=True)
    if dimensions == DIMENSIONS and abs(norm - 1) > NORM_TOLERANCE:
        raise Failure(Meaning.leave, f"a vector of norm {norm:.3g}, expected 1", maybe_paid=True)
    return (vector / norm).astype(np.float32)
