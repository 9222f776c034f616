"""Whether a person shows the usual mix of answers is seen without a label, and decides how much is made of it."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from blemore.decide.controls import random_mixture
from blemore.decide.personal import discriminant
from blemore.decide.personal.balancing import nothing_known, usual_clips
from blemore.decide.personal.choice import choose, in_parts
from blemore.decide.personal.schedule import FEWEST_PERSONS, UNUSUAL, Schedule, departures
from blemore.decide.run import rows_of_views
from blemore.fusion.run import fuse
from blemore.scoring.model_name import FINAL
from blemore.scoring.rows import Rows
from blemore.simulation.study import Settings, simulate

STYLED = Settings(persons=40, folds=3, encoders=4, strongest=1.2, weakest=0.8)


@cache
def rows_of(settings: Settings, seed: int) -> Rows:
    made = simulate(settings, seed)
    fused = fuse(made.tables, made.clips, {"method": "uniform", "scaling": True})
    return rows_of_views(fused.views, made.clips).view(FINAL)


@pytest.fixture(scope="module")
def learned() -> Rows:
    return rows_of(STYLED, 1)


@pytest.fixture(scope="module")
def schedule(learned) -> Schedule:
    """Each person's departure by a model of the other folds, as `choose` makes it."""
    shown, clips = [], []
    for fold in learned.folds:
        model = discriminant.fit(learned.where(learned.fold != fold), 20)
        inside = learned.where(learned.fold == fold)
        parts = departures(model, inside.values, np.unique(inside.person, return_inverse=True)[1])
        shown.append(parts[0])
        clips.append(parts[1])
    model = discriminant.fit(learned, 20)
    return Schedule.of(model, usual_clips(learned.person), np.concatenate(shown), np.cov(np.concatenate(clips).T))


@pytest.mark.thorough
def test_persons_with_another_mix_look_unusual_and_are_trusted_less(schedule):
    usual, odd = rows_of(STYLED, 2), rows_of(replace(STYLED, schedule="random"), 2)
    expected, other = (schedule.usualness(rows.values, rows.person) for rows in (usual, odd))
    assert (expected <= UNUSUAL).mean() <= 0.15
    assert (other <= UNUSUAL).mean() >= 0.5
    trusted, less = (schedule.trusted(rows.values, rows.person, nothing_known(len(rows))) for rows in (usual, odd))
    assert trusted.shape == (40, 1)
    assert np.median(trusted) == 1
    assert np.median(less) < 0.5
    assert ((less > 0) & (less <= 1)).all()


@pytest.mark.thorough
@pytest.mark.parametrize("clips", [3, 10, 25])
def test_a_few_clips_of_the_usual_mix_do_not_look_unusual(schedule, clips):
    """Their mix differs by chance, which is counted in: no more look unusual than whole persons do."""
    usual = rows_of(STYLED, 3)
    found = schedule.usualness(usual.values, in_parts(usual.person, clips, "few"))
    assert (found <= UNUSUAL).mean() <= 0.15


def test_labels_of_a_person_s_clips_count_in_what_the_person_shows(schedule, learned):
    own = learned.where(learned.person == 0)
    who, sad = np.zeros(len(own), int), np.full(len(own), 4)
    unknown = schedule.trusted(own.values, who, nothing_known(len(own)))
    assert schedule.trusted(own.values, who, sad)[0, 0] < unknown[0, 0]


def test_with_few_training_persons_nobody_looks_unusual(schedule, learned):
    few = Schedule.of(schedule.model, 54.0, np.ones((FEWEST_PERSONS - 1, 6)), schedule.clips)
    assert np.isnan(few.usualness(learned.values, learned.person)).all()
    assert (few.trusted(learned.values, learned.person, nothing_known(len(learned))) == 1).all()


@given(st.lists(st.integers(0, 6), min_size=1, max_size=60), st.integers(1, 9))
def test_parts_hold_clips_of_one_person_and_all_but_the_last_are_full(person, clips):
    person = np.array(person)
    part = in_parts(person, clips, "a")
    assert sorted(set(part.tolist())) == list(range(part.max() + 1))
    for one in np.unique(person):
        sizes = np.unique(part[person == one], return_counts=True)[1]
        assert sizes.sum() == (person == one).sum()
        assert sorted(sizes)[1:] == [clips] * (len(sizes) - 1)
    assert all(len(set(person[part == one])) == 1 for one in range(part.max() + 1))


@pytest.mark.thorough
@pytest.mark.parametrize(("sd", "low", "high"), [(0.9, 1, 1), (0.0, 2, 3)])
def test_the_power_is_one_with_style_and_more_without(sd, low, high):
    rows = rows_of(replace(STYLED, offset_sd=sd, gain_sd=sd / 2), 4)
    options = {"candidates": ["offset"], "kappas": [2], "weights": [20], "ks": [2], "powers": [1, 2, 3]}
    assert low <= choose(rows, options).model.choice.power <= high


def test_random_mixtures_leave_everybody_something_and_another_mix(learned):
    kept = random_mixture(learned, "a")
    assert np.array_equal(kept, random_mixture(learned, "a"))
    assert set(learned.person[kept]) == set(range(40))
    whole = learned.soft.mean(axis=0)
    off = [np.abs(learned.soft[kept & (learned.person == who)].mean(axis=0) - whole).max() for who in range(40)]
    assert np.median(off) > 0.15
