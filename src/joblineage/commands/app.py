"""The commands of the library for one study: every command is a function of its own file; nothing heavy is imported at start."""

from collections.abc import Callable
from typing import Any

import typer
from typer.core import TyperGroup

from joblineage.commands.diff import diff
from joblineage.commands.export import export
from joblineage.commands.find import find
from joblineage.commands.show import show
from joblineage.commands.sign import sign
from joblineage.commands.verify import verify
from joblineage.commands.why import why
from joblineage.errors import DataError
from joblineage.study import Study


class Commands(TyperGroup):
    """A group of commands that tells faults of the data in words and ends with 1, without a traceback."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except DataError as error:
            from rich.console import Console

            Console(stderr=True).print(str(error), style="red", markup=False, highlight=False, soft_wrap=True)
            raise typer.Exit(1) from None


def commands(study: Study, *own: Callable[..., Any]) -> typer.Typer:
    """The commands `show`, `find`, `why`, `verify`, `sign`, `diff` and `export`.

    Parameters
    ----------
    study : what the library must know of the project; the commands find it in their context's `obj`.
    own : the project's own commands; one of the same name takes the place of the library's.
    """
    app = typer.Typer(
        name="lineage",
        cls=Commands,
        help="Who made what from what, and whether it is still so: audit a finished study, offline.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"obj": study},
    )
    every: tuple[Callable[..., Any], ...] = (show, find, why, verify, sign, diff, export, *own)
    for command in {one.__name__: one for one in every}.values():
        app.command()(command)
    return app
