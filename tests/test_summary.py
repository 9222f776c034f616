"""The summary's numbers are those of the metrics, its intervals those of persons, its controls real controls."""

import json

import numpy as np
import pytest
from simulated import PERSONAL, study

from blemore.decide.run import calibrate
from blemore.evaluate.summary import decisions_without, summarise
from blemore.fusion.run import fuse
from blemore.scoring.decoders import leave_one_fold_out
from blemore.scoring.labels import CLASSES
from blemore.scoring.metrics import acc_presence, acc_salience, true_saliences
from blemore.scoring.rows import Rows


@pytest.fixture(scope="module")
def case():
    clips, tables = study(persons=12, seed=4)
    fused = fuse(tables, clips, {"method": "simplex", "scaling": False, "simplex": {"l2": 0.05}})
    decisions = calibrate(fused.views, fused.probabilities, clips, decoding="auto", personal=PERSONAL).decisions
    return decisions, tables, clips


ORIGINS = {"e0": "finetuned", "e1": "outside", "e2": "random"}


def summary_of(case, **changes):
    numbers = {"dataset": "demo", "weights": "tiny", "seed": 17, "draws": 300, "permutations": 300, "origins": ORIGINS}
    return summarise(*case, **numbers | changes)


def test_scores_are_those_of_the_decisions(case):
    decisions, tables, clips = case
    summary = summary_of(case)
    train = clips[clips["split"] == "train"].sort_values("clip")
    truth = true_saliences(train)
    for variant in ("inductive", "transductive"):
        said = decisions[(decisions["variant"] == variant) & (decisions["split"] == "train")].sort_values("clip")
        entry = summary["variants"][variant]
        assert entry["acc_presence"] == acc_presence(said[list(CLASSES)].to_numpy(), truth)
        assert entry["acc_salience"] == acc_salience(said[list(CLASSES)].to_numpy(), truth)
        assert (entry["clips"], entry["blends"]) == (len(truth), 12 * 30)
    values = tables["e1"].set_index("clip").loc[train["clip"], list(CLASSES)].to_numpy()
    said, _ = leave_one_fold_out(Rows.of(train, values))
    assert summary["encoders"]["e1"]["acc_presence"] == acc_presence(said, truth)


def test_the_summary_is_json_without_nan_and_the_same_again(case):
    text = json.dumps(summary_of(case), allow_nan=False, sort_keys=True)
    assert text == json.dumps(summary_of(case), allow_nan=False, sort_keys=True)
    assert "say nothing about BLEMORE" in summary_of(case)["note"]
    assert summary_of(case, dataset="blemore")["note"] is None


def test_intervals_hold_the_score_and_come_from_persons(case):
    summary = summary_of(case)
    for entry in [*summary["variants"].values(), *summary["encoders"].values()]:
        for name, (low, high) in entry["interval"].items():
            assert low <= entry[name] <= high
    decisions, tables, clips = case
    clips = clips.copy()
    clips.loc[clips["split"] == "train", "person"] = "A1"  # one person only: nothing to draw, no width
    low, high = summary_of((decisions, tables, clips))["variants"]["inductive"]["interval"]["score"]
    assert low == high


def test_an_encoder_of_pure_chance_is_told_from_one_that_sees(case):
    encoders = summary_of(case)["encoders"]
    assert encoders["e0"]["permutation_p"] == pytest.approx(1 / 301)
    assert encoders["e2"]["permutation_p"] > 0.05


def test_the_fusion_is_compared_with_the_best_single_encoder(case):
    summary = summary_of(case)
    paired = summary["fused_minus_best_single"]
    assert paired["best_single"] == "e0"
    expected = summary["variants"]["inductive"]["acc_presence"] - summary["encoders"]["e0"]["acc_presence"]
    assert paired["acc_presence"] == pytest.approx(expected)
    assert paired["lower_5_percent"] <= paired["acc_presence"]


def test_another_encoder_leaves_the_others_numbers_alone(case):
    decisions, tables, clips = case
    fewer = {name: tables[name] for name in ("e0", "e2")}
    assert summary_of((decisions, fewer, clips))["encoders"]["e2"] == summary_of(case)["encoders"]["e2"]


def test_an_encoder_that_lacks_clips_is_scored_on_those_it_has(case):
    decisions, tables, clips = case
    gappy = tables | {"e0": tables["e0"].iloc[:100]}
    summary = summary_of((decisions, gappy, clips))
    assert summary["encoders"]["e0"]["clips"] == 100
    assert summary["fused_minus_best_single"]["clips"] in (100, summary["variants"]["inductive"]["clips"])
    assert np.isfinite(summary["fused_minus_best_single"]["lower_5_percent"])


@pytest.mark.thorough
def test_the_headline_is_repeated_without_encoders_of_unknown_disjointness(case):
    _, tables, clips = case
    options = {
        "fusion": {"options": {"method": "simplex", "scaling": False, "simplex": {"l2": 0.05}}},
        "personal": PERSONAL,
    }
    others = decisions_without(["e1"], tables, clips, **options)
    summary = summary_of(case, unknown=["e1"], without_unknown=others)
    fused = fuse({name: tables[name] for name in ("e0", "e2")}, clips, **options["fusion"])
    said = calibrate(fused.views, fused.probabilities, clips, decoding="auto", personal=PERSONAL).decisions
    alone = summary_of((said, tables, clips))["variants"]["inductive"]
    assert summary["without_unknown"] == {key: alone[key] for key in alone if key != "expected"}
    assert summary["without_unknown"]["score"] != summary["variants"]["inductive"]["score"]
    assert {name: entry["disjointness"] for name, entry in summary["encoders"].items()} == {
        "e0": "by fold", "e1": "unknown", "e2": "by fold",
    }  # fmt: skip
    assert summary_of(case)["encoders"]["e1"]["disjointness"] == "declared"
    assert summary_of(case)["without_unknown"] is None


def test_nothing_is_repeated_where_nothing_is_unknown_or_nothing_would_be_left(case):
    _, tables, clips = case
    options = {
        "fusion": {"options": {"method": "simplex", "scaling": False, "simplex": {"l2": 0.05}}},
        "personal": PERSONAL,
    }
    assert decisions_without([], tables, clips, **options) is None
    assert decisions_without(list(tables), tables, clips, **options) is None
