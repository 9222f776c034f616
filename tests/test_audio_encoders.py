"""Promises of the encoders that listen: a clip's features come from that clip alone, trained networks hear whole clips."""

import logging
import sys
import blemore.encoders.transformers_compat  # noqa: F401

import numpy as np
import pyarrow.parquet as pq
import pytest
import small_study
import torch
import transformers

from blemore.encoders import acoustic, base, descriptors, embedding, speech
from joblineage.errors import DataError, MissingDataError

RATE = 16000
VOICE = {"name": "voice", "module": "wav2vec2", "media": "audio", "learning": "frozen", "scale": "tiny"}
TUNED = VOICE | {"name": "tuned", "learning": "finetuned", "seconds": 0.5}
PROSODY = {"name": "prosody", "module": "acoustic", "media": "audio", "learning": "frozen", "scale": "tiny"}
FROZEN = {
    "wav2vec2": VOICE,
    "wavlm": VOICE | {"name": "wavlm", "module": "speech", "architecture": "wavlm"},
    "hubert": VOICE | {"name": "hubert", "module": "speech", "architecture": "hubert"},
}
SIZES = {
    "conv_dim": (8, 8), "conv_kernel": (10, 8), "conv_stride": (5, 8), "hidden_size": 16, "num_hidden_layers": 3,
    "num_attention_heads": 2, "intermediate_size": 32, "num_conv_pos_embeddings": 4, "num_conv_pos_embedding_groups": 2,
}  # fmt: skip
GROUP, LAYER = {"feat_extract_norm": "group"}, {"feat_extract_norm": "layer", "do_stable_layer_norm": True}
PUBLIC = [
    ("wav2vec2", GROUP),
    ("hubert", GROUP),
    ("wavlm", GROUP),
    ("wav2vec2", LAYER),
    ("hubert", LAYER),
    ("wavlm", LAYER),
]
"""As the public base models (group) and large ones (layer) are built."""


def tone(hertz, seconds=0.6, level=0.2):
    time = np.arange(round(seconds * RATE)) / RATE
    wave = sum(np.sin(2 * np.pi * hertz * k * time) / k for k in range(1, 8))
    return (level * wave / 2 * 32767).astype(np.int16)


def features_of(encoder, clips):
    return encoder.embed(encoder.ready(clips))


def noise(samples, seed=0):
    return np.random.default_rng(seed).integers(-9000, 9000, samples).astype(np.int16)


def saved(kind, sizes, folder):
    torch.manual_seed(1)
    network = speech.ARCHITECTURES[kind]
    network(network.config_class(**SIZES | sizes)).save_pretrained(folder)
    return {"scale": "pretrained", "checkpoint": str(folder)}


@pytest.fixture(scope="module")
def voices():
    return {name: base.build(settings, "17/voice") for name, settings in FROZEN.items()}


@pytest.fixture
def tuned():
    return base.build(TUNED, "17/tuned/fold0")


@pytest.mark.thorough
@pytest.mark.parametrize("name", FROZEN)
def test_features_of_a_clip_do_not_depend_on_the_batch(voices, name):
    clips = [noise(9000, seed) for seed in range(3)]
    voice = voices[name]
    exact = [voice.features(small_study.taken(voice.preprocessing, part)) for part in (clips, clips[:1], clips[1:])]
    torch.testing.assert_close(exact[0], torch.cat([exact[1], exact[2]]), atol=1e-5, rtol=0)
    together = features_of(voice, clips)
    assert together.dtype == np.float16
    assert together.shape == (3, 5, 128)
    alone = np.concatenate([features_of(voice, [clip]) for clip in clips])
    np.testing.assert_allclose(together.astype(float), alone.astype(float), atol=1e-5, rtol=2e-3)  # one float16 step


@pytest.mark.parametrize("name", FROZEN)
def test_index_k_is_the_output_of_layer_k_and_index_0_the_input_of_the_first(voices, name):
    voice, states = voices[name], []
    first = voice.network.encoder.layers[0].register_forward_pre_hook(lambda _, seen: states.append(seen[0]))
    hooks = [layer.register_forward_hook(lambda _, __, output: states.append(output))
             for layer in voice.network.encoder.layers]  # fmt: skip
    found = voice.features(small_study.taken(voice.preprocessing, [noise(9000)]))[0]
    for hook in (first, *hooks):
        hook.remove()
    states = [state[0] if isinstance(state, tuple) else state for state in states]
    expected = torch.stack([torch.cat([x[0].mean(0), x[0].std(0, correction=0)]) for x in states])
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)


