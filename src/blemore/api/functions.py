"""The functions for one's own arrays and tables, at hand as `blemore.score`, `blemore.decode`, ... (docs/api.md).

Probabilities, labels and predictions may be given as
- an array (n, 6), columns in the order ang, disg, fea, hap, sad, neu: probabilities in 0..1, or saliences in percent;
- a table with one row per clip: a pandas DataFrame, a pyarrow Table, or a mapping of columns;
- the path of a .csv or .parquet file, of predictions a .json file.

Two tables are matched by their clips. A table gives a table of the same kind, a path gives a DataFrame.
"""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from blemore.api import given
from blemore.api.files import read_predictions, read_probabilities, read_truth, write_predictions
from blemore.api.given import Given
from blemore.scoring.columns import numbers, texts
from blemore.scoring.labels import EMOTIONS
from blemore.scoring.surface import Chosen
from joblineage.errors import DataError, refuse

if TYPE_CHECKING:
    from blemore.simulation.study import Study

__all__ = [
    "check_submission",
    "decode",
    "enroll",
    "evaluate_predictions",
    "fit_thresholds",
    "person_offsets",
    "read_predictions",
    "read_probabilities",
    "read_truth",
    "score",
    "simulate",
    "write_predictions",
]


def decode(probabilities: Given, alpha: float, beta: float) -> Any:
    """Decide what each clip shows, by the challenge's rules.

    Parameters
    ----------
    probabilities : n rows of six probabilities.
    alpha : presence threshold, 0..1: a blend needs a second largest probability of at least this.
    beta : salience threshold, 0..1: a blend is 50/50 where the two differ by at most this, 70/30 otherwise.

    Returns
    -------
    Saliences in percent: (n, 6) int64 of an array, else clip and the six classes as a table.

    Examples
    --------
    >>> import blemore, numpy as np
    >>> blemore.decode(np.array([[0.6, 0, 0, 0, 0.4, 0], [0, 0, 0, 0.95, 0, 0.05]]), alpha=0.2, beta=0.1)
    array([[ 70,   0,   0,   0,  30,   0],
           [  0,   0,   0, 100,   0,   0]])
    """
    from blemore.scoring.decoding import decode

    side = given.probabilities(probabilities)
    saliences = decode(side.values, alpha, beta)
    return given.like(probabilities, {"clip": side.columns["clip"]}, saliences) if side.columns else saliences


def evaluate_predictions(predictions: Given, truth: Given) -> dict[str, float | int]:
    """ACC_presence, ACC_salience and Score of decisions.

    It is not called `evaluate`, since the study has a room of that name, `blemore.evaluate`.

    Parameters
    ----------
    predictions : n rows of saliences in percent, or a .json file of predictions. Unlabelled test clips are left aside.
    truth : labels, or (n, 6) saliences in percent.

    Returns
    -------
    "acc_presence", "acc_salience", "score" in 0..1, and how many "clips" and "blends" they are counted over.

    Examples
    --------
    >>> import blemore
    >>> blemore.evaluate_predictions("predictions.json", "train_metadata.csv")
    {'acc_presence': 1.0, 'acc_salience': 1.0, 'score': 1.0, 'clips': 2, 'blends': 1}
    """
    from blemore.scoring.metrics import scores

    shown = given.labels(truth)
    return scores(given.matched(given.predictions(predictions), shown).values, shown.values)


def fit_thresholds(probabilities: Given, truth: Given, *, grid: Literal["exact", "official"] = "exact") -> Chosen:
    """Find the thresholds of best Score on labelled clips.

    The accuracies that it reports are in sample: the thresholds were chosen on these very clips. `score` gives honest ones.

    Parameters
    ----------
    probabilities : n rows of six probabilities; a table's test clips without a label are left aside.
    truth : labels, or (n, 6) saliences in percent.
    grid : "official", the challenge's 20 x 20 grid, or "exact", every value that can differ.

    Returns
    -------
    `alpha`, `beta`, `acc_presence`, `acc_salience`, `score`, and `decide(probabilities)`.

    Examples
    --------
    >>> import blemore
    >>> made = blemore.simulate(persons=4, folds=2, encoders=1)
    >>> best = blemore.fit_thresholds(made.tables["e00"], made.clips)
    >>> print(f"alpha {best.alpha:.3f}, beta {best.beta:.3f}, Score {best.score:.3f}")
    alpha 0.158, beta 0.023, Score 0.247
    """
    from blemore.scoring.exact import exact_optimum
    from blemore.scoring.surface import official_grid

    shown = given.labels(truth)
    side = given.matched(given.probabilities(probabilities), shown)
    return (official_grid if grid == "official" else exact_optimum)(side.values, shown.values)


