"""What a person's clips together gain over each by itself, beside controls in which there is no person to find.

The objective is flat, and whatever looks at many clips at once also sees the schedule and the models of a fold: so a gain is
nothing without its controls.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from blemore.decide.chains import Decided, Single, decide_persons, inductive, transductive, usualness
from blemore.decide.controls import groups_of_same_mix, one_group, permuted_labels, random_groups, random_mixture
from blemore.decide.person_offset import fit_offsets
from blemore.decide.personal.choice import Selected
from blemore.decide.personal.schedule import UNUSUAL
from blemore.scoring import decoders
from blemore.scoring.intervals import counted, detectable, interval_over_persons
from blemore.scoring.labels import CLASSES
from blemore.scoring.model_name import FINAL
from blemore.scoring.persons import accuracies, gain_and_interval, gains, score_gain, sums_of_persons
from blemore.scoring.rows import Rows
from joblineage import declare


@dataclass(frozen=True)
class Decisions:
    """The study's own decisions, and what they were made with.

    Parameters
    ----------
    rows : Rows
        Labelled clips, values (outers, n, 6).
    personal : mapping of str to object
        Which personal models to choose from (`decide.personal.choice.choose`).
    decoding : str
        Kind of decoder, or `decoders.AUTO`.
    alone : Decided of Single
        What `chains.inductive` made of them.
    together : Decided of Selected
        What `chains.transductive` made of them.
    """

    rows: Rows
    personal: Mapping[str, Any]
    decoding: str
    alone: Decided[Single]
    together: Decided[Selected]


@dataclass(frozen=True)
class Control:
    """The same clips with no person, or no label, to be found.

    Parameters
    ----------
    what : str
        The control in words.
    decided : callable
        Gives sums over each person's clips, (2, persons, 4), decided by themselves and together, of the study's
        decisions and the name of a draw.
    drawn : bool
        False where each draw would be the same.
    """

    what: str
    decided: Callable[[Decisions, str], np.ndarray]
    drawn: bool = True


def _refitted(change: Callable[[Rows, str], Rows], *, relabels: bool = False) -> Callable[[Decisions, str], np.ndarray]:
    """Decisions with everything refitted on changed clips; relabels : so are clips by themselves.

    Groups are as large as persons: which power counts for few clips makes no difference.
    """

    def decided(decisions: Decisions, name: str) -> np.ndarray:
        rows, alone = change(decisions.rows, name), decisions.alone
        if relabels:
            alone = inductive(rows, decoders.preferred(decisions.decoding), rows.folds)
        personal = {**decisions.personal, "powers": decisions.personal["powers"][:1]}
        together = transductive(rows, alone, personal, rows.folds)
        return _sums(replace(decisions.rows, truth=rows.truth), alone.saliences, together.saliences)

    return decided


def _of_mixtures(decisions: Decisions, name: str) -> np.ndarray:
    """Decisions of the study's own models on persons who show random mixtures of the answers."""
    rows, kept = decisions.rows, random_mixture(decisions.rows, name)
    together = np.zeros_like(decisions.alone.saliences)
    for fold in rows.folds:
        own, view = kept & (rows.fold == fold), rows.view(fold)
        if own.any():
            together[own], _ = decide_persons(
                decisions.together.models[fold].model, decisions.alone.models[fold], view.values[own], rows.person[own]
            )
    return _sums(rows.where(kept), decisions.alone.saliences[kept], together[kept])


