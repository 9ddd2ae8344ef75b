"""GPT: causality, the cache, batch independence, initialisation, learning, bad input."""

import math

import pytest
import torch
from torch import Tensor

from aigc_course.errors import UsageError
from aigc_course.losses import cross_entropy_nats
from aigc_course.models import GPT, GPTConfig
from aigc_course.models.attention import attention_by_products, fused_attention
from aigc_course.models.gpt import causal_attention
from aigc_course.models.ngram_embedding import HashedNgrams

SMALL = GPTConfig(vocab_size=11, context_length=12, d_model=16, n_layers=2, n_heads=4)


def make(config: GPTConfig = SMALL, std: float = 0.3) -> GPT:
    """A model in evaluation mode whose weights are large enough for every path to matter."""
    torch.manual_seed(0)
    model = GPT(config).eval()
    for parameter in model.parameters():
        if parameter.ndim == 2:
            torch.nn.init.normal_(parameter, std=std)
    return model


def tokens(batch_size: int = 3, length: int = 12) -> Tensor:
    return torch.randint(11, (batch_size, length), generator=torch.Generator().manual_seed(1))


def reference_attention(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """One query at a time, over the keys up to its position, in float64."""
    q, k, v = q.double(), k.double(), v.double()
    past = k.shape[2] - q.shape[2]
    outputs = []
    for t in range(q.shape[2]):
        scores = torch.einsum("bhd,bhsd->bhs", q[:, :, t], k[:, :, : past + t + 1]) / math.sqrt(q.shape[-1])
        outputs.append(torch.einsum("bhs,bhsd->bhd", scores.softmax(-1), v[:, :, : past + t + 1]))
    return torch.stack(outputs, dim=2)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.bfloat16, 0.03)])
@pytest.mark.parametrize("way", [causal_attention, attention_by_products, fused_attention])
@pytest.mark.parametrize("n_new", [1, 3, 7])
def test_attention_equals_the_definition(dtype, tolerance, n_new, way):
    torch.manual_seed(0)
    q, k, v = torch.randn(3, 2, 2, 7, 8).to(dtype)
    q = q[:, :, -n_new:]
    result = way(q, k, v)
    assert result.dtype == dtype
    torch.testing.assert_close(result.double(), reference_attention(q, k, v), rtol=0, atol=tolerance)


@pytest.mark.parametrize("autocast", [False, True])
def test_future_tokens_never_change_past_logits(autocast):
    model, before = make(), tokens()
    for t in range(12):
        after = before.clone()
        after[:, t] = (after[:, t] + 1) % 11
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=autocast):
            difference = (model(after) - model(before)).abs().amax(dim=(0, 2))
        assert (difference[:t] == 0).all() if autocast else (difference[:t] < 1e-5).all()
        assert (difference[t:] > 1e-4).all()


@pytest.mark.parametrize("chunks", [[1] * 12, [5, 1, 1, 5], [12], [3, 4, 5]])
def test_the_cache_changes_nothing(chunks):
    model, batch = make(), tokens()
    cache = model.new_cache(3)
    with torch.no_grad():
        parts = [model(part, cache) for part in batch.split(chunks, dim=1)]
        torch.testing.assert_close(torch.cat(parts, dim=1), model(batch), rtol=1e-4, atol=1e-5)
    assert cache.length == 12


def test_the_cache_under_autocast_stays_close():
    model, batch = make(std=0.1), tokens()
    cache = model.new_cache(3)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        parts = [model(part, cache) for part in batch.split([7, 1, 4], dim=1)]
        torch.testing.assert_close(torch.cat(parts, dim=1), model(batch), rtol=0.05, atol=0.02)


def test_examples_do_not_see_each_other():
    model, batch = make(), tokens()
    torch.testing.assert_close(model(batch)[1:2], model(batch[1:2]), rtol=1e-4, atol=1e-5)


def test_positions_and_order_matter():
    model = make()
    logits = model(torch.full((1, 12), 4))
    assert (logits[0, 1:] - logits[0, :-1]).abs().amax(dim=1).min() > 1e-3


def test_initial_scales_are_those_of_gpt_2():
    torch.manual_seed(0)
    model = GPT(GPTConfig(vocab_size=400, d_model=128, n_layers=8))
    expected = {"token_embedding.weight": 0.02, "position_embedding.weight": 0.02}
    for layer in range(8):
        block = f"blocks.{layer}"
        expected |= {f"{block}.attention.qkv.weight": 0.02, f"{block}.mlp.expand.weight": 0.02}
        expected |= {f"{block}.{part}.projection.weight": 0.02 / 4 for part in ("attention", "mlp")}
    parameters = dict(model.named_parameters())
    for name, std in expected.items():
        assert parameters.pop(name).std().item() == pytest.approx(std, rel=0.05), name
    for name, parameter in parameters.items():
        assert (parameter == (1 if "norm" in name and name.endswith("weight") else 0)).all(), name


def test_an_untrained_model_predicts_about_uniformly():
    torch.manual_seed(0)
    model, batch = GPT(GPTConfig(vocab_size=50)), torch.randint(50, (8, 65))
    assert cross_entropy_nats(model(batch[:, :-1]), batch[:, 1:]).item() == pytest.approx(math.log(50), abs=0.15)


def test_the_number_of_parameters_follows_from_the_size():
    d, layers, vocabulary, context = 16, 2, 11, 12
    per_block = (3 * d * d + 3 * d) + (d * d + d) + (4 * d * d + 4 * d) + (4 * d * d + d) + 4 * d
    assert sum(p.numel() for p in GPT(SMALL).parameters()) == (vocabulary + context) * d + layers * per_block + 2 * d


