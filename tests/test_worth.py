"""What encoders are worth: nothing fitted on the clips it is counted on, intervals over persons, and no worth without signal."""

import json
from dataclasses import replace

import numpy as np
import pytest
from jackknife import interval
from simulated import study

from blemore.api.encoders import _lines
from blemore.cli import main
from blemore.decide.person_offset import fit_offsets
from blemore.evaluate.worth import L2, worth, worth_of_tables
from blemore.fusion import scaling, simplex
from blemore.fusion.base import Labelled
from blemore.scoring.conditional import ConditionalLogit
from blemore.scoring.labels import CLASSES
from blemore.scoring.metrics import score
from blemore.scoring.rows import Rows
from blemore.simulation.study import Settings, simulate
from blemore.tables import labelled

NAMES = ("e0", "e1", "e2")


@pytest.fixture(scope="module")
def rows() -> Rows:
    clips, tables = study(persons=8, folds=4, seed=4)  # e0 sees most, e2 nothing
    train = Rows.of(labelled(clips))
    return replace(train, values=np.stack([train.lookup(tables[name]) for name in NAMES]))


@pytest.fixture(scope="module")
def found(rows):
    return worth(rows, NAMES, adapted=["e0"], costs={"e0": 3.0, "e2": 1.0}, seed=1)


def decided(rows: Rows, encoders: list[int]) -> np.ndarray:
    """(n, 6) the decisions of the mean of some encoders, step by step."""
    saliences = np.zeros(rows.truth.shape)
    for fold in rows.folds:
        other = rows.fold != fold
        scaled = scaling.fit(rows.values[:, other], rows.soft[other]).apply(rows.values)
        mean = sum(scaled[e] for e in encoders) / len(encoders)
        saliences[~other] = ConditionalLogit.fit(mean[other], rows.truth[other]).decide(mean[~other])
    return saliences


def test_the_value_of_an_encoder_is_what_the_mean_of_all_loses_without_it(rows, found):
    both, without = decided(rows, [0, 1, 2]), decided(rows, [1, 2])
    assert found["all"]["score"] == pytest.approx(score(both, rows.truth))
    value = found["encoders"]["e0"]["adds"]
    gain = lambda kept: score(both[kept], rows.truth[kept]) - score(without[kept], rows.truth[kept])  # noqa: E731
    assert value["gain"]["score"] == pytest.approx(gain(rows.fold >= 0))
    assert value["interval"] == pytest.approx(interval(rows, gain), abs=1e-12)
    assert value["interval"][0] > 0 >= found["encoders"]["e2"]["adds"]["interval"][0]


def test_encoders_come_in_the_order_of_what_they_add_and_the_last_step_is_all(rows, found):
    steps = found["greedy"]["steps"]
    assert steps[0]["added"] == "e0"
    assert steps[0]["score"] == pytest.approx(score(decided(rows, [0]), rows.truth))  # e0 is first in every fold
    assert steps[-1]["score"] == found["all"]["score"]
    assert [step["cpu_seconds"] for step in steps] == {"e1": [3, 3, 4], "e2": [3, 4, 4]}[steps[1]["added"]]
    few = found["greedy"]["smallest"]
    assert few["encoders"] == [step["added"] for step in steps][: len(few["encoders"])]
    assert few["behind"] == pytest.approx(
        max(step["score"] for step in steps) - steps[len(few["encoders"]) - 1]["score"]
    )
    assert few["behind"] <= few["standard_error"]


def test_the_order_that_a_fold_gets_knows_nothing_of_the_fold(rows, found):
    own = rows.fold == 1
    changed = replace(
        rows, truth=np.where(own[:, None], rows.truth[np.random.default_rng(0).permutation(len(rows))], rows.truth)
    )
    changed.values[:, own] = changed.values[::-1, own]
    again = worth(changed, NAMES, seed=1)
    changed.values[:, own] = changed.values[::-1, own]
    assert again["greedy"]["folds"]["1"] == found["greedy"]["folds"]["1"]
    assert again["all"] != found["all"]


