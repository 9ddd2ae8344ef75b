"""Sampling of tokens from a GPT, with its cache of keys and values."""

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
    forbidden_ids: Sequence[int] = (0,),
) -> list[list[int]]:
    """Continue each prompt; the new tokens alone, without the stop token. Prompts of one length run as one batch.

    Beyond the context the cache is filled anew with the last context_length // 2 tokens (at least one).
    """
    if any(not prompt for prompt in prompts):
        raise UsageError("a prompt is empty; give at least one token, such as the one that begins a document")
    if temperature < 0 or (top_k is not None and top_k < 1) or max_new_tokens < 0:
        raise UsageError("allowed are temperature >= 0, top_k >= 1 or None, and max_new_tokens >= 0")
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
                    new = _draw(logits, temperature, top_k, forbidden_ids, generator)
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


def _draw(
    logits: Tensor, temperature: float, top_k: int | None, forbidden_ids: Sequence[int], generator: torch.Generator
) -> Tensor:
    """Logits (B, V) -> one token per row (B, 1)."""
    logits[:, list(forbidden_ids)] = -torch.inf
    if temperature == 0:
        return logits.argmax(dim=-1, keepdim=True)
    if top_k is not None and top_k < logits.shape[1]:
        best, ids = logits.topk(top_k, dim=-1)
        return ids.gather(1, torch.multinomial((best / temperature).softmax(-1), 1, generator=generator))
    return torch.multinomial((logits / temperature).softmax(-1), 1, generator=generator)
