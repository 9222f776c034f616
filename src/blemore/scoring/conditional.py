"""A posterior over the 36 answers from six probabilities: a conditional logit with eight numbers (McFadden 1974).

With z the logarithms of a clip's probabilities, less their mean, an answer's logit is

    single emotion c        s_single z_c
    neutral                 s_neutral z_neu + b_neutral
    50/50 of c and d        s_even (z_c + z_d) + b_even
    70/30 of c and d        s_stronger z_c + s_weaker z_d + b_uneven

Where no training clip is a blend, `blend_share` is 0 and no blend has a probability. The eight numbers are tied over emotions: so few clips of each answer there are (22 of a blend among BLEMORE's 2,456).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from blemore.scoring import logits
from blemore.scoring.answers import ANSWERS, best_answers, blend_share_of, frequencies_of, numbers_of, without_blends
from blemore.scoring.labels import NEUTRAL
from blemore.scoring.metrics import blends

COEFFICIENTS = (
    "single", "neutral", "even", "stronger", "weaker",  # slopes
    "neutral_bias", "even_bias", "uneven_bias",
)  # fmt: skip
PULL = 1e-3
"""Precision of the normal prior of each number around 0, for every clip."""

_STRONGER = ANSWERS.argmax(axis=1)
_WEAKER = (ANSWERS > 0) @ np.arange(ANSWERS.shape[1]) - _STRONGER  # of a pair; a single has none
_SINGLE = np.flatnonzero((ANSWERS.max(axis=1) == 100) & (ANSWERS[:, NEUTRAL] == 0))
_NEUTRAL = np.flatnonzero(ANSWERS[:, NEUTRAL] == 100)
_EVEN, _UNEVEN = (np.flatnonzero(ANSWERS.max(axis=1) == most) for most in (50, 70))


@dataclass(frozen=True)
class ConditionalLogit:
    """A posterior over the answers, and the decoder by expected Score that follows from it.

    Parameters
    ----------
    coefficients : (8,) float
        Slopes and biases in the order of ``COEFFICIENTS``.
    blend_share : float, 0..1
        Share of blends among the clips fitted on.
    """

    coefficients: np.ndarray
    blend_share: float

    @classmethod
    def fit(
        cls, probabilities: np.ndarray, truth: np.ndarray, *, like: "ConditionalLogit | None" = None
    ) -> "ConditionalLogit":
        """Fit by penalised likelihood on labelled clips.

        Parameters
        ----------
        probabilities : (n, 6) float, 0..1
            Probabilities of the classes; each row sums to 1.
        truth : (n, 6) float, percent
            Saliences that the clips show; each labelled row sums to 100.
        like : ConditionalLogit or None
            A fit to nearly the same clips, from which this one starts.

        Returns
        -------
        ConditionalLogit
            The fitted posterior.
        """
        shown = np.eye(len(ANSWERS))[numbers_of(truth)]
        precision = np.full(len(COEFFICIENTS), PULL * max(1, len(shown)))
        zero, start = np.zeros(len(COEFFICIENTS)), None if like is None else like.coefficients
        coefficients = logits.fit(blocks_of(probabilities), shown, zero, precision, start=start)
        return cls(coefficients, blend_share_of(frequencies_of(truth)) if blends(truth).any() else 0.0)

    def posterior(self, probabilities: np.ndarray) -> np.ndarray:
        """The posterior over the 36 answers of each clip.

        Parameters
        ----------
        probabilities : (n, 6) float, 0..1
            Probabilities of the classes; each row sums to 1.

        Returns
        -------
        (n, 36) float, 0..1
            Probabilities in the order of ``ANSWERS``; each row sums to 1.
        """
        posterior = logits.softmax(logits.linear(blocks_of(probabilities), self.coefficients))
        return posterior if self.blend_share else without_blends(posterior)

    def decide(self, probabilities: np.ndarray) -> np.ndarray:
        """Give each clip the answer of the largest expected Score.

        Parameters
        ----------
        probabilities : (n, 6) float, 0..1
            Probabilities of the classes; each row sums to 1.

        Returns
        -------
        (n, 6) int64, percent
            Saliences; each row sums to 100.
        """
        return ANSWERS[best_answers(self.posterior(probabilities), self.blend_share)]

    def to_json(self) -> dict[str, Any]:
        """Give the numbers that `from_json` reads.

        Returns
        -------
        dict of str to object
            "coefficients" by name, and "blend_share".
        """
        named = dict(zip(COEFFICIENTS, self.coefficients.tolist(), strict=True))
        return {"coefficients": named, "blend_share": self.blend_share}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "ConditionalLogit":
        """Rebuild a posterior that `to_json` wrote.

        Parameters
        ----------
        value : mapping of str to object
            What `to_json` gave, read back from JSON.

        Returns
        -------
        ConditionalLogit
            The same posterior.

        Raises
        ------
        KeyError, TypeError, ValueError
            The value is of another form.
        """
        coefficients, share = (
            np.array([float(value["coefficients"][name]) for name in COEFFICIENTS]),
            float(value["blend_share"]),
        )
        if not np.isfinite(coefficients).all() or not 0 <= share <= 1:
            raise ValueError(f"expected finite coefficients and a share of blends in 0..1, found {share}")
        return cls(coefficients, share)


def blocks_of(probabilities: np.ndarray) -> list[logits.Block]:
    """The derivative of the answers' logits by the coefficients.

    Parameters
    ----------
    probabilities : (n, 6) float, 0..1
        Probabilities of the classes; each row sums to 1.

    Returns
    -------
    list of logits.Block
        Of the numbers in the order of ``COEFFICIENTS``, and the answers in that of ``ANSWERS``.
    """
    z = logits.logarithm(np.asarray(probabilities, float).T)  # (6, n)
    z = z - z.mean(axis=0)

    def block(answers: np.ndarray, **layers: np.ndarray | float) -> logits.Block:
        numbers, shape = [COEFFICIENTS.index(name) for name in layers], (len(answers), z.shape[1])
        inputs = np.stack([np.broadcast_to(layer, shape) for layer in layers.values()])  # (k, c, n)
        return logits.Block(np.array(numbers), answers, inputs)

    stronger, weaker = z[_STRONGER], z[_WEAKER]  # (36, n)
    return [
        block(_SINGLE, single=stronger[_SINGLE]),
        block(_NEUTRAL, neutral=stronger[_NEUTRAL], neutral_bias=1.0),
        block(_EVEN, even=stronger[_EVEN] + weaker[_EVEN], even_bias=1.0),
        block(_UNEVEN, stronger=stronger[_UNEVEN], weaker=weaker[_UNEVEN], uneven_bias=1.0),
    ]
