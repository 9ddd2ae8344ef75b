"""Exercises on feeding a language model: windows of a long text, and one gradient from many micro-batches."""

import torch
from torch import Tensor

from aigc_course.exercises.draws import near, near_float32, normal_float32
from aigc_course.exercises.spec import Answer, Exercise, Misconception, Property, Rng


def windows(tokens: Tensor, starts: Tensor, context_length: int) -> tuple[Tensor, Tensor]:
    """Inputs and targets, (B, T) each: windows of T = context_length tokens (L,) that begin at starts (B,)."""
    places = starts[:, None] + torch.arange(context_length + 1)  # (B, T + 1)
    chosen = tokens[places]
    return chosen[:, :-1], chosen[:, 1:]


def accumulated_gradient(gradients: Tensor, counts: Tensor) -> Tensor:
    """Gradient (D,) of the mean loss over all tokens, from micro-batches' own mean gradients (K, D), counts (K,)."""
    return (counts[:, None] * gradients).sum(dim=0) / counts.sum()


def _cut(tokens: Tensor, starts: Tensor, length: int) -> Tensor:
    return tokens[starts[:, None] + torch.arange(length)]


def _tokens_and_starts(rng: Rng) -> tuple[Tensor, Tensor, int]:
    """Room on both sides of every window, so that mistakes give tokens too."""
    starts = torch.from_numpy(rng.integers(1, 8, size=int(rng.integers(2, 6))))
    tokens = torch.from_numpy(rng.integers(50, size=int(rng.integers(60, 80))))
    return tokens, starts, int(rng.integers(3, 7))


def _each_target_is_the_next_input(answer: Answer, rng: Rng) -> bool:
    inputs, targets = answer(*_tokens_and_starts(rng))
    return near(targets[:, :-1], inputs[:, 1:])


def _counting_goes_on(answer: Answer, rng: Rng) -> bool:
    tokens, starts, length = _tokens_and_starts(rng)
    first = int(rng.integers(1000))
    inputs, targets = answer(first + torch.arange(len(tokens)), starts, length)
    expected = first + starts[:, None] + torch.arange(length)
    return near(inputs, expected) and near(targets, expected + 1)


def _the_ends_of_the_text_are_reached(answer: Answer, rng: Rng) -> bool:
    tokens, _, length = _tokens_and_starts(rng)
    inputs, targets = answer(tokens, torch.tensor([0, len(tokens) - length - 1]), length)
    return near(inputs[0], tokens[:length]) and near(targets[1], tokens[-length:])


WINDOWS = Exercise(
    id="07.1",
    title="Windows and their targets",
    stars=1,
    minutes=6,
    inputs=_tokens_and_starts,
    reference=windows,
    hints=(
        "At each of its T places the model predicts the token that comes next. What does the last place predict?",
        "So a window takes T + 1 tokens of the text. Inputs and targets share all of them but one.",
        "Cut T + 1 tokens at each start; a loop and torch.stack will do. All without the last are the inputs, "
        "all without the first are the targets.",
        "Without a loop: tokens[starts[:, None] + torch.arange(context_length + 1)] is (B, T + 1).",
    ),
    properties=(
        Property(statement="each target is the input one place further", holds=_each_target_is_the_next_input),
        Property(
            statement="in a text that counts upwards every row begins at its start, and every target is its input "
            "plus 1",
            holds=_counting_goes_on,
        ),
        Property(
            statement="a window may begin at the first token of the text, and end at the last",
            holds=_the_ends_of_the_text_are_reached,
        ),
    ),
    misconceptions=(
        Misconception(
            name="targets that are the inputs",
            wrong=lambda tokens, starts, length: (_cut(tokens, starts, length), _cut(tokens, starts, length)),
            message="Your targets are the inputs themselves. The model sees the token that it is asked for: it would "
            "learn to copy, reach a loss of 0, and write nothing.",
        ),
        Misconception(
            name="targets one place back",
            wrong=lambda tokens, starts, length: (_cut(tokens, starts, length), _cut(tokens, starts - 1, length)),
            message="Your targets stand one place before the inputs, so that the model learns to say what it has just "
            "read. In which direction is a text written?",
        ),
        Misconception(
            name="windows one token short",
            wrong=lambda tokens, starts, length: (
                _cut(tokens, starts, length - 1),
                _cut(tokens, starts + 1, length - 1),
            ),
            message="The shift is right, but your rows are one token short of the context length: you divided a window "
            "of T tokens. How many tokens do T inputs and their T targets take together?",
        ),
        Misconception(
            name="one target a window",
            wrong=lambda tokens, starts, length: (_cut(tokens, starts, length), tokens[starts + length]),
            message="You gave each window one target, the token after its end. A GPT predicts at every place of the "
            "window at once, and learns from all of these predictions.",
        ),
        Misconception(
            name="the next window as targets",
            wrong=lambda tokens, starts, length: (_cut(tokens, starts, length), _cut(tokens, starts + length, length)),
            message="Your targets are the window that follows. Then each place is asked for a token a whole window "
            "away, instead of for the next one.",
        ),
        Misconception(
            name="starts counted in windows",
            wrong=lambda tokens, starts, length: (
                _cut(tokens, length * starts, length),
                _cut(tokens, length * starts + 1, length),
            ),
            message="You took the starts for numbers of windows and multiplied them by the context length. They are "
            "places in the text, counted in tokens.",
        ),
    ),
)


