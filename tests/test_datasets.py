"""What every data set promises, whichever modules the folder holds: one test of each promise for all of them."""

from inspect import signature
from pathlib import Path

import pytest
import yaml

from blemore.params.check import check_params, read_schema
from blemore.params.parts import DATA_SET
from joblineage.errors import MissingDataError

REPOSITORY = Path(__file__).parents[1]
PARAMS = yaml.safe_load((REPOSITORY / "params.yaml").read_text())
NAMES = DATA_SET.names()


def test_every_data_set_of_the_params_is_there():
    assert PARAMS["dataset"] in NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_data_set_can_be_chosen_with_its_block_of_the_params_alone(name):
    check_params(PARAMS | {"dataset": name}, read_schema(REPOSITORY / "schemas/params.schema.yaml"))


@pytest.mark.parametrize("name", NAMES)
def test_a_data_set_offers_what_the_workflow_asks_for(name):
    module = DATA_SET.load(name)
    asked = {"clip_files": ["root", "options"], "how_to_get": ["root"]}
    assert {function: list(signature(getattr(module, function)).parameters) for function in asked} == asked


@pytest.mark.parametrize("name", NAMES)
def test_a_data_set_names_its_files_beside_the_clips(name):
    tables = DATA_SET.load(name).TABLES
    assert tables
    assert isinstance(tables, tuple)


@pytest.mark.parametrize("name", NAMES)
def test_a_data_set_says_what_a_study_of_it_cites(name):
    assert DATA_SET.load(name).CITATION.strip()


@pytest.mark.parametrize("name", NAMES)
def test_an_empty_folder_is_made_by_the_workflow_or_a_person_is_told_how_to_fill_it(name, tmp_path):
    module, options = DATA_SET.load(name), PARAMS[name]
    files, advice = module.clip_files(tmp_path, options), module.how_to_get(tmp_path)
    assert files == sorted(set(files))
    assert all(file.startswith(("train/", "test/")) for file in files)
    if advice is None:
        assert {file.split("/")[0] for file in files} == {"train", "test"}
    else:
        assert str(tmp_path) in advice
        assert files == []
        with pytest.raises(MissingDataError, match="missing"):
            module.roster(tmp_path, **options)