def test_a_frozen_network_has_no_gradients_stays_in_evaluation_and_differs_by_its_seed_s_name(voices):
    network = voices["wavlm"].network
    assert not network.training
    assert not any(parameter.requires_grad for parameter in network.parameters())
    again, other = (features_of(base.build(FROZEN["wavlm"], seed), [noise(9000)]) for seed in ("17/voice", "18/voice"))
    np.testing.assert_array_equal(again, features_of(voices["wavlm"], [noise(9000)]))
    assert not np.array_equal(again, other)


def test_features_of_a_network_do_not_depend_on_loudness_or_offset(voices):
    sound = noise(9000)
    quiet = (sound // 2 + 400).astype(np.int16)
    loud, low = (features_of(voices["wav2vec2"], [clip]).astype(float) for clip in (sound, quiet))
    np.testing.assert_allclose(loud, low, atol=0.02)


@pytest.mark.parametrize("name", [*FROZEN, "prosody"])
def test_silent_and_empty_clips_have_finite_features_and_a_remark(voices, name):
    encoder = voices.get(name) or base.build(PROSODY, "17/prosody")
    for raw in (bytes(2 * 8000), b"", bytes(2 * 300)):
        clip = encoder.decode(raw)
        assert np.isfinite(features_of(encoder, [clip])).all()
        assert encoder.remark(clip) == "silent"
    short = encoder.decode(noise(100).tobytes())
    assert np.isfinite(features_of(encoder, [short])).all()
    assert encoder.remark(short) == ""


def test_what_float16_cannot_hold_is_its_largest_number(voices):
    class Loud(speech.Speech):
        def features(self, batch):
            return torch.tensor([[[1e6, -1e6, 1.5]]])

    found = features_of(Loud(voices["hubert"].network, voices["hubert"].preprocessing), [noise(900)])
    assert found.tolist() == [[[65504, -65504, 1.5]]]


@pytest.mark.thorough
@pytest.mark.parametrize(("kind", "sizes"), PUBLIC)
def test_a_saved_folder_of_each_public_form_loads_with_the_same_weights(kind, sizes, tmp_path):
    found = saved(kind, sizes, tmp_path)
    loaded = base.build(FROZEN[kind] | {"module": "speech"} | found, "17/voice")
    network = speech.ARCHITECTURES[kind].from_pretrained(tmp_path).eval()
    assert type(loaded.network) is type(network)
    with torch.inference_mode():
        last = network(small_study.taken(loaded.preprocessing, [noise(9000)]), output_hidden_states=True).hidden_states[
            -1
        ][0]
    features = features_of(loaded, [noise(9000)])[0]
    assert features.shape == (4, 32)
    np.testing.assert_allclose(features[-1, :16].astype(float), last.mean(0), atol=2e-3)


def test_wav2vec2_refuses_the_checkpoint_of_another_network_and_names_both(tmp_path):
    found = saved("hubert", GROUP, tmp_path)
    with pytest.raises(DataError, match="is a 'hubert' network"):
        base.build(VOICE | found, "17/voice")


def test_a_network_that_is_no_speech_network_is_refused(tmp_path):
    sizes = {
        "hidden_size": 8,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "intermediate_size": 8,
        "image_size": 16,
    }
    transformers.ViTModel(transformers.ViTConfig(**sizes)).save_pretrained(tmp_path)
    with pytest.raises(DataError, match="is a 'vit' network, module speech reads wav2vec2, hubert, wavlm"):
        base.build(FROZEN["wavlm"] | {"scale": "pretrained", "checkpoint": str(tmp_path)}, "17/wavlm")


@pytest.mark.parametrize("settings", [*FROZEN.values(), TUNED])
def test_missing_weights_are_refused_at_once_and_the_parameter_named(settings):
    missing = settings | {"scale": "pretrained", "checkpoint": "nobody/voice"}
    with pytest.raises(MissingDataError, match=f"encoders: {settings['name']}: pretrained: checkpoint"):
        base.build(missing, "17/voice")


def test_only_the_convolutions_of_a_finetuned_network_are_frozen(tuned):
    fixed = {name for name, parameter in tuned.named_parameters() if not parameter.requires_grad}
    assert fixed
    assert all(name.startswith("network.feature_extractor.") for name in fixed)
    loss = tuned(small_study.taken(tuned.preprocessing, [noise(9000)])).square().sum()
    loss.backward()
    learned = {name for name, parameter in tuned.named_parameters() if parameter.grad is not None}
    assert learned == {name for name, _ in tuned.named_parameters()} - fixed


def test_a_finetuned_network_answers_for_a_clip_alone_and_twice_the_same(tuned):
    tuned.eval()
    clips = [noise(12000, seed) for seed in range(3)]
    with torch.inference_mode():
        together = tuned(small_study.taken(tuned.preprocessing, clips))
        alone = torch.cat([tuned(small_study.taken(tuned.preprocessing, [clip])) for clip in clips])
        again = tuned(small_study.taken(tuned.preprocessing, clips))
    assert together.shape == (3, 6)
    assert torch.equal(together, again)
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=0)