def _gradients_and_counts(rng: Rng) -> tuple[Tensor, Tensor]:
    """No two micro-batches have as many tokens."""
    parts = int(rng.integers(2, 6))
    counts = torch.from_numpy(rng.choice(40, size=parts, replace=False) + 1)
    return normal_float32(rng, parts, int(rng.integers(2, 6))), counts


def _the_big_batch_at_once(answer: Answer, rng: Rng) -> bool:
    _, counts = _gradients_and_counts(rng)
    per_token = normal_float32(rng, int(counts.sum()), 3)
    means = torch.stack([part.mean(dim=0) for part in per_token.split(counts.tolist())])
    return near_float32(answer(means, counts), per_token.mean(dim=0))


def _agreement_is_kept(answer: Answer, rng: Rng) -> bool:
    gradients, counts = _gradients_and_counts(rng)
    return near_float32(answer(gradients[:1].repeat(len(counts), 1), counts), gradients[0])


def _cutting_once_more_changes_nothing(answer: Answer, rng: Rng) -> bool:
    gradients, counts = _gradients_and_counts(rng)
    halves = answer(torch.cat([gradients, gradients]), torch.cat([counts, counts]))
    return near_float32(halves, answer(gradients, 2 * counts))


ACCUMULATION = Exercise(
    id="07.2",
    title="One gradient from many micro-batches",
    stars=2,
    minutes=8,
    inputs=_gradients_and_counts,
    reference=accumulated_gradient,
    absolute_tolerance=1e-5,  # gradients of opposite signs may cancel
    hints=(
        "A mean over everything is a sum over everything, divided once. You know each micro-batch's mean: what was "
        "its sum?",
        "Micro-batch k had counts[k] tokens, so its sum was counts[k] * gradients[k].",
        "Add up these sums and divide by the number of all tokens. counts[:, None] makes a column of the counts.",
    ),
    properties=(
        Property(
            statement="it is the gradient of the mean loss over all tokens in one batch", holds=_the_big_batch_at_once
        ),
        Property(statement="micro-batches that all agree give the gradient that they have", holds=_agreement_is_kept),
        Property(
            statement="cutting every micro-batch into two equal ones changes nothing",
            holds=_cutting_once_more_changes_nothing,
        ),
    ),
    misconceptions=(
        Misconception(
            name="the sum of the means",
            wrong=lambda gradients, _counts: gradients.sum(dim=0),
            message="You added the micro-batches' gradients up. The more pieces you cut a batch into, the larger its "
            "gradient would be, and with it the step.",
        ),
        Misconception(
            name="every micro-batch counts alike",
            wrong=lambda gradients, _counts: gradients.mean(dim=0),
            message="You took the plain mean over the micro-batches. A token in a small micro-batch then has more say "
            "than one in a large: right only where all are of one size.",
        ),
        Misconception(
            name="only the last one",
            wrong=lambda gradients, _counts: gradients[-1],
            message="Your result is the last micro-batch's gradient. In a training loop this is what happens where the "
            "gradients are set to zero before each micro-batch instead of before each step.",
        ),
        Misconception(
            name="weights that do not sum to 1",
            wrong=lambda gradients, counts: (counts[:, None] * gradients).sum(dim=0),
            message="The larger micro-batches do count for more, but your weights do not sum to 1: this is the "
            "gradient of the summed loss, not of the mean.",
        ),
        Misconception(
            name="divided by the micro-batches",
            wrong=lambda gradients, counts: (counts[:, None] * gradients).mean(dim=0),
            message="You turned means into sums over tokens and then divided by the number of micro-batches. The mean "
            "is one over what?",
        ),
        Misconception(
            name="means taken for sums",
            wrong=lambda gradients, counts: gradients.sum(dim=0) / counts.sum(),
            message="You divided by all tokens, as is right for gradients of summed losses. These are gradients of "
            "means: each has been divided once already.",
        ),
    ),
)

EXERCISES: tuple[Exercise, ...] = (WINDOWS, ACCUMULATION)
