"""Patterns of files name whole paths: no `*` reaches into a folder below, no path matches by its end alone."""

import pytest
import yaml
from made_records import small_study

from joblineage.checks import lock
from joblineage.files import matches


@pytest.mark.parametrize(
    ("path", "pattern", "named"),
    [
        ("results/metrics.json", "results/*.json", True),
        ("results/agreement/agreement.json", "results/*.json", False),
        ("old/results/metrics.json", "results/*.json", False),
        ("results/encoders/s4d/all.parquet", "results/encoders/*/all.parquet", True),
        ("results/encoders/s4d/old/all.parquet", "results/encoders/*/all.parquet", False),
        ("results/media/faces/000.parquet", "results/media/", True),
        ("results/media.json", "results/media/", False),
        ("results/encoders/s4d/fold0.cost.json", "*.cost.json", True),
        ("results/cost.json", "*.cost.json", False),
        ("results/encoders.csv", "results/encoders.csv", True),
        ("copy/results/encoders.csv", "results/encoders.csv", False),
    ],
)
def test_a_pattern_names_whole_paths(path, pattern, named):
    assert matches(path, [pattern]) is named


def test_a_source_whose_name_begins_like_that_of_the_results_is_compared_all_the_same(tmp_path):
    made = small_study(tmp_path)
    deps = [{"path": path, "md5": "0" * 32} for path in ("results_of_others", "data/raw")]
    stage = {"cmd": "snakemake fuse", "deps": deps, "outs": []}
    made.file("dvc.lock", yaml.safe_dump({"stages": {"fuse": stage}}))
    said = [one.what for one in lock.check(made.store)[0]]
    assert any("that it read results_of_others" in what for what in said)
    assert not any("data/raw" in what for what in said)
