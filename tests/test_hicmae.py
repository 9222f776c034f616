"""The network that sees and hears: the public one's names and values, its windows, and what of a checkpoint is taken over."""

import argparse
import hashlib
from pathlib import Path

import cv2
import numpy as np
import pytest
import small_study
import torch
import yaml

from blemore.encoders import base, hicmae, windows
from blemore.encoders.pictures import Pictures
from blemore.encoders.settings import media_kinds, shards_of
from blemore.params.check import check_params, read_schema
from joblineage.errors import DataError

SETTINGS = {"name": "hicmae", "module": "hicmae", "media": ["faces", "audio"], "scale": "pretrained"}
NAMES = 370
LISTED = "50f7dd0832f56dbbd2c05b3a9e21ece471940cd0ea006373991d734b7a44c8f3"
"""sha256 of the public network's names, each with its shape, sorted, a line each."""
PARAMETERS = 80_792_602


def values(count: int, key: int) -> np.ndarray:
    """(count,) float32 in [-1, 1), the same everywhere: a check that needs no file."""
    k = np.arange(count, dtype=np.int64)
    with np.errstate(over="ignore"):
        mixed = (k * k * 1664525 + k * 1013904223 + key * 69069) & 0x7FFFFFFF
    return (mixed / 2.0**30 - 1).astype(np.float32)


def fill(network: torch.nn.Module) -> None:
    """Weights that are the same everywhere, by the order of the tensors' names."""
    tensors = network.state_dict()
    for number, name in enumerate(sorted(tensors), start=1):
        tensor = tensors[name]
        x = torch.from_numpy(values(tensor.numel(), number)).view(tensor.shape)
        if tensor.ndim > 1:
            x = x * (3 / (tensor.numel() / tensor.shape[0])) ** 0.5
        elif not name.endswith("layer_weights"):
            x = 1 + 0.1 * x if name.endswith(".weight") else 0.1 * x
        tensor.copy_(x)


@torch.inference_mode()
def judged(network: hicmae.HiCMAE, clips: int = 2) -> np.ndarray:
    seen, (rows, bands) = network.preprocessing.pictures, network.sound
    video = values(clips * 3 * seen.count * seen.size**2, 9001).reshape(clips, 3, seen.count, seen.size, seen.size)
    audio = values(clips * rows * bands, 9002).reshape(clips, 1, rows, bands)
    return network.eval().judge(torch.from_numpy(video), torch.from_numpy(audio)).numpy()


def network_of(side: int, count: int, *numbers, **sound) -> hicmae.HiCMAE:
    network = hicmae.HiCMAE(
        6, *numbers, windows=windows.FacesAndSound(Pictures(count=count, size=side, time_first=False)), **sound
    )
    fill(network)
    return network


@pytest.fixture(scope="module")
def public() -> hicmae.HiCMAE:
    """The network of the public size."""
    torch.set_num_threads(1)
    return network_of(160, 16)


def test_names_and_numbers_of_parameters_are_the_public_network_s(public):
    assert len(public.state_dict()) == NAMES
    assert sum(parameter.numel() for parameter in public.parameters()) == PARAMETERS
    shapes = {name: tuple(tensor.shape) for name, tensor in public.state_dict().items()}
    for name, shape in {
        "encoder.patch_embed.proj.weight": (512, 3, 2, 16, 16),
        "encoder.blocks.9.attn.qkv.weight": (1536, 512),
        "encoder_audio.patch_embed.proj.weight": (512, 1, 16, 16),
        "encoder_audio.blocks.0.attn.v_bias": (512,),
        "encoder_fusion.blocks.1.cross_attn.kv.weight": (1024, 512),
        "encoder_fusion.blocks_audio.0.cross_norm2.bias": (512,),
        "encoder_fusion.norm_audio.weight": (512,),
        "video_layer_weights": (10,),
        "fc_norm.weight": (2048,),
        "head.weight": (6, 2048),
    }.items():
        assert shapes[name] == shape, name
    lines = sorted(" ".join([name, *map(str, shape)]) for name, shape in shapes.items())
    assert hashlib.sha256("\n".join(lines).encode()).hexdigest() == LISTED


