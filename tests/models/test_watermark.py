"""The text watermark: its lists, what it does to logits and to sampling, and what its detector says."""

import math
from itertools import pairwise

import pytest
import torch

from aigc_course.errors import UsageError
from aigc_course.models.gpt import GPT, GPTConfig
from aigc_course.models.sampling import SamplingSettings, sample_tokens
from aigc_course.models.watermark import Watermark, WatermarkScore

VOCABULARY = 200


def table(mark: Watermark) -> torch.Tensor:
    """(V, V) bool: is the column's token green behind the row's?"""
    tokens = torch.arange(VOCABULARY)
    return mark.is_green(tokens[:, None], tokens)


def splitmix(x: int) -> int:
    """By Python's own whole numbers, as the paper's authors publish it."""
    mask = (1 << 64) - 1
    x = (x + 0x9E3779B97F4A7C15) & mask
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & mask
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & mask
    return x ^ (x >> 31)


def test_the_hash_is_splitmix64_on_any_integers():
    mark = Watermark(key=2**62 + 11, share=0.3)
    green = table(mark)
    for previous, token in ((0, 0), (3, 7), (199, 198), (7, 3)):
        mixed = splitmix(splitmix(splitmix(mark.key) + previous) + token)
        assert bool(green[previous, token]) == ((mixed & ((1 << 53) - 1)) < 0.3 * (1 << 53))


@pytest.mark.parametrize("share", [0.1, 0.25, 0.5])
def test_a_list_has_its_share_and_depends_on_key_and_token_before(share):
    green = table(Watermark(key=1, share=share))
    spread = math.sqrt(share * (1 - share))
    assert abs(green.double().mean() - share) < 4 * spread / VOCABULARY
    z = (green.double().mean(dim=1) - share) / spread * math.sqrt(VOCABULARY)  # of each row
    assert 0.8 < z.std() < 1.2
    for other in (table(Watermark(key=2, share=share)), green.T, green.roll(1, dims=0)):
        agree = (green == other).double().mean()
        assert abs(agree - (share**2 + (1 - share) ** 2)) < 0.02


def test_logits_of_green_tokens_rise_by_the_strength():
    mark = Watermark(key=5, share=0.4, strength=1.5)
    logits, previous = torch.randn(3, VOCABULARY), torch.tensor([[4], [9], [4]])
    raised = mark.apply(logits, previous) - logits
    torch.testing.assert_close(raised, 1.5 * table(mark)[previous[:, 0]].float())
    assert torch.equal(Watermark(key=5, strength=0).apply(logits, previous), logits)


def test_the_score_counts_different_pairs():
    mark = Watermark(key=3)
    green = table(mark)
    tokens = [1, 2, 3, 1, 2, 3, 5]
    pairs = {(1, 2), (2, 3), (3, 1), (3, 5)}
    assert mark.score(tokens) == WatermarkScore(green=sum(int(green[p]) for p in pairs), scored=4, share=0.5)
    assert mark.score([4]).z == mark.score([]).z == 0


def test_z_and_p_value_are_those_of_a_coin():
    score = WatermarkScore(green=70, scored=100, share=0.5)
    assert score.z == pytest.approx(4.0)
    assert score.p_value == pytest.approx(3.1671e-5, rel=1e-4)
    assert WatermarkScore(green=40, scored=100, share=0.25).z == pytest.approx(15 / math.sqrt(18.75))


def test_text_without_the_watermark_scores_as_a_coin_over_keys():
    source = torch.Generator().manual_seed(0)
    tokens = torch.randint(0, VOCABULARY, (150,), generator=source).tolist()
    z = torch.tensor([Watermark(key=key, share=0.3).score(tokens).z for key in range(600)])
    assert abs(z.mean()) < 4 / math.sqrt(600)
    assert 0.9 < z.std() < 1.1


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_a_model_that_knows_nothing_writes_green_in_every_row(temperature):
    """Equal logits: the share of green tokens is γ e^δ / (γ e^δ + 1 - γ); rows end at different times."""
    config = GPTConfig(vocab_size=VOCABULARY, context_length=8, d_model=8, n_layers=1, n_heads=1)
    torch.manual_seed(0)
    model = GPT(config)
    torch.nn.init.zeros_(model.token_embedding.weight)
    mark = Watermark(key=8, share=0.5, strength=2.0)
    prompts = [[1], [2, 3], [4], [5, 6, 7]]
    settings = SamplingSettings(temperature=temperature, watermark=mark)
    source = torch.Generator().manual_seed(3)
    written = sample_tokens(
        model, prompts, max_new_tokens=400, stop_id=None if temperature == 0 else 9, generator=source, settings=settings
    )
    texts = [prompt[-1:] + new for prompt, new in zip(prompts, written, strict=True)]
    pairs = torch.tensor([pair for text in texts for pair in pairwise(text)])
    share = mark.is_green(pairs[:, 0], pairs[:, 1]).double().mean().item()
    if temperature == 0:
        assert share == 1
    else:
        assert len({len(text) for text in texts}) > 1
        expected = math.exp(2) / (math.exp(2) + 1)
        assert abs(share - expected) < 4 * math.sqrt(expected * (1 - expected) / len(pairs))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"key": -1}, "key = -1"),
        ({"key": "a"}, "key = 'a'"),
        ({"share": 1.0}, r"share = 1.0"),
        ({"strength": -0.1}, "strength = -0.1"),
        ({"strength": math.inf}, "strength = inf"),
    ],
)
def test_what_is_not_allowed_is_named(wrong, message):
    with pytest.raises(UsageError, match=message):
        Watermark(**{"key": 1} | wrong)
