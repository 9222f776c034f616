"""The commands for one's own tables: `blemore score`, `evaluate`, `thresholds`, `decode`, `enroll`, `check-submission`.

Imports stand inside the commands: `blemore --help` must not wait for numpy.
"""

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from joblineage.errors import DataError
from joblineage.telling import say, say_json

Probabilities = Annotated[
    Path, typer.Argument(help="Table with the columns clip, ang, disg, fea, hap, sad, neu (.csv or .parquet).")
]
Truth = Annotated[Path, typer.Option(help="Labels in the form of the challenge's train_metadata.csv.")]
Logits = Annotated[bool, typer.Option("--logits", help="The table holds logits: take their softmax.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]

ENOUGH = 6
"""With fewer labelled clips a person's style is mostly the prior: said, not refused."""
QUIET = 2.0
"""Seconds after which progress is shown."""


def score(
    probabilities: Annotated[
        Path,
        typer.Argument(
            help="Out-of-fold table with the columns clip, ang, disg, fea, hap, sad, neu (.csv or .parquet)."
        ),
    ],
    truth: Annotated[
        Path, typer.Option(help="Labels in the form of the challenge's train_metadata.csv, with its column fold.")
    ],
    logits: Logits = False,
    seed: Annotated[int, typer.Option(min=0, help="Of the persons drawn for intervals and controls.")] = 17,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")] = False,
) -> None:
    """The honest score of a table: nested thresholds, interval, trivial baseline, optimism, and what persons' offsets gain.

    Thresholds of a fold are chosen on the other folds' persons. The probabilities must be out-of-fold too: from models that did
    not see the clip's person. No table shows whether they are.
    """
    from blemore.api import functions as api
    from blemore.api import given
    from blemore.evaluate.score import CONTROLS
    from joblineage.progress import Steps

    with Steps("persons' offsets beside their controls", CONTROLS, every=CONTROLS // 2, after=QUIET) as steps:
        found = api.score(given.probabilities(probabilities, logits), truth, seed=seed, step=lambda: steps.advance(1))
    if as_json:
        say_json(found)
    else:
        _show(found)


def evaluate(
    predictions: Annotated[Path, typer.Argument(help='Predictions as JSON, with or without the outer "predictions".')],
    truth: Truth,
    as_json: AsJson = False,
) -> None:
    """ACC_presence, ACC_salience and Score of predictions; unlabelled test clips among them are left aside."""
    from blemore.api import functions as api

    _tell(api.evaluate_predictions(predictions, truth), as_json)


def thresholds(
    probabilities: Probabilities,
    truth: Truth,
    grid: Annotated[
        Literal["official", "exact"],
        typer.Option(help="The challenge's 20 x 20 grid, or every value that can differ."),
    ] = "exact",
    logits: Logits = False,
    as_json: AsJson = False,
) -> None:
    """The best alpha and beta for a table of probabilities, with the accuracies on the clips they are chosen on."""
    from dataclasses import asdict

    from blemore.api import functions as api
    from blemore.api import given

    side = given.probabilities(probabilities, logits)
    said = "chosen on these very clips; `blemore score` gives the honest accuracies"
    _tell(asdict(api.fit_thresholds(side, truth, grid=grid)) | {"in sample": said}, as_json)


def decode(
    probabilities: Probabilities,
    alpha: Annotated[float, typer.Option(min=0, max=1, help="Presence threshold.")],
    beta: Annotated[float, typer.Option(min=0, max=1, help="Salience threshold: up to this difference 50/50.")],
    out: Annotated[Path, typer.Option(help="The predictions file to write, in the challenge's form.")],
    logits: Logits = False,
    as_json: AsJson = False,
) -> None:
    """Probabilities to predictions, by the challenge's rules."""
    from blemore.api import functions as api
    from blemore.tables import class_values, probability_columns

    decided = api.decode(probability_columns(probabilities, logits=logits), alpha, beta)
    api.write_predictions(decided, out)
    blends = int((class_values(decided).max(axis=1) < 100).sum())
    _tell({"clips": len(decided["clip"]), "blends": blends, "predictions": str(out)}, as_json)


def check_submission(
    file: Annotated[Path, typer.Argument(help="The submission, .json or .zip.")],
    clips: Annotated[
        Path | None,
        typer.Option(help="The clips that must be there: the challenge's template, clips.parquet or a CSV."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Say whether the challenge would take a submission; if not, every fault with the first clip that has it."""
    from blemore.challenge.submission import asked_keys, check

    faults = check(file, None if clips is None else asked_keys(clips))
    if as_json:
        say_json({"ok": not faults, "faults": faults})
    elif faults:
        say(f"{file}: {len(faults)} fault(s)")
        for fault in faults:
            say(f"  - {fault}")
    else:
        say(f"{file}: ok")
    if faults:
        raise typer.Exit(1)


def enroll(
    probabilities: Annotated[
        Path, typer.Argument(help="Fused probabilities of the person's clips: clip, ang, disg, fea, hap, sad, neu.")
    ],
    truth: Annotated[Path, typer.Option(help="Labels of the clips to enrol with, in the form of train_metadata.csv.")],
    out: Annotated[Path, typer.Option(help="Where the corrected probabilities go (.parquet or .csv).")],
    logits: Logits = False,
    spread: Annotated[
        float, typer.Option(min=1e-6, help="Expected spread of offsets between persons, in logits.")
    ] = 0.6,
    clips: Annotated[
        Path | None, typer.Option(help="Clips table of the study behind the probabilities, to see who trained it.")
    ] = Path("results/clips/clips.parquet"),
) -> None:
    """Fit one person's emotion offsets and slope on labelled clips; write all clips' corrected probabilities."""
    from blemore.api import functions as api
    from blemore.api import given
    from blemore.scoring.columns import read_columns
    from joblineage.files import write_json

    if out.suffix not in (".parquet", ".csv"):
        raise DataError(str(out), ["a probabilities table is a .csv or a .parquet file"])
    style, table = api.enroll(given.probabilities(probabilities, logits), truth, spread=spread)
    given.write(table, out)
    beside = out.with_suffix(".style.json")
    write_json(beside, style | {"spread": spread})
    said, labelled = ", ".join(f"{name} {value:+.2f}" for name, value in style["offsets"].items()), style["clips"]
    say(f"enrolled with {labelled} of {len(table['clip'])} clips: {said}, slope {style['slope']:.2f}")
    say(f"written: {out} and {beside}; decide with `blemore decode {out}`")
    if labelled < ENOUGH:
        say(f"warning: {labelled} labelled clip(s) say little of a style; 12, spread over the emotions, say more")
    if clips is not None and clips.is_file():
        study, own = read_columns(clips), {*table["clip"], *table.get("person", ())}
        rows = zip(study["clip"], study["person"], study["split"], strict=True)
        if seen := sorted({who for clip, who, split in rows if split == "train" and {clip, who} & own}):
            say(
                f"warning: {', '.join(seen)} is a training person of {clips}: with probabilities of models that saw the "
                "person, and thresholds fitted on the person, what follows is in-sample and flatters"
            )


def _show(found: dict[str, Any]) -> None:
    from blemore.scoring.metrics import ACCURACIES

    def line(name: str, one: dict[str, float], form: str, interval: list[float] | None, how: str) -> None:
        numbers = "".join(f"{one[key]:{form}}".rjust(10) for key in ACCURACIES)
        limits = f"{interval[0]:{form}} to {interval[1]:{form}}" if interval else ""
        say(f"{name:<17}{numbers}  {limits:<17}{how}")

    honest, gain = found["honest"], found["person_offset"]
    folds = {"made": "made over persons: the truth has no column fold", "truth": "from the truth"}[found["folds_from"]]
    say(f"{honest['clips']} clips ({honest['blends']} blends) of {found['persons']} persons")
    say(f"{found['folds']} folds, {folds}", "")
    say(f"{'':<17}{'presence':>10}{'salience':>10}{'Score':>10}  90 % interval of the Score, over persons")
    for name, how in (
        ("honest", "thresholds chosen on the other folds' persons"),
        ("trivial", "the other folds' commonest label for every clip"),
        ("in_sample", "thresholds chosen on the very clips: too high"),
    ):
        one = found[name]
        line(name.replace("_", " "), one, ".3f", one["interval"]["score"] if "interval" in one else None, how)
    line("optimism", found["optimism"], "+.3f", None, "in sample minus honest")
    line("person gain", gain["gain"], "+.3f", gain["interval"], gain["what"])
    for name, control in gain["controls"].items():
        say(f"  {name.replace('_', ' '):<35}{control['mean']:+10.3f}  {'':<17}{control['what']}")
    say("", "A person gain that its controls reach as well is none.")


def _tell(result: dict[str, Any], as_json: bool) -> None:
    if as_json:
        say_json(result)
        return
    for name, value in result.items():
        say(f"{name:<14}{value:.6f}" if isinstance(value, float) else f"{name:<14}{value}")
