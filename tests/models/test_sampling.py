"""Sampling with the cache against sampling without it, what filters keep, and the two ways to tell positions."""

import math

import pytest
import torch

from aigc_course.errors import TrainingError, UsageError
from aigc_course.models.gpt import GPT, GPTConfig, rotate, rotation_table
from aigc_course.models.sampling import (
    Sampler,
    SamplingSettings,
    filter_logits,
    penalise_repeats,
    sample_tokens,
    stream_tokens,
)


@pytest.fixture(params=["learned", "rotary"])
def model(request):
    torch.manual_seed(0)
    gpt = GPT(GPTConfig(vocab_size=12, context_length=16, d_model=16, n_layers=2, n_heads=2, position=request.param))
    for parameter in gpt.parameters():
        parameter.data.mul_(8)  # far from uniform, so that greedy choices differ
    return gpt.eval()


def sample(model, prompts, **options):
    given = {"max_new_tokens": 10, "stop_id": None} | options
    choices = {"temperature": 0.0}
    choices |= {
        name: given.pop(name) for name in ("temperature", "top_k", "top_p", "repetition_penalty") if name in given
    }
    source = torch.Generator().manual_seed(given.pop("seed", 0))
    return sample_tokens(model, prompts, generator=source, settings=SamplingSettings(**choices), **given)


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
    [
        ([[]], {}),
        ([[1]], {"temperature": -1}),
        ([[1]], {"top_k": 0}),
        ([[1]], {"max_new_tokens": -1}),
        ([[1]], {"top_p": 0.0}),
        ([[1]], {"repetition_penalty": 0.0}),
        ([[1]], {"repetition_penalty": -1.0}),
        ([[1]], {"forbidden_ids": range(12)}),
    ],
)
def test_what_is_refused(model, prompts, options):
    with pytest.raises(UsageError):
        sample(model, prompts, **options)


def probabilities(values, **options):
    return filter_logits(torch.tensor(values).log(), **options).softmax(-1)


def test_a_temperature_raises_probabilities_to_its_inverse():
    values = [0.1, 0.4, 0.3, 0.2]
    for temperature in (0.25, 0.5, 1.0, 2.0):
        powers = [value ** (1 / temperature) for value in values]
        expected = torch.tensor([power / sum(powers) for power in powers])
        torch.testing.assert_close(probabilities(values, temperature=temperature), expected)
    assert probabilities(values, temperature=0.0).tolist() == [0, 1, 0, 0]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"top_k": 2}, [0, 4 / 7, 3 / 7, 0]),
        ({"top_k": 9}, [0.1, 0.4, 0.3, 0.2]),
        ({"top_p": 0.35}, [0, 1, 0, 0]),
        ({"top_p": 0.69}, [0, 4 / 7, 3 / 7, 0]),
        ({"top_p": 0.71}, [0, 4 / 9, 3 / 9, 2 / 9]),
        ({"top_p": 1e-9}, [0, 1, 0, 0]),
        ({"top_p": 1.0}, [0.1, 0.4, 0.3, 0.2]),
        ({"top_k": 3, "top_p": 0.75}, [0, 4 / 7, 3 / 7, 0]),  # after top-k 7/9 reach 0.75; of all, 0.7 would not
        ({"temperature": 0.5, "top_p": 0.81}, [0, 16 / 25, 9 / 25, 0]),  # 16, 9, 4, 1 of 30: two reach 25/30
    ],
)
def test_top_k_and_top_p_keep_the_most_probable(options, expected):
    torch.testing.assert_close(
        probabilities([0.1, 0.4, 0.3, 0.2], **options), torch.tensor(expected, dtype=torch.float32)
    )


def test_a_nucleus_that_is_reached_exactly_takes_no_more():
    assert (probabilities([0.25, 0.5, 0.125, 0.125], top_p=0.75) > 0).tolist() == [True, True, False, False]


def test_rows_are_filtered_by_themselves_and_inputs_left_alone():
    logits = torch.randn(2, 3, 50, generator=torch.Generator().manual_seed(0))
    before = logits.clone()
    together = filter_logits(logits, temperature=0.7, top_k=20, top_p=0.8)
    assert torch.equal(logits, before)
    for i in range(2):
        for j in range(3):
            alone = filter_logits(logits[i, j], temperature=0.7, top_k=20, top_p=0.8)
            torch.testing.assert_close(together[i, j], alone, rtol=0, atol=0)
    kept = together > -torch.inf
    torch.testing.assert_close(together[kept], (logits / 0.7)[kept])


def test_equal_logits_leave_exactly_k():
    assert (filter_logits(torch.zeros(10), top_k=3) > -torch.inf).sum() == 3
    assert (filter_logits(torch.zeros(10), top_p=0.25) > -torch.inf).sum() == 3


def test_tokens_that_are_not_allowed_stay_out():
    logits = torch.tensor([-torch.inf, 1.0, 0.0])
    for options in ({"temperature": 2.0}, {"top_k": 3}, {"top_p": 0.999}, {"temperature": 0.0}):
        assert filter_logits(logits, **options).softmax(-1)[0] == 0


