"""Sampling with the cache against sampling without it, and the two ways to tell positions."""

import pytest
import torch

from aigc_course.errors import UsageError
from aigc_course.models.gpt import GPT, GPTConfig, rotate, rotation_table
from aigc_course.models.sampling import sample_tokens


@pytest.fixture(params=["learned", "rotary"])
def model(request):
    torch.manual_seed(0)
    gpt = GPT(GPTConfig(vocab_size=12, context_length=16, d_model=16, n_layers=2, n_heads=2, position=request.param))
    for parameter in gpt.parameters():
        parameter.data.mul_(8)  # far from uniform, so that greedy choices differ
    return gpt.eval()


def sample(model, prompts, **options):
    given = {"max_new_tokens": 10, "stop_id": None, "temperature": 0.0} | options
    return sample_tokens(model, prompts, generator=torch.Generator().manual_seed(given.pop("seed", 0)), **given)


def test_greedy_with_the_cache_equals_full_recomputation(model):
    tokens = [3, 1]
    with torch.no_grad():
        for _ in range(10):
            logits = model(torch.tensor([tokens]))[0, -1]
            logits[0] = -torch.inf
            tokens.append(int(logits.argmax()))
    assert sample(model, [[3, 1]]) == [tokens[2:]]


def test_a_prompt_alone_equals_the_prompt_among_others(model):
    prompts = [[1, 2, 3], [4], [5, 6, 7], [8, 9]]
    assert sample(model, prompts) == [sample(model, [prompt])[0] for prompt in prompts]


def test_seeds_stop_token_and_forbidden_ids(model):
    free = sample(model, [[1]] * 20, temperature=1.0, seed=1)
    assert free == sample(model, [[1]] * 20, temperature=1.0, seed=1)
    assert free != sample(model, [[1]] * 20, temperature=1.0, seed=2)
    assert all(token != 0 for line in free for token in line)
    stopped = sample(model, [[1]] * 20, temperature=1.0, seed=1, stop_id=5)
    assert all(5 not in line for line in stopped)
    assert any(len(line) < 10 for line in stopped)


def test_top_k_of_one_is_greedy(model):
    assert sample(model, [[2, 3]], temperature=1.0, top_k=1) == sample(model, [[2, 3]])


def test_beyond_the_context_the_last_half_is_kept(model):
    made = sample(model, [[1]], max_new_tokens=17)[0]
    history = [1, *made[:16]]  # 17 tokens: one more than the context holds
    with torch.no_grad():
        logits = model(torch.tensor([history[-8:]]))[0, -1]
    logits[0] = -torch.inf
    assert made[16] == int(logits.argmax())


def test_frequencies_follow_the_model(model):
    with torch.no_grad():
        logits = model(torch.tensor([[4]]))[0, -1] / 4
    logits[0] = -torch.inf
    expected = logits.softmax(-1)
    drawn = sample(model, [[4]] * 20_000, max_new_tokens=1, temperature=4.0)
    found = torch.bincount(torch.tensor(drawn)[:, 0], minlength=12) / 20_000
    torch.testing.assert_close(found, expected, atol=0.015, rtol=0)


@pytest.mark.parametrize(
    ("prompts", "options"),
    [([[]], {}), ([[1]], {"temperature": -1}), ([[1]], {"top_k": 0}), ([[1]], {"max_new_tokens": -1})],
)
def test_what_is_refused(model, prompts, options):
    with pytest.raises(UsageError):
        sample(model, prompts, **options)


def test_rotated_products_depend_on_the_distance_alone():
    torch.manual_seed(1)
    table = rotation_table(20, 8)
    q, k = torch.randn(8), torch.randn(8)

    def product(i, j):
        return rotate(q[None], table[:, i : i + 1]) @ rotate(k[None], table[:, j : j + 1]).T

    torch.testing.assert_close(product(3, 1), product(12, 10))
    assert not torch.allclose(product(3, 1), product(1, 3))
    torch.testing.assert_close(rotate(q[None], table[:, :1]), q[None])
