"""`export`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from joblineage.export.payload import Payload
    from joblineage.export.pseudonyms import Names
    from joblineage.store import Store

Out = Path | None


def export(
    context: typer.Context,
    ro_crate: Annotated[Out, typer.Option(help="RO-Crate, a .zip: metadata, code, records and small results.")] = None,
    slsa: Annotated[Out, typer.Option(help="SLSA v1 provenance of the products, an in-toto statement.")] = None,
    pseudonyms: Annotated[
        Path | None,
        typer.Option(
            help="Keep the pseudonyms' salt in this file (made if missing); a crate then holds tables with pseudonyms."
        ),
    ] = None,
    with_names: Annotated[bool, typer.Option(help="Tell private names, and let in the tables that do.")] = False,
    check: Annotated[
        Path | None, typer.Option(help="Write nothing: compare every file of this crate with its sha256.")
    ] = None,
    workspace: Annotated[Path, typer.Option(help="The study's folder (where the Snakefile is).")] = Path(),
) -> None:
    """Hand the lineage of a finished study on, in forms that others read. It tells no private name unless asked."""
    if not (ro_crate or slsa or check):
        raise typer.BadParameter("say what to write: --ro-crate FILE, --slsa FILE; or --check CRATE.zip")
    if pseudonyms and with_names:
        raise typer.BadParameter("--pseudonyms replaces names, --with-names tells them: choose one")
    if check is not None:
        from joblineage.export.check import check_crate

        typer.echo(f"{check}: {check_crate(check)} files, each is what the metadata says")
        return
    from joblineage.errors import DataError
    from joblineage.export.told import Told
    from joblineage.store import Store
    from joblineage.verify import verify

    store = Store(workspace, context.obj)
    report = verify(store)
    if report.findings:
        first = report.findings[0]
        raise DataError(str(workspace), [f"not exported: {first.verdict.value} {first.node}: {first.what}"])
    who = _names(store, pseudonyms, with_names)
    told = Told(store, who)
    if ro_crate:
        from joblineage.export.check import check_crate
        from joblineage.export.crate import write_crate

        held = write_crate(told, ro_crate)
        _tell_crate(ro_crate, held, check_crate(ro_crate))
    if slsa:
        from joblineage.export.slsa import write_slsa

        write_slsa(told, slsa)
        typer.echo(f"{slsa}: SLSA v1 provenance of the products")
    typer.echo(_told_of(who, pseudonyms))


def _names(store: "Store", salt: Path | None, with_names: bool) -> "Names":
    from joblineage.export.pseudonyms import Names, kept_salt, new_salt

    if with_names:
        return Names(store.study.names(store), None)
    return Names(store.study.names(store), kept_salt(salt) if salt else new_salt(), kept=salt is not None)


def _tell_crate(out: Path, held: "Payload", checked: int) -> None:
    from joblineage.export.payload import MANIFEST, WHY

    typer.echo(f"{out}: RO-Crate of {checked} files ({out.stat().st_size / 1e6:.1f} MB), each compared with its sha256")
    typer.echo(f"not in it, known by their sha256 in its {MANIFEST}:")
    for why, said in WHY.items():
        number = sum(one[2] == why for one in held.absent.values())
        if number:
            typer.echo(f"  {number:5d} {said}")


def _told_of(who: "Names", salt: Path | None) -> str:
    if who.salt is None:
        return f"private names: all {len(who.private)} may be in it"
    kept = f"their salt is in {salt}: keep it apart" if salt else "their salt is not kept"
    return f"private names: none is in it; pseudonyms stand for {len(who.private)}, {kept}"
