"""No cell of the CSV files that we write is a formula to a spreadsheet, and every text comes back as it was."""

import csv

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from blemore.api.given import write
from blemore.report.identities import text_rows
from blemore.scoring.columns import read_columns
from blemore.scoring.formulas import bare, guarded
from blemore.tables import write_csv

STARTS = ("=", "+", "-", "@", "\t", "\r")
TEXTS = st.text("=+-@\t\r'1.e a", max_size=6)


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("formulas") / "table.csv"


@given(TEXTS | st.text())
def test_a_text_comes_back_as_it_was_and_runs_nowhere(text):
    assert bare(guarded(text)) == text
    assert not guarded(text).startswith(STARTS) or float(guarded(text)) is not None


@given(st.floats(allow_nan=False) | st.integers())
def test_numbers_stay_numbers(number):
    assert guarded(number) is number
    assert guarded(repr(number)) == repr(number) or "inf" in repr(number)


@pytest.mark.thorough
@given(st.lists(st.tuples(TEXTS.filter(str.strip), st.floats(-1, 1)), min_size=1))
def test_a_table_of_texts_comes_back_through_our_own_reader(path, rows):
    table = pd.DataFrame(rows, columns=["note", "value"])
    write_csv(table, path)
    with open(path, newline="") as file:
        cells = [row[0] for row in csv.reader(file)]
    assert not [cell for cell in cells if cell.startswith(STARTS) and guarded(cell) != cell]
    assert [row["note"] for row in text_rows(path, ["note"])] == table["note"].tolist()
    assert read_columns(path)["value"] == table["value"].tolist()


def test_both_writers_guard_texts_and_headers(tmp_path):
    rows = {"clip": ["=1+1", "@sum"], "=cmd": [-0.5, 2.0], "n": [1, 2]}
    write(rows, tmp_path / "a.csv")
    write_csv(pd.DataFrame(rows), tmp_path / "b.csv")
    assert (tmp_path / "a.csv").read_text() == "clip,'=cmd,n\n'=1+1,-0.5,1\n'@sum,2.0,2\n"
    assert (tmp_path / "b.csv").read_text() == (tmp_path / "a.csv").read_text()
    assert read_columns(tmp_path / "a.csv") == rows


def test_cells_without_a_formula_are_written_as_ever(tmp_path):
    table = pd.DataFrame({"a": ["x", None], "b": [1, None], "c": [0.1, 2], "d": [True, False]})
    table["e"] = pd.Series([1, None], dtype="Int64")
    table["f"] = pd.Series(["u", "v"], dtype="category")
    write_csv(table, tmp_path / "t.csv")
    assert (tmp_path / "t.csv").read_text() == table.to_csv(index=False)
