"""Another environment than the records name is told, not blamed: what was changed, what was added since."""

import pytest
from made_records import small_study

from joblineage import capture
from joblineage.graph import Graph
from joblineage.verify import environments


@pytest.mark.parametrize(
    ("packages", "words"),
    [
        ({"numpy": "2.0"}, None),
        ({"numpy": "2.1"}, "1 packages in other versions (numpy, ...)"),
        ({}, "1 packages in other versions (numpy, ...)"),
        ({"numpy": "2.0", "pytest": "9"}, "1 packages fewer than here"),
        ({"numpy": "2.1", "pytest": "9"}, "1 packages in other versions (numpy, ...), 1 packages fewer than here"),
    ],
)
def test_packages_of_other_versions_and_packages_added_since_are_told_apart(tmp_path, monkeypatch, packages, words):
    here = {"python": "3.11.9", "system": "Linux", "packages": packages}
    monkeypatch.setattr(capture, "surroundings", lambda: here)
    monkeypatch.setattr(capture, "hardware", lambda: {"cpu": "a processor"})
    graph = Graph(small_study(tmp_path).store)
    assert environments(graph, set(graph.records)) == (
        [] if words is None else [f"other environment: made with {words}"]
    )
