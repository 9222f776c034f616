"""Code that is not the study's stays out of its processes: no module of the folder at hand, of the user or beside our own."""

import os
import sys
from pathlib import Path

from joblineage.bytecode import planted
from joblineage.errors import DataError, refuse
from joblineage.study import Study
from joblineage.variables import OF_A_RUN, SET

SOURCES = "src"
IMPORTABLE = (".py", ".pyc", ".so", ".pyd")
NO_MODULES = ("__pycache__", ".egg-info")
SETTINGS = ("matplotlibrc", ".numba_config.yaml")
"""Files from which libraries take settings, without a word, where they lie in the folder at hand."""


def isolate(root: Path, study: Study) -> None:
    """Keep foreign modules out of this Snakemake and of every process that it starts; while the Snakefile is read.

    Raises
    ------
    DataError : src/ holds another module than the study's own, a library's settings lie in the study's folder, or a module
        of that is loaded already.
    """
    for name, value in study.variables.items():
        os.environ.setdefault(name, value)
    os.environ.update({name: value for name, value in OF_A_RUN.items() if value != SET})
    stay_out(root)
    faults = [f"{path}: {why}: remove it" for path, why in strangers(root, study).items()]
    refuse(str(root), faults or _loaded(root, study))


def begin(root: Path) -> None:
    """Before the first job: no compiled file of ours may be another thing than its source.

    Raises
    ------
    DataError : some were; they are removed, and since they may be at work in this process, it has to end.
    """
    stay_out(root)  # every `include` of a file of rules adds its folder
    files = planted(root, (root / SOURCES).rglob("*.py"))
    for path in files:
        os.remove(path)
    faults = [f"{os.path.relpath(path, root)}: was not compiled from its source; removed" for path in files]
    if faults:
        raise DataError(str(root), [*faults, "nothing was run: start again"])


def strangers(root: Path, study: Study) -> dict[str, str]:
    """{path: why it would reach a job} of what does not belong here.

    What lies in src/ and could be imported, but is none of the study's modules (none where the study names none), and
    settings of libraries.
    """
    found = {name: "a library would take its settings from it" for name in SETTINGS if (root / name).exists()}
    if study.modules and (root / SOURCES).is_dir():
        entries = [path for path in (root / SOURCES).iterdir() if path.is_dir() or path.name.endswith(IMPORTABLE)]
        paths = [path.relative_to(root).as_posix() for path in entries if not path.name.endswith(NO_MODULES)]
        why = "no module of this study, and it would be loaded in place of any library of that name"
        found |= dict.fromkeys(sorted(path for path in paths if path not in study.modules), why)
    return found


def stay_out(root: Path) -> None:
    """No module is looked for in the study's folder, but in src/; Snakemake adds the folders of the Snakefile and the rules."""
    places = {folder: os.path.abspath(folder) for folder in sys.path}
    ours = os.path.abspath(root / SOURCES)
    sys.path[:] = [folder for folder, place in places.items() if place == ours or not _within(place, root)]


def _within(path: str, root: Path) -> bool:
    """Whether a path belongs to the study's folder, but not to an environment that lies in it."""
    return Path(path).is_relative_to(root.absolute()) and not Path(path).is_relative_to(sys.prefix)


def _loaded(root: Path, study: Study) -> list[str]:
    """Faults: modules of the study's folder that are at work in this process, and are none of its own."""
    own = tuple(str(root.absolute() / module) for module in study.modules)
    if not own:
        return []
    files = {vars(module).get("__file__") for name, module in list(sys.modules.items()) if name != "__main__"}
    foreign = sorted(
        file for file in files if isinstance(file, str) and _within(file, root) and not file.startswith(own)
    )
    return [f"{file}: loaded in place of a library: remove it" for file in foreign]
