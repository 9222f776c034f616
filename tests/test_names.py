"""What docstrings, comments and pages name exists: functions, modules, keys of params.yaml, files."""

import ast
import re
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import yaml

from blemore.api import functions

REPOSITORY = Path(__file__).parents[1]
FOLDERS = ("src", "rules", "workflow_scripts", "tests", "benchmarks", "docs", "schemas", "profiles", "envs", "tools")
FILES = [path for path in REPOSITORY.glob("*") if path.is_file()] + [
    path for folder in FOLDERS for path in (REPOSITORY / folder).rglob("*") if "__pycache__" not in path.parts
]
TEXTS = sorted(
    path
    for path in FILES
    if path.suffix in (".py", ".md", ".smk", ".yaml")
    and not path.is_relative_to(REPOSITORY / "tests")
    and path.name != "CHANGELOG.md"
)
DOTTED = re.compile(r"`+([A-Za-z_]\w*(?:\.\w+)+)(?:\([^`]*\))?`")
FILE = re.compile(r"\.(cff|csv|html|jpg|jsonl?|lock|md|npz|onnx|parquet|png|pt|py|safetensors|smk|toml|yaml|zip)$")
PATH = re.compile(rf"(?<![\w./<>-])(?:{'|'.join(FOLDERS)}|blemore|joblineage|demoactors)/[\w./*<>-]*\w")
CODE_FILE = re.compile(r"`([\w/<>*-]+\.(?:py|smk))`")


def _members(body: list[ast.stmt], prefix: str) -> Iterator[str]:
    """Dotted names of what a module or class defines, and what its methods set on `self`."""
    for node in body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            yield f"{prefix}.{node.name}"
        if isinstance(node, ast.ClassDef):
            yield from _members(node.body, f"{prefix}.{node.name}")
            for part in ast.walk(node):
                if isinstance(part, ast.Attribute) and isinstance(part.ctx, ast.Store):
                    yield f"{prefix}.{node.name}.{part.attr}"
        for target in getattr(node, "targets", [getattr(node, "target", None)]):
            if isinstance(target, ast.Name):
                yield f"{prefix}.{target.id}"


def _keys(node: object, prefix: str = "") -> Iterator[str]:
    if isinstance(node, dict):
        for key, value in node.items():
            yield f"{prefix}.{key}"
            yield from _keys(value, f"{prefix}.{key}")


def _known() -> set[str]:
    """Every tail of every name: `blemore.scoring.exact.ExactSurface` is also `exact.ExactSurface`."""
    names = set(_keys(yaml.safe_load((REPOSITORY / "params.yaml").read_text())))
    for path in FILES:
        if path.suffix == ".py":
            parts = path.relative_to(REPOSITORY).with_suffix("").parts
            module = ".".join(part for part in parts if part not in ("src", "__init__"))
            names |= {module, *_members(ast.parse(path.read_text()).body, module)}
    names |= {f"blemore.{name}" for name in functions.__all__}
    tails = (name.split(".")[start:] for name in names for start in range(name.count(".") + 1))
    return {".".join(tail) for tail in tails}


KNOWN = _known()


def _exists(name: str) -> bool:
    first = name.split(".")[0]
    return name in KNOWN or (first not in KNOWN and getattr(find_spec(first), "origin", None) is not None)


def _wrong(line: str) -> list[str]:
    """What a line names and is not there."""
    names = [name for name in DOTTED.findall(line) if not FILE.search(name) and not _exists(name)]
    files = [re.sub(r"<\w+>", "*", name) for name in PATH.findall(line) + CODE_FILE.findall(line)]
    return names + [name for name in files if not any(path.match(name) or path.match(f"{name}.md") for path in FILES)]


def test_what_docstrings_comments_and_pages_name_exists() -> None:
    wrong = [
        f"{path.relative_to(REPOSITORY)}:{number}: {name} does not exist"
        for path in TEXTS
        for number, line in enumerate(path.read_text().splitlines(), 1)
        for name in _wrong(line)
    ]
    assert not wrong, "\n".join(wrong)


def test_names_that_do_not_exist_are_found() -> None:
    assert (
        _wrong(
            "`exact.ExactSurface`, `fusion.method`, `metrics.json`, `pathlib.Path`, `src/blemore/fusion/<method>.py`"
        )
        == []
    )
    assert _wrong(
        "`training_state.Row` in `fusion/nothing.py`, as `present.present(store)` and docs/nowhere.md say."
    ) == [
        *("training_state.Row", "present.present", "docs/nowhere.md", "fusion/nothing.py"),
    ]
