"""The commands of the library for one study: every command is a function of its own file; nothing heavy is imported at start."""

from collections.abc import Callable
from typing import Any

import typer

from joblineage.commands.diff import diff
from joblineage.commands.export import export
from joblineage.commands.find import find
from joblineage.commands.show import show
from joblineage.commands.sign import sign
from joblineage.commands.verify import verify
from joblineage.commands.why import why
from joblineage.study import Study


def commands(study: Study, *own: Callable[..., Any]) -> typer.Typer:
    """The commands `show`, `find`, `why`, `verify`, `sign`, `diff` and `export`.

    Parameters
    ----------
    study : what the library must know of the project; the commands find it in their context's `obj`.
    own : the project's own commands; one of the same name takes the place of the library's.
    """
    app = typer.Typer(
        name="lineage",
        help="Who made what from what, and whether it is still so: audit a finished study, offline.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"obj": study},
    )
    every: tuple[Callable[..., Any], ...] = (show, find, why, verify, sign, diff, export, *own)
    for command in {one.__name__: one for one in every}.values():
        app.command()(command)
    return app
