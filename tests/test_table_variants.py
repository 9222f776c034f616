"""The tables that people make: which are read, to exactly the right values, and which are refused, with one clear fault."""

import gzip
import io
import logging

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from blemore.challenge.files import read_predictions, read_truth
from blemore.challenge.submission import asked_keys
from blemore.scoring.labels import CLASSES
from blemore.tables import probability_columns
from joblineage.errors import DataError

CLIPS = ["A26_ang_int1_ver1", "test_0001"]
VALUES = [[0.7, 0.1, 0.05, 0.05, 0.05, 0.05], [0.2, 0.2, 0.2, 0.2, 0.1, 0.1]]
PLAIN = """\
clip,ang,disg,fea,hap,sad,neu
A26_ang_int1_ver1,0.70,0.10,0.05,0.05,0.05,0.05
test_0001,0.20,0.20,0.20,0.20,0.10,0.10
"""
HEADER, FIRST, SECOND = PLAIN.splitlines()
GERMAN = PLAIN.replace(",", ";").replace(".", ",")
PERCENT = """\
clip,ang,disg,fea,hap,sad,neu
A26_ang_int1_ver1,70,10,5,5,5,5
test_0001,20,20,20,20,10,10
"""
R = """\
"","clip","ang","disg","fea","hap","sad","neu"
"1","A26_ang_int1_ver1",0.7,0.1,0.05,0.05,0.05,0.05
"2","test_0001",0.2,0.2,0.2,0.2,0.1,0.1
"""
FRAME = pd.DataFrame({"clip": CLIPS} | dict(zip(CLASSES, np.transpose(VALUES), strict=True)))


def rows(*numbers: str) -> str:
    """A table of two clips with these numbers."""
    return "\n".join([HEADER, *(f"{clip},{row}" for clip, row in zip(CLIPS, numbers, strict=True))])


def parquet(table: pd.DataFrame, **options) -> bytes:
    file = io.BytesIO()
    table.to_parquet(file, **options)
    return file.getvalue()


def arrow(**columns: pa.Array) -> bytes:
    file = io.BytesIO()
    pq.write_table(pa.table({name: pa.array(FRAME[name]) for name in FRAME} | columns), file)
    return file.getvalue()


