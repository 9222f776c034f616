"""Which loaded code of a job is on no list: neither the rule's code list nor what its environment's installers say."""

import os
import sys
from collections.abc import Iterable
from pathlib import Path

from joblineage.bytecode import planted
from joblineage.files import sha256
from joblineage.installed import COMPILED, Installed

UNLISTED = "not in the rule's code list"
OUTSIDE = "from outside the study and its environment"
BEFORE = "LOADED_BEFORE_THE_FORK"
"""Name in the main module of what `so_far` gives: such files are not looked at again in each of many forks."""
LIBRARY = f"{Path(__file__).parent}{os.sep}"
"""This one may lie anywhere."""


def foreign(inputs: Iterable[str], installed: Installed) -> list[dict[str, str | None]]:
    """{file, sha256, why} of each loaded file that is not as a list says; in a job, at its end.

    Parameters
    ----------
    inputs : the files that the job's rule lists.
    """
    here = Path.cwd()
    root = f"{here}{os.sep}"
    listed = {os.path.join(root, path) for path in inputs}
    before = _before().get("files", {})
    files = modules() - before.keys()
    of_environment = {path for path in files if installed.home(path)}
    there = {path: os.stat(path).st_size for path in files - of_environment if os.path.isfile(path)}
    own = sorted(path for path in there if path.startswith(root))
    reasons = {path: UNLISTED for path in own if path not in listed and there[path]}
    reasons |= dict.fromkeys(planted(here, (path for path in own if path.endswith(".py"))), COMPILED)
    reasons |= {path: OUTSIDE for path in there.keys() - set(own) if not path.startswith(LIBRARY)}
    reasons |= {path: why for path, why in before.items() if why}
    reasons |= installed.foreign(sorted(of_environment))

    def named(path: str) -> str:
        return path.removeprefix(root) if path.startswith(root) and not installed.home(path) else installed.named(path)

    said = [{"file": named(path), "sha256": _sha256(path), "why": why} for path, why in reasons.items()]
    return sorted(said, key=lambda module: str(module["file"]))


def so_far() -> dict[str, dict[str, str]]:
    """{"files": {file of the environment that this process has loaded: why it is foreign or ""}, "known": of `Installed`}."""
    installed = Installed()
    files = sorted(path for path in modules() if installed.home(path))
    reasons = installed.foreign(files)
    installed.keep()
    return {"files": dict.fromkeys(files, "") | reasons, "known": installed.known}


def _before() -> dict[str, dict[str, str]]:
    return dict(vars(sys.modules["__main__"]).get(BEFORE, {}))


def environment() -> Installed:
    """This environment, with what is known of it."""
    return Installed(_before().get("known"))


def modules() -> set[str]:
    """Files of the loaded modules."""
    said = (getattr(module, "__dict__", {}).get("__file__") for module in list(sys.modules.values()))
    return {file if file[0] == os.sep else os.path.abspath(file) for file in said if isinstance(file, str) and file}


def _sha256(path: str) -> str | None:
    return sha256(path) if os.path.isfile(path) else None
