"""`blemore lineage ...`: every command is a function of its own file; nothing heavy is imported before it is called."""

import typer

app = typer.Typer(
    name="lineage",
    help="Who made what from what, and whether it is still so: audit a finished study, offline.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
