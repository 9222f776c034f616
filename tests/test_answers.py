"""The answer of the largest expected Score: that of all 36 answers tried one by one, under any posterior."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from simulated import DECISIONS, problems

from blemore.scoring.answers import (
    ANSWERS,
    best_answers,
    blend_share_of,
    expected_scores,
    frequencies_of,
    mean_labels,
    numbers_of,
    worth,
)
from blemore.scoring.conditional import COEFFICIENTS, ConditionalLogit, blocks_of
from blemore.scoring.decoders import AUTO, KINDS, Decoder, choose, within_one_error
from blemore.scoring.labels import CLASSES
from blemore.scoring.logits import linear
from blemore.scoring.metrics import presence_correct, salience_correct, score
from blemore.scoring.rows import Rows
from joblineage.errors import DataError


def test_the_answers_are_all_that_a_decision_can_be():
    assert {tuple(map(float, row)) for row in ANSWERS} == set(DECISIONS)
    assert numbers_of(ANSWERS).tolist() == list(range(36))


def test_saliences_that_the_challenge_does_not_know_are_the_nearest_of_their_pair():
    rows = np.array([[60.0, 40, 0, 0, 0, 0], [61, 39, 0, 0, 0, 0], [0, 10, 0, 0, 90, 0], [100, 0, 0, 0, 0, 0]])
    assert ANSWERS[numbers_of(rows)].tolist() == [
        [50, 50, 0, 0, 0, 0],
        [70, 30, 0, 0, 0, 0],
        [0, 30, 0, 0, 70, 0],
        [100, 0, 0, 0, 0, 0],
    ]


def test_an_answer_that_training_never_shows_is_rare_and_not_impossible():
    frequencies = frequencies_of(ANSWERS[[0, 0, 7]])
    assert frequencies.sum() == pytest.approx(1)
    assert 0 < frequencies[1] < frequencies[7] < frequencies[0]
    assert 1 / 3 < blend_share_of(frequencies) < 0.75


@pytest.mark.thorough
@settings(max_examples=60)
@given(st.integers(0, 10**6), st.floats(0.05, 1.0))
def test_no_other_answer_has_a_larger_expected_score(seed, share):
    draw = np.random.default_rng(seed)
    posterior = draw.dirichlet(np.full(36, 0.3), 4)
    best = best_answers(posterior, share)

    def expected(k: int, answer: np.ndarray) -> float:  # written anew, answer by answer
        right = sum(p for p, one in zip(posterior[k], ANSWERS, strict=True) if ((one > 0) == (answer > 0)).all())
        exact = sum(p for p, one in zip(posterior[k], ANSWERS, strict=True) if (one == answer).all())
        return 0.5 * right + (0.5 * exact / share if (answer > 0).sum() == 2 else 0)

    values = np.array([[expected(k, answer) for answer in ANSWERS] for k in range(4)])
    assert values[np.arange(4), best] == pytest.approx(values.max(axis=1))
    presence, salience, whole = expected_scores(posterior, best, share)
    assert whole == pytest.approx(values.max(axis=1).mean())
    assert whole == pytest.approx((presence + salience) / 2)


def test_the_expected_accuracies_are_met_by_labels_drawn_from_the_posterior():
    draw = np.random.default_rng(3)
    posterior = draw.dirichlet(np.full(36, 0.2), 40_000)
    share = posterior[:, 6:].sum() / len(posterior)
    said = best_answers(posterior, share)
    truth = ANSWERS[(posterior.cumsum(axis=1) > draw.random((len(posterior), 1))).argmax(axis=1)]
    presence, salience, _ = expected_scores(posterior, said, share)
    assert presence_correct(ANSWERS[said], truth).mean() == pytest.approx(presence, abs=0.01)
    blends = (truth > 0).sum(axis=1) == 2
    assert salience_correct(ANSWERS[said], truth).sum() / blends.sum() == pytest.approx(salience, abs=0.01)


def test_what_an_answer_is_worth_adds_up():
    posterior = np.random.default_rng(0).dirichlet(np.ones(36), 5)
    presence, salience = worth(posterior, 1.0)
    assert presence[:, :6].sum(axis=1) + presence[:, 6::3].sum(axis=1) == pytest.approx(1)
    assert salience[:, 6:] == pytest.approx(posterior[:, 6:])
    assert mean_labels(posterior).sum(axis=1) == pytest.approx(1)
    assert mean_labels(np.eye(36)) == pytest.approx(ANSWERS / 100)


def test_each_answer_s_logit_is_made_of_its_own_classes():
    z = np.log(np.random.default_rng(1).dirichlet(np.ones(6), 3))
    z -= z.mean(axis=1, keepdims=True)
    blocks = blocks_of(np.exp(z) / np.exp(z).sum(axis=1, keepdims=True))
    numbers = dict(zip(COEFFICIENTS, [2.0, 3.0, 5.0, 7.0, 11.0, 0.1, 0.2, 0.3], strict=True))
    logits = linear(blocks, np.array(list(numbers.values())))
    place = {tuple(row): k for k, row in enumerate(ANSWERS.tolist())}
    assert logits[:, place[0, 100, 0, 0, 0, 0]] == pytest.approx(2 * z[:, 1])
    assert logits[:, place[0, 0, 0, 0, 0, 100]] == pytest.approx(3 * z[:, 5] + 0.1)
    assert logits[:, place[50, 0, 0, 50, 0, 0]] == pytest.approx(5 * (z[:, 0] + z[:, 3]) + 0.2)
    assert logits[:, place[0, 70, 0, 0, 30, 0]] == pytest.approx(7 * z[:, 1] + 11 * z[:, 4] + 0.3)
    assert logits[:, place[0, 30, 0, 0, 70, 0]] == pytest.approx(7 * z[:, 4] + 11 * z[:, 1] + 0.3)


def made_up(seed: int, clips: int = 400) -> Rows:
    draw = np.random.default_rng(seed)
    truth = ANSWERS[draw.integers(0, 36, clips)].astype(float)
    values = np.exp(3 * truth / 100 + draw.normal(0, 0.7, truth.shape))
    person = np.arange(clips) % 20
    return Rows(values / values.sum(axis=1, keepdims=True), truth, person % 5, person, tuple(map(str, range(20))))


def test_a_fit_makes_the_labels_likelier_than_any_other_coefficients_near_it():
    rows = made_up(2)
    fitted = ConditionalLogit.fit(rows.values, rows.truth)
    at = np.arange(len(rows)), numbers_of(rows.truth)

    def objective(coefficients: np.ndarray) -> float:
        one = ConditionalLogit(coefficients, fitted.blend_share).posterior(rows.values)[at]
        return -np.log(one).sum() + 0.5e-3 * len(rows) * (coefficients**2).sum()

    draw = np.random.default_rng(0)
    best = objective(fitted.coefficients)
    assert all(best <= objective(fitted.coefficients + draw.normal(0, 0.02, 8)) + 1e-9 for _ in range(50))
    near = ConditionalLogit.fit(rows.values[:300], rows.truth[:300], like=fitted).coefficients
    assert near == pytest.approx(ConditionalLogit.fit(rows.values[:300], rows.truth[:300]).coefficients, abs=1e-4)


@settings(max_examples=25)
@given(problems(min_rows=2))
def test_any_probabilities_are_decided_by_every_kind(problem):
    probabilities, truth = problem
    for kind, fit in KINDS.items():
        decoder = Decoder(kind, fit(probabilities, truth))
        said = decoder.decide(probabilities)
        assert {tuple(map(float, row)) for row in said} <= set(DECISIONS)
        again = Decoder.from_json(decoder.to_json())
        np.testing.assert_array_equal(again.decide(probabilities), said)


def test_expected_is_taken_unless_another_is_better_by_more_than_one_standard_error():
    rows = made_up(4)
    kind, table = choose(rows, AUTO)
    assert kind == "expected"
    assert set(table) == set(KINDS)
    assert choose(rows, "official") == ("official", {})
    assert choose(rows.where(rows.fold == 1), AUTO) == ("expected", {})
    worse, right = np.roll(rows.truth, 1, axis=1), rows.truth
    slightly = np.where((np.arange(len(rows)) % 50 == 0)[:, None], worse, right)
    assert within_one_error({"expected": worse, "exact": right}, rows)[0] == "exact"
    assert within_one_error({"expected": right, "exact": right}, rows)[0] == "expected"
    found, table = within_one_error({"expected": slightly, "exact": right}, rows)
    assert table["expected"]["behind"] > 0
    assert (found == "expected") == (table["expected"]["behind"] <= table["expected"]["standard_error"])


def test_it_beats_thresholds_where_the_model_holds():
    learned, new = made_up(6, 2000), made_up(7, 4000)
    reached = {
        kind: score(fit(learned.values, learned.truth).decide(new.values), new.truth) for kind, fit in KINDS.items()
    }
    assert reached["expected"] > reached["exact"] + 0.005


@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        {},
        {"decoder": "expected"},
        {"decoder": "exact", "alpha": "x", "beta": 1},
        {"decoder": "no", "alpha": 0, "beta": 0},
    ],
)
def test_a_file_that_holds_no_decoder_is_refused_by_name(value):
    with pytest.raises(DataError, match=r"(?s)given\.json.*is no decoder"):
        Decoder.from_json(value, "given.json")


def test_what_learned_from_single_emotions_alone_gives_no_blend_a_probability_and_never_answers_with_one():
    generator = np.random.default_rng(3)
    values, truth = generator.dirichlet(np.ones(6), 200), 100.0 * np.eye(6)[generator.integers(0, 6, 200)]
    logit = ConditionalLogit.fit(values, truth)
    again = ConditionalLogit.from_json(logit.to_json())
    close = np.array([[0.5, 0.5, 0, 0, 0, 0], [0, 0.34, 0.33, 0.33, 0, 0]])
    assert (again.posterior(close)[:, 6:] == 0).all()
    np.testing.assert_allclose(again.posterior(close).sum(axis=1), 1)
    assert (again.decide(np.concatenate([close, values])).max(axis=1) == 100).all()
    rows = Rows.of(
        pd.DataFrame(
            {
                "clip": [f"c{k}" for k in range(200)],
                "person": [f"p{k % 4}" for k in range(200)],
                "fold": np.arange(200) % 2,
                "split": "train",
                "emotion_1": [CLASSES[k] for k in truth.argmax(axis=1)],
                "emotion_2": None,
                "emotion_1_salience": 100.0,
                "emotion_2_salience": None,
            }
        ),
        values,
    )
    assert choose(rows, AUTO) == ("expected", {})
