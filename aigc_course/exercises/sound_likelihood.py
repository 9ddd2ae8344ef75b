"""The exercise on the likelihood of sounds of unequal length in one batch: the padding is no data."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from aigc_course.exercises.draws import near, normal
from aigc_course.exercises.spec import Answer, Exercise, Misconception, Property, Rng

Batch = tuple[Tensor, Tensor, Tensor, Tensor]  # mean, log_sigma2, spectrogram, n_frames


def sound_log_likelihood(mean: Tensor, log_sigma2: Tensor, spectrogram: Tensor, n_frames: Tensor) -> Tensor:
    """log N(spectrogram; mean, sigma^2 I) in nats over each sound's first n_frames (B,) frames alone: (B,).

    mean and spectrogram are (B, F, T), log_sigma2 = log sigma^2 is (1,).
    """
    own = torch.arange(mean.shape[2]) < n_frames[:, None, None]  # (B, 1, T)
    nats = -0.5 * (math.log(2 * math.pi) + log_sigma2 + (spectrogram - mean).square() / log_sigma2.exp())
    return (nats * own).sum(dim=(1, 2))


def _padded_sounds(rng: Rng) -> Batch:
    """Lengths all different; no sound fills all frames, and none has as many as there are frequencies."""
    sounds, bins, frames = int(rng.integers(2, 5)), int(rng.integers(4, 7)), int(rng.integers(9, 13))
    n_frames = rng.choice([n for n in range(2, frames) if n != bins], size=sounds, replace=False)
    mean = normal(rng, sounds, bins, frames)
    spectrogram = mean + normal(rng, sounds, bins, frames, scale=float(rng.uniform(0.5, 1.5)))
    sign = float(rng.choice([-1, 1]))
    return mean, torch.tensor([sign * rng.uniform(0.4, 1.2)]).double(), spectrogram, torch.from_numpy(n_frames)


def _what_lies_beyond_does_not_count(answer: Answer, rng: Rng) -> bool:
    mean, log_sigma2, spectrogram, n_frames = _padded_sounds(rng)
    beyond = torch.arange(mean.shape[2]) >= n_frames[:, None, None]
    other = torch.where(beyond, 9.0, spectrogram)
    return near(answer(mean, log_sigma2, other, n_frames), answer(mean, log_sigma2, spectrogram, n_frames))


def _a_perfect_mean_leaves_the_constant(answer: Answer, rng: Rng) -> bool:
    mean, log_sigma2, _, n_frames = _padded_sounds(rng)
    per_number = -0.5 * (math.log(2 * math.pi) + log_sigma2.item())
    return near(answer(mean, log_sigma2, mean, n_frames), per_number * mean.shape[1] * n_frames)


def _an_error_of_sigma_costs_half_a_nat(answer: Answer, rng: Rng) -> bool:
    """In the last frame that counts."""
    mean, log_sigma2, spectrogram, n_frames = _padded_sounds(rng)
    sounds, row = torch.arange(len(mean)), int(rng.integers(mean.shape[1]))
    right, wrong = spectrogram.clone(), spectrogram.clone()
    right[sounds, row, n_frames - 1] = mean[sounds, row, n_frames - 1]
    wrong[sounds, row, n_frames - 1] = mean[sounds, row, n_frames - 1] + (log_sigma2 / 2).exp()
    cost = answer(mean, log_sigma2, right, n_frames) - answer(mean, log_sigma2, wrong, n_frames)
    return near(cost, torch.full((len(mean),), 0.5), 1e-3)


def _parts_add_up(answer: Answer, rng: Rng) -> bool:
    """A sound cut into two, each of whole frames."""
    mean, log_sigma2, spectrogram, n_frames = _padded_sounds(rng)
    first = torch.ones_like(n_frames)
    head = answer(mean, log_sigma2, spectrogram, first)
    tail = answer(mean[:, :, 1:], log_sigma2, spectrogram[:, :, 1:], n_frames - 1)
    return near(head + tail, answer(mean, log_sigma2, spectrogram, n_frames), 1e-3)


def _nats(mean: Tensor, log_sigma2: Tensor, spectrogram: Tensor) -> Tensor:
    return -0.5 * (math.log(2 * math.pi) + log_sigma2 + (spectrogram - mean).square() / log_sigma2.exp())


def _counting(frames_for: Callable[[Tensor, int], Tensor]) -> Answer:
    """Right but for the number of frames that count, made from n_frames and T."""

    def wrong(mean: Tensor, log_sigma2: Tensor, spectrogram: Tensor, n_frames: Tensor) -> Tensor:
        return sound_log_likelihood(mean, log_sigma2, spectrogram, frames_for(n_frames, mean.shape[2]))

    return wrong


def _mean_for_sum(mean: Tensor, log_sigma2: Tensor, spectrogram: Tensor, n_frames: Tensor) -> Tensor:
    return sound_log_likelihood(mean, log_sigma2, spectrogram, n_frames) / (n_frames * mean.shape[1])


def _no_constant(mean: Tensor, log_sigma2: Tensor, spectrogram: Tensor, n_frames: Tensor) -> Tensor:
    constant = 0.5 * math.log(2 * math.pi) * mean.shape[1] * n_frames
    return sound_log_likelihood(mean, log_sigma2, spectrogram, n_frames) + constant


def _sigma_for_its_square(mean: Tensor, log_sigma2: Tensor, spectrogram: Tensor, n_frames: Tensor) -> Tensor:
    return sound_log_likelihood(mean, 2 * log_sigma2, spectrogram, n_frames)


def _errors_over_sigma(mean: Tensor, log_sigma2: Tensor, spectrogram: Tensor, n_frames: Tensor) -> Tensor:
    """The squared errors are divided by sigma."""
    stretched = mean + (spectrogram - mean) * (log_sigma2 / 4).exp()
    return sound_log_likelihood(mean, log_sigma2, stretched, n_frames)


def _only_errors_masked(mean: Tensor, log_sigma2: Tensor, spectrogram: Tensor, n_frames: Tensor) -> Tensor:
    own = torch.arange(mean.shape[2]) < n_frames[:, None, None]
    return _nats(mean, log_sigma2, torch.where(own, spectrogram, mean)).sum(dim=(1, 2))


def _rows_masked(mean: Tensor, log_sigma2: Tensor, spectrogram: Tensor, n_frames: Tensor) -> Tensor:
    own = torch.arange(mean.shape[1])[:, None] < n_frames[:, None, None]  # (B, F, 1)
    return (_nats(mean, log_sigma2, spectrogram) * own).sum(dim=(1, 2))


SOUND_LIKELIHOOD = Exercise(
    id="10.6",
    title="The log-likelihood of sounds of unequal length",
    stars=2,
    minutes=10,
    inputs=_padded_sounds,
    reference=sound_log_likelihood,
    absolute_tolerance=1e-3,  # hundreds of terms of both signs
    differentiable=(0, 1),
    hints=(
        "First as if all frames counted: the log-density of a normal variable for each number, (B, F, T). It has three "
        "terms, one of which is a constant.",
        "log sigma^2 is given, so sigma^2 is log_sigma2.exp(). The density is -1/2 times (log 2 pi + log sigma^2 + "
        "squared error / sigma^2).",
        "torch.arange(T) < n_frames[:, None] is a mask (B, T): which frames are the sound's own. n_frames[:, None, "
        "None] makes it (B, 1, T), which fits (B, F, T).",
        "Multiply by the mask, all three terms of it, and sum over frequencies and frames: .sum(dim=(1, 2)).",
    ),
    properties=(
        Property(
            statement="what stands beyond a sound's last frame makes no difference",
            holds=_what_lies_beyond_does_not_count,
        ),
        Property(
            statement="a mean without errors leaves -1/2 (log 2 pi + log sigma^2) for each number of the sound",
            holds=_a_perfect_mean_leaves_the_constant,
        ),
        Property(
            statement="an error of sigma in one number of the last frame costs half a nat",
            holds=_an_error_of_sigma_costs_half_a_nat,
        ),
        Property(statement="a sound's parts add up to the whole", holds=_parts_add_up),
    ),
    misconceptions=(
        Misconception(
            name="the padding counted",
            wrong=_counting(lambda n_frames, length: torch.full_like(n_frames, length)),
            message="You summed over all frames. What lies beyond a sound's own is filling: a model that draws it well "
            "would look good by that, and short sounds most of all.",
        ),
        Misconception(
            name="only the errors masked",
            wrong=_only_errors_masked,
            message="You left out the padding's errors, but its log 2 pi and log sigma^2 are still in: the model is "
            "paid for frames that nobody recorded, the more the smaller its sigma is.",
        ),
        Misconception(
            name="the mean for the sum",
            wrong=_mean_for_sum,
            message="You averaged over the sound's numbers. The log-likelihood of all of them together is a sum; "
            "only that can be set against the KL term in nats.",
        ),
        Misconception(
            name="no constant",
            wrong=_no_constant,
            message="You left out log 2 pi. It changes no gradient, but without it the number is no log-likelihood, "
            "and models with other likelihoods can't be compared with it.",
        ),
        Misconception(
            name="sigma for its square",
            wrong=_sigma_for_its_square,
            message="You took log_sigma2 for the logarithm of sigma. It is that of sigma^2, the variance.",
        ),
        Misconception(
            name="squared errors over sigma",
            wrong=_errors_over_sigma,
            message="You divided the squared errors by sigma. A squared error has the unit of sigma^2, as the "
            "exponent must have none.",
        ),
        Misconception(
            name="one frame too few",
            wrong=_counting(lambda n_frames, _length: n_frames - 1),
            message="You left out each sound's last frame. Frames are counted from 0: with n of them, which is the "
            "last?",
        ),
        Misconception(
            name="one frame too many",
            wrong=_counting(lambda n_frames, _length: n_frames + 1),
            message="You counted one frame of the padding: with n frames, counted from 0, frame n is not among them.",
        ),
        Misconception(
            name="frequencies masked",
            wrong=_rows_masked,
            message="You masked along the frequencies: the spectrogram is (B, F, T), and n_frames counts along T.",
        ),
        Misconception(
            name="the loss",
            wrong=lambda *given: -sound_log_likelihood(*given),
            message="Your result is minus the log-likelihood, a loss. Worse sounds should get lower numbers here.",
        ),
    ),
)

EXERCISES: tuple[Exercise, ...] = (SOUND_LIKELIHOOD,)
