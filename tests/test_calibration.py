"""Decisions are honest: nothing that decides a clip was fitted on its fold's labels."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from simulated import DECISIONS, PERSONAL, problems, study

from blemore.decide.person_offset import LIMIT, apply_offsets, fit_offsets, strength_of
from blemore.decide.run import DECISION_COLUMNS, calibrate
from blemore.fusion.run import fuse
from blemore.scoring.commonest import commonest_decision
from blemore.scoring.conditional import ConditionalLogit
from blemore.scoring.decoders import Decoder, leave_one_fold_out
from blemore.scoring.decoding import decode
from blemore.scoring.exact import exact_optimum
from blemore.scoring.labels import CLASSES, soft_labels
from blemore.scoring.metrics import true_saliences
from blemore.scoring.model_name import FINAL
from blemore.scoring.rows import Rows
from joblineage.errors import DataError

FUSION = {"method": "simplex", "scaling": False, "simplex": {"l2": 0.05}}
OPTIONS = {"decoding": "auto", "personal": PERSONAL}
LABELS = ["emotion_1", "emotion_2", "emotion_1_salience", "emotion_2_salience"]


def calibrated(clips, tables):
    fused = fuse(tables, clips, FUSION)
    return calibrate(fused.views, fused.probabilities, clips, **OPTIONS), fused


def posteriors(seed: int, persons: int = 4, clips: int = 20) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.dirichlet(np.full(6, 0.8), persons * clips), np.repeat(np.arange(persons), clips)


@given(st.integers(0, 10_000))
@settings(max_examples=25)
def test_an_offset_brings_every_persons_mean_posterior_to_the_prior(seed):
    probabilities, person = posteriors(seed)
    prior = np.array([0.2, 0.15, 0.2, 0.2, 0.15, 0.1])
    moved = apply_offsets(probabilities, fit_offsets(probabilities, person, prior)[person])
    for who in range(4):
        assert moved[person == who].mean(axis=0) == pytest.approx(prior, abs=1e-6)


def test_an_offset_depends_on_its_own_person_only():
    probabilities, person = posteriors(3)
    prior = np.full(6, 1 / 6)
    together = fit_offsets(probabilities, person, prior)
    alone = fit_offsets(probabilities[person == 2], np.zeros(20, int), prior)
    assert alone[0] == pytest.approx(together[2], abs=1e-7)


def test_few_clips_move_a_person_less():
    _, person = posteriors(4)
    assert strength_of(20.0, person).tolist() == [[0.5]] * 4  # of 20 clips each
    assert strength_of(80.0, person).tolist() == [[0.2]] * 4
    assert strength_of(0.0, person).tolist() == [[1.0]] * 4


def test_certain_posteriors_give_bounded_offsets():
    rows = np.eye(6)[[0, 0, 1]]
    offsets = fit_offsets(rows, np.zeros(3, int), np.full(6, 1 / 6))
    assert np.isfinite(offsets).all()
    assert np.abs(offsets).max() <= LIMIT
    assert np.isfinite(apply_offsets(rows, offsets[[0, 0, 0]])).all()


def test_a_class_missing_from_training_is_made_rare_not_impossible():
    probabilities, person = posteriors(5)
    offsets = fit_offsets(probabilities, person, np.array([0.2, 0.2, 0.2, 0.2, 0.2, 0.0]))
    moved = apply_offsets(probabilities, offsets[person])
    assert (moved[:, 5] > 0).all()
    assert moved[:, 5].mean() < 0.05


@pytest.mark.thorough
@given(problems(min_rows=6), st.data())
@settings(max_examples=30)
def test_a_folds_decoder_comes_from_the_other_folds(problem, data):
    probabilities, truth = problem
    fold = np.arange(len(truth)) % 3
    rows = Rows(probabilities, truth, fold, fold)
    outer = data.draw(st.integers(0, 2))
    others, own = fold != outer, fold == outer
    saliences, made = leave_one_fold_out(rows, kind="exact")
    expected = exact_optimum(probabilities[others], truth[others])
    assert made[outer] == Decoder("exact", expected)
    assert np.array_equal(saliences[own], decode(probabilities[own], expected.alpha, expected.beta))
    saliences, made = leave_one_fold_out(rows)
    logit = ConditionalLogit.fit(probabilities[others], truth[others])
    assert made[outer].to_json() == Decoder("expected", logit).to_json()
    assert np.array_equal(saliences[own], logit.decide(probabilities[own]))


def test_the_commonest_decision_is_the_commonest_set_then_its_commonest_saliences():
    rows = {
        "ang": DECISIONS[0],
        "neu": DECISIONS[5],
        "30/70": DECISIONS[6],
        "50/50": DECISIONS[7],
        "70/30": DECISIONS[8],
    }

    def commonest(*names):
        return tuple(commonest_decision(np.array([rows[name] for name in names])))

    assert commonest("ang", "ang", "30/70", "50/50", "50/50") == rows["50/50"]  # three blends of one set
    assert commonest("ang", "70/30") == rows["ang"]  # a tie: singles first
    assert commonest("neu", "ang") == rows["ang"]  # a tie: the order of the classes
    assert commonest("70/30", "30/70") == rows["30/70"]


@pytest.mark.thorough
def test_every_clip_is_decided_and_every_decision_is_allowed():
    clips, tables = study()
    result, _ = calibrated(clips, tables)
    assert tuple(result.decisions.columns) == DECISION_COLUMNS
    by_variant = result.decisions.groupby("variant")["clip"].apply(sorted)
    assert by_variant["inductive"] == sorted(clips["clip"])
    assert by_variant["transductive"] == sorted(clips.loc[clips["split"] == "train", "clip"])
    assert {tuple(row) for row in result.decisions[list(CLASSES)].to_numpy(float)} <= set(DECISIONS)
    assert json.loads(json.dumps(result.models, allow_nan=False)) == result.models
    assert set(result.models["transductive"]["folds"]) == set("012")
    chances = result.decisions[["p_presence", "p_salience", "p_blend"]]
    assert ((chances >= 0) & (chances <= 1 + 1e-12)).all(axis=None)
    blend = (result.decisions[list(CLASSES)] > 0).sum(axis=1) == 2
    assert (chances["p_salience"][~blend] == 0).all()
    assert (chances["p_salience"] <= chances["p_presence"] + 1e-12).all()


@pytest.mark.thorough
def test_no_decision_of_a_fold_changes_when_that_folds_labels_change():
    clips, tables = study()
    before, _ = calibrated(clips, tables)
    changed = clips.copy()
    inside = changed["fold"] == 2
    changed.loc[inside, LABELS] = changed.loc[inside, LABELS].to_numpy()[::-1]
    after, _ = calibrated(changed, tables)

    def of_fold(result, number):
        return result.decisions[result.decisions["fold"] == number].reset_index(drop=True)

    pd.testing.assert_frame_equal(of_fold(before, 2), of_fold(after, 2))
    pd.testing.assert_frame_equal(
        before.offsets[before.offsets["fold"] == 2], after.offsets[after.offsets["fold"] == 2]
    )
    assert before.models["inductive"]["folds"]["2"] == after.models["inductive"]["folds"]["2"]
    assert before.models["inductive"]["final"] != after.models["inductive"]["final"]


@pytest.mark.thorough
def test_a_folds_decisions_use_the_view_and_decoder_of_that_fold():
    clips, tables = study()
    result, fused = calibrated(clips, tables)
    labelled = clips[clips["split"] == "train"].sort_values("clip")
    truth, fold = true_saliences(labelled), labelled["fold"].to_numpy()
    view = fused.views[fused.views["outer"] == 1].set_index("clip").loc[labelled["clip"], list(CLASSES)].to_numpy()
    expected = Decoder("expected", ConditionalLogit.fit(view[fold != 1], truth[fold != 1]))
    assert result.models["inductive"]["folds"]["1"] == expected.to_json()
    said = result.decisions.query("variant == 'inductive' and fold == 1").sort_values("clip")[list(CLASSES)].to_numpy()
    assert np.array_equal(said, expected.decide(view[fold == 1]))


@pytest.mark.thorough
def test_test_clips_are_decided_with_the_final_decoder():
    clips, tables = study()
    result, fused = calibrated(clips, tables)
    test = fused.probabilities[fused.probabilities["split"] == "test"]
    decoder = Decoder.from_json(result.models["inductive"]["final"])
    said = result.decisions[result.decisions["split"] == "test"]
    assert said["clip"].tolist() == test["clip"].tolist()
    assert np.array_equal(said[list(CLASSES)], decoder.decide(test[list(CLASSES)].to_numpy()))


@pytest.mark.thorough
def test_a_quarantined_test_clip_gets_the_commonest_label_of_training():
    clips, tables = study()
    lost = clips.index[clips["clip"] == "test_0003"][0]
    clips.loc[lost, "quarantine"] = "unreadable"
    result, _ = calibrated(clips, {name: table.drop(index=lost) for name, table in tables.items()})
    row = result.decisions.set_index("clip").loc["test_0003"]
    assert row["decided_by"] == "prior"
    expected = commonest_decision(true_saliences(clips[clips["split"] == "train"]))
    assert row[list(CLASSES)].tolist() == expected.tolist()


@pytest.mark.thorough
def test_style_is_corrected_towards_the_prior_of_the_other_folds():
    clips, tables = study(persons=10)
    result, fused = calibrated(clips, tables)
    one = result.offsets.iloc[0]
    train = clips[(clips["split"] == "train") & (clips["fold"] != one["fold"])]
    prior = soft_labels(train).mean(axis=0)
    view = fused.views.query("outer == @one.fold and person == @one.person")[list(CLASSES)].to_numpy()
    moved = apply_offsets(view, one[list(CLASSES)].to_numpy(float))
    assert np.abs(moved.mean(axis=0) - prior).sum() < np.abs(view.mean(axis=0) - prior).sum()
    assert one["clips"] == len(view)


def test_a_view_that_lacks_a_clip_is_refused_naming_it():
    clips, tables = study()
    fused = fuse(tables, clips, FUSION)
    views = fused.views[~((fused.views["outer"] == FINAL) & (fused.views["clip"] == "A100_04"))]
    with pytest.raises(DataError, match="view -1: no row for clip A100_04"):
        calibrate(views, fused.probabilities, clips, **OPTIONS)
