"""The two ways to decide: every clip by itself (inductive), or all clips of a person together (transductive).

Each gets the labelled clips of a study as `Rows`, whose values (outers, n, 6) are the fused rows for each outer fold
(`fusion.run.Fused.views`). What decides a fold's clips was fitted, and chosen, on the other folds.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np

from blemore.decide.personal import choice as personal
from blemore.decide.personal.choice import OFF, Fitted, Selected
from blemore.scoring import decoders
from blemore.scoring.answers import ANSWERS, best_answers, without_blends
from blemore.scoring.conditional import ConditionalLogit
from blemore.scoring.decoders import Decoder
from blemore.scoring.labels import CLASSES
from blemore.scoring.model_name import ModelName
from blemore.scoring.rows import Rows

INDUCTIVE, TRANSDUCTIVE = "inductive", "transductive"
Model = TypeVar("Model")


@dataclass(frozen=True)
class Decided(Generic[Model]):
    """What one way decides about the clips of every fold, and about new ones.

    Parameters
    ----------
    saliences : (n, 6) int, percent
        The decisions; each row sums to 100.
    posterior : (n, 36) float, 0..1
        Posterior of the answers, NaN where it was not asked for.
    models : mapping of int to Model
        {outer: what was fitted without that fold}.
    """

    saliences: np.ndarray
    posterior: np.ndarray
    models: Mapping[int, Model]


@dataclass(frozen=True)
class Single:
    """How a clip is decided by itself.

    Parameters
    ----------
    decoder : Decoder
        The rule.
    logit : ConditionalLogit
        The posterior over its answers.
    """

    decoder: Decoder
    logit: ConditionalLogit


def inductive(rows: Rows, decoding: str, outers: list[int] | None = None) -> Decided[Single]:
    """Decide every clip by itself.

    Parameters
    ----------
    rows : Rows
        Labelled clips, values (outers, n, 6).
    decoding : str
        A kind of decoder, or `decoders.AUTO`.
    outers : list of int or None
        The folds to decide, and FINAL for a model of all clips; None: all of them.

    Returns
    -------
    Decided of Single
        The decisions, and what was fitted without each fold.
    """
    saliences, posterior = _nothing(rows)
    models = {}
    for outer in rows.outers if outers is None else outers:
        view, model = rows.view(outer), ModelName.of("calibration", outer, INDUCTIVE)
        others = view.outside(outer, model, "decoder")
        kind, _ = decoders.choose(others, decoding)
        logit = ConditionalLogit.fit(others.values, others.truth)
        rule = logit if kind == "expected" else decoders.KINDS[kind](others.values, others.truth)
        models[outer] = Single(Decoder(kind, rule), logit)
        inside, own = view.inside(outer, model), rows.fold == outer
        saliences[own] = models[outer].decoder.decide(inside.values)
        posterior[own] = logit.posterior(inside.values)
    return Decided(saliences, posterior, models)


def transductive(
    rows: Rows, base: Decided[Single], options: Mapping[str, Any], outers: list[int] | None = None
) -> Decided[Selected]:
    """Decide all clips of a person together; as `base` does where no personal model was chosen.

    Parameters
    ----------
    rows : Rows
        Labelled clips, values (outers, n, 6).
    base : Decided of Single
        What `inductive` made of the same rows.
    options : mapping of str to object
        Options of `personal.choice.choose`.
    outers : list of int or None
        As for `inductive`, which made `base` of them.

    Returns
    -------
    Decided of Selected
        The decisions, and what was chosen without each fold.
    """
    saliences, posterior = _nothing(rows)
    models = {}
    for outer in rows.outers if outers is None else outers:
        # 1. Fused rows (n, 6) of models that did not see fold `outer`; those of the other folds are fitted on.
        view, model = rows.view(outer), ModelName.of("calibration", outer, TRANSDUCTIVE)
        others = view.outside(outer, model, "personal model")
        # 2. Which personal model, and how strong: chosen on persons of the other folds, each left out in turn.
        models[outer] = personal.choose(others, options)
        # 3. The fold's own persons: the model adapts to all clips of each, no label of theirs being looked at.
        view.to_fit(ModelName.of("calibration", outer, "adaptation"), "adaptation", view.fold == outer)
        view.inside(outer, ModelName.of("calibration", outer, "adaptation"))
        inside, own = view.inside(outer, model), rows.fold == outer
        saliences[own], posterior[own] = decide_persons(
            models[outer].model, base.models[outer], inside.values, inside.person
        )
    return Decided(saliences, posterior, models)


def decide_persons(
    model: Fitted, alone: Single, values: np.ndarray, who: np.ndarray, known: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Decide clips of some persons, and give the posterior of their answers.

    Parameters
    ----------
    model : Fitted
        The personal model.
    alone : Single
        What decides where the model is OFF.
    values : (n, 6)
        Probabilities.
    who : (n,)
        Numbers of the persons.
    known : (n,) int or None
        Number of a labelled clip's answer, else -1; None where no clip is labelled.

    Returns
    -------
    saliences : (n, 6) int, percent
        The decisions; each row sums to 100.
    posterior : (n, 36) float, 0..1
        Posterior of the answers; each row sums to 1.
    """
    if model.choice.kind == OFF:
        return alone.decoder.decide(values), alone.logit.posterior(values)
    return decide_together(model, values, who, known)


def decide_together(
    model: Fitted, values: np.ndarray, who: np.ndarray, known: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Decide clips of some persons together, whatever the choice; where the model is OFF, each clip for itself.

    Parameters
    ----------
    model : Fitted
        The personal model.
    values : (n, 6) float, 0..1
        Probabilities of the clips.
    who : (n,) int
        Number of each clip's person.
    known : (n,) int or None
        Number of a labelled clip's answer, else -1; None where no clip is labelled.

    Returns
    -------
    saliences : (n, 6) int, percent
        Answers of the largest expected Score; each row sums to 100.
    posterior : (n, 36) float, 0..1
        Posterior of the answers; each row sums to 1.
    """
    posterior = model.posterior(values, np.unique(who, return_inverse=True)[1], known)
    posterior = posterior if model.logit.blend_share else without_blends(posterior)
    return ANSWERS[best_answers(posterior, model.logit.blend_share)], posterior


def usualness(rows: Rows, together: Decided[Selected]) -> np.ndarray:
    """How usual each training person's mix of answers looks, by the model of the other folds.

    Parameters
    ----------
    rows : Rows
        Labelled clips, values (outers, n, 6).
    together : Decided of Selected
        What `transductive` made of them.

    Returns
    -------
    (persons,) float, 0..1
        As `Schedule.usualness` gives it; NaN where it is unknown.
    """
    usual = np.full(len(rows.persons), np.nan)
    for fold in rows.folds:
        inside = rows.view(fold).where(rows.fold == fold)
        who, numbers = np.unique(inside.person, return_inverse=True)
        usual[who] = together.models[fold].model.usualness(inside.values, numbers)
    return usual


def _nothing(rows: Rows) -> tuple[np.ndarray, np.ndarray]:
    return np.zeros((len(rows), len(CLASSES)), dtype=np.int64), np.full((len(rows), len(ANSWERS)), np.nan)
