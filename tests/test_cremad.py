"""The worked example of another data set: what CREMA-D's names and the table of persons say, and what is refused."""

from pathlib import Path

import pytest
import yaml

from blemore.audit.persons import person_of
from blemore.datasets import cremad
from blemore.datasets.withdrawn import Withdrawn
from blemore.evaluate.summary import without_salience
from blemore.params.check import check_params, read_schema
from blemore.planning.study import plan
from blemore.tables import write_clips
from joblineage.errors import DataError, MissingDataError

REPOSITORY = Path(__file__).parents[1]
PERSONS = {"1001": 0, "1002": 1, "1003": "test"}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Three persons, six clips each, which nobody opens."""
    folder = tmp_path / "data/cremad"
    (folder / cremad.CLIPS).mkdir(parents=True)
    for person in PERSONS:
        for word in cremad.EMOTIONS:
            (folder / cremad.CLIPS / f"{person}_DFA_{word}_XX.flv").touch()
    write_persons(folder, PERSONS)
    return folder


def write_persons(folder: Path, persons: dict[str, object]) -> None:
    (folder / cremad.PERSONS).write_text(
        "person,fold\n" + "".join(f"{name},{fold}\n" for name, fold in persons.items())
    )


def test_names_give_person_and_emotion_and_the_table_gives_folds_and_who_is_held_back(root, tmp_path):
    table = cremad.roster(root, folds=2)
    write_clips(table, tmp_path / "roster.parquet")
    train, test = (table[table["split"] == name] for name in ("train", "test"))
    assert train.groupby("person")["fold"].unique().str[0].to_dict() == {"1001": 0, "1002": 1}
    shown = train[train["person"] == "1001"].set_index("clip")["emotion_1"].to_dict()
    assert shown == {f"1001_DFA_{word}_XX": emotion for word, emotion in cremad.EMOTIONS.items()}
    assert train["emotion_2"].isna().all()
    assert (train["emotion_1_salience"] == 100).all()
    assert len(test) == 6
    assert test[["person", "emotion_1", "mix"]].isna().all(axis=None)
    assert (test["fold"] == -1).all()


def test_other_labels_and_other_names_are_refused_with_the_reason_all_at_once(root):
    for name in ("1001_DFA_SUR_XX", "03-01-06-01-02-01-12", "1001_DFA_ANG"):
        (root / cremad.CLIPS / f"{name}.flv").touch()
    with pytest.raises(DataError) as said:
        cremad.roster(root, folds=2)
    assert "1001_DFA_SUR_XX.flv: shows SUR, expected one of ANG, DIS, FEA, HAP, NEU, SAD" in str(said.value)
    assert "leave the clip out" in str(said.value)
    assert str(said.value).count("expected <person>_<sentence>_<emotion>") == 2


@pytest.mark.parametrize(
    ("persons", "words"),
    [
        ({"1001": 0, "1003": "test"}, "person 1002: no row"),
        ({"1001": 0, "1002": "one", "1003": "test"}, "fold must be a whole number from 0, found 'one'"),
        ({"1001": 0, "1002": 0, "1003": "test"}, "at least two folds"),
        ({"1001": 0, "1002": 1, "1003": 1}, "no test clip"),
        ({"1001": 0, "1002": 2, "1003": "test"}, "no clip is in fold 1"),
    ],
)
def test_a_table_of_persons_that_leaves_something_open_is_refused(root, persons, words):
    write_persons(root, persons)
    with pytest.raises(DataError, match=words):
        cremad.roster(root, folds=2)


def test_what_is_missing_is_said_with_where_to_get_it(root):
    (root / cremad.PERSONS).unlink()
    with pytest.raises(MissingDataError, match=r"missing: folds \(persons.csv\)(?s:.*)person,fold"):
        cremad.roster(root, folds=2)


def test_a_person_who_withdrew_is_passed_over_and_an_export_knows_the_persons_by_their_clips(root):
    left = Withdrawn.named([], ["1001_DFA_ANG_XX"])
    table = cremad.roster(root, left, folds=2)
    assert len(table) == 17
    assert person_of("1001_DFA_ANG_XX") == "1001"
    assert person_of("A412_ang_int1_ver1") == "A412"
    assert person_of("a_talk") is None


def test_a_plan_counts_who_is_held_back(root):
    params = yaml.safe_load((REPOSITORY / "params.yaml").read_text()) | {"dataset": "cremad", "cremad": {"folds": 2}}
    clips = plan(params, root.parents[1])["clips"]
    assert (clips["train"], clips["test"]) == (12, 6)


def test_thresholds_are_refused_where_there_are_no_blends_to_fit_them_on():
    params = yaml.safe_load((REPOSITORY / "params.yaml").read_text()) | {"dataset": "cremad"}
    schema = read_schema(REPOSITORY / "schemas/params.schema.yaml")
    check_params(params | {"decoding": "auto"}, schema)
    with pytest.raises(DataError, match=r"decoding.*no blends"):
        check_params(params | {"decoding": "exact"}, schema)


def test_without_blends_no_metric_of_salience_is_told():
    made = {"a": [{"acc_salience": 0.0, "score": 0.2}], "interval": {"acc_salience": [0.0, 0.0]}}
    assert without_salience(made, 0) == {
        "a": [{"acc_salience": None, "score": 0.2}],
        "interval": {"acc_salience": None},
    }
    assert without_salience(made, 3) == made
