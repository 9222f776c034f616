"""Made-up studies: the same seed the same numbers, style where it is asked for, and the pipeline's estimate beside new persons."""

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import yaml
from simulated import PERSONAL
from trials import trial

from blemore.cli import main
from blemore.scoring.exact import exact_optimum
from blemore.scoring.labels import CLASSES
from blemore.scoring.metrics import score
from blemore.simulation.power import power
from blemore.simulation.study import Settings, simulate
from blemore.tables import check_probabilities, read_clips
from demoactors.schedule import displays

REPOSITORY = Path(__file__).parents[1]

SMALL = Settings(persons=10, new_persons=3, encoders=4)


def rows(made, name):
    return made.tables[name].set_index("clip").loc[made.clips["clip"], list(CLASSES)].to_numpy()


def test_the_same_seed_gives_the_same_study_and_another_encoder_changes_no_other():
    one, two = simulate(SMALL, 3), simulate(SMALL, 3)
    assert all(one.tables[name].equals(two.tables[name]) for name in one.tables)
    assert not one.tables["e00"].equals(simulate(SMALL, 4).tables["e00"])
    assert np.array_equal(
        one.offsets["A1004"], simulate(Settings(persons=10, new_persons=3, encoders=9), 3).offsets["A1004"]
    )


def test_every_person_shows_the_usual_schedule_and_test_clips_tell_neither_person_nor_label():
    made = simulate(SMALL, 3)
    assert (np.unique(made.person, return_counts=True)[1] == 54).all()
    for name, table in made.tables.items():
        check_probabilities(table, name, made.clips["clip"])
    test = made.clips[made.clips["split"] == "test"]
    assert len(test) == 3 * 54
    assert test[["person", "emotion_1", "emotion_2"]].isna().all(axis=None)
    assert set(made.clips["fold"]) == {-1, 0, 1, 2, 3, 4}


def test_a_stronger_encoder_scores_higher_and_a_louder_one_is_surer():
    made = simulate(Settings(persons=20, encoders=2, strongest=1.0, weakest=0.2, confidence=3.0), 1)
    best = [exact_optimum(rows(made, name), made.truth).score for name in ("e00", "e01")]
    assert best[0] > best[1] + 0.05
    calm = simulate(Settings(persons=20, encoders=2, strongest=1.0, weakest=0.2, confidence=1.0), 1)
    assert rows(made, "e01").max(axis=1).mean() > rows(calm, "e01").max(axis=1).mean() + 0.1


def test_style_moves_a_persons_mean_posterior_and_its_absence_does_not():
    def spread(offset_sd):
        made = simulate(Settings(persons=30, encoders=1, offset_sd=offset_sd, gain_sd=0.0), 5)
        means = np.stack([rows(made, "e00")[made.person == name].mean(axis=0) for name in np.unique(made.person)])
        return means.std(axis=0).mean()

    assert spread(0.9) > 2 * spread(0.0)


def test_persons_show_the_schedule_that_is_asked_for():
    exact, usual, mixed = (
        simulate(Settings(47, 0, encoders=1, schedule=one), 2) for one in ("exact", "usual", "random")
    )
    assert set(np.unique(exact.person, return_counts=True)[1]) == {54}
    names, counts = np.unique(usual.person, return_counts=True)
    assert sorted(counts)[:6] == [26, 26, 26, 27, 49, 50]
    assert (counts == 54).sum() == 36
    blends = (usual.truth > 0).sum(axis=1) == 2
    assert sorted(int(blends[usual.person == name].sum()) for name in names)[:4] == [0, 0, 0, 27]
    shown = [len(np.unique(mixed.truth[mixed.person == name], axis=0)) for name in np.unique(mixed.person)]
    assert max(shown) < 36