# Values of a network written independently of this one, for the weights and inputs of `fill` and `judged`.
SMALL = [
    [1.151374, 1.747973, -0.163092, -0.516513, 0.941468, -0.116055],
    [1.501534, 1.751143, 0.232372, -0.374603, 1.153860, 0.245352],
]
PUBLIC = [
    [4.836626, -1.088533, 0.520777, -0.185197, 1.846086, -0.251427],
    [4.774337, -1.159492, 0.583280, -0.369947, 1.730184, -0.245835],
]
ON_THE_WAY = {
    "encoder.patch_embed.proj": [-0.624158, -0.301778, -0.583124, -0.676198],
    "encoder_audio.patch_embed.proj": [-0.364465, 0.607633, 0.775336, 0.124359],
    "encoder.norm": [1.097124, 1.904661, -0.828626, -0.960370],
    "encoder_audio.norm": [0.341761, 1.924688, 0.093227, -0.581327],
    "encoder_fusion.norm": [2.001472, 0.904424, -1.552997, -0.541295],
    "encoder_fusion.norm_audio": [1.508476, 0.976440, 0.163552, -0.061875],
    "fc_norm": [0.885583, 1.220137, -0.416481, -0.287631],
}
"""The first four values of the first clip's first token (or of its features) that a module leaves, when it is last called."""
FIRST_LAYER = [1.061826, 0.367339, -2.010412, 0.722793]
PLACES = [0, 1, 512, 513, 1024, 1025, 1536, 1537]
FROZEN = [1.118726, 1.177233, 0.546511, 1.388240, 2.015760, 0.916160, 1.675736, 1.021721]


def test_a_small_network_gives_the_check_s_values():
    network = network_of(32, 4, hicmae.Size(24, 2, (3, 3, 2)), sound=(64, 32))
    assert (len(network.state_dict()), sum(one.numel() for one in network.parameters())) == (188, 125_916)
    np.testing.assert_allclose(judged(network), SMALL, atol=1e-4)


@pytest.mark.thorough
def test_the_public_size_gives_the_check_s_values_with_a_head_and_without(public):
    left = {name: [] for name in ON_THE_WAY}
    for name, values_left in left.items():
        public.get_submodule(name).register_forward_hook(lambda *call, to=values_left: to.append(call[-1][0]))
    np.testing.assert_allclose(judged(public), PUBLIC, atol=1e-4)
    for name, expected in ON_THE_WAY.items():
        made = left[name][-1]
        first = made.flatten(1)[:, 0] if "patch" in name else made.reshape(-1, made.shape[-1])[0]
        np.testing.assert_allclose(first[:4], expected, atol=1e-4, err_msg=name)
    np.testing.assert_allclose(left["encoder.norm"][0][0, :4], FIRST_LAYER, atol=1e-4)
    kept = {name: tensor for name, tensor in public.state_dict().items() if name.startswith("encoder")}
    bare = hicmae.HiCMAE(0)
    bare.load(kept, SETTINGS | {"checkpoint": "x"})
    np.testing.assert_allclose(judged(bare, clips=1)[0, PLACES], FROZEN, atol=1e-4)


def test_sound_becomes_kaldi_s_bands():
    k = np.arange(16000)
    wave = 0.3 * np.sin(2 * np.pi * 220 * k / 16000) + 0.1 * values(16000, 9003)
    bands = windows.log_mel(wave.astype(np.float32))
    assert bands.shape == (98, 128)
    expected = {
        0: [-5.89695, -11.29425, -7.85085, -15.94238, -1.17238, 1.23336],
        50: [-5.82754, -13.07577, -9.63237, -15.94238, -1.63402, 0.46020],
        97: [-6.04718, -10.97273, -7.52933, -15.94238, -1.54489, 1.51655],
    }
    for row, of_some_bands in expected.items():
        np.testing.assert_allclose(bands[row, [0, 1, 2, 3, 64, 127]], of_some_bands, atol=1e-4)
    np.testing.assert_allclose([bands.mean(), bands.std(ddof=1)], [-1.64268, 3.22308], atol=1e-4)
    silence = windows.log_mel(np.zeros(16000, np.float32))
    np.testing.assert_allclose(silence, windows.FLOOR, atol=1e-4)


def raw(seconds: float, faces: int = 16) -> tuple[np.ndarray, list[bytes], bytes]:
    """A clip whose face k is grey of brightness 4 k, at even times; its sound a rising ramp of noise."""
    times = np.linspace(0, seconds, faces)
    pictures = [cv2.imencode(".png", np.full((32, 32, 3), 4 * k, np.uint8))[1].tobytes() for k in range(faces)]
    samples = np.random.default_rng(0).normal(0, 1000, round(seconds * 16000)).astype("<i2")
    return times, pictures, samples.tobytes()


