"""From the newest token of each sequence to the logits of its next one: the cache, and what happens when it is full."""

from collections.abc import Sequence

import torch
from torch import Tensor

from aigc_course.models.gpt import GPT
from aigc_course.models.single_step import SingleStep


class Decoder:
    """Reads one new token of each sequence at a time; sequences may have different lengths.

    The window. As long as a sequence fits into the context, the model sees all of it. When it is one token longer, the
    model sees its last context_length // 2 tokens (at least one) as if the text began there, and the window grows
    again until it is full. The cache is thereby always what the model would compute anew from the window: keys and
    values can't just slide, since each was made from all tokens before it and from its own place. A sequence's window
    depends on its own length alone, never on the others in the batch.

    Cost. One token costs one pass of one token; every context_length // 2 tokens (rounded up) another pass reads half
    a context, which on average is less than one more token read for each token written.

    Args: histories: the tokens of each sequence so far, at least one each. The decoder keeps the lists, and the caller
        adds what is written to them.
    """

    def __init__(self, model: GPT, histories: Sequence[list[int]], max_new_tokens: int) -> None:
        self.step = SingleStep(model) if SingleStep.can_replace(model) else None
        self.model, self.histories = model, list(histories)
        self.context = model.config.context_length
        self.device = model.token_embedding.weight.device
        longest = max(len(self.window(history)) for history in self.histories)
        self.cache = model.new_cache(len(self.histories), longest + max_new_tokens)
        self._fill(range(len(self.histories)))

    def window(self, history: list[int]) -> list[int]:
        """What the model sees of a sequence of at most context_length + 1 tokens, or of a longer prompt."""
        return history if len(history) <= self.context else history[-max(1, self.context // 2) :]

    def logits(self, newest: Tensor) -> Tensor:
        """Logits (B, V) of each next token. Args: newest: (B, 1) the last token of each sequence, not yet read."""
        if self.cache.length == self.context:
            starts = self.cache.starts
            self._fill([row for row in range(len(starts)) if starts[row] == 0])
        return self.model(newest, self.cache)[:, -1] if self.step is None else self.step(newest, self.cache)

    def keep(self, rows: Sequence[int]) -> None:
        """Go on with these sequences alone, numbered anew from 0."""
        self.histories = [self.histories[row] for row in rows]
        self.cache.keep(rows)

    def _fill(self, rows: Sequence[int]) -> None:
        """Read the windows of `rows` anew, all but the newest token; those of one length in one pass."""
        groups: dict[int, list[int]] = {}
        windows = {row: self.window(self.histories[row])[:-1] for row in rows}
        for row, window in windows.items():
            groups.setdefault(len(window), []).append(row)
        for length in sorted(groups, reverse=True):
            same = groups[length]
            fresh = self.model.new_cache(len(same), length)
            if length:
                self.model.hidden(torch.tensor([windows[row] for row in same], device=self.device), fresh)
            self.cache.place(same, fresh)
