"""Simulated clips and probabilities with the traps of the decision rule: ties, grid values, neutral, zeros."""

import numpy as np
import pandas as pd
from hypothesis import strategies as st

from blemore.scoring.labels import CLASSES, EMOTIONS, soft_labels
from blemore.scoring.model_name import FINAL

PERSONAL = {"candidates": ["offset"], "kappas": [2], "weights": [20], "ks": [5], "powers": [1]}
"""Personal models to choose from, few of them."""
GRID = [float(value) for value in np.linspace(0.05, 0.95, 20)]
DECISIONS = [
    *(tuple(100.0 if k == one else 0.0 for k in range(6)) for one in range(6)),
    *(
        tuple(share if k == one else 100 - share if k == two else 0.0 for k in range(6))
        for one in range(5)
        for two in range(one + 1, 5)
        for share in (30.0, 50.0, 70.0)
    ),
]


@st.composite
def probability_rows(draw) -> list[float]:
    """Six values in 0..1: anything, tied, on grid values, with neutral among the first two, or all zero."""
    kind = draw(st.sampled_from(["any", "tied", "grid", "neutral", "zero"]))
    if kind == "any":
        return draw(st.lists(st.floats(0, 1), min_size=6, max_size=6))
    if kind == "zero":
        return [0.0] * 6
    levels = [0.0, 0.1, 0.2, 0.3, 0.5] if kind == "tied" else [0.0, *GRID]
    row = draw(st.lists(st.sampled_from(levels), min_size=6, max_size=6))
    if kind == "grid" and draw(st.booleans()):  # differences that equal a grid value exactly, or nearly
        row[1] = min(1.0, row[0] + draw(st.sampled_from(GRID)))
    if kind == "neutral":
        row[5] = max(row[:5])
    return row


def problems(min_rows: int = 1, max_rows: int = 30):
    """Pairs of (n, 6) probabilities and (n, 6) true saliences."""
    rows = st.tuples(probability_rows(), st.sampled_from(DECISIONS))
    return st.lists(rows, min_size=min_rows, max_size=max_rows).map(
        lambda pairs: (np.array([p for p, _ in pairs]).reshape(-1, 6), np.array([t for _, t in pairs]).reshape(-1, 6))
    )


def true_clusters(clips: pd.DataFrame, person: np.ndarray) -> pd.DataFrame:
    """Clusters of individuals (`individuals.run.COLUMNS`) that are the persons (n,) of the clips."""
    named = clips.assign(cluster=person)
    train, test = (named[named["split"] == split] for split in ("train", "test"))
    train, test = (part.assign(cluster=pd.factorize(part["cluster"])[0]) for part in (train, test))
    outers = [FINAL, *sorted(train["fold"].unique())]
    parts = [test.assign(outer=FINAL), *(train[train["fold"] != outer].assign(outer=outer) for outer in outers)]
    return pd.concat(parts, ignore_index=True)[["clip", "split", "outer", "cluster"]]


def study(
    persons: int = 6, folds: int = 3, encoders: int = 3, test: int = 12, seed: int = 0
) -> tuple[pd.DataFrame, dict[str, pd.DataFrame]]:
    """A clips table and one probabilities table per encoder; encoder `e0` is the best, the last one is pure chance."""
    rng = np.random.default_rng(seed)
    labels = [(name, None, 100.0, None) for name in CLASSES] + [
        (one, two, share, 100 - share)
        for i, one in enumerate(EMOTIONS)
        for two in EMOTIONS[i + 1 :]
        for share in (30.0, 50.0, 70.0)
    ]
    rows = [
        {
            "clip": f"A{100 + person}_{k:02d}",
            "split": "train",
            "person": f"A{100 + person}",
            "fold": person % folds,
            "label": label,
        }
        for person in range(persons)
        for k, label in enumerate(labels)
    ]
    rows += [
        {"clip": f"test_{k:04d}", "split": "test", "person": None, "fold": -1, "label": labels[k % len(labels)]}
        for k in range(test)
    ]
    clips = pd.DataFrame(rows)
    for k, name in enumerate(("emotion_1", "emotion_2", "emotion_1_salience", "emotion_2_salience")):
        clips[name] = [label[k] for label in clips["label"]]
    soft = soft_labels(clips)
    clips = clips.drop(columns="label")
    clips["file"] = clips["split"] + "/" + clips["clip"] + ".mov"
    clips["mix"] = clips["emotion_2"].notna().astype(int)
    clips["quarantine"] = ""
    hidden = clips["split"] == "test"
    clips.loc[hidden, ["emotion_1", "emotion_2"]] = None
    clips.loc[hidden, ["emotion_1_salience", "emotion_2_salience", "mix"]] = np.nan

    style = {person: rng.normal(0, 0.5, 6) for person in clips["person"].unique()}
    tables = {}
    for e in range(encoders):
        strength = 0.0 if e == encoders - 1 else 4.0 - e
        logits = strength * soft + rng.normal(0, 1.0, soft.shape) + np.array([style[p] for p in clips["person"]])
        values = np.exp(logits)
        table = clips[["clip", "person", "split", "fold"]].copy()
        table[list(CLASSES)] = values / values.sum(axis=1, keepdims=True)
        tables[f"e{e}"] = table
    return clips, tables
