"""Individuals of test clips are found by their faces, only where that is allowed; training clips are clustered as test clips are."""

import json
import logging
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import adjusted_rand_score

from blemore.individuals import run
from blemore.individuals.clustering import cut, merges
from blemore.individuals.quality import PersonClusters, agreement, best_threshold, fit, halves, purity
from blemore.individuals.space import PersonSpace
from blemore.params.parts import DESCRIPTOR
from blemore.params.permission import why_off
from blemore.tables import NO_FOLD
from demoactors.actor import Pose
from demoactors.expressions import UNITS
from demoactors.make import cast
from demoactors.style import generator
from joblineage.errors import DataError

APPROVED = {"by": "the board", "date": "2026-03-01", "basis": "consent"}
FOLDS = 4
ON = {"descriptor": "builtin", "approved": None, "dataset": "demo", "seed": 17}


def descriptors(sizes, seed: int = 0, apart: float = 3.0, numbers: int = 30) -> tuple[np.ndarray, np.ndarray]:
    """Descriptors (n, numbers) of persons with so many clips each, whose expressions vary along shared directions."""
    rng = np.random.default_rng(seed)
    expressions = np.random.default_rng(99).normal(size=(5, numbers))
    places = rng.normal(0, apart, (len(sizes), numbers))
    person = np.repeat([f"P{k:02d}" for k in range(len(sizes))], sizes)
    number = np.repeat(np.arange(len(sizes)), sizes)
    shown = rng.normal(0, 2, (len(person), 5)) @ expressions
    return places[number] + shown + rng.normal(size=(len(person), numbers)), person


def of_test(found: run.Individuals) -> pd.DataFrame:
    return found.clusters[found.clusters["split"] == "test"]


def clips_table(train: np.ndarray, test: int) -> pd.DataFrame:
    """Usable train clips of the persons `train` (n,), and so many test clips."""
    names = [f"{who}_{k:03d}" for k, who in enumerate(train)] + [f"test_{k:04d}" for k in range(test)]
    split = np.where(np.arange(len(names)) < len(train), "train", "test")
    person = [*train, *[None] * test]
    fold = np.concatenate([np.unique(train, return_inverse=True)[1] % FOLDS, np.full(test, NO_FOLD)])
    return pd.DataFrame({"clip": names, "split": split, "person": person, "fold": fold, "quarantine": ""})


def described_by(monkeypatch: pytest.MonkeyPatch, clips: pd.DataFrame, values: np.ndarray, faceless=()) -> None:
    """Let the descriptor give `values` (n, d) for the rows of `clips`."""
    usable = ~clips["clip"].isin(list(faceless)).to_numpy()
    made = SimpleNamespace(describe=lambda shards: (clips["clip"].tolist(), values, usable))
    monkeypatch.setattr(run, "DESCRIPTOR", SimpleNamespace(load=lambda name: made))


def simulated_study(
    monkeypatch, train_sizes, test_sizes, seed: int = 0, faceless=(), apart: float = 3.0
) -> tuple[pd.DataFrame, np.ndarray]:
    """A clips table whose descriptors are simulated, and who the test clips really show."""
    learned, person = descriptors(train_sizes, seed, apart)
    shown, truth = descriptors(test_sizes, seed + 1, apart)
    clips = clips_table(person, sum(test_sizes))
    described_by(monkeypatch, clips, np.concatenate([learned, shown]), faceless)
    return clips, truth


@cache
def fit_once(values: bytes, person: tuple[int, ...], numbers: int, *, seed: str) -> PersonClusters:
    return fit(np.frombuffer(values).reshape(-1, numbers), np.array(person), seed=seed)


@pytest.fixture
def fitted_once(monkeypatch) -> None:
    """Let tests share what the same training persons teach, which takes longer than all else."""

    def known(values, person, *, seed):
        return fit_once(values.tobytes(), tuple(person), values.shape[1], seed=seed)

    monkeypatch.setattr(run, "fit", known)


@pytest.mark.thorough
@given(st.integers(0, 10_000), st.lists(st.integers(1, 30), min_size=2, max_size=9))
@settings(max_examples=10)
def test_persons_of_any_number_and_any_size_are_told_apart(seed, sizes):
    """In most draws: now and then chance makes two persons with a clip each look alike (7 of 100 such pairs)."""
    fitted, found = fit(*descriptors([12] * 8, seed=seed + 1), seed="s"), []
    for draw in range(seed, seed + 5):
        values, truth = descriptors(sizes, seed=draw + 20_000)
        found.append(adjusted_rand_score(truth, fitted.clusters(values)))
    assert np.median(found) >= 0.95


