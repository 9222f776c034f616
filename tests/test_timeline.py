"""Promises of what a bundle does around its models: windows, annotations, who is counted, what is left out."""

from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import predict_study
import pytest
import yaml
from media_samples import tone, write_clip

from blemore.predict.drawing import draw_timeline, save_picture
from blemore.predict.exports import middles, tiers, write_timeline
from blemore.predict.making import bundled
from blemore.predict.media import promised
from blemore.predict.timeline import Timeline, prepare_windows, window_starts
from blemore.scoring.labels import CLASSES
from joblineage.errors import DataError, MissingDataError


def test_services_and_tables_from_outside_are_left_out_and_said_so():
    params = yaml.safe_load((Path(__file__).parents[1] / "params.yaml").read_text())
    params["encoders"]["theirs"] = {"enabled": True, "module": "precomputed", "learning": "given", "file": "x"}
    names, left_out = bundled(params)
    assert set(left_out) == {"gemini", "theirs"}
    enabled = {name for name, entry in params["encoders"].items() if entry["enabled"]}
    assert set(names) == enabled - set(left_out)
    params["encoders"] = {"gemini": params["encoders"]["gemini"]}
    with pytest.raises(DataError, match="no encoder is left: gemini"):
        bundled(params)


def test_windows_of_a_recording_hear_and_see_what_happens_in_them(tmp_path):
    seconds, rate = 3.0, 16000
    loud = tone(seconds, rate)
    loud[:, : round(2.1 * rate)] = 0
    shade = lambda time, width, height: np.full((height, width, 3), int(60 * time), np.uint8)  # noqa: E731
    path = write_clip(tmp_path / "long.mov", seconds=seconds, draw=shade, wave=loud, rate=rate)
    samples = predict_study.PARAMS["media"]["samples"]
    made = prepare_windows(path, samples, ("body", "audio"), 0.5, 1.0, tmp_path)
    assert list(made.windows.values()) == [(start, start + 1.0) for start in (0.0, 0.5, 1.0, 1.5, 2.0)]
    audio, body = (pd.read_parquet(made.shards[kind][0]) for kind in ("audio", "body"))
    assert audio["silent"].tolist() == [True, True, True, False, False]
    assert [len(data) for data in audio["samples"]] == [2 * rate] * 5
    first = body.groupby("clip")["jpeg"].first()
    shades = [cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR).mean() for data in first]
    np.testing.assert_allclose(np.diff(shades), 30, atol=4)
    assert len(made.sound) == seconds * rate


def test_windows_that_pass_something_over_or_do_not_fit_are_refused(tmp_path):
    samples, clip = predict_study.PARAMS["media"]["samples"], write_clip(tmp_path / "short.mov", seconds=0.8)
    for every, window, words in ((1.0, 0.5, "every <= window"), (0.5, 9.0, "less than one window of 9 s")):
        with pytest.raises(DataError, match=words):
            prepare_windows(clip, samples, ("audio",), every, window, tmp_path)
    with pytest.raises(MissingDataError, match="no such file"):
        prepare_windows(tmp_path / "x.mov", samples, ("audio",), 0.5, 1.0, tmp_path)
    assert len(window_starts(3600.0, 0.5, 2.0)) == 7197


@pytest.fixture
def timeline(tmp_path) -> Timeline:
    """Three windows, made up."""
    values = np.array([[0.5, 0, 0, 0.3, 0.2, 0], [0.1, 0, 0, 0.9, 0, 0], [0, 0, 0, 0, 0, 1.0]])
    answers = np.array([[70, 0, 0, 30, 0, 0], [0, 0, 0, 100, 0, 0], [0, 0, 0, 0, 0, 100]])
    table = pd.DataFrame({"start": [0.0, 0.5, 1.0], "end": [2.0, 2.5, 3.0]})
    table[[f"answer_{name}" for name in CLASSES]] = answers
    table[["p_presence", "p_blend"]] = [[0.5, 0.6], [0.7, 0.1], [0.9, 0.0]]
    table[list(CLASSES)] = values
    return Timeline(tmp_path / "talk.mp4", 3.0, 16000, np.zeros(48000, np.int16), table)


