"""Ten damages of one finished study at once; `make campaign PART=damages` makes thirty, each by itself."""

import pytest

from .conftest import Study
from .damages import DAMAGES
from .trials import is_whole_again

pytestmark = pytest.mark.slow

TEN = (
    "DVC's copy of a lost result is cut",
    "the submission is lost",
    "a table is cut",
    "a result is older",
    "sound is lost",
    "a network is cut",
    "Snakemake's note on a result is cut",
    "DVC's list of locks is garbage",
    "the lineage's memory of files is garbage",
    "a record is cut",
)


def test_a_study_of_ten_damages_comes_back_by_make_alone(finished: Study, study: Study) -> None:
    for name in TEN:
        DAMAGES[name](study.folder)
    is_whole_again(study, finished)
    assert study.would_run() == {}
