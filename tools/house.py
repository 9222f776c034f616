"""Files and lines of every room of src/, as docs/decisions/house.md lists them; lines of docstrings do not count.
Prints them, and writes those of the files of docs/in_an_hour.md into that page.

python tools/house.py
"""

import ast
import re
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]
ROW = re.compile(r"^\| `(\w+)` \| .+ \| (x?) ?\|$", re.M)
"""A room in the page's table: its name, and x where a newcomer to the science reads it."""

LISTED = re.compile(r"^\| [0-9]+ \| \[`(?:[\w/]+\.py)`\]\(\.\./src/blemore/([\w/]+\.py)\) \| [0-9]+", re.M)
"""A row of docs/in_an_hour.md: a file, and its lines."""


def rooms() -> dict[str, bool]:
    """The study's rooms in the page's order; True: science."""
    return {
        name: mark == "x" for name, mark in ROW.findall((REPOSITORY / "docs/decisions/house.md").read_text("utf-8"))
    }


def lines(path: Path) -> list[int]:
    """Lines of code of each Python file of a folder, or of one file: all but docstrings; empty files are left out."""
    files = path.rglob("*.py") if path.is_dir() else [path.with_suffix(".py")]
    return [count for count in map(code_lines, files) if count]


def code_lines(file: Path) -> int:
    """Lines of a file, without its docstrings and the strings below constants."""
    text = file.read_text("utf-8")
    strings = (
        node
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
    )
    return len(text.splitlines()) - sum(1 + (node.end_lineno or node.lineno) - node.lineno for node in strings)


def counted(page: str) -> str:
    """The page docs/in_an_hour.md with the lines of the files that it lists, and their sum."""
    counts = {name: code_lines(REPOSITORY / "src/blemore" / name) for name in LISTED.findall(page)}
    page = LISTED.sub(lambda row: f"{row[0].rpartition('| ')[0]}| {counts[row[1]]}", page)
    return re.sub(r"[0-9,]+(?= lines of code)", f"{sum(counts.values()):,}", page)


def main() -> None:
    """Print the table."""
    source = REPOSITORY / "src"
    counts = {name: lines(source / "blemore" / name) for name in rooms()}
    science = [count for name, chosen in rooms().items() if chosen for count in counts[name]]
    table = {("* " if chosen else "  ") + name: counts[name] for name, chosen in rooms().items()}
    table |= {"* together": science} | {
        path.name: lines(path) for path in sorted(source.iterdir()) if (path / "__init__.py").is_file()
    }
    table["src"] = lines(source)
    page = REPOSITORY / "docs/in_an_hour.md"
    page.write_text(counted(page.read_text("utf-8")), "utf-8")
    print(f"{'(* science)':16}{'files':>6}{'lines':>8}")
    for name, counts in table.items():
        print(f"{name:16}{len(counts):6}{sum(counts):8,}")


if __name__ == "__main__":
    main()
