"""Deciding a person's clips together: it gains with style, its controls do not, and no label of the person is used."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from simulated import PERSONAL, study, true_clusters

from blemore.decide import chains
from blemore.decide.chains import decide_together, inductive, transductive
from blemore.decide.controls import groups_of_same_mix, one_group, permuted_labels, random_groups
from blemore.decide.personal import discriminant, offset
from blemore.decide.personal.balancing import Balanced, nothing_known
from blemore.decide.personal.choice import OFF, Choice, Fitted, choose
from blemore.decide.run import calibrate, rows_of_views
from blemore.evaluate.gains import CONTROLS, gain, style
from blemore.fusion.run import fuse
from blemore.scoring.answers import ANSWERS, frequencies_of, numbers_of
from blemore.scoring.labels import CLASSES
from blemore.scoring.metrics import score
from blemore.scoring.model_name import FINAL
from blemore.scoring.persons import SumsOfPersons, settle
from blemore.scoring.rows import Rows
from blemore.simulation.study import Settings, simulate
from joblineage.errors import DataError

FUSION = {"method": "uniform", "scaling": True}
ALL = {"candidates": ["offset", "discriminant", "both"], "kappas": [2], "weights": [20], "ks": [5], "powers": [1, 2]}
STYLED = Settings(persons=15, folds=3, encoders=3, offset_sd=0.9, strongest=1.2, weakest=0.8)


def problem(settings: Settings = STYLED, seed: int = 1) -> Rows:
    made = simulate(settings, seed)
    fused = fuse(made.tables, made.clips, FUSION)
    return rows_of_views(fused.views, made.clips)


@pytest.fixture(scope="module")
def styled() -> Rows:
    return problem()


@pytest.fixture(scope="module")
def alone(styled):
    return inductive(styled, "expected")


def test_a_constant_of_zero_says_that_it_is_full_strength():
    assert str(Choice("offset", kappa=0, k=5, power=2)) == "offset (kappa 0: full strength, k 5, power 2)"
    assert (
        str(Choice("both", kappa=2, weight=20, k=0, power=1))
        == "both (kappa 2, weight 20, k 0: full strength, power 1)"
    )
    assert str(Choice()) == "off"


@pytest.mark.thorough
def test_with_style_it_gains_and_its_controls_do_not(styled):
    found = gain(styled, ALL, decoding="auto", controls=2, seed=1)
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert found["gain"]["score"] > 0.04
    assert found["interval"][0] > 0
    assert set(found["controls"]) == set(CONTROLS)
    # Groups within a fold share the style that the fold's few persons have in common.
    means = {name: abs(control["mean"]) for name, control in found["controls"].items()}
    assert max(means.values()) < found["gain"]["score"] / 2
    assert max(means["random_groups"], means["permuted_labels"]) < found["gain"]["score"] / 4
    for control in found["controls"].values():
        beyond = control["beyond"]
        assert beyond["difference"] == pytest.approx(found["gain"]["score"] - control["mean"], abs=0.002)
        assert 0 < beyond["interval"][0] < beyond["difference"] < beyond["interval"][1]
    assert (found["clips"], found["persons"]) == (15 * 54, 15)
    assert set(found["chosen"]["folds"]) == set("012")


@pytest.mark.thorough
@pytest.mark.parametrize("kind", ["offset", "discriminant", "both"])
def test_every_kind_of_model_gains_with_style(styled, alone, kind):
    decided = transductive(styled, alone, ALL | {"candidates": [kind]}, styled.folds)
    assert {one.model.choice.kind for one in decided.models.values()} == {kind}
    assert score(decided.saliences, styled.truth) > score(alone.saliences, styled.truth) + 0.03
    assert decided.posterior.sum(axis=1) == pytest.approx(1)


def test_style_is_wider_than_in_random_groups_and_absent_without_style(styled):
    def widths(rows: Rows) -> list[float]:
        found = style(rows, draws=3, seed=1)
        return [np.mean(list(found[which].values())) for which in ("offset_sd", "offset_sd_random")]

    own, random = widths(styled)
    assert own > 1.5 * random
    own, random = widths(groups_of_same_mix(styled, "a"))
    assert own == pytest.approx(random, rel=0.2)


def test_random_groups_of_the_same_mix_show_what_their_persons_show(styled):
    mixed = groups_of_same_mix(styled, "a")
    assert not np.array_equal(mixed.person, styled.person)
    shown = [np.unique([rows.person, numbers_of(rows.truth)], axis=1, return_counts=True) for rows in (mixed, styled)]
    for one, other in zip(*shown, strict=True):
        np.testing.assert_array_equal(one, other)


def test_off_decides_as_each_clip_by_itself(styled, alone):
    decided = transductive(styled, alone, ALL | {"candidates": []}, styled.folds)
    assert {one.model.choice.kind for one in decided.models.values()} == {OFF}
    assert np.array_equal(decided.saliences, alone.saliences)
    assert np.array_equal(decided.posterior, alone.posterior)


@pytest.mark.thorough
@pytest.mark.parametrize("of", ["inductive", "transductive"])
def test_no_decision_of_a_fold_changes_with_labels_of_that_fold(styled, of):
    def decided(rows: Rows) -> chains.Decided:
        base = inductive(rows, "expected", [1, 2])
        return base if of == "inductive" else transductive(rows, base, ALL, [1, 2])

    truth, own = styled.truth.copy(), np.flatnonzero(styled.fold == 1)
    truth[own] = truth[own][::-1]
    before, after = decided(styled), decided(replace(styled, truth=truth))
    assert np.array_equal(before.saliences[own], after.saliences[own])
    assert np.array_equal(before.posterior[own], after.posterior[own])
    other = styled.fold == 2
    assert not np.array_equal(before.posterior[other], after.posterior[other])


@pytest.mark.thorough
def test_a_person_is_decided_the_same_alone_and_among_others(styled):
    model = choose(styled.view(0).where(styled.fold != 0), ALL).model
    shown = styled.view(0).where(styled.fold == 0)
    _, together = decide_together(model, shown.values, shown.person)
    for person in np.unique(shown.person):
        own = shown.person == person
        _, by_itself = decide_together(model, shown.values[own], shown.person[own])
        assert by_itself == pytest.approx(together[own], abs=2e-3)


@pytest.mark.thorough
def test_a_fitted_model_survives_its_file_and_anything_else_is_refused(styled):
    for kind in ("offset", "discriminant", "both"):
        model = choose(styled.view(0), ALL | {"candidates": [kind]}).model
        text = json.dumps(model.to_json(), allow_nan=False)
        again = Fitted.from_json(json.loads(text))
        values, who = styled.values[0][:60], styled.person[:60] - styled.person[:60].min()
        who = np.unique(who, return_inverse=True)[1]
        np.testing.assert_array_equal(again.posterior(values, who), model.posterior(values, who))
        broken = json.loads(text)
        del broken["logit"]
        for value in (
            broken,
            {"model": "both"},
            {},
            [],
            None,
            json.loads(text) | {kind: {"prior": [1]}, "model": "no"},
        ):
            with pytest.raises(DataError, match=r"(?s)own\.json.*personal model"):
                Fitted.from_json(value, "own.json")


@settings(max_examples=20)
@given(st.integers(0, 10**6), st.integers(1, 4))
def test_balancing_brings_a_person_s_mean_posterior_to_the_frequencies(seed, persons):
    draw = np.random.default_rng(seed)
    posterior, who = draw.dirichlet(np.full(36, 0.7), 60 * persons), np.repeat(np.arange(persons), 60)
    frequencies = frequencies_of(ANSWERS)
    whole = Balanced(posterior, frequencies, who, nothing_known(len(who)), np.ones((persons, 1)))
    for person in range(persons):
        own = who == person
        off = np.abs(posterior[own].mean(axis=0) - frequencies).max()
        assert np.abs(whole.at(0)[own].mean(axis=0) - frequencies).max() < max(2e-3, off / 3)
    assert whole.at(np.inf) == pytest.approx(posterior, abs=1e-9)


@pytest.mark.thorough
@pytest.mark.parametrize("kind", ["offset", "discriminant", "both"])
def test_a_labelled_clip_is_certain_and_tells_of_the_others(styled, kind):
    rows = styled.view(0)
    model = choose(rows, ALL | {"candidates": [kind]}).model
    own = rows.where(rows.person == 0)
    who, answers = np.zeros(len(own), int), numbers_of(own.truth)
    known = np.where(np.arange(len(own)) % 3 == 0, answers, -1)
    posterior = model.posterior(own.values, who, known)
    assert (posterior[known >= 0] == np.eye(36)[known[known >= 0]]).all()
    assert not np.array_equal(posterior[known < 0], model.posterior(own.values, who)[known < 0])


@pytest.mark.parametrize("fit", [lambda rows: offset.fit(rows, 2), lambda rows: discriminant.fit(rows, 20)])
def test_a_person_with_one_clip_equal_clips_and_zeros_are_adapted_to(styled, fit):
    model = fit(styled.view(0))
    zeros = np.eye(6)[[0, 3, 5]]
    values = np.concatenate([styled.values[0][:1], np.full((5, 6), 1 / 6), zeros])
    who = np.array([0, 1, 1, 1, 1, 1, 2, 2, 2])
    posterior = model.adapted(values, who, nothing_known(len(who)), np.ones((3, 1))).at(5)
    assert np.isfinite(posterior).all()
    assert posterior.sum(axis=1) == pytest.approx(1)
    assert np.ptp(posterior[1:6], axis=0).max() < 1e-12


def test_a_model_of_one_person_expects_little_of_others(styled):
    rows = styled.view(0).where(styled.person == 3)
    for candidates in (["offset"], ["discriminant"], ["both"]):
        chosen = choose(rows, ALL | {"candidates": candidates})
        assert (chosen.model.choice.kind, chosen.likelihoods, chosen.left_out) == (
            OFF,
            {},
            {},
        )  # one fold: nothing can be chosen
    alone = discriminant.fit(rows, 20)
    assert np.isfinite(
        alone.adapted(rows.values, np.zeros(len(rows), int), nothing_known(len(rows)), np.ones((1, 1))).at(5)
    ).all()


def test_sums_of_persons_are_those_of_a_loop():
    draw = np.random.default_rng(0)
    who, values = draw.integers(0, 5, 30), draw.normal(size=(30, 3))
    who = np.where(who == 2, 4, who)  # nobody has the number 2
    sums = SumsOfPersons(who)
    assert sums(values) == pytest.approx(np.stack([values[who == k].sum(axis=0) for k in range(5)]))
    assert sums.clips[:, 0].tolist() == [max(1, int((who == k).sum())) for k in range(5)]
    assert SumsOfPersons(np.zeros(0, int))(np.zeros((0, 3))).shape == (0, 3)


def test_controls_keep_the_clips_and_take_the_persons_or_the_labels(styled):
    for mixed in (random_groups(styled, "a"), random_groups(styled, "a", within_folds=True)):
        assert np.array_equal(np.bincount(mixed.person), np.bincount(styled.person))
        assert not np.array_equal(mixed.person, styled.person)
    fold_of = {who: set(styled.fold[styled.person == who]) for who in range(15)}
    mixed = random_groups(styled, "a", within_folds=True)
    assert all(set(mixed.fold[mixed.person == who]) == fold_of[who] for who in range(15))
    assert np.array_equal(one_group(styled).person, styled.fold)
    dealt = permuted_labels(styled, "a")
    for fold in styled.folds:
        inside = styled.fold == fold
        assert not np.array_equal(dealt.truth[inside], styled.truth[inside])
        assert sorted(map(tuple, dealt.truth[inside])) == sorted(map(tuple, styled.truth[inside]))


def calibrated(clips, tables):
    fused = fuse(tables, clips, FUSION)
    return calibrate(fused.views, fused.probabilities, clips, decoding="auto", personal=ALL)


@pytest.mark.thorough
def test_a_person_with_one_clip_is_decided():
    clips, tables = study()
    gone = clips[(clips["person"] == "A103")].index[1:]
    tables = {name: table.drop(index=gone) for name, table in tables.items()}
    made = calibrated(clips.drop(index=gone), tables)
    assert (made.decisions["person"] == "A103").sum() == 2  # one clip, two variants


@pytest.mark.thorough
def test_a_fold_without_blends_and_a_class_missing_from_a_fold_are_no_reason_to_fail():
    clips, tables = study()
    gone = clips[(clips["fold"] == 1) & ((clips["mix"] == 1) | (clips["emotion_1"] == "fea"))].index
    tables = {name: table.drop(index=gone) for name, table in tables.items()}
    made = calibrated(clips.drop(index=gone), tables)
    assert set(made.models["inductive"]["folds"]) == set("012")


@pytest.mark.thorough
def test_probabilities_that_are_all_equal_are_decided_the_same_for_everybody():
    clips, tables = study()
    for table in tables.values():
        table[list(CLASSES)] = 1 / 6
    made = calibrated(clips, tables)
    for _, rows in made.decisions[made.decisions["fold"] == 0].groupby("variant"):
        assert len(rows[list(CLASSES)].drop_duplicates()) == 1


@pytest.mark.thorough
def test_new_individuals_are_decided_together_only_where_they_were_found():
    made = simulate(Settings(persons=12, folds=3, new_persons=4, encoders=2, offset_sd=0.9), 2)
    fused = fuse(made.tables, made.clips, FUSION)
    test = made.clips["split"] == "test"
    names = made.clips.loc[test, "clip"]
    found = true_clusters(made.clips, made.person)
    some = found[~found["clip"].isin(names.iloc[-54:])]  # nobody knows who the last one is

    def decisions(individuals):
        done = calibrate(
            fused.views, fused.probabilities, made.clips, decoding="auto", personal=PERSONAL, individuals=individuals
        )
        table = done.decisions[done.decisions["split"] == "test"]
        return table.pivot(index="clip", columns="variant", values=list(CLASSES)), done

    table, done = decisions(some)
    rest = names.iloc[-54:]
    for name in CLASSES:
        assert (table.loc[rest, (name, "inductive")] == table.loc[rest, (name, "transductive")]).all()
    by_itself, together = (
        [table.loc[names.iloc[:-54], (name, variant)].tolist() for name in CLASSES]
        for variant in ("inductive", "transductive")
    )
    assert by_itself != together
    assert done.offsets["person"].tolist()[-3:] == ["test 0", "test 1", "test 2"]
    assert done.trust["trusted"]
    draw = np.random.default_rng(0)
    shuffled = found.assign(cluster=found.groupby(["split", "outer"])["cluster"].transform(draw.permutation))
    for unknown in (found.iloc[:0], shuffled):
        nobody, untrusted = decisions(unknown)
        assert not untrusted.trust["trusted"]
        assert all((nobody[name, "inductive"] == nobody[name, "transductive"]).all() for name in CLASSES)
    types = {
        "person": "str",
        "fold": "int64",
        "clips": "int64",
        "usual": "float64",
        **dict.fromkeys(CLASSES, "float64"),
    }
    off, nothing = decisions(None)
    assert ("ang", "transductive") not in off.columns
    assert nothing.trust is None
    for one in (nothing, done):
        assert one.offsets.dtypes.astype(str).to_dict() == types


def test_decisions_of_test_individuals_use_no_label_of_test_clips():
    made = simulate(Settings(persons=10, new_persons=2, encoders=2), 2)
    assert made.clips.loc[made.clips["split"] == "test", "emotion_1"].isna().all()
    assert FINAL not in set(made.clips["fold"][made.clips["split"] == "train"])


@pytest.mark.parametrize("kind", ["offset", "discriminant", "balancing"])
def test_a_persons_posterior_does_not_depend_on_who_else_is_in_the_table(styled, kind):
    rows = styled.view(0)
    who = np.unique(rows.person, return_inverse=True)[1]
    fitted = discriminant.fit(rows, 20.0) if kind == "discriminant" else offset.fit(rows, 2.0)

    def posterior(clips: np.ndarray) -> np.ndarray:
        numbers = np.unique(who[clips], return_inverse=True)[1]
        share = np.ones((numbers.max() + 1, 1))
        model = fitted.adapted(rows.values[clips], numbers, nothing_known(clips.sum()), share)
        return model.at(5.0) if kind == "balancing" else model.posterior

    together = posterior(who >= 0)
    for person in range(0, who.max() + 1, 5):
        np.testing.assert_allclose(posterior(who == person), together[who == person], rtol=1e-12)


def test_each_person_settles_for_itself_and_a_number_without_a_clip_stays_zero():
    who, rounds = np.array([3, 0, 3, 1]), []

    def step(state, sums, clips):
        rounds.append((clips.tolist(), sums.clips[:, 0].tolist()))
        return state + 1, state[:, 0] + 1 >= who_ends[np.unique(who[clips])]

    who_ends = np.array([1, 2, 9, 4])
    assert settle(who, 1, 3, step, np.arange(4))[:, 0].tolist() == [1, 2, 0, 3]
    assert rounds == [([1, 3, 0, 2], [1, 1, 2]), ([3, 0, 2], [1, 2]), ([0, 2], [2])]
    assert settle(np.array([], dtype=int), 2, 3, step, np.arange(0)).shape == (0, 2)
