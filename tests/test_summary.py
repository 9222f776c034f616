"""The summary's numbers are those of the metrics, its intervals those of persons, its controls real controls."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from jackknife import interval
from simulated import PERSONAL, study

from blemore.decide.run import CHANCES, calibrate
from blemore.evaluate.summary import decisions_without, summarise
from blemore.fusion.run import fuse
from blemore.scoring.commonest import commonest_decision, commonest_of_others
from blemore.scoring.decoders import leave_one_fold_out
from blemore.scoring.labels import CLASSES
from blemore.scoring.metrics import acc_presence, acc_salience, score, true_saliences
from blemore.scoring.rows import Rows
from blemore.tables import labelled


@pytest.fixture(scope="module")
def case():
    clips, tables = study(persons=8, folds=4, seed=4)
    fused = fuse(tables, clips, {"method": "simplex", "scaling": False, "simplex": {"l2": 0.05}})
    decisions = calibrate(fused.views, fused.probabilities, clips, decoding="auto", personal=PERSONAL).decisions
    return decisions, tables, clips


ORIGINS = {"e0": "finetuned", "e1": "outside", "e2": "random"}


def summary_of(case, **changes):
    numbers = {"dataset": "demo", "weights": "tiny", "origins": ORIGINS}
    return summarise(*case, **numbers | changes)


def decided_alone(rows: Rows, table: pd.DataFrame) -> np.ndarray:
    """(n, 6) what an encoder decides by itself."""
    return leave_one_fold_out(replace(rows, values=rows.lookup(table), clip=None))[0]


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
        assert (entry["clips"], entry["blends"]) == (len(truth), 8 * 30)
    values = tables["e1"].set_index("clip").loc[train["clip"], list(CLASSES)].to_numpy()
    said, _ = leave_one_fold_out(Rows.of(train, values))
    assert summary["encoders"]["e1"]["acc_presence"] == acc_presence(said, truth)


@pytest.mark.thorough
def test_the_summary_is_json_without_nan_and_the_same_again(case):
    text = json.dumps(summary_of(case), allow_nan=False, sort_keys=True)
    assert text == json.dumps(summary_of(case), allow_nan=False, sort_keys=True)
    assert "say nothing about BLEMORE" in summary_of(case)["note"]
    assert summary_of(case, dataset="blemore")["note"] is None


def test_intervals_are_those_of_leaving_each_person_out_in_plain_loops(case):
    decisions, tables, clips = case
    summary = summary_of(case)
    rows = Rows.of(labelled(clips))
    said = rows.lookup(decisions[decisions["variant"] == "inductive"])
    e0, e2 = (decided_alone(rows, tables[name]) for name in ("e0", "e2"))
    for found, saliences in ((summary["variants"]["inductive"], said), (summary["encoders"]["e2"], e2)):
        for name, of in (("acc_presence", acc_presence), ("acc_salience", acc_salience), ("score", score)):
            low, high = interval(rows, lambda kept, of=of, made=saliences: of(made[kept], rows.truth[kept]))
            assert found["interval"][name] == pytest.approx([max(0, low), min(1, high)], abs=1e-12)
        assert found["persons"] == 8
    trivial = commonest_of_others(rows)
    for found, before, after in (
        (summary["encoders"]["e2"]["over_commonest"], trivial, e2),
        (summary["fused_minus_best_single"], e0, said),
    ):

        def gain(kept, one=before, two=after):
            return score(two[kept], rows.truth[kept]) - score(one[kept], rows.truth[kept])

        assert found["gain"]["score"] == pytest.approx(gain(np.full(len(rows), True)))
        assert found["interval"] == pytest.approx(interval(rows, gain), abs=1e-12)
    chances = decisions[decisions["variant"] == "inductive"].set_index("clip").loc[rows.clip, list(CHANCES)].to_numpy()

    def over_expected(kept):
        presence, salience, blend = chances[kept].sum(axis=0)
        return score(said[kept], rows.truth[kept]) - (presence / kept.sum() + salience / blend) / 2

    expected = summary["variants"]["inductive"]["expected"]
    assert expected["interval"] == pytest.approx(interval(rows, over_expected), abs=1e-12)


def test_a_study_of_one_person_has_no_interval_and_is_refused(case):
    decisions, tables, clips = case
    with pytest.raises(ValueError, match=r"1 person\(s\): an interval over persons needs at least 2"):
        summary_of((decisions, tables, clips.assign(person="A1")))


def test_an_encoder_of_pure_chance_is_told_from_one_that_sees(case):
    encoders = summary_of(case)["encoders"]
    assert encoders["e0"]["over_commonest"]["interval"][0] > 0
    assert encoders["e2"]["over_commonest"]["interval"][0] < 0 < encoders["e0"]["over_commonest"]["gain"]["score"]
    assert encoders["e0"]["over_computed"] is None  # there is none in this study


def test_every_encoder_but_the_computed_ones_is_held_against_the_best_computed_one(case):
    found = summary_of(case, origins=ORIGINS | {"e0": "computed", "e2": "computed"})["encoders"]
    assert found["e0"]["over_computed"] is found["e2"]["over_computed"] is None
    gain = found["e1"]["over_computed"]
    assert gain["gain"]["score"] == pytest.approx(found["e1"]["score"] - found["e0"]["score"])  # e0 sees, e2 does not
    assert gain["interval"][0] <= gain["gain"]["score"] <= gain["interval"][1]


def test_the_best_single_encoder_of_a_fold_is_chosen_by_score_without_the_fold(case):
    decisions, tables, clips = case
    assert set(summary_of(case)["fused_minus_best_single"]["chosen"].values()) == {"e0"}
    rows = Rows.of(labelled(clips))
    spoiled, own = tables["e0"].copy(), tables["e0"]["fold"] != 2
    spoiled.loc[own, list(CLASSES)] = np.random.default_rng(0).permutation(spoiled.loc[own, list(CLASSES)].to_numpy())
    chosen = summary_of((decisions, {"e0": spoiled, "e1": tables["e1"]}, clips))["fused_minus_best_single"]["chosen"]
    assert chosen["2"] == "e1"  # that e0 is the best on fold 2 itself must not count
    assert {str(fold) for fold in rows.folds} == set(chosen)


def test_quarantined_training_clips_count_as_their_decision_by_the_prior_beside(case):
    decisions, tables, clips = case
    assert summary_of(case)["with_quarantined"] is None
    lost = np.flatnonzero(clips["split"] == "train")[::40]
    clips = clips.assign(quarantine=np.where(np.isin(np.arange(len(clips)), lost), "no video stream", ""))
    kept = decisions[~decisions["clip"].isin(clips["clip"].iloc[lost])]
    found = summary_of((kept, tables, clips))
    usable, both = found["variants"]["inductive"], found["with_quarantined"]["inductive"]
    assert both["clips"] == usable["clips"] + len(lost)
    rows = Rows.of(labelled(clips))
    right = 0
    for row in clips.iloc[lost].itertuples():
        prior = commonest_decision(rows.truth[rows.fold != row.fold])
        right += acc_presence(prior[None], true_saliences(clips[clips["clip"] == row.clip]))
    assert both["acc_presence"] * both["clips"] == pytest.approx(usable["acc_presence"] * usable["clips"] + right)


def test_another_encoder_leaves_the_others_numbers_alone(case):
    decisions, tables, clips = case
    fewer = {name: tables[name] for name in ("e0", "e2")}
    assert summary_of((decisions, fewer, clips))["encoders"]["e2"] == summary_of(case)["encoders"]["e2"]


def test_an_encoder_that_lacks_clips_is_scored_on_those_it_has(case):
    decisions, tables, clips = case
    gappy = tables | {"e0": tables["e0"].iloc[:100]}
    summary = summary_of((decisions, gappy, clips))
    assert summary["encoders"]["e0"]["clips"] == 100
    paired = summary["fused_minus_best_single"]  # in a fold without a clip of e0, another one is the best
    assert 100 < paired["clips"] <= summary["variants"]["inductive"]["clips"]
    assert set(paired["chosen"].values()) == {"e0", "e1"}
    assert np.isfinite(paired["interval"]).all()


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
