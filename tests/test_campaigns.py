"""A campaign goes on where it was stopped, prints how it ended, and refuses a part that does not exist."""

import importlib.util
import subprocess
import sys
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import pytest

FILE = Path(__file__).parent / "campaigns/run.py"
SPEC = importlib.util.spec_from_file_location("campaign", FILE)
campaign = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(campaign)


@pytest.fixture
def part(monkeypatch):
    """A part of the campaigns, by its name."""
    monkeypatch.syspath_prepend(FILE.parent)
    return importlib.import_module


def python(code: str) -> list[str]:
    return [sys.executable, "-S", "-c", code]


def test_a_part_that_does_not_exist_is_refused_and_those_that_do_are_named(capsys):
    assert campaign.main(["everything"]) == 2
    said = capsys.readouterr().err
    assert "no part 'everything'" in said
    assert {"fuzz", "kills"} <= {*said.split("these exist: ")[1].strip().split(", ")}


def test_what_is_done_is_not_done_again_unless_the_commit_is_another(tmp_path):
    kept, count = tmp_path / "state/part.jsonl", python("open('count', 'a').write('x')")
    first = campaign.run({"a/1": count, "a/2": python("raise SystemExit(1)")}, kept, "c1", tmp_path)
    assert first == {"a/1": True, "a/2": False}
    kept.write_text(kept.read_text() + '{"commit": "c1", "tri')  # killed while it wrote
    more = campaign.run({"a/1": count, "a/2": count, "b/1": count}, kept, "c1", tmp_path)
    assert more == {"a/1": True, "a/2": False, "b/1": True}
    assert (tmp_path / "count").read_text() == "xx"
    assert campaign.run({"a/2": count}, kept, "c2", tmp_path) == {"a/2": True}


def test_the_table_of_a_part_is_replaced_and_others_stay(tmp_path):
    page = tmp_path / "campaigns.md"
    page.write_text("# Campaigns\n\nWords.\n")
    campaign.write_table(page, "kills", "Kills.", {"all/1": True}, "c1", "2026-01-01")
    campaign.write_table(page, "fuzz", "Examples.", {"x/1": False, "x/2": True, "y/1": True}, "c1", "2026-01-01")
    campaign.write_table(page, "fuzz", "Examples.", {"x/1": False, "x/2": True, "y/1": True}, "c2", "2026-01-02")
    text = page.read_text()
    assert text.startswith(
        "# Campaigns\n\nWords.\n\n## fuzz\n\nExamples.\n\n2 passed, 1 failed; commit c2, 2026-01-02."
    )
    assert text.count("## fuzz") == text.count("## kills") == 1
    assert "| x | 1 | 1 |\n| y | 1 | 0 |\n\n- failed: x/1\n\n## kills" in text


def test_what_trials_print_last_stands_below_the_table_also_after_an_interruption(part, monkeypatch, tmp_path):
    module = SimpleNamespace(
        ABOUT="Tried.",
        trials=lambda: {f"a/{k}": python(f"print('words'); print('{{\"n\": {k}}}')") for k in (1, 2)},
        figures=lambda printed: [f"{name} gave {found['n']}." for name, found in printed.items()],
    )
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs/campaigns.md").write_text("# Campaigns\n")
    monkeypatch.setattr(campaign, "ROOT", tmp_path)
    monkeypatch.setattr(campaign, "parts", lambda: ["tried"])
    monkeypatch.setattr(campaign, "commit", lambda root: "c1")
    monkeypatch.setitem(sys.modules, "tried", module)
    for _ in range(2):
        assert campaign.main(["tried"]) == 0
        assert (tmp_path / "docs/campaigns.md").read_text().endswith("| a | 2 | 0 |\n\na/1 gave 1.\na/2 gave 2.\n")
    assert [campaign.last_json(text) for text in ("", "words", "{no", '{"a": 1}\n')] == [None, None, None, {"a": 1}]


def test_the_table_of_media_has_every_variant_and_the_share_of_damage_that_nothing_reports(part):
    media = part("media")
    ends = {"set aside": 25, "remarked": 15, "as good as whole": 9, "changed, nothing reported": 1}
    printed = {"random damage/0": ends, "random damage/1": ends}
    printed["variants/mirrored"] = {"verdict": "remarked", "said": "shown mirrored", "orientation": "right", "sound": 0}
    lines = media.figures(printed)
    assert lines[0] == "Of 100 damaged clips 50 were set aside and 30 remarked. Of the other 20, of which"
    assert "2 (10%) have changed pictures or sound" in lines[1]
    assert "| mirrored | right | - | - | 0 | remarked: shown mirrored |" in lines
    assert sum(line.startswith("| ") for line in lines) == 1 + len(media.VARIANTS)


