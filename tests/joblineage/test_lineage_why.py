"""`why`: the first changed field, followed up to where it began."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_records import LOCK, Lineage, fuse, gather, main, small_study, train

from joblineage import explaining
from joblineage.comparing import Comparison
from joblineage.finding import Artifact, find
from joblineage.planned import Planned
from joblineage.reasons import ABSENT, Change, differences, parameters
from joblineage.run import study_files
from joblineage.run_view import RunView, find_run, of_record
from joblineage.store import canonical
from joblineage.study import Study

leaf = st.none() | st.booleans() | st.integers(-9, 9) | st.floats(-2, 2) | st.text("ab", max_size=3)
values = st.dictionaries(
    st.sampled_from("abc"),
    st.recursive(leaf, lambda one: st.lists(one, max_size=2) | st.dictionaries(st.sampled_from("ab"), one)),
    max_size=3,
)


@pytest.fixture
def made(tmp_path: Path) -> Lineage:
    return small_study(tmp_path)


def now(monkeypatch, made: Lineage, artifact: str, plan: dict[str, Planned] | None = None) -> explaining.Explanation:
    """What is said of an artifact where Snakemake would plan `plan`."""
    monkeypatch.setattr(explaining, "planned", lambda root, target: made.plan() if plan is None else plan)
    here = {"python": "3.11.9", "system": "Linux", "packages": made.packages}
    monkeypatch.setattr("joblineage.capture.surroundings", lambda: here)
    return explaining.now(find(artifact, made.store), made.store)


def decisive(found: explaining.Explanation) -> list[Change]:
    return [one.change for one in found.causes]


def text(found: explaining.Explanation) -> str:
    return "\n".join(found.lines())


def newest(made: Lineage, job: str) -> explaining.Explanation:
    """Why the newest record of a job is not the one before it."""
    artifact = find(job, made.store)
    older = explaining.before(artifact, made.store)
    assert older is not None
    return explaining.then(artifact, made.store, older)


# what differs


@pytest.mark.thorough
@given(values, values)
def test_parameters_differ_exactly_where_their_canonical_json_does(before, after):
    assert bool(parameters(before, after)) == (canonical(before) != canonical(after))


def test_a_parameter_is_named_by_its_dotted_key_with_both_values():
    before = {"encoder": {"learning_rate": 0.001, "batch": 8}, "seed": 17}
    after = {"encoder": {"learning_rate": 0.002, "layers": [1]}, "seed": 18}
    assert [(one.kind, str(one)) for one in parameters(before, after)] == [
        ("parameter", "encoder.batch: 8 -> (absent)"),
        ("parameter", "encoder.layers: (absent) -> [1]"),
        ("parameter", "encoder.learning_rate: 0.001 -> 0.002"),
        ("seed", "seed: 17 -> 18"),
    ]


def test_entries_of_a_list_that_have_names_are_compared_by_name():
    before = {"encoders": [{"name": "a", "scale": "tiny"}, {"name": "b", "scale": "tiny"}]}
    after = {"encoders": [{"name": "b", "scale": "full"}, {"name": "a", "scale": "tiny"}]}
    assert [one.name for one in parameters(before, after)] == ["encoders.b.scale"]


def test_another_checkpoint_is_told_by_name_and_by_its_file(tmp_path):
    made = Lineage(tmp_path)
    ids = []
    for revision in "ab":
        weights = made.file("weights/model.pt", revision)
        sides = {"encoder": {"checkpoint": "net", "revision": revision}}
        model = {"checkpoint": "net", "revision": revision, "files": [{"path": weights, "sha256": "0" * 64, "size": 1}]}
        ids.append(made.job("embed", [weights], {"results/features": revision}, params=sides, model=model))
    before, after = (made.store.records[name] for name in ids)
    found = [(one.kind, one.name) for one in differences(before, after, made.store)]
    assert found == [("checkpoint", "encoder.revision"), ("checkpoint", "weights/model.pt")]


def test_nothing_differs_between_a_record_and_itself(made):
    for record in made.store.records.values():
        assert differences(record, record, made.store) == []


def test_surroundings_are_told_package_by_package_and_after_all_else(made):
    old = made.store.records[made.store.current["train/fold=0"]]
    made.packages = {"numpy": "2.1", "scipy": "1"}
    name = train(made, 0, 0.2)
    new = made.store.records[name]
    changed = differences(old, new | {"hardware": new["hardware"] | {"cpu": "another"}}, made.store)
    assert [str(one) for one in changed] == [
        "encoder.learning_rate: 0.1 -> 0.2",
        "installed numpy: 2.0 -> 2.1",
        "installed scipy: (absent) -> 1",
        "hardware cpu: a processor -> another",
    ]


# the present


def test_nothing_has_changed_where_nothing_has(monkeypatch, made):
    found = now(monkeypatch, made, "results/fused")
    assert (found.state, found.causes) == (explaining.UP_TO_DATE, [])
    assert "fuse is up to date: nothing has changed" in text(found)


def test_a_parameter_far_above_is_the_first_cause_with_the_way_to_it(monkeypatch, made):
    params = {"encoder": {"learning_rate": 0.5, "layers": [2, 4]}, "seed": 17}
    found = now(monkeypatch, made, "results/fused", made.plan(train=params))
    assert found.state == explaining.RUNS
    assert [str(one) for one in decisive(found)] == ["encoder.learning_rate: 0.1 -> 0.5"]
    assert found.causes[0].began == ("train/fold=0", "train/fold=1")
    assert found.causes[0].way == (("fuse", "results/probabilities"), ("gather", "results/fold0"))
    assert text(found).startswith(
        "fuse would run again, because encoder.learning_rate: 0.1 -> 0.5, in train/fold=0 and 1 other job(s)\n"
    )


def test_an_edited_module_is_told_with_its_lines(monkeypatch, made):
    made.file("src/train.py", "def train():\n    return 2\n")
    found = now(monkeypatch, made, "train/fold=1")
    assert [(one.kind, one.name) for one in decisive(found)] == [("module", "src/train.py")]
    assert {"-    return 1", "+    return 2"} <= set(found.causes[0].change.lines)


def test_a_line_of_the_lock_file_is_told_as_a_package(monkeypatch, made):
    made.file(LOCK, "numpy==2.1 \\\n    --hash=sha256:11\n")
    assert [str(one) for one in decisive(now(monkeypatch, made, "fuse"))] == ["package numpy: 2.0 -> 2.1"]


def test_other_lines_of_the_lock_file_are_told_too(monkeypatch, made):
    made.file(LOCK, "numpy==2.0 \\\n    --hash=sha256:11\n")
    (change,) = decisive(now(monkeypatch, made, "train/fold=0"))
    assert (change.kind, change.name) == ("package", LOCK)
    assert "+    --hash=sha256:11" in change.lines


def test_an_edited_raw_file_is_the_cause_of_all_below_it(monkeypatch, made):
    made.file("data/A11_ang_int1_ver1.mov", "edited")
    found = now(monkeypatch, made, "fuse")
    assert [(one.kind, one.name) for one in decisive(found)] == [("input", "data/A11_ang_int1_ver1.mov")]
    assert found.causes[0].way == (("fuse", "results/media"),)


def test_a_file_that_was_edited_after_its_job_is_seen_though_snakemake_does_not(monkeypatch, made):
    made.file("results/fused", "edited")
    made.file("results/fold1", "edited")
    found = now(monkeypatch, made, "results/fused")
    assert found.state == explaining.UNSEEN
    told = text(found)
    assert told.startswith("fuse is not what its record says, because results/fused was edited after fuse made it")
    assert "results/fold1 was edited after train/fold=1 made it" in told


def test_a_missing_output_is_told_as_missing(monkeypatch, made):
    (made.root / "results/fold0").unlink()
    assert "results/fold0 is missing, which train/fold=0 made" in text(now(monkeypatch, made, "gather"))


def test_inputs_and_source_files_that_came_or_went_are_told(monkeypatch, made):
    plan = made.plan()
    job = plan["train/fold=0"]
    made.file("src/more.py", "")
    inputs = [
        ["data", "results/extra"],
        ["code", "src/more.py"],
        *[one for one in job.inputs if one[1] != "results/media"],
    ]
    made.file("results/extra", "")
    plan["train/fold=0"] = Planned(**{**vars(job), "inputs": inputs, "runs": True})
    changes = {
        (one.kind, one.name, one.before == ABSENT) for one in decisive(now(monkeypatch, made, "train/fold=0", plan))
    }
    assert changes == {
        ("code list", "src/more.py", True),
        ("input", "results/extra", True),
        ("input", "results/media", False),
    }


def test_another_environment_makes_nothing_run_again_but_is_told(monkeypatch, made):
    made.packages = {"numpy": "2.1"}
    found = now(monkeypatch, made, "fuse")
    assert found.state == explaining.UP_TO_DATE
    told = text(found)
    assert "nothing has changed" in told
    assert "installed numpy: 2.0 -> 2.1" in told


def test_a_job_that_left_the_study_is_told_with_the_setting_that_removed_it(monkeypatch, made):
    plan = {name: job for name, job in made.plan().items() if name != "train/fold=1"}
    made.file("params.yaml", "folds: 2\n")
    kept = made.store.put(b"folds: 2\n")
    run = made.store.last_run | {"study": {**study_files(made.store), "params.yaml": kept}}
    next((made.root / "lineage/runs").iterdir()).unlink()
    made.store.write("runs", run)
    made.file("params.yaml", "folds: 1\n")
    found = now(monkeypatch, made, "train/fold=1", plan)
    assert text(found) == "train/fold=1 is no longer part of the study, because folds: 2 -> 1"


# another record


def test_a_remade_artifact_is_told_with_what_changed_above_it(made):
    train(made, 0, 0.2)
    gather(made)
    fuse(made)
    made.run()
    found = newest(made, "fuse")
    assert [str(one.change) for one in found.causes] == ["encoder.learning_rate: 0.1 -> 0.2"]
    assert found.causes[0].began == ("train/fold=0",)
    assert found.outputs == ("results/fused",)


def test_other_bytes_of_the_same_inputs_are_told_as_an_outcome(made):
    train(made, 0, 0.1, text="by chance")
    gather(made)
    made.run()
    found = newest(made, "gather")
    assert [(one.change.kind, one.change.name) for one in found.causes] == [("outcome", "results/fold0")]
    assert "results/fold0 came out with other bytes" in text(found)


def test_records_of_the_same_inputs_on_another_machine_name_its_packages_first(made):
    made.packages = {"numpy": "2.1"}
    train(made, 0, 0.1, text="other rounding")
    made.run()
    assert "because installed numpy: 2.0 -> 2.1, in train/fold=0" in text(newest(made, "train/fold=0"))


def test_the_command_compares_with_a_run_that_is_named(made, capsys):
    first = next(iter(made.store.runs))
    train(made, 0, 0.2)
    made.run()

    def said(*arguments: str) -> Any:
        with pytest.raises(SystemExit) as ended:
            main(["why", *arguments, "--workspace", str(made.root), "--json"])
        assert ended.value.code == 0
        return json.loads(capsys.readouterr().out)

    (found,) = said("train/fold=0", "--against", first[:12])
    assert found["causes"][0]["name"] == "encoder.learning_rate"
    (found,) = said("prepare", "--against", "previous")
    assert found["state"] == explaining.SAME


def test_records_that_go_round_in_a_circle_are_followed_once(made):
    """Nobody can make such records by running jobs; someone who writes them by hand can."""
    first = made.job("a", [made.file("results/b", "b")], {"results/a": "a"})
    made.job("b", ["results/a"], {"results/b": "b"})
    second = made.job("a", ["results/b"], {"results/a": "a2"}, params={"x": 1})
    assert explaining.then(Artifact(second), made.store, of_record(made.store, first)).causes[0].change.name == "x"


def test_a_change_is_followed_through_a_chain_of_1500_jobs(made):
    def side(x: int) -> RunView:
        """Each job reads what the one before it made, the first one has the parameter x."""
        records = {}
        for step in range(1500):
            reads = [{"role": "data", "path": f"results/{step - 1}", "sha256": f"{step - 1} {x}"}] if step else []
            makes = [{"role": "file", "path": f"results/{step}", "sha256": f"{step} {x}"}]
            params = {"values": {"x": x} if step == 0 else {}}
            records[f"job/step={step}"] = {"inputs": reads, "outputs": makes, "params": params}
        return RunView(made.store, "", records, {})

    found = Comparison(side(1), side(2), "job/step=1499")
    ways = found.above("job/step=1499")
    assert ways["job/step=0"][-1] == ("job/step=1", "results/0")
    assert len(ways["job/step=0"]) == 1499
    assert {name: [*map(str, found.jobs[name].own)] for name in ways if found.jobs[name].own} == {
        "job/step=0": ["x: 1 -> 2"]
    }


def test_files_of_times_and_costs_are_not_told_as_other_bytes(tmp_path):
    made = Lineage(tmp_path, Study(files=("volatile.yaml",), volatile="volatile.yaml"))
    made.file("volatile.yaml", "volatile: [results/*.cost]")
    for seconds in ("1.0", "1.1"):
        made.job("train", [], {"results/model": "the same", "results/train.cost": seconds})
        made.job("score", ["results/model", "results/train.cost"], {"results/score": "0.5"})
    for job in ("train", "score"):
        found = newest(made, job)
        assert (found.causes, found.outputs) == ([], ())
        assert "(with the same bytes as before)" in text(found)


def test_a_record_is_compared_with_a_run_of_another_workspace(tmp_path):
    made = small_study(tmp_path / "here", rate=0.5)
    small_study(tmp_path / "there")
    found = explaining.then(find("fuse", made.store), made.store, find_run(str(tmp_path / "there"), made.store))
    assert [str(one) for one in decisive(found)] == ["encoder.learning_rate: 0.1 -> 0.5"]
    assert found.causes[0].way == (("fuse", "results/probabilities"), ("gather", "results/fold0"))
