"""The challenge kit's rules read plainly, one clip at a time: slow, and what the fast code must agree with."""

import numpy as np

from blemore.scoring.labels import CLASSES


def decide(row: np.ndarray, alpha: float, beta: float) -> dict[str, float]:
    """One clip's decision, as {emotion: salience}; follows the kit's text step by step."""
    order = sorted(range(6), key=lambda k: (-row[k], k))
    kept = [row[k] if k in order[:2] else 0.0 for k in range(6)]
    top = order[0]
    if kept[top] < alpha:
        return {CLASSES[top]: 100.0}
    kept = [0.0 if value < alpha else value for value in kept]
    left = [k for k in range(6) if kept[k] > 0]
    if not left:
        return {CLASSES[top]: 100.0}
    if len(left) == 1:
        return {CLASSES[left[0]]: 100.0}
    one, two = left
    if CLASSES[two] == "neu":
        return {CLASSES[one if kept[one] >= kept[two] else two]: 100.0}
    if abs(kept[one] - kept[two]) <= beta:
        return {CLASSES[one]: 50.0, CLASSES[two]: 50.0}
    return (
        {CLASSES[one]: 70.0, CLASSES[two]: 30.0} if kept[one] > kept[two] else {CLASSES[one]: 30.0, CLASSES[two]: 70.0}
    )


def as_rows(decisions: list[dict[str, float]]) -> np.ndarray:
    """(n, 6) saliences of {emotion: salience} decisions."""
    return np.array([[decision.get(name, 0.0) for name in CLASSES] for decision in decisions]).reshape(-1, 6)


def as_labels(truth: np.ndarray) -> list[dict[str, float]]:
    """{emotion: salience} of (n, 6) saliences."""
    return [{CLASSES[k]: float(row[k]) for k in range(6) if row[k] > 0} for row in truth]


def accuracies(decisions: list[dict[str, float]], labels: list[dict[str, float]]) -> tuple[float, float]:
    """ACC_presence and ACC_salience, as the kit's accuracy_funcs compute them."""
    presence, salience = [], []
    for decision, label in zip(decisions, labels, strict=True):
        presence.append(set(decision) == set(label))
        if len(label) == 2:
            same = {k: round(float(v)) for k, v in decision.items()} == {k: round(float(v)) for k, v in label.items()}
            salience.append(same if len(decision) == 2 else False)
    return (np.mean(presence).item() if presence else 0.0, np.mean(salience).item() if salience else 0.0)


def grid_search(
    probabilities: np.ndarray, truth: np.ndarray, alphas: np.ndarray, betas: np.ndarray
) -> tuple[float, float, float, float, float]:
    """alpha, beta, presence, salience, score of the largest score; the first one in grid order."""
    labels, grid = as_labels(truth), []
    for alpha in alphas:
        for beta in betas:
            presence, salience = accuracies([decide(row, alpha, beta) for row in probabilities], labels)
            grid.append((float(alpha), float(beta), presence, salience, 0.5 * presence + (1 - 0.5) * salience))
    return sorted(grid, key=lambda cell: cell[4], reverse=True)[0]
