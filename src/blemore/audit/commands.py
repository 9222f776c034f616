"""`blemore lineage find`, `leaks` and `report`, and `blemore withdraw`.

Imports stand inside the commands: `blemore --help` must be fast.
"""

import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Annotated

import typer

from joblineage.commands.find import by_checkpoint, by_name, by_sha256, look
from joblineage.telling import plain_console, say, say_json

if TYPE_CHECKING:
    from blemore.audit.leaks.audit import Audit
    from joblineage.finding import Finder, Match
    from joblineage.store import Store

CLIPS = "results/clips/clips.parquet"
"""The table that says whose clips are whose."""

Artifact = Annotated[str | None, typer.Argument(help="One file: only the chain that it came from.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
Workspace = Annotated[Path, typer.Option(help="The study's folder (where the Snakefile is).")]


def find(
    context: typer.Context,
    sha256: Annotated[str | None, typer.Option(help="Bytes: a sha256, or its first 8 digits or more.")] = None,
    clip: Annotated[str | None, typer.Option(help="A clip's name, with or without its extension.")] = None,
    person: Annotated[str | None, typer.Option(help="A person, as the clips table names them.")] = None,
    checkpoint: Annotated[
        str | None, typer.Option(help="A checkpoint: name, revision, or the sha256 of one of its files.")
    ] = None,
    down: Annotated[bool, typer.Option("--down", help="Also everything that came from it.")] = False,
    as_json: AsJson = False,
    workspace: Workspace = Path(),
) -> None:
    """Which jobs made, read, were fitted on or judged something. Exit code 1 where none did."""
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
    from blemore.audit.persons import person_of

    stems = (
        PurePosixPath(entry["path"]).stem
        for record in store.records.values()
        for side in ("inputs", "outputs")
        for entry in record[side]
    )
    named = {stem for stem in stems if stem.startswith(f"{person}_") and person_of(stem) == person}
    return named | set(_table(person, store.root / CLIPS))


def _table(person: str, path: Path) -> Iterator[str]:
    if path.is_file():
        import pyarrow.parquet

        table = pyarrow.parquet.read_table(path, columns=["clip", "person"]).to_pydict()
        yield from (clip for clip, who in zip(table["clip"], table["person"], strict=True) if who == person)


def leaks(
    context: typer.Context,
    artifact: Artifact = None,
    as_json: AsJson = False,
    workspace: Workspace = Path(),
) -> None:
    """Was anybody judged by a model that had seen them? Persons x models, what is unknown, and every leak by name.

    Exit codes: 0 where no leak was found, 15 otherwise. Unknown is neither a leak nor "ok".
    """
    from blemore.audit.leaks.audit import check
    from joblineage.graph import Graph
    from joblineage.store import Store
    from joblineage.verdict import worst

    audit = check(Graph(Store(workspace, context.obj)), artifact)
    say_json(asdict(audit)) if as_json else _tell(audit)
    if audit.findings:
        raise typer.Exit(worst(audit.findings).code)


def _tell(audit: "Audit", shown: int = 20) -> None:
    from rich.table import Table

    from blemore.audit.leaks.matrix import PRETRAINING, SIGNS

    steps = audit.matrix.folded()
    table = Table("person", *steps, title="Persons x models: a sign per fold, then the model of the test clips")
    for name, *row in zip([*audit.matrix.persons, PRETRAINING], *steps.values(), strict=True):
        table.add_row(name, *row, style="red" if SIGNS["leak"][0] in "".join(row) else None)
    console = plain_console()
    console.width = max(console.width, plain_console(width=10_000).measure(table).maximum)
    console.print(table)
    say("  ".join(f"{sign} {words}" for sign, words in SIGNS.values()))
    for finding in audit.findings[:shown]:
        say(f"LEAK  {finding.node}", fg="red")
        say(f"  {finding.what}")
    if len(audit.findings) > shown:
        say(f"... and {len(audit.findings) - shown} more (--json lists all)")
    for note in audit.notes:
        say(f"note: {note}")
    for doubt in audit.unknown:
        say(f"unknown: {doubt}")
    looked = ", ".join(f"{number} {what}" for what, number in audit.checked.items())
    if audit.findings:
        say(f"LEAK: {len(audit.findings)} found in {looked}", fg="red", bold=True)
    else:
        say(
            f"No leak: of {looked}, no model judged a person that it was fitted on; unknown: {len(audit.unknown)}",
            fg="green",
            bold=True,
        )


def report(
    context: typer.Context,
    artifact: Artifact = None,
    out: Annotated[Path, typer.Option(help="Where the page goes; beside the study's results, not among them.")] = Path(
        "lineage.html"
    ),
    deep: Annotated[
        bool, typer.Option(help="Verify by reading every byte instead of trusting the files' status.")
    ] = False,
    part: Annotated[bool, typer.Option("--part", help="Print only the part that goes into another page.")] = False,
    workspace: Workspace = Path(),
) -> None:
    """One page for a reviewer: data, code, parameters, checkpoints, whom each model was trained on, time, verdict."""
    from blemore.audit.page.build import Check, page
    from joblineage.capture import now
    from joblineage.files import write_text
    from joblineage.store import Store
    from joblineage.verify import verify

    check = Check(verify(Store(workspace, context.obj), artifact, deep=deep), now())
    if part:
        sys.stdout.write(page(workspace, check, artifact, inside=True))  # a text for a page, not for a person
        return
    target = workspace / out
    write_text(target, page(workspace, check, artifact))
    say(f"{target}: {check.report.verdict.value}")


def withdraw(
    person: Annotated[
        str | None, typer.Option(help="A person: all training clips (test clips name no person).")
    ] = None,
    clip: Annotated[str | None, typer.Option(help="One clip's name, with or without its extension.")] = None,
    revoke: Annotated[
        str | None, typer.Option(help="The person or clip takes part again: consent was given again.")
    ] = None,
    reason: Annotated[
        str | None, typer.Option(help="With --revoke: why. Is kept in withdrawn.json, with who and when.")
    ] = None,
    remote: Annotated[list[str] | None, typer.Option(help="DVC remote to remove from; repeatable.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would go, change nothing.")] = False,
    workspace: Workspace = Path(),
) -> None:
    """Remove clips whose consent was withdrawn from workspace, caches and remotes; they are never imported again.

    Try it with --dry-run. Raw clips removed here are gone. May be run again, in other clones, for further remotes, or after the
    next run to see what still names them. Exit code 1 where a remote could not be reached.
    """
    from blemore.audit.withdrawal.carry_out import carry_out, note, take_back
    from blemore.audit.withdrawal.plan import plan

    if [person, clip, revoke].count(None) != 2:
        raise typer.BadParameter("give one of --person, --clip, --revoke")
    if (revoke is None) != (reason is None):
        raise typer.BadParameter("--revoke and --reason belong together")
    if revoke and reason:
        take_back(workspace.resolve(), Path(revoke).stem, reason)
        typer.echo(f"{revoke} takes part again from the next run on; commit withdrawn.json, which says why")
        return
    kind, name = ("person", person) if person is not None else ("clip", Path(clip or "").stem)
    planned = plan(workspace.resolve(), kind, str(name), remote or [])
    if dry_run:
        text = note(planned, "Dry run: nothing was changed")
    else:
        planned, text = carry_out(workspace.resolve(), planned)
    say(*text.split("\n"))
    if planned.away:
        raise typer.Exit(1)
