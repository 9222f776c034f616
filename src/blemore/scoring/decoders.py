"""From fused probabilities to answers, by a rule that never saw the clips it decides.

`expected` gives the answer of the largest expected Score (`conditional`); `exact` and `official` are the challenge's rule
with two thresholds, at the exact optimum of the Score (`exact`) and on the challenge's grid (`surface`).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from blemore.scoring.conditional import ConditionalLogit
from blemore.scoring.exact import exact_optimum
from blemore.scoring.intervals import jackknife_error
from blemore.scoring.labels import CLASSES
from blemore.scoring.metrics import blends
from blemore.scoring.model_name import ModelName
from blemore.scoring.persons import accuracies, sums_of_persons
from blemore.scoring.rows import Rows
from blemore.scoring.surface import Chosen, official_grid
from joblineage.errors import DataError

KINDS: dict[str, Callable[[np.ndarray, np.ndarray], ConditionalLogit | Chosen]] = {
    "expected": ConditionalLogit.fit,
    "exact": exact_optimum,
    "official": official_grid,
}
"""{kind: what fits it on probabilities (n, 6) and saliences (n, 6)}; the first is preferred."""
AUTO = "auto"
"""In place of a kind: `expected`, unless another is better by more than one standard error."""


@dataclass(frozen=True)
class Decoder:
    """A fitted rule that turns probabilities into answers.

    Parameters
    ----------
    kind : str
        A key of ``KINDS``.
    rule : ConditionalLogit or Chosen
        What the kind's function gave.
    """

    kind: str
    rule: ConditionalLogit | Chosen

    def decide(self, probabilities: np.ndarray) -> np.ndarray:
        """Decide what each clip shows.

        Parameters
        ----------
        probabilities : (n, 6) float, 0..1
            Probabilities of the classes; each row sums to 1.

        Returns
        -------
        (n, 6) int64, percent
            Saliences; each row sums to 100.
        """
        return self.rule.decide(probabilities)

    def to_json(self) -> dict[str, Any]:
        """Give the numbers that `from_json` reads.

        Returns
        -------
        dict of str to object
            "decoder", the kind, and the rule's numbers.
        """
        rule = self.rule
        numbers = {"alpha": rule.alpha, "beta": rule.beta} if isinstance(rule, Chosen) else rule.to_json()
        return {"decoder": self.kind, **numbers}

    @classmethod
    def from_json(cls, value: Mapping[str, Any], where: str = "decoder") -> "Decoder":
        """Rebuild a decoder that `to_json` wrote.

        Parameters
        ----------
        value : mapping of str to object
            What `to_json` gave, read back from JSON.
        where : str
            What a fault is reported under, such as a file's name.

        Returns
        -------
        Decoder
            The same rule; the accuracies of thresholds, which are not stored, are NaN.

        Raises
        ------
        DataError
            The value is of another form.
        """
        try:
            if value["decoder"] == "expected":
                return cls("expected", ConditionalLogit.from_json(value))
            alpha, beta = float(value["alpha"]), float(value["beta"])
            if value["decoder"] not in KINDS or not (np.isfinite(alpha) and np.isfinite(beta)):
                raise ValueError
        except (KeyError, TypeError, ValueError):
            expected = (
                '{"decoder": "expected", "coefficients": {...}, "blend_share"} or {"decoder": "exact", "alpha", "beta"}'
            )
            raise DataError(
                where, [f"is no decoder: expected {expected}, as `blemore thresholds --out` writes it"]
            ) from None
        return cls(value["decoder"], Chosen.of(alpha, beta, np.nan, np.nan))


def preferred(wanted: str) -> str:
    """The kind that is meant before anything is chosen: `expected` for ``AUTO``.

    Parameters
    ----------
    wanted : str
        A key of ``KINDS``, or ``AUTO``.

    Returns
    -------
    str
        A key of ``KINDS``.
    """
    return next(iter(KINDS)) if wanted == AUTO else wanted


def fit(rows: Rows, outer: int, model: ModelName, kind: str) -> Decoder:
    """Fit a decoder on the rows outside a fold.

    Parameters
    ----------
    rows : Rows
        Labelled clips, values (n, 6).
    outer : int
        The fold that is left out; FINAL for none.
    model : ModelName
        The name under which the fit is recorded.
    kind : str
        Kind of decoder, a key of `decoders.KINDS`.

    Returns
    -------
    Decoder
        The fitted rule.
    """
    learned = rows.outside(outer, model, "decoder")
    return Decoder(kind, KINDS[kind](learned.values, learned.truth))


def leave_one_fold_out(rows: Rows, name: str = "", kind: str = "expected") -> tuple[np.ndarray, dict[int, Decoder]]:
    """Decide each fold's clips with a decoder fitted on all other folds.

    Parameters
    ----------
    rows : Rows
        Labelled clips with out-of-fold probabilities (n, 6), of at least two folds.
    name : str
        Name of what is decided here, for the records.
    kind : str
        Of the decoder.

    Returns
    -------
    saliences : (n, 6) int64, percent
        The decisions; each row sums to 100.
    decoders : dict of int to Decoder
        The decoder used for each fold.

    Raises
    ------
    DataError
        There is one fold only.
    """
    saliences, fitted = np.zeros((len(rows), len(CLASSES)), dtype=np.int64), {}
    if len(rows.folds) == 1:
        raise DataError("decoders", [f"an honest decoder needs at least two folds, found only {rows.folds[0]}"])
    for outer in rows.folds:
        model = ModelName.of("score", outer, name)
        fitted[outer] = fit(rows, outer, model, kind)
        saliences[rows.fold == outer] = fitted[outer].decide(rows.inside(outer, model).values)
    return saliences, fitted


def choose(rows: Rows, wanted: str) -> tuple[str, dict[str, dict[str, float]]]:
    """The kind to decode with, on folds left out in turn: the first of ``KINDS`` within one standard error of the best.

    Parameters
    ----------
    rows : Rows
        Labelled clips, values (n, 6), each made without the clip's own fold.
    wanted : str
        A kind, which is then taken, or ``AUTO``. With one fold or one person nothing can be chosen: `expected`. So it
        is without blends, which thresholds would bring in.

    Returns
    -------
    kind : str
        The chosen key of ``KINDS``.
    compared : dict of str to dict
        As `within_one_error` gives it; empty where nothing was chosen.
    """
    if wanted != AUTO or not blends(rows.truth).any() or len(rows.folds) < 2 or len(np.unique(rows.person)) < 2:
        return preferred(wanted), {}
    nameless = replace(rows, clip=None)  # the choice is declared as a whole
    return within_one_error({kind: leave_one_fold_out(nameless, kind=kind)[0] for kind in KINDS}, rows)


def within_one_error(decided: Mapping[str, np.ndarray], rows: Rows) -> tuple[str, dict[str, dict[str, float]]]:
    """The first candidate whose Score lies within one standard error of the best one's.

    The standard error is that of the paired difference to the best, by the jackknife over persons.

    Parameters
    ----------
    decided : mapping of str to (n, 6) int, percent
        {candidate: saliences of the rows}, the preferred one first.
    rows : Rows
        The clips with their values, labels, folds and persons.

    Returns
    -------
    name : str
        The chosen candidate.
    compared : dict of str to dict
        {candidate: {"score", "behind", "standard_error"}}.
    """
    scores: dict[str, tuple[float, np.ndarray]] = {}
    for name, saliences in decided.items():
        sums = sums_of_persons(rows, saliences)
        sums = sums[sums[:, 1] > 0]  # persons who have clips here
        whole = sums.sum(axis=0)
        scores[name] = float(accuracies(whole)[2]), accuracies(whole - sums)[2]
    best = max(scores, key=lambda name: scores[name][0])  # ties: the first
    most, best_without = scores[best]
    table = {
        name: {
            "score": reached,
            "behind": most - reached,
            "standard_error": float(jackknife_error(best_without - without)),
        }
        for name, (reached, without) in scores.items()
    }
    return next(name for name in table if table[name]["behind"] <= table[name]["standard_error"]), table
