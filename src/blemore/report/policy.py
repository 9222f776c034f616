"""The Content-Security-Policy of a page that is one file: the browser runs, and takes for a style sheet, what we wrote and nothing else.

Each script and style sheet of ours is known by its sha256. A name or a note of the study that broke out of its tag is not. Style
attributes stay allowed: the places of bars and the colours of figures are some, and in one that no picture may be loaded
for they show wrong colours at most.
"""

from base64 import b64encode
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path

from markupsafe import Markup


def inline(folders: Iterable[Path]) -> dict[str, Markup]:
    """{name: text} of the scripts and style sheets among templates, to stand between tags as they are."""
    files = (file for folder in folders for kind in ("css", "js") for file in sorted(folder.glob(f"*.{kind}")))
    return {file.name: Markup(file.read_text("utf-8")) for file in files}


def policy(texts: dict[str, Markup]) -> Markup:
    """The policy of a page in which those texts, as `inline` gives them, may stand."""
    known = {name: b64encode(sha256(text.encode()).digest()).decode() for name, text in texts.items()}
    styles, scripts = (
        " ".join(f"'sha256-{digest}'" for name, digest in known.items() if name.endswith(kind))
        for kind in (".css", ".js")
    )
    own = f"style-src {styles}; style-src-attr 'unsafe-inline'; script-src {scripts}; img-src data:"
    return Markup(f"default-src 'none'; {own}; base-uri 'none'; form-action 'none'")