def test_uncommitted_changes_are_refused(tmp_path):
    for command in (
        ["init", "-q"],
        ["-c", "user.name=t", "-c", "user.email=t@e", "commit", "-q", "--allow-empty", "-m", "x"],
    ):
        subprocess.run(["git", *command], cwd=tmp_path, check=True)
    assert len(campaign.commit(tmp_path)) == 40
    (tmp_path / "new.py").touch()
    with pytest.raises(SystemExit, match=r"new\.py"):
        campaign.commit(tmp_path)


def test_every_trial_of_the_fuzzed_properties_names_its_file_and_its_seed(part):
    trials = part("fuzz").trials()
    files = {name.split("/")[0] for name in trials}
    assert {"test_exact", "test_submission", "test_withdrawn"} <= files
    assert len(trials) == 20 * len(files)
    assert all(f"--hypothesis-seed={name.rsplit(' ', 1)[1]}" in command for name, command in trials.items())


def test_each_further_python_makes_the_study_and_passes_the_tests_in_its_own_clone(part, monkeypatch, tmp_path):
    pythons = part("pythons")
    assert set(pythons.trials()) == {"study/3.12", "study/3.13", "tests/3.12", "tests/3.13"}
    for name, command in pythons.trials().items():
        assert command[1:] == [str(FILE.parent / "pythons.py"), *name.split("/")]
    made = []

    def make(version, target):
        made.append((version, target))
        return SimpleNamespace(payload=lambda: {"a": "1", "b": version if version == strange else "2"})

    monkeypatch.setattr(pythons, "make", make)
    strange = "none"
    assert pythons.main("study", "3.12") == pythons.main("tests", "3.13") == 0
    assert made == [("3.12", "submission"), ("3.11", "submission"), ("3.13", "quick")]
    strange = "3.12"
    assert pythons.main("study", "3.12") == 1


def test_files_of_two_studies_differ_by_their_bytes_or_by_being_in_one_alone(part):
    different = part("pythons").different
    assert different({"a": "1", "b": "1", "c": "1"}, {"a": "1", "b": "2", "d": "1"}) == ["b", "c", "d"]


def test_a_clone_of_another_commit_is_made_anew_and_one_of_this_commit_stays(part, monkeypatch, tmp_path):
    pythons = part("pythons")
    monkeypatch.setattr(pythons, "ROOT", tmp_path)

    def commit() -> None:
        who = ["-c", "user.name=t", "-c", "user.email=t@e"]
        subprocess.run(["git", *who, "commit", "-q", "--allow-empty", "-m", "x"], cwd=tmp_path, check=True)

    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    commit()
    folder = pythons.clone("3.12")
    (folder / "results").mkdir()
    assert (pythons.clone("3.12") / "results").is_dir()
    commit()
    assert not (pythons.clone("3.12") / "results").exists()


def counted(trials) -> dict[str, int]:
    return Counter(name.split("/")[0] for name in trials)


def test_sixty_runs_are_killed_at_least_eight_in_each_phase_by_every_signal_and_with_every_command(part):
    kills = part("kills")
    trials = kills.trials()
    assert len(trials) == 60
    assert set(counted(trials)) == {"generation", "prepare", "training", "fusion", "closing", "commit"}
    assert min(counted(trials).values()) >= 8
    for names in (kills.SIGNALS, kills.TOOLS):
        assert {name for name in names if any(name in command for command in trials.values())} == {*names}


def test_thirty_damages_and_full_disks_and_thirty_mishaps_are_tried(part):
    assert counted(part("damages").trials())["damages"] >= 30
    assert counted(part("damages").trials())["full disk"] >= 3
    assert len(part("mishaps").trials()) >= 30


def test_two_thousand_lineage_files_are_changed_none_of_them_one_of_make_test(part):
    fuzz = part("lineage_fuzz")
    seeds = [seed for *_, first in fuzz.trials().values() for seed in range(int(first), int(first) + fuzz.EACH)]
    assert len(set(seeds)) == 2000
    assert min(seeds) >= 200
