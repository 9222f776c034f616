"""DVC's cache stays whole where it hands out links to its objects (`cache.type` symlink or hardlink), as shared caches do."""

from pathlib import Path

import pytest

from .conftest import Study
from .links import KINDS, no_object_is_damaged, own_cache

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("kind", KINDS)
def test_runs_through_links_damage_no_object_of_the_cache_and_an_older_lock_reruns_nothing(
    finished: Study, tmp_path: Path, kind: str
) -> None:
    study = finished.copy(tmp_path / "study")
    own_cache(study, finished)
    no_object_is_damaged(study, kind)
