"""`blemore simulate ...`: made-up studies with a known style, to try a method on and to ask what a study can show.

Imports stand inside the commands: `blemore --help` must not wait for pandas.
"""

from pathlib import Path
from typing import Annotated, Literal

import typer

from joblineage.telling import plain_console, say, say_json

app = typer.Typer(help="Made-up studies: tables with a known style, and the power of a study.", no_args_is_help=True)

NOTE = "Simulated persons: these figures say nothing about BLEMORE."

Persons = Annotated[int, typer.Option(min=2, help="Training persons.")]
New = Annotated[int, typer.Option(min=0, help="Persons whose clips are test clips.")]
Folds = Annotated[int, typer.Option(min=2, help="Folds of the training persons.")]
Encoders = Annotated[int, typer.Option(min=1, help="Number of encoders.")]
Correlation = Annotated[float, typer.Option(min=0, max=1, help="Share of the noise that all encoders have in common.")]
Offsets = Annotated[float, typer.Option(min=0, help="Standard deviation of persons' class offsets, in logits.")]
Gains = Annotated[float, typer.Option(min=0, help="Standard deviation of the log of persons' gains.")]
Confidence = Annotated[float, typer.Option(min=1, help="Factor on the logits of the most over-confident encoder.")]
Schedule = Annotated[
    Literal["exact", "usual", "random", "short"],
    typer.Option(
        help="Clips of a person: exact, the usual 54; usual, as BLEMORE's persons; random; short, 22 as in the demo."
    ),
]
Seed = Annotated[int, typer.Option(min=0, help="The same seed gives the same study.")]


@app.command()
def study(
    out: Annotated[Path, typer.Argument(help="Folder to write to; made where it is missing.")],
    persons: Persons = 47,
    new_persons: New = 0,
    folds: Folds = 5,
    encoders: Encoders = 12,
    correlation: Correlation = 0.5,
    offset_sd: Offsets = 0.6,
    gain_sd: Gains = 0.3,
    confidence: Confidence = 2.0,
    seed: Seed = 17,
) -> None:
    """Write clips.parquet, train_metadata.csv, one probabilities table per encoder, and truth.json (style, test labels)."""
    from blemore.simulation.study import Settings, simulate, write_study

    if persons < folds:
        raise typer.BadParameter(f"{persons} persons for {folds} folds: at least one person per fold is needed")
    settings = Settings(persons, new_persons, folds, encoders, correlation, offset_sd, gain_sd, confidence)
    simulated = simulate(settings, seed)
    write_study(simulated, out)
    say(f"{out}: {len(simulated.clips)} clips of {persons + new_persons} persons, {encoders} encoders. {NOTE}")


@app.command()
def power(
    persons: Annotated[list[int], typer.Argument(min=2, max=200, help="Numbers of persons.")] = [47, 11],  # noqa: B006
    groups: Annotated[int, typer.Option(min=20, help="Number of random groups drawn.")] = 2000,
    encoders: Encoders = 12,
    correlation: Correlation = 0.5,
    offset_sd: Offsets = 0.6,
    gain_sd: Gains = 0.3,
    confidence: Confidence = 2.0,
    schedule: Schedule = "exact",
    seed: Seed = 17,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")] = False,
) -> None:
    """How large a difference in Score a study of so many persons can detect, on the same persons and on different ones."""
    from dataclasses import asdict

    from rich.table import Table

    from blemore.simulation.power import power
    from blemore.simulation.study import Settings

    settings = Settings(2, 0, 2, encoders, correlation, offset_sd, gain_sd, confidence, schedule=schedule)
    rows = power(settings, persons, groups=groups, seed=seed)
    if as_json:
        say_json([asdict(row) for row in rows])
        return
    table = Table("persons", "Score", "its sd", "paired difference", "its sd", "detectable", "on different persons")
    for row in rows:
        numbers = (row.score, row.score_sd, row.difference, row.difference_sd, row.detectable, row.detectable_unpaired)
        table.add_row(str(row.persons), *(f"{number:.4f}" for number in numbers))
    plain_console().print(table)
    say("detectable: true difference that is found in 80 % of comparisons at the 5 % level.")
    say(NOTE)
