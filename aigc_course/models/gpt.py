"""A decoder-only transformer: GPT-2 (Radford et al. 2019) and what has replaced parts of it, one option for each.

Letters in shape comments: B batch, T new tokens, S tokens attended to (cached and new), C = d_model,
H = n_heads, D = d_model / n_heads, V = vocab_size.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from aigc_course.errors import UsageError
from aigc_course.models.attention import (
    attention_by_products,
    causal_attention,
    fused_attention,
    rotate,
    rotation_table,
)
from aigc_course.models.gpt_config import GPTConfig
from aigc_course.models.kv_cache import KVCache
from aigc_course.models.ngram_embedding import HashedNgrams

__all__ = ["GPT", "MLP", "Attention", "Block", "GPTConfig", "KVCache", "causal_attention", "rotate", "rotation_table"]


class Attention(nn.Module):
    """Multi-head causal self-attention."""

    def __init__(self, config: GPTConfig, layer: int) -> None:
        super().__init__()
        self.layer = layer
        self.n_heads = config.n_heads
        self.dropout = config.dropout
        self.way = config.attention
        self.qkv = nn.Linear(config.d_model, 3 * config.d_model, bias=config.bias)
        self.qk_norm = nn.LayerNorm(config.head_dim, bias=False) if config.qk_norm else None
        self.projection = nn.Linear(config.d_model, config.d_model, bias=config.bias)

    def forward(self, x: Tensor, cache: KVCache | None, rotation: Tensor | None) -> Tensor:
        """(B, T, C) -> (B, T, C). rotation: (2, T, D) or (2, B, 1, T, D), or None where positions are learned."""
        q, k, v = self.heads(self.qkv(x), rotation)  # each (B, H, T, D)
        mask = None
        if cache is not None:
            k, v = cache.append(self.layer, k, v)  # (B, H, S, D)
            mask = cache.mask()
        y = self.attend(q, k, v) if mask is None else F.scaled_dot_product_attention(q, k, v, mask.to(q.dtype))
        return self.projection(y.transpose(1, 2).flatten(2))  # (B, T, C)

    def heads(self, qkv: Tensor, rotation: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        """(B, T, 3 C) -> queries and keys as they are compared, and values: each (B, H, T, D)."""
        parts = qkv.unflatten(-1, (3, self.n_heads, -1)).permute(2, 0, 3, 1, 4)  # (3, B, H, T, D)
        if self.qk_norm is None and rotation is None:
            q, k, v = parts.unbind()
            return q, k, v
        qk, v = parts[:2], parts[2]
        if self.qk_norm is not None:
            qk = self.qk_norm(qk)
        if rotation is not None:
            qk = rotate(qk, rotation)
        return qk[0], qk[1], v

    def attend(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """`causal_attention`, in the way that the settings name."""
        dropout = self.dropout if self.training else 0.0
        if self.way == "auto":
            return causal_attention(q, k, v, dropout)
        way = attention_by_products if self.way == "products" else fused_attention
        return way(q, k, v, dropout)


class MLP(nn.Module):
    """Position-wise network, four times as wide inside."""

    def __init__(self, config: GPTConfig) -> None:
        super().__init__()
        self.squares = config.activation == "relu2"
        self.expand = nn.Linear(config.d_model, 4 * config.d_model, bias=config.bias)
        self.projection = nn.Linear(4 * config.d_model, config.d_model, bias=config.bias)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, C) -> (B, T, C)."""
        h = self.expand(x)
        return self.projection(F.relu(h).square() if self.squares else F.gelu(h, approximate="tanh"))