def test_annotations_of_overlapping_windows_follow_each_other_without_a_gap(timeline, tmp_path):
    assert middles(timeline) == [(0.75, 1.25), (1.25, 1.75), (1.75, 2.25)]
    assert [text for *_, text in tiers(timeline)["answer"]] == [
        "anger and happiness (70/30, anger dominates)", "happiness", "neutral",
    ]  # fmt: skip
    write_timeline(timeline, tmp_path / "a.csv")
    assert pd.read_csv(tmp_path / "a.csv")["hap"].tolist() == [0.3, 0.9, 0.0]
    with pytest.raises(DataError, match=r"ends in \.docx"):
        write_timeline(timeline, tmp_path / "a.docx")


def test_elan_and_praat_read_back_what_was_written(timeline, tmp_path):
    elan, praat = pytest.importorskip("pympi.Elan"), pytest.importorskip("praatio.textgrid")
    for name in ("a.eaf", "b.eaf", "a.TextGrid"):
        write_timeline(timeline, tmp_path / name)
    assert (tmp_path / "a.eaf").read_bytes() == (tmp_path / "b.eaf").read_bytes()
    told = elan.Eaf(str(tmp_path / "a.eaf")).get_annotation_data_for_tier("hap")
    assert [(start, end, text) for start, end, text, *_ in sorted(told)] == [
        (750, 1250, "0.30"), (1250, 1750, "0.90"), (1750, 2250, "0.00"),
    ]  # fmt: skip
    grid = praat.openTextgrid(str(tmp_path / "a.TextGrid"), includeEmptyIntervals=False)
    assert [tuple(one) for one in grid.getTier("answer").entries] == tiers(timeline)["answer"]


@pytest.mark.thorough
def test_a_checkpoint_goes_into_the_bundle_as_safetensors_and_is_read_from_there(tmp_path):
    from blemore.predict.making import _copy_checkpoint

    from blemore.encoders.transformers_compat import torch  # isort: skip
    from transformers import WavLMConfig, WavLMModel

    small = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
    network = WavLMModel(WavLMConfig(conv_dim=(16,) * 7, num_conv_pos_embeddings=16, **small))
    network.save_pretrained(tmp_path / "weights/wavlm")
    (tmp_path / "weights/wavlm/model.safetensors").unlink()
    torch.save(network.state_dict(), tmp_path / "weights/wavlm/pytorch_model.bin")
    settings = {
        "name": "w",
        "module": "speech",
        "checkpoint": "weights/wavlm",
        "architecture": "wavlm",
        "scale": "pretrained",
    }
    placed = _copy_checkpoint(tmp_path, settings, tmp_path / "out")
    assert placed == "weights/w/wavlm"
    from blemore.encoders.checkpoints import from_pretrained

    read = from_pretrained(WavLMModel, settings | {"checkpoint": str(tmp_path / "out" / placed)})
    assert all(torch.equal(tensor, network.state_dict()[name]) for name, tensor in read.state_dict().items())


def test_a_container_without_a_length_is_left_to_the_media_step(tmp_path):
    (tmp_path / "no.mov").write_bytes(b"nothing")
    assert promised(tmp_path / "no.mov") is None


def test_the_length_of_a_text_that_names_another_file_is_not_asked_for(tmp_path):
    write_clip(tmp_path / "clip.mov", seconds=0.4)
    (tmp_path / "list.mov").write_text("ffconcat version 1.0\nfile clip.mov\nduration 100\n")
    assert promised(tmp_path / "clip.mov") is not None
    assert promised(tmp_path / "list.mov") is None


def test_the_same_timeline_gives_the_same_picture(timeline, tmp_path):
    for name in ("a", "b"):
        save_picture(draw_timeline(timeline), tmp_path / f"{name}.png")
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
