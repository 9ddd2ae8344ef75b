"""Sampling of tokens: what temperature, top-k, top-p and a penalty leave of a distribution; texts token by token."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from aigc_course.errors import TrainingError, UsageError
from aigc_course.models.decoding import Decoder
from aigc_course.models.gpt import GPT
from aigc_course.models.watermark import Watermark


@dataclass(frozen=True, kw_only=True, slots=True)
class SamplingSettings:
    """How the next token is chosen from the model's logits.

    Raises: UsageError if a value is out of range.
    """

    temperature: float = 1.0  # what logits are divided by, at least 0; 0: always the most probable token
    top_k: int | None = None  # how many of the most probable tokens are kept, at least 1; None: all
    top_p: float | None = None  # the probability that the kept ones reach together, in (0, 1]; None: all
    repetition_penalty: float = 1.0  # how much less probable tokens of the text so far become, above 0; 1: not at all
    watermark: Watermark | None = None  # what makes the text recognisable as generated; None: nothing

    def __post_init__(self) -> None:
        temperature, top_k, top_p, penalty = self.temperature, self.top_k, self.top_p, self.repetition_penalty
        if not 0 <= temperature < math.inf:
            raise UsageError(f"temperature = {temperature} is not allowed; it must be finite and at least 0")
        if top_k is not None and top_k < 1:
            raise UsageError(f"top_k = {top_k} is not allowed; it must be at least 1, or None to keep all tokens")
        if top_p is not None and not 0 < top_p <= 1:
            raise UsageError(f"top_p = {top_p} is not allowed; it must be in (0, 1], or None to keep all tokens")
        if not 0 < penalty < math.inf:
            raise UsageError(
                f"repetition_penalty = {penalty} is not allowed; it must be finite and above 0: "
                "1 changes nothing, 1.2 makes repeats less probable"
            )


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
    return _filtered(logits, SamplingSettings(temperature=temperature, top_k=top_k, top_p=top_p))


def _filtered(logits: Tensor, settings: SamplingSettings) -> Tensor:
    """`filter_logits` with settings that were checked before."""
    temperature, top_k, top_p = settings.temperature, settings.top_k, settings.top_p
    if temperature == 0:
        best = logits.argmax(dim=-1, keepdim=True)
        return torch.full_like(logits, -torch.inf).scatter(-1, best, 0.0)
    if temperature != 1:
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


def penalise_repeats(logits: Tensor, seen: Tensor, penalty: float) -> Tensor:
    """Divide the positive logits of seen tokens by the penalty, and multiply their negative ones by it.

    Args: logits: (..., V) float. seen: (..., V) bool. penalty: above 0; above 1 makes seen tokens less probable.
    Returns: (..., V).
    Source: Keskar et al. 2019, arXiv:1909.05858, Section 4.1, with the usual rule for negative logits.
    """
    return torch.where(seen, torch.where(logits > 0, logits / penalty, logits * penalty), logits)


class Sampler:
    """Draws the next token of each row by `settings`; `forbidden_ids` never, and `stop_id` without a penalty.

    Each row has its own stream of random numbers: what it draws doesn't depend on whether the others go on.
    """

    def __init__(
        self,
        settings: SamplingSettings,
        histories: Sequence[Sequence[int]],
        like: Tensor,
        generator: torch.Generator,
        forbidden_ids: Sequence[int],
        stop_id: int | None,
    ) -> None:
        self.settings, self.generator, self.stop_id = settings, generator, stop_id
        self.checked = False
        self.noise = like.new_empty(len(histories), like.shape[-1], dtype=torch.float32)  # (all rows, V)
        self.allowed = torch.zeros_like(self.noise[0])  # (V,): added to the logits
        self.allowed[list(forbidden_ids)] = -torch.inf
        self.newest = torch.tensor([history[-1:] for history in histories], device=like.device)  # (all rows, 1)
        self.seen = torch.zeros_like(self.noise, dtype=torch.bool) if settings.repetition_penalty != 1 else None
        for row, history in enumerate(histories if self.seen is not None else []):
            self._see(torch.tensor([row]), torch.tensor([history]))

    def draw(self, logits: Tensor, rows: Sequence[int]) -> Tensor:
        """The next tokens (b, 1) of the rows whose logits (b, V) these are. rows: their numbers, ascending."""
        logits = logits.float()
        if not self.checked:  # NaN in the weights shows in the first logits
            if logits.isnan().any():
                raise TrainingError(
                    "the model's logits are not numbers; its training has diverged: load another checkpoint"
                )
            self.checked = True
        chosen = None if len(rows) == len(self.noise) else torch.tensor(rows, device=logits.device)
        if self.seen is not None:
            seen = self.seen if chosen is None else self.seen[chosen]
            logits = penalise_repeats(logits, seen, self.settings.repetition_penalty)
        if self.settings.watermark is not None:
            before = self.newest if chosen is None else self.newest[chosen]
            logits = self.settings.watermark.apply(logits, before)
        logits = logits + self.allowed
        if self.settings.temperature == 0:
            newest = logits.argmax(dim=-1, keepdim=True)
        else:
            # The largest of p / e, with e exponentially distributed, is token i with probability p_i.
            noise = self.noise.exponential_(generator=self.generator)
            p = _filtered(logits, self.settings).softmax(dim=-1)
            newest = (p / (noise if chosen is None else noise[chosen])).argmax(dim=-1, keepdim=True)
        if self.seen is not None:
            self._see(torch.tensor(rows), newest)
        if self.settings.watermark is not None:
            self.newest[list(rows)] = newest
        return newest

    def _see(self, rows: Tensor, tokens: Tensor) -> None:
        assert self.seen is not None
        self.seen[rows[:, None], tokens] = True
        if self.stop_id is not None:
            self.seen[:, self.stop_id] = False


def stream_tokens(
    model: GPT,
    prompts: Sequence[Sequence[int]],
    *,
    max_new_tokens: int,
    stop_id: int | None,
    generator: torch.Generator,
    settings: SamplingSettings | None = None,
    forbidden_ids: Sequence[int] = (0,),
    is_done: Callable[[int, int], bool] | None = None,
) -> Iterator[list[tuple[int, int]]]:
    """Continue all prompts together; after each step the (row, token) pairs that are new, without stop tokens.

    Args:
        prompts: token ids, at least one each; of any lengths. Of more than the context the end counts: see `Decoder`.
        stop_id: the token that ends a row.
        forbidden_ids: are never drawn.
        is_done: called as is_done(row, token) after each token of a row; True ends the row behind that token.
    Raises: UsageError, before any work, if a value is not allowed.
    """
    if any(not prompt for prompt in prompts):
        raise UsageError("a prompt is empty; give at least one token, such as the one that begins a document")
    if max_new_tokens < 0:
        raise UsageError(f"max_new_tokens = {max_new_tokens} is not allowed; it must be at least 0")
    if len(set(forbidden_ids)) >= model.config.vocab_size:
        raise UsageError("forbidden_ids are all the tokens that there are; leave at least one")
    histories = [[int(token) for token in prompt] for prompt in prompts]
    weight = model.token_embedding.weight
    like = weight.new_empty(0, model.config.vocab_size)
    sampler = Sampler(settings or SamplingSettings(), histories, like, generator, forbidden_ids, stop_id)
    return _stream(model, histories, sampler, max_new_tokens, is_done) if histories and max_new_tokens else iter(())


def _stream(
    model: GPT,
    histories: list[list[int]],
    sampler: Sampler,
    max_new_tokens: int,
    is_done: Callable[[int, int], bool] | None,
) -> Iterator[list[tuple[int, int]]]:
    was_training, rows, going = model.training, list(range(len(histories))), [True] * len(histories)
    model.eval()
    try:
        with torch.inference_mode():
            decoder = Decoder(model, histories, max_new_tokens)
            newest = torch.tensor([history[-1:] for history in histories], device=decoder.device)  # (b, 1)
        for _ in range(max_new_tokens):
            with torch.inference_mode():  # entered at each step: between them the caller's own mode holds
                newest = sampler.draw(decoder.logits(newest), rows)
            written = []
            for row, (token,) in zip(rows, newest.tolist(), strict=True):
                histories[row].append(token)
                if going[row] and token != sampler.stop_id:
                    written.append((row, token))
                    going[row] = is_done is None or not is_done(row, token)
                else:
                    going[row] = False
            yield written
            left = [i for i, row in enumerate(rows) if going[row]]
            if not left:
                return
            if 2 * len(left) <= len(rows):  # seldom, as it copies the cache
                decoder.keep(left)
                newest, rows = newest[left], [rows[i] for i in left]
    finally:
        model.train(was_training)


def sample_tokens(
    model: GPT,
    prompts: Sequence[Sequence[int]],
    *,
    max_new_tokens: int,
    stop_id: int | None,
    generator: torch.Generator,
    settings: SamplingSettings | None = None,
    forbidden_ids: Sequence[int] = (0,),
) -> list[list[int]]:
    """The new tokens of each prompt, without the stop token. Arguments and errors: see `stream_tokens`."""
    written: list[list[int]] = [[] for _ in prompts]
    for new in stream_tokens(
        model,
        prompts,
        max_new_tokens=max_new_tokens,
        stop_id=stop_id,
        generator=generator,
        settings=settings,
        forbidden_ids=forbidden_ids,
    ):
        for row, token in new:
            written[row].append(token)
    return written
