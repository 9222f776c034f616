"""Promises of the S4D-ViTMoE face encoder: the public network's names, steady outputs, honest loading."""

import argparse
import subprocess
from collections import Counter

import pytest
import torch

from blemore.encoders import vitmoe
from blemore.encoders.checkpoints import load_tensors
from blemore.encoders.pictures import Pictures
from blemore.encoders.vitmoe import ViTMoE
from joblineage.errors import DataError, MissingDataError

SMALL = {"dim": 32, "depth": 4, "heads": 2, "patch": 8, "experts": 4}
SETTINGS = {"name": "s4d", "module": "vitmoe", "media": "faces", "learning": "finetuned"}


@pytest.fixture(scope="module")
def full_names():
    with torch.device("meta"):
        network = ViTMoE(num_classes=7)
    return {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}


def small_network(num_classes: int = 6) -> ViTMoE:
    torch.manual_seed(0)
    return ViTMoE(num_classes, pictures=Pictures(4, 16), **SMALL)


@pytest.fixture
def network():
    network = small_network()
    for parameter in network.parameters():  # larger than fresh ones, so that every part is seen in the output
        torch.nn.init.normal_(parameter, std=0.2)
    return network


def test_the_full_network_has_the_public_names_shapes_and_size(full_names):
    assert len(full_names) == 380
    assert sum(torch.Size(shape).numel() for shape in full_names.values()) == 100_513_646
    assert full_names["patch_embed.proj.weight"] == (768, 3, 2, 16, 16)
    assert full_names["blocks.0.attn.qkv.weight"] == (2304, 768)
    assert full_names["blocks.11.attn.v_bias"] == (768,)
    assert full_names["blocks.3.mlp.fc1.weight"] == (3072, 768)
    assert full_names["blocks.6.moe_layer.router.topkroute_linear.weight"] == (8, 768)
    assert full_names["blocks.6.moe_layer.router.noise_linear.bias"] == (8,)
    assert full_names["blocks.11.moe_layer.experts.7.fc1.weight"] == (192, 768)
    assert full_names["blocks.11.moe_layer.experts.7.fc2.bias"] == (768,)
    assert full_names["head.image.weight"] == full_names["head.video.weight"] == (7, 768)
    assert not any("moe_layer" in name for name in full_names if name.startswith("blocks.5."))


def test_evaluation_is_deterministic_and_a_clip_does_not_see_its_batch(network):
    network.eval()
    clips = torch.randn(5, 3, 4, 16, 16)
    with torch.no_grad():
        together = network(clips)
        torch.testing.assert_close(network(clips), together, rtol=0, atol=0)
        for size in (1, 2):
            parts = torch.cat([network(part) for part in clips.split(size)])
            torch.testing.assert_close(parts, together, rtol=0, atol=1e-6)


def test_noise_is_drawn_in_training_only(network):
    clips = torch.randn(2, 3, 4, 16, 16)
    network.eval()
    before = torch.get_rng_state()
    network(clips)
    assert torch.equal(before, torch.get_rng_state())
    network.train()
    assert (network(clips) - network(clips)).abs().max() > 1e-4


def test_each_token_takes_its_two_best_experts_weighted_by_their_logits():
    torch.manual_seed(1)
    mixture = vitmoe.AdapterExperts(8, experts=4, hidden=2).eval()
    tokens = torch.randn(1, 6, 8)
    logits = mixture.router.topkroute_linear(tokens[0])
    expected = torch.zeros(6, 8)
    for row in range(6):
        best, chosen = logits[row].topk(2)
        for weight, expert in zip(best.softmax(0), chosen, strict=True):
            expected[row] += weight * mixture.experts[expert](tokens[0, row])
    torch.testing.assert_close(mixture(tokens)[0], expected)


