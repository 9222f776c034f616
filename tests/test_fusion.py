"""Fusion weights are the best ones, never saw the clips they are used on, and survive missing encoders."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from simulated import study

from blemore.fusion import simplex
from blemore.fusion.base import Labelled, WeightedMean
from blemore.fusion.run import fuse
from blemore.scoring.labels import CLASSES
from blemore.scoring.model_name import FINAL
from blemore.tables import check_probabilities
from joblineage.errors import DataError

OPTIONS = {"method": "simplex", "scaling": False, "simplex": {"l2": 0.05}}


def stack(seed: int = 0, encoders: int = 3, clips: int = 60) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    soft = np.eye(6)[rng.integers(0, 6, clips)]
    logits = np.arange(encoders)[::-1, None, None] * soft + rng.normal(0, 1, (encoders, clips, 6))
    values = np.exp(logits)
    return values / values.sum(axis=2, keepdims=True), soft


def simplex_weights(probabilities, soft, l2) -> np.ndarray:
    families = tuple(map(str, range(len(probabilities))))
    nobody = np.zeros(len(soft), int)
    return simplex.fit(Labelled(probabilities, 100 * soft, nobody, nobody, families=families), l2=l2).weights


def objective(weights, probabilities, soft, l2) -> float:
    mixed = np.tensordot(weights, probabilities, 1)
    return -np.mean(np.sum(soft * np.log(mixed), axis=1)) + l2 * np.sum((weights - 1 / len(weights)) ** 2)


@pytest.mark.parametrize("l2", [0.0, 0.05, 1.0])
def test_no_weights_on_the_simplex_are_better(l2):
    probabilities, soft = stack()
    best = simplex_weights(probabilities, soft, l2)
    value = objective(best, probabilities, soft, l2)
    assert (best >= 0).all()
    assert best.sum() == pytest.approx(1)
    for other in np.random.default_rng(1).dirichlet(np.ones(3), 300):
        assert value <= objective(other, probabilities, soft, l2) + 1e-9
        near = 0.99 * best + 0.01 * other
        assert value <= objective(near, probabilities, soft, l2) + 1e-9


@given(st.integers(0, 1000), st.integers(1, 6), st.sampled_from([0.0, 0.05, 1.0]))
def test_the_fitted_weights_meet_the_conditions_of_a_minimum(seed, encoders, l2):
    probabilities, soft = stack(seed, encoders)
    weights = simplex_weights(probabilities, soft, l2)
    mixed = np.tensordot(weights, probabilities, 1)
    slope = -np.mean(np.sum(soft * probabilities / mixed, axis=2), axis=1) + 2 * l2 * (weights - 1 / encoders)
    assert weights @ slope - slope.min() < 1e-7  # no corner of the simplex lies downhill
    assert weights.sum() == pytest.approx(1)


@pytest.mark.parametrize(("seed", "encoders"), [(372, 3), (404, 2), (463, 3), (809, 2)])
def test_the_search_ends_where_its_momentum_once_left_the_simplex(seed, encoders):
    weights = simplex_weights(*stack(seed, encoders), 0.0)
    assert weights.min() >= 0
    assert weights.sum() == pytest.approx(1)


@pytest.mark.thorough
def test_the_number_of_threads_does_not_change_a_bit_of_the_weights():
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from test_fusion import stack, simplex_weights\n"
        "print(simplex_weights(*stack(clips=2000, encoders=12), 0.05).tobytes().hex())"
    )
    said = {
        subprocess.run(
            [sys.executable, "-c", code, str(Path(__file__).parent)],
            env=os.environ | {"OMP_NUM_THREADS": threads, "OPENBLAS_NUM_THREADS": threads},
            capture_output=True, text=True, check=True,
        ).stdout
        for threads in ("1", "2")
    }  # fmt: skip
    assert len(said) == 1


def test_a_strong_penalty_gives_equal_weights_and_none_prefers_the_better_encoder():
    probabilities, soft = stack()
    assert simplex_weights(probabilities, soft, 1e4) == pytest.approx([1 / 3] * 3, abs=1e-3)
    weights = simplex_weights(probabilities, soft, 0.0)
    assert weights[0] > weights[1:].max()


@pytest.mark.thorough
@given(st.integers(0, 1000), st.integers(1, 4))
def test_a_missing_encoder_leaves_the_others_their_proportions(seed, encoders):
    rng = np.random.default_rng(seed)
    probabilities, _ = stack(seed, encoders, 8)
    weights = rng.dirichlet(np.ones(encoders))
    gone = rng.random((encoders, 8)) < 0.4
    probabilities[gone] = np.nan
    mixed = WeightedMean(weights).apply(probabilities)
    for clip in range(8):
        here = ~gone[:, clip]
        if not here.any():
            assert np.isnan(mixed[clip]).all()
        else:
            expected = (weights[here] / weights[here].sum()) @ probabilities[here, clip]
            assert mixed[clip] == pytest.approx(expected)


def test_a_clip_that_only_a_weightless_encoder_has_is_still_fused():
    probabilities, _ = stack(clips=1)
    probabilities[0] = np.nan
    assert WeightedMean(np.array([1.0, 0, 0])).apply(probabilities)[0] == pytest.approx(
        probabilities[1:, 0].mean(axis=0)
    )


def test_weights_are_fitted_on_clips_that_all_encoders_have():
    probabilities, soft = stack()
    gappy = probabilities.copy()
    gappy[1, 40:] = np.nan
    assert np.array_equal(
        simplex_weights(gappy, soft, 0.05), simplex_weights(probabilities[:, :40].copy(), soft[:40], 0.05)
    )
    gappy[0, :40] = np.nan
    with pytest.raises(ValueError, match="no labelled clip has a row in every encoder"):
        simplex_weights(gappy, soft, 0.05)


def test_fused_tables_keep_the_contract():
    clips, tables = study()
    fused = fuse(tables, clips, OPTIONS)
    check_probabilities(fused.probabilities, "fused", clips["clip"])
    train = clips.loc[clips["split"] == "train", "clip"]
    for outer in (FINAL, *range(3)):
        check_probabilities(fused.views[fused.views["outer"] == outer], f"view {outer}", train)
    assert set(fused.weights["folds"]) == {"0", "1", "2"}
    assert json.loads(json.dumps(fused.weights, allow_nan=False)) == fused.weights


def test_a_train_clip_is_fused_with_its_own_folds_view_and_a_test_clip_with_the_final_weights():
    clips, tables = study()
    fused = fuse(tables, clips, OPTIONS)
    own = fused.views[fused.views["outer"] == fused.views["fold"]].sort_values("clip").reset_index(drop=True)
    train = fused.probabilities[fused.probabilities["split"] == "train"].reset_index(drop=True)
    pd.testing.assert_frame_equal(own.drop(columns="outer"), train)
    weights = fused.weights["final"]
    test = fused.probabilities[fused.probabilities["split"] == "test"].set_index("clip")
    expected = sum(
        weights[name] * table.set_index("clip").loc[test.index, list(CLASSES)] for name, table in tables.items()
    )
    assert test[list(CLASSES)].to_numpy() == pytest.approx(expected.to_numpy())


def test_a_folds_weights_never_saw_that_folds_labels():
    clips, tables = study()
    before = fuse(tables, clips, OPTIONS)
    changed = clips.copy()
    in_fold = changed["fold"] == 2
    columns = ["emotion_1", "emotion_2", "emotion_1_salience", "emotion_2_salience"]
    changed.loc[in_fold, columns] = changed.loc[in_fold, columns].to_numpy()[::-1]
    after = fuse(tables, changed, OPTIONS)
    assert after.weights["folds"]["2"] == before.weights["folds"]["2"]
    assert after.weights["final"] != before.weights["final"]


@pytest.mark.thorough
def test_the_same_tables_in_another_order_give_the_same_result():
    clips, tables = study()
    one = fuse(tables, clips, OPTIONS)
    mixed = {name: tables[name].sample(frac=1, random_state=1) for name in reversed(tables)}
    two = fuse(mixed, clips.sample(frac=1, random_state=2), OPTIONS)
    assert one.weights == two.weights
    pd.testing.assert_frame_equal(one.probabilities, two.probabilities)
    pd.testing.assert_frame_equal(one.views, two.views)


def test_quarantined_clips_are_left_out_and_must_not_stand_in_a_table():
    clips, tables = study()
    clips.loc[3, "quarantine"] = "unreadable"
    with pytest.raises(DataError, match="no usable clip"):
        fuse(tables, clips, OPTIONS)
    tables = {name: table.drop(index=3) for name, table in tables.items()}
    assert clips.loc[3, "clip"] not in set(fuse(tables, clips, OPTIONS).probabilities["clip"])


def test_tables_that_disagree_with_the_study_are_refused_naming_clip_and_table():
    clips, tables = study()
    tables["e1"].loc[0, "fold"] = 3
    with pytest.raises(DataError, match=r"e1: clip A100_00: fold 3, in this study 0"):
        fuse(tables, clips, OPTIONS)


@pytest.mark.thorough
def test_a_table_from_outside_needs_only_clips_and_probabilities():
    clips, tables = study()
    bare = {name: table[["clip", *CLASSES]] for name, table in tables.items()}
    pd.testing.assert_frame_equal(fuse(bare, clips, OPTIONS).probabilities, fuse(tables, clips, OPTIONS).probabilities)


def test_a_clip_without_any_row_is_named():
    clips, tables = study()
    with pytest.raises(DataError, match="A100_05"):
        fuse({name: table.drop(index=5) for name, table in tables.items()}, clips, OPTIONS)


def test_an_unknown_method_is_refused_with_the_known_ones():
    clips, tables = study()
    with pytest.raises(DataError, match="no fusion method: there are cmaes, family, greedy"):
        fuse(tables, clips, {"method": "boosting", "scaling": True})


def test_a_single_encoder_gets_all_the_weight():
    clips, tables = study()
    fused = fuse({"e0": tables["e0"]}, clips, OPTIONS)
    assert fused.weights["final"] == {"e0": 1.0}
    both = fused.probabilities.set_index("clip")[list(CLASSES)], tables["e0"].set_index("clip")[list(CLASSES)]
    assert both[0].to_numpy() == pytest.approx(both[1].loc[both[0].index].to_numpy())
