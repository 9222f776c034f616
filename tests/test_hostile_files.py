"""Damaged and hostile files end in a clear fault, never in another exception; the challenge's check lets none through."""

import io
import json
import struct
import zipfile

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blemore.challenge.files import read_predictions, read_truth
from blemore.challenge.submission import asked_keys, check, write_zip
from blemore.cli import main
from blemore.datasets.template import MOST_BYTES, TEMPLATE, is_written_here, read_template
from blemore.encoders.precomputed import Precomputed
from blemore.scoring.columns import read_columns
from blemore.scoring.labels import CLASSES
from blemore.tables import probability_columns
from joblineage.errors import DataError

KEYS = [f"test_{k:04d}.mov" for k in range(1, 4)]
PREDICTIONS = {key: [{"emotion": "fea", "salience": 70.0}, {"emotion": "sad", "salience": 30.0}] for key in KEYS}
GOOD = json.dumps({"predictions": PREDICTIONS}).encode()
TABLE = pd.DataFrame({"clip": KEYS, "split": "test"} | dict.fromkeys(CLASSES, 1 / 6))
LABELS = b"filename,mix,emotion_1,emotion_2,emotion_1_salience,emotion_2_salience\nA26_x,1,fea,sad,70,30\n"


def packed(data: bytes = GOOD, name: str = TEMPLATE, how: int = zipfile.ZIP_DEFLATED, times: int = 1) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", how) as archive:
        for _ in range(times):
            archive.writestr(name, data)
    return file.getvalue()


def changed(data: bytes, sign: bytes, offset: int, form: str, value: int) -> bytes:
    """A zip whose header that starts with `sign` holds another number at `offset`."""
    copy = bytearray(data)
    struct.pack_into(form, copy, data.index(sign) + offset, value)
    return bytes(copy)


def parquet() -> bytes:
    file = io.BytesIO()
    TABLE.to_parquet(file)
    return file.getvalue()


CSV, PARQUET = TABLE.to_csv(index=False).encode(), parquet()
CENTRAL = b"PK\x01\x02"


def npz(save) -> bytes:
    file = io.BytesIO()
    save(file, X=np.ones((3, 2)), filenames=np.array(KEYS))
    return file.getvalue()


NPZ = (npz(np.savez), npz(np.savez_compressed))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("files")


def salience(number: str) -> bytes:
    return GOOD.replace(b"70.0", number.encode(), 1)


def key(name: str) -> bytes:
    return GOOD.replace(b"test_0002.mov", name.encode())


ZIPS = {
    "no zip": (b"nothing", "is not a readable zip"),
    "half a zip": (packed()[:50], "is not a readable zip"),
    "a byte changed": (packed()[:70] + b"\xff" + packed()[71:], "is not a readable zip"),
    "a size that is a lie": (changed(packed(how=0), CENTRAL, 24, "<I", 20), "is not a readable zip"),
    "another name inside": (packed(name="submission.json"), f"one file, {TEMPLATE}, in its root; it holds: \"submission"),
    "in a folder": (packed(name=f"upload/{TEMPLATE}"), f'in its root; it holds: "upload/{TEMPLATE}"'),
    "outside the folder": (packed(name=f"../{TEMPLATE}"), "in its root; it holds: "),
    "a name that writes on the terminal": (packed(name="\x1b[31mred"), r'it holds: "\u001b[31mred"'),
    "the file twice": (packed(times=2), f'it holds: "{TEMPLATE}", "{TEMPLATE}"'),
    "thousands of files": (packed(b"", times=3000), "and 2995 more"),
    "nothing inside": (packed(times=0), "it holds: none"),
    "a password": (changed(packed(), CENTRAL, 8, "<H", 1), "is encrypted: pack it without a password"),
    "packed by bzip2": (packed(how=zipfile.ZIP_BZIP2), "pack it as an ordinary zip (deflate)"),
    "packed by LZMA": (packed(how=zipfile.ZIP_LZMA), "pack it as an ordinary zip (deflate)"),
    "packed by Deflate64": (changed(packed(), CENTRAL, 10, "<H", 9), "pack it as an ordinary zip (deflate)"),
    "a bomb": (packed(b" " * (MOST_BYTES + 1)), "unpacks to more than 32 MB"),
    "byte order mark": (packed(b"\xef\xbb\xbf" + GOOD), "byte order mark: save it as UTF-8 without BOM"),
}  # fmt: skip