READING = windows.FacesAndSound(Pictures(count=4, size=32, mean=(0, 0, 0), std=(1, 1, 1), time_first=False))


def test_a_clip_is_seen_and_heard_at_its_begin_and_its_end():
    clip = READING.decode(raw(7.5))
    assert clip.shape == (2, 4 * 32 * 32 * 3 + 256 * 128 * 4)
    finished = READING.finished(READING.stacked([clip]))
    seen = finished[0, :, : READING.seen].unflatten(1, (3, 4, 32, 32))[:, 0, :, 0, 0] * 255 / 4
    assert seen.round().tolist() == [[0, 1, 3, 4], [10, 11, 12, 14]]  # faces every .5 s; 0 to 1.92 s, 4.94 to 6.86 s
    sound = np.frombuffer(raw(7.5)[2], "<i2").astype(np.float32) / 32768
    last = windows.log_mel(sound[-40960:])
    heard = finished[0, 1, READING.seen :].unflatten(0, (256, 128)).numpy()
    np.testing.assert_allclose(heard[:254], (last + 4.2677393) / (2 * 4.5689974), atol=1e-4)
    np.testing.assert_allclose(heard[254:], 0.467032, atol=1e-5)


def test_a_short_clip_is_one_window_filled_up_and_its_last_face_stays():
    clip = READING.decode(raw(1.0))
    finished = READING.finished(READING.stacked([clip]))
    seen = finished[0, 0, : READING.seen].unflatten(0, (3, 4, 32, 32))[0, :, 0, 0] * 255 / 4
    assert seen.round().tolist() == [0, 10, 15, 15]
    heard = finished[0, 0, READING.seen :].unflatten(0, (256, 128))
    assert (heard[97] != heard[98]).any()
    np.testing.assert_allclose(heard[98:], 0.467032, atol=1e-5)


def test_a_gain_in_training_is_that_of_louder_sound_and_leaves_the_filling():
    clip = READING.decode(raw(1.0))
    louder = np.frombuffer(raw(1.0)[2], "<i2").astype(np.float32) / 32768 * 1.5
    changes = torch.tensor([[1.0, 1.0, 2 * np.log(1.5)]], dtype=torch.float32)
    heard = READING.finished(READING.stacked([clip]), changes)[0, 0, READING.seen :].unflatten(0, (256, 128)).numpy()
    plain, expected = windows.log_mel(louder / 1.5), (windows.log_mel(louder) + 4.2677393) / (2 * 4.5689974)
    told = plain > windows.FLOOR + 1e-3
    np.testing.assert_allclose(heard[:98][told], expected[told], atol=1e-4)
    np.testing.assert_allclose(heard[:98][~told], (windows.FLOOR + 4.2677393) / (2 * 4.5689974), atol=1e-4)
    np.testing.assert_allclose(heard[98:], 0.467032, atol=1e-5)


def test_a_clip_of_two_windows_gets_their_mean():
    network = hicmae.HiCMAE(6, hicmae.TINY, windows=hicmae.TINY_WINDOWS).eval()
    batch = network.preprocessing.finished(network.preprocessing.stacked([network.preprocessing.decode(raw(4.0))]))
    with torch.inference_mode():
        alone = [network(batch[:, [k]]) for k in (0, 1)]
        torch.testing.assert_close(network(batch), (alone[0] + alone[1]) / 2)


@pytest.mark.thorough
def test_gradients_are_the_same_where_layers_are_computed_again():
    torch.manual_seed(5)
    network = hicmae.HiCMAE(6, hicmae.TINY, windows=hicmae.TINY_WINDOWS).train()
    reading = network.preprocessing
    batch = reading.finished(*reading.augmented([reading.decode(raw(4.0))] * 2, torch.Generator().manual_seed(1)))
    assert batch.shape[:2] == (2, 1)  # of two windows training sees one
    found = []
    for again in (False, True):
        network.checkpointing = again
        network.zero_grad()
        network(batch).square().sum().backward()
        found.append([parameter.grad.clone() for parameter in network.parameters()])
    for plain, recomputed in zip(*found, strict=True):
        torch.testing.assert_close(plain, recomputed)


def test_a_clip_whose_sound_is_not_there_is_named(tmp_path):
    clips = small_study.make_clips(persons=1, folds=1, tests=0)
    faces = small_study.write_pictures(clips, tmp_path, shards=1)
    sound = small_study.write_sound(clips.iloc[1:], tmp_path, shards=1)
    with pytest.raises(DataError, match=r"clip A900_0: is in .*, but not here: prepare the media again"):
        list(READING.read((faces[0], sound[0])))


