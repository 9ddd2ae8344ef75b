"""Sampling of tokens: what temperature, top-k and top-p leave of a distribution; a GPT's texts, with a cache."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from aigc_course.errors import UsageError
from aigc_course.models.gpt import GPT


def sample_tokens(
    model: GPT,
    prompts: Sequence[Sequence[int]],
    *,
    max_new_tokens: int,
    stop_id: int | None,
    generator: torch.Generator,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    forbidden_ids: Sequence[int] = (0,),
) -> list[list[int]]:
    """Continue each prompt; the new tokens alone, without the stop token. Prompts of one length run as one batch.

    Beyond the context the cache is filled anew with the last context_length // 2 tokens (at least one).
    `temperature`, `top_k` and `top_p` are those of `filter_logits`; `forbidden_ids` are never drawn.
    """
    if any(not prompt for prompt in prompts):
        raise UsageError("a prompt is empty; give at least one token, such as the one that begins a document")
    if max_new_tokens < 0:
        raise UsageError(f"max_new_tokens = {max_new_tokens} is not allowed; it must be at least 0")
    _require_options(temperature, top_k, top_p)
    groups: dict[int, list[int]] = {}
    for row, prompt in enumerate(prompts):
        groups.setdefault(len(prompt), []).append(row)
    result: list[list[int]] = [[] for _ in prompts]
    was_training = model.training
    model.eval()
    try:
        with torch.inference_mode():
            for rows in groups.values():
                tokens = torch.tensor([list(prompts[r]) for r in rows], device=model.token_embedding.weight.device)
                n_prompt, cache, new = tokens.shape[1], None, tokens
                alive = torch.ones(len(rows), dtype=torch.bool, device=tokens.device)
                for _ in range(max_new_tokens):
                    if cache is None or cache.length + new.shape[1] > model.config.context_length:
                        cache = model.new_cache(len(rows))
                        context = model.config.context_length
                        keep = tokens.shape[1] if tokens.shape[1] <= context else max(1, context // 2)
                        new = tokens[:, -keep:]
                    logits = model(new, cache)[:, -1].float()
                    logits[:, list(forbidden_ids)] = -torch.inf
                    left = filter_logits(logits, temperature=temperature, top_k=top_k, top_p=top_p)  # (B, V)
                    new = torch.multinomial(left.softmax(dim=-1), 1, generator=generator)  # (B, 1)
                    tokens = torch.cat([tokens, new], dim=1)
                    if stop_id is not None:
                        alive &= new[:, 0] != stop_id
                        if not alive.any():
                            break
                for row, line in zip(rows, tokens[:, n_prompt:].tolist(), strict=True):
                    result[row] = line[: line.index(stop_id)] if stop_id in line else line
    finally:
        model.train(was_training)
    return result


def filter_logits(
    logits: Tensor, *, temperature: float = 1.0, top_k: int | None = None, top_p: float | None = None
) -> Tensor:
    """What is left to sample from, in this order: divide by the temperature, keep the top k, keep the nucleus.

    The nucleus is the smallest set of most probable tokens whose probabilities, after the first two, sum to at
    least `top_p`; it never is empty. Between equal logits the choice is arbitrary, but exactly k are kept.

    Args:
        logits: (..., V) float; -inf for tokens that are not allowed.
        temperature: >= 0; 0 keeps the most probable token alone.
        top_k: at least 1; None, or more than V, keeps all.
        top_p: in (0, 1]; None, or 1, keeps all.
    Returns: (..., V), whose softmax is the distribution to draw from; -inf where a token is dropped.
    Raises: UsageError if an option is out of range.
    Source: top-k Fan et al. 2018, arXiv:1805.04833; top-p Holtzman et al. 2020, arXiv:1904.09751.
    """
    _require_options(temperature, top_k, top_p)
    if temperature == 0:
        best = logits.argmax(dim=-1, keepdim=True)
        return torch.full_like(logits, -torch.inf).scatter(-1, best, 0.0)
    logits = logits / temperature
    if top_k is not None and top_k < logits.shape[-1]:
        values, ids = logits.topk(top_k, dim=-1)
        logits = torch.full_like(logits, -torch.inf).scatter(-1, ids, values)
    if top_p is not None and top_p < 1:
        values, ids = logits.sort(dim=-1, descending=True)
        probability = values.double().softmax(dim=-1)
        before = probability.cumsum(dim=-1) - probability  # of all that are more probable; 0 for the first
        logits = torch.full_like(logits, -torch.inf).scatter(-1, ids, values.masked_fill(before >= top_p, -torch.inf))
    return logits


def _require_options(temperature: float, top_k: int | None, top_p: float | None) -> None:
    """Raise UsageError that names the option out of range."""
    if not 0 <= temperature < math.inf:
        raise UsageError(f"temperature = {temperature} is not allowed; it must be finite and at least 0")
    if top_k is not None and top_k < 1:
        raise UsageError(f"top_k = {top_k} is not allowed; it must be at least 1, or None to keep all tokens")
    if top_p is not None and not 0 < top_p <= 1:
        raise UsageError(f"top_p = {top_p} is not allowed; it must be in (0, 1], or None to keep all tokens")
