"""Intervals over persons hold the true value as often as they say, and are the jackknife's."""

import interval_coverage
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jackknife import interval
from scipy import stats

from blemore.audit.attribution.split import _shares, shapley
from blemore.scoring.intervals import counted, detectable, interval_over_persons, jackknife_error, t_quantile
from blemore.scoring.metrics import score
from blemore.scoring.persons import accuracies, gain_and_interval, sums_of_persons
from blemore.scoring.rows import Rows


@pytest.mark.thorough
@pytest.mark.parametrize("persons", interval_coverage.LEAST)
def test_intervals_of_few_persons_hold_the_true_value_as_often_as_they_say(persons):
    groups = 2000
    least = interval_coverage.LEAST[persons]
    for name, (covered, _) in interval_coverage.coverage(persons, groups, seed=1).items():
        assert covered[0] > least - 2 * np.sqrt(least * (1 - least) / groups), name


@settings(max_examples=40)
@given(st.floats(0.51, 0.999), st.integers(1, 300))
def test_the_quantile_of_t_is_scipys(probability, degrees):
    assert t_quantile(probability, degrees) == pytest.approx(stats.t.ppf(probability, degrees), rel=1e-9)


def test_the_interval_of_a_mean_is_that_of_students_t():
    values = np.random.default_rng(1).normal(size=9)
    found = interval_over_persons(lambda total: total[..., 0] / total[..., 1], np.stack([values, np.ones(9)], axis=-1))
    expected = stats.t.interval(0.9, 8, loc=values.mean(), scale=stats.sem(values))
    assert found == pytest.approx(expected)
    without = (values.sum() - values) / 8
    assert jackknife_error(without) == pytest.approx(stats.sem(values))


def test_persons_without_a_clip_do_not_count():
    sums = np.random.default_rng(1).integers(1, 20, (6, 4)).astype(float)
    more = np.insert(sums, [0, 3], 0.0, axis=0)
    assert counted(more).sum() == 6
    assert gain_and_interval(more, more * [2, 1, 3, 1]) == gain_and_interval(sums, sums * [2, 1, 3, 1])


def test_a_gain_is_paired_and_each_share_of_a_change_has_the_interval_of_leaving_persons_out():
    rng = np.random.default_rng(2)
    number, truth = 60, np.eye(6)[rng.integers(0, 6, 60)] * 100
    rows = Rows(np.zeros((number, 0)), truth, np.zeros(number, int), np.arange(number) % 7, tuple("abcdefg"))
    said = [
        np.where(rng.random((number, 1)) < right, truth, np.roll(truth, 1, axis=1)) for right in (0.2, 0.5, 0.4, 0.8)
    ]
    sums = np.stack([sums_of_persons(rows, one) for one in said], axis=1)  # (persons, sets, 4)
    low, high = interval_over_persons(_shares, sums)
    for k in range(2):
        expected = interval(
            rows, lambda kept, k=k: shapley(np.array([score(one[kept], truth[kept]) for one in said]))[k]
        )
        assert [low[k], high[k]] == pytest.approx(expected)
    gain = gain_and_interval(sums[:, 0], sums[:, 3])
    assert gain["interval"] == pytest.approx(
        interval(rows, lambda kept: score(said[3][kept], truth[kept]) - score(said[0][kept], truth[kept]))
    )
    assert gain["gain"]["score"] == accuracies(sums[:, 3].sum(axis=0))[2] - accuracies(sums[:, 0].sum(axis=0))[2]


@pytest.mark.parametrize("persons", [8, 11, 16, 47])
def test_a_detectable_difference_is_told_from_zero_in_four_of_five_studies(persons):
    reach = stats.t.ppf(0.95, persons - 1)  # with a standard error of 1
    found = detectable(np.array([-reach, reach]), persons)
    assert stats.nct.sf(reach, persons - 1, found) == pytest.approx(0.8, abs=0.01)
