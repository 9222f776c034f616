"""The Python API: arrays, tables and files in and out, loaded by its first use, and documented truly."""

import doctest
import inspect
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from simulated import study

import blemore
from blemore.api import functions
from blemore.decide.person_offset import fit_offsets, strength_of
from blemore.scoring.exact import exact_optimum
from blemore.scoring.labels import CLASSES, soft_labels
from blemore.scoring.metrics import scores, true_saliences
from joblineage.errors import DataError

PAGE = Path(__file__).parents[1] / "docs/api.md"


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def made():
    clips, tables = study(persons=4, test=3)
    return clips.sample(frac=1, random_state=1), tables["e0"]


@pytest.mark.thorough
def test_the_page_s_example_runs():
    done = doctest.testfile(str(PAGE), module_relative=False)
    assert done.attempted >= 8
    assert done.failed == 0


def test_the_page_lists_every_function_with_the_first_sentence_of_its_docstring():
    listed = dict(re.findall(r"^\| `blemore\.(\w+)` \| (.*) \|$", PAGE.read_text(), re.M))
    assert listed == {name: inspect.getdoc(getattr(functions, name)).partition("\n")[0] for name in functions.__all__}


def test_a_docstring_says_of_every_argument_what_it_is():
    for name in functions.__all__:
        function = getattr(functions, name)
        parameters, _, rest = inspect.getdoc(function).partition("Parameters\n----------\n")[2].partition("\n\n")
        said = re.findall(r"(?:^|\. )((?:\w+, )*\w+) : ", parameters, re.M)
        assert {one for line in said for one in line.split(", ")} == set(inspect.signature(function).parameters), name
        assert "Examples\n--------" in rest, name


def test_importing_the_package_loads_nothing_and_using_a_function_loads_no_study():
    code = (
        "import sys, blemore\n"
        "print(*sorted({name.split('.')[0] for name in sys.modules} & {'numpy', 'pandas', 'pyarrow', 'typer', 'rich'}))\n"
        "blemore.score; print('score' in dir(blemore), blemore.__all__ == sorted(blemore.__all__))\n"
        "print(*sorted({name.split('.')[0] for name in sys.modules} & {'pandas', 'torch', 'sklearn', 'snakemake', 'yaml'}))\n"
        "from blemore import tables; import blemore.evaluate; print(tables.__name__, blemore.evaluate.__name__)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["", "True True", "", "blemore.tables blemore.evaluate"]


def test_a_name_that_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'blemore' has no attribute 'nothing_of_this_name'"):
        getattr(blemore, "nothing_of_this_name")  # noqa: B009
    assert not hasattr(blemore, "__wrapped__")
    assert not hasattr(blemore, "np")


def test_a_frame_an_arrow_table_a_mapping_and_a_file_give_the_same(made, tmp_path):
    clips, frame = made
    train = frame[frame["split"] == "train"]
    values = train[list(CLASSES)].to_numpy()
    truth = true_saliences(clips.set_index("clip").loc[train["clip"]].reset_index())
    frame.to_parquet("own.parquet")
    expected = exact_optimum(values, truth)
    kinds = (frame, pa.Table.from_pandas(frame, preserve_index=False), frame.to_dict("list"), tmp_path / "own.parquet")
    for kind in kinds:
        found = blemore.fit_thresholds(kind, clips)
        assert (found.alpha, found.beta, found.score) == (expected.alpha, expected.beta, expected.score)
    assert blemore.fit_thresholds(values, truth) == expected
    decided = [blemore.decode(kind, 0.2, 0.1) for kind in kinds]
    assert [type(one) for one in decided] == [pd.DataFrame, pa.Table, dict, pd.DataFrame]
    for one in decided:
        assert blemore.evaluate_predictions(one, clips) == scores(blemore.decode(values, 0.2, 0.1), truth)


def test_a_table_in_memory_is_read_as_forgivingly_as_a_file(made):
    clips, frame = made
    exact = blemore.fit_thresholds(frame, clips)
    spelt = dict(zip(CLASSES, ("Anger", "Disgust", "Fear", "Happiness", "Sadness", "Neutral"), strict=True))
    percent = frame.assign(**{name: (100 * frame[name]).round(9) for name in CLASSES}).rename(columns=spelt)
    percent = percent.assign(filename="videos/" + percent.pop("clip") + ".mov")
    told = clips.rename(columns={"clip": "Filename"})
    for one in (percent, pa.Table.from_pandas(percent, preserve_index=False), percent.to_dict("list")):
        assert blemore.fit_thresholds(one, told).score == exact.score
    rounded = frame[list(CLASSES)].to_numpy().round(3)
    decided = blemore.decode(rounded, 0.2, 0.1)
    np.testing.assert_array_equal(decided, blemore.decode(rounded / rounded.sum(axis=1, keepdims=True), 0.2, 0.1))


@pytest.mark.thorough
def test_rows_are_matched_by_clip_and_not_by_place(made):
    clips, frame = made
    found = blemore.score(frame, clips)
    turned = blemore.score(frame[::-1], clips[::-1])
    assert found["honest"] == turned["honest"]
    assert found["together"]["gain"] == turned["together"]["gain"]


def test_a_clip_that_one_side_lacks_is_refused_by_name(made):
    clips, frame = made
    with pytest.raises(DataError, match=f"clip {frame['clip'][0]}: not predicted"):
        blemore.fit_thresholds(frame[1:], clips)
    with pytest.raises(DataError, match=f"clip {frame['clip'][0]}: not in truth"):
        blemore.fit_thresholds(frame, clips[clips["clip"] != frame["clip"][0]])
    with pytest.raises(TypeError, match="two tables"):
        blemore.fit_thresholds(frame, np.zeros((len(frame), 6)))
    with pytest.raises(TypeError, match="2 rows of probabilities, 3 of the truth"):
        blemore.fit_thresholds(np.full((2, 6), 1 / 6), np.zeros((3, 6)))


def test_a_bad_array_is_refused_naming_its_row(made):
    values = made[1][list(CLASSES)].to_numpy().copy()
    values[2, 0] = np.nan
    with pytest.raises(DataError, match="row 3, clip 3: a probability is NaN"):
        blemore.decode(values, 0.2, 0.2)
    with pytest.raises(ValueError, match="found shape"):
        blemore.decode(values[:, :5], 0.2, 0.2)


def test_person_offsets_are_those_of_the_study(made):
    clips, frame = made
    train = frame[frame["split"] == "train"].reset_index(drop=True)
    found, corrected = blemore.person_offsets(train, prior=clips, kappa=5)
    labels = soft_labels(clips[clips["split"] == "train"])
    who, names = pd.factorize(train["person"], sort=True)
    expected = fit_offsets(train[list(CLASSES)].to_numpy(), who, labels.mean(axis=0)) * strength_of(5, who)
    assert list(found) == names.tolist()
    np.testing.assert_allclose(np.stack(list(found.values())), expected, rtol=0, atol=1e-12)
    assert corrected["clip"].tolist() == train["clip"].tolist()
    np.testing.assert_allclose(corrected[list(CLASSES)].sum(axis=1), 1)


def test_written_predictions_are_read_as_they_were(made):
    decided = blemore.decode(made[1], 0.2, 0.1)
    blemore.write_predictions(decided, "out.json")
    pd.testing.assert_frame_equal(blemore.read_predictions("out.json"), decided, check_dtype=False)
    assert blemore.check_submission("out.json", decided["clip"]) == []
    assert blemore.check_submission("out.json", [*decided["clip"], "test_9999"]) == ["clip test_9999.mov: missing"]
