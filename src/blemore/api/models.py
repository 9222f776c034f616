"""The functions that fit and use what turns probabilities into answers: decoders, personal models, offsets.

`functions`, which offers them, documents what they take and return.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from blemore.api import files, given
from blemore.api.given import Given
from blemore.scoring.columns import texts
from blemore.scoring.surface import Chosen
from joblineage.errors import DataError

if TYPE_CHECKING:
    from blemore.decide.personal.choice import Fitted
    from blemore.scoring.decoders import Decoder


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
    probabilities : array, table or path
        N rows of six probabilities.
    alpha : float or None, 0..1
        Presence threshold: a blend needs a second largest probability of at least this.
    beta : float or None, 0..1
        Salience threshold: a blend is 50/50 where the two differ by at most this, 70/30 otherwise.
    decoder : Decoder, path or None
        In place of both: what `fit_decoder` gave, or the path of a file with one (also a study's
        results/calibration/models.json, whose inductive decoder for test clips is taken).

    Returns
    -------
    (n, 6) int64 or table, percent
        Saliences: an array of an array, else clip and the six classes as a table.

    Raises
    ------
    DataError
        Neither both thresholds nor a decoder, a threshold beyond 0..1, or a row that holds no probabilities.

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
        if not (0 <= alpha <= 1 and 0 <= beta <= 1):
            raise DataError("decode", [f"found alpha {alpha:g} and beta {beta:g}, expected two numbers from 0 to 1"])
        saliences = decode(side.values, alpha, beta)
    else:
        raise DataError("decode", ["expected alpha and beta, or a decoder"])
    return given.like(probabilities, {"clip": side.columns["clip"]}, saliences) if side.columns else saliences


def fit_thresholds(probabilities: Given, truth: Given, *, grid: Literal["exact", "official"] = "exact") -> Chosen:
    """Find the thresholds of best Score on labelled clips.

    The accuracies that it reports are in sample: the thresholds were chosen on these very clips. `score` gives honest ones.

    Parameters
    ----------
    probabilities : array, table or path
        N rows of six probabilities; a table's test clips without a label are left aside.
    truth : array, table or path
        Labels, or (n, 6) saliences in percent.
    grid : {"exact", "official"}
        Every value that can differ, or the challenge's 20 x 20 grid.

    Returns
    -------
    Chosen
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
    probabilities : array, table or path
        N rows of six probabilities; a table's test clips without a label are left aside.
    truth : array, table or path
        Labels, or (n, 6) saliences in percent.
    kind : {"expected", "exact", "official"}
        The answer of the largest expected Score, or two thresholds.

    Returns
    -------
    Decoder
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


def person_offsets(
    probabilities: Given, person: Any = None, *, prior: Given, kappa: float = 0.0
) -> tuple[dict[str, np.ndarray], Any]:
    """Bring each person's mean probabilities to the training prior; no label of the person is needed.

    Parameters
    ----------
    probabilities : array, table or path
        N rows of six probabilities.
    person : (n,) str or None
        Who shows each clip. None: the column person of the table.
    prior : (6,) float, table or path
        Mean soft label of the training clips, or their labels.
    kappa : float, >= 0, clips
        With as many clips, a person's offsets count half.

    Returns
    -------
    offsets : dict of str to (6,) float, logits
        {person: offsets, mean 0}.
    corrected : array or table
        The corrected probabilities, of the same kind as the given ones.

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
    corrected = apply_offsets(side.values, offsets, who)
    by_person = dict(zip(names.tolist(), offsets, strict=True))
    return by_person, given.like(probabilities, side.columns, corrected) if side.columns else corrected


def fit_personal_model(probabilities: Given, truth: Given, *, person: Any = None, fold: Any = None) -> "Fitted":
    """Fit the model that decides all clips of a person together, on labelled clips of other persons.

    Its kind and its constants are chosen on folds of persons left out in turn.

    Parameters
    ----------
    probabilities : array, table or path
        N rows of six probabilities, as for `score`.
    truth : array, table or path
        Labels, or (n, 6) saliences in percent.
    person : (n,) str or None
        Who shows each clip, as for `score`.
    fold : (n,) int or None
        Fold of each clip, as for `score`.

    Returns
    -------
    Fitted
        `choice`, what was chosen; `to_json()`, to be written to a file that `enroll` reads.

    Raises
    ------
    DataError
        As for `score`.

    Examples
    --------
    >>> import blemore
    >>> made = blemore.simulate(persons=12, folds=3, encoders=2)
    >>> print(blemore.fit_personal_model(made.tables["e00"], made.clips).choice)
    both (kappa 2, weight 20, k 5, power 1)
    """
    from blemore.decide.personal.choice import choose
    from blemore.evaluate.score import PERSONAL

    rows, _ = given.rows(probabilities, truth, person, fold)
    return choose(rows, PERSONAL).model


def enroll(probabilities: Given, labels: Given | None = None, *, model: "Fitted | str | Path") -> tuple[Any, Any]:
    """Decide all of one person's clips together; labels of some of them, where there are any, are taken as known.

    Parameters
    ----------
    probabilities : table or path
        One person's clips, with their names.
    labels : table, path or None
        Labels of some of these clips; other clips' labels are left aside. None: no clip is labelled.
    model : Fitted or path
        What `fit_personal_model` gave, or the path of a file with one (also a study's results/calibration/models.json).

    Returns
    -------
    saliences : table, percent
        The decisions, of the same kind as the given table.
    corrected : table
        The probabilities that the person's clips together give.

    Raises
    ------
    DataError
        Labels of no clip of the table, more than one person, a file without a personal model.

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
    known, who = np.full(len(side.values), -1), {*texts(side.columns.get("person", []))}
    shown = None if labels is None else given.labels(labels)
    if shown is not None and "person" in shown.columns:
        ours = {*side.columns["clip"]}
        pairs = zip(shown.columns["clip"], texts(shown.columns["person"]), strict=True)
        who |= {name for clip, name in pairs if clip in ours}
    names = sorted(who - {""})
    if len(names) > 1:
        several = f"{len(names)} persons ({', '.join(names[:5])}{', ...' if len(names) > 5 else ''})"
        raise DataError(side.where, [f"holds clips of {several}, expected those of one: enrol each alone"])
    if shown is not None:
        place = {clip: row for row, clip in enumerate(side.columns["clip"])}
        rows = [(place[clip], k) for k, clip in enumerate(shown.columns["clip"]) if clip in place]
        if not rows:
            raise DataError(shown.where, [f"labels no clip of {side.where}: nothing to enrol with"])
        own, said = map(list, zip(*rows, strict=True))
        known[own] = numbers_of(shown.values[said])
    saliences, posterior = decide_together(fitted, side.values, np.zeros(len(known), int), known)
    decided = given.like(probabilities, {"clip": side.columns["clip"]}, saliences)
    return decided, given.like(probabilities, side.columns, mean_labels(posterior))
