"""Every variant of the test pattern, and a thousand clips with random damage."""

import sys
from pathlib import Path

TESTS = Path(__file__).parents[1]
sys.path.insert(0, str(TESTS))

from media_variants import VARIANTS  # noqa: E402

ABOUT = (
    "Clips of one test pattern in many codings, odd and damaged ones (tests/media_variants.py): each comes out right, is remarked or "
    "set aside. And 1,000 clips with random damage, 50 a trial (tests/media_corruptions.py): prepared without a crash, in bounded time "
    "and memory; what came out wrong did not go without a word."
)
BATCHES = 20


def trials() -> dict[str, list[str]]:
    variants, corruptions = (str(TESTS / f"media_{name}.py") for name in ("variants", "corruptions"))
    tried = {f"variants/{name}": [sys.executable, variants, name] for name in VARIANTS}
    return tried | {f"random damage/{k}": [sys.executable, corruptions, str(k)] for k in range(BATCHES)}
