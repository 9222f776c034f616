"""Every variant of the test pattern, and a thousand clips with random damage."""

import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

TESTS = Path(__file__).parents[1]
sys.path.insert(0, str(TESTS))

from media_corruptions import REMARKED, SET_ASIDE, UNSEEN, WHOLE  # noqa: E402
from media_variants import VARIANTS  # noqa: E402

ABOUT = (
    "Clips of one test pattern in many codings, odd and damaged ones (tests/media_variants.py): each comes out right, is remarked or "
    "set aside. And 1,000 clips with random damage, 50 a trial (tests/media_corruptions.py): prepared without a crash, each within a "
    "minute and a process of 1 GB; set aside or remarked wherever decoder or container report anything."
)
BATCHES = 20
COLUMNS = {"orientation": "", "colour": "grey values off", "picture": "picture, ms late", "sound": "sound, ms late"}


def trials() -> dict[str, list[str]]:
    variants, corruptions = (str(TESTS / f"media_{name}.py") for name in ("variants", "corruptions"))
    tried = {f"variants/{name}": [sys.executable, variants, name] for name in VARIANTS}
    return tried | {f"random damage/{k}": [sys.executable, corruptions, str(k)] for k in range(BATCHES)}


def figures(printed: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """How the damaged clips ended, and a table of the variants; "-": not looked at."""
    ends: Counter[str] = Counter()
    for name, found in printed.items():
        ends.update(found if name.startswith("random damage/") else {})
    silent = ends[WHOLE] + ends[UNSEEN]
    lines = [
        f"Of {ends.total():,} damaged clips {ends[SET_ASIDE]} were set aside and {ends[REMARKED]} remarked. Of the other {silent}, of which",
        f"neither decoder nor container reports anything, {ends[UNSEEN]} ({ends[UNSEEN] / max(1, silent):.0%}) have changed pictures or sound: most",
        "codecs have no checksum.",
        "",
        f"| variant | {' | '.join(text or name for name, text in COLUMNS.items())} | verdict |",
        f"|---|{'---|' * len(COLUMNS)}---|",
    ]
    for name in VARIANTS:
        found = printed.get(f"variants/{name}", {"verdict": "failed", "said": ""})
        cells = [str(found.get(column, "-")) for column in COLUMNS]
        said = f"{found['verdict']}: {found['said']}" if found["said"] else found["verdict"]
        lines.append(f"| {' | '.join([name, *cells, said.replace('|', '/')])} |")
    return lines
