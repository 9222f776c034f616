"""The table of encoders tells scores, weight and cost, and what may not be judged."""

import json

from blemore.evaluate.comparison import COLUMNS, compare, read_costs


def entry(score, origin="finetuned", disjointness="by fold"):
    interval = {"score": [score - 0.1, score + 0.1]}
    return {
        "acc_presence": score, "acc_salience": score, "score": score, "interval": interval, "clips": 10, "origin": origin,
        "disjointness": disjointness, "persons": 8, "over_computed": None,
        "over_commonest": {"gain": {"score": 0.1}, "interval": [0.05, 0.15]},
    }  # fmt: skip


def test_encoders_stand_in_order_of_score_with_their_weight_cost_and_doubts():
    metrics = {"note": "Generated.", "encoders": {
        "a": entry(0.2), "b": entry(0.4, "random"), "c": entry(0.3, "outside", "unknown"), "d": entry(0.2, "stand-in"),
    }}  # fmt: skip
    worth = {
        "greedy": {"steps": [{"added": name, "score": k / 4, "cpu_seconds": 3.0 * k} for k, name in enumerate("bcad")]},
        "encoders": {name: {
            "adds": {"gain": {"score": 0.01}, "interval": [-0.01, 0.03]}, "bias": {"excess": 0.2, "interval": [0.1, 0.3]}
        } for name in "abcd"},
    }  # fmt: skip
    weights = {"final": {"a": 0.5, "b": 0.1, "c": 0.3, "d": 0.1}}
    table = compare(metrics, weights, {"a": {"cpu_seconds": 3.0, "peak_mb": 100.0}}, worth)
    assert tuple(table.columns) == COLUMNS
    assert table["encoder"].tolist() == ["b", "c", "a", "d"]
    rows = table.set_index("encoder")
    assert rows["greedy_rank"].to_dict() == {"b": 1, "c": 2, "a": 3, "d": 4}
    assert rows.loc["a", ["greedy_score", "greedy_cpu_seconds"]].tolist() == [0.5, 6.0]
    assert rows.loc["d", ["adds", "adds_high", "personal_bias_low"]].tolist() == [0.01, 0.03, 0.1]
    assert rows.loc["a", "note"] == "Generated."
    assert "not judged" in rows.loc["b", "note"]
    assert "disjointness unknown" in rows.loc["c", "note"]
    assert "in place of the service" in rows.loc["d", "note"]
    assert rows.loc["a", ["fusion_weight", "cpu_seconds", "score_low", "over_commonest_low"]].tolist() == [
        0.5,
        3.0,
        0.1,
        0.05,
    ]
    assert rows.loc["c", ["cpu_seconds", "over_computed", "over_computed_high"]].isna().all()


def test_costs_of_folds_add_up_and_the_largest_memory_counts(tmp_path):
    (tmp_path / "s4d").mkdir()
    files = {"s4d/fold0.cost.json": (1.5, 100), "s4d/fold1.cost.json": (2.0, 300), "prosody.cost.json": (4.0, 50)}
    for name, (seconds, memory) in files.items():
        (tmp_path / name).write_text(json.dumps({"cpu_seconds": seconds, "peak_mb": memory}))
    costs = read_costs([tmp_path / name for name in files])
    assert costs == {
        "s4d": {"cpu_seconds": 3.5, "peak_mb": 300},
        "prosody": {"cpu_seconds": 4.0, "peak_mb": 50},
    }