def score(
    probabilities: Given,
    truth: Given,
    *,
    person: Any = None,
    fold: Any = None,
    seed: int = 17,
    step: Callable[[], None] = lambda: None,
) -> dict[str, Any]:
    """The honest score of one's own probabilities, beside what it should be compared with.

    Thresholds of a fold are chosen on the other folds' persons. Probabilities must come from models that did not see the
    clip's person: this cannot be checked here.

    Parameters
    ----------
    probabilities : n rows of six probabilities; a table's test clips without a label are left aside.
    truth : labels, or (n, 6) saliences in percent.
    person : (n,) who shows each clip. None: the column person of the truth, or of the probabilities, or the clips' names,
        as far as these are BLEMORE's.
    fold : (n,) whole numbers. None: the column fold of the truth; where there is none, folds are made over persons.
    seed : of the persons drawn for the intervals, and of the controls.
    step : called while the person's gain is computed, `evaluate.score.CONTROLS` times.

    Returns
    -------
    As `evaluate.score.score`: "honest", "thresholds", "trivial", "in_sample", "optimism", "person_offset". Besides
    "persons", how many; "folds", how many; "folds_from": "given", "truth" or "made".

    Raises
    ------
    DataError : tables that do not match, a clip without a person, a person in two folds, fewer than two folds.

    Examples
    --------
    >>> import blemore
    >>> made = blemore.simulate(persons=6, folds=3, encoders=1)
    >>> found = blemore.score(made.tables["e00"], made.clips)
    >>> print(f"honest {found['honest']['score']:.3f}, in sample {found['in_sample']['score']:.3f}")
    honest 0.240, in sample 0.271
    >>> print(f"person offset {found['person_offset']['gain']['score']:+.3f}")
    person offset +0.065
    """
    from blemore.evaluate.score import folds_over_persons
    from blemore.evaluate.score import score as judge
    from blemore.scoring.rows import Rows

    shown = given.labels(truth)
    side = given.matched(given.probabilities(probabilities), shown)
    names, who = np.unique(given.persons(shown, side) if person is None else texts(person), return_inverse=True)
    source = "given" if fold is not None else "truth" if "fold" in shown.columns else "made"
    if source == "made":
        place = folds_over_persons(who)
    else:
        number, clips = (
            numbers(shown.columns["fold"] if fold is None else fold),
            shown.columns.get("clip", range(len(who))),
        )
        wrong = np.flatnonzero(~(number >= 0) | (number % 1 != 0))
        refuse(
            shown.where, (f"clip {clips[k]}: fold must be a whole number from 0, found {number[k]:g}" for k in wrong)
        )
        place = number.astype(int)
    rows = Rows(side.values, shown.values, place, who, tuple(names.tolist()))
    counts = {"persons": len(names), "folds": len(rows.folds), "folds_from": source}
    return counts | judge(rows, seed=seed, step=step)


def person_offsets(
    probabilities: Given, person: Any = None, *, prior: Given, kappa: float = 0.0
) -> tuple[dict[str, np.ndarray], Any]:
    """Bring each person's mean probabilities to the training prior; no label of the person is needed.

    Parameters
    ----------
    probabilities : n rows of six probabilities.
    person : (n,) who shows each clip. None: the column person of the table.
    prior : (6,) mean soft label of the training clips, or their labels.
    kappa : >= 0; with as many clips, a person's offsets count half.

    Returns
    -------
    {person: (6,) offsets in logits, mean 0}, and the corrected probabilities, of the same kind as the given ones.

    Examples
    --------
    >>> import blemore, numpy as np
    >>> smiling = np.array([[0.2, 0.1, 0.1, 0.5, 0.1, 0.0], [0.1, 0.1, 0.2, 0.5, 0.1, 0.0]])
    >>> offsets, corrected = blemore.person_offsets(smiling, ["A", "A"], prior=np.full(6, 1 / 6))
    >>> bool(offsets["A"][3] < 0)
    True
    >>> corrected[:, 3].round(2)
    array([0.2, 0.2])
    """
    from blemore.decide.person_offset import apply_offsets, fit_offsets, strength_of

    side = given.probabilities(probabilities)
    names, who = np.unique(given.persons(side) if person is None else texts(person), return_inverse=True)
    is_mean = isinstance(prior, np.ndarray) and prior.ndim == 1
    mean = np.asarray(prior) if is_mean else given.labels(prior).values.mean(axis=0) / 100
    offsets = fit_offsets(side.values, who, mean) * strength_of(kappa, who)
    corrected = apply_offsets(side.values, offsets[who])
    found = dict(zip(names.tolist(), offsets, strict=True))
    return found, given.like(probabilities, side.columns, corrected) if side.columns else corrected


