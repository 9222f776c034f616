"""`blemore lineage ...`: every command is a function of its own file; nothing heavy is imported before it is called."""

import typer

from blemore.lineage.commands.diff import diff
from blemore.lineage.commands.export import export
from blemore.lineage.commands.find import find
from blemore.lineage.commands.leaks import leaks
from blemore.lineage.commands.report import report
from blemore.lineage.commands.show import show
from blemore.lineage.commands.sign import sign
from blemore.lineage.commands.verify import verify
from blemore.lineage.commands.why import why

app = typer.Typer(
    name="lineage",
    help="Who made what from what, and whether it is still so: audit a finished study, offline.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

app.command()(show)
app.command()(find)
app.command()(why)
app.command()(verify)
app.command()(sign)
app.command()(report)
app.command()(leaks)
app.command()(diff)
app.command()(export)
