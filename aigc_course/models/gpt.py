"""GPT-2 (Radford et al. 2019): a decoder-only transformer, with a cache for generation.

Positions are learned vectors, as in GPT-2, or rotations of queries and keys (Su et al. 2021, arXiv:2104.09864).

Letters in shape comments: B batch, T new tokens, S tokens attended to (cached and new), C = d_model,
H = n_heads, D = d_model / n_heads, V = vocab_size.
"""

import math
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from aigc_course.errors import UsageError
from aigc_course.models.settings import require_at_least, require_fraction


@dataclass(frozen=True, kw_only=True, slots=True)
class GPTConfig:
    """The size of a GPT."""

    vocab_size: int  # number of tokens
    context_length: int = 128  # tokens that the model can look at
    d_model: int = 128  # width of the residual stream
    n_layers: int = 4  # transformer blocks
    n_heads: int = 4  # attention heads per block
    dropout: float = 0.0  # probability, on embeddings, attention weights and both residual branches
    position: Literal["learned", "rotary"] = "learned"  # how a token's place is told

    def __post_init__(self) -> None:
        require_at_least(
            1,
            vocab_size=self.vocab_size,
            context_length=self.context_length,
            d_model=self.d_model,
            n_layers=self.n_layers,
            n_heads=self.n_heads,
        )
        require_fraction(dropout=self.dropout)
        if self.d_model % self.n_heads:
            raise ValueError(f"d_model = {self.d_model} is not a multiple of n_heads = {self.n_heads}")
        if self.position not in ("learned", "rotary"):
            raise ValueError(f"position is {self.position!r}, but must be 'learned' or 'rotary'")
        if self.position == "rotary" and self.d_model // self.n_heads % 2:
            raise ValueError(f"d_model / n_heads is {self.d_model // self.n_heads}; rotary positions need an even one")


