"""The keys and values of the tokens that a GPT has read, so that each new token is read alone."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from aigc_course.errors import UsageError
from aigc_course.models.gpt_config import GPTConfig


class KVCache:
    """Keys and values of the tokens seen so far, for all blocks; for generation without gradients.

    All memory is taken at once: `capacity` slots for each sequence. The newest token of every sequence stands in slot
    `length - 1`. A sequence that is shorter than the longest begins at a later slot; attention sees none before it.
    """

    def __init__(self, config: GPTConfig, batch_size: int, like: Tensor, capacity: int | None = None) -> None:
        self.capacity = config.context_length if capacity is None else min(capacity, config.context_length)
        self.length = 0  # slots in use
        # Keys [:, 0] and values [:, 1] of each layer: (n_layers, 2, B, H, capacity, D).
        self.store = like.new_zeros(config.n_layers, 2, batch_size, config.n_heads, self.capacity, config.head_dim)
        self.starts = [0] * batch_size  # the slot of each sequence's first token; the smallest is 0
        self.first: Tensor | None = None  # the same, (B, 1) int64; None while all begin at slot 0
        self._mask: Tensor | None = None  # (B, 1, 1, capacity): -inf before the first token, where they differ
        self._memory = max(config.ngram_sizes) - 1 if config.hashed_ngrams else 0
        self._nothing = config.vocab_size
        shape = (batch_size, self._memory + self.capacity)  # a token's column is its slot plus the memory
        self._tokens = torch.full(shape, self._nothing, device=like.device)

    @property
    def batch_size(self) -> int:
        """How many sequences it holds."""
        return len(self.starts)

    def append(self, layer: int, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """Store k, v (B, H, T, D) after the cached ones; return all (B, H, S, D) in the type of k.

        `length` stays as it is until every layer has stored its part: whoever calls this adds T to it then.
        """
        end = self.length + k.shape[2]
        keys, values = self.store[layer].unbind()
        keys[:, :, self.length : end] = k.detach()
        values[:, :, self.length : end] = v.detach()
        return keys[:, :, :end].to(k.dtype), values[:, :, :end].to(v.dtype)

    def mask(self) -> Tensor | None:
        """What is added to the scores of the next token, (B, 1, 1, S): -inf before each sequence's first token."""
        return None if self._mask is None else self._mask[..., : self.length + 1]

    def remember(self, tokens: Tensor) -> Tensor:
        """Store new tokens (B, T) for the n-gram embeddings; return those before them, (B, memory)."""
        column = self._memory + self.length
        self._tokens[:, column : column + tokens.shape[1]] = tokens
        return self._tokens[:, self.length : column]

    def place(self, rows: Sequence[int], source: "KVCache") -> None:
        """Let the sequences `rows` be those of `source`, in this order and of one length; forget what they were.

        They end in the newest slot, as all do. Slots that no sequence needs any longer are given back.
        """
        if len(rows) == self.batch_size or source.length > self.length:
            self._move(source.length - self.length)
        begin, chosen = self.length - source.length, torch.tensor(rows, device=self.store.device)
        self.store[:, :, chosen, :, begin : self.length] = source.store[:, :, :, :, : source.length]
        self._tokens[chosen, : self._memory + begin] = self._nothing
        taken = source._tokens[:, self._memory : self._memory + source.length]
        self._tokens[chosen, self._memory + begin : self._memory + self.length] = taken
        for row in rows:
            self.starts[row] = begin
        self._settle()

    def keep(self, rows: Sequence[int]) -> None:
        """Forget all sequences but `rows`, which are numbered anew from 0 in this order."""
        chosen = torch.tensor(rows, device=self.store.device)
        self.store, self._tokens = self.store[:, :, chosen], self._tokens[chosen]
        self.starts = [self.starts[row] for row in rows]
        self._settle()

    def _settle(self) -> None:
        """Move the longest sequence to slot 0; note where the others begin."""
        self._move(-min(self.starts))
        self.first = self._mask = None
        if any(self.starts):
            self.first = torch.tensor(self.starts, device=self.store.device)[:, None]
            before = torch.arange(self.capacity, device=self.store.device) < self.first  # (B, capacity)
            self._mask = self.store.new_zeros(before.shape).masked_fill(before, -math.inf)[:, None, None]

    def _move(self, by: int) -> None:
        """Shift what is stored by that many slots; to the left, what leaves is lost."""
        if self.length + by > self.capacity:
            raise UsageError(f"{self.length + by} tokens don't fit into a cache of {self.capacity}")
        if not by:
            return
        begin, kept = max(0, -by), self.length - max(0, -by)
        to = begin + by
        self.store[..., to : to + kept, :] = self.store[..., begin : begin + kept, :].clone()
        old = self._tokens[:, self._memory + begin : self._memory + begin + kept].clone()
        self._tokens.fill_(self._nothing)
        self._tokens[:, self._memory + to : self._memory + to + kept] = old
        self.starts = [max(0, start + by) for start in self.starts]
        self.length += by
