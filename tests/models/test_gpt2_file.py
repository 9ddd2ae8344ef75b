"""GPT-2 as Hugging Face has it: the same logits from the same weights, and files that are not one."""

import os

import pytest
import torch
from safetensors.torch import save_file

from aigc_course.errors import CheckpointError
from aigc_course.models.gpt2_file import load_gpt2

SIZE = {"vocab_size": 61, "n_positions": 24, "n_embd": 48, "n_layer": 3, "n_head": 4}


@pytest.fixture(scope="module")
def peer():
    """A GPT-2 of the library `transformers`, in CI whatever it takes, with weights that make every path matter."""
    if os.environ.get("CI"):
        import transformers
    else:
        transformers = pytest.importorskip("transformers", reason="the library `transformers` is not installed")
    torch.manual_seed(0)
    model = transformers.GPT2LMHeadModel(transformers.GPT2Config(**SIZE)).eval()
    for parameter in model.parameters():
        parameter.data.add_(0.2 * torch.randn_like(parameter))
    return model


@pytest.fixture
def tensors(peer):
    return {name: tensor.clone() for name, tensor in peer.transformer.state_dict().items()}


@pytest.mark.parametrize("prefix", ["", "transformer."])
def test_the_logits_are_those_of_transformers(peer, tensors, tmp_path, prefix):
    named = {prefix + name: tensor for name, tensor in tensors.items()}
    named[prefix + "h.0.attn.bias"] = torch.ones(1, 1, 24, 24)  # the causal mask: published files hold it
    if prefix:
        named["lm_head.weight"] = tensors["wte.weight"].clone()
    save_file(named, tmp_path / "model.safetensors")
    model = load_gpt2(tmp_path / "model.safetensors", n_heads=4)
    tokens = torch.randint(61, (3, 24), generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        expected = peer(tokens).logits
        assert expected.std() > 0.5
        torch.testing.assert_close(model(tokens), expected, rtol=1e-4, atol=1e-4)


def change(tensors, what):
    if what == "missing":
        del tensors["h.1.mlp.c_fc.weight"]
    elif what == "not transposed":
        tensors["h.2.attn.c_attn.weight"] = tensors["h.2.attn.c_attn.weight"].t().contiguous()
    elif what == "unexpected":
        tensors["h.0.extra"] = torch.zeros(1)
    elif what == "another head":
        tensors["lm_head.weight"] = tensors["wte.weight"] + 1
    elif what == "no embedding":
        del tensors["wte.weight"]


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("missing", "h.1.mlp.c_fc.weight is missing"),
        ("not transposed", r"c_attn.weight has shape \(144, 48\), but must have \(48, 144\)"),
        ("unexpected", "h.0.extra is unexpected"),
        ("another head", "lm_head.weight differs"),
        ("no embedding", "wte.weight is missing"),
    ],
)
def test_what_is_wrong_with_a_file_is_named(tensors, tmp_path, what, message):
    change(tensors, what)
    save_file(tensors, tmp_path / "model.safetensors")
    with pytest.raises(CheckpointError, match=message):
        load_gpt2(tmp_path / "model.safetensors", n_heads=4)


def test_heads_files_and_damage(tensors, tmp_path):
    path = tmp_path / "model.safetensors"
    with pytest.raises(CheckpointError, match="there is no file"):
        load_gpt2(path)
    save_file(tensors, path)
    with pytest.raises(CheckpointError, match=r"48 wide.*give its n_heads"):
        load_gpt2(path)
    path.write_bytes(path.read_bytes()[:-50])
    with pytest.raises(CheckpointError, match="not a whole safetensors file"):
        load_gpt2(path)
