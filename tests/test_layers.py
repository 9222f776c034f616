"""The study of layer ranges: honest scores, the range that holds the signal found, the paper's layers compared."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import simulated
import typer
from typer.testing import CliRunner

from blemore.evaluate.drawing import save_png
from blemore.evaluate.layers.commands import layers
from blemore.evaluate.layers.study import draw_layers, study_layers
from blemore.evaluate.summary import DEMO_NOTE
from blemore.learning.heads.run import fit_head
from blemore.scoring.decoders import leave_one_fold_out
from blemore.scoring.labels import CLASSES, soft_labels
from blemore.scoring.metrics import scores, true_saliences
from blemore.scoring.rows import Rows
from blemore.tables import write_clips
from joblineage.errors import DataError


@pytest.fixture(autouse=True)
def few_strengths(monkeypatch):
    monkeypatch.setattr("blemore.learning.heads.linear.STRENGTHS", (0.1, 1.0, 10.0))


def make_features(path, clips: pd.DataFrame, number: int, telling: range, *, noise: float = 1.0):
    """Features of `number` layers, of which `telling` hold the labels."""
    rng = np.random.default_rng(1)
    values = rng.normal(size=(len(clips), number, 6)) * noise
    train = (clips["split"] == "train").to_numpy()
    for layer in telling:
        values[train, layer] += 2 * soft_labels(clips[train])
    flat = pa.FixedSizeListArray.from_arrays(pa.array(values.astype(np.float16).ravel()), number * 6)
    table = pa.table({"clip": clips["clip"].tolist(), "features": flat, "remark": [""] * len(clips)})
    pq.write_table(table.replace_schema_metadata({"shape": json.dumps([number, 6])}), path)
    return path


@pytest.fixture(scope="module")
def clips():
    return simulated.study(persons=6, folds=3, encoders=1)[0]


@pytest.mark.thorough
def test_every_range_has_a_row_and_those_that_hold_the_labels_win(clips, tmp_path):
    study = study_layers(make_features(tmp_path / "f.parquet", clips, 5, range(2, 4)), clips, "w", seed=17)
    assert len(study.table) == 15
    assert study.best in [(2, 3), (1, 3), (2, 4), (1, 4)]
    scored = study.table.set_index(["first", "last"])["score"]
    assert scored[(2, 3)] > scored[(0, 1)] + 0.1
    assert scored[study.best] == scored.max()
    assert (study.table["score_low"] <= study.table["score"]).all()
    assert (study.table["score"] <= study.table["score_high"]).all()
    assert study.paper is None
    assert study.picked <= scored.max()


@pytest.mark.thorough
def test_a_row_is_what_the_head_with_these_layers_reaches_with_thresholds_of_other_folds(clips, tmp_path):
    path = make_features(tmp_path / "f.parquet", clips, 4, range(1, 3))
    study = study_layers(path, clips, "w", seed=17)
    row = study.table[(study.table["first"] == 1) & (study.table["last"] == 3)].iloc[0]
    table = fit_head(path, clips, {"name": "w", "layers": [1, 3]}, seed=17).set_index("clip")
    train = clips[clips["split"] == "train"].sort_values("clip")
    decided, _ = leave_one_fold_out(Rows.of(train, table.loc[train["clip"], list(CLASSES)].to_numpy()))
    expected = scores(decided, true_saliences(train))
    for name in ("acc_presence", "acc_salience", "score"):
        assert row[name] == pytest.approx(expected[name], abs=1e-12)


@pytest.mark.thorough
def test_the_best_of_layers_that_know_nothing_is_worth_less_when_picked_on_other_folds(clips, tmp_path):
    differences = []
    for number in (3, 4, 5):
        path = make_features(tmp_path / "f.parquet", clips, number, range(0), noise=number)
        study = study_layers(path, clips, "w", seed=17)
        differences.append(study.table["score"].max() - study.picked)
    assert np.mean(differences) > 0


@pytest.mark.thorough
def test_the_papers_layers_are_compared_where_the_network_has_them(clips, tmp_path, monkeypatch):
    path = make_features(tmp_path / "f.parquet", clips, 4, range(1, 2), noise=0.5)
    monkeypatch.setattr("blemore.evaluate.layers.study.PAPER", (3, 3))
    study = study_layers(path, clips, "w", seed=17)
    scored = study.table.set_index(["first", "last"])["score"]
    difference, low, high = study.paper
    assert difference == pytest.approx(scored.max() - scored[(3, 3)])
    assert 0 < low <= difference <= high
    save_png(tmp_path / "one.png", draw_layers(study))
    save_png(tmp_path / "two.png", draw_layers(study_layers(path, clips, "w", seed=17)))
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()


def test_features_without_layers_are_refused(clips, tmp_path):
    values = pa.FixedSizeListArray.from_arrays(pa.array(np.zeros(3 * len(clips), np.float32)), 3)
    pq.write_table(pa.table({"clip": clips["clip"].tolist(), "features": values}), tmp_path / "flat.parquet")
    with pytest.raises(DataError, match="hold no layers"):
        study_layers(tmp_path / "flat.parquet", clips, "w", seed=17)


@pytest.mark.thorough
def test_the_command_writes_table_and_pictures_and_says_what_is_selection_and_what_is_demo(
    clips, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    write_clips(clips, "results/clips/clips.parquet")
    for name in ("hubert", "wavlm"):
        (tmp_path / "results/features").mkdir(parents=True, exist_ok=True)
        make_features(tmp_path / "results/features" / f"{name}.parquet", clips, 2, range(1, 2))
    (tmp_path / "params.yaml").write_text("dataset: demo\n")
    app = typer.Typer()
    app.command()(layers)
    done = CliRunner().invoke(app, ["hubert", "results/features/wavlm.parquet"])
    assert done.exit_code == 0, done.output
    assert "selection" in done.output
    assert "picked on the other folds: Score" in done.output
    assert "the network does not have them" in done.output
    assert DEMO_NOTE in done.output
    table = pd.read_csv("studies/layers/layers.csv")
    assert table.groupby("encoder").size().to_dict() == {"hubert": 3, "wavlm": 3}
    assert (tmp_path / "studies/layers/hubert.png").is_file()
    with pytest.raises(DataError, match=r"results/features/none.parquet: not there") as caught:
        CliRunner().invoke(app, ["none", "--clips", "no.parquet"], catch_exceptions=False)
    assert "no.parquet: not there" in str(caught.value)
    assert "usual shortcut of stacking" in done.output
    assert "over 6 persons" in done.output
    values = pa.FixedSizeListArray.from_arrays(pa.array(np.zeros(3 * len(clips), np.float32)), 3)
    pq.write_table(pa.table({"clip": clips["clip"].tolist(), "features": values}), "results/features/clip.parquet")
    with pytest.raises(DataError, match=r"clip.parquet: its features hold no layers"):
        CliRunner().invoke(app, ["hubert", "clip"], catch_exceptions=False)


@pytest.mark.parametrize("name", ["s4d", "clip", "s5d", "results/features/s4d.parquet"])
def test_an_encoder_without_layers_is_refused_in_one_sentence_that_names_those_with_them(name, monkeypatch, tmp_path):
    shutil.copy("params.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError) as caught:
        layers([name, "wavlm"], Path("no.parquet"))
    refused, there, _ = str(caught.value).splitlines()[1:]
    assert refused.strip().removeprefix("- ") == (
        f"{Path(name).stem}: has no features of single layers; in this study these encoders have: "
        "wav2vec2_prosody, wavlm, hubert"
    )
    assert "`snakemake results/features/wavlm.parquet` makes it" in there
