"""`blemore lineage export`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from blemore.lineage.export.payload import Payload
    from blemore.lineage.export.persons import Persons
    from blemore.lineage.store import Store

Out = Path | None


def export(
    ro_crate: Annotated[Out, typer.Option(help="RO-Crate, a .zip: metadata, code, records and small results.")] = None,
    slsa: Annotated[Out, typer.Option(help="SLSA v1 provenance of the submission, an in-toto statement.")] = None,
    persons: Annotated[
        Path | None,
        typer.Option(
            help="Keep the pseudonyms' salt in this file (made if missing); a crate then holds tables with pseudonyms."
        ),
    ] = None,
    with_persons: Annotated[bool, typer.Option(help="Tell persons' codes, and let in the tables that do.")] = False,
    check: Annotated[
        Path | None, typer.Option(help="Write nothing: compare every file of this crate with its sha256.")
    ] = None,
    workspace: Annotated[Path, typer.Option(help="The study's folder (where the Snakefile is).")] = Path(),
) -> None:
    """Hand the lineage of a finished study on, in forms that others read. It tells no person's code unless asked."""
    if not (ro_crate or slsa or check):
        raise typer.BadParameter("say what to write: --ro-crate FILE, --slsa FILE; or --check CRATE.zip")
    if persons and with_persons:
        raise typer.BadParameter("--persons gives pseudonyms, --with-persons the codes: choose one")
    if check is not None:
        from blemore.lineage.export.check import check_crate

        typer.echo(f"{check}: {check_crate(check)} files, each is what the metadata says")
        return
    from blemore.errors import DataError
    from blemore.lineage.export.told import Told
    from blemore.lineage.store import Store
    from blemore.lineage.verify import verify

    report = verify(workspace)
    if report.findings:
        first = report.findings[0]
        raise DataError(str(workspace), [f"not exported: {first.verdict.value} {first.node}: {first.what}"])
    store = Store(workspace)
    who = _persons(store, persons, with_persons)
    told = Told(store, who)
    if ro_crate:
        from blemore.lineage.export.check import check_crate
        from blemore.lineage.export.crate import write_crate

        held = write_crate(told, ro_crate)
        _tell_crate(ro_crate, held, check_crate(ro_crate))
    if slsa:
        from blemore.lineage.export.slsa import write_slsa

        write_slsa(told, slsa)
        typer.echo(f"{slsa}: SLSA v1 provenance of the submission")
    typer.echo(_told_of(who, persons))


def _persons(store: "Store", salt: Path | None, with_persons: bool) -> "Persons":
    from blemore.lineage.export.persons import Persons, codes, kept_salt, new_salt

    if with_persons:
        return Persons(codes(store), None)
    return Persons(codes(store), kept_salt(salt) if salt else new_salt(), kept=salt is not None)


def _tell_crate(out: Path, held: "Payload", checked: int) -> None:
    from blemore.lineage.export.payload import MANIFEST, WHY

    typer.echo(f"{out}: RO-Crate of {checked} files ({out.stat().st_size / 1e6:.1f} MB), each compared with its sha256")
    typer.echo(f"not in it, known by their sha256 in its {MANIFEST}:")
    for why, said in WHY.items():
        number = sum(one[2] == why for one in held.absent.values())
        if number:
            typer.echo(f"  {number:5d} {said}")


def _told_of(who: "Persons", salt: Path | None) -> str:
    if who.salt is None:
        return f"persons: the codes of {len(who.codes)} persons are in it"
    kept = f"their salt is in {salt}: keep it apart" if salt else "their salt is not kept"
    return f"persons: no code is in it; pseudonyms stand for {len(who.codes)} persons, {kept}"