@pytest.mark.parametrize("sizes", [GROUP, LAYER])
def test_a_training_pass_draws_from_torch_s_generator_alone(sizes, tmp_path):
    tuned = base.build(
        TUNED | saved("wav2vec2", sizes | {"mask_time_prob": 0.5, "layerdrop": 0.5}, tmp_path), "17/tuned"
    )
    tuned.train()
    reading = tuned.preprocessing
    batch = reading.finished(*reading.augmented([noise(9000), noise(5000)], torch.Generator().manual_seed(3)))
    assert batch.shape == (2, 8000)
    before, outputs = np.random.get_state()[1].copy(), []  # noqa: NPY002 - transformers' own
    for _ in range(2):
        torch.manual_seed(5)
        outputs.append(tuned(batch))
    assert torch.equal(*outputs)
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


@pytest.mark.thorough
def test_gradient_checkpointing_gives_the_same_loss_and_gradients(tuned):
    batch = small_study.taken(tuned.preprocessing, [noise(9000), noise(9000, 1)])
    tuned.train()
    losses, gradients = [], []
    for checkpointing in (False, True):
        if checkpointing:
            tuned.checkpoint_gradients()
        torch.manual_seed(5)
        tuned.zero_grad()
        loss = tuned(batch).logsumexp(1).sum()
        loss.backward()
        losses.append(loss.detach())
        gradients.append(tuned.network.encoder.layers[0].feed_forward.output_dense.weight.grad.clone())
    assert tuned.network.is_activation_checkpointing
    torch.testing.assert_close(*losses, atol=1e-6, rtol=0)
    torch.testing.assert_close(*gradients, atol=1e-6, rtol=1e-4)


def test_layers_are_counted_from_the_stem_to_the_head(tuned):
    assert {tuned.layer_of(name) for name, _ in tuned.named_parameters()} == set(range(tuned.depth + 2))
    assert tuned.layer_of("network.feature_projection.projection.weight") == 0
    assert tuned.layer_of("network.encoder.pos_conv_embed.conv.bias") == 0
    assert tuned.layer_of("network.encoder.layer_norm.weight") == 0
    assert tuned.layer_of("network.encoder.layers.0.attention.k_proj.weight") == 1
    assert tuned.layer_of("head.1.weight") == tuned.depth + 1


def test_the_last_norm_of_a_large_network_belongs_to_its_last_layer(tmp_path):
    tuned = base.build(TUNED | saved("wav2vec2", LAYER, tmp_path), "17/tuned")
    assert tuned.layer_of("network.encoder.layer_norm.weight") == tuned.depth == 3


def test_the_small_stem_hears_pitch_where_a_band_is():
    network = base.build(FROZEN["hubert"], "17/voice").network
    first = network.feature_extractor.conv_layers[0].conv
    levels = []
    for hertz in (150, 400, 1500, 5000):
        wave = torch.sin(2 * torch.pi * hertz * torch.arange(RATE) / RATE)
        levels.append(first(wave[None, None])[0].unflatten(0, (-1, 3)).square().mean(dim=(1, 2)).argmax().item())
    assert levels == sorted(set(levels))


def test_features_of_every_usable_clip_are_written_sorted_and_twice_the_same(tmp_path, caplog):
    clips = small_study.make_clips(persons=2, tests=2)
    shards = small_study.write_sound(clips, tmp_path)
    clips.loc[3, "quarantine"] = "unreadable"
    for name in ("once", "twice"):
        embedding.embed(VOICE, clips.sample(frac=1, random_state=1), shards, tmp_path / name, seed=17)
    assert (tmp_path / "once").read_bytes() == (tmp_path / "twice").read_bytes()
    table = pq.read_table(tmp_path / "once")
    assert table["clip"].to_pylist() == sorted(clips.loc[clips["quarantine"] == "", "clip"])
    assert str(table["features"].type) == "fixed_size_list<element: halffloat>[640]"
    assert table.schema.metadata[b"shape"] == b"[5, 128]"
    with caplog.at_level(logging.WARNING):
        embedding.embed(PROSODY, clips, shards, tmp_path / "prosody", seed=17)
    assert not caplog.records


def test_a_clip_without_prepared_sound_is_named(tmp_path):
    clips = small_study.make_clips(persons=2, tests=2)
    shards = small_study.write_sound(clips[clips["clip"] != "A901_3"], tmp_path)
    with pytest.raises(DataError, match="clip A901_3: not in the prepared files"):
        embedding.embed(PROSODY, clips, shards, tmp_path / "out", seed=17)


