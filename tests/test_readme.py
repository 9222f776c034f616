"""README.md is true: its commands run, its pictures show the numbers kept beside them, its links lead somewhere."""

import re
import shlex
import shutil
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pictures
import pytest
import yaml
from readme_commands import IN_A_FOLDER, IN_A_STUDY, NOT_AS_IT_STANDS, README, commands

import blemore
from blemore.challenge.submission import write_zip
from blemore.cli import main
from blemore.evaluate import figures
from blemore.simulation import study as made_up
from blemore.simulation.study import Settings
from demoactors import make, schedule
from joblineage.files import read_json, write_json

REPOSITORY = Path(__file__).parents[1]
PICTURES = REPOSITORY / "docs/pictures"


def test_every_command_of_the_readme_runs_in_a_test_or_is_listed_with_the_reason() -> None:
    assert commands(README) == {*IN_A_FOLDER, *IN_A_STUDY, *NOT_AS_IT_STANDS}


def test_commands_are_found_in_blocks_and_in_sentences() -> None:
    text = (
        "Say `make it` or `blemore\nplan`, not `make`:\n\n```\nsnakemake -n   # nothing runs\ntables and words\n```\n"
    )
    assert commands(text) == {"make it", "blemore plan", "snakemake -n"}


def test_what_is_named_as_the_test_of_a_command_is_there() -> None:
    named = {name for reason in NOT_AS_IT_STANDS.values() for name in re.findall(r"\w+\.py", reason)}
    assert named
    assert named <= {path.name for path in (REPOSITORY / "tests").rglob("test_*.py")}
    targets = {command.split()[1] for command in commands(README) if command.startswith("make ")}
    assert targets <= set(re.findall(r"^(\w+):", (REPOSITORY / "Makefile").read_text(), re.M))


@pytest.mark.thorough
def test_the_commands_for_ones_own_tables_run_as_they_stand(tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copy(REPOSITORY / "params.yaml", ".")
    shutil.copytree(REPOSITORY / "schemas", "schemas")
    for zipped in ("submission.zip", "results/submission/submission.zip"):
        predictions = {"predictions": {"test_0001.mov": [{"emotion": "ang", "salience": 100.0}]}}
        write_zip(Path(zipped), predictions)
    write_json("submission_template.json", predictions)
    # Six made-up persons in place of 47: the score of these takes ten seconds.
    monkeypatch.setattr(made_up, "Settings", lambda persons, *more, **named: Settings(min(persons, 6), *more, **named))
    for command in IN_A_FOLDER:
        if "enroll" in command:
            table, labels = pd.read_parquet("made-up/e00.parquet"), pd.read_csv("made-up/train_metadata.csv")
            table[table["person"] == "A1002"].to_csv("person.csv", index=False)
            labels[labels["filename"].str.startswith("A1002")].iloc[::4].to_csv("labelled.csv", index=False)
            model = blemore.fit_personal_model(table, "made-up/train_metadata.csv")
            write_json("results/calibration/models.json", {"transductive": {"final": model.to_json()}})
        with pytest.raises(SystemExit) as ended:
            main(shlex.split(command)[1:])
        said = capsys.readouterr()
        assert not ended.value.code, (command, said.err)
        assert said.out, command


def test_relative_links_lead_to_files() -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)", README)
    assert len(links) > 20
    assert [link for link in links if not (REPOSITORY / link).exists()] == []


def test_the_readme_s_numbers_and_its_picture_are_those_kept_beside_it(tmp_path) -> None:
    kept = read_json(PICTURES / "encoders.json")
    told = r"ACC_presence of (0\.\d+) and an ACC_salience of (0\.\d+) by single clips, of (0\.\d+) and (0\.\d+) where"
    both = [kept["variants"][name] for name in ("inductive", "transductive")]
    expected = [f"{fused[name]:.3f}" for fused in both for name in ("acc_presence", "acc_salience")]
    assert list(re.search(told, " ".join(README.split())).groups()) == expected
    params = yaml.safe_load((REPOSITORY / "params.yaml").read_text())
    assert set(kept["encoders"]) == {name for name, entry in params["encoders"].items() if entry["enabled"]}
    pictures.draw(kept, tmp_path / "encoders.png")
    np.testing.assert_array_equal(
        cv2.imread(str(tmp_path / "encoders.png")), cv2.imread(str(PICTURES / "encoders.png")),
        "tools/pictures.py draws README's pictures again",
    )  # fmt: skip


def test_what_is_kept_of_a_study_draws_the_picture_of_the_workflow() -> None:
    assert pictures.draw_encoders is figures.draw_encoders
    assert 'figures.draw_encoders(metrics), metrics["note"]' in (REPOSITORY / "workflow_scripts/plot.py").read_text()
    kept = read_json(PICTURES / "encoders.json")
    assert pictures.drawn(kept | {"persons": [], "dataset": "demo"}) == kept


@pytest.mark.thorough
def test_the_picture_of_the_actors_shows_those_that_the_demo_makes(tmp_path) -> None:
    params = yaml.safe_load((REPOSITORY / "params.yaml").read_text())
    shown = next(d for d in schedule.displays("A901", params["demo"]) if "hap_int4" in d.name)
    make.make_clip("A901", shown, tmp_path / "clip.mov", params["demo"], params["seed"])
    made = pictures.picture(tmp_path / "clip.mov")[:, :, ::-1].astype(float)
    sheet = cv2.imread(str(PICTURES / "actors.jpg")).astype(float)
    actors, rest = divmod(sheet.shape[0], pictures.TILE)
    assert actors == pictures.ACTORS
    column = pictures.SHOWN.index("hap_int4") * pictures.TILE
    tile = sheet[rest : rest + pictures.TILE, column : column + pictures.TILE]
    other = sheet[rest : rest + pictures.TILE, : pictures.TILE]
    assert np.abs(made - tile).mean() < 3  # of 255: what JPEG changes
    assert np.abs(made - other).mean() > 3
