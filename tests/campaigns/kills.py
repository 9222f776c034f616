"""Sixty kills of runs on a tiny study, ten in each phase; `make submission` alone ends each with the same bytes."""

import sys
from pathlib import Path

TESTS = Path(__file__).parents[1]
sys.path.insert(0, str(TESTS))

from workflow.conftest import Study  # noqa: E402
from workflow.kills import PHASES, SIGNALS, TOOLS, back_to, kill  # noqa: E402
from workflow.trials import chance, copied, is_whole_again, reference  # noqa: E402

from joblineage.recovery import survey  # noqa: E402

ABOUT = (
    "Kills (-9, TERM, HUP, INT once and twice, suspended) of `make submission`, `snakemake submission` and `dvc repro` on a tiny "
    "study, counted by the phase that the run's log named while its processes were held for the kill. Then `make submission` "
    "alone: the bytes of an undisturbed run, `verify` says OK, no process is left."
)
TRIES = 8
"""Runs that may end before they were met in the phase."""


def trials() -> dict[str, list[str]]:
    tools = list(TOOLS)
    named = [
        (phase, how, tools[(row + column) % len(tools)])
        for row, phase in enumerate(PHASES)
        for column, how in enumerate(SIGNALS)
    ]
    return {
        f"{phase}/{how}, {tool}": [sys.executable, str(Path(__file__)), phase, how, tool] for phase, how, tool in named
    }


def trial(finished: Study, phase: str, how: str, tool: str) -> None:
    name = f"{phase} {how} {tool}"
    moments = chance(name)
    for _ in range(TRIES):
        with copied(finished, name) as study:
            back_to(study, phase)
            if kill(study, phase, how, tool, moments):
                is_whole_again(study, finished)
                assert survey(study.folder) == ([], [])
                return
    raise AssertionError(f"no run of {TRIES} was met in {phase}")


if __name__ == "__main__":
    trial(reference(), *sys.argv[1:])
