"""Personal calibration tells the truth: gains stand beside controls, and nothing that judges a person saw its labels."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from simulated import study
from trials import enrolment_trial

from blemore.decide import enrolment, person_offset, person_thresholds
from blemore.decide.problem import OFF, decide_shared, random_groups
from blemore.decide.run import calibrate, rows_of_views
from blemore.evaluate.gains import gains, style
from blemore.fusion.run import fuse
from blemore.scoring.labels import CLASSES
from blemore.scoring.model_name import FINAL
from blemore.scoring.rows import Rows
from blemore.simulation.study import Settings, simulate

FUSION = {"method": "uniform", "scaling": True}
OPTIONS = {
    "kappas": [0.0, 10.0, 40.0],
    "labelled_clips": 12,
    "enrolment": {"draws": 2, "spreads": [0.5, 1.0]},
    "person_thresholds": {"draws": 1, "weights": [5.0]},
    "controls": 2,
}
STYLED = Settings(persons=20, encoders=3, offset_sd=0.9, strongest=1.2, weakest=0.8)


def problem(settings: Settings = STYLED, seed: int = 1) -> Rows:
    made = simulate(settings, seed)
    fused = fuse(made.tables, made.clips, FUSION)
    return rows_of_views(fused.views, made.clips)


@pytest.fixture(scope="module")
def styled() -> Rows:
    return problem()


@pytest.mark.thorough
def test_with_style_the_offset_gains_and_its_controls_do_not(styled):
    found = gains(styled, OPTIONS, seed=1)
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    offset = found["person_offset"]
    assert offset["gain"]["score"] > 0.02
    assert offset["interval"][0] > 0
    assert offset["controls"]["random_groups"]["mean"] < offset["gain"]["score"] / 3
    assert abs(offset["controls"]["permuted_labels"]["mean"]) < offset["gain"]["score"] / 2
    assert found["enrolment"]["gain"]["score"] > found["enrolment"]["controls"]["random_groups"]["mean"]
    assert [name for name, entry in found.items() if entry["uses_labels"]] == ["person_thresholds", "enrolment"]


def test_style_is_wider_than_in_random_groups_and_absent_without_style(styled):
    with_style = style(styled, draws=3, seed=1)
    assert np.mean(list(with_style["offset_sd"].values())) > 1.5 * np.mean(
        list(with_style["offset_sd_random"].values())
    )


def test_off_is_chosen_where_there_is_nothing_to_find(styled):
    mixed = random_groups(styled, "x")
    assert set(person_offset.decide(mixed, [40.0, 20.0])[0].strengths.values()) == {OFF}
    assert np.array_equal(person_offset.decide(mixed, [40.0])[0].saliences, decide_shared(mixed).saliences)


CALIBRATIONS = {
    "shared": decide_shared,
    "person_offset": lambda p: person_offset.decide(p, [5.0, 20.0])[0],
    "person_thresholds": lambda p: person_thresholds.decide(p, clips=6, draws=1, weights=[5.0], name="t"),
    "enrolment": lambda p: enrolment.decide(p, clips=6, draws=1, spreads=[0.5], name="t"),
}


@pytest.mark.parametrize("name", CALIBRATIONS)
def test_no_decision_of_a_fold_changes_with_labels_of_its_judged_clips(styled, name):
    """Labels of a fold's judged clips are swapped in pairs; those shown for enrolment stay."""
    before = CALIBRATIONS[name](styled)
    truth = styled.truth.copy()
    own = np.flatnonzero((styled.fold == 2) & before.judged[0])
    truth[own] = truth[own][::-1]
    changed = replace(styled, truth=truth)
    # Which clips are drawn for enrolment hangs on the labels: the same ones must be shown for the comparison.
    if name in ("person_thresholds", "enrolment"):
        with pytest.MonkeyPatch.context() as patch:
            for module in (enrolment, person_thresholds):
                patch.setattr(module, "enrolled_clips", lambda *_: ~before.judged[0])
            after = CALIBRATIONS[name](changed)
    else:
        after = CALIBRATIONS[name](changed)
    inside = styled.fold == 2
    assert before.strengths[2] == after.strengths[2]
    assert np.array_equal(before.saliences[:, inside], after.saliences[:, inside])
    assert not np.array_equal(before.saliences[:, ~inside], after.saliences[:, ~inside])


