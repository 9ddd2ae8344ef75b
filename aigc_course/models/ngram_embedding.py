"""Embeddings of the last two or three tokens together, from tables that are indexed by a hash."""

import torch
from torch import Tensor, nn

from aigc_course.models.gpt_config import GPTConfig

_PRIME = 2_147_483_647  # 2^31 - 1: products of two numbers below it fit into int64
_FACTORS = (1_103_515_245, 1_597_334_677, 747_796_405, 2_024_237_689, 1_640_531_527)  # one a token, the newest first


class HashedNgrams(nn.Module):
    """For each token the sum of one learned vector for each size of n-gram that ends there.

    A table has `hashed_ngrams` rows; n-grams that fall on one row share its vector. Where fewer than n tokens stand
    before, a token that isn't in the vocabulary stands for the missing ones.
    Source: the hashed character n-grams of Bojanowski et al. 2017, arXiv:1607.04606, Section 3.2, here of tokens.
    """

    def __init__(self, config: GPTConfig) -> None:
        super().__init__()
        self.sizes, self.rows, self.nothing = config.ngram_sizes, config.hashed_ngrams, config.vocab_size
        self.embedding = nn.Embedding(len(self.sizes) * self.rows, config.d_model)  # one table after another

    @property
    def memory(self) -> int:
        """How many tokens before a token are looked at."""
        return max(self.sizes) - 1

    def forward(self, tokens: Tensor, before: Tensor | None = None) -> Tensor:
        """(B, T) -> (B, T, d_model).

        Args: before: (B, memory) the tokens before the first of `tokens`; None where a text begins there.
        """
        if before is None:
            before = tokens.new_full((tokens.shape[0], self.memory), self.nothing)
        return self.embedding(self.rows_of(torch.cat([before, tokens], dim=1))).sum(dim=0)

    def rows_of(self, history: Tensor) -> Tensor:
        """The row of each n-gram: (B, memory + T) -> (number of sizes, B, T)."""
        n_new = history.shape[1] - self.memory
        total = torch.zeros_like(history[:, :n_new])
        found: list[Tensor] = []
        for back in range(max(self.sizes)):
            begin = self.memory - back
            total = (total + (history[:, begin : begin + n_new] + 1) * _FACTORS[back]) % _PRIME
            if back + 1 in self.sizes:
                found.append(total % self.rows + len(found) * self.rows)
        return torch.stack(found)
