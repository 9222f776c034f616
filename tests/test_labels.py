"""Labels are checked in full, and every fault names its clip."""

import numpy as np
import pandas as pd
import pytest

from blemore.scoring.labels import CLASSES, check_labels, soft_labels


def labels(**changes) -> pd.DataFrame:
    """Two correct rows, a single and a blend, with cells changed as `column=(row, value)`."""
    table = pd.DataFrame(
        {
            "clip": ["A1_ang_int1_ver1", "A1_mix_ang_sad_70_30_ver1"],
            "mix": [0, 1],
            "emotion_1": ["ang", "ang"],
            "emotion_2": [None, "sad"],
            "emotion_1_salience": [np.nan, 70.0],
            "emotion_2_salience": [np.nan, 30.0],
        },
    ).astype(object)
    for column, (row, value) in changes.items():
        table.loc[row, column] = value
    return table


def test_correct_labels_have_no_fault():
    assert check_labels(labels(), "t.csv") == []
    assert check_labels(labels(emotion_1_salience=(0, 100.0)).drop(columns="mix"), "t.csv") == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"emotion_1": (1, "joy")}, ["A1_mix_ang_sad", "emotion_1", "joy"]),
        ({"emotion_2": (1, "joy")}, ["A1_mix_ang_sad", "emotion_2", "joy"]),
        ({"emotion_2": (1, "ang")}, ["equals emotion_1"]),
        ({"emotion_2": (1, "neu")}, ["neutral is never part of a blend"]),
        ({"emotion_1": (1, "neu")}, ["neutral is never part of a blend"]),
        ({"emotion_1_salience": (1, "much")}, ["number", "much"]),
        ({"emotion_1_salience": (1, 50.0)}, ["sum to 100", "80"]),
        ({"emotion_1_salience": (0, 70.0)}, ["A1_ang_int1_ver1", "100 or empty"]),
        ({"emotion_2_salience": (1, None)}, ["empty"]),
        ({"emotion_2_salience": (0, 30.0)}, ["without a second emotion"]),
        ({"mix": (0, 1)}, ["no second emotion"]),
        ({"mix": (1, 0)}, ["mix says single"]),
        ({"mix": (1, "yes")}, ["mix must be 0 or 1"]),
        ({"clip": (1, "A1_ang_int1_ver1")}, ["more than one row"]),
    ],
)
def test_each_wrong_label_is_named_once(changes, words):
    faults = check_labels(labels(**changes), "t.csv")
    assert len(faults) == 1
    assert all(word in faults[0] for word in ["t.csv", "row ", *words])


def test_a_missing_column_is_named():
    assert "emotion_2_salience" in check_labels(labels().drop(columns="emotion_2_salience"), "t.csv")[0]


def test_all_faults_are_told_at_once():
    table = labels(emotion_1=(0, "joy"), emotion_2=(1, "ang"))
    assert len(check_labels(table, "t.csv")) == 2


def test_soft_labels_are_saliences_in_the_order_of_the_classes():
    soft = soft_labels(labels().astype({"emotion_1_salience": float, "emotion_2_salience": float}))
    assert soft.tolist() == [[1, 0, 0, 0, 0, 0], [0.7, 0, 0, 0, 0.3, 0]]
    assert CLASSES == ("ang", "disg", "fea", "hap", "sad", "neu")