def test_samples_come_from_the_nucleus_alone(model):
    with torch.no_grad():
        logits = model(torch.tensor([[4]]))[0, -1] / 8
    logits[0] = -torch.inf
    expected = filter_logits(logits, top_p=0.9).softmax(-1)
    assert 2 <= (expected > 0).sum() <= 10
    drawn = sample(model, [[4]] * 20_000, max_new_tokens=1, temperature=8.0, top_p=0.9)
    found = torch.bincount(torch.tensor(drawn)[:, 0], minlength=12) / 20_000
    torch.testing.assert_close(found, expected, atol=0.015, rtol=0)
    assert (found[expected == 0] == 0).all()


@pytest.mark.parametrize(
    "options",
    [{"temperature": -0.1}, {"temperature": math.inf}, {"top_k": 0}, {"top_p": 0.0}, {"top_p": 1.1}],
)
def test_options_out_of_range_are_named(options):
    with pytest.raises(UsageError, match=next(iter(options))):
        filter_logits(torch.zeros(3), **options)


def test_rotated_products_depend_on_the_distance_alone():
    torch.manual_seed(1)
    table = rotation_table(20, 8)
    q, k = torch.randn(8), torch.randn(8)

    def product(i, j):
        return rotate(q[None], table[:, i : i + 1]) @ rotate(k[None], table[:, j : j + 1]).T

    torch.testing.assert_close(product(3, 1), product(12, 10))
    assert not torch.allclose(product(3, 1), product(1, 3))
    torch.testing.assert_close(rotate(q[None], table[:, :1]), q[None])


def test_a_penalty_divides_positive_logits_and_multiplies_negative_ones():
    logits, seen = torch.tensor([2.0, -2.0, 2.0, -2.0]), torch.tensor([True, True, False, False])
    assert penalise_repeats(logits, seen, 4.0).tolist() == [0.5, -8.0, 2.0, -2.0]
    assert penalise_repeats(logits, seen, 1.0).tolist() == logits.tolist()


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_a_large_penalty_writes_every_token_once_before_any_twice(temperature):
    settings = SamplingSettings(temperature=temperature, repetition_penalty=1000.0)
    prompts, source = [[3, 1], [5]], torch.Generator().manual_seed(0)
    sampler = Sampler(settings, prompts, torch.zeros(0, 8), source, forbidden_ids=(0,), stop_id=None)
    drawn = torch.cat([sampler.draw(torch.full((2, 8), -1.0), [0, 1]) for _ in range(5)], dim=1)
    assert sorted(drawn[0].tolist()) == [2, 4, 5, 6, 7]
    assert sorted({*drawn[1].tolist(), 5}) == sorted([*drawn[1].tolist(), 5])


def test_the_stop_token_is_never_penalised():
    settings = SamplingSettings(temperature=0.0, repetition_penalty=1000.0)
    sampler = Sampler(settings, [[2, 3, 4]], torch.zeros(0, 5), torch.Generator(), forbidden_ids=(0, 1), stop_id=3)
    assert [int(sampler.draw(torch.full((1, 5), -1.0), [0])) for _ in range(3)] == [3, 3, 3]


def test_a_stream_gives_tokens_as_they_come_and_ends_rows_that_are_done(model):
    whole = sample(model, [[1], [2, 3]], temperature=1.0, seed=5)
    source, seen = torch.Generator().manual_seed(5), []

    def is_done(row, token):
        seen.append((row, token))
        return row == 0 and sum(r == 0 for r, _ in seen) == 3

    steps = list(
        stream_tokens(model, [[1], [2, 3]], max_new_tokens=10, stop_id=None, generator=source, is_done=is_done)
    )
    assert [pair for step in steps for pair in step] == seen
    assert [token for row, token in seen if row == 0] == whole[0][:3]
    assert [token for row, token in seen if row == 1] == whole[1], "a row that ends must not change the others"
    assert not torch.is_inference_mode_enabled()


def test_rows_that_end_one_after_another_keep_what_is_theirs(model):
    prompts = [[1 + row] for row in range(8)]
    whole = sample(model, prompts, temperature=1.0, seed=6)
    counts = [0] * 8

    def is_done(row, _token):
        counts[row] += 1
        return counts[row] > row

    source, written = torch.Generator().manual_seed(6), [[] for _ in prompts]
    for step in stream_tokens(model, prompts, max_new_tokens=10, stop_id=None, generator=source, is_done=is_done):
        for row, token in step:
            written[row].append(token)
    assert written == [line[: row + 1] for row, line in enumerate(whole)]


def test_a_model_of_nan_is_named(model):
    model.norm.weight.data.fill_(torch.nan)
    with pytest.raises(TrainingError, match="not numbers"):
        sample(model, [[1]])


def test_what_is_not_allowed_is_refused_before_the_first_token(model):
    with pytest.raises(UsageError, match="max_new_tokens = -1"):
        stream_tokens(model, [[1]], max_new_tokens=-1, stop_id=None, generator=torch.Generator())
