"""Causal attention as a function, computed in two ways; rotary positions.

Letters in shape comments: B batch, H heads, T queries (the newest tokens), S keys (all tokens), D width of a head.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor


def causal_attention(q: Tensor, k: Tensor, v: Tensor, dropout: float = 0.0) -> Tensor:
    """Scaled dot-product attention in which query t sees the keys up to its own position.

    Written out as matrix products on a CPU in bfloat16, where torch's fused kernel, its backward above all, takes
    several times as long; fused everywhere else.

    Args: q: (B, H, T, D), the last T of S positions. k, v: (B, H, S, D). dropout: of the attention weights.
    Returns: (B, H, T, D).
    Source: Vaswani et al. 2017, arXiv:1706.03762, Eq. 1.
    """
    if q.device.type == "cpu" and q.dtype == torch.bfloat16:
        return attention_by_products(q, k, v, dropout)
    return fused_attention(q, k, v, dropout)


def fused_attention(q: Tensor, k: Tensor, v: Tensor, dropout: float = 0.0) -> Tensor:
    """`causal_attention` by torch's kernel, which never holds all weights at once."""
    n_new, n_all = q.shape[2], k.shape[2]
    if n_new in (1, n_all):  # a single query sees all; only several queries need the causal mask
        return F.scaled_dot_product_attention(q, k, v, dropout_p=dropout, is_causal=n_new > 1)
    visible = torch.ones(n_new, n_all, dtype=torch.bool, device=q.device).tril(n_all - n_new)  # (T, S)
    return F.scaled_dot_product_attention(q, k, v, attn_mask=visible, dropout_p=dropout)


def attention_by_products(q: Tensor, k: Tensor, v: Tensor, dropout: float = 0.0) -> Tensor:
    """`causal_attention` as two matrix products and a softmax between them."""
    n_new, n_all = q.shape[2], k.shape[2]
    mask = torch.full((n_new, n_all), -math.inf, dtype=q.dtype, device=q.device).triu(1 + n_all - n_new)  # (T, S)
    q_rows, k_rows, v_rows = (x.reshape(-1, *x.shape[2:]) for x in (q, k, v))  # (B H, T or S, D)
    scores = torch.baddbmm(mask, q_rows, k_rows.transpose(1, 2), alpha=1 / math.sqrt(q.shape[-1]))  # (B H, T, S)
    weights = F.dropout(F.softmax(scores, dim=-1), dropout)
    return torch.bmm(weights.to(v.dtype), v_rows).view(q.shape)


def rotation_table(context_length: int, head_dim: int, base: float = 10_000.0) -> Tensor:
    """What `rotate` multiplies by at each place: (2, context_length, head_dim), for even head_dim.

    The angle of the pair i at place t is t * base^(-2i / head_dim). [0] has the cosines of all pairs, twice; [1] the
    negative sines, then the sines.
    """
    frequencies = base ** (-torch.arange(0, head_dim, 2) / head_dim)
    angles = torch.outer(torch.arange(context_length), frequencies)
    cos, sin = angles.cos(), angles.sin()
    return torch.stack([torch.cat([cos, cos], dim=-1), torch.cat([-sin, sin], dim=-1)])


def rotate(x: Tensor, table: Tensor) -> Tensor:
    """Turn each pair (x_i, x_{i + D/2}) of x (..., T, D) by its position's angle; table: (2, T, D).

    The product of a rotated query and key depends on their contents and on how far apart they stand.
    Source: Su et al. 2021, arXiv:2104.09864, Eq. 34.
    """
    cos, sin = table.to(x.dtype)
    swapped = x.roll(x.shape[-1] // 2, dims=-1)  # the other one of each pair
    return torch.addcmul(x * cos, swapped, sin)