@pytest.mark.parametrize("settings", [VOICE, PROSODY])
def test_sound_of_another_rate_is_refused(settings, tmp_path):
    shards = small_study.write_sound(small_study.make_clips(1, 1, 0), tmp_path, shards=1, rate=8000)
    with pytest.raises(DataError, match="prepared at 8000 Hz"):
        list(base.build(settings, "17/voice").read(shards[0]))


@pytest.fixture(scope="module")
def prosody():
    encoder = base.build(PROSODY, "17/prosody")
    return lambda clip: dict(zip(acoustic.FEATURES, encoder.embed([clip])[0].tolist(), strict=True))


@pytest.mark.parametrize("hertz", [85, 120, 210, 340, 560])
def test_the_pitch_of_a_tone_is_its_frequency(prosody, hertz):
    found = prosody(tone(hertz))
    assert found["pitch_mean"] == pytest.approx(12 * np.log2(hertz / descriptors.SEMITONE_ZERO), abs=0.1)
    assert found["share_voiced"] == 1
    assert found["pitch_std"] < 0.1


def test_noise_has_no_pitch_and_a_breathy_voice_less_harmonicity_than_a_clear_one(prosody):
    assert prosody(noise(16000))["share_voiced"] < 0.05
    clear = tone(200)
    breathy = clear + noise(len(clear)) // 16
    assert prosody(breathy)["harmonicity_mean"] < prosody(clear)["harmonicity_mean"] - 5


def test_a_rising_voice_has_a_positive_slope_and_a_rough_one_subharmonics(prosody):
    time = np.arange(RATE) / RATE
    rising = np.sin(2 * np.pi * np.cumsum(150 * 2**time) / RATE)
    assert prosody((8000 * rising).astype(np.int16))["pitch_slope"] == pytest.approx(12, abs=0.5)  # an octave a second
    pulses = np.zeros(RATE)
    pulses[::80] = 1
    rough = pulses.copy()
    rough[::160] = 0.8  # every other pulse is weaker
    clear, rough = (
        prosody((20000 * np.convolve(train, np.hanning(30), "same")).astype(np.int16)) for train in (pulses, rough)
    )
    assert rough["subharmonics_mean"] > clear["subharmonics_mean"] + 0.1
    assert rough["harmonicity_mean"] < clear["harmonicity_mean"] - 5


def test_syllables_are_counted(prosody):
    gap = np.zeros(RATE // 5, np.int16)
    found = prosody(np.concatenate([gap, *[part for _ in range(3) for part in (tone(200, 0.2), gap)]]))
    assert found["sounds_per_second"] == pytest.approx(3 / 1.4, rel=0.05)
    assert found["sound_seconds"] == pytest.approx(0.2, abs=0.05)
    assert found["pause_seconds"] == pytest.approx(0.2, abs=0.05)


@pytest.mark.thorough
def test_only_the_level_changes_where_a_recording_is_louder(prosody):
    sound = np.concatenate([tone(180, 0.4, 0.4), 0 * noise(4000), tone(260, 0.3, 0.3)]) // 2
    sound = (sound + noise(len(sound)) // 16).astype(np.int16)  # well above the rounding of the softer one
    loud, quiet = prosody(sound), prosody((sound // 4).astype(np.int16))
    assert loud.pop("level") - quiet.pop("level") == pytest.approx(20 * np.log10(4), abs=0.05)
    scale = np.array([max(1, abs(value)) for value in loud.values()])
    assert (np.abs(np.subtract([*loud.values()], [*quiet.values()])) / scale < 0.1).all()


def test_prosody_is_one_named_number_per_feature_the_same_in_every_batch():
    encoder = base.build(PROSODY, "17/prosody")
    clips = [tone(200), tone(120)]
    together = encoder.embed(clips)
    assert together.dtype == np.float32
    assert together.shape == (2, len(set(acoustic.FEATURES))) == (2, len(acoustic.FEATURES))
    np.testing.assert_array_equal(together, np.concatenate([encoder.embed([clip]) for clip in clips]))


def test_egemaps_without_opensmile_says_how_to_get_it_and_that_it_is_for_research(monkeypatch):
    monkeypatch.setitem(sys.modules, "opensmile", None)
    with pytest.raises(MissingDataError, match=r'research only: pip install -e "\.\[egemaps\]"'):
        base.build(PROSODY | {"features": "egemaps"}, "17/prosody")


def test_egemaps_hears_the_pitch_of_a_voice():
    pytest.importorskip("opensmile", reason='openSMILE is not installed: pip install -e ".[egemaps]" for research')
    encoder = base.build(PROSODY | {"features": "egemaps"}, "17/prosody")
    low, high = encoder.embed([tone(110), tone(220)])
    assert low.shape == (88,)
    assert np.isfinite([low, high]).all()
    np.testing.assert_allclose([low[0], high[0]], [24, 36], atol=0.3)  # semitones above 27.5 Hz: two and three octaves