def test_an_overfull_expert_refuses_later_tokens_in_training_only():
    mixture = vitmoe.AdapterExperts(8, experts=4, hidden=2)
    with torch.no_grad():
        mixture.router.topkroute_linear.weight.zero_()
        mixture.router.topkroute_linear.bias.copy_(torch.tensor([30.0, 20.0, -20.0, -30.0]))
        mixture.router.noise_linear.bias.fill_(-30.0)
        tokens = torch.randn(1, 8, 8)  # all 8 want experts 0 and 1, each has room for 8 * 2 / 4 = 4
        kept = mixture.train()(tokens)[0].abs().sum(dim=1) > 0
        assert kept.tolist() == [True] * 4 + [False] * 4
        assert (mixture.eval()(tokens)[0].abs().sum(dim=1) > 0).all()


def test_the_balance_loss_moves_the_router_and_is_least_for_even_use(network):
    network.train()
    network(torch.randn(2, 3, 4, 16, 16))
    network.auxiliary_loss().backward()
    assert network.blocks[3].moe_layer.router.topkroute_linear.weight.grad.abs().max() > 0
    even = torch.eye(4)
    crowded = torch.tensor([[1.0, 0, 0, 0]] * 4)
    assert vitmoe._balance_loss(even, 9 * even) < vitmoe._balance_loss(crowded, 9 * crowded)


@pytest.mark.thorough
@pytest.mark.parametrize(("tokens", "dim"), [(800, 768), (32, 96), (7, 10)])
def test_the_position_table_is_videomae_s_for_any_size(tokens, dim):
    from transformers.models.videomae.modeling_videomae import get_sinusoid_encoding_table

    torch.testing.assert_close(vitmoe.sinusoid_table(tokens, dim), get_sinusoid_encoding_table(tokens, dim))


def test_the_position_table_is_computed_never_loaded(network):
    assert torch.equal(network.places, vitmoe.sinusoid_table(8, 32))
    assert "places" not in network.state_dict()


def test_clips_of_another_size_are_refused(network):
    with pytest.raises(RuntimeError, match="size of tensor"):
        network(torch.randn(2, 3, 8, 16, 16))


def test_gradient_checkpointing_changes_neither_loss_nor_gradients(network):
    clips = torch.randn(2, 3, 4, 16, 16)
    outcomes = []
    for again in (False, True):
        if again:
            network.checkpoint_gradients()
        torch.manual_seed(5)  # the router's noise
        network.train().zero_grad()
        loss = network(clips).logsumexp(dim=1).sum() + 1000 * network.auxiliary_loss()
        loss.backward()
        gradients = {
            name: parameter.grad.clone() for name, parameter in network.named_parameters() if parameter.grad is not None
        }
        outcomes.append((loss.detach(), gradients))
    (plain, before), (checkpointed, after) = outcomes
    assert torch.equal(plain, checkpointed)
    assert before.keys() == after.keys()
    assert "blocks.3.moe_layer.router.noise_linear.weight" in before
    for name, gradient in before.items():
        torch.testing.assert_close(after[name], gradient, rtol=1e-4, atol=1e-5)


def pretraining_checkpoint(network: torch.nn.Module) -> dict[str, torch.Tensor]:
    """The names of the public pre-training checkpoint, for a network of any size."""
    blocks = {name: torch.randn_like(tensor) for name, tensor in network.state_dict().items()
              if name.startswith(("blocks.", "patch_embed.")) and "moe_layer" not in name}  # fmt: skip
    encoder = {f"encoder.{name}": tensor for name, tensor in blocks.items()}
    other = {f"encoder.norm.{kind}": torch.ones(4) for kind in ("weight", "bias")}
    other |= {f"decoder.{name}": tensor for name, tensor in blocks.items()}
    return encoder | other | {"encoder_to_decoder.weight": torch.ones(2, 4), "mask_token": torch.ones(1, 1, 2)}