def test_the_weight_of_finetuned_encoders_is_the_simplexs_and_its_interval_refits_without_each_person(rows, found):
    scaled = replace(rows, clip=None, values=scaling.fit(rows.values, rows.soft).apply(rows.values))
    weight = lambda kept: simplex.fit(Labelled(**vars(scaled.where(kept))), l2=L2).weights[0]  # noqa: E731
    adapted = found["adapted"]
    assert adapted["weight"] == pytest.approx(weight(rows.fold >= 0))
    low, high = interval(rows, weight)
    assert adapted["interval"] == pytest.approx([max(0, low), min(1, high)])
    assert (adapted["encoders"], adapted["equal"], adapted["persons"]) == (["e0"], 1 / 3, 8)
    assert worth(rows, NAMES, seed=1)["adapted"] is None


@pytest.mark.parametrize("sd", [0.0, 0.9])
def test_personal_bias_is_the_spread_of_offsets_beyond_that_of_random_groups(sd):
    made = simulate(Settings(persons=10, folds=2, encoders=1, offset_sd=sd, gain_sd=0.0), 3)
    rows = Rows.of(labelled(made.clips))
    rows = replace(rows, values=rows.lookup(made.tables["e00"])[None])
    whole = worth(rows, ("e00",), seed=1)
    bias = whole["encoders"]["e00"]["bias"]
    offsets = fit_offsets(rows.values[0], rows.person, rows.truth.mean(axis=0) / 100)
    assert bias["offset_sd"] == pytest.approx(np.sqrt(np.mean(offsets.std(axis=0) ** 2)))

    def beyond(kept):
        return np.sqrt(np.mean(np.var(offsets[np.unique(rows.person[kept])], axis=0))) - bias["offset_sd_random"]

    assert bias["interval"] == pytest.approx(interval(rows, beyond))
    assert (bias["interval"][0] > 0.1) == (sd > 0)
    assert whole["encoders"]["e00"]["adds"] is None  # nothing is left without it


def test_tables_with_gaps_and_the_study_s_own_give_the_same_form(found):
    clips, tables = study(persons=8, folds=4, seed=4)
    about = {
        "origins": {"e0": "finetuned", "e1": "random", "e2": "outside"},
        "costs": {"e0": {"cpu_seconds": 3.0}},
        "seed": 1,
    }
    same = worth_of_tables(tables, clips, **about)
    assert same["all"] == found["all"]
    gappy = worth_of_tables(tables | {"e0": tables["e0"].iloc[100:]}, clips, **about)
    assert gappy["all"]["clips"] == same["all"]["clips"]
    assert json.loads(json.dumps(gappy, allow_nan=False)) == gappy


def test_the_command_names_the_best_itself_where_it_is_the_smallest(found):
    for behind, error, words in ((0.0, 0.0, "(the best itself)"), (0.01, 0.02, "(0.010 behind, standard error 0.020)")):
        few = {"encoders": ["e0"], "behind": behind, "standard_error": error}
        said = "\n".join(_lines(found | {"greedy": found["greedy"] | {"smallest": few}}))
        assert f"smallest within one standard error of the best: e0 {words}" in said


@pytest.mark.thorough
def test_the_command_says_the_same_of_tables_from_outside(rows, found, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    clips, tables = study(persons=8, folds=4, seed=4)
    for name, table in tables.items():
        (tmp_path / name).mkdir()
        table[["clip", *CLASSES]].to_csv(f"{name}/probabilities.csv", index=False)
    train = clips[clips["split"] == "train"]
    train.drop(columns=["split", "file", "quarantine"]).rename(columns={"clip": "filename"}).to_csv(
        "truth.csv", index=False
    )
    given = ["encoders", *(f"{name}/probabilities.csv" for name in NAMES), "--truth", "truth.csv", "--finetuned", "e0"]
    for more in (["--json"], []):
        with pytest.raises(SystemExit) as ended:
            main([*given, "--seed", "1", *more])
        assert not ended.value.code
    said = capsys.readouterr().out
    first, text = said[: said.index("\n}\n") + 3], said[said.index("\n}\n") + 3 :]
    assert json.loads(first)["encoders"].keys() == found["encoders"].keys()
    assert json.loads(first)["all"] == found["all"]
    assert f"all encoders: Score {found['all']['score']:.3f}" in text
    assert "smallest within one standard error of the best: e0" in text
    assert "arXiv 2603.23650 0.62" in text
    for wrong, words in (
        (["e0/probabilities.csv"], "e0: named twice"),
        (["--finetuned", "e9"], "e9: no table of that name"),
    ):
        with pytest.raises(SystemExit) as ended:
            main([*given, *wrong])
        assert ended.value.code == 1
        assert words in capsys.readouterr().err
