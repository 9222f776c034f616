"""`blemore lineage find`: everything that came from some bytes, a clip, a person or a checkpoint."""

import json
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from joblineage.finding import Match

NAMED = 4
"""So many files of a job are named; more are counted. `--json` names all."""


def find(
    sha256: Annotated[str | None, typer.Option(help="Bytes: a sha256, or its first 8 digits or more.")] = None,
    clip: Annotated[str | None, typer.Option(help="A clip's name, with or without its extension.")] = None,
    person: Annotated[str | None, typer.Option(help="A person, as the clips table names them.")] = None,
    checkpoint: Annotated[
        str | None, typer.Option(help="A checkpoint: name, revision, or the sha256 of one of its files.")
    ] = None,
    down: Annotated[bool, typer.Option("--down", help="Also everything that came from it.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")] = False,
    workspace: Annotated[Path, typer.Option(help="The study's folder (where the Snakefile is).")] = Path(),
) -> None:
    """Which jobs touched it: made it, read it, were fitted on it, judged it. Exit code 1 where none did."""
    from joblineage.finding import SHORTEST, Finder, Found
    from joblineage.store import Store

    asked = {"--sha256": sha256, "--clip": clip, "--person": person, "--checkpoint": checkpoint}
    given = {name: value for name, value in asked.items() if value is not None}
    if len(given) != 1:
        raise typer.BadParameter(f"give one of {', '.join(asked)}")
    if sha256 is not None and (len(sha256) < SHORTEST or set(sha256.lower()) - set("0123456789abcdef")):
        raise typer.BadParameter(f"--sha256 wants at least {SHORTEST} hexadecimal digits")

    finder = Finder(Store(workspace))
    if sha256 is not None:
        matches = finder.sha256(sha256)
    elif clip is not None:
        matches = finder.clips([clip, Path(clip).stem])
    elif person is not None:
        matches = finder.person(person)
    else:
        matches = finder.checkpoint(checkpoint or "")
    found = Found(matches, finder.below(matches) if down else [])

    if as_json:
        typer.echo(json.dumps(found.as_dict(), indent=2))
    else:
        name, value = next(iter(given.items()))
        _tell(f"{name.removeprefix('--')} {value}", found.matches, found.below, len(finder.store.records), down)
    if not matches:
        raise typer.Exit(1)


def _tell(asked: str, matches: "list[Match]", below: "list[Match]", records: int, down: bool) -> None:
    if not matches:
        typer.echo(f"{asked}: nothing found in {records} records")
        return
    typer.echo(f"{asked}: touched by {len({one.record for one in matches})} of {records} recorded jobs")
    _list(matches)
    if down:
        typer.echo(f"came from it: {len(below)} files of {len({one.record for one in below})} jobs")
        _list(below)


def _list(found: "list[Match]") -> None:
    def order(one: "Match") -> tuple[bool, str, str, str]:
        return not one.current, one.job, one.record, one.how

    for (old, job, record, how), group in groupby(sorted(found, key=order), order):
        whats = [f"{one.what} {(one.sha256 or '')[:8]}".rstrip() for one in group]
        more = f" and {len(whats) - NAMED} more" if len(whats) > NAMED else ""
        earlier = f" (earlier, record {record[:12]})" if old else ""
        typer.echo(f"  {job}{earlier} {how}: {', '.join(whats[:NAMED])}{more}")