def test_a_person_with_one_clip_stays_apart_from_one_with_sixty():
    learned, person = descriptors([20] * 8, seed=1)
    values, truth = descriptors([60, 1, 1], seed=2)
    clusters = fit(learned, person, seed="s").clusters(values)
    assert len(np.unique(clusters)) == 3
    assert purity(truth, clusters) == 1


def test_one_person_is_one_cluster():
    learned, person = descriptors([20] * 8, seed=1)
    values, _ = descriptors([40], seed=2)
    assert fit(learned, person, seed="s").clusters(values).tolist() == [0] * 40


def test_one_clip_is_one_cluster():
    learned, person = descriptors([20] * 8, seed=1)
    assert fit(learned, person, seed="s").clusters(learned[:1]).tolist() == [0]


def test_what_varies_within_persons_is_learned_from_persons():
    learned, person = descriptors([20] * 8, seed=1, apart=1.0)
    values, truth = descriptors([20] * 6, seed=2, apart=1.0)
    before, after = learned, PersonSpace().fit(learned, person).transform(learned)
    assert loudest(after, person) < 1.2  # of variance 1 within persons, on the whole
    assert loudest(before, person) > 10 * loudest(after, person)
    clusters = fit(learned, person, seed="s").clusters(values)
    plain = cut(merges(values - values.mean(axis=0), np.ones(values.shape[1])), 0.0)
    assert adjusted_rand_score(truth, clusters) > adjusted_rand_score(truth, plain) + 0.2


def loudest(values: np.ndarray, person: np.ndarray) -> float:
    """Greatest variance within persons along any direction of values (n, k)."""
    off = values - np.stack([values[person == who].mean(axis=0) for who in person])
    return float(np.linalg.eigvalsh(off.T @ off / (len(off) - len(np.unique(person)))).max())


def test_the_order_of_clips_does_not_change_who_is_who():
    values, _ = descriptors([9, 4, 14], seed=3)
    order = np.random.default_rng(0).permutation(len(values))
    learned, person = descriptors([12] * 6, seed=4)
    fitted = fit(learned, person, seed="s")
    assert adjusted_rand_score(fitted.clusters(values)[order], fitted.clusters(values[order])) == 1


@given(st.integers(0, 10_000))
@settings(max_examples=20)
def test_the_index_kept_up_join_by_join_is_scikit_learns(seed):
    values, person = descriptors([3, 5, 8], seed=seed, apart=0.6)
    spread = np.full(values.shape[1], 4.0)
    joined = merges(values, spread)
    evidence, index = agreement(values, spread, person)
    for at in range(0, len(evidence), 4):
        last = np.flatnonzero(evidence == evidence[at])[-1]
        assert index[last] == pytest.approx(adjusted_rand_score(person, cut(joined, evidence[at])))


def test_the_threshold_is_the_models_own_unless_persons_say_otherwise():
    fine = (np.array([np.inf, 50.0, -90.0]), np.array([0.2, 1.0, 0.3]))
    late = (np.array([np.inf, 50.0, -40.0, -90.0]), np.array([0.2, 0.6, 1.0, 0.3]))
    assert best_threshold([fine]) == 0
    assert best_threshold([late]) == -40


def test_halves_share_no_person_and_do_not_depend_on_the_order_of_rows():
    person = np.repeat([f"P{k}" for k in range(7)], 3)
    for learned, judged in halves(person, 5, "s"):
        assert not set(person[learned]) & set(person[judged])
        assert len(set(person[learned])) == 4
    drawn = [sorted(set(person[learned])) for learned, _ in halves(person, 5, "s")]
    assert drawn == [sorted(set(person[::-1][learned])) for learned, _ in halves(person[::-1], 5, "s")]
    assert len({tuple(names) for names in drawn}) > 1


@pytest.mark.thorough
@pytest.mark.parametrize(("apart", "low", "high"), [(3.0, 0.95, 1.0), (0.0, -0.1, 0.3)])
def test_agreement_is_high_where_persons_differ_and_low_where_they_do_not(monkeypatch, apart, low, high):
    clips, _ = simulated_study(monkeypatch, [15] * 8, [], apart=apart)
    found = run.find_individuals(clips, [], **ON).summary["train"]
    assert low <= found["adjusted_rand"] <= high


