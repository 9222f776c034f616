"""The truth that is kept apart judges submissions by the challenge's metrics, and persons by who they are."""

import itertools
import json

import pandas as pd
import pytest
from scipy import stats

from blemore.challenge.submission import write_zip
from blemore.evaluate.held_back import judge
from joblineage.errors import DataError
from joblineage.files import write_json

LABELS = [("ang", None), ("hap", None), ("ang", "sad"), ("fea", "hap")]
PERSONS = ["A901", "A902", "A903", "A904"]


def single(emotion: str) -> list[dict]:
    return [{"emotion": emotion, "salience": 100.0}]


def right(entry: dict) -> list[dict]:
    """The prediction that a truth asks for."""
    if entry["emotion_2"] is None:
        return single(entry["emotion_1"])
    return [{"emotion": entry[f"emotion_{k}"], "salience": float(entry[f"emotion_{k}_salience"])} for k in (1, 2)]


def truth(persons: int) -> dict[str, dict]:
    """Each person shows the four labels once."""
    shown = itertools.product(PERSONS[:persons], LABELS)
    return {
        f"test_{k:04d}.mov": {
            "person": person,
            "mix": int(second is not None),
            "emotion_1": first,
            "emotion_2": second,
            "emotion_1_salience": 70 if second else None,
            "emotion_2_salience": 30 if second else None,
        }
        for k, (person, (first, second)) in enumerate(shown, 1)
    }


@pytest.fixture
def study(tmp_path):
    """Truth of four persons; an inductive submission, right for the first two of them, and one that is right for all."""
    test = truth(4)
    write_json(tmp_path / "truth.json", {"notice": "", "style": {}, "test": test})
    half = {clip: right(entry) if entry["person"] < "A903" else single("neu") for clip, entry in test.items()}
    write_json(tmp_path / "half.json", {"predictions": half})
    write_zip(tmp_path / "all.zip", {"predictions": {clip: right(test[clip]) for clip in reversed(test)}})
    return tmp_path


def test_scores_are_the_challenges_and_the_difference_is_that_of_the_scores(study):
    found = judge({"inductive": study / "half.json", "transductive": study / "all.zip"}, study / "truth.json", None)
    assert set(found) == {"variants", "difference", "clusters", "note"}
    expected = {"acc_presence": 0.5, "acc_salience": 0.5, "score": 0.5, "clips": 16, "blends": 8}
    assert expected.items() <= found["variants"]["inductive"].items()
    assert found["variants"]["transductive"]["score"] == 1
    assert {key: found["difference"][key] for key in ("acc_presence", "acc_salience", "score")} == {
        "acc_presence": 0.5,
        "acc_salience": 0.5,
        "score": 0.5,
    }
    assert found["clusters"] is None
    assert "nothing about BLEMORE" in found["note"]


def test_intervals_are_over_persons_and_the_difference_is_paired(study):
    files = {"inductive": study / "half.json", "transductive": study / "all.zip"}
    found = judge(files, study / "truth.json", None)
    # Two of four persons are right as a whole: the mean of as many equal persons, with its standard error.
    low, high = stats.t.interval(0.9, 3, loc=0.5, scale=stats.sem([1, 1, 0, 0]))
    for key in ("acc_presence", "acc_salience", "score"):
        assert found["variants"]["inductive"]["interval"][key] == pytest.approx([max(0, low), min(1, high)])
        assert found["difference"]["interval"][key] == pytest.approx([low, high])
        assert found["variants"]["transductive"]["interval"][key] == [1, 1]
    assert found["variants"]["inductive"]["interval_reason"] is None
    same = judge({name: study / "half.json" for name in files}, study / "truth.json", None)
    assert same["difference"]["interval"]["score"] == [0, 0]  # not paired, it would be as wide as the scores' own
    assert judge(files, study / "truth.json", None) == found


def test_one_person_gives_scores_without_an_interval_and_the_reason(tmp_path):
    test = truth(1)
    write_json(tmp_path / "truth.json", {"test": test})
    write_zip(tmp_path / "s.zip", {"predictions": {clip: right(entry) for clip, entry in test.items()}})
    found = judge({"inductive": tmp_path / "s.zip"}, tmp_path / "truth.json", None)
    entry = found["variants"]["inductive"]
    assert (entry["score"], entry["interval"]) == (1, None)
    assert entry["interval_reason"].startswith("1 person(s)")
    assert found["difference"] is None


