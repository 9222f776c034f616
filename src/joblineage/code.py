"""Which source files a job depends on: read from the import statements, so no list can go stale."""

import ast
import os
import re
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

from joblineage.graph import reached

IMPORT = re.compile(
    rb"^[ \t]*(?:from ([\w.]+) )?import (?:([\w.]+(?:(?:, | as )[\w.]+)*)|\(([\w,\s]+)\))(?:  #.*)?$", re.M
)
"""An import statement in its usual form. A file in which the word stands elsewhere too is parsed, which takes 20 times as long."""
EXAMPLE = re.compile(rb"^ *>>> .*$", re.M)
"""A line of an example in a docstring: what it imports is not what the file imports."""
WORD = re.compile(rb"\bimport\b|\\[\r\n]")  # a line that goes on may hold the "from"


def python_path(root: Path) -> str:
    """PYTHONPATH under which the packages of a repository come before all others.

    Parameters
    ----------
    root : Path
        The repository.

    Returns
    -------
    str
        The value of the variable.
    """
    return os.pathsep.join([str(root.resolve() / "src"), *filter(None, [os.environ.get("PYTHONPATH")])])


def sources(root: Path, *starts: str) -> list[str]:
    """Find the files whose content decides what a job does: the starts and every module of the package they reach.

    Parameters
    ----------
    root : Path
        The repository.
    *starts : str
        Files below `root`, e.g. "workflow_scripts/<rule>.py". What is loaded by name (a plug-in, a method) cannot be
        seen in import statements: name its file as a further start.

    Returns
    -------
    list of str
        Paths below `root`, sorted.

    Raises
    ------
    FileNotFoundError
        A start does not exist.
    """
    return sorted(reached(starts, lambda path: _imports(root, path)))


@cache
def _imports(root: Path, path: str) -> tuple[str, ...]:
    """Files of the package that `path` imports anywhere, also inside functions."""
    text = EXAMPLE.sub(b"", (root / path).read_bytes())
    imports = IMPORT.findall(text)
    names = _read(imports) if len(imports) == len(WORD.findall(text)) else _parsed(text, path)
    ours = (name for name in names if name.split(".")[0] in _packages(root))
    return tuple(sorted({file for name in ours for file in _files(root, name)}))


def _read(imports: Iterable[tuple[bytes, bytes, bytes]]) -> set[str]:
    """Modules, and names in modules, of import statements taken apart by `IMPORT`."""
    names: set[str] = set()
    for module, line, lines in imports:
        listed = [part.split()[0].decode() for part in (line or lines).split(b",") if part.strip()]
        names.update([module.decode(), *(f"{module.decode()}.{name}" for name in listed)] if module else listed)
    return names


def _parsed(text: bytes, path: str) -> set[str]:
    """The same of all import statements in `text`, whatever their form."""
    names: set[str] = set()
    for node in _statements(ast.parse(text, path)):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return names


def _statements(node: ast.AST) -> Iterator[ast.AST]:
    """Every statement below `node`; expressions, nine tenths of the tree, hold no imports."""
    for part in ("body", "orelse", "handlers", "finalbody", "cases"):
        for statement in getattr(node, part, ()):
            yield statement
            yield from _statements(statement)


@cache
def _packages(root: Path) -> frozenset[str]:
    return frozenset(entry.name for entry in (root / "src").glob("*") if entry.is_dir())


@cache
def _files(root: Path, module: str) -> list[str]:
    """The file of a module and the `__init__.py` of the packages above it, as far as they hold any code."""
    parts = ["src", *module.split(".")]
    packages = ["/".join([*parts[:depth], "__init__.py"]) for depth in range(2, len(parts) + 1)]
    return [path for path in (*packages, "/".join(parts) + ".py") if path in _with_code(root)]


@cache
def _with_code(root: Path) -> frozenset[str]:
    """Python files below src/ that are not empty, listed once: asking the disk for each import costs .1 CPU s a start."""
    files = (os.path.join(folder, name) for folder, _, names in os.walk(root / "src") for name in names)
    return frozenset(os.path.relpath(path, root) for path in files if path.endswith(".py") and os.path.getsize(path))