SIZE = hicmae.Size(64, 1, (2, 2, 1))


@pytest.fixture
def saved(tmp_path):
    """(tensors, path): a small pre-training as the authors' trainer saves it, a decoder and arguments among it."""
    torch.manual_seed(1)
    tensors = {name: one for name, one in hicmae.HiCMAE(0, SIZE).state_dict().items() if name not in hicmae.FRESH}
    others = {"decoder.norm.weight": torch.ones(3), "mask_token": torch.zeros(1, 1, 3)}
    whole = {"model": tensors | others, "optimizer": {"state": {}}, "epoch": 99, "scaler": {"scale": 1.0}}
    torch.save(whole | {"args": argparse.Namespace(model="hicmae")}, tmp_path / "pretrain.pth")
    return tensors, tmp_path / "pretrain.pth"


@pytest.mark.parametrize("learning", ["frozen", "finetuned"])
def test_a_pre_training_of_any_public_size_is_taken_over_whole(saved, learning):
    tensors, path = saved
    built = base.build(SETTINGS | {"learning": learning, "checkpoint": str(path)}, "17/hicmae")
    network = built.network if learning == "frozen" else built
    ours = network.state_dict()
    assert all(torch.equal(ours[name], tensor) for name, tensor in tensors.items())
    assert torch.equal(ours["video_layer_weights"], torch.full((2,), 0.1))
    assert ours.keys() - tensors.keys() - {*hicmae.FRESH} == (
        set() if learning == "frozen" else {"head.weight", "head.bias"}
    )
    assert network.encoder.blocks[0].attn.heads == 1


def test_a_fine_tuned_file_gives_all_but_its_head(saved, tmp_path):
    torch.manual_seed(2)
    other = hicmae.HiCMAE(7, SIZE)
    torch.save({"module": other.state_dict(), "epoch": "best"}, tmp_path / "best.pth")
    network = base.build(SETTINGS | {"learning": "finetuned", "checkpoint": str(tmp_path / "best.pth")}, "17/hicmae")
    assert network.head.weight.shape == (6, 256)
    assert torch.equal(network.fc_norm.weight, other.fc_norm.weight)
    assert torch.equal(network.encoder.norm.weight, other.encoder.norm.weight)


@pytest.mark.thorough
def test_a_checkpoint_that_lacks_a_tensor_or_is_another_network_s_is_refused(saved, tmp_path):
    tensors, _ = saved
    settings = SETTINGS | {"learning": "frozen", "checkpoint": str(tmp_path / "wrong.pth")}
    del tensors["encoder_fusion.norm_audio.bias"]
    torch.save({"model": tensors}, tmp_path / "wrong.pth")
    with pytest.raises(DataError, match=r"encoder_fusion\.norm_audio\.bias: shape \(64,\) wanted, nothing found"):
        base.build(settings, "17/hicmae")
    torch.save({"model": {"blocks.0.norm1.weight": torch.ones(64)}}, tmp_path / "wrong.pth")
    with pytest.raises(DataError, match="does not fit HiCMAE"):
        base.build(settings, "17/hicmae")


@pytest.mark.parametrize(
    ("module", "media", "said"),
    [
        ("hicmae", "faces", "found faces, module hicmae reads [faces, audio]"),
        ("vitmoe", ["faces", "audio"], "module vitmoe reads one kind"),
    ],
)
def test_media_that_a_module_does_not_read_are_refused_at_the_start(module, media, said):
    values = yaml.safe_load(Path("params.yaml").read_text())
    name = "hicmae" if module == "hicmae" else "s4d"
    values["encoders"][name]["media"] = media
    with pytest.raises(DataError) as caught:
        check_params(values, read_schema("schemas/params.schema.yaml"))
    assert len(caught.value.faults) == 1
    assert f"encoders.{name}.media: found" in caught.value.faults[0]
    assert said in caught.value.faults[0]


def test_both_kinds_are_prepared_for_it_and_its_files_lie_shard_by_shard():
    config = {"encoders": {"one": {"enabled": True, "module": "hicmae", "media": ["faces", "audio"]}}}
    assert media_kinds(config) == ["faces", "audio", "probe"]
    files = [f"{kind}/{shard}" for kind in ("faces", "audio") for shard in ("000", "001", "002")]
    found = shards_of(config["encoders"]["one"], files)
    assert [tuple(map(str, shard)) for shard in found] == [(f"faces/00{k}", f"audio/00{k}") for k in range(3)]
