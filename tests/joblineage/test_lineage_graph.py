"""The records as a graph: long chains are ordered, and what many records share is looked at once."""

from made_records import LOCK, Lineage, chain, small_study

from joblineage import capture
from joblineage.checks import structure
from joblineage.graph import Graph, depths, reached
from joblineage.verdict import Verdict


def test_a_chain_of_5000_jobs_is_ordered_makers_before_readers():
    store = chain(5000)
    assert Graph(store).chain("file4999") == list(store.records)
    assert Graph(store).after("record4990") == [f"record{k}" for k in range(4991, 5000)]


def test_makers_come_first_and_what_no_chain_orders_goes_by_job_key(tmp_path):
    made = Lineage(tmp_path)
    made.job("later", [made.file("raw", "1")], {"a": "1"})
    made.job("first", ["raw"], {"b": "1"})
    made.job("before", ["a", "b"], {"c": "1"})
    graph = Graph(made.store)
    order = [graph.records[name]["job"]["rule"] for name in graph.ordered(set(graph.records))]
    assert order == ["first", "later", "before"]


def test_records_that_go_round_in_a_circle_are_each_ordered_once():
    store = chain(10, first="file9")
    assert sorted(Graph(store).chain("file4")) == sorted(store.records)


def test_the_depth_of_a_job_is_the_longest_way_to_it_and_a_circle_lies_deepest():
    above = {"end": ["short", "long"], "short": ["raw"], "long": ["middle"], "middle": ["raw"], "raw": []}
    assert depths(above) == {"raw": 0, "short": 1, "middle": 1, "long": 2, "end": 3}
    assert depths(above | {"one": ["other"], "other": ["one"], "after": ["one"]}) == {
        **depths(above),
        **dict.fromkeys(("one", "other", "after"), 4),
    }


def test_what_is_reached_is_told_once_with_the_steps_of_the_shortest_way():
    below = {"raw": ["short", "middle"], "middle": ["long"], "long": ["end"], "short": ["end"], "end": ["raw"]}
    assert list(reached(["raw"], below.__getitem__).items()) == [
        ("raw", 0), ("short", 1), ("middle", 1), ("end", 2), ("long", 2)
    ]  # fmt: skip


def test_what_a_job_writes_while_verify_is_at_work_is_no_fault(tmp_path):
    made = small_study(tmp_path)
    store = made.store
    assert store.records
    made.job("late", [], {"results/late": "written since"})
    assert structure.check(store) == []


def test_the_difference_of_one_environment_is_computed_once_however_many_records_it_has(tmp_path, monkeypatch):
    made = Lineage(tmp_path)
    made.file(LOCK, "numpy==2.0\n")
    lock = made.store.put((tmp_path / LOCK).read_bytes())
    about = {"packages": {"numpy": "1.9"}, "lock": lock, "differs_from_lock": {"numpy": ["2.0", "1.9"]}}
    honest, forged = (made.store.put_json(about | more) for more in ({}, {"differs_from_lock": {}}))
    for k in range(8):
        made.job(f"make/k={k}", [LOCK], {f"file{k}": "1"}, environment=forged if k == 5 else honest)
    asked = []
    differs = capture.differs_from_lock
    monkeypatch.setattr(capture, "differs_from_lock", lambda *given: asked.append(given) or differs(*given))
    found = structure.check(made.store)
    assert len(asked) == 2  # of two environments
    assert [(one.verdict, one.what) for one in found] == [
        (Verdict.TAMPERED, "record of make/k=5: its environment says other differences from the lock than it has")
    ]
