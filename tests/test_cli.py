"""The commands give the functions' numbers, name what is wrong, and keep their exit codes: 0 done, 1 data, 2 usage."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from simulated import study

import blemore
from blemore.cli import main, other_clone
from blemore.scoring.exact import exact_optimum
from blemore.scoring.labels import CLASSES
from blemore.scoring.metrics import true_saliences
from blemore.scoring.surface import official_grid
from joblineage.capture import differ


@pytest.fixture
def files(tmp_path):
    """Truth, probabilities and predictions of a small study, on disk."""
    clips, tables = study(persons=4, test=0)
    clips = clips.sort_values("clip", ignore_index=True)
    clips.rename(columns={"clip": "filename"}).to_csv(tmp_path / "truth.csv", index=False)
    table = tables["e0"].sort_values("clip", ignore_index=True)
    table[["clip", *CLASSES]].to_csv(tmp_path / "p.csv", index=False)
    return tmp_path, clips, table


def run(*arguments, code: int = 0, capsys=None) -> str:
    """Run the command in this process; its exit code must be `code`. Gives stdout, or stderr when it failed."""
    with pytest.raises(SystemExit) as end:
        main([str(argument) for argument in arguments])
    assert (end.value.code or 0) == code
    captured = capsys.readouterr()
    assert "Traceback" not in captured.err
    return captured.out if code == 0 else captured.out + captured.err


def test_thresholds_then_decode_then_evaluate_give_the_same_score(files, capsys):
    folder, clips, table = files
    truth = folder / "truth.csv"
    chosen = json.loads(run("thresholds", folder / "p.csv", "--truth", truth, "--json", capsys=capsys))
    expected = exact_optimum(table[list(CLASSES)].to_numpy(), true_saliences(clips))
    assert chosen["score"] == expected.score
    out = folder / "predictions.json"
    pair = ["--alpha", chosen["alpha"], "--beta", chosen["beta"]]
    said = run("decode", folder / "p.csv", *pair, "--out", out, capsys=capsys)
    assert str(out) in said
    scored = json.loads(run("evaluate", out, "--truth", truth, "--json", capsys=capsys))
    for name in ("acc_presence", "acc_salience", "score"):
        assert scored[name] == chosen[name]
    assert (scored["clips"], scored["blends"]) == (len(clips), 4 * 30)
    assert run("check-submission", out, "--clips", truth, capsys=capsys).endswith("ok\n")


def test_the_official_grid_is_the_kits(files, capsys):
    folder, clips, table = files
    chosen = json.loads(
        run(
            "thresholds",
            folder / "p.csv",
            "--truth",
            folder / "truth.csv",
            "--grid",
            "official",
            "--json",
            capsys=capsys,
        )
    )
    expected = official_grid(table[list(CLASSES)].to_numpy(), true_saliences(clips))
    assert (chosen["alpha"], chosen["beta"], chosen["score"]) == (expected.alpha, expected.beta, expected.score)


def test_a_missing_and_an_unknown_prediction_are_refused_by_name(files, capsys):
    folder, clips, _ = files
    said = {name: [{"emotion": "ang", "salience": 100}] for name in clips["clip"][1:]} | {
        "A9_x": [{"emotion": "ang", "salience": 100}]
    }
    (folder / "s.json").write_text(json.dumps(said))
    text = run("evaluate", folder / "s.json", "--truth", folder / "truth.csv", code=1, capsys=capsys)
    assert f"clip {clips['clip'][0]}: not predicted" in text
    assert "clip A9_x: not in" in text


def test_a_bad_table_is_refused_naming_row_and_clip(files, capsys):
    folder, _, table = files
    table.loc[2, "ang"] = np.nan
    table.to_csv(folder / "bad.csv", index=False)
    text = run(
        "decode", folder / "bad.csv", "--alpha", 0.1, "--beta", 0.1, "--out", folder / "o.json", code=1, capsys=capsys
    )
    assert f"row 3, clip {table['clip'][2]}: a probability is NaN" in text
    assert not (folder / "o.json").exists()


@pytest.mark.thorough
@pytest.mark.parametrize("name", ["none.csv", "none.parquet"])
def test_a_file_that_is_not_there_is_named(files, capsys, name):
    folder, _, _ = files
    text = run("thresholds", folder / name, "--truth", folder / "truth.csv", code=1, capsys=capsys)
    assert name in text
    assert "none.csv" in run("thresholds", folder / "p.csv", "--truth", folder / "none.csv", code=1, capsys=capsys)
    assert "none.json" in run("check-submission", folder / "none.json", code=1, capsys=capsys)


@pytest.mark.parametrize(
    ("name", "content"), [("x.csv", b""), ("x.csv", b"\xff\xfe\x00"), ("x.parquet", b"no parquet")]
)
def test_a_broken_file_is_named_without_a_traceback(files, capsys, name, content):
    folder, _, _ = files
    (folder / name).write_bytes(content)
    assert name in run("thresholds", folder / name, "--truth", folder / "truth.csv", code=1, capsys=capsys)


def test_a_fault_that_many_clips_share_is_told_once_with_its_count(files, capsys):
    folder, _, _ = files
    bad = {f"test_{k:04d}.mov": [{"emotion": "joy", "salience": 100}] for k in range(60)}
    (folder / "s.json").write_text(json.dumps({"predictions": bad}))
    text = run("check-submission", folder / "s.json", code=1, capsys=capsys)
    assert 'clip test_0000.mov, and 59 more: unknown emotion "joy"; there are: ang, disg' in text
    told = run("check-submission", folder / "s.json", "--json", code=1, capsys=capsys)
    assert len(json.loads(told)["faults"]) == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ["evaluate"],
        ["nothing"],
        ["evaluate", "x.json", "--truth", "t.csv", "--unknown"],
        ["decode", "p.csv", "--alpha", "2", "--beta", "0.1", "--out", "o.json"],
        ["decode", "p.csv", "--alpha", "much", "--beta", "0.1", "--out", "o.json"],
        ["thresholds", "p.csv", "--truth", "t.csv", "--grid", "fine"],
    ],
)
def test_a_wrong_call_ends_with_two(capsys, arguments):
    run(*arguments, code=2, capsys=capsys)


def test_logits_are_read_where_the_command_is_told_so(files, capsys):
    folder, _, table = files
    logits = table[["clip", *CLASSES]].copy()
    logits[list(CLASSES)] = np.log(logits[list(CLASSES)]) + 3
    logits.to_csv(folder / "logits.csv", index=False)
    asked = ["--truth", folder / "truth.csv", "--json"]
    text = run("thresholds", folder / "logits.csv", *asked, code=1, capsys=capsys)
    assert "and 143 more: a probability lies outside 0..1" in text
    assert "if these are logits, say --logits" in text
    told = json.loads(run("thresholds", folder / "logits.csv", "--logits", *asked, capsys=capsys))
    assert told["score"] == json.loads(run("thresholds", folder / "p.csv", *asked, capsys=capsys))["score"]
    assert "leave out --logits" in run("thresholds", folder / "p.csv", "--logits", *asked, code=1, capsys=capsys)
    decoded = ["--alpha", 0.2, "--beta", 0.2, "--out"]
    run("decode", folder / "p.csv", *decoded, folder / "a.json", capsys=capsys)
    run("decode", folder / "logits.csv", "--logits", *decoded, folder / "b.json", capsys=capsys)
    assert (folder / "a.json").read_bytes() == (folder / "b.json").read_bytes()


def test_clips_that_one_side_lacks_are_two_faults_however_many_they_are(files, capsys):
    folder, clips, _ = files
    said = {f"B{name}": [{"emotion": "ang", "salience": 100}] for name in clips["clip"]}
    (folder / "s.json").write_text(json.dumps(said))
    text = run("evaluate", folder / "s.json", "--truth", folder / "truth.csv", code=1, capsys=capsys)
    assert "2 fault(s)" in text
    assert f"clip {clips['clip'][0]}, and 143 more: not predicted" in text


def test_our_own_tables_test_rows_do_not_stand_in_the_way(files, capsys):
    folder, _, table = files
    extra = pd.concat([table, table.iloc[:1].assign(clip="test_0001", split="test", fold=-1)])
    extra.to_parquet(folder / "ours.parquet")
    arguments = ["thresholds", folder / "ours.parquet", "--truth", folder / "truth.csv"]
    assert "score" in run(*arguments, capsys=capsys)


HEAVY = {"pandas", "networkx", "scipy", "sklearn", "torch", "matplotlib", "cv2", "numba"}


def loaded(folder, arguments: str) -> set[str]:
    """The top-level modules that a command has loaded at its end, after it did its work."""
    code = (
        "import sys\n"
        "from blemore.cli import main\n"
        "try: main()\n"
        "except SystemExit as end: assert not end.code, end.code\n"
        "print(*{name.split('.')[0] for name in sys.modules}, file=sys.stderr)"
    )
    command = [sys.executable, "-c", code, *arguments.split()]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    assert done.stdout
    return set(done.stderr.split())


def test_help_starts_without_the_heavy_libraries_and_without_numpy(tmp_path):
    assert not loaded(tmp_path, "--help") & (HEAVY | {"numpy", "pyarrow"})


@pytest.mark.thorough
@pytest.mark.parametrize(
    "arguments",
    [
        "thresholds p.csv --truth truth.csv",
        "thresholds p.parquet --truth truth.csv --grid official",
        "decode p.csv --alpha 0.2 --beta 0.2 --out said.json",
        "decode p.parquet --alpha 0.2 --beta 0.2 --out said.json",
        "evaluate first.json --truth truth.csv",
        "check-submission first.json --clips truth.csv",
        "score p.parquet --truth truth.csv",
        "decoder p.csv --truth truth.csv --out decoder.json",
        "decode p.csv --decoder decoder.json --out said.json",
        "enroll one.csv --truth truth.csv --model model.json --out said.json",
    ],
)
def test_a_command_does_its_work_without_the_heavy_libraries(files, capsys, arguments):
    folder, clips, table = files
    table.to_parquet(folder / "p.parquet", index=False)
    table[table["person"] == "A100"].to_csv(folder / "one.csv", index=False)
    said = {f"{clip}.mov": [{"emotion": "ang", "salience": 100.0}] for clip in clips["clip"]}
    (folder / "first.json").write_text(json.dumps({"predictions": said}))
    if "decoder.json" in arguments and arguments.startswith("decode "):
        run(
            "decoder",
            folder / "p.csv",
            "--truth",
            folder / "truth.csv",
            "--out",
            folder / "decoder.json",
            capsys=capsys,
        )
    if "model.json" in arguments:
        model = blemore.fit_personal_model(folder / "p.csv", folder / "truth.csv")
        (folder / "model.json").write_text(json.dumps(model.to_json()))
    assert not loaded(folder, arguments) & HEAVY


def test_a_table_reads_the_same_from_csv_and_from_parquet(files, capsys):
    folder, _, table = files
    table.to_parquet(folder / "p.parquet", index=False)
    for name in ("p.csv", "p.parquet"):
        run("decode", folder / name, "--alpha", 0.2, "--beta", 0.2, "--out", folder / f"{name}.json", capsys=capsys)
    assert (folder / "p.csv.json").read_bytes() == (folder / "p.parquet.json").read_bytes()


@pytest.mark.parametrize(
    ("value", "words"), [("much", "no number, found ['much', "), (0.99, "sum to 1"), (-0.1, "outside 0..1")]
)
def test_a_row_is_refused_by_what_is_written_in_it(files, capsys, value, words):
    folder, clips, table = files
    table = table[["clip", *CLASSES]].astype({"ang": object})
    table.loc[4, "ang"] = value
    table.to_csv(folder / "bad.csv", index=False)
    text = run("thresholds", folder / "bad.csv", "--truth", folder / "truth.csv", code=1, capsys=capsys)
    assert f"row 5, clip {clips['clip'][4]}: " in text
    assert words in text


def test_predictions_of_unlabelled_test_clips_are_left_aside_but_no_other_unknown_clip_is(files, capsys):
    folder, _, _ = files
    said = folder / "said.json"
    run("decode", folder / "p.csv", "--alpha", 0.2, "--beta", 0.2, "--out", said, capsys=capsys)
    value = json.loads(said.read_text())
    alone = run("evaluate", said, "--truth", folder / "truth.csv", capsys=capsys)
    value["predictions"]["test_0001.mov"] = [{"emotion": "ang", "salience": 100.0}]
    said.write_text(json.dumps(value))
    assert run("evaluate", said, "--truth", folder / "truth.csv", capsys=capsys) == alone
    value["predictions"]["A999_ang_int1_ver1.mov"] = [{"emotion": "ang", "salience": 100.0}]
    said.write_text(json.dumps(value))
    assert "A999_ang_int1_ver1" in run("evaluate", said, "--truth", folder / "truth.csv", code=1, capsys=capsys)


def test_the_truth_of_test_clips_is_a_truth_like_any_other(files, capsys):
    folder, clips, table = files
    names = {clip: f"test_{row:04d}" for row, clip in enumerate(clips["clip"])}
    clips.assign(filename=clips["clip"].map(names)).drop(columns="clip").to_csv(folder / "truth.csv", index=False)
    table.assign(clip=table["clip"].map(names))[["clip", *CLASSES]].to_csv(folder / "p.csv", index=False)
    said = folder / "said.json"
    run("decode", folder / "p.csv", "--alpha", 0.2, "--beta", 0.2, "--out", said, capsys=capsys)
    scored = json.loads(run("evaluate", said, "--truth", folder / "truth.csv", "--json", capsys=capsys))
    assert scored["clips"] == len(clips)


def test_a_file_s_name_never_reaches_the_terminal_as_it_is(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    name = "a\x1b[2J\nOK.csv"
    for made in (False, True):
        if made:
            Path(name).write_text("clip,\x1b[31mang\na,1\n")
        with pytest.raises(SystemExit):
            main(["decode", name, "--alpha", "0.1", "--beta", "0.2", "--out", "x.json"])
        shown = capsys.readouterr().err
        assert r"a\u001b[2J\nOK.csv: 1 fault(s)" in shown
        assert "\x1b" not in shown


def test_the_command_of_another_clone_says_so_where_its_code_is_another(tmp_path, monkeypatch, capsys):
    own = Path(blemore.__path__[0]).parent
    for name in ("blemore", "joblineage"):
        shutil.copytree(own / name, tmp_path / "src" / name, ignore=shutil.ignore_patterns("__pycache__"))
    assert other_clone(own.parent) is other_clone(tmp_path) is other_clone(tmp_path / "src") is None
    with (tmp_path / "src/blemore/tables.py").open("a") as file:
        file.write("# changed\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit):
        main(["encoders", "--help"])
    said = capsys.readouterr().err
    assert f"runs the code in {own}" in said
    assert "PYTHONPATH=src" in said


def test_what_a_wheel_leaves_out_of_a_checkout_is_no_other_code(tmp_path):
    source, installed = (tmp_path / name for name in ("src", "site-packages"))
    for top in (source, installed):
        (top / "package").mkdir(parents=True)
        (top / "package/page.html").write_text("page")
        (top / "package/code.py").write_text("code")
    (source / "package/README.md").write_text("no wheel holds it")
    assert not differ(installed, source, "package")
    (source / "package/page.html").write_text("another page")
    assert differ(installed, source, "package")
    (source / "package/page.html").write_text("page")
    (source / "package/new.py").write_text("new code")
    assert differ(installed, source, "package")