@pytest.mark.parametrize("what", ZIPS)
def test_a_zip_that_the_challenge_could_not_read_is_refused_with_one_fault(tmp_path, what):
    content, words = ZIPS[what]
    (tmp_path / "s.zip").write_bytes(content)
    faults = check(tmp_path / "s.zip", KEYS)
    assert len(faults) == 1
    assert words in faults[0]


JSONS = {
    "empty": (b"", "the file is empty"),
    "cut off": (GOOD[:-5], "is not valid JSON"),
    "Latin letters of Windows": (key("\xfc.mov").decode().encode("cp1252"), "is not UTF-8 text"),
    "byte order mark": (b"\xef\xbb\xbf" + GOOD, "byte order mark: save it as UTF-8 without BOM"),
    "UTF-16": (GOOD.decode().encode("utf-16"), "byte order mark: save it as UTF-8 without BOM"),
    "a zip called .json": (packed(), "is a zip: its name must end with .zip"),
    "nested too deeply": (b"[" * 100_000 + b"]" * 100_000, "is nested too deeply"),
    "a value nested too deeply": (salience("[" * 400 + "]" * 400), "is nested too deeply"),
    "a value nested deeply": (salience("[" * 50 + "]" * 50), "salience must be a number in percent, found [[[["),
    "NaN": (salience("NaN"), "holds NaN, which is no JSON number"),
    "infinity": (salience("-Infinity"), "holds -Infinity, which is no JSON number"),
    "a number beyond floats": (salience("1e999"), "salience must be a number in percent, found Infinity"),
    "a number of thousands of digits": (salience("7" * 5000), "is not valid JSON"),
    "a number of hundreds of digits": (salience("7" * 400), "salience must be a number in percent, found 777"),
    "a hundred thousand emotions of a clip": (
        GOOD.replace(b'"salience": 30.0}', b'"salience": 30.0}' + b', {"emotion": "sad", "salience": 30.0}' * 100_000, 1),
        "clip test_0001.mov: emotion 'sad' stands twice",
    ),
    "a number in quotes": (salience('"70"'), 'salience must be a number in percent, found "70"'),
    "a key twice": (key("test_0001.mov"), "test_0001.mov: stands more than once in the file"),
    "an outer key twice": (b'{"predictions": {}, ' + GOOD[1:], "predictions: stands more than once in the file"),
    "a second outer key": (GOOD[:-1] + b', "team": "us"}', "expected one outer key"),
    "no outer key": (json.dumps(PREDICTIONS).encode(), "expected one outer key"),
    "a folder in a key": (key("test/test_0002.mov"), "clip test/test_0002.mov: not the template's key, which is test_0002.mov"),
    "an ending in capital letters": (key("test_0002.MOV"), "clip test_0002.MOV: not the template's key, which is test_0002.mov"),
    "no ending": (key("test_0002"), "clip test_0002: not the template's key, which is test_0002.mov"),
    "a space in a key": (key("test_0002.mov "), "clip test_0002.mov : not the template's key, which is test_0002.mov"),
    "two keys of one clip": (
        GOOD.replace(b"}]}}", b'}], "x/test_0003.mov": [{"emotion": "sad", "salience": 100}]}}'),
        "clip x/test_0003.mov: a second key of one clip; leave the template's",
    ),
    "half a character in a key": (GOOD.replace(b"test_0003", b"test_0003.mov\\ud800"), r"clip test_0003.mov\ud800.mov: no such"),
    "a full name": (GOOD.replace(b"fea", b"fear", 1), 'clip test_0001.mov: unknown emotion "fear"; there are: ang, '),
    "one fault of many clips": (GOOD.replace(b"70.0", b"60"), "clip test_0001.mov, and 2 more: saliences 60/30, which sum to 90, not 100"),
}  # fmt: skip


@pytest.mark.parametrize("what", JSONS)
def test_json_that_the_challenge_would_not_take_is_refused(tmp_path, what):
    content, words = JSONS[what]
    (tmp_path / "s.json").write_bytes(content)
    assert any(words in fault for fault in check(tmp_path / "s.json", KEYS))


@pytest.mark.parametrize(
    "name", ["x/test_0001.mov", r"x\test_0001.mov", "test_0001", "test_0001.MOV", "..", ".mov", ""]
)
def test_a_key_that_is_no_clip_s_plain_name_is_refused_without_a_template_too(tmp_path, name):
    (tmp_path / "s.json").write_text(json.dumps({"predictions": {name: PREDICTIONS[KEYS[0]]}}))
    (fault,) = check(tmp_path / "s.json")
    assert "a key is the name of a clip without folder, with .mov" in fault


