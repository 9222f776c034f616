"""Every fusion method keeps the same promises; the choice among them is the simplest one that is not clearly worse."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from simulated import study

from blemore.fusion import scaling
from blemore.fusion.base import Labelled
from blemore.fusion.nested import fit_all, left_out
from blemore.fusion.run import Fused, choose, fuse
from blemore.params.parts import FUSION_METHOD
from blemore.scoring.labels import CLASSES
from blemore.scoring.metrics import score, true_saliences
from blemore.scoring.model_name import FINAL

PARAMS = yaml.safe_load((Path(__file__).parents[1] / "params.yaml").read_text())["fusion"]
METHODS = FUSION_METHOD.names()
MOST = 60
"""Of tries, members and the like, where params.yaml grants more."""
OPTIONS = {
    name: {key: min(value, MOST) if isinstance(value, int) else value for key, value in PARAMS.get(name, {}).items()}
    for name in METHODS
}


def labelled(encoders: int = 4, persons: int = 6) -> Labelled:
    """Clips of `persons` persons as every method gets them; the last encoder is pure chance."""
    clips, tables = study(persons=persons, encoders=encoders, test=0)
    stacked = np.stack([table[list(CLASSES)].to_numpy() for table in tables.values()])
    return replace(Labelled.of(clips, stacked), families=("a", "a", "b", "c")[:encoders], name="test")


def relabelled(data: Labelled, fold: int) -> Labelled:
    """The same clips, with the labels of one fold in the opposite order."""
    truth, own = data.truth.copy(), data.fold == fold
    truth[own] = truth[own][::-1]
    return replace(data, truth=truth)


def fitted(name: str, data: Labelled):
    return FUSION_METHOD.load(name).fit(data, **OPTIONS[name])


@pytest.mark.thorough
@pytest.mark.parametrize("name", METHODS)
def test_a_method_gives_probabilities_and_shares_and_the_same_again(name):
    data = labelled()
    model = fitted(name, data)
    rows = model.apply(data.values)
    assert rows.shape == data.soft.shape
    assert (rows >= 0).all()
    assert rows.sum(axis=1) == pytest.approx(1)
    assert model.shares.shape == (4,)
    assert (model.shares >= 0).all()
    assert model.shares.sum() == pytest.approx(1)
    assert np.array_equal(rows, fitted(name, data).apply(data.values))


def test_no_file_of_the_folder_at_hand_changes_the_search(tmp_path, monkeypatch):
    expected = fitted("cmaes", data := labelled()).shares
    monkeypatch.chdir(tmp_path)
    (tmp_path / "cma_signals.in").write_text("{'timeout': 0}")
    assert np.array_equal(fitted("cmaes", data).shares, expected)


@pytest.mark.parametrize("name", METHODS)
def test_a_clip_without_one_encoder_is_fused_from_the_others_and_without_all_not_at_all(name):
    data = labelled()
    model = fitted(name, data)
    gappy = data.values.copy()
    gappy[0, 3], gappy[:, 5] = np.nan, np.nan
    rows = model.apply(gappy)
    assert np.isfinite(rows[3]).all()
    assert rows[3].sum() == pytest.approx(1)
    assert np.isnan(rows[5]).all()
    untouched = np.setdiff1d(np.arange(len(rows)), [3, 5])
    assert np.array_equal(rows[untouched], model.apply(data.values)[untouched])


@pytest.mark.parametrize("name", METHODS)
def test_a_method_can_be_fitted_where_an_encoder_lacks_whole_persons(name):
    data = labelled()
    gappy = data.values.copy()
    gappy[1, data.person < 3] = np.nan
    assert np.isfinite(fitted(name, replace(data, values=gappy)).apply(data.values)).all()


@pytest.mark.parametrize("name", METHODS)
def test_equal_probabilities_everywhere_are_no_reason_to_fail(name):
    data = labelled()
    flat = replace(data, values=np.full(data.values.shape, 1 / 6))
    assert np.isfinite(fitted(name, flat).apply(flat.values)).all()


def test_families_weigh_the_same_however_many_members_they_have():
    data = labelled()
    assert fitted("family", data).shares == pytest.approx([1 / 6, 1 / 6, 1 / 3, 1 / 3])
    assert fitted("uniform", data).shares == pytest.approx([1 / 4] * 4)


@pytest.mark.thorough
@pytest.mark.parametrize("name", METHODS)
def test_a_method_that_looks_at_labels_trusts_the_best_encoder_more_than_chance(name):
    data = labelled()
    shares, blind = fitted(name, data).shares, fitted(name, replace(data, truth=data.truth[::-1])).shares
    assert shares[0] > shares[3] or np.array_equal(shares, blind)


def test_every_method_of_the_folder_is_a_candidate_of_the_study():
    assert sorted(PARAMS["candidates"]) == METHODS


def test_scaling_finds_the_temperature_and_the_bias_that_were_put_in():
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, (4000, 6))
    honest = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    soft = np.eye(6)[(honest.cumsum(axis=1) < rng.random((4000, 1))).sum(axis=1)]
    bias = np.array([0.5, -0.5, 0, 0, 0, 0])
    loud = np.exp(3 * (logits - bias))
    loud = (loud / loud.sum(axis=1, keepdims=True))[None]
    found = scaling.fit(loud, soft)
    assert found.slopes[0] == pytest.approx(1 / 3, rel=0.1)
    assert found.biases[0] - found.biases[0].mean() == pytest.approx(bias, abs=0.15)
    assert found.apply(loud)[0] == pytest.approx(honest, abs=0.08)
    assert np.array_equal(
        np.isnan(found.apply(np.where(np.arange(4000)[:, None] == 7, np.nan, loud))[0]).any(axis=1).nonzero()[0], [7]
    )


def test_every_needed_set_of_folds_is_left_out_once():
    sets = left_out([0, 1, 2, 3, 4])
    assert len(sets) == len(set(sets)) == 1 + 5 + 10
    assert len(left_out([0, 1])) == 3  # both left out would leave nothing


@pytest.mark.thorough
def test_no_row_of_a_view_was_fused_by_a_model_that_saw_its_fold_or_the_outer_one():
    data = labelled()
    methods = {"stacking": (FUSION_METHOD.load("stacking"), OPTIONS["stacking"])}
    before, after = (fit_all(one, methods, scaled=False)["stacking"].views for one in (data, relabelled(data, 1)))
    assert np.array_equal(before[1].values, after[1].values)  # outer fold 1: nothing of it saw fold 1
    for outer in (FINAL, 0, 2):
        own = data.fold == 1
        assert np.array_equal(before[outer].values[own], after[outer].values[own])
        assert not np.array_equal(before[outer].values[~own], after[outer].values[~own])


@pytest.mark.thorough
def test_scaled_views_of_an_outer_fold_do_not_hang_on_its_labels_either():
    data = labelled()
    methods = {"simplex": (FUSION_METHOD.load("simplex"), OPTIONS["simplex"])}
    before, after = (fit_all(one, methods, scaled=True)["simplex"].views for one in (data, relabelled(data, 1)))
    assert np.array_equal(before[1].values, after[1].values)
    assert not np.array_equal(before[0].values, after[0].values)


def test_a_method_that_is_clearly_better_is_chosen_and_else_the_simplest():
    data = labelled()
    good = replace(data, values=0.7 * data.soft + 0.3 / 6)
    poor = replace(data, values=np.random.default_rng(3).dirichlet(np.ones(6), len(data)))
    chosen, table = choose({"plain": poor, "rich": good}, FINAL, ["plain", "rich"], "exact")
    assert chosen == "rich"
    assert table["rich"]["behind"] == 0
    assert table["plain"]["behind"] > table["plain"]["standard_error"] > 0
    same, table = choose({"plain": good, "rich": good}, FINAL, ["plain", "rich"], "exact")
    assert same == "plain"
    assert table["plain"]["behind"] == 0


def test_with_one_fold_or_one_person_to_choose_on_the_simplest_is_taken():
    data = labelled()
    for alike in ("fold", "person"):
        rows = replace(data, values=data.soft, **{alike: np.zeros_like(data.fold)})
        assert choose({"plain": rows, "rich": rows}, FINAL, ["plain", "rich"], "exact") == ("plain", {})


FAMILIES = {"e0": "a", "e1": "a", "e2": "b"}
AUTO = {"method": "auto", "candidates": METHODS, "scaling": True} | OPTIONS


@pytest.fixture(scope="module")
def chosen() -> tuple[pd.DataFrame, dict[str, pd.DataFrame], Fused]:
    """Clips, tables, and what is fused of them with every method as a candidate."""
    clips, tables = study()
    return clips, tables, fuse(tables, clips, AUTO, families=FAMILIES, seed=3)


@pytest.mark.thorough
def test_the_method_is_chosen_per_fold_and_every_candidate_is_reported_in_sample_and_nested(chosen):
    clips, _, fused = chosen
    assert set(fused.weights["method"]["folds"]) == set("012")
    assert {fused.weights["method"]["final"], *fused.weights["method"]["folds"].values()} <= set(METHODS)
    assert set(fused.weights["choice"]["final"]) == set(METHODS)
    counts = fused.methods.groupby(["method", "protocol"]).size()
    train = int((clips["split"] == "train").sum())
    assert (counts == train).all()
    assert {name for name, protocol in counts.index if protocol == "nested"} == set(METHODS)
    assert [name for name, protocol in counts.index if protocol == "paper"] == [fused.weights["method"]["final"]]


@pytest.mark.thorough
def test_what_is_fitted_on_the_reported_clips_scores_higher_than_the_nested_estimate(chosen):
    clips, _, fused = chosen
    truth = true_saliences(clips[clips["split"] == "train"].sort_values("clip"))

    def of(method, protocol):
        rows = fused.methods.query("method == @method and protocol == @protocol").sort_values("clip")
        return score(rows[list(CLASSES)].to_numpy(), truth)

    for method in METHODS:
        assert of(method, "in_sample") >= of(method, "nested")
    assert of("stacking", "in_sample") - of("stacking", "nested") > of("uniform", "in_sample") - of("uniform", "nested")


@pytest.mark.thorough
def test_no_view_of_a_fold_changes_with_that_folds_labels_whatever_is_chosen(chosen):
    clips, tables, before = chosen
    changed = clips.copy()
    inside = changed["fold"] == 2
    columns = ["emotion_1", "emotion_2", "emotion_1_salience", "emotion_2_salience"]
    changed.loc[inside, columns] = changed.loc[inside, columns].to_numpy()[::-1]
    after = fuse(tables, changed, AUTO, families=FAMILIES, seed=3)
    assert before.weights["method"]["folds"]["2"] == after.weights["method"]["folds"]["2"]
    pd.testing.assert_frame_equal(before.views[before.views["outer"] == 2], after.views[after.views["outer"] == 2])
    nested = [made.methods.query("protocol == 'nested'").merge(clips[["clip", "fold"]]) for made in (before, after)]
    pd.testing.assert_frame_equal(*(part[part["fold"] == 2] for part in nested))
