"""Every property test with further examples, drawn from fixed seeds: `make test` draws one set, always the same."""

import sys
from pathlib import Path

ABOUT = "Each file's property tests (hypothesis), with other examples for each of 20 seeds."
SEEDS = range(1, 21)
TESTS = Path(__file__).parents[1]


def trials() -> dict[str, list[str]]:
    files = sorted(path for path in TESTS.rglob("test_*.py") if "@given(" in path.read_text())
    options = ["-p", "no:cacheprovider", "-m", "hypothesis and not slow", "--hypothesis-profile=campaign"]
    return {
        f"{path.stem}/seed {seed}": [sys.executable, "-m", "pytest", *options, f"--hypothesis-seed={seed}", str(path)]
        for path in files
        for seed in SEEDS
    }
