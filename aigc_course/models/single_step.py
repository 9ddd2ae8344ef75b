"""GPT.forward for one new token of each sequence, in as few operations as it takes.

A single token is so little work that the time goes into calling: with 4 layers, 128 wide, torch's modules and the
general case of `GPT.hidden` take about as long again as the arithmetic. This is the same computation from the same
weights, written without them; `tests/models/test_decoding.py` compares the two.
"""

from typing import NamedTuple, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from aigc_course.models.gpt import GPT, MLP, Attention, Block
from aigc_course.models.kv_cache import KVCache
from aigc_course.models.ngram_embedding import HashedNgrams

_KNOWN = {GPT, Block, Attention, MLP, HashedNgrams, nn.ModuleList, nn.Linear, nn.LayerNorm, nn.Embedding, nn.Dropout}
_EPSILON = 1e-5  # that of nn.LayerNorm


class _Layer(NamedTuple):
    """The weights of a block; matrices as (inputs, outputs). Biases are None in a model without them."""

    norm: Tensor
    norm_bias: Tensor | None
    qkv: Tensor
    qkv_bias: Tensor | None
    qk_norm: Tensor | None
    projection: Tensor
    projection_bias: Tensor | None
    mlp_norm: Tensor
    mlp_norm_bias: Tensor | None
    expand: Tensor
    expand_bias: Tensor | None
    mlp_projection: Tensor
    mlp_projection_bias: Tensor | None


class SingleStep:
    """The logits of one new token of each sequence, as `model(newest, cache)` in evaluation mode gives them.

    It refers to the model's weights as they are when it is made.
    """

    def __init__(self, model: GPT) -> None:
        config = model.config
        self.model, self.width, self.head_dim = model, (config.d_model,), (config.head_dim,)
        self.heads = (3, config.n_heads, 1, config.head_dim)
        self.layers = [_layer(cast(Block, block)) for block in model.blocks]
        self.squares = config.activation == "relu2"
        self.head = (model.token_embedding if model.unembedding is None else model.unembedding).weight.t()

    @staticmethod
    def can_replace(model: GPT) -> bool:
        """Whether the model is made of the package's own parts, with no hook that waits to be called."""
        return all(type(m) in _KNOWN and not (m._forward_hooks or m._forward_pre_hooks) for m in model.modules())

    def __call__(self, newest: Tensor, cache: KVCache) -> Tensor:
        """newest: (B, 1) -> logits (B, V); the cache is extended. Call it in inference mode, with room in the cache."""
        now, norm = cache.length, torch.layer_norm
        places = None if cache.first is None else now - cache.first  # (B, 1), or None where all are at `now`
        x = self._embedded(newest, places, cache)  # (B, C)
        turn = self._turn(now, places)
        mask = cache.mask()
        slots = cache.store.narrow(4, now, 1).unbind()  # of each layer (2, B, H, 1, D)
        stored = cache.store.narrow(4, 0, now + 1).unbind()  # of each layer (2, B, H, S, D)
        for layer, slot, keys_values in zip(self.layers, slots, stored, strict=True):
            normed = norm(x, self.width, layer.norm, layer.norm_bias, _EPSILON)
            qkv = _linear(normed, layer.qkv, layer.qkv_bias).view(-1, *self.heads).transpose(0, 1)  # (3, B, H, 1, D)
            q = self._store(qkv, layer.qk_norm, turn, slot)
            keys, values = keys_values.unbind()
            y = F.scaled_dot_product_attention(q, keys, values, mask).view(x.shape)  # (B, H, 1, D) is (B, C) here
            x = _added(x, y, layer.projection, layer.projection_bias)
            normed = norm(x, self.width, layer.mlp_norm, layer.mlp_norm_bias, _EPSILON)
            h = _linear(normed, layer.expand, layer.expand_bias)  # (B, 4 C)
            h = h.relu_().square_() if self.squares else F.gelu(h, approximate="tanh")
            x = _added(x, h, layer.mlp_projection, layer.mlp_projection_bias)
        cache.length = now + 1
        final = self.model.norm
        return torch.mm(norm(x, self.width, final.weight, final.bias, _EPSILON), self.head)

    def _embedded(self, newest: Tensor, places: Tensor | None, cache: KVCache) -> Tensor:
        """(B, C): the sum of a token's embeddings."""
        model = self.model
        x = F.embedding(newest, model.token_embedding.weight)[:, 0]
        if model.position_embedding is not None:
            table = model.position_embedding.weight
            x = x + (table[cache.length] if places is None else table[places[:, 0]])
        if model.ngram_embedding is not None:
            x = x + model.ngram_embedding(newest, cache.remember(newest))[:, 0]
        return x

    def _turn(self, now: int, places: Tensor | None) -> tuple[Tensor, Tensor] | None:
        """What `rotate` multiplies by: (1, D) each, or (B, 1, 1, D) where places differ; None without rotations."""
        table = self.model.rotation  # (2, context_length, D)
        if table is None:
            return None
        cos, sin = table[:, now : now + 1] if places is None else table[:, places].unsqueeze(2)
        return cos.to(self.head.dtype), sin.to(self.head.dtype)

    def _store(self, qkv: Tensor, qk_norm: Tensor | None, turn: tuple[Tensor, Tensor] | None, slot: Tensor) -> Tensor:
        """Put keys and values into the cache's slot; return the queries (B, H, 1, D)."""
        if qk_norm is None and turn is None:
            slot.copy_(qkv[1:])
            return qkv[0]
        qk = qkv[:2]
        if qk_norm is not None:
            qk = torch.layer_norm(qk, self.head_dim, qk_norm, None, _EPSILON)
        if turn is not None:
            qk = torch.addcmul(qk * turn[0], qk.roll(self.head_dim[0] // 2, -1), turn[1])
        keys, values = slot.unbind()
        keys.copy_(qk[1])
        values.copy_(qkv[2])
        return qk[0]


def _layer(block: Block) -> _Layer:
    attention, mlp = block.attention, block.mlp
    return _Layer(
        norm=block.attention_norm.weight,
        norm_bias=block.attention_norm.bias,
        qkv=attention.qkv.weight.t(),
        qkv_bias=attention.qkv.bias,
        qk_norm=None if attention.qk_norm is None else attention.qk_norm.weight,
        projection=attention.projection.weight.t(),
        projection_bias=attention.projection.bias,
        mlp_norm=block.mlp_norm.weight,
        mlp_norm_bias=block.mlp_norm.bias,
        expand=mlp.expand.weight.t(),
        expand_bias=mlp.expand.bias,
        mlp_projection=mlp.projection.weight.t(),
        mlp_projection_bias=mlp.projection.bias,
    )


def _linear(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    return torch.mm(x, weight) if bias is None else torch.addmm(bias, x, weight)


def _added(x: Tensor, y: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """x + y @ weight + bias."""
    x = torch.addmm(x, y, weight)
    return x if bias is None else x.add_(bias)
