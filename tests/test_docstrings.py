"""Public docstrings have numpydoc's form, and their examples give what they say."""

import ast
import doctest
import json
from importlib import import_module
from pathlib import Path

import docstrings
import pytest

from blemore.api import functions

FILES = {
    "table.csv": "clip,ang,disg,fea,hap,sad,neu\nA1000_a,0.6,0.05,0,0,0.35,0\nA1001_b,0.1,0.1,0.1,0.5,0.1,0.1\n",
    "train_metadata.csv": "filename,emotion_1,emotion_2,emotion_1_salience,emotion_2_salience\n"
    "A1000_a,ang,sad,70,30\nA1001_b,hap,,,\n",
    "predictions.json": json.dumps(
        {
            "predictions": {
                "A1000_a.mov": [{"emotion": "ang", "salience": 70.0}, {"emotion": "sad", "salience": 30.0}],
                "A1001_b.mov": [{"emotion": "hap", "salience": 100.0}],
            }
        }
    ),
}
"""What the examples of the Python API read."""
NEEDS_A_STUDY = "blemore.predict.bundle"
"""Its examples open the bundle of a trained study: test_predict.py runs them, with that of its small study."""
EXAMPLES = {
    name: module
    for module in docstrings.modules()
    if module != NEEDS_A_STUDY
    for name, node in docstrings.defined(module)
    if ">>> " in (ast.get_docstring(node) or "")
}
SHOWN = {
    *(
        "blemore.scoring.decoding.decode",
        "blemore.scoring.exact.exact_optimum",
        "blemore.scoring.surface.official_grid",
    ),
    *("blemore.scoring.metrics.score", "blemore.decide.person_offset.fit_offsets", "blemore.fusion.simplex.fit"),
    "blemore.fusion.simplex.onto_simplex",
    *("blemore.decide.personal.choice.Fitted.posterior", "blemore.fusion.base.WeightedMean.apply"),
    *("blemore.scoring.labels.soft_labels", "blemore.scoring.answers.best_answers", "blemore.fusion.nested.left_out"),
    *("blemore.scoring.intervals.jackknife_error", "blemore.challenge.submission.faults_of"),
    "joblineage.declare.fitted",
}
"""What a reader of the method would try first."""
WRONG = '''
def fit(rows, kappa):
    """fit the model

    Parameters
    ----------
    rows : clips.
    """
    return rows


def _fit(rows):
    return rows
'''


@pytest.fixture
def files(tmp_path, monkeypatch):
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)


@pytest.mark.thorough
@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_gives_what_its_docstring_says(name, files):
    module = import_module(EXAMPLES[name])
    found = module
    for part in name.removeprefix(f"{EXAMPLES[name]}.").split("."):
        found = getattr(found, part)
    cases = doctest.DocTestFinder(recurse=False).find(found, name, module=module, globs={})
    assert sum(len(case.examples) for case in cases) >= 1
    for case in cases:
        assert doctest.DocTestRunner().run(case).failed == 0


def test_every_function_of_the_api_and_what_a_reader_tries_first_has_an_example():
    api = {f"{getattr(functions, name).__module__}.{name}" for name in functions.__all__}
    assert EXAMPLES.keys() >= api | SHOWN


def test_the_api_the_method_and_the_lineage_library_s_face_are_public_and_no_private_name_is():
    names = docstrings.public()
    assert len(names) == len({*names})
    assert {*names} >= {*EXAMPLES, "blemore.predict.bundle.Bundle.predict", "joblineage.store.Store.get"}
    assert {*names} >= {"joblineage.verify.verify", "blemore.encoders.vitmoe.ViTMoE.forward"}
    assert not [name for name in names if "._" in name]


def test_what_is_wrong_with_a_docstring_is_told_with_file_line_name_and_code(tmp_path, monkeypatch):
    (tmp_path / "src").mkdir()
    (tmp_path / "src/wrongly_documented.py").write_text(WRONG)
    monkeypatch.setattr(docstrings, "SOURCE", tmp_path / "src")
    monkeypatch.syspath_prepend(tmp_path / "src")
    names = [name for name, _ in docstrings.defined("wrongly_documented")]
    assert names == ["wrongly_documented.fit"]
    told = docstrings.faults(names[0])
    assert all(one.startswith("src/wrongly_documented.py:2: wrongly_documented.fit: ") for one in told)
    assert {one.split(": ")[2].split()[0] for one in told} == {"SS02", "SS03", "PR01", "PR05", "PR07", "RT01"}


@pytest.mark.thorough
@pytest.mark.parametrize("module", sorted({Path(name.replace(".", "/")).parts[0] for name in docstrings.public()}))
def test_numpydoc_finds_no_fault_in_a_public_docstring(module):
    told = [fault for name in docstrings.public() if name.startswith(f"{module}.") for fault in docstrings.faults(name)]
    assert told == []
