"""The exercise on free bits: what a batch is charged for its KL."""

import numpy as np
import torch
from torch import Tensor

from aigc_course.exercises.draws import near_float32, tensor
from aigc_course.exercises.spec import Answer, Exercise, Misconception, Property, Rng


def free_bits_kl(kl: Tensor, free: float) -> Tensor:
    """The sum over groups of max(free, the batch's mean): kl (B, L), nats of each image and group -> a scalar."""
    return kl.mean(dim=0).clamp(min=free).sum()


def _with_means(rng: Rng, images: int, means: np.ndarray) -> Tensor:
    """(images, groups), positive, each column scattered around its mean."""
    spread = rng.exponential(size=(images, len(means))) + 0.01
    return torch.from_numpy(spread / spread.mean(axis=0) * means).float()


def _kl_and_free(rng: Rng) -> tuple[Tensor, float]:
    """Some groups are below the floor on the mean of the batch, some above; single images are on both sides of it."""
    images, groups = (int(n) for n in rng.permutation(range(3, 9))[:2])
    n_below, free = int(rng.integers(1, groups)), float(rng.uniform(0.3, 3))
    shares = np.concatenate([rng.uniform(0.4, 0.8, n_below), rng.uniform(1.3, 2.5, groups - n_below)])
    return _with_means(rng, images, free * rng.permutation(shares)), free


def _nothing_free_is_the_kl(answer: Answer, rng: Rng) -> bool:
    kl, _ = _kl_and_free(rng)
    return near_float32(answer(kl, 0.0), kl.sum() / len(kl))


def _at_the_prior_the_floors_remain(answer: Answer, rng: Rng) -> bool:
    kl, free = _kl_and_free(rng)
    return near_float32(answer(torch.zeros_like(kl), free), kl.shape[1] * free)


def _who_pays_does_not_matter(answer: Answer, rng: Rng) -> bool:
    """Each group's nats may be spread over the images in any way."""
    kl, free = _kl_and_free(rng)
    return near_float32(answer(kl.mean(dim=0).expand_as(kl), free), answer(kl, free))


def _groups_do_not_share(answer: Answer, rng: Rng) -> bool:
    kl, free = _kl_and_free(rng)
    parts = [tensor(answer(column[:, None], free)) for column in kl.T]
    return near_float32(answer(kl, free), torch.stack(parts).sum())


def _above_the_floor_a_nat_costs_a_nat(answer: Answer, rng: Rng) -> bool:
    kl, free = _kl_and_free(rng)
    kl = kl + free
    return near_float32(tensor(answer(kl + 1, free)) - tensor(answer(kl, free)), float(kl.shape[1]))


def _zero_below(kl: Tensor, free: float) -> Tensor:
    means = kl.mean(dim=0)
    return torch.where(means > free, means, 0.0).sum()


FREE_BITS = Exercise(
    id="09.4",
    title="Free bits",
    stars=2,
    minutes=8,
    inputs=_kl_and_free,
    reference=free_bits_kl,
    differentiable=(0,),
    hints=(
        "Three steps: a mean, a floor, a sum. In which order, and over which dimension of the table each?",
        "The floor is for what a group costs on average: one image may need many nats, another none. So the mean over "
        "the batch, dim=0, comes first.",
        ".clamp(min=free) raises what is smaller, and has no gradient there; then add up the groups.",
    ),
    properties=(
        Property(statement="with nothing free it is the batch's mean KL", holds=_nothing_free_is_the_kl),
        Property(
            statement="where q is the prior, as many nats remain as are free in all groups together",
            holds=_at_the_prior_the_floors_remain,
        ),
        Property(
            statement="how a group's nats are spread over the images does not matter",
            holds=_who_pays_does_not_matter,
        ),
        Property(
            statement="the groups count for themselves: what one leaves unused is no use to another",
            holds=_groups_do_not_share,
        ),
        Property(
            statement="well above the floor, one nat more in each group costs one nat a group",
            holds=_above_the_floor_a_nat_costs_a_nat,
        ),
    ),
    misconceptions=(
        Misconception(
            name="the floor before the mean",
            wrong=lambda kl, free: kl.clamp(min=free).mean(dim=0).sum(),
            message="You applied the floor to each image. Then an image with little to say still costs all that is "
            "free, and one that needs more gets no credit for it. What is free is free on the batch's mean.",
        ),
        Misconception(
            name="one floor for all groups",
            wrong=lambda kl, free: kl.mean(dim=0).sum().clamp(min=free),
            message="You applied one floor to the sum. Then one group may use all that is free, and the others still "
            "collapse: each group has a floor of its own.",
        ),
        Misconception(
            name="all floors in one",
            wrong=lambda kl, free: kl.mean(dim=0).sum().clamp(min=free * kl.shape[1]),
            message="You compared the sum of the KL with the sum of what is free. Then one group may use up what is "
            "free for all, and the others still collapse: each group has a floor of its own.",
        ),
        Misconception(
            name="a ceiling",
            wrong=lambda kl, free: kl.mean(dim=0).clamp(max=free).sum(),
            message="You took the smaller of the two: a ceiling. Everything above it would be free, and the code "
            "could grow at no cost. (clamp(min=…) is what raises small numbers; min() is not.)",
        ),
        Misconception(
            name="the free part taken off",
            wrong=lambda kl, free: (kl.mean(dim=0) - free).clamp(min=0).sum(),
            message="You charge what lies above the floor alone. The gradient is the same, but the value is too small "
            "by the floors, and beside the reconstruction it looks better than any bound. The KL itself is to remain "
            "where it is above the floor.",
        ),
        Misconception(
            name="subtracted without a floor",
            wrong=lambda kl, free: (kl.mean(dim=0) - free).sum(),
            message="You subtract a constant. That changes no gradient, so a group that is given up still is; below "
            "the floor the loss must stop falling.",
        ),
        Misconception(
            name="nothing below the floor",
            wrong=_zero_below,
            message="Groups below the floor count 0 in your sum. Then a group that grows past the floor makes the "
            "loss jump up by all that was free. max(free, KL) has no jump.",
        ),
        Misconception(
            name="averaged over the groups",
            wrong=lambda kl, free: kl.mean(dim=0).clamp(min=free).mean(),
            message="You averaged over the groups. Their divergences add up, as log q and log p do; only the images "
            "are averaged.",
        ),
        Misconception(
            name="summed over the batch",
            wrong=lambda kl, free: kl.sum(dim=0).clamp(min=free).sum(),
            message="You added up the images before the floor. Then the sum of a large batch is above it whatever the "
            "groups do, and nothing is free. free is in nats per image.",
        ),
        Misconception(
            name="a floor for each image",
            wrong=lambda kl, free: kl.mean(dim=1).clamp(min=free).sum(),
            message="You averaged over the groups of each image (dim=1), and gave each image a floor. The rows are "
            "images: their mean, over dim=0, is what a group costs.",
        ),
    ),
)

EXERCISES: tuple[Exercise, ...] = (FREE_BITS,)
