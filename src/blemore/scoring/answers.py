"""The 36 answers that the challenge knows, and which of them to give when each has a probability.

A posterior is a row of 36 probabilities: 6 single emotions, then 10 pairs x (50/50, 70/30, 30/70). The Score is the mean
of ACC_presence, over all clips, and ACC_salience, over blends alone. So an answer is worth the probability of its set of
emotions, and a blend besides that of its very saliences, divided by the share of blends.
"""

from itertools import combinations

import numpy as np

from blemore.scoring.labels import CLASSES, EMOTIONS
from blemore.scoring.metrics import combine

PAIRS = tuple(combinations(range(len(EMOTIONS)), 2))
RATIOS = ((50, 50), (70, 30), (30, 70))
SINGLES = len(CLASSES)


def _answers() -> np.ndarray:
    answers = np.zeros((SINGLES + len(PAIRS) * len(RATIOS), len(CLASSES)), dtype=np.int64)
    answers[:SINGLES] = 100 * np.eye(SINGLES, dtype=np.int64)
    for number, (pair, ratio) in enumerate(((pair, ratio) for pair in PAIRS for ratio in RATIOS), SINGLES):
        answers[number, pair] = ratio
    answers.flags.writeable = False
    return answers


ANSWERS = _answers()
"""(36, 6) saliences in percent."""
_PLACE = np.full((len(CLASSES), len(CLASSES)), -1)
for _k, _pair in enumerate(PAIRS):
    _PLACE[_pair] = SINGLES + _k * len(RATIOS)
UNSEEN = 0.1
"""Clips that each answer counts in addition to those seen: what training never shows is rare, not impossible."""


def numbers_of(truth: np.ndarray) -> np.ndarray:
    """Which answer each label is.

    Parameters
    ----------
    truth : (n, 6) float, percent
        Saliences of labelled clips. A blend whose saliences are none of the challenge's is the nearest of its pair
        (60/40 is 50/50).

    Returns
    -------
    (n,) int
        Rows of ``ANSWERS``.

    Examples
    --------
    >>> import numpy as np
    >>> from blemore.scoring.answers import ANSWERS, numbers_of
    >>> ANSWERS[numbers_of(np.array([[0, 0, 0, 100, 0, 0], [60, 0, 0, 0, 40, 0]]))].tolist()
    [[0, 0, 0, 100, 0, 0], [50, 0, 0, 0, 50, 0]]
    """
    truth = np.asarray(truth, float)
    shown = truth > 0
    first, last = shown.argmax(axis=1), len(CLASSES) - 1 - shown[:, ::-1].argmax(axis=1)
    rows = np.arange(len(truth))
    lead = truth[rows, first] - truth[rows, last]  # percent points; 0 for a single
    ratio = np.where(np.abs(lead) <= 20, 0, np.where(lead > 0, 1, 2))
    return np.where(first == last, first, _PLACE[first, last] + ratio)


def frequencies_of(truth: np.ndarray) -> np.ndarray:
    """How often each answer is shown among labelled clips.

    Parameters
    ----------
    truth : (n, 6) float, percent
        Saliences that the clips show; each labelled row sums to 100.

    Returns
    -------
    (36,) float, 0..1
        Frequencies, each above 0; they sum to 1.
    """
    counts = np.bincount(numbers_of(truth), minlength=len(ANSWERS)) + UNSEEN
    return counts / counts.sum()


def blend_share_of(frequencies: np.ndarray) -> float:
    """The share of blends among answers with given frequencies.

    Parameters
    ----------
    frequencies : (36,) float, 0..1
        How often each answer is shown; sums to 1.

    Returns
    -------
    float, 0..1
        Sum of the frequencies of all blends.
    """
    return float(frequencies[SINGLES:].sum())


def worth(posterior: np.ndarray, blend_share: float) -> tuple[np.ndarray, np.ndarray]:
    """What each answer is expected to bring to ACC_presence, and to ACC_salience where a share of the clips are blends.

    Parameters
    ----------
    posterior : (n, 36) float, 0..1
        Probabilities.
    blend_share : float, 0..1
        Share of the clips that are blends; with 0 there is no ACC_salience, and a blend brings nothing.

    Returns
    -------
    presence, salience : (n, 36) float
        What an answer brings; the means over clips, at the answers given, are the expected accuracies.
    """
    pairs = posterior[:, SINGLES:].reshape(len(posterior), len(PAIRS), len(RATIOS))  # (n, 10, 3)
    of_pair = np.broadcast_to(pairs.sum(axis=2, keepdims=True), pairs.shape)
    presence = np.concatenate([posterior[:, :SINGLES], of_pair.reshape(len(pairs), len(PAIRS) * len(RATIOS))], axis=1)
    if blend_share == 0:
        return np.where(np.arange(len(ANSWERS)) < SINGLES, presence, 0.0), np.zeros_like(posterior)
    salience = posterior / blend_share
    salience[:, :SINGLES] = 0.0
    return presence, salience


def best_answers(posterior: np.ndarray, blend_share: float) -> np.ndarray:
    """The answer with the largest expected Score for each clip; the first of equals.

    Parameters
    ----------
    posterior : (n, 36) float, 0..1
        Posterior probability of each answer; each row sums to 1.
    blend_share : float, 0..1
        Share of the clips that are blends.

    Returns
    -------
    (n,) int
        Rows of ``ANSWERS``.

    Examples
    --------
    >>> import numpy as np
    >>> from blemore.scoring.answers import best_answers
    >>> posterior = np.full((1, 36), 0.2 / 35)
    >>> posterior[0, 3] = 0.8
    >>> best_answers(posterior, blend_share=0.5).tolist()
    [3]
    """
    return np.asarray(combine(*worth(posterior, blend_share))).argmax(axis=1)


def expected_scores(posterior: np.ndarray, numbers: np.ndarray, blend_share: float) -> tuple[float, float, float]:
    """Expected ACC_presence, ACC_salience and Score of given answers, no label being known.

    They are as good as the posterior, and no score. Two sets of answers can be compared under one posterior, never two
    posteriors.

    Parameters
    ----------
    posterior : (n, 36) float, 0..1
        Posterior probability of each answer; each row sums to 1.
    numbers : (n,) int
        The answers, rows of ``ANSWERS``.
    blend_share : float, 0..1
        Share of the clips that are blends.

    Returns
    -------
    presence, salience, score : float, 0..1
        The expected accuracies and their mean; 0 without clips.
    """
    at = np.arange(len(numbers)), numbers
    presence, salience = (float(part[at].mean()) if len(numbers) else 0.0 for part in worth(posterior, blend_share))
    return presence, salience, float(combine(presence, salience))


def without_blends(posterior: np.ndarray) -> np.ndarray:
    """Posteriors of clips of which it is known that none is a blend.

    Parameters
    ----------
    posterior : (n, 36) float, 0..1
        Posterior probability of each answer; each row sums to 1.

    Returns
    -------
    (n, 36) float, 0..1
        The posterior with 0 for every blend; each row sums to 1.
    """
    singles = posterior[:, :SINGLES] / posterior[:, :SINGLES].sum(axis=1, keepdims=True)
    return np.concatenate([singles, np.zeros_like(posterior[:, SINGLES:])], axis=1)


def mean_labels(posterior: np.ndarray) -> np.ndarray:
    """The mean soft label under each posterior.

    Parameters
    ----------
    posterior : (n, 36) float, 0..1
        Posterior probability of each answer; each row sums to 1.

    Returns
    -------
    (n, 6) float, 0..1
        Probabilities of the six classes; each row sums to 1.
    """
    return posterior @ (ANSWERS / 100)
