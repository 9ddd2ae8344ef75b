"""Decoding with the cache against computing each window anew, within the context and beyond; the lean single step."""

import pytest
import torch

from aigc_course.errors import UsageError
from aigc_course.models.decoding import Decoder
from aigc_course.models.gpt import GPT, GPTConfig
from aigc_course.models.sampling import Sampler, SamplingSettings, sample_tokens
from aigc_course.models.single_step import SingleStep

PROMPTS = [[1], [2, 3, 4], [5, 6], [7, 8, 9, 10, 11, 1, 2], [3] * 16, [4, 2] * 15]
VOCABULARY = 12


def make(kind: str, context_length: int = 16) -> GPT:
    size = {"vocab_size": VOCABULARY, "context_length": context_length, "d_model": 16, "n_layers": 2, "n_heads": 2}
    configs = {
        "gpt2": GPTConfig.gpt2(**size),
        "modern": GPTConfig.modern(**size),
        "hashed": GPTConfig.modern(**size, hashed_ngrams=50),
        "rotary": GPTConfig(**size, position="rotary"),
    }
    torch.manual_seed(0)
    model = GPT(configs[kind]).eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    return model


def window_of(history: list[int], context_length: int) -> list[int]:
    return history if len(history) <= context_length else history[-max(1, context_length // 2) :]


def without_cache(model: GPT, settings: SamplingSettings, new: int, seed: int) -> list[list[int]]:
    """Each row by itself: the whole window through the whole model, for each token; the rule of `Decoder`."""
    context = model.config.context_length
    histories = [list(prompt) for prompt in PROMPTS]
    windows = [list(window_of(history, context)) for history in histories]
    source = torch.Generator().manual_seed(seed)
    sampler = Sampler(settings, histories, torch.zeros(0, VOCABULARY), source, (0,), None)
    for _ in range(new):
        with torch.no_grad():
            logits = torch.stack([model(torch.tensor([window]))[0, -1] for window in windows])
        for row, (token,) in enumerate(sampler.draw(logits, range(len(PROMPTS))).tolist()):
            histories[row].append(token)
            windows[row].append(token)
            if len(windows[row]) > context:
                windows[row] = histories[row][-max(1, context // 2) :]
    return [history[len(prompt) :] for history, prompt in zip(histories, PROMPTS, strict=True)]


@pytest.mark.parametrize("kind", ["gpt2", "modern", "hashed", "rotary"])
@pytest.mark.parametrize("context_length", [1, 3, 16])
@pytest.mark.parametrize(
    "settings",
    [SamplingSettings(temperature=0.0), SamplingSettings(temperature=0.9, top_p=0.9, repetition_penalty=1.2)],
    ids=["greedy", "seeded"],
)
def test_the_cache_gives_the_tokens_of_full_recomputation(kind, context_length, settings):
    model = make(kind, context_length)
    source = torch.Generator().manual_seed(3)
    made = sample_tokens(model, PROMPTS, max_new_tokens=40, stop_id=None, generator=source, settings=settings)
    assert made == without_cache(model, settings, 40, seed=3)


@pytest.mark.parametrize("kind", ["gpt2", "modern", "hashed", "rotary"])
def test_the_single_step_is_the_model(kind):
    model, tokens = make(kind), torch.randint(VOCABULARY, (3, 16), generator=torch.Generator().manual_seed(1))
    assert SingleStep.can_replace(model)
    step, cache, plain = SingleStep(model), model.new_cache(3), model.new_cache(3)
    with torch.inference_mode():
        for t in range(16):
            expected = model(tokens[:, t : t + 1], plain)[:, -1]
            torch.testing.assert_close(step(tokens[:, t : t + 1], cache), expected, rtol=1e-4, atol=1e-5)
    assert cache.length == 16


def test_a_model_with_other_parts_or_hooks_is_called_itself():
    model, calls = make("gpt2"), []
    handle = model.blocks[0].mlp.register_forward_hook(lambda *_: calls.append(1))
    assert not SingleStep.can_replace(model)
    sample_tokens(model, [[1]], max_new_tokens=5, stop_id=None, generator=torch.Generator())
    assert len(calls) == 5
    handle.remove()
    assert SingleStep.can_replace(model)
    model.blocks[1].mlp_norm = torch.nn.Identity()
    assert not SingleStep.can_replace(model)


@pytest.mark.parametrize("kind", ["gpt2", "hashed"])
def test_rows_of_different_lengths_go_on_when_others_are_dropped(kind):
    model, histories = make(kind), [list(prompt) for prompt in PROMPTS]
    kept = [2, 3]
    with torch.inference_mode():
        decoder = Decoder(model, histories, max_new_tokens=4)
        first = decoder.logits(torch.tensor([history[-1:] for history in histories]))
        decoder.keep(kept)
        for row in kept:
            histories[row].append(5)
        second = decoder.logits(torch.full((2, 1), 5))
        for i, row in enumerate(kept):
            torch.testing.assert_close(second[i], model(torch.tensor([histories[row]]))[0, -1], rtol=1e-4, atol=1e-4)
            before = model(torch.tensor([histories[row][:-1]]))[0, -1]
            torch.testing.assert_close(first[row], before, rtol=1e-4, atol=1e-4)


def test_the_general_model_reads_a_ragged_cache_one_token_at_a_time():
    model, histories = make("modern"), [[1, 2, 3], [4]]
    with torch.inference_mode():
        decoder = Decoder(model, histories, max_new_tokens=4)
        with pytest.raises(UsageError, match="different lengths"):
            model(torch.ones(2, 2, dtype=torch.int64), decoder.cache)
        logits = model(torch.tensor([[3], [4]]), decoder.cache)[:, -1]
        for row in range(2):
            torch.testing.assert_close(logits[row], model(torch.tensor([histories[row]]))[0, -1], rtol=1e-4, atol=1e-5)
