"""`blemore encoders`: which of several encoders' tables are worth it.

Imports stand inside the command: `blemore --help` must not wait for numpy.
"""

from pathlib import Path
from typing import Annotated, Any

import typer

from joblineage.errors import DataError, refuse
from joblineage.telling import say, say_json


def encoders(
    tables: Annotated[
        list[Path],
        typer.Argument(help="Out-of-fold tables, one per encoder (.csv or .parquet), of the same labelled clips."),
    ],
    truth: Annotated[
        Path, typer.Option(help="Labels in the form of the challenge's train_metadata.csv, with its column fold.")
    ],
    finetuned: Annotated[
        list[str] | None, typer.Option(help="An encoder that was finetuned for the task; repeatable.")
    ] = None,
    logits: Annotated[bool, typer.Option("--logits", help="The tables hold logits: take their softmax.")] = False,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the random groups.")] = 17,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")] = False,
) -> None:
    """Each encoder's value in the fusion, the fewest that do as well, and each one's personal bias, with intervals over persons.

    An encoder is called as its file, or, if that is probabilities.parquet, as its folder.
    """
    from dataclasses import replace

    import numpy as np

    from blemore.api import given
    from blemore.evaluate.worth import worth

    names = [path.parent.name if path.stem == "probabilities" else path.stem for path in tables]
    refuse("blemore encoders", sorted({f"{name}: named twice" for name in names if names.count(name) > 1}))
    unknown = sorted(set(finetuned or []) - set(names))
    refuse("--finetuned", [f"{name}: no table of that name; there are {', '.join(names)}" for name in unknown])
    shown = given.labels(truth)
    by_table = [given.rows(given.probabilities(path, logits), shown, None, None)[0] for path in tables]
    if len(by_table[0].folds) < 2:
        raise DataError(str(truth), [f"an honest decoder needs at least two folds, found only {by_table[0].folds[0]}"])
    rows = replace(by_table[0], values=np.stack([table.values for table in by_table]))
    gains = worth(rows, tuple(names), adapted=finetuned or (), seed=seed)
    if as_json:
        say_json(gains)
    else:
        say(*_lines(gains))


def _lines(gains: dict[str, Any]) -> list[str]:
    def ends(gain: dict[str, Any], form: str = "+.3f") -> str:
        return f"{gain['interval'][0]:{form}} to {gain['interval'][1]:{form}}"

    whole, greedy, adapted = gains["all"], gains["greedy"], gains["adapted"]
    width = max(len("encoder"), *map(len, gains["encoders"]))
    lines = [
        f"{whole['clips']} clips of {whole['persons']} persons; intervals are 90 %, over persons; the fusion is the plain mean",
        f"all encoders: Score {whole['score']:.3f} ({whole['interval']['score'][0]:.3f} to {whole['interval']['score'][1]:.3f})",
        "",
        f"{'encoder':<{width}}  Score with all less that without it   spread of persons' offsets less that of random groups",
    ]
    for name, encoder in gains["encoders"].items():
        value, bias = encoder["adds"], encoder["bias"]
        alone = f"{value['gain']['score']:+.3f} ({ends(value)})" if value else ""
        lines.append(f"{name:<{width}}  {alone:<36}  {bias['excess']:+.2f} ({ends(bias, '+.2f')}) logits")
    lines += ["", "one after another, each time what adds most; each fold in the order that the others give:"]
    lines += [
        f"  {k:>2}  + {step['added']:<{width}}  Score {step['score']:.3f}  ({step['interval']['score'][0]:.3f} to {step['interval']['score'][1]:.3f})"
        for k, step in enumerate(greedy["steps"], 1)
    ]
    few = greedy["smallest"]
    behind = f"{few['behind']:.3f} behind, standard error {few['standard_error']:.3f}"
    lines.append(
        f"smallest within one standard error of the best: {', '.join(few['encoders'])}"
        f" ({behind if few['standard_error'] else 'the best itself'})"
    )
    if adapted:
        lines.append(
            f"weight of the finetuned ({', '.join(adapted['encoders'])}): {adapted['weight']:.2f} ({ends(adapted, '.2f')});"
            f" equal weights {adapted['equal']:.2f}, arXiv 2603.23650 {adapted['paper']:.2f}"
        )
    return lines
