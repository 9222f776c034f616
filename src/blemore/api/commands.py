"""The commands for one's own tables: `blemore score`, `evaluate`, `thresholds`, `decode`, `enroll`, `check-submission`.

Imports stand inside the commands: `blemore --help` must not wait for numpy.
"""

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from joblineage.errors import MissingDataError
from joblineage.files import check_output
from joblineage.telling import say, say_json

Probabilities = Annotated[
    Path, typer.Argument(help="Table with the columns clip, ang, disg, fea, hap, sad, neu (.csv or .parquet).")
]
Truth = Annotated[Path, typer.Option(help="Labels in the form of the challenge's train_metadata.csv.")]
Logits = Annotated[bool, typer.Option("--logits", help="The table holds logits: take their softmax.")]
Kind = Annotated[
    Literal["expected", "exact", "official"],
    typer.Option(
        help="The answer of the largest expected Score, or two thresholds: the best of all, or of the challenge's grid."
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]

IN_SAMPLE = "chosen on these very clips; `blemore score` gives the honest accuracies"
ENOUGH = 6
"""Fewer clips say little of a person: said, not refused."""
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
    decoder: Kind = "expected",
    logits: Logits = False,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the controls.")] = 17,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")] = False,
) -> None:
    """The honest score of a table: nested decoders, interval, trivial baseline, optimism, gain of deciding by person.

    The decoder of a fold is fitted on the other folds' persons. The probabilities must be out-of-fold too: from models that did
    not see the clip's person. No table shows whether they are.
    """
    from blemore.api import functions as api
    from blemore.api import given
    from blemore.evaluate.score import CONTROLS
    from joblineage.progress import Steps

    side = given.probabilities(probabilities, logits)
    with Steps("a person's clips together, beside controls", CONTROLS, every=CONTROLS // 2, after=QUIET) as steps:
        scores = api.score(side, truth, decoding=decoder, seed=seed, step=lambda: steps.advance(1))
    if as_json:
        say_json(scores)
    else:
        _show(scores)


def evaluate(
    predictions: Annotated[Path, typer.Argument(help='Predictions as JSON, with or without the outer "predictions".')],
    truth: Truth,
    as_json: AsJson = False,
) -> None:
    """ACC_presence, ACC_salience and Score of predictions; unlabelled test clips among them are ignored."""
    from blemore.api import functions as api

    _tell(api.evaluate_predictions(predictions, truth), as_json)


def thresholds(
    probabilities: Probabilities,
    truth: Truth,
    grid: Annotated[
        Literal["official", "exact"],
        typer.Option(help="The challenge's 20 x 20 grid, or every value that can differ."),
    ] = "exact",
    out: Annotated[Path | None, typer.Option(help="Also write them here, for `blemore decode --decoder`.")] = None,
    logits: Logits = False,
    as_json: AsJson = False,
) -> None:
    """The best alpha and beta for a table of probabilities, with the accuracies on the clips they are chosen on."""
    from dataclasses import asdict

    from blemore.api import functions as api
    from blemore.api import given
    from blemore.scoring.decoders import Decoder
    from blemore.scoring.decoding import tied
    from joblineage.files import write_json

    check_output(out, (".json",), probabilities, truth)
    side = given.probabilities(probabilities, logits)
    fitted = api.fit_thresholds(side, truth, grid=grid)
    if out is not None:
        write_json(out, Decoder(grid, fitted).to_json())
    _tell(asdict(fitted) | {"in sample": IN_SAMPLE, "tied rows": int(tied(side.values).sum())}, as_json)


def decoder(
    probabilities: Probabilities,
    truth: Truth,
    out: Annotated[Path, typer.Option(help="The decoder to write, for `blemore decode --decoder`.")],
    kind: Kind = "expected",
    logits: Logits = False,
    as_json: AsJson = False,
) -> None:
    """Fit the rule that turns probabilities into answers, with the accuracies on the clips it is fitted on."""
    from blemore.api import functions as api
    from blemore.api import given
    from joblineage.files import write_json

    check_output(out, (".json",), probabilities, truth)
    side, shown = given.probabilities(probabilities, logits), given.labels(truth)
    fitted = api.fit_decoder(side, shown, kind=kind)
    write_json(out, fitted.to_json())
    reached = api.evaluate_predictions(fitted.decide(given.matched(side, shown).values), shown.values)
    _tell(reached | {"decoder": str(out), "in sample": IN_SAMPLE}, as_json)


def decode(
    probabilities: Probabilities,
    out: Annotated[Path, typer.Option(help="The predictions file to write, in the challenge's form.")],
    alpha: Annotated[float | None, typer.Option(min=0, max=1, help="Presence threshold.")] = None,
    beta: Annotated[
        float | None, typer.Option(min=0, max=1, help="Salience threshold: up to this difference 50/50.")
    ] = None,
    decoder: Annotated[
        Path | None,
        typer.Option(help="In place of both: a file of `blemore decoder`, or results/calibration/models.json."),
    ] = None,
    logits: Logits = False,
    as_json: AsJson = False,
) -> None:
    """Turn probabilities into predictions, by the challenge's two thresholds or by a fitted decoder."""
    from blemore.api import functions as api
    from blemore.tables import class_values, probability_columns

    if (alpha is None) != (beta is None) or (decoder is None) == (alpha is None):
        raise typer.BadParameter("give --alpha and --beta, or --decoder")
    check_output(out, (".json",), probabilities, decoder)
    decided = api.decode(probability_columns(probabilities, logits=logits), alpha, beta, decoder=decoder)
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
    elif clips is None:
        say(
            f"{file}: ok, as far as it goes without --clips: whether it holds each of the challenge's clips was not checked"
        )
    else:
        say(f"{file}: ok")
    if faults:
        raise typer.Exit(1)


def enroll(
    probabilities: Annotated[
        Path, typer.Argument(help="Fused probabilities of the person's clips: clip, ang, disg, fea, hap, sad, neu.")
    ],
    out: Annotated[Path, typer.Option(help="The predictions file to write, in the challenge's form.")],
    truth: Annotated[
        Path | None,
        typer.Option(help="Labels of some of the clips, if there are any, in the form of train_metadata.csv."),
    ] = None,
    model: Annotated[Path, typer.Option(help="The personal model: a study's results/calibration/models.json.")] = Path(
        "results/calibration/models.json"
    ),
    probabilities_out: Annotated[
        Path | None, typer.Option(help="Also write the corrected probabilities here (.parquet or .csv).")
    ] = None,
    logits: Logits = False,
    clips: Annotated[
        Path | None,
        typer.Option(help="Clips table of the study behind the probabilities, to check whom it was trained on."),
    ] = Path("results/clips/clips.parquet"),
) -> None:
    """Decide all clips of one person together; labels of some of them are taken as known."""
    import numpy as np

    from blemore.api import files, given
    from blemore.api import functions as api
    from blemore.decide.personal.schedule import UNUSUAL
    from blemore.scoring.columns import read_columns

    check_output(out, (".json",), probabilities, truth, model)
    check_output(probabilities_out, (".parquet", ".csv"), probabilities, truth, clips)
    if not model.exists():
        need = "`--model` takes results/calibration/models.json of a finished study, or what `blemore.fit_personal_model` gave"
        raise MissingDataError(str(model), [f"no such file; {need} (docs/api.md)"])
    fitted, side = files.personal_model_of(model), given.probabilities(probabilities, logits)
    decided, table = api.enroll(side, truth, model=fitted)
    api.write_predictions(decided, out)
    if probabilities_out is not None:
        given.write(table, probabilities_out)
    alone = fitted.choice.kind == "off"
    say(
        f"{len(table['clip'])} clips decided {'each by itself' if alone else f'together by {fitted.choice}'}; written: {out}"
    )
    if alone:
        say(f"{model} holds no personal model: none was better than deciding every clip by itself")
    elif len(table["clip"]) < ENOUGH:
        say(f"warning: {len(table['clip'])} clip(s) say little of a person; the gain grows up to some 40")
    usual = fitted.usualness(side.values, np.zeros(len(side.values), int))[0]
    if usual <= UNUSUAL:
        say(
            f"warning: what the person shows looks unlike the training persons' mix of emotions (so unlike are {usual:.0%} of them): "
            "the personal model counts less"
        )
    if clips is not None and clips.is_file():
        study, own = read_columns(clips), {*table["clip"], *table.get("person", ())}
        rows = zip(study["clip"], study["person"], study["split"], strict=True)
        if seen := sorted({who for clip, who, split in rows if split == "train" and {clip, who} & own}):
            say(
                f"warning: {', '.join(seen)} is a training person of {clips}: with probabilities, or a personal model, that "
                "saw the person, what follows is in-sample and flatters"
            )


def _show(scores: dict[str, Any]) -> None:
    from blemore.scoring.metrics import ACCURACIES

    def line(name: str, figures: dict[str, float], form: str, interval: list[float] | None, how: str) -> None:
        numbers = "".join(f"{figures[key]:{form}}".rjust(10) for key in ACCURACIES)
        limits = "{:{form}} to {:{form}}".format(*interval, form=form) if interval else ""
        say(f"{name:<17}{numbers}  {limits:<17}{how}")

    honest, gain, by_thresholds = scores["honest"], scores["together"], scores["thresholds"]
    folds = {"made": "made over persons: the truth has no column fold", "truth": "from the truth"}[scores["folds_from"]]
    kind = next(iter(scores["decoders"].values()))["decoder"]
    say(f"{honest['clips']} clips ({honest['blends']} blends) of {scores['persons']} persons")
    say(f"{scores['folds']} folds, {folds}", "")
    say(f"{'':<17}{'presence':>10}{'salience':>10}{'Score':>10}  90 % interval of the Score, over persons")
    for name, figures, how in (
        ("honest", honest, f"decoder ({kind}) fitted on the other folds' persons"),
        ("thresholds", by_thresholds["honest"], "thresholds chosen on the other folds' persons"),
        ("trivial", scores["trivial"], "the other folds' commonest label for every clip"),
        ("in sample", by_thresholds["in_sample"], "thresholds chosen on the very clips: too high"),
    ):
        line(name, figures, ".3f", figures["interval"]["score"] if "interval" in figures else None, how)
    line("optimism", by_thresholds["optimism"], "+.3f", None, "in sample minus thresholds")
    line(
        "person gain",
        gain["gain"],
        "+.3f",
        gain["interval"],
        "all clips of a person decided together; no label of the person",
    )
    for name, control in {**gain["controls"], "other mixes": gain["mixtures"]}.items():
        beyond = control.get("beyond")
        more = (
            f"; gain beyond it {beyond['difference']:+.3f} ({'{:+.3f} to {:+.3f}'.format(*beyond['interval'])})"
            if beyond
            else ""
        )
        say(f"  {name.replace('_', ' '):<35}{control['mean']:+10.3f}  {'':<17}{control['what']}{more}")
    say(
        "",
        "A person gain no larger than its controls is no gain; it also needs persons who show the usual mix of emotions.",
    )
    say(
        f"In ACC_presence {gain['persons_gaining']} persons gain and {gain['persons_losing']} lose; "
        f"the mix of {gain['persons_unusual']} looks unusual."
    )


def _tell(result: dict[str, Any], as_json: bool) -> None:
    if as_json:
        say_json(result)
        return
    for name, value in result.items():
        say(f"{name:<14}{value:.6f}" if isinstance(value, float) else f"{name:<14}{value}")