def test_agreement_is_unknown_where_every_fold_holds_one_person(monkeypatch):
    clips, truth = simulated_study(monkeypatch, [12] * FOLDS, [10, 10])
    found = run.find_individuals(clips, [], **ON)
    assert found.summary["train"]["adjusted_rand"] is None
    assert found.summary["active"]
    assert (found.clusters["split"] == "test").sum() == len(truth)


@pytest.mark.thorough
def test_clips_of_a_fold_are_clustered_by_what_others_taught(monkeypatch):
    """Another fold's clips change nothing where that fold is left out, however wild they are."""
    clips, _ = simulated_study(monkeypatch, [9] * 8, [4])
    before = run.find_individuals(clips, [], **ON).clusters
    values, _ = descriptors([9] * 8 + [4])
    wild = (clips["fold"] == 1).to_numpy()
    described_by(monkeypatch, clips, np.where(wild[:, None], np.roll(values, 5, axis=1) * 7, values))
    after = run.find_individuals(clips, [], **ON).clusters

    def of_others(table: pd.DataFrame) -> list[tuple[str, int]]:
        rows = table[(table["split"] == "train") & (table["outer"] == 1)]
        return list(zip(rows["clip"], rows["cluster"], strict=True))

    assert len(of_others(before)) == (clips["fold"] >= 0).sum() - wild.sum()
    assert of_others(before) == of_others(after)


@pytest.mark.thorough
def test_no_cluster_reaches_over_folds_and_each_outer_fold_has_all_others(monkeypatch, fitted_once):
    clips, _ = simulated_study(monkeypatch, [12] * 8, [5])
    fold = clips.set_index("clip")["fold"]
    train = run.find_individuals(clips, [], **ON).clusters.query("split == 'train'")
    for outer, table in train.groupby("outer"):
        assert sorted(table["clip"]) == sorted(fold.index[(fold >= 0) & (fold != outer)])
        assert (table["clip"].map(fold).groupby(table["cluster"]).agg(lambda folds: len(set(folds))) == 1).all()
    assert sorted(train["outer"].unique()) == [NO_FOLD, *range(FOLDS)]


def test_without_two_training_persons_nobody_is_told_apart(monkeypatch):
    clips, _ = simulated_study(monkeypatch, [12, 1], [10, 10])
    found = run.find_individuals(clips, [], **ON)
    assert found.clusters.empty
    assert found.summary["test"] == {"clips": 20, "without_face": 0, "clusters": 0, "sizes": []}


@pytest.mark.thorough
def test_eight_training_persons_teach_enough_to_tell_two_others_apart(monkeypatch, fitted_once):
    clips, truth = simulated_study(monkeypatch, [12] * 8, [15, 6])
    found = run.find_individuals(clips, [], **ON)
    assert found.summary["train"]["persons"] == 8
    assert found.summary["test"]["sizes"] == [15, 6]
    assert adjusted_rand_score(truth, of_test(found)["cluster"]) == 1


@pytest.mark.thorough
def test_clusters_of_test_clips_are_numbered_by_their_first_names(monkeypatch, fitted_once):
    clips, _ = simulated_study(monkeypatch, [12] * 8, [5, 5, 5])
    table = of_test(run.find_individuals(clips, [], **ON))
    assert table["clip"].str.startswith("test_").all()
    assert table["clip"].is_monotonic_increasing
    assert list(dict.fromkeys(table["cluster"])) == [0, 1, 2]
    assert table["cluster"].dtype == np.int64


def test_a_test_cluster_is_never_linked_to_a_training_person(monkeypatch, fitted_once):
    values, person = descriptors([12] * 8, seed=0)
    clips = clips_table(person, 12)
    described_by(monkeypatch, clips, np.concatenate([values, values[:12]]))  # the first person, once more
    found = run.find_individuals(clips, [], **ON)
    assert found.summary["test"]["sizes"] == [12]
    assert list(found.clusters.columns) == ["clip", "split", "outer", "cluster"]
    told = of_test(found).to_csv() + json.dumps(found.summary)
    assert not [who for who in np.unique(person) if who in told]


@pytest.mark.thorough
def test_a_clip_without_a_face_has_no_cluster(monkeypatch):
    clips, _ = simulated_study(monkeypatch, [12] * 8, [10, 10], faceless=["test_0003", "P01_013"])
    found = run.find_individuals(clips, [], **ON)
    assert "test_0003" not in set(of_test(found)["clip"])
    assert found.summary["test"]["without_face"] == 1
    assert found.summary["train"]["clips"] == 12 * 8 - 1


