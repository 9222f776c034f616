"""What stands beside the headline: ties, sets that are never right, the calibration error; each counted once more in plain loops."""

import re
from pathlib import Path

import numpy as np
import pytest
from jackknife import interval
from simulated import study

from blemore.evaluate.gains import _beyond
from blemore.evaluate.optimism import _methods, _sets
from blemore.evaluate.reliability import reliability
from blemore.evaluate.summary import PROTOCOL
from blemore.scoring.decoding import tied, top_two
from blemore.scoring.labels import CLASSES
from blemore.scoring.metrics import score
from blemore.scoring.persons import sums_of_persons
from blemore.scoring.rows import Rows
from blemore.tables import labelled


def test_a_row_is_tied_where_an_order_of_equal_values_would_change_the_two_largest_or_which_is_larger():
    values = np.round(np.random.default_rng(1).dirichlet(np.ones(6), 300) / 0.05) * 0.05
    found = tied(values)
    for row, said in zip(values, found, strict=True):
        first, second, *_ = top_two(row[None])
        backwards = row[None, ::-1]
        one, two, *_ = top_two(backwards)
        assert said == ((first[0], second[0]) != (5 - one[0], 5 - two[0]) and row[second[0]] > 0)
    assert 20 < found.sum() < 280
    assert not tied(np.zeros((1, 6))).any()


def test_the_calibration_error_and_its_interval_are_those_of_plain_loops():
    clips, tables = study(persons=6, seed=2)
    rows = Rows.of(labelled(clips))
    values, found = rows.lookup(tables["e0"]), reliability(tables["e0"], clips, None)

    def error(kept):
        total = 0.0
        for k in range(6):
            for tenth in range(10):
                inside = kept & (np.minimum((values[:, k] * 10).astype(int), 9) == tenth)
                total += abs(values[inside, k].sum() - rows.soft[inside, k].sum())
        return total / (6 * kept.sum())

    assert found["expected_calibration_error"] == pytest.approx(error(rows.fold >= 0))
    assert found["interval"] == pytest.approx(interval(rows, error))
    assert found["persons"] == 6


def test_sets_are_counted_with_how_often_they_are_right():
    clips, _ = study(persons=4, folds=2, seed=2)
    rows = Rows.of(labelled(clips))
    said = rows.truth.copy()
    angry = (rows.truth[:, 0] == 100).nonzero()[0]
    said[angry] = np.eye(6)[5] * 100
    found = _sets(rows, said)
    assert found["ang"] == {"clips": len(angry), "right": 0}
    assert all(one["right"] == one["clips"] for name, one in found.items() if name != "ang")
    assert [*found][:6] == [*CLASSES]
    assert sum(one["clips"] for one in found.values()) == len(rows)


def several_decisions(rows: Rows, shares: tuple[float, ...]) -> list[np.ndarray]:
    """Saliences (n, 6) of which about these shares are right."""
    rng = np.random.default_rng(3)
    return [np.where(rng.random((len(rows), 1)) < one, rows.truth, np.roll(rows.truth, 7, axis=0)) for one in shares]


def test_a_way_to_fuse_is_held_against_the_plain_mean_by_what_each_person_left_out_changes():
    rows = Rows.of(labelled(study(persons=6, seed=2)[0]))
    plain, other = several_decisions(rows, (0.3, 0.5))
    made = {("uniform", "nested"): plain, ("logpool", "nested"): other}
    made |= {(name, "in_sample"): said for (name, _), said in made.items()}
    found = _methods(rows, made)
    assert found["uniform"]["over_uniform"] is None
    over = found["logpool"]["over_uniform"]

    def gain(kept):
        return score(other[kept], rows.truth[kept]) - score(plain[kept], rows.truth[kept])

    assert over["gain"]["score"] == pytest.approx(gain(rows.fold >= 0))
    assert over["interval"] == pytest.approx(interval(rows, gain))
    del made["uniform", "nested"]
    assert _methods(rows, made)["logpool"]["over_uniform"] is None  # no candidate: nothing to hold it against


def test_the_gain_beyond_a_control_has_the_interval_of_leaving_persons_out():
    rows = Rows.of(labelled(study(persons=6, seed=2)[0]))
    said = several_decisions(rows, (0.3, 0.6, 0.3, 0.4))
    before, after, control_before, control_after = (sums_of_persons(rows, one) for one in said)
    found = _beyond(np.stack([before, after]), np.stack([control_before, control_after]))

    def beyond(kept):
        alone, together, *control = (score(one[kept], rows.truth[kept]) for one in said)
        return together - alone - (control[1] - control[0])

    assert found["difference"] == pytest.approx(beyond(rows.fold >= 0))
    assert found["interval"] == pytest.approx(interval(rows, beyond))


def test_the_coverage_that_the_protocol_states_is_the_one_that_was_measured():
    measured = (Path(__file__).parents[1] / "benchmarks/README.md").read_text()
    for persons, share in zip((8, 11, 47), re.findall(r"\.(\d{3})", PROTOCOL["interval"]), strict=True):
        assert f"| {persons} | Score | 0.{share} |" in measured
