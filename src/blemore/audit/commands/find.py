"""`blemore lineage find`: also by a clip's name and by a person."""

from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Annotated

import typer

from joblineage.commands.find import by_checkpoint, by_name, by_sha256, look

if TYPE_CHECKING:
    from joblineage.finding import Finder, Match
    from joblineage.store import Store

CLIPS = "results/clips/clips.parquet"
"""The table that says whose clips are whose."""


def find(
    context: typer.Context,
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
    from joblineage.store import Store

    ways = {
        "--sha256": (sha256, by_sha256),
        "--clip": (clip, by_name),
        "--person": (person, by_person),
        "--checkpoint": (checkpoint, by_checkpoint),
    }
    look(Store(workspace, context.obj), ways, down, as_json)


def by_person(finder: "Finder", person: str) -> "list[Match]":
    """Jobs that touched a clip of a person, test clips only where the clips table says whose they are."""
    return finder.names(persons_clips(person, finder.store), person)


def persons_clips(person: str, store: "Store") -> set[str]:
    """Names of a person's clips: by the name of a training clip, and by the clips table where it is there."""
    from blemore.datasets.names import parse_name

    clips = set(_table(person, store.root / CLIPS))
    for record in store.records.values():
        for side in ("inputs", "outputs"):
            for one in record[side]:
                stem = PurePosixPath(one["path"]).stem
                if stem.startswith(f"{person}_"):
                    try:
                        clips |= {stem} if parse_name(stem).person == person else set()
                    except ValueError:  # a file that is no clip
                        continue
    return clips


def _table(person: str, path: Path) -> Iterator[str]:
    if path.is_file():
        import pyarrow.parquet

        table = pyarrow.parquet.read_table(path, columns=["clip", "person"]).to_pydict()
        yield from (clip for clip, who in zip(table["clip"], table["person"], strict=True) if who == person)
