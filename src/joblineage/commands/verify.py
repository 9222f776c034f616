"""`verify`."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from joblineage.verify import Report


def verify(
    context: typer.Context,
    artifact: Annotated[str | None, typer.Argument(help="One file: only the chain that it came from.")] = None,
    deep: Annotated[bool, typer.Option(help="Read every byte instead of trusting the files' status.")] = False,
    replay: Annotated[int, typer.Option(help="Rerun so many cheap jobs in a scratch folder and compare.", min=0)] = 0,
    key: Annotated[Path | None, typer.Option(help="Public key with which the last run must be signed.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")] = False,
    workspace: Annotated[Path, typer.Option(help="The study's folder (where the Snakefile is).")] = Path(),
) -> None:
    """Is everything still what its records say? Names the first bad node and what follows from it.

    Exit codes: OK 0, STALE 10, TAMPERED 11, MISSING 12, UNRECORDED 13, TAINTED 14, LEAK 15, WITHDRAWN 16.
    """
    from joblineage.store import Store
    from joblineage.verify import verify

    store = Store(workspace, context.obj)
    report = verify(store, artifact, deep=deep, key_file=key)
    if replay:
        from joblineage.replay import replayed

        report = replayed(report, store, artifact, replay)
    if as_json:
        about = asdict(report)
        said = {"verdict": report.verdict, **{part: about[part] for part in ("level", "checked", "notes", "findings")}}
        typer.echo(json.dumps(said, indent=2, ensure_ascii=False))
    else:
        _tell(report)
    if report.verdict.code:
        raise typer.Exit(report.verdict.code)


def _tell(report: "Report", shown: int = 20) -> None:
    for one in report.findings[:shown]:
        typer.secho(f"{one.verdict.value}  {one.node}", fg="red")
        typer.echo(f"  {one.what}")
        if one.follows:
            more = f" and {len(one.follows) - 6} more" if len(one.follows) > 6 else ""
            typer.echo(f"  from it follow: {', '.join(one.follows[:6])}{more}")
    if len(report.findings) > shown:
        typer.echo(f"... and {len(report.findings) - shown} more findings (--json lists all)")
    for note in report.notes:
        typer.echo(f"note: {note}")
    done = report.checked
    how = f"{done['bytes'] / 1e6:.1f} MB read" + ("" if report.level == "deep" else ", unchanged files by their status")
    other = any(note.startswith("other environment") for note in report.notes)
    word = f"{report.verdict.value}{', other environment' if other and not report.verdict.code else ''}"
    typer.secho(
        f"{word}: {done.get('records', 0)} records, {done.get('files', 0)} files ({how})",
        fg="red" if report.verdict.code else "green",
        bold=True,
    )
