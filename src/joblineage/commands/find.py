"""`find`: everything that came from some bytes, a name or a checkpoint."""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from itertools import groupby
from pathlib import Path
from typing import Annotated

import typer

from joblineage.finding import SHORTEST, Finder, Match
from joblineage.store import Store
from joblineage.telling import say, say_json

NAMED = 4
"""So many files of a job are named; more are counted. `--json` names all."""
Way = Callable[[Finder, str], list[Match]]
"""How an option's value is looked for."""
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
Workspace = Annotated[Path, typer.Option(help="The study's folder (where the Snakefile is).")]


def find(
    context: typer.Context,
    sha256: Annotated[str | None, typer.Option(help="Bytes: a sha256, or its first 8 digits or more.")] = None,
    name: Annotated[
        str | None, typer.Option(help="A file's name without its extension, or what a fit or a wildcard calls so.")
    ] = None,
    checkpoint: Annotated[
        str | None, typer.Option(help="A checkpoint: name, revision, or the sha256 of one of its files.")
    ] = None,
    down: Annotated[bool, typer.Option("--down", help="Also everything that came from it.")] = False,
    as_json: AsJson = False,
    workspace: Workspace = Path(),
) -> None:
    """Which jobs made, read, were fitted on or judged something. Exit code 1 where none did."""
    ways = {"--sha256": (sha256, by_sha256), "--name": (name, by_name), "--checkpoint": (checkpoint, by_checkpoint)}
    look(Store(workspace, context.obj), ways, down, as_json)


by_checkpoint = Finder.checkpoint


def by_sha256(finder: Finder, value: str) -> list[Match]:
    """Files whose sha256 begins so."""
    if len(value) < SHORTEST or set(value.lower()) - set("0123456789abcdef"):
        raise typer.BadParameter(f"--sha256 wants at least {SHORTEST} hexadecimal digits")
    return finder.sha256(value)


def by_name(finder: Finder, value: str) -> list[Match]:
    """Jobs that touched what bears this name, or ran for it."""
    return finder.names([value, Path(value).stem], value)


def look(store: Store, ways: Mapping[str, tuple[str | None, Way]], down: bool, as_json: bool) -> None:
    """Look for the one value that was given and print what was found.

    Parameters
    ----------
    ways : {option: (its value, how it is looked for)}.
    """
    given = [(option, value, way) for option, (value, way) in ways.items() if value is not None]
    if len(given) != 1:
        raise typer.BadParameter(f"give one of {', '.join(ways)}")
    (option, value, way), finder = given[0], Finder(store)
    matches = way(finder, value)
    below = finder.below(matches) if down else []
    asked, records = f"{option.removeprefix('--')} {value}", len(store.records)
    if as_json:
        answer = {"matches": [asdict(match) for match in matches], "below": [asdict(match) for match in below]}
        say_json(answer)
    elif matches:
        say(f"{asked}: touched by {len({match.record for match in matches})} of {records} recorded jobs")
        _list(matches)
        if down:
            say(f"came from it: {len(below)} files of {len({match.record for match in below})} jobs")
            _list(below)
    else:
        say(f"{asked}: nothing found in {records} records")
    if not matches:
        raise typer.Exit(1)


def _list(matches: list[Match]) -> None:
    def order(match: Match) -> tuple[bool, str, str, str]:
        return not match.current, match.job, match.record, match.how

    for (old, job, record, how), group in groupby(sorted(matches, key=order), order):
        whats = [f"{match.what} {(match.sha256 or '')[:8]}".rstrip() for match in group]
        more = f" and {len(whats) - NAMED} more" if len(whats) > NAMED else ""
        earlier = f" (earlier, record {record[:12]})" if old else ""
        say(f"  {job}{earlier} {how}: {', '.join(whats[:NAMED])}{more}")
