"""The generated parts of the site's reference: commands, keyed, functions; as Markdown, for docs/conf.py.

python tools/reference.py commands|parameters|functions|lineage
"""

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

REPOSITORY = Path(__file__).parents[1]
Keys = tuple[str, ...]
LINEAGE = (
    "job.job", "declare.fitted", "declare.judged", "study.Study", "store.Store", "verify.verify", "commands.app.commands",
    "telling.say", "turns.alone", "slurm.gpus", "screen.show", "run.end", "code.sources", "rerun.by_content",
)  # fmt: skip
"""What a project uses of joblineage: the table of its README."""


def filled(page: str) -> str:
    """A page with each `<!-- commands -->` and the like replaced by what it names."""
    for name, make in PARTS.items():
        if f"<!-- {name} -->" in page:
            page = page.replace(f"<!-- {name} -->", "\n".join(make()))
    return page


def code(text: object) -> str:
    """Text between backticks, also in a cell of a table."""
    return f"`{' '.join(str(text).split())}`".replace("|", "\\|")


def prose(text: str) -> str:
    """A help text in one line of Markdown: what is between backticks is code, all other signs are themselves."""
    parts = " ".join(text.split()).replace("|", "\\|").split("`")
    signs = str.maketrans({sign: f"\\{sign}" for sign in "\\*_<[$"})
    return "`".join(part if number % 2 else part.translate(signs) for number, part in enumerate(parts))


def table(head: Keys, rows: Iterable[Keys]) -> Iterator[str]:
    """A table of Markdown."""
    yield from ("", f"| {' | '.join(head)} |", f"|{'---|' * len(head)}")
    yield from (f"| {' | '.join(row)} |" for row in rows)
    yield ""


def commands() -> Iterator[str]:
    """A section for each command of `blemore`, a group before its commands."""
    from typer.main import get_command

    from blemore.cli import app

    yield from _group(get_command(app), "blemore")


def _group(group: Any, name: str) -> Iterator[str]:
    inner = {f"{name} {key}": command for key, command in group.commands.items()}
    rows = [
        (f"[{key}](#{key.replace(' ', '-')})", prose(command.help).partition(". ")[0]) for key, command in inner.items()
    ]
    yield from table(("command", "what it does"), rows)
    for key, command in inner.items():
        yield from (f"{'##' if name == 'blemore' else '###'} {key}", "", prose(command.help), "")
        yield from _group(command, key) if hasattr(command, "commands") else _command(command, key)


def _command(command: Any, name: str) -> Iterator[str]:
    arguments = [param for param in command.params if param.param_type_name == "argument"]
    options = [param for param in command.params if param.param_type_name == "option"]
    words = [name, *map(_named, arguments), *(_named(option) for option in options if option.required), "[OPTIONS]"]
    yield from ("```text", " ".join(words), "```")
    rows = [(code(_named(argument)), prose(argument.help) + _default(argument)) for argument in (*arguments, *options)]
    yield from table(("argument or option", "what it is"), rows)


def _named(parameter: Any) -> str:
    """CLIPS..., --out PATH, --json."""
    if parameter.param_type_name == "argument":
        name = parameter.name.upper() + ("..." if parameter.nargs == -1 else "")
        return name if parameter.required else f"[{name}]"
    names = "/".join((*parameter.opts, *parameter.secondary_opts))
    return names if parameter.is_flag else f"{names} {parameter.type.name.upper().replace(' RANGE', '')}"


def _default(parameter: Any) -> str:
    value = parameter.default
    if parameter.required or value in (None, False, ()) or callable(value):
        return ""
    values = value if isinstance(value, list | tuple) else [value]
    return f" Default: {code(' '.join(str(getattr(value, 'value', value)) for value in values))}."


def parameters() -> Iterator[str]:
    """A table for each block of params.yaml: key, value there, meaning, what it may be."""
    from blemore.params.check import SCHEMA, read_schema, with_parts
    from blemore.params.schema import expected, meaning, part

    values = yaml.safe_load((REPOSITORY / "params.yaml").read_text("utf-8"))
    schema, _ = with_parts(read_schema(REPOSITORY / SCHEMA), values)

    def rows(keyed: Iterable[tuple[Keys, object]]) -> Iterator[Keys]:
        for keys, value in keyed:
            text = yaml.safe_dump(value, default_flow_style=True).replace("\n...", "")
            about = prose(meaning(schema, keys)), prose(expected(part(schema, keys)))
            yield code(".".join(keys)), code(text), *about

    head = ("key", "in params.yaml", "meaning", "may be")
    single = [((name,), value) for name, value in values.items() if not isinstance(value, Mapping)]
    yield from ("## The study as a whole", *table(head, rows(single)))
    for name, block in values.items():
        if isinstance(block, Mapping):
            said = prose(meaning(schema, (name,)))
            yield from (f"## Block {name}", "", said[:1].upper() + said[1:] + ".")
            parameters = leaves(block, (name,))
            yield from table(head, rows(once(parameters) if name == "encoders" else parameters))


def leaves(block: Mapping[str, Any], keys: Keys) -> Iterator[tuple[Keys, object]]:
    """Every value that is no block itself, with its path."""
    for name, value in block.items():
        if isinstance(value, Mapping) and value:
            yield from leaves(value, (*keys, name))
        else:
            yield (*keys, name), value


def once(keyed: Iterable[tuple[Keys, object]]) -> Iterator[tuple[Keys, object]]:
    """Of the keys that many encoders have, those of the first encoder that has them."""
    seen = set()
    for keys, value in keyed:
        if keys[2:] not in seen:
            seen.add(keys[2:])
            yield keys, value


def functions() -> Iterator[str]:
    """Directives for the functions of `import blemore`, and for `Bundle`."""
    import blemore

    for name in blemore.__all__:
        yield from _section("autofunction", f"blemore.{name}")
    yield from _section("autoclass", "blemore.Bundle", "members")


def lineage() -> Iterator[str]:
    """Directives for `LINEAGE`."""
    for name in LINEAGE:
        yield from _section("autoclass" if name.split(".")[-1][0].isupper() else "autofunction", f"joblineage.{name}")


def _section(directive: str, name: str, *options: str) -> Iterator[str]:
    yield from (f"## {name}", "", "```{eval-rst}", f".. {directive}:: {name}")
    yield from (*(f"   :{option}:" for option in options), "```", "")


PARTS: dict[str, Callable[[], Iterator[str]]] = {
    "commands": commands,
    "parameters": parameters,
    "functions": functions,
    "lineage": lineage,
}

if __name__ == "__main__":
    print("\n".join(PARTS[sys.argv[1]]()))