READ = {  # what people make: (the file's name, its content); all of them are the same table
    "commas": ("t.csv", PLAIN),
    "semicolons": ("t.csv", PLAIN.replace(",", ";")),
    "tabs": ("t.tsv", PLAIN.replace(",", "\t")),
    "bars": ("t.txt", PLAIN.replace(",", "|")),
    "semicolons and decimal commas, as Excel in Germany": ("t.csv", GERMAN),
    "tabs and decimal commas": ("t.txt", GERMAN.replace(";", "\t")),
    "decimal commas in quotes between commas": (
        "t.csv",
        rows('"0,70","0,10","0,05","0,05","0,05","0,05"', '"0,20","0,20","0,20","0,20","0,10","0,10"'),
    ),
    "Excel's line about the separator": ("t.csv", "sep=;\r\n" + GERMAN.replace("\n", "\r\n")),
    "that line in quotes, and commas": ("t.csv", '"sep=,"\n' + PLAIN),
    "byte order mark": ("t.csv", b"\xef\xbb\xbf" + PLAIN.encode()),
    "byte order mark before Excel's line": ("t.csv", b"\xef\xbb\xbfsep=;\r\n" + GERMAN.encode()),
    "UTF-16 with byte order mark, as Excel's Unicode text": ("t.txt", GERMAN.replace(";", "\t").encode("utf-16")),
    "UTF-16, big end first": ("t.csv", b"\xfe\xff" + PLAIN.encode("utf-16-be")),
    "UTF-16 without byte order mark": ("t.csv", PLAIN.encode("utf-16-le")),
    "lines of Windows": ("t.csv", PLAIN.replace("\n", "\r\n")),
    "lines of an old Mac": ("t.csv", PLAIN.replace("\n", "\r")),
    "no line end at the end": ("t.csv", PLAIN.rstrip()),
    "empty lines between and behind": ("t.csv", PLAIN.replace("\n", "\n\n") + "\n\n"),
    "empty lines before": ("t.csv", "\n\n" + PLAIN),
    "rows of nothing but separators, as Excel": ("t.csv", GERMAN + ";;;;;;\n;;;;;;\n"),
    "a separator at the end of each line": ("t.csv", PLAIN.replace("\n", ",\n")),
    "a separator at the end of each row but not of the header": ("t.csv", f"{HEADER}\n{FIRST},\n{SECOND},\n"),
    "spaces after commas": ("t.csv", PLAIN.replace(",", ", ")),
    "spaces around commas and at the ends": ("t.csv", PLAIN.replace(",", " , ").replace("\n", "  \n")),
    "everything in quotes": ("t.csv", '"' + PLAIN.strip().replace(",", '","').replace("\n", '"\n"') + '"'),
    "quotes after spaces": ("t.csv", PLAIN.replace("A26_ang_int1_ver1,0.70", '"A26_ang_int1_ver1", "0.70"')),
    "spaces, as pandas prints a table": ("t.txt", FRAME.to_string(index=False)),
    "spaces, with the row names and quotes of R": ("t.txt", R.replace('"",', "", 1).replace(",", " ")),
    "capital letters": ("t.csv", PLAIN.replace(HEADER, HEADER.upper())),
    "capitals at the start of words, in a .CSV": ("T.CSV", PLAIN.replace(HEADER, HEADER.title())),
    "full names": ("t.csv", PLAIN.replace(HEADER, "clip,anger,disgust,fear,happiness,sadness,neutral")),
    "names as adjectives": ("t.csv", PLAIN.replace(HEADER, "Clip,Angry,Disgusted,Fearful,Happy,Sad,Neutral")),
    "dis for disg": ("t.csv", PLAIN.replace("disg", "dis")),
    "p_ before each class": ("t.csv", PLAIN.replace(HEADER, "clip,p_ang,p_disg,p_fea,p_hap,p_sad,p_neu")),
    "prob behind each class": (
        "t.csv",
        PLAIN.replace(HEADER, "clip,ang_prob,disg_prob,fea_prob,hap_prob,sad_prob,neu_prob"),
    ),
    "# before the header, as NumPy": ("t.csv", "# " + PLAIN),
    "filename for clip": ("t.csv", PLAIN.replace("clip", "filename")),
    "file for clip": ("t.csv", PLAIN.replace("clip", "File")),
    "video for clip": ("t.csv", PLAIN.replace("clip", "video")),
    "file name in two words": ("t.csv", PLAIN.replace("clip", "File Name")),
    "names with .mov": ("t.csv", PLAIN.replace("ver1", "ver1.mov").replace("0001", "0001.MOV")),
    "names with .mp4 and .avi": ("t.csv", PLAIN.replace("ver1", "ver1.mp4").replace("0001", "0001.avi")),
    "paths": ("t.csv", PLAIN.replace("A26", "train/A26").replace("test_", "/data/test/test_")),
    "paths of Windows": ("t.csv", PLAIN.replace("A26", r"C:\train\A26").replace("test_", r"..\test\test_")),
    "columns in another order": ("t.csv", FRAME[[*CLASSES[::-1], "clip"]].to_csv(index=False)),
    "further columns": ("t.csv", FRAME.assign(note="a, b", model=3).to_csv(index=False)),
    "pandas' index": ("t.csv", FRAME.to_csv()),
    "pandas' index, written twice": ("t.csv", pd.read_csv(io.StringIO(FRAME.to_csv())).to_csv()),
    "clips as pandas' index": ("t.csv", FRAME.set_index("clip").to_csv()),
    "clips as a nameless index": ("t.csv", FRAME.set_index("clip").rename_axis(None).to_csv()),
    "row names of R": ("t.csv", R),
    "row names of R below no header": ("t.csv", R.replace('"",', "", 1)),
    "clips as row names of R": ("t.csv", PLAIN.replace("clip,", "", 1)),
    "clip beside filename": ("t.csv", FRAME.assign(filename=["x", "y"]).to_csv(index=False)),
    "percent": ("t.csv", PERCENT),
    "percent signs": ("t.csv", rows("70%,10%,5%,5%,5%,5%", "20 %,20 %,20 %,20 %,10 %,10 %")),
    "percent of Excel in Germany": ("t.csv", PERCENT.replace(",", ";").replace("0;", "0,0%;").replace("5;", "5,0 %;")),
    "numbers with exponents": ("t.csv", rows("7e-1,1E-1,5e-2,.05,5.0E-02,0.05", "2e-1,.2,.2,.2,1e-1,+.1")),
    "packed by gzip": ("t.csv.gz", gzip.compress(PLAIN.encode())),
    "packed by gzip, but called .csv": ("t.csv", gzip.compress(PLAIN.encode())),
    "no ending": ("table", PLAIN),
    "Parquet": ("t.parquet", parquet(FRAME, index=False)),
    "Parquet called .PARQUET": ("T.PARQUET", parquet(FRAME, index=False)),
    "Parquet called .pq": ("t.pq", parquet(FRAME, index=False)),
    "Parquet with an index": ("t.parquet", parquet(FRAME.iloc[[0, 1]].set_axis([7, 9]), index=True)),
    "Parquet, clips as index": ("t.parquet", parquet(FRAME.set_index("clip"))),
    "Parquet, clips as a nameless index": ("t.parquet", parquet(FRAME.set_index("clip").rename_axis(None))),
    "Parquet, clips as categories": ("t.parquet", parquet(FRAME.astype({"clip": "category"}))),
    "Parquet, clips as bytes": ("t.parquet", arrow(clip=pa.array([name.encode() for name in CLIPS]))),
    "Parquet, numbers as text": ("t.parquet", parquet(FRAME.astype("str"))),
    "Parquet packed by gzip inside": ("t.parquet", parquet(FRAME, compression="gzip")),
    "Parquet with full names": ("t.parquet", parquet(FRAME.rename(columns={"ang": "Anger", "clip": "File"}))),
}