def test_random_groups_keep_the_sizes_and_within_folds_the_folds(styled):
    for mixed in (random_groups(styled, "a"), random_groups(styled, "a", within_folds=True)):
        assert np.array_equal(np.bincount(mixed.person), np.bincount(styled.person))
        assert not np.array_equal(mixed.person, styled.person)
    fold_of = {who: set(styled.fold[styled.person == who]) for who in range(20)}
    mixed = random_groups(styled, "a", within_folds=True)
    assert all(set(mixed.fold[mixed.person == who]) == fold_of[who] for who in range(20))


@given(st.integers(1, 30), st.integers(0, 1000))
@settings(max_examples=25)
def test_enrolled_clips_are_at_most_half_of_a_persons_and_spread_over_the_labels(clips, seed):
    sizes = [1, 2, 7, 54]
    rng = np.random.default_rng(seed)
    who = np.repeat(np.arange(4), sizes)
    truth = 100.0 * np.eye(6)[rng.integers(0, 6, len(who))]
    made = Rows(truth, truth, np.zeros(len(who), int), who, tuple("abcd"))
    mask = enrolment.enrolled_clips(made, clips, str(seed))
    assert [int(mask[who == k].sum()) for k in range(4)] == [min(clips, size // 2) for size in sizes]
    shown, all_of = truth[mask & (who == 3)].sum(axis=0) / 100, truth[who == 3].sum(axis=0) / 100
    assert (np.abs(shown - all_of * min(clips, 27) / 54) < 1 + 1e-9).all()  # systematic: within one clip of the share


def test_a_fitted_style_is_the_minimum_of_its_penalised_likelihood():
    rng = np.random.default_rng(5)
    rows = rng.dirichlet(np.ones(6), (1, 10))
    soft = 0.5 * rows + 0.5 * np.eye(6)[rows[0].argmax(axis=1)][None]
    shown = np.ones((1, 10), bool)
    best = enrolment.fit_styles(rows, soft, shown, spread=0.8)[0]

    def objective(at):
        moved = enrolment.apply_styles(rows[0], np.tile(at, (10, 1)))
        away = at - enrolment.no_style()
        return -np.sum(soft[0] * np.log(moved)) + np.sum(away[:5] ** 2) / (2 * 0.8**2) + away[5] ** 2 / (2 * 0.4**2)

    assert enrolment.SLOPES[0] < best[5] < enrolment.SLOPES[1]
    for _ in range(200):
        assert objective(best) <= objective(best + rng.normal(0, 0.05, 6)) + 1e-9


def test_a_person_without_labelled_clips_keeps_the_probabilities():
    rows = np.random.default_rng(0).dirichlet(np.ones(6), 5)
    styles = enrolment.fit_styles(np.full((1, 1, 6), 1 / 6), np.zeros((1, 1, 6)), np.zeros((1, 1), bool), spread=1.0)
    assert styles[0] == pytest.approx(enrolment.no_style())
    assert enrolment.apply_styles(rows, np.tile(styles[0], (5, 1))) == pytest.approx(rows)


@pytest.mark.thorough
def test_twelve_labelled_clips_recover_much_of_what_the_true_style_gives_and_another_persons_nothing():
    calibration = OPTIONS | {"enrolment": {"draws": 4, "spreads": [0.3, 0.6, 1.0, 2.0]}}
    made = [enrolment_trial(STYLED, seed, FUSION, calibration) for seed in range(3)]
    mean = {name: np.mean([row[name] for row in made]) for name in made[0]}
    assert mean["known_style"] > 0.02
    assert mean["enrolled"] > mean["known_style"] / 3
    assert mean["another_person"] < 0


def odd_study(**changes):
    clips, tables = study(persons=10)
    for column, (rows, value) in changes.items():
        clips.loc[rows(clips), column] = value
    return clips, tables


def calibrated(clips, tables):
    fused = fuse(tables, clips, FUSION)
    made = calibrate(fused.views, fused.probabilities, clips, OPTIONS["kappas"])
    return made, gains(rows_of_views(fused.views, clips), OPTIONS, seed=0)


@pytest.mark.thorough
def test_a_person_with_one_clip_is_decided_but_not_enrolled():
    clips, tables = study(persons=10)
    gone = clips[(clips["person"] == "A103")].index[1:]
    tables = {name: table.drop(index=gone) for name, table in tables.items()}
    made, found = calibrated(clips.drop(index=gone), tables)
    assert (made.decisions["person"] == "A103").sum() == 2  # one clip, two variants
    assert found["enrolment"]["persons"] == 10  # its one clip is never shown, so it is judged


@pytest.mark.thorough
def test_a_fold_without_blends_and_a_class_missing_from_a_fold_are_no_reason_to_fail():
    clips, tables = study(persons=10)
    gone = clips[(clips["fold"] == 1) & ((clips["mix"] == 1) | (clips["emotion_1"] == "fea"))].index
    tables = {name: table.drop(index=gone) for name, table in tables.items()}
    made, found = calibrated(clips.drop(index=gone), tables)
    assert set(made.thresholds["global"]["folds"]) == set("01234")
    assert np.isfinite(found["person_offset"]["gain"]["score"])


@pytest.mark.thorough
def test_probabilities_that_are_all_equal_are_decided_the_same_for_everybody():
    clips, tables = study(persons=10)
    for table in tables.values():
        table[list(CLASSES)] = 1 / 6
    made, found = calibrated(clips, tables)
    rows = made.decisions[made.decisions["variant"] == "global"]
    assert len(rows[rows["fold"] == 0][list(CLASSES)].drop_duplicates()) == 1
    assert found["person_offset"]["gain"]["score"] == pytest.approx(0, abs=0.05)


@pytest.mark.thorough
def test_new_individuals_get_offsets_only_where_they_were_found():
    made = simulate(Settings(persons=20, new_persons=4, encoders=3, offset_sd=0.9), 2)
    fused = fuse(made.tables, made.clips, FUSION)
    test = made.clips["split"] == "test"
    names, person = made.clips.loc[test, "clip"], made.person[test.to_numpy()]
    found = names.to_frame().assign(cluster=np.unique(person, return_inverse=True)[1])
    some = found.iloc[:-54]  # nobody knows who the last one is

    def decisions(individuals):
        done = calibrate(fused.views, fused.probabilities, made.clips, [10.0], individuals=individuals)
        return done.decisions[done.decisions["split"] == "test"].pivot(
            index="clip", columns="variant", values=list(CLASSES)
        ), done

    table, done = decisions(some)
    rest = names.iloc[-54:]
    for name in CLASSES:
        assert (table.loc[rest, (name, "global")] == table.loc[rest, (name, "person_offset")]).all()
    shared_, personal = (
        [table.loc[some["clip"], (name, variant)].tolist() for name in CLASSES]
        for variant in ("global", "person_offset")
    )
    assert shared_ != personal
    assert done.offsets["person"].tolist()[-3:] == ["test 0", "test 1", "test 2"]
    nobody, _ = decisions(found.iloc[:0])
    assert all((nobody[name, "global"] == nobody[name, "person_offset"]).all() for name in CLASSES)
    off, _ = decisions(None)
    assert ("ang", "person_offset") not in off.columns


def test_offsets_of_test_individuals_use_no_label_of_test_clips():
    made = simulate(Settings(persons=10, new_persons=2, encoders=2), 2)
    assert made.clips.loc[made.clips["split"] == "test", "emotion_1"].isna().all()
    assert FINAL not in set(made.clips["fold"][made.clips["split"] == "train"])
