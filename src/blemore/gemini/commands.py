"""`blemore gemini ...`: what embedding with Google's service would send and cost, and doing it.

Options that are not given come from the block `gemini` of the params.yaml in the working folder, so that the vectors
are the ones that the workflow will look for. Imports stand inside the commands: `blemore --help` must be fast.
"""

import dataclasses
import threading
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import typer

from blemore.gemini.service import (
    DIMENSIONS,
    ENDPOINT,
    LEAST_DIMENSIONS,
    MODEL,
    MOST_DIMENSIONS,
    Service,
    check_service,
    check_url,
    is_local,
)
from joblineage.errors import refuse
from joblineage.telling import say, say_json

app = typer.Typer(help="Gemini Embedding 2: plan and pay for the vectors of pieces, once.", no_args_is_help=True)

DEFAULTS: dict[str, Any] = {
    "model": MODEL,
    "dimensions": DIMENSIONS,
    "requests_per_minute": 100,  # the free quota of the model before it; AI Studio shows what an account may do
    "concurrency": 4,
    "max_usd": 10.0,  # twice what all of BLEMORE costs
}

CHUNK = 256
"""Pieces held in memory at a time."""

Pieces = Annotated[Path, typer.Option(help="Folder of .mp4 pieces, or of the workflow's pieces/*.parquet.")]
Cache = Annotated[Path, typer.Option(help="Folder where vectors and the ledger are kept, for good.")]
BaseUrl = Annotated[str, typer.Option(help="Address of the service.")]
Model = Annotated[str | None, typer.Option(help=f"Name of the model (else from params.yaml, else {MODEL}).")]
Dimensions = Annotated[
    int | None,
    typer.Option(
        min=LEAST_DIMENSIONS, max=MOST_DIMENSIONS, help=f"Numbers per piece (else from params.yaml, else {DIMENSIONS})."
    ),
]
Rpm = Annotated[int | None, typer.Option(min=1, help="Most requests a minute (else from params.yaml, else 100).")]
MaxUsd = Annotated[
    float | None,
    typer.Option(min=0, max=1e6, help="Most that this cache may ever cost, USD (else from params.yaml, else 10)."),
]
Params = Annotated[Path, typer.Option(help="The study's parameters; the file may be missing.")]

PIECES = Path("results/media/pieces")
CACHE = Path("cache/gemini")
PARAMS = Path("params.yaml")


@app.command("plan")
def plan_command(
    pieces: Pieces = PIECES,
    cache: Cache = CACHE,
    base_url: BaseUrl = ENDPOINT,
    model: Model = None,
    dimensions: Dimensions = None,
    rpm: Rpm = None,
    max_usd: MaxUsd = None,
    params: Params = PARAMS,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")] = False,
) -> None:
    """What would be sent to whom, what it costs and how long it takes. Needs no key, opens no connection."""
    _show_plan(_service(params, base_url, model, dimensions, rpm, max_usd)[0], pieces, cache, as_json)


@app.command("embed")
def embed_command(
    pieces: Pieces = PIECES,
    cache: Cache = CACHE,
    base_url: BaseUrl = ENDPOINT,
    model: Model = None,
    dimensions: Dimensions = None,
    rpm: Rpm = None,
    max_usd: MaxUsd = None,
    params: Params = PARAMS,
    out: Annotated[Path | None, typer.Option(help="Parquet table of the vectors: clip, features, remark.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show the plan.")] = False,
) -> None:
    """Send the pieces that are not in the cache; the key comes from GOOGLE_API_KEY or GEMINI_API_KEY.

    Killed, stopped at the limit or out of quota: the same command goes on, and pays for nothing twice.
    """
    import numpy as np

    from blemore.gemini.embedding import Run
    from blemore.gemini.plan import read_folder
    from blemore.tables import write_features
    from joblineage.progress import Steps

    service, faults = _service(params, base_url, model, dimensions, rpm, max_usd)
    if dry_run:
        _show_plan(service, pieces, cache, as_json=False)
        return
    refuse(params, faults)
    check_url(base_url)

    total = sum(1 for _ in read_folder(pieces))
    say(f"{total} pieces; those that are not in {cache} go to {service.base_url}", err=True)
    run = Run(service, cache)
    names: list[str] = []
    reasons: list[str] = []
    parts: list[np.ndarray] = []
    source = read_folder(pieces)
    lock = threading.Lock()
    with Steps("gemini", total, every=100) as steps:

        def advance(count: int) -> None:
            with lock:
                steps.advance(count, f"${run.budget.spent:.2f}")

        while chunk := list(islice(source, CHUNK)):
            vectors, why = run.vectors(chunk, advance=advance)
            names += [clip for clip, _ in chunk]
            reasons += why
            if out is not None:
                parts.append(vectors)
    lost = [f"{clip}: {reason}" for clip, reason in zip(names, reasons, strict=True) if reason]
    say(
        f"{total} pieces: {run.made} vectors made, {total - run.made - len(lost)} were in the cache or are equal to "
        f"another piece, {len(lost)} cannot be embedded; ${run.ledger.spent():.4f} spent by this cache so far"
    )
    for line in lost:
        say(f"  - {line}")
    say(f"vectors   {cache / 'vectors'}", f"ledger    {run.ledger.path}")
    if out is not None:
        order = sorted(range(total), key=names.__getitem__)
        write_features(out, [names[k] for k in order], np.concatenate(parts)[order], [reasons[k] for k in order])
        say(f"table     {out}")


def _show_plan(service: Service, pieces: Path, cache: Path, as_json: bool) -> None:
    from blemore.gemini.plan import make_plan, read_folder

    plan = make_plan(read_folder(pieces), service, cache)
    if as_json:
        about = {"endpoint": service.base_url, "model": service.model, "dimensions": service.dimensions}
        say_json({**dataclasses.asdict(plan), **about, "max_usd": service.max_usd})
    else:
        say(*plan.lines(service, cache))


def _service(
    params: Path, base_url: str, model: str | None, dimensions: int | None, rpm: int | None, max_usd: float | None
) -> tuple[Service, list[str]]:
    """The service that options and params.yaml describe together, and what speaks against sending anything to it.

    A study of real people needs the approval here as in the workflow; pieces in any other folder are the caller's own
    responsibility, and a server on this machine is no transfer.
    """
    from blemore.params.check import read_params

    study: dict[str, Any] = read_params(params) if params.is_file() else {"dataset": "demo", "gemini": {}}
    given = {"model": model, "dimensions": dimensions, "requests_per_minute": rpm, "max_usd": max_usd}
    block = DEFAULTS | study["gemini"] | {name: value for name, value in given.items() if value not in (None, "")}
    block["backend"] = "api"
    dataset = "demo" if is_local(base_url) else study["dataset"]
    return dataclasses.replace(Service.of(block), base_url=base_url), check_service(block, dataset)