def written(folder, name: str, content: str | bytes):
    (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
    return folder / name


@pytest.mark.parametrize("what", READ)
def test_a_table_is_read_to_the_last_bit_however_it_is_written(tmp_path, what):
    table = probability_columns(written(tmp_path, *READ[what]))
    assert list(table["clip"]) == CLIPS
    assert np.stack([table[name] for name in CLASSES], axis=1).tolist() == VALUES


ROUNDED = {  # (the numbers of two clips; what a row sums to at least and at most)
    "three decimals": (
        ("0.333,0.333,0.333,0.000,0.000,0.000", "0.167,0.167,0.167,0.167,0.167,0.167"),
        "0.999 .. 1.002",
    ),
    "six decimals": (("0.166667,0.166667,0.166667,0.166667,0.166667,0.166667", "0.5,0.5,0,0,0,0"), "1 .. 1.000002"),
    "two decimals, at the limit": (("0.17,0.17,0.17,0.17,0.17,0.18", "0.16,0.16,0.16,0.16,0.16,0.17"), "0.97 .. 1.03"),
    "one decimal": (("0.3,0.3,0.3,0.0,0.0,0.0", "0.2,0.2,0.2,0.2,0.2,0.2"), "0.9 .. 1.2"),
    "zeros at the end left out": (("0.333,0.333,0.333,0,0,0", "0.5,0.4,0.1,0,0,0"), "0.999 .. 1"),
    "three significant digits": (("0.0123,0.00456,0.983,0,0,0", "0.333,0.333,0.333,1e-05,0,0"), "0.99901 .. 0.99986"),
    "whole percent": (("33,33,33,0,0,0", "17,17,17,17,17,17"), "99% .. 102%"),
    "percent with a decimal": (
        ("33.3%,33.3%,33.3%,0%,0%,0%", "16.7%,16.7%,16.7%,16.7%,16.7%,16.7%"),
        "99.9% .. 100.2%",
    ),
}


@pytest.mark.parametrize("what", ROUNDED)
def test_rounded_rows_are_divided_by_their_sum_and_a_remark_says_so(tmp_path, caplog, what):
    numbers, sums = ROUNDED[what]
    with caplog.at_level(logging.WARNING):
        table = probability_columns(written(tmp_path, "t.csv", rows(*numbers)))
    shown = np.array([[float(cell.strip("%")) for cell in row.split(",")] for row in numbers])
    expected = shown / shown.sum(axis=1, keepdims=True)
    assert np.stack([table[name] for name in CLASSES], axis=1).tolist() == expected.tolist()
    (remark,) = [record.getMessage() for record in caplog.records]
    assert remark.endswith(f"t.csv: the six numbers of a row sum to {sums}: each row was divided by its sum")


@pytest.mark.thorough
@pytest.mark.parametrize("form", ["%.1f", "%.2f", "%.3f", "%.6f", "%.2g", "%.4g", "%.5e"])
def test_a_whole_study_that_was_rounded_is_read_with_one_remark(tmp_path, caplog, form):
    values = np.random.default_rng(0).dirichlet(np.ones(6), 2538)
    table = pd.DataFrame(values, columns=list(CLASSES)).assign(clip=[f"test_{k:04d}" for k in range(len(values))])
    read = probability_columns(written(tmp_path, "t.csv", table.to_csv(float_format=form)))
    found = np.stack([read[name] for name in CLASSES], axis=1)
    shown = np.array([[float(form % number) for number in row] for row in values])
    assert np.array_equal(found, shown / shown.sum(axis=1, keepdims=True))
    assert len(caplog.records) == 1


@pytest.mark.parametrize(("kind", "remarks"), [("float16", 1), ("float32", 0)])
def test_short_floats_of_parquet_are_probabilities_too(tmp_path, caplog, kind, remarks):
    values = np.random.default_rng(0).dirichlet(np.ones(6), 500)
    table = pd.DataFrame(values.astype(kind), columns=list(CLASSES)).assign(clip=[f"test_{k:04d}" for k in range(500)])
    read = probability_columns(written(tmp_path, "t.parquet", parquet(table)))
    found = np.stack([read[name] for name in CLASSES], axis=1)
    np.testing.assert_allclose(found, values, atol=1e-3)
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-6)
    assert len(caplog.records) == remarks