@pytest.mark.parametrize(
    ("assigned", "purity", "rand"),
    [
        (lambda k: k // 4, 1.0, 1.0),
        (lambda k: 0, 0.25, 0.0),
        (lambda k: k, 1.0, 0.0),  # a cluster per clip: pure and useless
        (lambda k: k // 8, 0.5, 0.444444),  # two persons taken for one, twice
    ],
)
def test_clusters_are_held_against_the_true_persons(study, assigned, purity, rand):
    clusters = pd.DataFrame({"clip": [f"test_{k + 1:04d}" for k in range(16)], "cluster": map(assigned, range(16))})
    found = judge({}, study / "truth.json", clusters.sample(frac=1, random_state=0))["clusters"]
    assert (found["purity"], found["persons"], found["clips"]) == (purity, 4, 16)
    assert found["adjusted_rand"] == pytest.approx(rand, abs=1e-6)
    assert found["clusters"] == clusters["cluster"].nunique()
    fewer = judge({}, study / "truth.json", clusters.iloc[:-2])["clusters"]
    assert (fewer["clips"], fewer["without_cluster"]) == (14, 2)


@pytest.mark.parametrize(
    ("clusters", "words"),
    [
        ({"clip": ["test_0001"], "person": [1]}, "column 'cluster' is missing"),
        ({"clip": ["test_0001", "test_0001.mov"], "cluster": [1, 2]}, "clip test_0001: is in more than one row"),
        ({"clip": ["A901_x"], "cluster": [1]}, "clip A901_x: no such test clip"),
        ({"clip": ["test_0001"], "cluster": [None]}, "clip test_0001: its cluster is empty"),
        ({"clip": [], "cluster": []}, "no row"),
    ],
)
def test_clusters_that_cannot_be_judged_are_refused_naming_the_clip(study, clusters, words):
    with pytest.raises(DataError, match="clusters") as error:
        judge({}, study / "truth.json", pd.DataFrame(clusters))
    assert words in str(error.value)


def test_a_submission_with_a_missing_unknown_or_wrong_clip_is_refused_by_file_and_clip(study):
    good = json.loads((study / "half.json").read_text())["predictions"]
    bad = study / "bad.json"
    for clip, value, words in (
        ("test_0001.mov", None, "clip test_0001.mov: missing"),
        ("test_9999.mov", single("ang"), "clip test_9999.mov: no such test clip"),
        ("test_0002.mov", single("joy"), "clip test_0002.mov: unknown emotion"),
    ):
        changed = {key: entry for key, entry in (good | {clip: value}).items() if entry is not None}
        bad.write_text(json.dumps({"predictions": changed}))
        with pytest.raises(DataError, match=r"bad\.json") as error:
            judge({"inductive": bad}, study / "truth.json", None)
        assert words in str(error.value)
    bad.write_text(json.dumps({"predictions": {key.replace("test_0001", "x/test_0001"): good[key] for key in good}}))
    with pytest.raises(DataError, match=r"clip x/test_0001\.mov: not the template.s key, which is test_0001\.mov"):
        judge({"inductive": bad}, study / "truth.json", None)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ([], "expected"),
        ({"test": {}}, "expected"),
        ({"test": {"test_0001.mov": 3}}, "clip test_0001.mov: expected its labels"),
        ({"test": {"test_0001.mov": {"person": "A901"}}}, "columns 'emotion_1', 'emotion_2', "),
        ({"test": truth(1) | {"test_0002.mov": truth(1)["test_0002.mov"] | {"person": None}}}, "clip test_0002: no person"),
        ({"test": truth(1) | {"test_0003.mov": truth(1)["test_0003.mov"] | {"emotion_1": "joy"}}}, "clip test_0003"),
    ],
)  # fmt: skip
def test_a_truth_that_is_none_is_refused_naming_file_and_clip(tmp_path, value, words):
    write_json(tmp_path / "truth.json", value)
    with pytest.raises(DataError, match=r"truth\.json") as error:
        judge({}, tmp_path / "truth.json", None)
    assert words in str(error.value)
