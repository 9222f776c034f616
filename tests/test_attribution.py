"""What `blemore lineage diff --attribute` rests on, without runs: fair shares of a change, and the noise of chance."""

from dataclasses import replace
from math import factorial
from pathlib import Path

import numpy as np
import pytest
import simulated
import yaml
from hypothesis import given
from hypothesis import strategies as st

from blemore.audit.attribution.factors import draws_at_random
from blemore.audit.attribution.split import Noise, Share, Split, shapley
from blemore.fusion.base import Labelled
from blemore.params.parts import FUSION_METHOD

games = st.integers(0, 4).flatmap(lambda k: st.lists(st.floats(-9, 9), min_size=2**k, max_size=2**k)).map(np.array)


@given(games)
def test_the_shares_sum_to_the_whole(values):
    assert shapley(values).sum() == pytest.approx(values[-1] - values[0], abs=1e-9)


@given(games)
def test_factors_that_do_the_same_in_every_company_get_the_same_share(values):
    if len(values) < 4:
        return
    swapped = [s & ~3 | (s & 1) << 1 | (s & 2) >> 1 for s in range(len(values))]
    shares = shapley((values + values[swapped]) / 2)
    assert shares[0] == pytest.approx(shares[1], abs=1e-9)


@given(games)
def test_a_factor_that_never_changes_anything_gets_nothing_and_takes_nothing_from_others(values):
    shares = shapley(np.concatenate([values, values]))
    assert shares[-1] == 0
    assert shares[:-1] == pytest.approx(shapley(values), abs=1e-9)


def test_a_share_is_the_mean_of_what_a_factor_adds_over_all_orders():
    values = np.random.default_rng(1).normal(size=8)
    orders = [(0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)]
    adds = np.zeros(3)
    for order in orders:
        there = 0
        for one in order:
            adds[one] += values[there | 1 << one] - values[there]
            there |= 1 << one
    assert shapley(values) == pytest.approx(adds / factorial(3))


def test_a_change_within_what_other_seeds_do_is_called_noise():
    def said(change: float, width: float | None, methods: list[str]) -> str:
        split = Split(
            0.5, 0.5 + change, (0.5, 0.5 + change), [Share("e0", change, 0, 1)], 0, [], Noise(methods, 4, width)
        )
        return split.verdict()

    assert said(0.01, 0.02, ["greedy"]).startswith("noise: other seeds of greedy alone move the Score by up to 0.0200")
    assert said(-0.03, 0.02, ["greedy"]).startswith("more than noise: ")
    assert said(0.0, 0.02, ["greedy"]).startswith("the Score did not change")
    assert said(0.01, 0.0, []) == "noise of chance: none, no fusion method of these runs draws at random"
    assert said(0.01, None, ["greedy"]) == "noise of chance: not tried"


@pytest.mark.thorough
def test_the_methods_that_draw_at_random_are_those_that_change_with_their_name():

    clips, tables = simulated.study(persons=4, folds=2, encoders=4)
    train = (clips["split"] == "train").to_numpy()
    values = np.stack([table.loc[train, list(simulated.CLASSES)] for table in tables.values()])
    data = replace(Labelled.of(clips[train], values), families=("one",) * 4)
    names = FUSION_METHOD.names()
    options = yaml.safe_load((Path(__file__).parents[1] / "params.yaml").read_text())["fusion"]
    options["cmaes"]["evaluations"] = 40
    found = draws_at_random({"method": "auto", "candidates": names})
    for name in names:
        fitted = [FUSION_METHOD.load(name).fit(replace(data, name=seed), **options.get(name, {})) for seed in "123"]
        changes = any(not np.array_equal(fitted[0].apply(values), one.apply(values)) for one in fitted[1:])
        assert changes == (name in found), name
