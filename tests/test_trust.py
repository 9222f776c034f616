"""Clusters stand in for persons only where they gain more than clusters of chance."""

import json
from dataclasses import replace

import numpy as np
import pytest
from simulated import PERSONAL, true_clusters

from blemore.decide.chains import inductive, transductive
from blemore.decide.personal.choice import choose
from blemore.decide.run import calibrate, rows_of_views
from blemore.decide.trust import ALONE, FEWEST_PERSONS, by_clusters, trust
from blemore.fusion.run import fuse
from blemore.scoring.model_name import FINAL
from blemore.scoring.rows import Rows
from blemore.seeds import generator
from blemore.simulation.study import Settings, Study, simulate

STYLED = Settings(persons=15, folds=3, new_persons=2, encoders=2, offset_sd=0.9)


@pytest.fixture(scope="module")
def made() -> Study:
    return simulate(STYLED, 3)


@pytest.fixture(scope="module")
def fused(made):
    return fuse(made.tables, made.clips, {"method": "uniform", "scaling": True})


@pytest.fixture(scope="module")
def rows(made, fused) -> Rows:
    return rows_of_views(fused.views, made.clips)


def random_within_folds(rows: Rows, name: str) -> np.ndarray:
    """(n,) as many clusters of the persons' sizes in each fold, of clips that nothing joins."""
    found = rows.person.copy()
    for fold in rows.folds:
        found[rows.fold == fold] = generator(f"{name}/{fold}").permutation(found[rows.fold == fold])
    return found


@pytest.mark.thorough
def test_true_persons_are_trusted_and_random_clusters_are_not(rows):
    view = rows.view(FINAL)
    chosen = choose(view, PERSONAL)
    verdict = trust(view, view.person, chosen, draws=5, name="a")
    assert verdict
    assert all(difference > 2 * error > 0 for difference, error in verdict.over.values())
    for name in "bcd":
        assert not trust(view, random_within_folds(rows, name), chosen, draws=5, name="a")
    one_a_fold = trust(view, view.fold, chosen, draws=2, name="a")
    assert one_a_fold.over["one_cluster"] == (0, 0)
    assert not one_a_fold


@pytest.mark.thorough
def test_nothing_is_trusted_where_nothing_can_be_compared(rows):
    view = rows.view(FINAL)
    nobody = np.full(len(rows), ALONE)
    few = np.where(view.person < FEWEST_PERSONS - 1, view.person, ALONE)
    for options, clusters in (({"candidates": []}, view.person), ({}, nobody), ({}, few)):
        verdict = trust(view, clusters, choose(view, PERSONAL | options), draws=2, name="a")
        assert verdict.to_json() == {"trusted": False, "over": {}}


@pytest.mark.thorough
def test_trust_in_a_folds_clusters_knows_nothing_of_the_fold(rows):
    """Neither its labels nor its clusters decide whether, and how, its clips are decided together."""
    clusters = dict.fromkeys(rows.outers, rows.person)
    own = rows.fold == 1
    truth = rows.truth.copy()
    truth[own] = np.roll(truth[own], 7, axis=0)
    turned = clusters | {FINAL: np.where(own, random_within_folds(rows, "e"), rows.person)}
    turned |= {1: np.where(own, 0, rows.person)}

    def decided(rows: Rows, clusters):
        base = inductive(rows, "expected")
        return by_clusters(rows, base, transductive(rows, base, PERSONAL), clusters, draws=2, seed=1)

    before, relabelled, regrouped = (
        decided(rows, clusters),
        decided(replace(rows, truth=truth), clusters),
        decided(rows, turned),
    )
    assert before.models[1]
    assert before.models[1].over == relabelled.models[1].over == regrouped.models[1].over
    assert np.array_equal(before.saliences[own], relabelled.saliences[own])
    assert not np.array_equal(before.saliences[own], regrouped.saliences[own])


@pytest.mark.thorough
def test_by_true_clusters_training_clips_gain_what_persons_gain(made, fused):
    def calibrated(individuals):
        return calibrate(
            fused.views,
            fused.probabilities,
            made.clips,
            decoding="expected",
            personal=PERSONAL,
            individuals=individuals,
        ).trust

    found = calibrated(true_clusters(made.clips, made.person))
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert found["trusted"]
    assert all(fold["trusted"] for fold in found["folds"].values())
    assert found["interval"][0] > 0
    assert found["interval"][0] < found["gain"]["score"] < found["interval"][1]
    assert found["persons"] == 15
    nothing = calibrated(true_clusters(made.clips, made.person).query("split == 'test'"))
    assert (nothing["trusted"], nothing["gain"]["score"], nothing["interval"]) == (False, 0, [0, 0])
