"""What a person's clips together gain over each by itself, beside controls in which there is no person to find.

The objective is flat, and whatever looks at many clips at once also sees the schedule and the models of a fold: so a gain is
nothing without its controls.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from blemore.decide.chains import Decided, Single, inductive, transductive
from blemore.decide.controls import one_group, permuted_labels, random_groups
from blemore.decide.person_offset import fit_offsets
from blemore.scoring import decoders
from blemore.scoring.labels import CLASSES
from blemore.scoring.metrics import ACCURACIES
from blemore.scoring.model_name import FINAL
from blemore.scoring.persons import INTERVAL, accuracies, draw_persons, sums_of_persons
from blemore.scoring.rows import Rows
from joblineage import declare

CONTROLS: dict[str, tuple[str, Callable[[Rows, str], Rows]]] = {
    "random_groups": ("random groups of clips in place of the persons, of the same sizes", random_groups),
    "random_groups_within_folds": (
        "the same, each group's clips from one fold",
        lambda rows, name: random_groups(rows, name, within_folds=True),
    ),
    "one_group": ("all clips of a fold as if one person showed them", lambda rows, name: one_group(rows)),
    "permuted_labels": ("labels dealt out anew among the clips of each fold", permuted_labels),
}
"""{control: what it is in words, and the clips that it gives}."""
NOT_DRAWN = ("one_group",)
"""Controls that are the same each time."""


def gain(
    rows: Rows,
    personal: Mapping[str, Any],
    *,
    decoding: str,
    controls: int,
    seed: int,
    step: Callable[[], None] = lambda: None,
) -> dict[str, Any]:
    """Gain of deciding a person's clips together, its interval, and its controls.

    Parameters
    ----------
    rows : values (outers, n, 6).
    personal : which personal models to choose from (`decide.personal.choice.choose`); decoding : as for `inductive`.
    controls : how often each control is drawn (at least 2).
    step : called after each draw of the controls.

    Returns
    -------
    {"chosen" {"final", "folds"}, "clips", "persons", "gain" {"acc_presence", "acc_salience", "score"}, "interval" [low,
    high] of the Score's gain, "controls" {name: {"what", "mean", "standard_error",
    "draws"}}}. A control that is not drawn has one draw, and no standard error.
    """
    with declare.within("gain"):  # its models are not those whose decisions the study reports
        base = inductive(rows, decoding)
        together = transductive(rows, base, personal)
    sums = [sums_of_persons(rows, made.saliences) for made in (base, together)]
    drawn = draw_persons(len(rows.persons), seed)
    before, after = (accuracies(drawn @ part)[2] for part in sums)
    values: dict[str, list[float]] = {name: [] for name in CONTROLS}
    for draw in range(controls):
        for name, (_, made) in CONTROLS.items():
            if draw == 0 or name not in NOT_DRAWN:
                values[name].append(_of_control(rows, made(rows, f"{seed}/person/{draw}"), base, personal, decoding))
        step()
    chosen = {str(outer): str(model.choice) for outer, model in together.models.items()}
    return {
        "chosen": {"final": chosen.pop(str(FINAL)), "folds": chosen},
        "clips": len(rows),
        "persons": len(rows.persons),
        "gain": dict(zip(ACCURACIES, _gain(*sums), strict=True)),
        "interval": np.quantile(after - before, INTERVAL).tolist(),
        "controls": {
            name: {
                "what": CONTROLS[name][0],
                "mean": float(np.mean(found)),
                "standard_error": float(np.std(found, ddof=1) / np.sqrt(len(found))) if len(found) > 1 else None,
                "draws": len(found),
            }
            for name, found in values.items()
        },
    }


def _of_control(rows: Rows, mixed: Rows, base: Decided[Single], personal: Mapping[str, Any], decoding: str) -> float:
    """The gain in Score among the mixed clips. Groups change nothing about the clips by themselves, labels do."""
    same = mixed.truth is rows.truth
    alone = base if same else inductive(mixed, decoders.preferred(decoding), rows.folds)
    together = transductive(mixed, alone, personal, rows.folds)
    return _gain(*(sums_of_persons(mixed, made.saliences) for made in (alone, together)))[2]


def style(rows: Rows, *, draws: int, seed: int) -> dict[str, dict[str, float]]:
    """How far persons' class offsets lie apart, beside random groups of clips: what is style, and what chance.

    Returns
    -------
    {"offset_sd": {class: standard deviation over persons of the offset, in logits}, "offset_sd_random": the mean of the
    same over `draws` random groupings}.
    """
    values, prior = rows.view(FINAL).values, rows.truth.mean(axis=0) / 100

    def spread(who: np.ndarray) -> np.ndarray:
        return fit_offsets(values, who, prior).std(axis=0)

    random = [spread(random_groups(rows, f"{seed}/style/{draw}").person) for draw in range(draws)]
    return {
        "offset_sd": dict(zip(CLASSES, spread(rows.person).tolist(), strict=True)),
        "offset_sd_random": dict(zip(CLASSES, np.mean(random, axis=0).tolist(), strict=True)),
    }


def _gain(before: np.ndarray, after: np.ndarray) -> list[float]:
    """Gains in the three accuracies, of sums (persons, 4)."""
    own, other = (np.stack(accuracies(part.sum(axis=0))) for part in (before, after))
    return (other - own).tolist()
