"""DVC's cache with links, for root and for an ordinary user: its objects stay whole, and an older version reruns nothing."""

import os
import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).parents[1]
sys.path.insert(0, str(TESTS))

from workflow.conftest import ENVIRONMENT, Study  # noqa: E402
from workflow.links import KINDS, no_object_is_damaged, own_cache  # noqa: E402
from workflow.trials import copied, reference  # noqa: E402

ABOUT = (
    "A finished tiny study whose files are links to DVC's cache (`cache.type symlink`, `hardlink`), by root and by an ordinary user: "
    "two reruns, then an older params.yaml and dvc.lock. No object of the cache is damaged, nothing is to be made again, `verify` "
    "says OK. As root."
)
ORDINARY = 65534


def trials() -> dict[str, list[str]]:
    return {
        f"{kind}/{who}": [sys.executable, str(Path(__file__)), kind, who]
        for kind in KINDS
        for who in ("root", "ordinary user")
    }


def trial(finished: Study, kind: str, who: str) -> None:
    assert os.getuid() == 0, "as root, which may become another user"
    with copied(finished, f"links {kind} {who}") as study:
        own_cache(study, finished)
        drop = []
        if who != "root":
            subprocess.run(["chown", "-R", str(ORDINARY), str(study.folder.parent)], check=True)
            drop = ["setpriv", f"--reuid={ORDINARY}", f"--regid={ORDINARY}", "--clear-groups", "--"]
        inside = [*drop, sys.executable, str(Path(__file__)), "inside", str(study.folder), kind]
        subprocess.run(inside, env=ENVIRONMENT | {"HOME": str(study.folder.parent)}, check=True)


if __name__ == "__main__":
    what, *rest = sys.argv[1:]
    if what == "inside":
        no_object_is_damaged(Study(Path(rest[0]), cold=True), rest[1])
    else:
        trial(reference(), what, *rest)