CONTROLS = {
    "random_groups": Control(
        "random groups of clips in place of the persons, of the same sizes", _refitted(random_groups)
    ),
    "random_groups_within_folds": Control(
        "the same, each group's clips from one fold", _refitted(partial(random_groups, within_folds=True))
    ),
    "one_group": Control(
        "all clips of a fold as if one person showed them", _refitted(lambda rows, _: one_group(rows)), drawn=False
    ),
    "permuted_labels": Control(
        "labels shuffled among the clips of each fold", _refitted(permuted_labels, relabels=True)
    ),
}
MIXTURES = Control("some clips of each person, so that each shows a random mix of the classes", _of_mixtures)
"""No control: persons are there, but not what the personal models assume of them."""


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
    rows : Rows
        Labelled clips, values (outers, n, 6).
    personal : mapping of str to object
        Which personal models to choose from (`decide.personal.choice.choose`).
    decoding : str
        Kind of decoder, as for `inductive`.
    controls : int, >= 2
        How often each control is drawn.
    seed : int, >= 0
        Decides the draws.
    step : callable
        Called after each draw of the controls.

    Returns
    -------
    dict of str to object
        {"chosen" {"final", "folds"}, "clips", "persons", "gain" {"acc_presence", "acc_salience", "score"}, "interval"
        [low, high] of the Score's gain, "detectable", "persons_gaining" and "persons_losing" (in ACC_presence), "persons_unusual"
        (whose mix of answers fewer than `UNUSUAL` of the others would show), "controls" {name: {"what", "mean",
        "standard_error", "draws", "beyond" {"difference" of the gain less the control's, persons paired, "interval",
        "detectable"}}}, "mixtures" {the same of `MIXTURES`}}. A control that is not drawn has one draw, and no standard error.
    """
    with declare.within("gain"):  # its models are not those whose decisions the study reports
        base = inductive(rows, decoding)
        together = transductive(rows, base, personal)
    own = before, after = _sums(rows, base.saliences, together.saliences)
    measured = CONTROLS | {"mixtures": MIXTURES}
    values: dict[str, list[np.ndarray]] = {name: [] for name in measured}
    decisions = Decisions(rows, personal, decoding, base, together)
    for draw in range(controls):
        for name, control in measured.items():
            if draw == 0 or control.drawn:
                values[name].append(control.decided(decisions, f"{seed}/person/{draw}"))
        step()
    gained = accuracies(after)[0] - accuracies(before)[0]
    shown = {}
    for name, drawn in values.items():
        scores = [gains(*sums)["score"] for sums in drawn]
        shown[name] = {
            "what": measured[name].what,
            "mean": float(np.mean(scores)),
            "standard_error": float(np.std(scores, ddof=1) / np.sqrt(len(scores))) if len(scores) > 1 else None,
            "draws": len(scores),
        }
        if name in CONTROLS:
            shown[name]["beyond"] = _beyond(own, np.mean(drawn, axis=0))
    chosen = {str(outer): str(model.model.choice) for outer, model in together.models.items()}
    return {
        "chosen": {"final": chosen.pop(str(FINAL)), "folds": chosen},
        "clips": len(rows),
        **gain_and_interval(before, after),
        "persons_gaining": int((gained > 0).sum()),
        "persons_losing": int((gained < 0).sum()),
        "persons_unusual": int((usualness(rows, together) <= UNUSUAL).sum()),
        "mixtures": shown.pop("mixtures"),
        "controls": shown,
    }


def _sums(rows: Rows, alone: np.ndarray, together: np.ndarray) -> np.ndarray:
    """(2, persons, 4) sums over each person's clips, of both decisions."""
    return np.stack([sums_of_persons(rows, saliences) for saliences in (alone, together)])


def _beyond(study: np.ndarray, control: np.ndarray) -> dict[str, Any]:
    """By how much the study's gain in Score exceeds a control's, persons paired: of sums (2, persons, 4) each."""

    def difference(before: np.ndarray, after: np.ndarray, *of_control: np.ndarray) -> np.ndarray:
        return score_gain(before, after) - score_gain(*of_control)

    sums = [*study, *control]
    interval = interval_over_persons(difference, *sums)
    return {
        "difference": float(difference(*(part.sum(axis=0) for part in sums))),
        "interval": interval.tolist(),
        "detectable": detectable(interval, int(counted(*sums).sum())),
    }


def style(rows: Rows, *, draws: int, seed: int) -> dict[str, dict[str, float]]:
    """How far persons' class offsets lie apart, beside random groups that show the same: what is style, and what chance.

    Parameters
    ----------
    rows : Rows
        Labelled clips, values (outers, n, 6).
    draws : int, >= 1
        How many random groupings.
    seed : int, >= 0
        Decides the groupings.

    Returns
    -------
    dict of str to dict
        {"offset_sd": {class: standard deviation over persons of the offset, in logits}, "offset_sd_random": the mean of
        the same over random groupings}.
    """
    rows = rows.view(FINAL)
    own, random = offsets_of_persons(rows).std(axis=0), random_spread(rows, draws=draws, seed=seed)
    return {
        "offset_sd": dict(zip(CLASSES, own.tolist(), strict=True)),
        "offset_sd_random": dict(zip(CLASSES, random.tolist(), strict=True)),
    }


def offsets_of_persons(rows: Rows) -> np.ndarray:
    """Class offsets that bring each person's mean of values to the prior.

    Parameters
    ----------
    rows : Rows
        Labelled clips, values (n, 6).

    Returns
    -------
    (persons who have clips, 6) float, logits
        The offsets.
    """
    _, who = np.unique(rows.person, return_inverse=True)
    return fit_offsets(rows.values, who, rows.truth.mean(axis=0) / 100)


def random_spread(rows: Rows, *, draws: int, seed: int) -> np.ndarray:
    """Standard deviation of the offsets of random groups, mean over draws.

    Each group shows what its person shows: groups of another mix would differ by what they show, as persons do not.

    Parameters
    ----------
    rows : Rows
        Labelled clips, values (n, 6).
    draws : int, >= 1
        How many random groupings.
    seed : int, >= 0
        Decides the groupings.

    Returns
    -------
    (6,) float, logits
        One per class.
    """
    groups = (groups_of_same_mix(rows, f"{seed}/style/{draw}") for draw in range(draws))
    return np.mean([offsets_of_persons(grouped).std(axis=0) for grouped in groups], axis=0)
