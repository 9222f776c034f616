"""`export`."""

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from joblineage.export.payload import Payload

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
    from joblineage.export.crate import check_crate, write_crate

    if check is not None:
        typer.echo(f"{check}: {check_crate(check)} files, each is what the metadata says")
        return
    from joblineage.export.pseudonyms import Names, kept_salt, new_salt
    from joblineage.export.slsa import statement
    from joblineage.export.told import Told
    from joblineage.files import write_json
    from joblineage.store import Store
    from joblineage.verify import verify

    store = Store(workspace, context.obj)
    verify(store).refuse("exported", workspace)
    salt = None if with_names else kept_salt(pseudonyms) if pseudonyms else new_salt()
    names = Names(store.study.names(store), salt, kept=pseudonyms is not None)
    told = Told(store, names)
    if ro_crate:
        held = write_crate(told, ro_crate)
        _tell_crate(ro_crate, held, check_crate(ro_crate))
    if slsa:
        write_json(slsa, statement(told))
        typer.echo(f"{slsa}: SLSA v1 provenance of the products")
    if with_names:
        typer.echo(f"private names: all {len(names.private)} may be in it")
    else:
        kept = f"their salt is in {pseudonyms}: keep it apart" if pseudonyms else "their salt is not kept"
        typer.echo(f"private names: none is in it; pseudonyms stand for {len(names.private)}, {kept}")


def _tell_crate(out: Path, held: "Payload", checked: int) -> None:
    from joblineage.export.payload import MANIFEST, WHY

    typer.echo(f"{out}: RO-Crate of {checked} files ({out.stat().st_size / 1e6:.1f} MB), each compared with its sha256")
    typer.echo(f"not in it, known by their sha256 in its {MANIFEST}:")
    counted = Counter(why for _, _, why in held.absent.values())
    for why in filter(counted.get, WHY):
        typer.echo(f"  {counted[why]:5d} {WHY[why]}")
