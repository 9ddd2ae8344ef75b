"""The exercise on black-and-white images: their log-likelihood from logits of any size."""

import itertools
import math

import torch
import torch.nn.functional as F
from torch import Tensor

from aigc_course.exercises.draws import near_float32, normal_float32, tensor
from aigc_course.exercises.spec import Answer, Exercise, Misconception, Property, Rng


def bernoulli_log_likelihood(logits: Tensor, pixels: Tensor) -> Tensor:
    """log p(x | z) of each image, in nats: logits (B, D) of a white pixel, pixels (B, D), 0 or 1 -> (B,)."""
    return (F.logsigmoid(logits) * pixels + F.logsigmoid(-logits) * (1 - pixels)).sum(dim=1)


def _binary(rng: Rng, *shape: int) -> Tensor:
    return torch.from_numpy(rng.integers(0, 2, size=shape)).float()


def _logits_and_pixels(rng: Rng) -> tuple[Tensor, Tensor]:
    images, pixels = (int(n) for n in rng.permutation(range(3, 8))[:2])
    return normal_float32(rng, images, pixels, scale=2.0), _binary(rng, images, pixels)


def _all_images_have_probability_one(answer: Answer, rng: Rng) -> bool:
    size = int(rng.integers(2, 5))
    images = torch.tensor(list(itertools.product([0.0, 1.0], repeat=size)))
    logits = normal_float32(rng, 1, size, scale=2.0).expand(len(images), -1)
    return near_float32(tensor(answer(logits, images)).exp().sum(), 1.0)


def _a_logit_is_the_log_odds(answer: Answer, rng: Rng) -> bool:
    logits, pixels = _logits_and_pixels(rng)
    white, black = pixels.clone(), pixels.clone()
    white[:, 0], black[:, 0] = 1, 0
    return near_float32(tensor(answer(logits, white)) - tensor(answer(logits, black)), logits[:, 0].double())


def _a_guess_costs_log_two(answer: Answer, rng: Rng) -> bool:
    _, pixels = _logits_and_pixels(rng)
    images, size = pixels.shape
    return near_float32(answer(torch.zeros_like(pixels), pixels), torch.full((images,), -size * math.log(2)))


def _a_sure_mistake_costs_its_logit(answer: Answer, rng: Rng) -> bool:
    pixels = torch.tensor([[1.0], [0.0]])
    size = float(rng.uniform(100, 200))
    return near_float32(answer(size * (1 - 2 * pixels), pixels), torch.full((2,), -size))


def _by_hand(p: Tensor, pixels: Tensor, floor: float = 0.0) -> Tensor:
    return (pixels * (p + floor).log() + (1 - pixels) * (1 - p + floor).log()).sum(dim=1)


def _mean_over_pixels(logits: Tensor, pixels: Tensor) -> Tensor:
    return bernoulli_log_likelihood(logits, pixels) / pixels.shape[1]