def test_a_pretraining_checkpoint_gives_158_tensors_and_leaves_222_fresh(tmp_path):
    torch.manual_seed(2)
    network = ViTMoE(7, pictures=Pictures(4, 16), dim=16, depth=12, heads=2, patch=8, experts=8)
    tensors = pretraining_checkpoint(network)
    torch.save({"model": tensors}, tmp_path / "pretrained.pt")
    fresh = network.head["video"].weight.clone()
    report = network.load(load_tensors(tmp_path / "pretrained.pt"))
    assert (len(report.loaded), len(report.missing), len(report.unexpected)) == (158, 222, 162)
    assert Counter(name.split(".")[0] for name in report.unexpected) == {
        "decoder": 158, "encoder": 2, "encoder_to_decoder": 1, "mask_token": 1,
    }  # fmt: skip
    assert torch.equal(network.blocks[7].attn.q_bias, tensors["encoder.blocks.7.attn.q_bias"])
    assert torch.equal(network.head["video"].weight, fresh)


def test_a_finetuned_save_with_a_namespace_loads_without_its_head_of_seven(network, tmp_path):
    tensors = {f"module.{name}": tensor for name, tensor in small_network(7).state_dict().items()}
    saved = {"model": tensors, "optimizer": {}, "epoch": 3, "scaler": {}, "args": argparse.Namespace(lr=1e-5)}
    torch.save(saved, tmp_path / "finetuned.pt")
    report = network.load(load_tensors(tmp_path / "finetuned.pt"))
    heads = [f"head.{kind}.{part}" for kind in ("image", "video") for part in ("bias", "weight")]
    assert report.missing == heads
    assert report.unexpected == [f"module.{name}" for name in heads]


def test_a_finetuned_save_with_six_classes_loads_whole_heads_too(network, tmp_path):
    saved = {
        "model": network.state_dict(),
        "optimizer": {},
        "epoch": 3,
        "scaler": {},
        "args": argparse.Namespace(lr=1e-5),
    }
    torch.save(saved, tmp_path / "finetuned.pt")
    other = small_network()
    report = other.load(load_tensors(tmp_path / "finetuned.pt"))
    assert (report.missing, report.unexpected) == ([], [])
    clips = torch.randn(2, 3, 4, 16, 16)
    assert torch.equal(other.eval()(clips), network.eval()(clips))


def test_a_checkpoint_that_carries_code_is_refused_and_its_code_not_run(tmp_path):
    class Trap:
        def __reduce__(self):
            return subprocess.check_call, (["touch", str(tmp_path / "sprung")],)

    torch.save({"model": {}, "args": Trap()}, tmp_path / "trap.pt")
    with pytest.raises(DataError, match="not run"):
        load_tensors(tmp_path / "trap.pt")
    assert not (tmp_path / "sprung").exists()


def test_a_missing_checkpoint_says_which_file_and_which_parameter():
    settings = SETTINGS | {"scale": "pretrained", "checkpoint": "nowhere/weights.pt"}
    with pytest.raises(MissingDataError, match=r"nowhere/weights\.pt.*encoders: s4d: pretrained: checkpoint"):
        vitmoe.build(settings)


def test_a_checkpoint_of_another_network_is_refused(tmp_path, monkeypatch):
    torch.save({"conv1.weight": torch.ones(3)}, tmp_path / "other.pt")
    monkeypatch.setattr(vitmoe, "ViTMoE", small_network)
    with pytest.raises(DataError, match="no tensor has a name and shape"):
        vitmoe.build(SETTINGS | {"scale": "pretrained", "checkpoint": str(tmp_path / "other.pt")})


def test_layers_are_counted_from_the_stem_to_the_head(network):
    layers = {name: network.layer_of(name) for name, _ in network.named_parameters()}
    assert layers["patch_embed.proj.weight"] == 0
    assert layers["blocks.0.norm1.weight"] == 1
    assert layers["blocks.3.moe_layer.experts.1.fc1.weight"] == 4
    assert layers["head.video.weight"] == layers["fc_norm.bias"] == 5
