"""What `verify` asks Snakemake: about one file it plans that file's chain alone, since a run may be at work on the rest."""

import pytest
from made_records import Lineage, small_study

from joblineage.checks import staleness
from joblineage.errors import DataError
from joblineage.graph import Graph

FUSED = "results/fused"


@pytest.fixture
def changed(tmp_path) -> Lineage:
    """A study whose parameters changed since its last run."""
    made = small_study(tmp_path)
    made.file("params.yaml", "seed: 2\n")
    return made


def test_about_one_file_only_its_own_chain_is_planned(changed, monkeypatch):
    asked = []

    def planned(root, target):
        asked.append(target)
        return changed.plan()

    monkeypatch.setattr(staleness, "planned", planned)
    graph = Graph(changed.store)
    assert staleness.check(graph, set(graph.chain(FUSED)), FUSED, ask=True)[0] == []
    assert staleness.check(graph, set(graph.records), None, ask=True)[0] == []
    assert asked == [FUSED, "all"]


def test_a_study_that_cannot_be_planned_is_stale_and_snakemakes_reason_is_said(changed, monkeypatch):
    def planned(root, target):
        raise DataError(str(root), ["Snakemake cannot plan this study: No rule to produce it"])

    monkeypatch.setattr(staleness, "planned", planned)
    graph = Graph(changed.store)
    (found,), _ = staleness.check(graph, set(graph.records), None, ask=True)
    assert (found.node, found.what) == (
        "params.yaml",
        "changed since the last run; Snakemake cannot plan this study: No rule to produce it",
    )