class Block(nn.Module):
    """Attention, then MLP, each on a normalised copy of the residual stream and added back to it."""

    def __init__(self, config: GPTConfig, layer: int) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(config.d_model, bias=config.bias)
        self.attention = Attention(config, layer)
        self.mlp_norm = nn.LayerNorm(config.d_model, bias=config.bias)
        self.mlp = MLP(config)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x: Tensor, cache: KVCache | None, rotation: Tensor | None) -> Tensor:
        """(B, T, C) -> (B, T, C)."""
        if not self.training:  # no dropout: two operations fewer, which a single new token notices
            x = x + self.attention(self.attention_norm(x), cache, rotation)
            return x + self.mlp(self.mlp_norm(x))
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
        self.ngram_embedding = HashedNgrams(config) if config.hashed_ngrams else None
        table = rotation_table(config.context_length, config.head_dim) if config.position == "rotary" else None
        self.register_buffer("rotation", table, persistent=False)
        self.dropout = nn.Dropout(config.dropout)
        self.blocks = nn.ModuleList(Block(config, layer) for layer in range(config.n_layers))
        self.norm = nn.LayerNorm(config.d_model, bias=config.bias)
        # Named so that optimizers treat it as an embedding. Without it the head is the token embedding itself.
        self.unembedding = None if config.tied_head else nn.Linear(config.d_model, config.vocab_size, bias=False)
        self.initialise()

    def initialise(self) -> None:
        """Draw the weights as GPT-2 does: N(0, 0.02), residual projections divided by sqrt(2 n_layers), zero biases.

        With `zero_init` residual projections and an untied head are zero instead.
        """
        residual_std = 0.0 if self.config.zero_init else 0.02 / math.sqrt(2 * self.config.n_layers)
        for name, parameter in self.named_parameters():
            if "norm." in name:
                nn.init.constant_(parameter, 1.0 if name.endswith("weight") else 0.0)
            elif name.endswith("bias") or (self.config.zero_init and name == "unembedding.weight"):
                nn.init.zeros_(parameter)
            else:
                nn.init.normal_(parameter, std=residual_std if name.endswith("projection.weight") else 0.02)

    def new_cache(self, batch_size: int, capacity: int | None = None) -> KVCache:
        """An empty cache for `batch_size` sequences of `capacity` tokens (None: the context), on the model's device."""
        return KVCache(self.config, batch_size, like=self.token_embedding.weight, capacity=capacity)

    def forward(self, tokens: Tensor, cache: KVCache | None = None) -> Tensor:
        """Logits of each next token.

        Args: tokens: (B, T) int64 in [0, V). cache: what came before `tokens`; it is extended by them.
        Returns: (B, T, V) float; logits[:, t] belong to the token that follows tokens[:, t].
        Raises: UsageError if the tokens don't fit into the context or the cache.
        """
        x = self.hidden(tokens, cache)
        head = self.token_embedding if self.unembedding is None else self.unembedding
        return F.linear(x, head.weight)  # (B, T, V)

    def hidden(self, tokens: Tensor, cache: KVCache | None = None) -> Tensor:
        """What the head reads, (B, T, C): `forward` without the logits, for prompts whose logits nobody needs."""
        self._check(tokens, cache)
        n_new = tokens.shape[1]
        start = 0 if cache is None else cache.length
        places = (
            None if cache is None or cache.first is None else start - cache.first
        )  # (B, 1), or None where all are at `start`
        x = self.token_embedding(tokens)  # (B, T, C)
        if self.position_embedding is not None:
            table = self.position_embedding.weight
            x = x + (table[start : start + n_new] if places is None else F.embedding(places, table))
        if self.ngram_embedding is not None:
            x = x + self.ngram_embedding(tokens, None if cache is None else cache.remember(tokens))
        rotation = self.rotation
        if rotation is not None:
            rotation = rotation[:, start : start + n_new] if places is None else rotation[:, places].unsqueeze(2)
        if self.training:
            x = self.dropout(x)
        for block in self.blocks:
            x = block(x, cache, rotation)
        if cache is not None:
            cache.length = start + n_new
        return self.norm(x)

    def _check(self, tokens: Tensor, cache: KVCache | None) -> None:
        """Raise UsageError unless the tokens fit."""
        if tokens.ndim != 2 or tokens.shape[1] == 0 or tokens.dtype != torch.int64:
            raise UsageError(f"tokens must be (B, T) int64 with T >= 1, but are {tuple(tokens.shape)} {tokens.dtype}")
        if cache is not None and cache.batch_size != tokens.shape[0]:
            raise UsageError(f"the cache holds {cache.batch_size} sequences, but tokens has {tokens.shape[0]}")
        if cache is not None and cache.first is not None and tokens.shape[1] > 1:
            raise UsageError("the cache holds sequences of different lengths; pass one new token for each at a time")
        start, room = (0, self.config.context_length) if cache is None else (cache.length, cache.capacity)
        if start + tokens.shape[1] > room:
            where = "context" if room == self.config.context_length else "cache"
            raise UsageError(
                f"{start} cached and {tokens.shape[1]} new tokens exceed the {where} of {room}; "
                f"pass the last {room} with a new cache"
            )