def test_logits_are_read_where_it_is_said_that_they_are(tmp_path):
    table = probability_columns(written(tmp_path, "t.csv", rows("2,1,0,-1,-2,-3", "700,700,-700,0,0,0")), logits=True)
    found = np.stack([table[name] for name in CLASSES], axis=1)
    np.testing.assert_allclose(
        found[0], np.exp([2, 1, 0, -1, -2, -3]) / np.exp([2, 1, 0, -1, -2, -3]).sum(), rtol=1e-12
    )
    np.testing.assert_allclose(found[1], [0.5, 0.5, 0, 0, 0, 0], atol=1e-12)


HUNDREDS = "\n".join([HEADER, *(f"test_{k:04d},0.9,0.9,0.1,0.1,0.1,0.1" for k in range(1, 301))])
REFUSED = {  # (the file's name, its content, what is said)
    "no file": ("t.csv", None, "no such file"),
    "a directory": (".", None, "is a directory, expected a file"),
    "an empty file": ("t.csv", "", "the file is empty"),
    "blank lines": ("t.csv", " \n\n", "the file is empty"),
    "only separators": ("t.csv", ",,,\n,,,\n", "no line but blank ones, expected a header"),
    "a header alone": ("t.csv", HEADER, "no row"),
    "no header": ("t.csv", f"{FIRST}\n{SECOND}\n", "expected a first line with the names of the columns, found A26_ang_int1_ver1, 0.70, 0.10, "),
    "no column of clips": ("t.csv", PLAIN.replace("clip", "who"), "column 'clip' is missing (found: 'who', 'ang', "),
    "a class is missing": ("t.csv", FRAME.drop(columns="hap").to_csv(), "column 'hap' is missing (found: "),
    "two classes are missing": ("t.csv", FRAME.iloc[:, :5].to_csv(), "columns 'sad', 'neu' are missing"),
    "an emotion that the challenge does not know": ("t.csv", PLAIN.replace("hap", "joy"), "column 'hap' is missing"),
    "a column twice": ("t.csv", PLAIN.replace("disg", "ang"), "column 'ang' stands more than once ('ang', 'ang')"),
    "a class in two spellings": ("t.csv", PLAIN.replace("disg", "Anger"), "more than once ('ang', 'Anger')"),
    "decimal commas between commas": ("t.csv", PLAIN.replace(".", ","), "line 2: 13 cells, expected 7 as in the header; "),
    "a row that is too long": ("t.csv", PLAIN + "x,1,0,0,0,0,0,0\n", "line 4: 8 cells, expected 7"),
    "a quotation mark that does not end": ("t.csv", PLAIN.replace("test", '"test'), "line 3: unexpected end of data"),
    "Latin letters of Windows": ("t.csv", PLAIN.replace("test", "Übung").encode("cp1252"), "line 3: not in UTF-8; save"),
    "an Excel workbook": ("t.xlsx", b"PK\x03\x04rest", "is a zip or an Excel workbook: unpack it, or save the sheet"),
    "an old Excel workbook": ("t.xls", b"\xd0\xcf\x11\xe0rest", "is an old Excel workbook: save the sheet as CSV"),
    "a page of the web": ("t.csv", "<!DOCTYPE html><html>", "is a page of HTML or XML, perhaps of a download"),
    "JSON": ("t.csv", '{"predictions": {}}', "is JSON, no table"),
    "an array of NumPy": ("t.npy", b"\x93NUMPY\x01\x00", "is an array of NumPy: save a table"),
    "a pickle": ("t.pkl", b"\x80\x04\x95", "is a pickle of Python, which is never opened"),
    "a pointer of Git LFS": ("t.csv", "version https://git-lfs.github.com/spec/v1\n", "`git lfs pull` brings the file"),
    "packed by xz": ("t.csv.xz", b"\xfd7zXZ\x00", "is packed by xz: unpack it"),
    "half a gzip file": ("t.csv.gz", gzip.compress(PLAIN.encode())[:40], "is a damaged gzip file"),
    "half a Parquet file": ("t.parquet", parquet(FRAME)[:400], "cannot be read as Parquet"),
    "CSV called .parquet": ("t.parquet", PLAIN, "cannot be read as Parquet"),
    "Parquet without rows": ("t.parquet", parquet(FRAME.iloc[:0]), "no row"),
    "logits": ("t.csv", rows("2,1,0,-1,-2,-3", "3,1,0,-1,-2,-9"), "row 1, clip A26_ang_int1_ver1, and 1 more: a probability lies outside 0..1, found ['2', '1', '0', '-1', '-2', '-3']; if these are logits"),
    "an empty cell": ("t.csv", PLAIN.replace("0.70", ""), "row 1, clip A26_ang_int1_ver1: a probability is NaN, infinite or no number, found [None, '0.10', "),
    "a word": ("t.csv", PLAIN.replace("0.70", "much"), "no number, found ['much', '0.10', "),
    "infinity": ("t.csv", PLAIN.replace("0.70", "inf"), "NaN, infinite or no number"),
    "a number of Python's source": ("t.csv", PLAIN.replace("0.70", "0.7_0"), "no number, found ['0.7_0', "),
    "points between thousands": ("t.csv", GERMAN.replace("0,70", "1.000,70"), "no number, found ['1.000,70', "),
    "a negative probability": ("t.csv", rows("1.1,-0.1,0,0,0,0", "1,0,0,0,0,0"), "row 1, clip A26_ang_int1_ver1: a probability lies outside 0..1"),
    "scores that were never divided": ("t.csv", HUNDREDS, "row 1, clip test_0001, and 299 more: the six probabilities do not sum to 1, found ['0.9', '0.9', '0.1', '0.1', '0.1', '0.1']; divide each row by its sum"),
    "rounding that explains all rows but one": ("t.csv", rows("0.333,0.333,0.333,0,0,0", "0.400,0.400,0.190,0,0,0"), "do not sum to 1"),
    "a row of zeros": ("t.csv", PLAIN.replace(SECOND[9:], ",0.0,0.0,0.0,0.0,0.0,0.0"), "row 2, clip test_0001: the six probabilities do not sum to 1"),
    "ones for several classes": ("t.csv", rows("1,1,0,0,0,0", "1,0,0,0,0,0"), "do not sum to 1"),
    "percent in one row only": ("t.csv", rows("70,10,5,5,5,5", "0.2,0.2,0.2,0.2,0.1,0.1"), "row 1, clip A26_ang_int1_ver1: a probability lies outside 0..1"),
    "a clip twice": ("t.csv", PLAIN + SECOND, "row 3, clip test_0001: the clip is in more than one row; leave one"),
    "a clip as .mov and .mp4": ("t.csv", PLAIN + SECOND.replace("0001", "0001.mp4"), "is in more than one row"),
    "a clip without a name": ("t.csv", PLAIN.replace("test_0001", ""), "row 2, clip : the clip has no name"),
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSED)
def test_a_table_that_cannot_be_meant_is_refused_with_one_fault(tmp_path, what):
    name, content, words = REFUSED[what]
    if content is not None:
        written(tmp_path, name, content)
    with pytest.raises(DataError) as error:
        probability_columns(tmp_path / name)
    assert error.value.where == str(tmp_path / name)
    assert len(error.value.faults) == 1
    assert words in error.value.faults[0]


