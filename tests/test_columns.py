"""Tables are read as they were written, without pandas, and a broken file is refused by name."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blemore.scoring.columns import clip_names, numbers, read_columns, repeated, texts
from blemore.scoring.labels import CLASSES
from blemore.tables import read_probabilities
from joblineage.errors import DataError

FLOATS = st.floats(allow_nan=False, allow_infinity=False)
DECIMALS = st.builds("{}.{}e{}".format, st.integers(-999, 999), st.integers(0, 10**18), st.integers(-30, 30))
CELLS = {
    "name": st.none() | st.text("abc,\" '\n", min_size=1),
    "count": st.integers(-(2**53), 2**53),
    "share": st.none() | FLOATS,
    "clip": st.from_regex(r"A[0-9]{1,3}_x", fullmatch=True),
}


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    """A file to write and read again, below a name that says nothing of what it is."""
    return tmp_path_factory.mktemp("tables") / "table"


def same_bits(found, expected) -> bool:
    return np.array_equal(np.asarray(found, float).view(np.int64), np.asarray(expected, float).view(np.int64))


@given(st.lists(FLOATS, min_size=1))
def test_numbers_that_pandas_wrote_as_csv_come_back_to_the_last_bit(path, values):
    pd.DataFrame({"value": values}).to_csv(path, index=False)
    assert same_bits(read_columns(path)["value"], values)


@given(st.lists(DECIMALS, min_size=1))
def test_a_decimal_in_csv_becomes_the_nearest_float(path, written):
    path.write_text("\n".join(["value", *written]))
    assert same_bits(read_columns(path)["value"], [float(text) for text in written])


@settings(max_examples=20)
@given(st.lists(st.fixed_dictionaries(CELLS), min_size=1))
def test_parquet_gives_the_cells_that_pandas_wrote(path, rows):
    table = pd.DataFrame(rows, columns=list(CELLS)).astype({"share": float, "name": "str"})
    file = path.with_suffix(".parquet")
    table.to_parquet(file, index=False)
    pd.testing.assert_frame_equal(pd.DataFrame(read_columns(file)).astype(table.dtypes), pd.read_parquet(file))


def test_what_is_read_is_the_same_table_from_csv_and_from_parquet(tmp_path):
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.dirichlet(np.ones(6), 50), columns=list(CLASSES))
    table = table.assign(clip=[f"c{k:02d}" for k in range(50)], person=["A1", None] * 25, fold=[0, -1] * 25)
    table.to_parquet(tmp_path / "t.parquet", index=False)
    table.to_csv(tmp_path / "t.csv", index=False)
    for name in ("t.parquet", "t.csv"):
        pd.testing.assert_frame_equal(read_probabilities(tmp_path / name), pd.read_parquet(tmp_path / "t.parquet"))


def test_clip_names_stay_text_even_where_they_look_like_numbers(path):
    path.write_text("clip,x\n007,1\n1e3,2\n")
    assert read_columns(path)["clip"] == ["007", "1e3"]


@pytest.mark.thorough
def test_what_a_column_holds_is_judged_by_all_its_rows(path):
    path.write_text("salience\n" + "70\n" * 400_000 + "much\n")  # more than pyarrow's first block
    assert read_columns(path)["salience"][-2:] == ["70", "much"]


@pytest.mark.parametrize("empty", ["", "NA", "NaN", "nan", "null", "None", "<NA>", '""'])
def test_empty_cells_are_empty_however_they_are_written(path, empty):
    path.write_text(f"row,word,number\n1,ang,1\n2,{empty},{empty}\n")
    columns = read_columns(path)
    assert texts(columns["word"]).tolist() == ["ang", ""]
    assert np.isnan(numbers(columns["number"])).tolist() == [False, True]


@pytest.mark.parametrize("missing", [None, np.nan, pd.NA])
def test_pandas_empty_cells_are_empty_too(missing):
    assert texts(pd.Series(["ang", missing], dtype=object)).tolist() == ["ang", ""]
    assert texts(["nan", "None"]).tolist() == ["nan", "None"]
    assert np.isnan(numbers([70, "30", missing, "much", [1]])).tolist() == [False, False, True, True, True]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "the file is empty"),
        (b"a,b\n1,2\n3,4,5\n", "line 3: 3 cells, expected 2"),
        (b'a,b\n1,2\n3,"4\n5,6\n', "line 3: unexpected end of data"),  # else a mark swallows all rows behind it
        (b"a,b,a\n1,2,3\n", "column 'a' stands more than once"),
        (b"clip\nA1\nA\xff\n", "line 3: not in UTF-8"),
    ],
)
def test_a_file_that_is_no_csv_table_is_refused_by_name(path, content, words):
    path.write_bytes(content)
    with pytest.raises(DataError, match=rf"(?s){path}.*{words}"):
        read_columns(path)


def test_a_damaged_parquet_file_is_refused_by_name(tmp_path):
    whole, damaged = tmp_path / "whole.parquet", tmp_path / "damaged.parquet"
    pd.DataFrame({"x": np.random.default_rng(0).random(1000)}).to_parquet(whole)
    data = whole.read_bytes()
    for content in (b"", data[:-20], data[:-200] + b"\xff" * 100 + data[-100:], b"\xff" * 60 + data[60:]):
        damaged.write_bytes(content)
        with pytest.raises(DataError, match=r"damaged\.parquet: 1 fault"):
            read_columns(damaged)


def test_cells_that_a_row_lacks_at_its_end_are_empty(path):
    path.write_text("clip,emotion_1,emotion_2,share\nA1,ang,sad,70\nA2,ang\n  \n")
    rows = list(zip(*read_columns(path).values(), strict=True))
    assert rows == [("A1", "ang", "sad", 70), ("A2", "ang", None, None)]


def test_a_cell_in_quotation_marks_may_hold_lines_in_a_file_of_any_length(path):
    notes = ['one, two\n"three"\n' * 10] * 10_000  # more than a reader's block of 1 MB
    pd.DataFrame({"note": notes, "mix": [True, False] * 5_000}).to_csv(path, index=False)
    assert read_columns(path) == {"note": notes, "mix": [True, False] * 5_000}


def test_a_parquet_cell_that_python_cannot_hold_is_refused_by_name(tmp_path):
    pq.write_table(pa.table({"when": pa.array([2**58], pa.timestamp("ms"))}), tmp_path / "far.parquet")
    with pytest.raises(DataError, match=r"far\.parquet: 1 fault"):
        read_columns(tmp_path / "far.parquet")


def test_clip_names_in_bytes_are_text():
    assert clip_names([b"A1_x.mov"]) == ["A1_x"]


def test_clip_names_lose_folder_and_extension():
    assert clip_names(["a.mov", "test/b.MP4", "c.txt", r"D:\x\d.avi", 7, None]) == ["a", "b", "c.txt", "d", "7", ""]


def test_only_later_rows_repeat_a_name():
    assert repeated(["a", "b", "a", "a", "c"]).tolist() == [False, False, True, True, False]