class KVCache:
    """Keys and values of the tokens seen so far, for all blocks; for generation without gradients."""

    def __init__(self, config: GPTConfig, batch_size: int, like: Tensor) -> None:
        head_dim = config.d_model // config.n_heads
        shape = (config.n_layers, batch_size, config.n_heads, config.context_length, head_dim)
        self.keys = torch.zeros(shape, dtype=like.dtype, device=like.device)
        self.values = torch.zeros_like(self.keys)
        self.length = 0  # tokens stored

    @property
    def batch_size(self) -> int:
        """How many sequences it holds."""
        return self.keys.shape[1]

    def append(self, layer: int, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """Store k, v (B, H, T, D) after the cached ones; return all (B, H, S, D) in the type of k.

        `length` stays as it is until every layer has stored its part: GPT.forward moves it on.
        """
        end = self.length + k.shape[2]
        self.keys[layer, :, :, self.length : end] = k.detach()
        self.values[layer, :, :, self.length : end] = v.detach()
        return self.keys[layer, :, :, :end].to(k.dtype), self.values[layer, :, :, :end].to(v.dtype)


def causal_attention(q: Tensor, k: Tensor, v: Tensor, dropout: float = 0.0) -> Tensor:
    """Scaled dot-product attention in which query t sees the keys up to its own position.

    Args: q: (B, H, T, D), the last T of S positions. k, v: (B, H, S, D). dropout: of the attention weights.
    Returns: (B, H, T, D).
    Source: Vaswani et al. 2017, arXiv:1706.03762, Eq. 1.
    """
    n_new, n_all = q.shape[2], k.shape[2]
    if q.device.type == "cpu" and q.dtype == torch.bfloat16:
        # Written out: in bfloat16 torch's fused CPU kernel takes about three times as long (128 tokens, 32 per head).
        hidden = torch.ones(n_new, n_all, dtype=torch.bool).triu(1 + n_all - n_new)  # (T, S)
        scores = (q @ k.transpose(-2, -1)) / math.sqrt(q.shape[-1])  # (B, H, T, S)
        weights = F.softmax(scores.masked_fill(hidden, -math.inf), dim=-1)
        return F.dropout(weights, dropout) @ v.to(weights.dtype)
    if n_new in (1, n_all):  # a single query sees all; only several queries need the causal mask
        return F.scaled_dot_product_attention(q, k, v, dropout_p=dropout, is_causal=n_new > 1)
    visible = torch.ones(n_new, n_all, dtype=torch.bool, device=q.device).tril(n_all - n_new)  # (T, S)
    return F.scaled_dot_product_attention(q, k, v, attn_mask=visible, dropout_p=dropout)


def rotation_table(context_length: int, head_dim: int, base: float = 10_000.0) -> Tensor:
    """Cosines and sines (2, context_length, head_dim / 2) of position * base^(-2i / head_dim)."""
    frequencies = base ** (-torch.arange(0, head_dim, 2) / head_dim)
    angles = torch.outer(torch.arange(context_length), frequencies)
    return torch.stack([angles.cos(), angles.sin()])


def rotate(x: Tensor, table: Tensor) -> Tensor:
    """Turn each pair (x_i, x_{i + D/2}) of x (..., T, D) by its position's angle; table: (2, T, D / 2).

    The product of a rotated query and key depends on their contents and on how far apart they stand.
    """
    cos, sin = table.to(x.dtype)
    first, second = x.chunk(2, dim=-1)
    return torch.cat([first * cos - second * sin, first * sin + second * cos], dim=-1)


class Attention(nn.Module):
    """Multi-head causal self-attention."""

    def __init__(self, config: GPTConfig, layer: int) -> None:
        super().__init__()
        self.layer = layer
        self.n_heads = config.n_heads
        self.dropout = config.dropout
        self.qkv = nn.Linear(config.d_model, 3 * config.d_model)
        self.projection = nn.Linear(config.d_model, config.d_model)

    def forward(self, x: Tensor, cache: KVCache | None, rotation: Tensor | None) -> Tensor:
        """(B, T, C) -> (B, T, C). rotation: (2, T, D / 2), or None where positions are learned."""
        q, k, v = self.qkv(x).unflatten(-1, (3, self.n_heads, -1)).permute(2, 0, 3, 1, 4)  # each (B, H, T, D)
        if rotation is not None:
            q, k = rotate(q, rotation), rotate(k, rotation)
        if cache is not None:
            k, v = cache.append(self.layer, k, v)  # (B, H, S, D)
        y = causal_attention(q, k, v, self.dropout if self.training else 0.0)  # (B, H, T, D)
        return self.projection(y.transpose(1, 2).flatten(2))  # (B, T, C)


class MLP(nn.Module):
    """Position-wise network, four times as wide inside."""

    def __init__(self, config: GPTConfig) -> None:
        super().__init__()
        self.expand = nn.Linear(config.d_model, 4 * config.d_model)
        self.projection = nn.Linear(4 * config.d_model, config.d_model)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, C) -> (B, T, C)."""
        return self.projection(F.gelu(self.expand(x), approximate="tanh"))


class Block(nn.Module):
    """Attention, then MLP, each on a normalised copy of the residual stream and added back to it."""

    def __init__(self, config: GPTConfig, layer: int) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(config.d_model)
        self.attention = Attention(config, layer)
        self.mlp_norm = nn.LayerNorm(config.d_model)
        self.mlp = MLP(config)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x: Tensor, cache: KVCache | None, rotation: Tensor | None) -> Tensor:
        """(B, T, C) -> (B, T, C)."""
        x = x + self.dropout(self.attention(self.attention_norm(x), cache, rotation))
        return x + self.dropout(self.mlp(self.mlp_norm(x)))


class GPT(nn.Module):
    """Logits of the next token at every position, each from the tokens up to there alone."""

    rotation: Tensor | None

    def __init__(self, config: GPTConfig) -> None:
        super().__init__()
        self.config = config
        self.token_embedding = nn.Embedding(config.vocab_size, config.d_model)
        self.position_embedding: nn.Embedding | None = None
        if config.position == "learned":
            self.position_embedding = nn.Embedding(config.context_length, config.d_model)
        table = rotation_table(config.context_length, config.d_model // config.n_heads)
        self.register_buffer("rotation", table if config.position == "rotary" else None, persistent=False)
        self.dropout = nn.Dropout(config.dropout)
        self.blocks = nn.ModuleList(Block(config, layer) for layer in range(config.n_layers))
        self.norm = nn.LayerNorm(config.d_model)
        self.initialise()

    def initialise(self) -> None:
        """Draw the weights as GPT-2 does: N(0, 0.02), residual projections divided by sqrt(2 n_layers), zero biases."""
        residual_std = 0.02 / math.sqrt(2 * self.config.n_layers)
        for name, parameter in self.named_parameters():
            if "norm." in name:
                nn.init.constant_(parameter, 1.0 if name.endswith("weight") else 0.0)
            elif name.endswith("bias"):
                nn.init.zeros_(parameter)
            else:
                nn.init.normal_(parameter, std=residual_std if name.endswith("projection.weight") else 0.02)

    def new_cache(self, batch_size: int) -> KVCache:
        """An empty cache for `batch_size` sequences, on the model's device."""
        return KVCache(self.config, batch_size, like=self.token_embedding.weight)

    def forward(self, tokens: Tensor, cache: KVCache | None = None) -> Tensor:
        """Logits of each next token.

        Args: tokens: (B, T) int64 in [0, V). cache: what came before `tokens`; it is extended by them.
        Returns: (B, T, V) float; logits[:, t] belong to the token that follows tokens[:, t].
        Raises: UsageError if the tokens don't fit into the context or the cache is for another batch size.
        """
        start = self._start(tokens, cache)
        x = self.token_embedding(tokens)  # (B, T, C)
        if self.position_embedding is not None:
            x = x + self.position_embedding(torch.arange(start, start + tokens.shape[1], device=tokens.device))
        rotation = None if self.rotation is None else self.rotation[:, start : start + tokens.shape[1]]
        x = self.dropout(x)
        for block in self.blocks:
            x = block(x, cache, rotation)
        if cache is not None:
            cache.length = start + tokens.shape[1]
        # The head is the token embedding itself (tied), so the checkpoint holds it once.
        return F.linear(self.norm(x), self.token_embedding.weight)  # (B, T, V)

    def _start(self, tokens: Tensor, cache: KVCache | None) -> int:
        """The position of the first of `tokens`, once they are known to fit."""
        if tokens.ndim != 2 or tokens.shape[1] == 0 or tokens.dtype != torch.int64:
            raise UsageError(f"tokens must be (B, T) int64 with T >= 1, but are {tuple(tokens.shape)} {tokens.dtype}")
        if cache is not None and cache.batch_size != tokens.shape[0]:
            raise UsageError(f"the cache holds {cache.batch_size} sequences, but tokens has {tokens.shape[0]}")
        start = cache.length if cache is not None else 0
        if start + tokens.shape[1] > self.config.context_length:
            raise UsageError(
                f"{start} cached and {tokens.shape[1]} new tokens exceed the context of "
                f"{self.config.context_length}; pass the last {self.config.context_length} with a new cache"
            )
        return start
