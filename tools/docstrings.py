"""What is public, and whether its docstrings have numpydoc's form: `make lint` and tests/test_docstrings.py ask here.

    python tools/docstrings.py

Public is what a reader of the method, a user of the Python API or another project that records its lineage meets: in the
modules below every function, class and method without a leading underscore.
"""

import ast
import re
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

from numpydoc.validate import validate

SOURCE = Path(__file__).parents[1] / "src"
sys.path.insert(0, str(SOURCE))
METHOD = ("scoring", "decide", "fusion", "learning", "evaluate", "challenge")
"""Rooms of `blemore` that are the method."""
MODULES = (
    *("blemore.api.functions", "blemore.api.models", "blemore.api.files", "blemore.predict.bundle"),
    *("blemore.encoders.vitmoe", "joblineage.job", "joblineage.declare", "joblineage.verify", "joblineage.verdict"),
    *("joblineage.study", "joblineage.errors", "joblineage.files", "joblineage.progress", "joblineage.telling"),
    "joblineage.code",
)
NAMES = (
    *("joblineage.store.Store", "joblineage.screen.show", "joblineage.run.end", "joblineage.rerun.by_content"),
    "joblineage.commands.app.commands",
)
"""Of these modules this name alone, with the class's methods."""
FACES = {"encoders": "build", "datasets": "roster", "individuals": "describe"}
"""{room: the function that makes a module of it a part}: params.yaml is checked against what their docstrings say."""

LEFT_OUT = {
    "ES01": "a summary that says it all needs no more sentences",
    "EX01": "examples where they help: tests/test_docstrings.py runs them",
    "SA01": "names in backticks are looked up by tests/test_names.py",
    "GL01": "the text begins behind the quotes",
    "GL02": "one line where one line is enough",
    "SS05": "a noun is as good a summary as a verb",
    "SS06": "a summary may be longer than numpydoc's line",
    "RT02": "several arrays of one form are one entry, `first, second : (n,) int`",
}
"""Codes of style that are not asked for, each with its reason; all others are."""


def modules() -> list[str]:
    """Names of the modules all of which is public."""
    rooms = [SOURCE / "blemore" / room for room in METHOD]
    files = [path for room in rooms for path in sorted(room.rglob("*.py"))]
    # The docstring of a command is its --help: typer shows its arguments by themselves.
    method = [path for path in files if path.name not in ("__init__.py", "commands.py")]
    return [*(".".join(path.relative_to(SOURCE).with_suffix("").parts) for path in method), *MODULES]


def defined(module: str) -> Iterator[tuple[str, ast.FunctionDef | ast.ClassDef]]:
    """Names and definitions of a module's public functions, classes and their methods."""
    file = SOURCE / f"{module.replace('.', '/')}.py"
    for node in ast.parse(file.read_text("utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            yield f"{module}.{node.name}", node
            for part in node.body if isinstance(node, ast.ClassDef) else []:
                if isinstance(part, ast.FunctionDef) and not part.name.startswith("_"):
                    yield f"{module}.{node.name}.{part.name}", part


def public() -> list[str]:
    """Names of all that is public."""
    names = [name for module in modules() for name, _ in defined(module)]
    for chosen in NAMES:
        module = chosen.rpartition(".")[0]
        names += [name for name, _ in defined(module) if name == chosen or name.startswith(f"{chosen}.")]
    for room, face in FACES.items():
        for path in sorted((SOURCE / "blemore" / room).glob("*.py")):
            name = f"blemore.{room}.{path.stem}.{face}"
            if name not in names and re.search(rf"^def {face}\(", path.read_text("utf-8"), re.M):
                names.append(name)
    return names


def faults(name: str) -> list[str]:
    """What numpydoc finds in the docstring of one name, as "file:line: name: code message"."""
    said = validate(name)
    file = Path(said["file"]).relative_to(SOURCE.parent)
    wrong = [(code, message) for code, message in said["errors"] if code not in LEFT_OUT]
    return [
        f"{file}:{said['file_line']}: {name}: {code} {message}" for code, message in wrong if not _given(name, code)
    ]


def _given(name: str, code: str) -> bool:
    """Whether a class has no arguments of its own to document: a protocol, an enumeration, a formatter of logging."""
    module, _, last = name.rpartition(".")
    if code not in ("PR01", "PR02") or not last[0].isupper():
        return False
    kind = getattr(import_module(module), last)
    return getattr(kind, "_is_protocol", False) or not ({"__init__", "_fields"} & {*vars(kind)})


def main() -> None:
    """Print all faults, and fail if there are any."""
    wrong = [fault for name in public() for fault in faults(name)]
    print(*wrong, sep="\n", end="\n" if wrong else "")
    print(f"{len(public())} public docstrings, {len(wrong)} fault(s)")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
