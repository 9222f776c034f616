"""Thirty damages of a finished study, and disks that fill while a run is at work: all come back by `make submission`."""

import sys
from pathlib import Path

TESTS = Path(__file__).parents[1]
sys.path.insert(0, str(TESTS))

from workflow.damages import DAMAGES  # noqa: E402
from workflow.full_disk import PHASES, run_on_a_small_disk  # noqa: E402
from workflow.trials import copied, is_whole_again, reference  # noqa: E402

ABOUT = (
    "Damages of a finished tiny study (tests/workflow/damages.py), and a disk that fills while a run is in a phase. Then "
    "`make submission` alone: the bytes of the study before the damage, and `verify` says OK. As root, for the disk."
)


def trials() -> dict[str, list[str]]:
    own = [sys.executable, str(Path(__file__))]
    damages = {f"damages/{name}": [*own, "damage", name] for name in DAMAGES}
    # A namespace of its own takes its mounts along when it ends.
    disk = ["unshare", "--mount", "--map-root-user"]
    return damages | {f"full disk/{phase}": [*disk, *own, "disk", phase] for phase in PHASES}


def trial(kind: str, name: str) -> None:
    finished = reference()
    with copied(finished, f"{kind} {name}") as study:
        if kind == "damage":
            DAMAGES[name](study.folder)
        else:
            run_on_a_small_disk(study, name)
        is_whole_again(study, finished)


if __name__ == "__main__":
    trial(*sys.argv[1:])