def enroll(probabilities: Given, labels: Given, *, spread: float = 0.6) -> tuple[dict[str, Any], Any]:
    """Fit one person's style on a few labelled clips, and correct all of the person's probabilities with it.

    Parameters
    ----------
    probabilities : a table of one person's clips, with their names.
    labels : of some of these clips; other clips' labels are left aside.
    spread : > 0, how far persons' offsets are expected to lie apart, in logits.

    Returns
    -------
    The style, {"offsets": {"ang", ..., "sad": in logits}, "slope", "clips": how many were labelled}, and the corrected
    probabilities, as a table of the given kind.

    Raises
    ------
    DataError : no clip is labelled, or there is more than one person.

    Examples
    --------
    >>> import blemore
    >>> made = blemore.simulate(persons=2, folds=2, encoders=1)
    >>> own = made.tables["e00"].query("person == 'A1000'")
    >>> style, corrected = blemore.enroll(own, made.clips[::4])
    >>> style["clips"], len(corrected)
    (14, 54)
    """
    from blemore.decide.enrolment import apply_styles, fit_styles

    side, shown = given.probabilities(probabilities), given.labels(labels)
    names = sorted(set(texts(side.columns.get("person", []))) - {""})
    if len(names) > 1:
        several = f"{len(names)} persons ({', '.join(names[:5])}, ...)"
        raise DataError(side.where, [f"holds clips of {several}, expected those of one: enrol each alone"])
    place = {clip: row for row, clip in enumerate(side.columns["clip"])}
    rows = [(place[clip], k) for k, clip in enumerate(shown.columns["clip"]) if clip in place]
    if not rows:
        raise DataError(shown.where, [f"labels no clip of {side.where}: nothing to enrol with"])
    own, said = map(list, zip(*rows, strict=True))
    mask = np.ones((1, len(rows)), bool)
    *offsets, slope = fit_styles(side.values[own][None], shown.values[said][None] / 100, mask, spread=spread)[
        0
    ].tolist()
    corrected = apply_styles(side.values, np.tile([*offsets, slope], (len(side.values), 1)))
    style = {"offsets": dict(zip(EMOTIONS, offsets, strict=True)), "slope": slope, "clips": len(rows)}
    return style, given.like(probabilities, side.columns, corrected)


def check_submission(path: str | Path, clips: Iterable[str] | None = None) -> list[str]:
    """Say whether the challenge would take a submission.

    Parameters
    ----------
    path : a .json or .zip file.
    clips : names of the clips that must be there (optional).

    Returns
    -------
    Every fault, each naming its clip; empty where there is none.

    Examples
    --------
    >>> import blemore
    >>> blemore.check_submission("predictions.json", ["A1000_a", "A1001_b"])
    []
    """
    from blemore.challenge.submission import check

    return check(path, clips)


def simulate(
    *,
    persons: int = 47,
    new_persons: int = 0,
    folds: int = 5,
    encoders: int = 12,
    correlation: float = 0.5,
    offset_sd: float = 0.6,
    gain_sd: float = 0.3,
    confidence: float = 2.0,
    seed: int = 17,
) -> "Study":
    """Make up a study: clips, labels, and encoders' probabilities, of persons with a known style.

    Parameters
    ----------
    persons, new_persons : training persons, and persons whose clips are test clips.
    folds : of the training persons. encoders : how many tables.
    correlation : 0..1, share of the noise that all encoders have in common.
    offset_sd, gain_sd : standard deviations of persons' class offsets (logits), and of the log of their gains.
    confidence : >= 1, factor on the logits of the most over-confident encoder.
    seed : the same numbers for the same seed.

    Returns
    -------
    `clips` and `tables` {encoder: probabilities}, DataFrames; `truth` (n, 6) saliences in percent; `offsets`, `gains`.

    Examples
    --------
    >>> import blemore
    >>> made = blemore.simulate(persons=4, folds=2, encoders=2)
    >>> sorted(made.tables), len(made.clips)
    (['e00', 'e01'], 216)
    """
    from blemore.simulation.study import Settings, simulate

    settings = Settings(persons, new_persons, folds, encoders, correlation, offset_sd, gain_sd, confidence)
    return simulate(settings, seed)
