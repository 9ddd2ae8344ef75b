"""The exercise on coverage and recall: whose ball, whose share."""

from typing import Any

import torch
from torch import Tensor

from aigc_course.exercises.draws import near, normal
from aigc_course.exercises.spec import Answer, Exercise, Misconception, Property, Rng

Shares = tuple[float, float]


def coverage_and_recall(real_real: Tensor, real_fake: Tensor, fake_fake: Tensor, k: int) -> Shares:
    """(coverage, recall) from the distances between real images (M, M), real and fake (M, N), and fakes (N, N).

    The ball around an image reaches to its k-th nearest other image of its own set.
    """
    radius_real = real_real.sort(dim=1).values[:, k]  # at place 0 is the image itself
    radius_fake = fake_fake.sort(dim=1).values[:, k]
    covered = (real_fake <= radius_real[:, None]).any(dim=1)
    recalled = (real_fake <= radius_fake).any(dim=1)
    return covered.double().mean().item(), recalled.double().mean().item()


def _distances(real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    def between(x: Tensor, y: Tensor) -> Tensor:
        return torch.linalg.vector_norm(x[:, None] - y, dim=2)

    return between(real, real), between(real, fake), between(fake, fake)


def _distances_and_k(rng: Rng) -> tuple[Tensor, Tensor, Tensor, int]:
    """Of two sets of unequal size; the fakes are narrower in one direction, wider in the other."""
    n_real, n_fake = (int(n) for n in rng.permutation(range(8, 16))[:2])
    real, fake = normal(rng, n_real, 2), normal(rng, n_fake, 2) * torch.tensor([0.4, 2.0]).double()
    return *_distances(real, fake), int(rng.integers(1, 4))


def _copies_have_all(answer: Answer, rng: Rng) -> bool:
    real = normal(rng, int(rng.integers(6, 12)), 3)
    fake = real + normal(rng, *real.shape, scale=1e-6)
    return near(answer(*_distances(real, fake), 1), (1.0, 1.0))


def _one_of_two_groups(answer: Answer, rng: Rng) -> bool:
    """The fakes lie upon the first group of real images; the second is far away."""
    first, second = int(rng.integers(4, 8)), int(rng.integers(4, 8))
    copied = normal(rng, first, 2)
    real = torch.cat([copied, 1000 + normal(rng, second, 2)])
    share = first / (first + second)
    return near(answer(*_distances(real, copied + normal(rng, first, 2, scale=1e-6)), 2), (share, share))


def _scattered_far_out(answer: Answer, rng: Rng) -> bool:
    """Every distance between fakes is larger than that to the real images, which lie together in the middle."""
    real, angles = normal(rng, int(rng.integers(6, 12)), 2, scale=0.01), torch.arange(4).double() * torch.pi / 2
    return near(answer(*_distances(real, torch.stack([angles.cos(), angles.sin()], dim=1)), 1), (0.0, 1.0))


def _balls_end_at_the_kth_neighbour(answer: Answer, rng: Rng) -> bool:
    real_real, real_fake, fake_fake, k = _distances_and_k(rng)
    radius_real, radius_fake = (table.sort(dim=1).values[:, k] for table in (real_real, fake_fake))
    ones = torch.ones_like(real_fake)
    covers = [answer(real_real, ones * factor * radius_real[:, None], fake_fake, k)[0] for factor in (0.99, 1.01)]
    recalls = [answer(real_real, ones * factor * radius_fake, fake_fake, k)[1] for factor in (0.99, 1.01)]
    return near([covers[0], recalls[0], covers[1]], [1.0, 1.0, 0.0]) and near(recalls[1], 0.0)


def _shares(real_fake: Tensor, radius_real: Tensor, radius_fake: Tensor) -> Shares:
    covered = (real_fake <= radius_real[:, None]).any(dim=1)
    recalled = (real_fake <= radius_fake).any(dim=1)
    return covered.double().mean().item(), recalled.double().mean().item()


def _inside(real_real: Tensor, real_fake: Tensor, fake_fake: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """(M, N) bool, twice: the fake is in the real image's ball, the real image in the fake's."""
    radius_real, radius_fake = (table.sort(dim=1).values[:, k] for table in (real_real, fake_fake))
    return real_fake <= radius_real[:, None], real_fake <= radius_fake


def _share(inside: Tensor, dim: int) -> float:
    """Of the rows (dim = 1) or columns (dim = 0) with a True."""
    return inside.any(dim=dim).double().mean().item()


def _itself_counted(real_real: Tensor, real_fake: Tensor, fake_fake: Tensor, k: int) -> Shares:
    return coverage_and_recall(real_real, real_fake, fake_fake, k - 1)


def _over_the_fakes(*given: Any) -> Shares:
    in_real, in_fake = _inside(*given)
    return _share(in_real, 0), _share(in_fake, 0)


def _precision(*given: Any) -> Shares:
    in_real, _ = _inside(*given)
    return _share(in_real, 1), _share(in_real, 0)


def _real_balls_for_both(*given: Any) -> Shares:
    in_real, _ = _inside(*given)
    return _share(in_real, 1), _share(in_real, 1)


def _exchanged(*given: Any) -> Shares:
    coverage, recall = coverage_and_recall(*given)
    return recall, coverage


def _fakes_as_neighbours(_: Tensor, real_fake: Tensor, fake_fake: Tensor, k: int) -> Shares:
    nearest_fakes = real_fake.sort(dim=1).values[:, k - 1]
    return _shares(real_fake, nearest_fakes, fake_fake.sort(dim=1).values[:, k])


def _mean_of_the_nearest(real_real: Tensor, real_fake: Tensor, fake_fake: Tensor, k: int) -> Shares:
    radii = (table.sort(dim=1).values[:, 1 : k + 1].mean(dim=1) for table in (real_real, fake_fake))
    return _shares(real_fake, *radii)


def _farthest(real_real: Tensor, real_fake: Tensor, fake_fake: Tensor, k: int) -> Shares:
    return _shares(real_fake, *(table.topk(k, dim=1).values[:, -1] for table in (real_real, fake_fake)))


COVERAGE_AND_RECALL = Exercise(
    id="08.5",
    title="Coverage and recall",
    stars=2,
    minutes=12,
    inputs=_distances_and_k,
    reference=coverage_and_recall,
    hints=(
        "First the radii. Sort each row of real_real: the first number is 0, the image's distance to itself. At which "
        "place is the k-th of the others?",
        "Coverage: real_fake <= radius_real[:, None] compares row i, the fakes seen from the real image i, with its "
        "radius. Is any of them inside?",
        "Recall: real_fake <= radius_fake[None, :] compares column j with the radius of the fake j. Is the real image "
        "in any of these balls?",
        "Both are shares of the M real images: .any(dim=1), then the mean. They differ in whose ball it is.",
    ),
    properties=(
        Property(statement="fakes that are copies of all real images give 1 and 1", holds=_copies_have_all),
        Property(
            statement="fakes that copy one of two groups that are far apart give the group's share, twice",
            holds=_one_of_two_groups,
        ),
        Property(
            statement="four fakes far out on all sides have huge balls: coverage 0, but recall 1",
            holds=_scattered_far_out,
        ),
        Property(
            statement="a little nearer than the k-th neighbour is inside, a little further is outside",
            holds=_balls_end_at_the_kth_neighbour,
        ),
    ),
    misconceptions=(
        Misconception(
            name="itself among its neighbours",
            wrong=_itself_counted,
            message="You counted each image among its own neighbours. Its distance to itself is 0, the first in its "
            "sorted row, so your balls reach to the neighbour k - 1; for k = 1 they are empty.",
        ),
        Misconception(
            name="shares of the fakes",
            wrong=_over_the_fakes,
            message="You asked of each fake whether some ball fits, and averaged over the fakes. Then a generator that "
            "makes one good image again and again has full marks; ask of each real image.",
        ),
        Misconception(
            name="precision for recall",
            wrong=_precision,
            message="Your coverage is right. Your second number is precision, the share of the fakes that lie in a "
            "ball of a real image. Recall is the share of the *real* images that lie in a ball of a fake.",
        ),
        Misconception(
            name="the balls of the real images for both",
            wrong=_real_balls_for_both,
            message="Your coverage is right, but for recall too you used balls around real images. There it is the "
            "fakes that have balls.",
        ),
        Misconception(
            name="the two exchanged",
            wrong=_exchanged,
            message="Both numbers are right, but in the other order. Coverage has its balls around the real images, so "
            "that a fake far out, whose ball is huge, can't flatter it.",
        ),
        Misconception(
            name="the fakes as neighbours",
            wrong=_fakes_as_neighbours,
            message="Your real balls reach to the k-th nearest *fake*. Then each holds fakes whatever they look like, "
            "and coverage is always 1. The radius comes from the image's own set.",
        ),
        Misconception(
            name="the mean distance of the neighbours",
            wrong=_mean_of_the_nearest,
            message="Your radius is the mean distance of the k nearest. The ball reaches to the k-th itself.",
        ),
        Misconception(
            name="the farthest images",
            wrong=_farthest,
            message="Your balls reach nearly to the farthest image: topk gives the largest numbers unless told "
            "largest=False.",
        ),
    ),
)

EXERCISES: tuple[Exercise, ...] = (COVERAGE_AND_RECALL,)
