"""The functions for one's own arrays and tables, at hand as `blemore.score`, `blemore.decode`, ... (docs/api.md).

Probabilities, labels and predictions may be given as
- an array (n, 6), columns in the order ang, disg, fea, hap, sad, neu: probabilities in 0..1, or saliences in percent;
- a table with one row per clip: a pandas DataFrame, a pyarrow Table, or a mapping of columns;
- the path of a .csv or .parquet file, of predictions a .json file.

Two tables are matched by their clips. A table gives a table of the same kind, a path gives a DataFrame.
"""

from collections.abc import Callable, Iterable
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from blemore.api import given
from blemore.api.files import read_predictions, read_probabilities, read_truth, write_predictions
from blemore.api.given import Given
from blemore.api.models import decode, enroll, fit_decoder, fit_personal_model, fit_thresholds, person_offsets

if TYPE_CHECKING:
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

OF_A_STUDY = {"Bundle": "blemore.predict.bundle"}
"""At hand as `from blemore import Bundle`, too, where the extra `study` is installed: class -> its module, loaded when it is asked for."""


def __getattr__(name: str) -> Any:
    if name in OF_A_STUDY:
        return getattr(import_module(OF_A_STUDY[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def evaluate_predictions(predictions: Given, truth: Given) -> dict[str, float | int]:
    """ACC_presence, ACC_salience and Score of decisions.

    It is not called `evaluate`, since the study has a room of that name, `blemore.evaluate`.

    Parameters
    ----------
    predictions : array, table or path
        N rows of saliences in percent, or a .json file of predictions. Unlabelled test clips are left aside.
    truth : array, table or path
        Labels, or (n, 6) saliences in percent.

    Returns
    -------
    dict of str to float
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
    probabilities : array, table or path
        N rows of six probabilities; a table's test clips without a label are left aside.
    truth : array, table or path
        Labels, or (n, 6) saliences in percent.
    person : (n,) str or None
        Who shows each clip. None: the column person of the truth, or of the probabilities, or the clips' names, as far
        as these are BLEMORE's.
    fold : (n,) int or None
        Fold of each clip. None: the column fold of the truth; where there is none, folds are made over persons.
    decoding : {"expected", "exact", "official"}
        Kind of decoder (`fit_decoder`).
    seed : int, >= 0
        Decides the controls.
    step : callable
        Called while the person's gain is computed, `evaluate.score.CONTROLS` times.

    Returns
    -------
    dict of str to object
        As `evaluate.score.score`: "honest", "decoders", "trivial", "thresholds", "together". Besides "persons", how
        many; "folds", how many; "folds_from": "given", "truth" or "made".

    Raises
    ------
    DataError
        Tables that do not match, a clip without a person, a person in two folds, fewer than two folds.

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


def check_submission(path: str | Path, clips: Iterable[str] | None = None) -> list[str]:
    """Say whether the challenge would take a submission.

    Parameters
    ----------
    path : str or Path
        A .json or .zip file.
    clips : iterable of str or None
        Names of the clips that must be there.

    Returns
    -------
    list of str
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
    persons, new_persons : int
        Training persons, and persons whose clips are test clips.
    folds : int, >= 1
        Folds of the training persons.
    encoders : int, >= 1
        How many tables.
    correlation : float, 0..1
        Share of the noise that all encoders have in common.
    offset_sd, gain_sd : float, >= 0
        Standard deviations of persons' class offsets (logits), and of the log of their gains.
    confidence : float, >= 1
        Factor on the logits of the most over-confident encoder.
    seed : int, >= 0
        The same numbers for the same seed.

    Returns
    -------
    Study
        `clips` and `tables` {encoder: probabilities}, DataFrames; `truth` (n, 6) saliences in percent; `offsets`,
        `gains`.

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
