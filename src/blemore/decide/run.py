"""From fused probabilities to decisions, honestly: what decides a fold's clips was fitted on the other folds.

Two variants (`chains`). "inductive": every clip by itself. "transductive": all clips of a person together, no label of the
person being looked at. A test clip's name carries no identity: it is decided with others only where individuals were
found among the test clips.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from blemore.decide.chains import (
    INDUCTIVE,
    TRANSDUCTIVE,
    Decided,
    Single,
    decide_persons,
    inductive,
    transductive,
    usualness,
)
from blemore.decide.person_offset import fit_offsets
from blemore.decide.personal.choice import Fitted, Selected
from blemore.decide.trust import ALONE, Trust, by_clusters
from blemore.scoring.answers import SINGLES, numbers_of, worth
from blemore.scoring.commonest import commonest_decision
from blemore.scoring.labels import CLASSES
from blemore.scoring.model_name import FINAL, ModelName
from blemore.scoring.persons import entry, gain_and_interval, sums_of_persons
from blemore.scoring.rows import Rows
from blemore.tables import class_rows, labelled
from joblineage.errors import refuse

VARIANTS = (INDUCTIVE, TRANSDUCTIVE)
CONTROLS = 5
CHANCES = ("p_presence", "p_salience", "p_blend")
DECISION_COLUMNS = ("clip", "split", "person", "fold", "variant", "decided_by", *CLASSES, *CHANCES)


@dataclass(frozen=True)
class Calibrated:
    """What calibration makes.

    Parameters
    ----------
    models : dict of str to object
        {variant: {"final": model, "folds": {"0": model, ...}}}; an inductive model is a decoder (`Decoder.to_json`), a
        transductive one the personal model that was chosen, with its constants, "final" with all its numbers
        (`Fitted.to_json`).
    decisions : DataFrame
        One row per usable clip and variant, saliences in percent as integers; test clips have the variant
        "transductive" only where individuals were given. `decided_by` is "model", or "prior" for a quarantined test
        clip: the commonest label of the training clips. Under the variant's posterior, `p_presence` is the probability
        that the set of emotions is right, `p_salience` that the clip is a blend with these saliences, `p_blend` that it
        is a blend; NaN for "prior".
    offsets : DataFrame
        One row per training person: the class offsets that would bring the person's mean probabilities to the training
        prior, the number of clips, and how usual their mix of answers looks (`Schedule.usualness`; NaN where no
        personal model was chosen); then one row per individual of the test clips, named "test 0", ..., with fold
        NO_FOLD. They describe a person; what decides is the personal model.
    trust : dict of str to object, or None
        Of the clusters among the test clips, None without any: "trusted" and "over" each control (`trust.Trust`);
        "folds", the same without each fold; "scores" of training clips that are decided as test clips are: by clusters,
        where these are trusted without the fold; their "gain" in the three accuracies over each clip by itself, the
        "interval" of the Score's, and "persons".
    """

    models: dict[str, Any]
    decisions: pd.DataFrame
    offsets: pd.DataFrame
    trust: dict[str, Any] | None


def calibrate(
    views: pd.DataFrame,
    probabilities: pd.DataFrame,
    clips: pd.DataFrame,
    *,
    decoding: str,
    personal: Mapping[str, Any],
    individuals: pd.DataFrame | None = None,
    controls: int = CONTROLS,
    seed: int = 0,
) -> Calibrated:
    """Fit decoders and personal models for each fold left out and for all train clips, and decide with them.

    Parameters
    ----------
    views : DataFrame
        As made by `fusion.run.fuse`: all train clips for each outer fold, and for the final one.
    probabilities : DataFrame
        The fused probabilities table; its test rows are decided with the final models.
    clips : DataFrame
        Clips table of the study.
    decoding : str
        Kind of decoder, or "auto" (`scoring.decoders`).
    personal : mapping of str to object
        Which personal models to choose from (`decide.personal.choice.choose`).
    individuals : DataFrame or None
        The clusters of `individuals.run.Individuals`; None where they are unknown or must not be known. A test clip is
        decided by itself if it has no row, and all of them are if the clusters are not trusted (`trust.trust`).
    controls : int, >= 1
        Random clusters that trust is measured against.
    seed : int, >= 0
        Decides these clusters.

    Returns
    -------
    Calibrated
        Models, decisions, offsets and the trust in clusters.

    Raises
    ------
    DataError
        A view is missing, or holds other clips than the usable train clips of the study.
    """
    rows = rows_of_views(views, clips)
    alone = inductive(rows, decoding)
    together = transductive(rows, alone, personal)
    decided: dict[str, Decided[Any]] = {INDUCTIVE: alone, TRANSDUCTIVE: together}
    tables = [
        decisions_table(labelled(clips), decision.saliences, variant, "model", decision.posterior)
        for variant, decision in decided.items()
    ]
    trust = groups = None
    if individuals is not None:
        by_cluster = by_clusters(rows, alone, together, _by_outer(rows, individuals), draws=controls, seed=seed)
        trust = _trust(rows, alone, by_cluster)
        here = (individuals["split"] == "test") & trust["trusted"]
        groups = individuals[here].set_index("clip")["cluster"]
    test, own_offsets = _test_decisions(
        probabilities, clips, rows, alone.models[FINAL], together.models[FINAL].model, groups
    )
    return Calibrated(
        models={
            INDUCTIVE: _models(alone, lambda fitted: fitted.decoder.to_json()),
            TRANSDUCTIVE: _models(together, lambda fitted: fitted.model.choice.to_json())
            | {"final": together.models[FINAL].model.to_json()},
        },
        decisions=pd.concat([*tables, *test], ignore_index=True).sort_values(
            ["clip", "variant"], kind="stable", ignore_index=True
        ),
        offsets=pd.concat([_offsets_of_train(rows, together), own_offsets], ignore_index=True),
        trust=trust,
    )


def _by_outer(rows: Rows, individuals: pd.DataFrame) -> dict[int, np.ndarray]:
    """{outer: (n,) clusters of the rows, or ALONE}."""
    train = individuals[individuals["split"] == "train"]
    table = train.pivot_table(index="clip", columns="outer", values="cluster").reindex(rows.clip)
    return {
        outer: table[outer].fillna(ALONE).to_numpy(int) if outer in table else np.full(len(rows), ALONE)
        for outer in rows.outers
    }


def _trust(rows: Rows, alone: Decided[Single], trusted: Decided[Trust]) -> dict[str, Any]:
    before, after = (sums_of_persons(rows, decision.saliences) for decision in (alone, trusted))
    verdicts = _models(trusted, Trust.to_json)
    return {
        **verdicts["final"],
        "folds": verdicts["folds"],
        "scores": entry(rows, trusted.saliences),
        **gain_and_interval(before, after),
    }


def rows_of_views(views: pd.DataFrame, clips: pd.DataFrame) -> Rows:
    """The labelled clips of a study, with the values of its views.

    Parameters
    ----------
    views : DataFrame
        As `fusion.run.fuse` makes them: all train clips for each outer fold, and for the final one.
    clips : DataFrame
        Clips table of the study.

    Returns
    -------
    Rows
        Values (outers, n, 6).

    Raises
    ------
    DataError
        A view is missing, or holds other clips than the usable train clips of the study.
    """
    train = labelled(clips)
    rows, names = Rows.of(train), train["clip"]
    values, faults = [], []
    for outer in rows.outers:
        view = views[views["outer"] == outer].set_index("clip")
        faults += [f"view {outer}: no row for clip {name}" for name in names if name not in view.index]
        faults += [f"view {outer}: clip {name} is no usable train clip" for name in view.index.difference(names)]
        faults += [f"view {outer}: clip {name} has two rows" for name in view.index[view.index.duplicated()]]
        if not faults:
            values.append(view.loc[names, list(CLASSES)].to_numpy(float))
    refuse("fused views", faults)
    return replace(rows, values=np.stack(values))


def _test_decisions(
    probabilities: pd.DataFrame,
    clips: pd.DataFrame,
    rows: Rows,
    alone: Single,
    together: Fitted,
    individuals: pd.Series | None,
) -> tuple[list[pd.DataFrame], pd.DataFrame]:
    """Decisions of all test clips (those with probabilities by the model, the quarantined ones by the prior) for each
    variant that they can have, and the offsets of their individuals: clip -> cluster."""
    test = clips[clips["split"] == "test"]
    known = test["clip"].isin(probabilities["clip"])
    lost = test[~known & (test["quarantine"] == "")]
    refuse("fused probabilities", [f"test clip {name}: no row" for name in lost["clip"]])
    by_model, quarantined = test[known], test[~known]
    values = probabilities.set_index("clip").loc[by_model["clip"], list(CLASSES)].to_numpy(float)
    shown = Rows.of(by_model, values).to_judge(ModelName.of("calibration", FINAL, INDUCTIVE))
    by_variant = {INDUCTIVE: (alone.decoder.decide(values), alone.logit.posterior(values))}
    offsets = _offset_table([], FINAL, np.zeros(0, int), np.zeros(0), np.zeros((0, len(CLASSES))))
    if individuals is not None:
        number = individuals.reindex(by_model["clip"]).to_numpy(float)
        clustered = np.isfinite(number)
        groups, who = np.unique(number[clustered].astype(int), return_inverse=True)
        own = shown.to_judge(ModelName.of("calibration", FINAL, TRANSDUCTIVE), clustered)
        # A clip of an unknown individual is decided by itself.
        unknown = ModelName.of("calibration", FINAL, "transductive as inductive")
        rows.to_fit(unknown, "decoder")
        shown.to_judge(unknown, ~clustered)
        adaptation = ModelName.of("calibration", FINAL, "adaptation")
        own.to_fit(adaptation, "adaptation").to_judge(adaptation)
        saliences, posterior = (part.copy() for part in by_variant[INDUCTIVE])
        if clustered.any():
            saliences[clustered], posterior[clustered] = decide_persons(together, alone, own.values, who)
        by_variant[TRANSDUCTIVE] = saliences, posterior
        moved = fit_offsets(own.values, who, rows.truth.mean(axis=0) / 100)
        offsets = _offset_table(
            [f"test {group}" for group in groups], FINAL, who, together.usualness(own.values, who), moved
        )
    commonest = ModelName.of("calibration", FINAL, "commonest label")
    prior_label = commonest_decision(rows.to_fit(commonest, "prior").truth)
    Rows.of(quarantined).to_judge(commonest)
    by_prior = np.tile(prior_label, (len(quarantined), 1))
    tables = [
        decisions_table(by_model, saliences, variant, "model", posterior)
        for variant, (saliences, posterior) in by_variant.items()
    ]
    return [*tables, *(decisions_table(quarantined, by_prior, variant, "prior") for variant in by_variant)], offsets


def decisions_table(
    clips: pd.DataFrame,
    saliences: np.ndarray,
    variant: str,
    decided_by: str,
    posterior: np.ndarray | None = None,
) -> pd.DataFrame:
    """The decisions about some clips as a table.

    Parameters
    ----------
    clips : DataFrame
        Clips table.
    saliences : (n, 6) int, percent
        Decided saliences; each row sums to 100.
    variant : {"inductive", "transductive"}
        How the clips were decided.
    decided_by : {"model", "prior"}
        What decided them.
    posterior : (n, 36) float or None, 0..1
        Posterior of the answers; None leaves the chances NaN.

    Returns
    -------
    DataFrame
        One row per clip with the columns ``DECISION_COLUMNS``.
    """
    table = class_rows(clips, saliences).assign(variant=variant, decided_by=decided_by)
    chances = np.full((len(table), len(CHANCES)), np.nan)
    if posterior is not None and len(table):
        at = np.arange(len(table)), numbers_of(saliences)
        presence, salience = worth(posterior, 1.0)
        chances = np.stack([presence[at], salience[at], posterior[:, SINGLES:].sum(axis=1)], axis=1)
    table[list(CHANCES)] = chances
    return table[list(DECISION_COLUMNS)]


def _offsets_of_train(rows: Rows, together: Decided[Selected]) -> pd.DataFrame:
    """Each person's offsets on the rows of the person's own fold, towards the prior of the others."""
    offsets, fold = np.zeros((len(rows.persons), len(CLASSES))), np.zeros(len(rows.persons), dtype=np.int64)
    fold[rows.person] = rows.fold
    for outer in rows.folds:
        inside = rows.fold == outer
        who, numbers = np.unique(rows.person[inside], return_inverse=True)
        offsets[who] = fit_offsets(rows.view(outer).values[inside], numbers, rows.truth[~inside].mean(axis=0) / 100)
    return _offset_table(rows.persons, fold, rows.person, usualness(rows, together), offsets)


def _offset_table(
    persons: Sequence[str], fold: np.ndarray | int, who: np.ndarray, usual: np.ndarray, offsets: np.ndarray
) -> pd.DataFrame:
    counted = {"person": pd.Series(persons, dtype="str"), "fold": fold, "clips": np.bincount(who), "usual": usual}
    return pd.DataFrame(counted | dict(zip(CLASSES, offsets.T, strict=True)))


def _models(decided: Decided[Any], as_json: Callable[[Any], dict[str, Any]]) -> dict[str, Any]:
    models = {outer: as_json(model) for outer, model in decided.models.items()}
    return {"final": models.pop(FINAL), "folds": {str(outer): model for outer, model in models.items()}}
