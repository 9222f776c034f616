"""Fill the RO-Crate validator's cache with the two contexts it asks for, so that it needs no network.

Run with the validator's own Python: `context_cache.py CACHE FOLDER`.
"""

import io
import sys
from pathlib import Path

from requests import PreparedRequest, Response
from requests.adapters import BaseAdapter, HTTPAdapter
from requests_cache import CachedSession
from urllib3.response import HTTPResponse

FILES = {
    "https://w3id.org/ro/terms/workflow-run/context": "workflow-run-context.jsonld",
    "https://w3id.org/ro/crate/1.1/context": "ro-crate-1.1-context.jsonld",
}
ACCEPTED = ({}, {"Accept": "application/ld+json, application/json"})
"""Headers with which the validator and the library that reads JSON-LD ask."""


class FromFolder(BaseAdapter):
    """Answers every request with the file of that address."""

    def __init__(self, folder: Path):
        super().__init__()
        self.folder = folder

    def send(self, request: PreparedRequest, **_: object) -> Response:
        raw = HTTPResponse(
            body=io.BytesIO((self.folder / FILES[request.url]).read_bytes()),
            status=200,
            headers={"Content-Type": "application/ld+json"},
            preload_content=False,
            request_method="GET",
            request_url=request.url,
        )
        return HTTPAdapter().build_response(request, raw)

    def close(self) -> None:
        pass


if __name__ == "__main__":
    session = CachedSession(cache_name=sys.argv[1], backend="sqlite", expire_after=-1, allowable_codes=[200])
    session.mount("https://", FromFolder(Path(sys.argv[2])))
    for url in FILES:
        for headers in ACCEPTED:
            session.get(url, headers=headers).raise_for_status()