def test_a_quarantined_clip_is_left_out(monkeypatch, fitted_once):
    clips, _ = simulated_study(monkeypatch, [12] * 8, [10, 10])
    clips.loc[clips["clip"] == "test_0004", "quarantine"] = "cannot be decoded"
    found = run.find_individuals(clips, [], **ON)
    assert "test_0004" not in set(of_test(found)["clip"])
    assert found.summary["test"]["clips"] == 19


def test_a_study_without_test_clips_is_no_fault(monkeypatch, fitted_once):
    clips, _ = simulated_study(monkeypatch, [12] * 8, [])
    found = run.find_individuals(clips, [], **ON)
    assert of_test(found).empty
    assert found.summary["train"]["adjusted_rand"] > 0.9


def test_a_clip_that_no_faces_file_holds_is_told(monkeypatch):
    clips, _ = simulated_study(monkeypatch, [12] * 8, [3])
    described_by(monkeypatch, clips.iloc[:-1], np.zeros((len(clips) - 1, 4)))
    with pytest.raises(DataError, match="test_0002: in no faces file"):
        run.find_individuals(clips, [], **ON)


@pytest.mark.parametrize(
    ("descriptor", "approved", "dataset", "word"),
    [
        ("builtin", None, "blemore", "date"),
        ("builtin", {**APPROVED, "basis": " "}, "blemore", "basis missing"),
        ("builtin", {"by": "me"}, "another", "date, basis missing"),
        ("off", APPROVED, "blemore", "individuals.descriptor"),
        (False, None, "demo", "individuals.descriptor"),
    ],
)
def test_it_is_off_without_approval_or_by_wish_and_no_face_is_read(descriptor, approved, dataset, word):
    assert word in why_off(descriptor, approved, dataset)
    nowhere = [Path("nowhere.parquet")]
    options = {"descriptor": descriptor, "approved": approved, "dataset": dataset}
    found = run.find_individuals(clips_table(np.array(["P1"]), 3), nowhere, **ON | options)
    assert found.clusters.empty
    assert found.clusters["cluster"].dtype == np.int64
    assert not found.summary["active"]
    assert word in found.summary["reason"]


def test_with_approval_real_people_may_be_told_apart_and_the_approval_is_kept(monkeypatch, fitted_once):
    clips, _ = simulated_study(monkeypatch, [12] * 8, [10, 10])
    found = run.find_individuals(clips, [], **ON | {"dataset": "blemore", "approved": APPROVED})
    assert found.summary["active"]
    assert json.loads(json.dumps(found.summary))["approved"] == APPROVED
    assert len(of_test(found)) == 20


@pytest.mark.thorough
def test_nothing_of_a_descriptor_is_written_or_logged(monkeypatch, tmp_path, caplog, capsys):
    monkeypatch.chdir(tmp_path)
    caplog.set_level(logging.DEBUG)
    clips, _ = simulated_study(monkeypatch, [12] * 8, [10, 10])
    found = run.find_individuals(clips, [], **ON)
    assert not list(tmp_path.rglob("*"))
    assert not caplog.records
    assert capsys.readouterr() == ("", "")
    assert set(vars(found)) == {"clusters", "summary"}
    numbers = [value for part in ("train", "test") for value in found.summary[part].values()]
    assert sum(isinstance(value, float) for value in numbers) == 2  # purity and adjusted Rand index
    assert found.summary["test"]["sizes"] == [10, 10]


def test_an_unknown_descriptor_is_told():
    with pytest.raises(
        DataError, match="'clustering', which is no descriptor of faces: there are arcface, builtin, sface"
    ):
        DESCRIPTOR.load("clustering")
    with pytest.raises(DataError, match="'magic', which is no descriptor of faces"):
        DESCRIPTOR.load("magic")


def test_an_actor_elsewhere_is_the_same_person_before_another_wall():
    here = cast("A901", 17)
    before = here.frame(rest := np.zeros(len(UNITS), np.float32), Pose(), 64)
    there = here.elsewhere(generator(1, "surroundings"))
    np.testing.assert_array_equal(here.vertices(rest, Pose()), there.vertices(rest, Pose()))
    assert np.abs(there.frame(rest, Pose(), 64)[:8, :8].astype(int) - before[:8, :8]).mean() > 5
    np.testing.assert_array_equal(here.frame(rest, Pose(), 64), before)
