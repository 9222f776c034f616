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

from blemore.api import files, given
from blemore.api.files import read_predictions, read_probabilities, read_truth, write_predictions
from blemore.api.given import Given
from blemore.scoring.columns import texts
from blemore.scoring.surface import Chosen
from joblineage.errors import DataError

if TYPE_CHECKING:
    from blemore.decide.personal.choice import Fitted
    from blemore.scoring.decoders import Decoder
    from blemore.simulation.study import Study

__all__ = [
    "check_submission",
    "decode",
    "enroll",
    "evaluate_predictions",
    "fit_decoder",
    "fit_personal_model",
    "fit_thresholds",
    "person_offsets",
    "read_predictions",
    "read_probabilities",
    "read_truth",
    "score",
    "simulate",
    "write_predictions",
]


def decode(
    probabilities: Given,
    alpha: float | None = None,
    beta: float | None = None,
    *,
    decoder: "Decoder | str | Path | None" = None,
) -> Any:
    """Decide what each clip shows, by the challenge's two thresholds or by a fitted decoder.

    Parameters
    ----------
    probabilities : n rows of six probabilities.
    alpha : presence threshold, 0..1: a blend needs a second largest probability of at least this.
    beta : salience threshold, 0..1: a blend is 50/50 where the two differ by at most this, 70/30 otherwise.
    decoder : in place of both: what `fit_decoder` gave, or the path of a file with one (also a study's
        results/calibration/models.json, whose inductive decoder for test clips is taken).

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
    if decoder is not None and alpha is None and beta is None:
        saliences = files.decoder_of(decoder).decide(side.values)
    elif decoder is None and alpha is not None and beta is not None:
        saliences = decode(side.values, alpha, beta)
    else:
        raise DataError("decode", ["expected alpha and beta, or a decoder"])
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


def fit_decoder(
    probabilities: Given, truth: Given, *, kind: Literal["expected", "exact", "official"] = "expected"
) -> "Decoder":
    """Fit the rule that turns probabilities into answers, on labelled clips.

    Parameters
    ----------
    probabilities : n rows of six probabilities; a table's test clips without a label are left aside.
    truth : labels, or (n, 6) saliences in percent.
    kind : "expected", the answer of the largest expected Score; "exact" or "official", two thresholds.

    Returns
    -------
    `decide(probabilities)`, (n, 6) saliences in percent; `to_json()`, to be written to a file that `decode` reads.

    Examples
    --------
    >>> import blemore
    >>> made = blemore.simulate(persons=4, folds=2, encoders=1)
    >>> decoder = blemore.fit_decoder(made.tables["e00"], made.clips)
    >>> sorted(decoder.to_json())
    ['blend_share', 'coefficients', 'decoder']
    """
    from blemore.scoring.decoders import KINDS, Decoder

    shown = given.labels(truth)
    side = given.matched(given.probabilities(probabilities), shown)
    return Decoder(kind, KINDS[kind](side.values, shown.values))


def score(
    probabilities: Given,
    truth: Given,
    *,
    person: Any = None,
    fold: Any = None,
    decoding: Literal["expected", "exact", "official"] = "expected",
    seed: int = 17,
    step: Callable[[], None] = lambda: None,
) -> dict[str, Any]:
    """The honest score of one's own probabilities, beside what it should be compared with.

    The decoder of a fold is fitted on the other folds' persons. Probabilities must come from models that did not see the
    clip's person: this cannot be checked here.

    Parameters
    ----------
    probabilities : n rows of six probabilities; a table's test clips without a label are left aside.
    truth : labels, or (n, 6) saliences in percent.
    person : (n,) who shows each clip. None: the column person of the truth, or of the probabilities, or the clips' names,
        as far as these are BLEMORE's.
    fold : (n,) whole numbers. None: the column fold of the truth; where there is none, folds are made over persons.
    decoding : kind of decoder (`fit_decoder`).
    seed : of the persons drawn for the intervals, and of the controls.
    step : called while the person's gain is computed, `evaluate.score.CONTROLS` times.

    Returns
    -------
    As `evaluate.score.score`: "honest", "decoders", "trivial", "thresholds", "together". Besides
    "persons", how many; "folds", how many; "folds_from": "given", "truth" or "made".

    Raises
    ------
    DataError : tables that do not match, a clip without a person, a person in two folds, fewer than two folds.

    Examples
    --------
    >>> import blemore
    >>> made = blemore.simulate(persons=6, folds=3, encoders=1)
    >>> found = blemore.score(made.tables["e00"], made.clips)
    >>> print(f"{found['honest']['score']:.3f}, by thresholds {found['thresholds']['honest']['score']:.3f}")
    0.245, by thresholds 0.240
    >>> print(f"a person's clips together {found['together']['gain']['score']:+.3f}")
    a person's clips together +0.048
    """
    from blemore.evaluate.score import score as judge

    rows, source = given.rows(probabilities, truth, person, fold)
    counts = {"persons": len(rows.persons), "folds": len(rows.folds), "folds_from": source}
    return counts | judge(rows, decoding=decoding, seed=seed, step=step)


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


def fit_personal_model(probabilities: Given, truth: Given, *, person: Any = None, fold: Any = None) -> "Fitted":
    """Fit the model that decides all clips of a person together, on labelled clips of other persons.

    Its kind and its constants are chosen on folds of persons left out in turn.

    Parameters
    ----------
    probabilities, truth, person, fold : as for `score`.

    Returns
    -------
    `choice`, what was chosen; `to_json()`, to be written to a file that `enroll` reads.

    Raises
    ------
    DataError : as for `score`.

    Examples
    --------
    >>> import blemore
    >>> made = blemore.simulate(persons=12, folds=3, encoders=2)
    >>> print(blemore.fit_personal_model(made.tables["e00"], made.clips).choice)
    both (kappa 2, weight 20, k 5)
    """
    from blemore.decide.personal.choice import choose
    from blemore.evaluate.score import PERSONAL

    rows, _ = given.rows(probabilities, truth, person, fold)
    return choose(rows, PERSONAL)[0]


def enroll(probabilities: Given, labels: Given | None = None, *, model: "Fitted | str | Path") -> tuple[Any, Any]:
    """Decide all of one person's clips together; labels of some of them, where there are any, are taken as known.

    Parameters
    ----------
    probabilities : a table of one person's clips, with their names.
    labels : of some of these clips; other clips' labels are left aside. None: no clip is labelled.
    model : what `fit_personal_model` gave, or the path of a file with one (also a study's
        results/calibration/models.json).

    Returns
    -------
    Saliences in percent, and the probabilities that the person's clips together give, each as a table of the given kind.

    Raises
    ------
    DataError : labels of no clip of the table, more than one person, a file without a personal model.

    Examples
    --------
    >>> import blemore
    >>> made = blemore.simulate(persons=12, folds=3, encoders=2)
    >>> model = blemore.fit_personal_model(made.tables["e00"].query("fold != 0"), made.clips.query("fold != 0"))
    >>> own = made.tables["e00"].query("person == 'A1000'")
    >>> decided, corrected = blemore.enroll(own, made.clips[::9], model=model)
    >>> len(decided), len(corrected)
    (54, 54)
    """
    from blemore.decide.chains import decide_together
    from blemore.scoring.answers import mean_labels, numbers_of

    fitted, side = files.personal_model_of(model), given.probabilities(probabilities)
    names = sorted(set(texts(side.columns.get("person", []))) - {""})
    if len(names) > 1:
        several = f"{len(names)} persons ({', '.join(names[:5])}, ...)"
        raise DataError(side.where, [f"holds clips of {several}, expected those of one: enrol each alone"])
    known = np.full(len(side.values), -1)
    if labels is not None:
        shown = given.labels(labels)
        place = {clip: row for row, clip in enumerate(side.columns["clip"])}
        rows = [(place[clip], k) for k, clip in enumerate(shown.columns["clip"]) if clip in place]
        if not rows:
            raise DataError(shown.where, [f"labels no clip of {side.where}: nothing to enrol with"])
        own, said = map(list, zip(*rows, strict=True))
        known[own] = numbers_of(shown.values[said])
    saliences, posterior = decide_together(fitted, side.values, np.zeros(len(known), int), known)
    decided = given.like(probabilities, {"clip": side.columns["clip"]}, saliences)
    return decided, given.like(probabilities, side.columns, mean_labels(posterior))


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