def test_it_learns_one_batch_by_heart():
    torch.manual_seed(0)
    model, batch = GPT(SMALL), tokens(4, 12)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
    for _ in range(120):
        loss = cross_entropy_nats(model(batch[:, :-1]), batch[:, 1:])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    # The first token alone can't tell the four sequences apart, so a little must remain.
    assert 0 < loss.item() < 0.25


def test_dropout_is_the_only_chance_and_only_in_training():
    model = GPT(GPTConfig(vocab_size=11, context_length=12, d_model=16, n_layers=1, n_heads=2, dropout=0.5))
    assert not torch.equal(model(tokens()), model(tokens()))
    model.eval()
    torch.testing.assert_close(model(tokens()), model(tokens()), rtol=0, atol=0)


def test_bad_tokens_are_refused():
    model = make()
    with pytest.raises(UsageError, match="0 cached and 13 new tokens exceed the context of 12"):
        model(torch.zeros(1, 13, dtype=torch.int64))
    with pytest.raises(UsageError, match=r"\(3,\) torch.int64"):
        model(torch.zeros(3, dtype=torch.int64))
    with pytest.raises(UsageError, match=r"torch\.int32"):
        model(torch.zeros(1, 3, dtype=torch.int32))
    with pytest.raises(UsageError, match="T >= 1"):
        model(torch.zeros(1, 0, dtype=torch.int64))


def test_a_full_or_foreign_cache_is_refused():
    model = make()
    cache = model.new_cache(1)
    with torch.no_grad():
        model(tokens(1), cache)
    with pytest.raises(UsageError, match="12 cached and 1 new"):
        model(tokens(1, 1), cache)
    with pytest.raises(UsageError, match="holds 1 sequences, but tokens has 2"):
        model(tokens(2), cache)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"hashed_ngrams": -1}, "hashed_ngrams = -1"),
        ({"ngram_sizes": (1,)}, "ngram_sizes"),
        ({"ngram_sizes": (2, 2)}, "distinct"),
        ({"activation": "relu"}, "'relu', but must be 'gelu' or 'relu2'"),
        ({"attention": "slow"}, "'auto', 'fused' or 'products'"),
        ({"vocab_size": 0}, "vocab_size = 0"),
        ({"n_heads": 3}, "d_model = 128"),
        ({"dropout": 1.0}, "dropout = 1.0"),
    ],
)
def test_impossible_sizes_are_named(change, text):
    with pytest.raises(ValueError, match=text):
        GPTConfig(**({"vocab_size": 10} | change))


def test_both_ways_of_attention_train_alike():
    size = {"vocab_size": 11, "context_length": 12, "d_model": 16, "n_layers": 2, "n_heads": 4}
    gradients = {}
    for way in ("fused", "products"):
        model = make(GPTConfig(**size, attention=way))
        cross_entropy_nats(model(tokens()[:, :-1]), tokens()[:, 1:]).backward()
        gradients[way] = [parameter.grad for parameter in model.parameters()]
    for a, b in zip(gradients["fused"], gradients["products"], strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-6)


def test_a_modern_model_starts_uniform_learns_and_stays_causal():
    torch.manual_seed(0)
    model, batch = (
        GPT(GPTConfig.modern(vocab_size=11, context_length=12, d_model=16, n_layers=2, hashed_ngrams=40)),
        tokens(),
    )
    assert not any(name.endswith("bias") for name, _ in model.named_parameters())
    assert (model(batch) == 0).all()
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
    for _ in range(80):
        loss = cross_entropy_nats(model(batch[:, :-1]), batch[:, 1:])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert 0 < loss.item() < 1.0
    changed = batch.clone()
    changed[:, 6] = (changed[:, 6] + 1) % 11
    difference = (model(changed) - model(batch)).abs().amax(dim=(0, 2))
    assert difference[:6].max() < 1e-5 < difference[6:].min()


def test_queries_and_keys_have_one_length_where_they_are_normalised():
    model = GPT(GPTConfig.modern(vocab_size=11, d_model=16))
    q, k, _ = model.blocks[0].attention.heads(100 * torch.randn(2, 5, 48), model.rotation[:, :5])
    for x in (q, k):
        torch.testing.assert_close(x.norm(dim=-1), torch.full((2, 4, 5), 2.0), rtol=1e-2, atol=0)


def test_hashed_ngrams_are_told_apart_and_repeat():
    config = GPTConfig(vocab_size=11, hashed_ngrams=100_003)
    ngrams = HashedNgrams(config)
    ids = torch.cartesian_prod(*[torch.arange(11)] * 3)  # every triple
    pairs, triples = ngrams.rows_of(ids)[:, :, 0]
    assert len(pairs.unique()) == 11**2
    assert (pairs.view(11, 121) == pairs[:121]).all(), "a pair is the last two of the three tokens"
    assert len(triples.unique()) > 0.98 * 11**3
    assert 0 <= pairs.min() <= pairs.max() < 100_003 <= triples.min() <= triples.max() < 200_006
    text = torch.tensor([[1, 2, 3, 1, 2, 3]])
    out = ngrams(text)[0]
    assert torch.equal(out[2], out[5])
    assert not torch.equal(out[1], out[4]), "the beginning stands before the first 1"
    assert torch.equal(ngrams(text[:, 3:], before=text[:, 1:3]), ngrams(text)[:, 3:])
