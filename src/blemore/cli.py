"""`blemore ...`: the study's own functions, for people and their own tables.

Exit codes: 0 done, 1 the data is wrong or not there (the message says what and where), 2 the command was called wrongly.
Imports stand inside the commands: `blemore --help` must not wait for pandas.
"""

import json
import sys
from collections.abc import Sequence
from itertools import repeat
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from blemore.audit.commands import find, leaks, report, withdraw
from blemore.challenge.uploads.commands import app as submission_app
from blemore.datasets.commands import app as data_app
from blemore.decide.commands import enroll
from blemore.evaluate.layers.commands import layers
from blemore.gemini.commands import app as gemini_app
from blemore.planning.commands import plan
from blemore.simulation.commands import app as simulation_app
from blemore.study import STUDY
from blemore.weights.commands import app as weights_app
from joblineage.commands.app import commands
from joblineage.errors import DataError, refuse
from joblineage.progress import never_fail_to_print

if TYPE_CHECKING:
    import numpy as np

app = typer.Typer(
    name="blemore",
    help="Blended emotions in short videos: score, decide and check, with the challenge's own rules.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

app.add_typer(data_app, name="data")
app.add_typer(weights_app, name="weights")
app.add_typer(gemini_app, name="gemini")
app.add_typer(submission_app, name="submission")
app.add_typer(simulation_app, name="simulate")
app.add_typer(commands(STUDY, find, leaks, report), name="lineage")
app.command()(plan)
app.command()(layers)
app.command()(enroll)
app.command()(withdraw)

Probabilities = Annotated[
    Path, typer.Argument(help="Table with the columns clip, ang, disg, fea, hap, sad, neu (.csv or .parquet).")
]
Truth = Annotated[Path, typer.Option(help="Labels in the form of the challenge's train_metadata.csv.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]


Workspace = Annotated[Path, typer.Option(help="The study's folder (where the Snakefile is).")]


@app.command()
def recover(workspace: Workspace = Path()) -> None:
    """After a kill: end what that run left running and release its lock. Finished work is kept."""
    from joblineage.recovery import RunActive, recover

    try:
        done = recover(workspace)
    except RunActive as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None
    for line in done:
        typer.echo(line)


@app.command()
def summary(workspace: Workspace = Path()) -> None:
    """What the finished study made, where, and its out-of-fold scores."""
    from blemore.study import summary

    if not (workspace / "results/submission/submission.json").is_file():
        typer.echo("no finished study here: `snakemake submission` (or `make submission`) makes it", err=True)
        raise typer.Exit(1)
    typer.echo(summary(workspace))


@app.command()
def evaluate(
    predictions: Annotated[Path, typer.Argument(help='Predictions as JSON, with or without the outer "predictions".')],
    truth: Truth,
    as_json: AsJson = False,
) -> None:
    """ACC_presence, ACC_salience and Score of predictions; unlabelled test clips among them are left aside."""
    from blemore.challenge.files import read_predictions, read_truth
    from blemore.datasets.names import TEST_NAME
    from blemore.scoring.metrics import scores, true_saliences

    labels = read_truth(truth)
    names, saliences = read_predictions(predictions)
    # Test clips carry no labels: where predictions hold them beside the labelled clips they are left aside.
    labelled = set(labels["clip"])
    row = {name: k for k, name in enumerate(names) if name in labelled or not TEST_NAME.fullmatch(name)}
    _tell(scores(saliences[_in_order(labels["clip"], truth, row, predictions)], true_saliences(labels)), as_json)


@app.command()
def thresholds(
    probabilities: Probabilities,
    truth: Truth,
    grid: Annotated[
        Literal["official", "exact"],
        typer.Option(help="The challenge's 20 x 20 grid, or every value that can differ."),
    ] = "exact",
    as_json: AsJson = False,
) -> None:
    """The best alpha and beta for a table of probabilities, with the accuracies on the clips they are chosen on."""
    from dataclasses import asdict

    from blemore.scoring.exact import exact_optimum
    from blemore.scoring.surface import official_grid

    values, saliences = _labelled(probabilities, truth)
    search = official_grid if grid == "official" else exact_optimum
    _tell(asdict(search(values, saliences)), as_json)


@app.command()
def decode(
    probabilities: Probabilities,
    alpha: Annotated[float, typer.Option(min=0, max=1, help="Presence threshold.")],
    beta: Annotated[float, typer.Option(min=0, max=1, help="Salience threshold: up to this difference 50/50.")],
    out: Annotated[Path, typer.Option(help="The predictions file to write, in the challenge's form.")],
    as_json: AsJson = False,
) -> None:
    """Probabilities to predictions, by the challenge's rules."""
    from blemore.challenge.files import EXTENSION, emotions_of
    from blemore.scoring.decoding import decode as decide
    from blemore.tables import class_values, probability_columns
    from joblineage.files import write_json

    table = probability_columns(probabilities)
    saliences = decide(class_values(table), alpha, beta)
    said = {f"{clip}{EXTENSION}": emotions_of(row) for clip, row in zip(table["clip"], saliences, strict=True)}
    write_json(out, {"predictions": said})
    blends = sum(len(emotions) == 2 for emotions in said.values())
    _tell({"clips": len(said), "blends": blends, "predictions": str(out)}, as_json)


@app.command()
def check_submission(
    file: Annotated[Path, typer.Argument(help="The submission, .json or .zip.")],
    clips: Annotated[
        Path | None, typer.Option(help="CSV with a column clip or filename: the clips that must be there.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Say whether the challenge would take a submission; if not, every fault with its clip."""
    from blemore.challenge.submission import check

    faults = check(file, None if clips is None else _clip_column(clips))
    if as_json:
        typer.echo(json.dumps({"ok": not faults, "faults": faults}, indent=2))
    elif faults:
        typer.echo(f"{file}: {len(faults)} fault(s)")
        for fault in faults:
            typer.echo(f"  - {fault}")
    else:
        typer.echo(f"{file}: ok")
    if faults:
        raise typer.Exit(1)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; faults of the data end it with a message and exit code 1, never with a traceback."""
    never_fail_to_print()
    try:
        app(None if arguments is None else list(arguments), prog_name="blemore")
    except DataError as error:
        _fail(str(error))
    except OSError as error:
        _fail(f"{error.filename or 'blemore'}: {error.strerror or error}")


def _fail(message: str) -> None:
    from rich.console import Console

    Console(stderr=True).print(message, style="red", markup=False, highlight=False, soft_wrap=True)
    sys.exit(1)


def _labelled(probabilities: Path, truth: Path) -> tuple["np.ndarray", "np.ndarray"]:
    """(n, 6) probabilities and true saliences of the truth's clips; unlabelled test rows are left aside."""
    from blemore.challenge.files import read_truth
    from blemore.scoring.metrics import true_saliences
    from blemore.tables import class_values, probability_columns

    labels, table = read_truth(truth), probability_columns(probabilities)
    labelled, splits = set(labels["clip"]), table.get("split", repeat("train"))
    clips = zip(table["clip"], splits, strict=False)
    row = {clip: k for k, (clip, split) in enumerate(clips) if split != "test" or clip in labelled}
    return class_values(table)[_in_order(labels["clip"], truth, row, probabilities)], true_saliences(labels)


def _in_order(clips: "np.ndarray", truth: Path, row: dict[str, int], where: Path) -> list[int]:
    """The rows of the truth's clips; refused where a file lacks a clip of the other."""
    faults = [f"clip {clip}: not predicted" for clip in clips if clip not in row]
    faults += [f"clip {clip}: not in {truth}" for clip in sorted(row.keys() - set(clips))]
    refuse(where, faults)
    return [row[clip] for clip in clips]


def _clip_column(path: Path) -> list[str]:
    from blemore.scoring.columns import read_columns

    table = read_columns(path)
    for name in ("clip", "filename"):
        if name in table:
            return [clip for clip in table[name] if clip is not None]
    raise DataError(str(path), [f"expected a column clip or filename, found: {', '.join(table)}"])


def _tell(result: dict[str, Any], as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(result, indent=2, allow_nan=False))
        return
    for name, value in result.items():
        typer.echo(f"{name:<14}{value:.6f}" if isinstance(value, float) else f"{name:<14}{value}")


if __name__ == "__main__":
    main()
