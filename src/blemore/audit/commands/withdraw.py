"""`blemore withdraw`: a person's consent withdrawn."""

from pathlib import Path
from typing import Annotated

import typer


def withdraw(
    person: Annotated[
        str | None, typer.Option(help="A person: all training clips (test clips tell no person).")
    ] = None,
    clip: Annotated[str | None, typer.Option(help="One clip's name, with or without its extension.")] = None,
    remote: Annotated[
        list[str] | None, typer.Option(help="A remote of DVC's to remove from; may be given again.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would go, change nothing.")] = False,
    workspace: Annotated[Path, typer.Option(help="The study's folder (where the Snakefile is).")] = Path(),
) -> None:
    """Consent withdrawn: never listed or imported again; removed from the workspace, caches and remotes.

    Try it with --dry-run. Raw clips removed here are gone. May be run again, in other clones or for further remotes. Exit code
    1 where a remote could not be reached.
    """
    from blemore.audit.withdrawal.carry_out import carry_out
    from blemore.audit.withdrawal.note import note
    from blemore.audit.withdrawal.plan import plan

    if (person is None) == (clip is None):
        raise typer.BadParameter("give one of --person, --clip")
    kind, name = ("person", person) if person is not None else ("clip", Path(clip or "").stem)
    planned = plan(workspace.resolve(), kind, str(name), remote or [])
    if dry_run:
        text = note(planned, "Dry run: nothing was changed")
    else:
        planned, text = carry_out(workspace.resolve(), planned)
    typer.echo(text)
    if planned.away:
        raise typer.Exit(1)
