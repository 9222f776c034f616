"""`blemore submission ...`: the record of what was uploaded to the challenge and what came back.

Exit codes: 0 logged or listed, 1 the file or the log is wrong (then nothing was written), 2 wrong usage.
Imports stand inside the commands: `blemore --help` must be fast.
"""

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from joblineage.telling import plain_console, say, say_json

app = typer.Typer(help="Uploads to the challenge: log them with what came back, list them.", no_args_is_help=True)

FILE = "uploads.json"
"""In the study's folder, for git; below results/ it would be cleaned away."""


def _share(text: str) -> Decimal:
    from blemore.challenge.uploads.entries import share

    try:
        return share(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def _moment(text: str) -> datetime:
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no ISO time, such as 2026-03-01T12:00+01:00") from None
    if when.tzinfo is None:
        raise typer.BadParameter(f"{text!r} names no time zone: end it with Z (UTC) or with one such as +01:00")
    if when > datetime.now(UTC):
        raise typer.BadParameter(f"{text!r} lies in the future")
    return when


Workspace = Annotated[Path, typer.Option(help="The study's folder, where uploads.json is.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
Share = Annotated[Decimal | None, typer.Option(parser=_share, metavar="0..1", help="As the challenge returned it.")]


@app.command("log")
def log_command(
    file: Annotated[Path, typer.Argument(help="The zip that was uploaded.")],
    variant: Annotated[
        Literal["inductive", "transductive"] | None, typer.Option(help="Default: as the file's name says.")
    ] = None,
    when: Annotated[
        datetime | None,
        typer.Option(parser=_moment, metavar="ISO-TIME", help="Time of the upload, with its time zone; default: now."),
    ] = None,
    acc_presence: Share = None,
    acc_salience: Share = None,
    score: Share = None,
    note: Annotated[str, typer.Option(help="Anything worth keeping.")] = "",
    clips: Annotated[
        Path | None,
        typer.Option(
            "--clips",
            "--template",
            help="The clips that must be there: the challenge's template, clips.parquet or a CSV.",
        ),
    ] = None,
    workspace: Workspace = Path(),
    as_json: AsJson = False,
) -> None:
    """Log an upload, checked as the challenge would. A score that comes later: the same call, with the score."""
    from blemore.challenge.submission import asked_keys
    from blemore.challenge.uploads.entries import faults_of
    from blemore.challenge.uploads.log import record

    given = {"acc_presence": acc_presence, "acc_salience": acc_salience, "score": score}
    numbers = {key: value for key, value in given.items() if value is not None}
    if faults := faults_of(numbers):
        raise typer.BadParameter("; ".join(faults))
    done = record(
        workspace / FILE,
        file,
        variant=variant,
        when=when,
        numbers=numbers,
        note=note,
        keys=None if clips is None else asked_keys(clips),
    )
    if as_json:
        say_json({"action": done.action, "entry": done.entry, "twins": done.twins})
        return
    entry = done.entry
    said = {
        "added": f"logged as upload {entry['number']}",
        "completed": f"upload {entry['number']} is completed, no new upload",
        "known": f"nothing new: upload {entry['number']} says so already",
    }[done.action]
    say(f"{workspace / FILE}: {said}")
    say(f"{entry['file']}, {entry['variant']}, uploaded {entry['uploaded']}, sha256 {entry['sha256']}")
    returned = entry["returned"] or {"score": None}
    say(", ".join(f"{key} {_number(value)}" for key, value in returned.items()))
    if done.twins:
        say(f"the same bytes were uploaded as {', '.join(f'upload {number}' for number in done.twins)}")


@app.command("list")
def list_command(workspace: Workspace = Path(), as_json: AsJson = False) -> None:
    """Every logged upload with what came back, and why the best of them is not an unbiased estimate."""
    from blemore.challenge.uploads.entries import read_uploads, summary

    entries = read_uploads(workspace / FILE)
    counts = summary(entries)
    if as_json:
        say_json({"uploads": entries, "summary": counts})
        return
    if entries:
        _table(entries)
    say(f"{counts['uploads']} upload(s) of {counts['files']} different file(s), {counts['scored']} with a score.")
    if counts["best"]:
        best = counts["best"]
        say(f"Best Score: {_number(best['returned']['score'])}, upload {best['number']} ({best['variant']}).")
    say(counts["warning"])


def _number(value: float | None) -> str:
    return "?" if value is None else f"{value:g}"


def _table(entries: list[dict[str, Any]]) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table(title="Uploads to the challenge", show_lines=True)
    for name in ("", "uploaded (UTC)", "presence", "salience", "Score"):
        table.add_column(name, no_wrap=True)
    table.add_column("file, sha256, note", overflow="fold")
    for entry in entries:
        returned = entry["returned"] or {"acc_presence": None, "acc_salience": None, "score": None}
        numbers = (_number(returned[key]) for key in ("acc_presence", "acc_salience", "score"))
        when = f"{entry['uploaded'][:16].replace('T', ' ')}\n{entry['variant']}"
        what = "\n".join(filter(None, (entry["file"], entry["sha256"][:12], entry["note"])))
        table.add_row(*map(Text, (str(entry["number"]), when, *numbers, what)))
    plain_console().print(table)
