"""Attention weights for looking at: they must be those that the fused attention uses."""

import pytest
import torch

from aigc_course.errors import UsageError
from aigc_course.models.gpt import GPT, GPTConfig
from aigc_course.models.inspection import attention_weights

TOKENS = [3, 1, 4, 1, 5, 9, 2, 6]


@pytest.fixture(params=["learned", "rotary"])
def model(request):
    torch.manual_seed(0)
    config = GPTConfig(
        vocab_size=11, context_length=12, d_model=24, n_layers=2, n_heads=3, dropout=0.5, position=request.param
    )
    gpt = GPT(config)
    for parameter in gpt.parameters():
        if parameter.ndim == 2:
            torch.nn.init.normal_(parameter, std=0.4)
    return gpt


def test_weights_times_values_give_what_the_fused_attention_gives(model):
    model.eval()
    values, outputs = [], []
    for block in model.blocks:
        block.attention.qkv.register_forward_hook(lambda _m, _i, qkv: values.append(qkv[0].chunk(3, dim=-1)[2]))
        block.attention.projection.register_forward_pre_hook(lambda _m, inputs: outputs.append(inputs[0][0]))
    with torch.no_grad():
        model(torch.tensor([TOKENS]))
    weights = attention_weights(model, TOKENS)
    assert weights.shape == (2, 3, 8, 8)
    for layer in range(2):
        v = values[layer].unflatten(-1, (3, 8)).transpose(0, 1)  # (H, T, D)
        mixed = (weights[layer] @ v).transpose(0, 1).flatten(1)  # (T, C)
        torch.testing.assert_close(mixed, outputs[layer], rtol=1e-4, atol=1e-5)


def test_rows_are_causal_distributions(model):
    weights = attention_weights(model, torch.tensor(TOKENS))
    assert not weights.triu(1).any()
    torch.testing.assert_close(weights.sum(-1), torch.ones(2, 3, 8))
    assert weights[0].std(dim=0).max() > 0.01, "heads that all look alike would hide a mixed-up axis"


def test_later_tokens_leave_earlier_rows_as_they_are(model):
    torch.testing.assert_close(
        attention_weights(model, TOKENS)[..., :5, :5], attention_weights(model, TOKENS[:5]), rtol=1e-5, atol=1e-6
    )


def test_the_model_stays_as_it_was(model):
    before = torch.random.get_rng_state()
    first = attention_weights(model, TOKENS)
    assert model.training
    assert torch.equal(attention_weights(model, TOKENS), first), "dropout acts, or a hook was left behind"
    assert torch.equal(torch.random.get_rng_state(), before)


@pytest.mark.parametrize("tokens", [torch.tensor([TOKENS]), [], list(range(10)) * 2])
def test_bad_input_is_explained(model, tokens):
    with pytest.raises(UsageError, match="tokens"):
        attention_weights(model, tokens)
    assert model.training
