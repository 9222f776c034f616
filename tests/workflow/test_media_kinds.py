"""A kind of media is prepared where an enabled encoder reads it, and only there."""

import pytest

from .conftest import Study
from .test_runners import AFTER_ENCODE

pytestmark = pytest.mark.slow


def switch_gemini(study: Study, on: bool) -> None:
    study.edit_params(lambda values: values["encoders"]["gemini"].update(enabled=on))


def test_pieces_are_cut_when_gemini_is_switched_on_and_nothing_else_is_prepared_or_trained_again(study: Study) -> None:
    media = study.folder / "results/media"
    assert sorted(path.name for path in media.iterdir()) == ["audio", "body", "faces", "probe"]
    switch_gemini(study, True)
    assert study.would_run() == {"prepare_later": 2, "embed_clips": 1, "fit_head": 1, **AFTER_ENCODE, "licences": 1}
    study.submission()
    assert len(list((media / "pieces").iterdir())) == 2
    assert study.would_run() == {}
    assert "OK" in study.run("blemore", "lineage", "verify").stdout
    clip = study.folder / "data/demo/train/A901_ang_int4_ver1.mov"
    kept = clip.read_bytes()
    clip.write_bytes(kept + b"\0")
    jobs = study.would_run()
    assert jobs["prepare_shard"] == jobs["prepare_later"] > 0
    clip.write_bytes(kept)
    switch_gemini(study, False)
    assert study.would_run() == {**AFTER_ENCODE, "licences": 1}
    study.edit_params(lambda values: values["encoders"]["hicmae_frozen"].update(enabled=True))
    assert study.would_run() == {"embed_clips": 1, "fit_head": 1, **AFTER_ENCODE, "licences": 1}  # both kinds are there


def test_a_kind_that_no_encoder_reads_any_more_stays_with_the_records_of_the_jobs_that_made_it(study: Study) -> None:
    study.edit_params(lambda values: values["encoders"]["videomae"].update(enabled=False))
    study.submission()
    assert len(list((study.folder / "results/media/body").iterdir())) == 2
    assert "OK" in study.run("blemore", "lineage", "verify").stdout
