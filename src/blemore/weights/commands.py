"""`blemore weights ...`: which checkpoints the study's encoders need, whether they are there, and how they come.

Exit codes: 0 everything is there, 1 something is missing or wrong.
Imports stand inside the commands: `blemore --help` must be fast.
"""

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from joblineage.errors import DataError, escaped, refuse
from joblineage.telling import plain_console, say, say_json

app = typer.Typer(help="Checkpoints of the encoders: sources, licences, which files are there.", no_args_is_help=True)

Params = Annotated[Path, typer.Option(help="The study's parameters.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


@app.command("list")
def list_command(as_json: AsJson = False) -> None:
    """Every known full-size checkpoint: source, licences of code and weights, size, hub name and revision."""
    from blemore.params.families import family
    from blemore.params.parts import ENCODER_FAMILY
    from blemore.weights.catalogue import checkpoints

    if as_json:
        say_json(checkpoints())
        return
    rows = [(f"{name}\n{entry['module']}", _lines(entry)) for name, entry in checkpoints().items()]
    rows += [(name, f"none needed: {note}") for name in ENCODER_FAMILY.names() if (note := family(name).note)]
    _table("Known checkpoints; ? is not known here", ("checkpoint", "what"), rows)


@app.command("check")
def check_command(
    encoder: Annotated[str | None, typer.Argument(help="One encoder of the parameters; all that take part.")] = None,
    params: Params = Path("params.yaml"),
    as_json: AsJson = False,
) -> None:
    """For each encoder of the study: is its checkpoint present, complete and the expected one? Needs no network."""
    from blemore.encoders.settings import encoder_settings
    from blemore.params.check import read_params
    from blemore.weights.catalogue import study_settings
    from blemore.weights.check import state

    values = read_params(params)
    if encoder is not None and encoder not in values["encoders"]:
        raise DataError(str(params), [f"no encoder {encoder}, known there: {', '.join(values['encoders'])}"])
    chosen = study_settings(values) if encoder is None else [encoder_settings(values, encoder)]
    states = [state(settings) for settings in chosen]
    if as_json:
        say_json(states)
    else:
        _show(states)
    if any(status["state"] in ("missing", "wrong") for status in states):
        raise typer.Exit(1)


@app.command("fetch")
def fetch_command(
    encoders: Annotated[
        list[str] | None, typer.Argument(help="Encoders of the parameters; all that take part.")
    ] = None,
    accept: Annotated[list[str] | None, typer.Option(help="A licence that you keep to, such as CC-BY-NC-4.0.")] = None,
    params: Params = Path("params.yaml"),
) -> None:
    """Download the missing checkpoints from the hub, an address or a package, and compare them with their sha256.

    Named encoders come at full size, whatever the study's scale. A licence that forbids something, or that is not
    known, is asked about.
    """
    said = os.environ.get("HF_HUB_OFFLINE") or os.environ.get("TRANSFORMERS_OFFLINE")  # as the hub's library reads them
    os.environ["HF_HUB_OFFLINE"] = said or "0"  # before that is imported: this command is asked to fetch
    from blemore.encoders.settings import encoder_settings
    from blemore.params.check import read_params
    from blemore.weights.catalogue import study_settings
    from blemore.weights.fetch import fetch

    values = read_params(params)
    unknown = [name for name in encoders or () if name not in values["encoders"]]
    refuse(str(params), [f"no encoder {name}, known there: {', '.join(values['encoders'])}" for name in unknown])
    full_size = {name: {**entry, "weights": "pretrained"} for name, entry in values["encoders"].items()}
    chosen = [encoder_settings({**values, "encoders": full_size}, name) for name in encoders or ()]
    refused: list[DataError] = []
    for settings in chosen or study_settings(values):
        try:
            status = fetch(settings, _agreed(accept or []))
            say(f"{status['encoder']}: {status['state']} {', '.join(status['files']) or status['said']}".rstrip())
        except DataError as error:
            refused.append(error)
    if refused:
        raise type(refused[0])("weights", [f"{error.where}: {fault}" for error in refused for fault in error.faults])


def _agreed(accepted: list[str]) -> Callable[[str, str], bool]:
    """Whether the person keeps to a licence: said by --accept, else asked on a terminal."""

    def agrees(licence: str, why: str) -> bool:
        if licence in accepted:
            return True
        return sys.stdin.isatty() and typer.confirm(f"{escaped(why)}. Do you keep to that?")

    return agrees


def _lines(entry: dict[str, Any]) -> str:
    """One known checkpoint in words."""
    terms = entry["licence"]
    files = [f"{file} (sha256 {digest or '?'})" for file, digest in entry["files"].items()]
    shown = {
        "what": entry["what"],
        "weights' licence": f"{terms['weights'] or '?'}; {terms['said_by']}",
        "code's licence": f"{terms['code'] or '?'}; the authors' own code: {terms['original_code'] or '?'}",
        "size": "?" if entry["megabytes"] is None else f"{entry['megabytes']} MB",
        "parameters": f"{entry['parameters']:,}" if entry["parameters"] else "?",
        "source": f"{entry['source']}, looked up {entry['looked_up']}",
        "forbids": terms["forbids"],
        "on the hub": f"{entry['hub']} at revision {entry['revision'] or '?'}" if entry["hub"] else "no",
        "in a package": entry["package"]["name"] if "package" in entry else None,
        "files": ", ".join(files) or "none",
        "paper": entry["paper"] or "?",
        "note": entry["note"],
    }
    return "\n".join(f"{key}: {text}" for key, text in shown.items() if text is not None)


def _show(states: list[dict[str, Any]]) -> None:
    rows = []
    for status in states:
        pinned = f"revision {status['revision']}" if status["revision"] else ""
        if not pinned and status["known_revision"]:
            pinned = f"revision not pinned in the parameters; known: {status['known_revision']}"
        switch = f"or switch it off: {status['off']}" if status["state"] in ("missing", "wrong") else ""
        files = [f"{path}: sha256 {digest}" for path, digest in status["files"].items()]
        lines = [status["checkpoint"], pinned, *files, status["said"], switch]
        rows.append((f"{status['encoder']}\n{status['scale']}", status["state"], "\n".join(filter(None, lines))))
    _table("Checkpoints of the study's encoders", ("encoder", "state", "what to know"), rows)


def _table(title: str, columns: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table(*columns, title=title, show_lines=True)
    for row in rows:
        table.add_row(*(Text(cell, overflow="fold") for cell in row))
    plain_console().print(table)
