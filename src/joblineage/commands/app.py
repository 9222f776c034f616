"""The commands of the library for one study: every command is a function; nothing heavy is imported at start."""

import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from joblineage.commands.find import AsJson, Workspace, find
from joblineage.errors import DataError
from joblineage.progress import never_fail_to_print
from joblineage.store import Store
from joblineage.study import Study
from joblineage.telling import plain_console, say, say_json

if TYPE_CHECKING:
    from joblineage.verify import Report

WIDTH = 200
"""Columns of a tree where the output is no terminal, so that lines stay whole."""

Artifact = Annotated[str, typer.Argument(help="A file, a job (rule/wildcard=value) or a record's id.")]
File = Path | None
Run = Annotated[
    str, typer.Argument(help="last, previous, the beginning of a run's id, or a workspace's folder (its last run).")
]


class Commands(TyperGroup):
    """A group of commands that tells faults of the data in words and ends with 1, without a traceback."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        never_fail_to_print()
        try:
            return super().invoke(ctx)
        except DataError as error:
            say(*str(error).split("\n"), err=True, fg="red")
            raise typer.Exit(1) from None


def commands(study: Study, *own: Callable[..., Any]) -> typer.Typer:
    """Make the commands `show`, `find`, `why`, `verify`, `recover`, `sign`, `diff` and `export`.

    Parameters
    ----------
    study : Study
        What the library must know of the project; the commands find it in their context's `obj`.
    *own : callable
        The project's own commands; one of the same name takes the place of the library's.

    Returns
    -------
    typer.Typer
        The application.
    """
    app = typer.Typer(
        name="lineage",
        cls=Commands,
        help="Audit a finished study, offline: what made each file, from what, and whether it still holds.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"obj": study},
    )
    every: tuple[Callable[..., Any], ...] = (show, find, why, verify, recover, sign, diff, export, *own)
    for command in {function.__name__: function for function in every}.values():
        app.command()(command)
    return app


def show(
    context: typer.Context,
    artifact: Artifact,
    depth: Annotated[
        int | None, typer.Option(min=0, help="Show only this many steps above the artifact's own job.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a tree.")] = False,
    workspace: Workspace = Path(),
) -> None:
    """What an artifact was made from: each job with when, how long, parameters, checkpoints, seeds and commit."""
    from joblineage import finding, showing

    store = Store(workspace, context.obj)
    recorded = finding.find(artifact, store)
    if as_json:
        say_json(showing.as_dict(recorded, store, depth))
        return
    wide = {} if sys.stdout.isatty() else {"width": WIDTH}
    plain_console(**wide).print(showing.tree(recorded, store, depth))


def why(
    context: typer.Context,
    artifact: Artifact,
    against: Annotated[
        str | None, typer.Option(help='Compare with that run instead of the present: its id, "last" or "previous".')
    ] = None,
    as_json: AsJson = False,
    workspace: Workspace = Path(),
) -> None:
    """Why a job would run again, or did: the first changed field, traced back to where it began."""
    from joblineage import explaining, finding
    from joblineage.run_view import find_run

    store = Store(workspace, context.obj)
    recorded = finding.find(artifact, store)
    older = find_run(against, store) if against is not None else explaining.before(recorded, store)
    answers = [explaining.now(recorded, store)] if against is None else []
    answers += [explaining.then(recorded, store, older)] if older else []
    if as_json:
        say_json([answer.as_dict() for answer in answers])
        return
    for answer in answers:
        say(*answer.lines())


def verify(
    context: typer.Context,
    artifact: Annotated[str | None, typer.Argument(help="One file: only the chain that it came from.")] = None,
    deep: Annotated[bool, typer.Option(help="Read every byte instead of trusting the files' status.")] = False,
    cache: Annotated[bool, typer.Option("--cache", help="Read every object of DVC's local cache too.")] = False,
    replay: Annotated[
        int, typer.Option(help="Rerun this many of the cheapest jobs in a scratch folder and compare.", min=0)
    ] = 0,
    key: Annotated[Path | None, typer.Option(help="Public key with which the last run must be signed.")] = None,
    plan: Annotated[
        bool | None, typer.Option(help="Ask the study's Snakefile which jobs an edit concerns; it is executed.")
    ] = None,
    as_json: AsJson = False,
    workspace: Workspace = Path(),
) -> None:
    """Is everything still what its records say? Names the first bad node and what follows from it.

    Exit codes: OK 0, STALE 10, TAMPERED 11, MISSING 12, UNRECORDED 13, TAINTED 14, LEAK 15, WITHDRAWN 16, INCOMPLETE 17.
    """
    from joblineage.verify import verify

    store = Store(workspace, context.obj)
    report = verify(store, artifact, deep=deep, cache=cache, key_file=key, plan=plan)
    if replay:
        from joblineage.replay import replayed

        report = replayed(report, store, artifact, replay)
    if as_json:
        about = asdict(report)
        said = {"verdict": report.verdict, **{part: about[part] for part in ("level", "checked", "notes", "findings")}}
        say_json(said)
    else:
        _tell(report)
    if report.verdict.code:
        raise typer.Exit(report.verdict.code)


def _tell(report: "Report", shown: int = 20) -> None:
    for finding in report.findings[:shown]:
        say(f"{finding.verdict.value}  {finding.node}", fg="red")
        say(f"  {finding.what}")
        if finding.follows:
            more = f" and {len(finding.follows) - 6} more" if len(finding.follows) > 6 else ""
            say(f"  from it follow: {', '.join(finding.follows[:6])}{more}")
    if len(report.findings) > shown:
        say(f"... and {len(report.findings) - shown} more findings (--json lists all)")
    for note in report.notes:
        say(f"note: {note}")
    done, bad = report.checked, bool(report.verdict.code)
    how = f"{done['bytes'] / 1e6:.1f} MB read" + ("" if report.level == "deep" else ", unchanged files by their status")
    other = not bad and any(note.startswith("other environment") for note in report.notes)
    word = f"{report.verdict.value}{', other environment' * other}"
    said = f"{word}: {done['records']} records, {done['files']} files ({how})"
    say(said, fg="red" if bad else "green", bold=True)


def recover(
    context: typer.Context,
    force: Annotated[
        bool,
        typer.Option(
            "--force", help="Treat a run that cannot be reached from here as dead, and cancel its cluster jobs."
        ),
    ] = False,
    workspace: Workspace = Path(),
) -> None:
    """After a kill, a power cut or a mistake: end what a run left running, restore what is lost or damaged.

    It says what it did, and what the next run has to make again; it runs no job. Finished work is kept.
    """
    from joblineage.recovery import RunActive, recover

    try:
        done = recover(Store(workspace, context.obj), force=force)
    except RunActive as error:
        say(str(error), err=True)
        raise typer.Exit(1) from None
    for line in done:
        say(line)


def sign(
    context: typer.Context,
    key: Annotated[Path, typer.Argument(help="Private key file (PEM), outside the study's folder.")],
    new_key: Annotated[bool, typer.Option(help="Make a new pair first: KEY and KEY.pub.")] = False,
    workspace: Workspace = Path(),
) -> None:
    """Sign the last run, offline; `verify --key KEY.pub` then also finds a chain that was re-forged as a whole."""
    from joblineage import signing
    from joblineage.verify import verify

    signing.keep_outside(workspace, key)
    if new_key:
        say(f"made {key} (keep it secret) and {signing.make_keys(key)} (give it to those who verify)")
    store = Store(workspace, context.obj)
    verify(store).refuse("signed", workspace)
    say(f"signed: {signing.sign(store, key)}")
    say("`dvc commit` keeps the signature with the study")


def diff(
    context: typer.Context,
    run_a: Run,
    run_b: Run,
    attribute: Annotated[
        bool, typer.Option("--attribute", help="Attribute the change of the headline to what changed, by replaying.")
    ] = False,
    seeds: Annotated[
        int, typer.Option(min=0, help="With --attribute: other seeds to replay each run with, to estimate the noise.")
    ] = 4,
    as_json: AsJson = False,
    workspace: Workspace = Path(),
) -> None:
    """What differs between two runs: the cause first, then the headline, then every job that is not the same."""
    from joblineage.comparing import Comparison
    from joblineage.outcome import Outcome
    from joblineage.run_view import find_run

    store = Store(workspace, context.obj)
    outcome = Outcome(Comparison(find_run(run_a, store), find_run(run_b, store)))
    said, lines = outcome.as_dict(), [*outcome.lines()]
    if attribute:
        if store.study.divide is None:
            raise typer.BadParameter("--attribute: this study does not say how its headline is divided")
        divided = store.study.divide(outcome, seeds)
        said["attribution"] = divided.as_dict()
        lines += ["", *divided.lines()]
    if as_json:
        say_json(said)
    else:
        say(*lines)


def export(
    context: typer.Context,
    ro_crate: Annotated[File, typer.Option(help="RO-Crate, a .zip: metadata, code, records and small results.")] = None,
    slsa: Annotated[File, typer.Option(help="SLSA v1 provenance of the products, an in-toto statement.")] = None,
    pseudonyms: Annotated[
        File,
        typer.Option(
            help="Keep the pseudonyms' salt here (made if missing): tables are then included, with pseudonyms."
        ),
    ] = None,
    with_names: Annotated[bool, typer.Option(help="Include private names, and the tables that contain them.")] = False,
    check: Annotated[File, typer.Option(help="Write nothing: compare each file of this crate with its sha256.")] = None,
    workspace: Workspace = Path(),
) -> None:
    """Export the lineage of a finished study in standard formats. Private names stay out unless asked for."""
    if not (ro_crate or slsa or check):
        raise typer.BadParameter("say what to write: --ro-crate FILE, --slsa FILE; or --check CRATE.zip")
    if pseudonyms and with_names:
        raise typer.BadParameter("--pseudonyms replaces names, --with-names tells them: choose one")
    from joblineage.export.crate import check_crate, write_crate

    if check is not None:
        say(f"{check}: {check_crate(check)} files, each is what the metadata says")
        return
    from joblineage.export.payload import MANIFEST, WHY
    from joblineage.export.pseudonyms import Names, salt_from
    from joblineage.export.slsa import statement
    from joblineage.export.view import View
    from joblineage.files import write_json
    from joblineage.verify import verify

    store = Store(workspace, context.obj)
    verify(store).refuse("exported", workspace)
    names = Names(store.study.names(store), None if with_names else salt_from(pseudonyms), kept=pseudonyms is not None)
    view = View(store, names)
    if ro_crate:
        counted = Counter(why for _, _, why in write_crate(view, ro_crate).absent.values())
        size = f"RO-Crate of {check_crate(ro_crate)} files ({ro_crate.stat().st_size / 1e6:.1f} MB)"
        say(f"{ro_crate}: {size}, each compared with its sha256")
        say(f"not in it, known by their sha256 in its {MANIFEST}:")
        for reason in filter(counted.get, WHY):
            say(f"  {counted[reason]:5d} {WHY[reason]}")
    if slsa:
        write_json(slsa, statement(view))
        say(f"{slsa}: SLSA v1 provenance of the products")
    if with_names:
        say(f"private names: all {len(names.private)} may be in it")
    else:
        kept = f"their salt is in {pseudonyms}: keep it apart" if pseudonyms else "their salt is not kept"
        say(f"private names: none is in it; pseudonyms stand for {len(names.private)}, {kept}")
