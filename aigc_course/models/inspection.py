"""What happens inside a trained GPT, for looking at: the fast path that trains and generates is left as it is."""

import math
from collections.abc import Sequence
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor

from aigc_course.errors import UsageError
from aigc_course.models.gpt import GPT, Attention, Block


def attention_weights(model: GPT, tokens: Sequence[int] | Tensor) -> Tensor:
    """The weight that every query of every head gives to every key, while the model reads `tokens`.

    The fused attention never forms these weights. They are computed again, in float32 and without dropout, from the
    queries and keys of an ordinary forward pass.

    Args: tokens: (T,) ids in [0, vocab_size), 1 <= T <= context_length.
    Returns: (n_layers, n_heads, T, T) float32; [l, h, t, s] is the weight that query t gives to key s, 0 for s > t;
        sums to 1 over s.
    Raises: UsageError if the tokens are no single sequence or don't fit into the context.
    """
    ids = torch.as_tensor(tokens, dtype=torch.int64, device=model.token_embedding.weight.device)
    if ids.ndim != 1:
        raise UsageError(f"tokens are {tuple(ids.shape)}; give one sequence (T,) at a time")
    seen: list[Tensor] = []
    modules = [cast(Block, block).attention for block in model.blocks]
    hooks = [m.qkv.register_forward_hook(lambda _module, _inputs, qkv: seen.append(qkv)) for m in modules]
    was_training = model.training
    model.eval()
    try:
        with torch.no_grad():
            model(ids[None])
    finally:
        model.train(was_training)
        for hook in hooks:
            hook.remove()
    rotation = None if model.rotation is None else model.rotation[:, : len(ids)]
    return torch.stack([_weights(m, qkv, rotation) for m, qkv in zip(modules, seen, strict=True)])


@torch.no_grad()
def _weights(module: Attention, qkv: Tensor, rotation: Tensor | None) -> Tensor:
    """qkv (1, T, 3 C) of one block -> (H, T, T)."""
    q, k, _ = (x[0] for x in module.heads(qkv.float(), rotation))  # each (H, T, D)
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])  # (H, T, T)
    hidden = torch.ones(scores.shape[-2:], dtype=torch.bool, device=scores.device).triu(1)
    return F.softmax(scores.masked_fill(hidden, -math.inf), dim=-1)
