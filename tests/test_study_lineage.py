"""What this study tells the lineage library, and asks of it: whose clips, what may leave, who was withdrawn."""

from pathlib import Path

import pandas as pd
import pytest
from made_records import Lineage, chain, small_study

from blemore.audit.commands import CLIPS, by_person
from blemore.audit.persons import codes
from blemore.audit.withdrawal.check import dependents
from blemore.audit.withdrawal.plan import MEDIA
from blemore.cli import main
from blemore.datasets.withdrawn import Withdrawn
from blemore.study import STUDY
from joblineage.export.payload import kept_back
from joblineage.files import matches
from joblineage.finding import Finder
from joblineage.graph import Descent


@pytest.fixture
def made(tmp_path: Path) -> Lineage:
    return small_study(tmp_path)


def test_a_withdrawn_clip_is_followed_through_a_chain_of_5000_jobs():
    store = chain(5000, first="data/demo/A11_ang_int1_ver1.mov")
    withdrawn = Withdrawn.named(clips=["A11_ang_int1_ver1"], persons=[])
    assert dependents(Descent(store), withdrawn) == set(store.records)


def test_a_person_is_found_by_their_clips_names(made):
    assert by_person(Finder(made.store), "A11") == Finder(made.store).names(["A11_ang_int1_ver1"])
    assert by_person(Finder(made.store), "A") == []


def test_a_person_is_found_by_the_clips_table_where_names_say_nothing(tmp_path):
    made = Lineage(tmp_path)
    made.job("prepare", [made.file("data/test_0001.mov", "")], {"results/media": ""})
    (tmp_path / CLIPS).parent.mkdir(parents=True)
    pd.DataFrame({"clip": ["test_0001", "test_0002"], "person": ["A7", "A8"]}).to_parquet(tmp_path / CLIPS)
    assert [one.what for one in by_person(Finder(made.store), "A7")] == ["data/test_0001.mov"]


def test_a_job_that_ran_for_a_person_is_found_by_its_wildcard(tmp_path):
    made = Lineage(tmp_path)
    made.job("demo_actor/actor=A19", [], {"data/A19_ang_int1_ver1.mov": ""})
    assert {one.how for one in by_person(Finder(made.store), "A19")} == {"made", "ran for"}


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("results/metrics.json", None),
        ("results/encoders.csv", None),
        ("results/plots/curves.csv", None),
        ("results/encoders/s4d/probabilities.parquet", None),
        ("results/submission/submission.zip", None),
        ("results/agreement/agreement.json", "unlisted"),
        ("results/encoders/s4d/fold0.cost.json", "unlisted"),
        ("results/encoders/s4d/fold0.csv", "unlisted"),
        ("results/encoders/s4d/fold0.parquet", "unlisted"),
        ("results/features/clip.cost.json", "unlisted"),
        ("results/individuals/summary.json", "unlisted"),
        ("results/plots/persons/A1.png", "unlisted"),
        ("results/media/faces/000.parquet", "private"),
        ("results/individuals/clusters.parquet", "private"),
        ("data/demo/train/clip.mov", "private"),
        ("weights/vit/config.json", "outside"),
        ("outside/table.csv", "outside"),
    ],
)
def test_no_result_leaves_that_is_not_on_the_list(path, why):
    assert kept_back(path, "data", STUDY) == why


def test_media_of_any_depth_go_with_a_withdrawal():
    assert matches("results/media/faces/more/000.parquet", MEDIA)
    assert matches("results/features/clip.parquet", MEDIA)
    assert not matches("results/features/clip.cost.json", MEDIA)


def test_persons_are_those_of_the_raw_clips(tmp_path):
    made = Lineage(tmp_path, STUDY)
    clips = ("train/A11_ang_int1_ver1", "train/A123_hap_int1_ver1", "test/test_0001")
    made.job("prepare", [made.file(f"data/blemore/{clip}.mov", clip) for clip in clips], {"results/media/0": ""})
    made.run()
    assert codes(made.store) == {"A11", "A123"}


@pytest.mark.parametrize("asked", [("--person", "A11"), ("--clip", "A11_ang_int1_ver1.mov")])
def test_the_command_finds_a_person_and_a_clip(made, capsys, asked):
    with pytest.raises(SystemExit) as ended:
        main(["lineage", "find", *asked, "--workspace", str(made.root)])
    assert ended.value.code == 0
    assert "touched by 3 of 5 recorded jobs" in capsys.readouterr().out


def test_a_question_about_two_things_at_once_ends_with_two(made):
    with pytest.raises(SystemExit) as ended:
        main(["lineage", "find", "--clip", "a", "--person", "A11", "--workspace", str(made.root)])
    assert ended.value.code == 2