@pytest.mark.parametrize(("numbers", "words"), [(VALUES[0], "leave out --logits"), ((1, "x", 2, 3, 4, 5), "no number")])
def test_logits_that_are_none_are_refused(tmp_path, numbers, words):
    row = ",".join(map(str, numbers))
    with pytest.raises(DataError, match=words) as error:
        probability_columns(written(tmp_path, "t.csv", rows(row, row)), logits=True)
    assert len(error.value.faults) == 1


LABELS = """filename,mix,emotion_1,emotion_2,emotion_1_salience,emotion_2_salience
A26_ang_int1_ver1,0,ang,,,
A26_mix_disg_hap_70_30_ver1,1,disg,hap,70,30
"""
TRUTHS = {
    "the challenge's form": LABELS,
    "semicolons and decimal commas": LABELS.replace(",", ";").replace("70;30", "70,0;30,0"),
    "full names": LABELS.replace("0,ang,", "0,Anger,").replace("disg,hap,70", "disgust,Happiness,70"),
    "capital letters": LABELS.upper().replace("VER1", "ver1").replace("MIX_DISG_HAP", "mix_disg_hap").replace("ANG_INT", "ang_int"),
    "spaces after commas": LABELS.replace(",", ", "),
    "percent signs": LABELS.replace("70,30", "70%,30 %"),
    "saliences of singles": LABELS.replace("ang,,,", "ang,,100.0,"),
    "NA where nothing is": LABELS.replace("ang,,,", "ang,NA,NA,NA"),
    "clip for filename, with ending": LABELS.replace("filename", "Clip").replace("ver1", "ver1.mov"),
    "true and false": LABELS.replace("ver1,0", "ver1,FALSE").replace("ver1,1", "ver1,TRUE"),
    "Excel's export": "\ufeffsep=;\r\n" + LABELS.replace(",", ";").replace("\n", ";;\r\n"),
}  # fmt: skip


