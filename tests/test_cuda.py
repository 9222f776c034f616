"""A run that counts on CUDA does not begin where CUDA does not work."""

import pytest

from blemore.planning import cuda
from joblineage.errors import DataError


@pytest.mark.thorough
def test_without_cuda_a_run_on_gpus_is_refused_with_torchs_reason_and_a_cure(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    with pytest.raises(DataError) as refused:
        cuda.check("cuda")
    assert "CUDA does not work here (" in str(refused.value)
    assert "make TORCH=cuda" in str(refused.value)


@pytest.mark.parametrize(
    ("code", "said"), [("raise OSError('too old')", r"here \(OSError: too old\): repair it"), ("exit(3)", "no reason")]
)
def test_the_reason_is_the_last_line_that_torch_says(code, said, monkeypatch):
    monkeypatch.setattr(cuda, "PRODUCT", code)
    with pytest.raises(DataError, match=said):
        cuda.check("cuda")


def test_where_the_product_comes_out_the_run_begins(monkeypatch):
    monkeypatch.setattr(cuda, "PRODUCT", "assert 2 * 2 == 4")
    assert cuda.check("cuda") is None


def test_without_the_profile_nothing_is_tried_and_no_other_word_is_taken(monkeypatch):
    monkeypatch.setattr(cuda, "PRODUCT", "exit(1)")
    assert cuda.check("any") is None
    with pytest.raises(DataError, match='"gpu" is neither'):
        cuda.check("gpu")
