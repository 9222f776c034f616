"""`blemore lineage ...`: every command is a function of its own file; nothing heavy is imported before it is called."""

import typer

from blemore.audit.commands.leaks import leaks
from blemore.audit.commands.report import report
from joblineage.commands.diff import diff
from joblineage.commands.export import export
from joblineage.commands.find import find
from joblineage.commands.show import show
from joblineage.commands.sign import sign
from joblineage.commands.verify import verify
from joblineage.commands.why import why

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