@pytest.mark.parametrize("what", TRUTHS)
def test_labels_are_the_same_however_they_are_written(tmp_path, what):
    found = read_truth(written(tmp_path, "t.csv", TRUTHS[what]))
    assert found["clip"].tolist() == ["A26_ang_int1_ver1", "A26_mix_disg_hap_70_30_ver1"]
    assert (found["emotion_1"].tolist(), found["emotion_2"].tolist()) == (["ang", "disg"], ["", "hap"])
    assert found["emotion_1_salience"].tolist() == [100, 70]
    assert found["emotion_2_salience"].astype(str).tolist() == ["nan", "30.0"]


TEMPLATE = '{"predictions": {"test_0001.mov": [], "test_0002.mov": []}}'
FILLED = TEMPLATE.replace("[]", '[{"emotion": "fea", "salience": 30}, {"emotion": "ang", "salience": 70}]')
ASKED = {
    "the template": ("t.json", TEMPLATE),
    "the challenge's own, which is filled": ("t.json", FILLED),
    "the template in UTF-16": ("t.json", TEMPLATE.encode("utf-16")),
    "the template with byte order mark": ("t.json", b"\xef\xbb\xbf" + TEMPLATE.encode()),
    "a column": ("t.csv", "clip\ntest_0001\ntest_0002\n"),
    "a column of paths": ("t.txt", "Filename\ntest/test_0001.MOV\ntest/test_0002.mp4\n"),
    "a table": ("t.csv", "video;note\ntest_0001;x\ntest_0002;y\n"),
    "clips.parquet": (
        "clips.parquet",
        parquet(pd.DataFrame({"clip": ["A26_x", "test_0001", "test_0002"], "split": ["train", "test", "test"]})),
    ),
}


@pytest.mark.parametrize("what", ASKED)
def test_the_clips_of_a_submission_come_from_the_template_or_a_table(tmp_path, what):
    assert asked_keys(written(tmp_path, *ASKED[what])) == ["test_0001.mov", "test_0002.mov"]


PREDICTIONS = {
    "the challenge's form": FILLED,
    "without the outer key": FILLED[len('{"predictions": ') : -1],
    "byte order mark": "\ufeff" + FILLED,
    "UTF-16, as PowerShell writes it": FILLED.encode("utf-16"),
    "full names": FILLED.replace('"fea"', '"Fear"').replace('"ang"', '"anger"'),
    "paths without ending": FILLED.replace("test_", "C:\\\\test\\\\test_").replace(".mov", ""),
}


@pytest.mark.parametrize("what", PREDICTIONS)
def test_predictions_are_the_same_however_they_are_written(tmp_path, what):
    names, saliences = read_predictions(written(tmp_path, "p.json", PREDICTIONS[what]))
    assert names == ["test_0001", "test_0002"]
    assert saliences.tolist() == [[70, 0, 30, 0, 0, 0]] * 2
