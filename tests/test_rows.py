"""Selecting rows for a model declares whom it was fitted on and judges; a model's name is the same read and written."""

import numpy as np
import pytest
from small_study import make_clips

from blemore.scoring.rows import FINAL, ModelName, Rows
from blemore.tables import labelled
from joblineage import declare

NAMES = {
    "s4d/fold0": ModelName.of("s4d", 0),
    "s4d/fold12/inner1": ModelName("s4d", (12,), inner=1),
    "fusion/final/simplex": ModelName.of("fusion", FINAL, "simplex"),
    "fusion/folds 0,1/stacking/inner0": ModelName("fusion", (0, 1), ("stacking",), 0),
    "calibration/fold1/enrolment/draw0": ModelName.of("calibration", 1, "enrolment", "draw0"),
    "known fusion/fold0/uniform recalibrated": ModelName.of("known fusion", 0, "uniform recalibrated"),
    "fusion/in sample/simplex": ModelName("fusion", None, ("in sample", "simplex")),
    "individuals/quality3": ModelName("individuals", None, ("quality3",)),
    "net": ModelName("net", None),
}


@pytest.mark.parametrize("text", NAMES)
def test_a_models_name_is_written_as_records_keep_it_and_read_back(text):
    assert str(NAMES[text]) == text
    assert ModelName.parse(text) == NAMES[text]


@pytest.mark.parametrize("text", ["", "net/folder", "net/fold", "net/folds 0,b", "net/innermost", "0", "a/0", "a//b"])
def test_a_name_of_no_known_form_is_bound_to_no_fold_and_stays_as_it_is(text):
    name = ModelName.parse(text)
    assert (name.folds, name.inner, str(name)) == (None, None, text)


@pytest.fixture
def rows() -> Rows:
    clips = labelled(make_clips(persons=6, folds=3, tests=5))
    return Rows.of(clips, np.random.default_rng(0).random((2, len(clips), 4)))


def declared() -> dict[tuple[str, str], tuple[set[str], set[str]]]:
    """{(model, kind): (fitted on, judges)} of what was declared since `begin`."""
    kept: dict[str, list[str]] = {}
    models = declare.take(lambda clips: kept.setdefault(str(len(kept)), clips) is None or str(len(kept) - 1))["models"]
    declare.forget()
    return {(one["model"], one["kind"]): (set(kept[one["on"]]), set(kept[one["judges"]])) for one in models}


def test_rows_selected_for_a_model_are_the_ones_declared(rows):
    model = ModelName.of("score", 1)
    declare.begin()
    learned, judged = rows.outside(1, model, "thresholds"), rows.inside(1, model)
    assert declared() == {("score/fold1", "thresholds"): (set(learned.clip), set(judged.clip))}
    assert set(learned.fold) == {0, 2}
    assert set(judged.fold) == {1}
    assert not set(learned.person) & set(judged.person)


def test_the_final_model_learns_from_all_rows_and_judges_none_of_them(rows):
    model = ModelName.of("score", FINAL)
    declare.begin()
    assert len(rows.outside(FINAL, model, "thresholds")) == len(rows)
    assert len(rows.inside(FINAL, model)) == 0
    assert declared() == {("score/final", "thresholds"): (set(rows.clip), set())}


def test_everything_of_a_row_travels_with_it(rows):
    chosen = np.arange(len(rows))[::-3]
    part = rows.where(chosen)
    assert np.array_equal(part.values, rows.values[:, chosen])
    for name in ("truth", "fold", "person", "clip", "soft"):
        assert np.array_equal(getattr(part, name), getattr(rows, name)[chosen])
    assert part.persons == rows.persons


def test_the_view_of_a_fold_is_refused_where_the_rows_lack_a_fold():
    clips = labelled(make_clips(persons=6, folds=3, tests=5))
    rows = Rows.of(clips, np.arange(4)[:, None, None] * np.ones((4, len(clips), 6)))
    assert [rows.view(outer).values.max() for outer in rows.outers] == [0, 1, 2, 3]
    with pytest.raises(ValueError, match="values for 4 outer folds"):
        rows.where(rows.fold != 1).view(2)


def test_rows_without_names_declare_nothing(rows):
    nameless = Rows(rows.values, rows.truth, rows.fold, rows.person)
    declare.begin()
    nameless.outside(0, ModelName.of("score", 0), "thresholds")
    nameless.inside(0, ModelName.of("score", 0))
    assert declared() == {}


def test_test_clips_have_no_truth_and_no_fold():
    clips = make_clips(persons=6, folds=3, tests=5)
    rows = Rows.of(clips)
    test = (clips["split"] == "test").to_numpy()
    assert (rows.truth[test] == 0).all()
    assert (rows.fold[test] == FINAL).all()
    assert rows.soft[~test].sum(axis=1) == pytest.approx(1)
    assert labelled(clips)["clip"].tolist() == sorted(clips.loc[~test, "clip"])