def test_the_short_schedule_is_that_of_an_actor_of_the_demo():
    made = simulate(Settings(3, 0, encoders=1, schedule="short"), 2)
    options = yaml.safe_load((REPOSITORY / "params.yaml").read_text())["demo"] | {"unusual": {}}
    shown = [clip for name in ("A901", "A902", "A903") for clip in displays(name, options)]
    ours, theirs = (
        Counter(rows)
        for rows in (
            [tuple(sorted(saliences[saliences > 0])) for saliences in made.truth],
            [tuple(sorted(one.saliences)) or (100,) for one in shown],
        )
    )
    assert ours == theirs
    assert len(np.unique(made.truth, axis=0)) == 36


def test_the_mean_of_several_models_is_calmer_than_one():
    made = simulate(Settings(5, 5, encoders=1, models=5, model_sd=1.5, offset_sd=0, gain_sd=0), 2)
    test = (made.clips["split"] == "test").to_numpy()
    spread = np.log(rows(made, "e00")).std(axis=1)
    assert spread[test].mean() < 0.8 * spread[~test].mean()


def test_another_generator_makes_another_study_with_heavier_tails():
    one, other = (
        simulate(Settings(20, 0, encoders=1, generator=name, offset_sd=0), 2) for name in ("offsets", "other")
    )
    logs = [np.log(rows(made, "e00")) for made in (one, other)]
    tails = [np.abs(log - np.median(log)).max() / log.std() for log in logs]
    assert tails[1] > 1.3 * tails[0]


@pytest.mark.thorough
def test_a_trial_reports_the_estimate_the_truth_and_the_controls():
    fusion = {"method": "uniform", "scaling": True}
    found = trial(Settings(persons=10, new_persons=10, encoders=3), 1, fusion, {"personal": PERSONAL})
    assert set(found) == {
        "luck", "uniform", "thresholds", "inductive", "transductive", "random_groups", "mistaken",
        "nested_thresholds", "nested_inductive", "nested_transductive", "paper",
    }  # fmt: skip
    assert all(-1 < value < 1 for value in found.values())
    assert found["paper"] >= found["nested_thresholds"]


@pytest.mark.thorough
def test_more_persons_show_smaller_differences_and_pairing_helps():
    few, many = power(Settings(encoders=4), [11, 47], groups=200, seed=1)
    assert (few.persons, many.persons) == (11, 47)
    assert few.detectable > 1.5 * many.detectable
    assert few.detectable_unpaired > few.detectable
    assert many.score_sd == pytest.approx(few.score_sd * np.sqrt(11 / 47), rel=0.3)


def test_the_command_writes_what_the_other_commands_read(tmp_path, capsys):
    out = tmp_path / "study"
    main_ok(["simulate", "study", str(out), "--persons", "6", "--folds", "3", "--encoders", "2", "--new-persons", "1"])
    assert "say nothing about BLEMORE" in capsys.readouterr().out
    clips = read_clips(out / "clips.parquet")
    assert len(clips) == 7 * 54
    main_ok(["thresholds", str(out / "e00.parquet"), "--truth", str(out / "train_metadata.csv"), "--json"])
    said = json.loads(capsys.readouterr().out)
    made = simulate(Settings(persons=6, folds=3, encoders=2, new_persons=1), 17)
    train = (made.clips["split"] == "train").to_numpy()
    assert said["score"] == score(
        exact_optimum(rows(made, "e00")[train], made.truth[train]).decide(rows(made, "e00")[train]), made.truth[train]
    )
    truth = json.loads((out / "truth.json").read_text())
    assert len(truth["clips"]) == 7 * 54
    assert set(truth["style"]) == set(made.offsets)


def test_fewer_persons_than_folds_are_a_wrong_call(tmp_path, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["simulate", "study", str(tmp_path), "--persons", "3", "--folds", "5"])
    assert ended.value.code == 2
    assert "at least one person per fold" in capsys.readouterr().err


@pytest.mark.thorough
def test_the_power_command_ends_with_what_it_does_not_say(capsys):
    main_ok(["simulate", "power", "11", "--groups", "50", "--encoders", "3"])
    assert "say nothing about BLEMORE" in capsys.readouterr().out


def main_ok(arguments):
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 0