def test_a_submission_that_the_workflow_writes_is_small_and_passes(tmp_path):
    predictions = {f"test_{k:04d}.mov": PREDICTIONS[KEYS[0]] for k in range(1, 595)}
    write_zip(tmp_path / "s.zip", {"predictions": predictions})
    assert check(tmp_path / "s.zip", predictions) == []
    assert (tmp_path / "s.zip").stat().st_size < len(json.dumps(predictions)) / 10


def test_the_commands_say_missing_empty_and_directory_and_no_traceback(tmp_path, capsys):
    (tmp_path / "empty.zip").write_bytes(b"")
    (tmp_path / "s.json").write_bytes(GOOD)
    for arguments, words in (
        (["check-submission", str(tmp_path / "none.zip")], "none.zip: 1 fault(s)\n  - no such file"),
        (["check-submission", str(tmp_path / "empty.zip")], "the file is empty"),
        (["check-submission", str(tmp_path)], "is a directory, expected a file"),
        (["check-submission", str(tmp_path / "s.json"), "--clips", str(tmp_path / "none.csv")], "no such file"),
        (["evaluate", str(tmp_path), "--truth", "t.csv"], "t.csv: 1 fault(s)\n  - no such file"),
    ):
        with pytest.raises(SystemExit) as end:
            main(arguments)
        captured = capsys.readouterr()
        assert end.value.code == 1
        assert words in captured.out + captured.err


def mangled(*good: bytes) -> st.SearchStrategy[bytes]:
    """Bytes of a good file with some of them replaced, cut out or put in; or any bytes at all."""

    def mangle(data: bytes, edits: list[tuple[float, int, bytes]]) -> bytes:
        for place, length, new in edits:
            at = int(place * len(data))
            data = data[:at] + new + data[at + length :]
        return data

    edit = st.tuples(st.floats(0, 1), st.integers(0, 20), st.binary(max_size=8))
    return st.builds(mangle, st.sampled_from(good), st.lists(edit, max_size=4)) | st.binary(max_size=60)


def read_all(path, *readers) -> None:
    """Each reader gives a result or a `DataError` that names the file."""
    for reader in readers:
        try:
            reader(path)
        except DataError as error:
            assert error.faults  # noqa: PT017
            assert len(str(error)) < 20_000  # noqa: PT017
            str(error).encode()


TABLES = (read_columns, probability_columns, read_truth, asked_keys)
PEOPLE = settings(max_examples=80, deadline=None)


@PEOPLE
@given(mangled(GOOD, salience("1e5"), GOOD.decode().encode("utf-16")))
def test_no_json_ends_in_another_exception(folder, data):
    (folder / "s.json").write_bytes(data)
    read_all(folder / "s.json", check, lambda path: check(path, KEYS), read_predictions, read_template)
    assert is_written_here(data) in (True, False)


@PEOPLE
@given(mangled(packed(), packed(how=zipfile.ZIP_STORED), packed(how=zipfile.ZIP_LZMA), packed(times=2)))
def test_no_zip_ends_in_another_exception(folder, data):
    (folder / "s.zip").write_bytes(data)
    read_all(folder / "s.zip", check, lambda path: check(path, KEYS), read_predictions, asked_keys)


@PEOPLE
@given(mangled(CSV, LABELS, CSV.replace(b",", b";").replace(b".", b","), CSV.decode().encode("utf-16")))
def test_no_csv_ends_in_another_exception(folder, data):
    (folder / "t.csv").write_bytes(data)
    read_all(folder / "t.csv", *TABLES, lambda path: probability_columns(path, logits=True))


@PEOPLE
@given(mangled(PARQUET))
def test_no_parquet_ends_in_another_exception(folder, data):
    (folder / "t.parquet").write_bytes(data)
    read_all(folder / "t.parquet", *TABLES)


@PEOPLE
@given(mangled(*NPZ))
def test_no_npz_ends_in_another_exception(folder, data):
    (folder / "x.npz").write_bytes(data)
    read_all(folder / "x.npz", lambda path: list(Precomputed().read(path)))


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text() | st.sampled_from(CLASSES),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text() | st.sampled_from(["emotion", "salience", "predictions", *KEYS]), inner, max_size=3)
    ),
    max_leaves=12,
)


@pytest.mark.thorough
@PEOPLE
@given(JSON)
def test_no_value_in_json_ends_in_another_exception(folder, value):
    for said in (value, {"predictions": value}, {"predictions": {KEYS[0]: value}}):
        (folder / "v.json").write_text(json.dumps(said))
        read_all(folder / "v.json", lambda path: check(path, KEYS), read_predictions, read_template)
        assert check(folder / "v.json", KEYS)  # two clips are missing at least