BERNOULLI = Exercise(
    id="09.1",
    title="The log-likelihood of a black-and-white image",
    stars=1,
    minutes=8,
    inputs=_logits_and_pixels,
    reference=bernoulli_log_likelihood,
    extremes=((torch.tensor([[200.0, -200.0], [-200.0, 200.0]]), torch.tensor([[1.0, 0.0], [1.0, 0.0]])),),
    hints=(
        "A white pixel counts log sigmoid(a), a black one log(1 - sigmoid(a)). Both are 0 or less; so is the result.",
        "1 - sigmoid(a) = sigmoid(-a). So a function that gives log sigmoid without rounding it away is all you need: "
        "look for one in torch.nn.functional.",
        "F.logsigmoid(logits) where the pixel is 1, F.logsigmoid(-logits) where it is 0, then the sum over dim=1. "
        "(Or minus F.binary_cross_entropy_with_logits with reduction='none', summed over dim=1.)",
    ),
    properties=(
        Property(
            statement="the probabilities of all 2^D images sum to 1",
            holds=_all_images_have_probability_one,
        ),
        Property(
            statement="making a pixel white instead of black adds its logit, the log-odds",
            holds=_a_logit_is_the_log_odds,
        ),
        Property(statement="with all logits 0 a pixel costs log 2", holds=_a_guess_costs_log_two),
        Property(
            statement="a pixel of which the decoder is wrongly sure costs as many nats as its logit is away from 0",
            holds=_a_sure_mistake_costs_its_logit,
        ),
    ),
    misconceptions=(
        Misconception(
            name="the logarithm of a rounded sigmoid",
            wrong=lambda logits, pixels: _by_hand(logits.sigmoid(), pixels),
            message="Correct on paper, and for logits of moderate size. But in float32 sigmoid(200) is exactly 1, "
            "sigmoid(-200) exactly 0 and exp(200) infinite: a logarithm taken afterwards is infinite or nan. Take "
            "sigmoid and logarithm in one step.",
        ),
        Misconception(
            name="a small number inside the logarithm",
            wrong=lambda logits, pixels: _by_hand(logits.sigmoid(), pixels, floor=1e-8),
            message="You keep the logarithm from 0 by a small number or a limit. Then a pixel of which the decoder is "
            "wrongly sure costs no more than so many nats (18 for 1e-8), and has no gradient: the worst mistakes are "
            "not learned from. Take sigmoid and logarithm in one step.",
        ),
        Misconception(
            name="averaged over the pixels",
            wrong=_mean_over_pixels,
            message="You averaged over the pixels. They are independent given z, so their probabilities multiply and "
            "the logarithms add up. The mean is D times too small beside a KL that is summed.",
        ),
        Misconception(
            name="one number for the whole batch",
            wrong=lambda logits, pixels: bernoulli_log_likelihood(logits, pixels).sum(),
            message="You added up the whole batch. Each image has a log-likelihood of its own; give one number for "
            "each.",
        ),
        Misconception(
            name="averaged over images and pixels",
            wrong=lambda logits, pixels: -F.binary_cross_entropy_with_logits(logits, pixels),
            message="One number came back, the mean over all pixels of all images: that is what torch's loss gives "
            "unless told reduction='none'. Sum over the pixels, and keep the images apart.",
        ),
        Misconception(
            name="the sign",
            wrong=lambda logits, pixels: -bernoulli_log_likelihood(logits, pixels),
            message="This is the negative log-likelihood, the loss. A probability is at most 1, so its logarithm is "
            "never above 0.",
        ),
        Misconception(
            name="logits and pixels exchanged",
            wrong=lambda logits, pixels: bernoulli_log_likelihood(pixels, logits),
            message="You exchanged the two: the pixels went through the sigmoid, and the logits were taken for "
            "pixels. torch's losses take the prediction first and the target second.",
        ),
        Misconception(
            name="the sigmoid twice",
            wrong=lambda logits, pixels: bernoulli_log_likelihood(logits.sigmoid(), pixels),
            message="The sigmoid was applied twice: a function with 'logits' or 'logsigmoid' in its name has it "
            "inside. Of a number in (0, 1) it gives 0.5 to 0.73: no pixel could ever be black with certainty.",
        ),
        Misconception(
            name="the sigmoid is missing",
            wrong=lambda logits, pixels: (pixels * logits).sum(dim=1),
            message="You added up the logits of the white pixels. A logit is log p - log(1 - p), not log p: the part "
            "that makes the probabilities of black and white sum to 1 is missing.",
        ),
        Misconception(
            name="the white pixels alone",
            wrong=lambda logits, pixels: (pixels * F.logsigmoid(logits)).sum(dim=1),
            message="Only white pixels count in your sum. A decoder that makes everything white would be perfect; a "
            "black pixel has a probability too, 1 - sigmoid(a).",
        ),
        Misconception(
            name="black for white",
            wrong=lambda logits, pixels: bernoulli_log_likelihood(logits, 1 - pixels),
            message="You took the logit for that of a black pixel. sigmoid(a) is the probability that the pixel is 1.",
        ),
    ),
)

EXERCISES: tuple[Exercise, ...] = (BERNOULLI,)
