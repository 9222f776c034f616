"""Honest mishaps of a finished study: none may be called a forgery, and `make submission` ends each with the same bytes."""

import sys
from pathlib import Path

TESTS = Path(__file__).parents[1]
sys.path.insert(0, str(TESTS))

from workflow.mishaps import MISHAPS  # noqa: E402
from workflow.trials import copied, is_whole_again, reference, says_so  # noqa: E402

ABOUT = (
    "Honest mishaps of a tiny study (tests/workflow/mishaps.py): runs that fail or break off, clocks a day off, other users and "
    "places, what file managers and editors leave. `verify` never says TAMPERED, and OK where nothing is to be done; then "
    "`make submission` alone: the bytes of an undisturbed run. As root, with a C compiler and zip."
)


def trials() -> dict[str, list[str]]:
    return {name: [sys.executable, str(Path(__file__)), name] for name in MISHAPS}


def trial(name: str) -> None:
    finished = reference()
    with copied(finished, name) as study:
        for expected in MISHAPS[name](study):
            says_so(study, expected)
        is_whole_again(study, finished)


if __name__ == "__main__":
    trial(sys.argv[1])
