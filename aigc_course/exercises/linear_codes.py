"""Exercises on codes: the best plane, and codes drawn as the real ones are spread."""

from collections.abc import Callable

import torch
from torch import Tensor

from aigc_course.exercises.draws import near, normal, tensor
from aigc_course.exercises.spec import Answer, Exercise, Misconception, Property, Rng
from aigc_course.models.pca import PCA


def pca_restore(train: Tensor, new: Tensor, k: int) -> Tensor:
    """`new` (M, D) projected onto the plane of k dimensions that is nearest to `train` (N, D)."""
    return PCA.fit(train, k).restore(new)


def _images(rng: Rng) -> tuple[Tensor, Tensor, int]:
    """Training and new rows of one source with unequal directions and a mean off the origin; 1 <= k <= D - 2."""
    size = int(rng.integers(4, 7))
    axes, _ = torch.linalg.qr(normal(rng, size, size))
    spreads = 3.0 * 0.6 ** torch.arange(size, dtype=torch.float64)
    rows = (normal(rng, 46, size) * spreads) @ axes + 2 * normal(rng, size).sign() + normal(rng, size)
    return rows[:40], rows[40:], int(rng.integers(1, size - 1))


def _restored_twice_is_restored_once(answer: Answer, rng: Rng) -> bool:
    train, new, k = _images(rng)
    once = tensor(answer(train, new, k))
    return near(answer(train, once, k), once)


def _the_mean_is_restored(answer: Answer, rng: Rng) -> bool:
    train, _, k = _images(rng)
    mean = train.mean(dim=0, keepdim=True)
    return near(answer(train, mean, k), mean)


def _the_error_is_the_discarded_variance(answer: Answer, rng: Rng) -> bool:
    train, _, k = _images(rng)
    variances = torch.linalg.svdvals(train - train.mean(dim=0)).square() / len(train)  # largest first
    error = (tensor(answer(train, train, k)) - train).square().sum(dim=1).mean()
    return near(error, variances[k:].sum(), 1e-3)


def _rows_do_not_know_each_other(answer: Answer, rng: Rng) -> bool:
    train, new, k = _images(rng)
    return near(tensor(answer(train, new, k))[:2], answer(train, new[:2], k))


def _projected(train: Tensor, new: Tensor, k: int, *, mean: Tensor, largest: bool = True) -> Tensor:
    """`new` projected onto k directions of the spread of `train` around `mean`."""
    _, vectors = torch.linalg.eigh((train - mean).T @ (train - mean))  # ascending
    directions = vectors[:, -k:] if largest else vectors[:, :k]
    return (new - mean) @ directions @ directions.T + mean


def _whitened(train: Tensor, new: Tensor, k: int) -> Tensor:
    pca = PCA.fit(train, k)
    return pca.decode(pca.encode(new) / pca.encode(train).std(dim=0))


PCA_RESTORE = Exercise(
    id="03.3",
    title="The best linear autoencoder",
    stars=2,
    minutes=12,
    inputs=_images,
    reference=pca_restore,
    hints=(
        "Subtract the mean first and add it at the end. Whose mean, if the new images are to stay unseen?",
        "torch.linalg.eigh gives the eigenvalues of the covariance from the smallest to the largest, and the "
        "eigenvectors as columns.",
        "With U the last k columns: (new - mean) @ U is the code, and code @ U.T + mean the restored image.",
    ),
    properties=(
        Property(
            statement="what was restored once is not changed by restoring it again",
            holds=_restored_twice_is_restored_once,
        ),
        Property(statement="the mean of the training images is restored exactly", holds=_the_mean_is_restored),
        Property(
            statement="the squared error per training image is the sum of the D - k smallest variances",
            holds=_the_error_is_the_discarded_variance,
        ),
        Property(
            statement="each new image is restored without regard to the others", holds=_rows_do_not_know_each_other
        ),
    ),
    misconceptions=(
        Misconception(
            name="not centred",
            wrong=lambda train, new, k: _projected(train, new, k, mean=torch.zeros_like(train[0])),
            message="You left the mean in. The first direction then points at the mean image, and the plane must pass "
            "through a black image, where no digits are.",
        ),
        Misconception(
            name="the weakest directions",
            wrong=lambda train, new, k: _projected(train, new, k, mean=train.mean(dim=0), largest=False),
            message="You kept the directions with the smallest variances: eigh sorts in ascending order. What you kept "
            "is what can best be done without.",
        ),
        Misconception(
            name="fitted to the new images",
            wrong=lambda _, new, k: PCA.fit(new, k).restore(new),
            message="Your plane is fitted to the images that it is tested on. The training images are not used at all, "
            "and the error is too good to be true.",
        ),
        Misconception(
            name="the new images' mean",
            wrong=lambda train, new, k: (
                PCA.fit(train, k).restore(new - new.mean(dim=0) + train.mean(dim=0))
                - train.mean(dim=0)
                + new.mean(dim=0)
            ),
            message="The directions come from the training images, but the mean from the new ones. How an image is "
            "restored then depends on which others come with it.",
        ),
        Misconception(
            name="the mean forgotten at the end",
            wrong=lambda train, new, k: PCA.fit(train, k).restore(new) - train.mean(dim=0),
            message="The mean was subtracted and never added again: every restored image lacks it.",
        ),
        Misconception(
            name="whitened",
            wrong=_whitened,
            message="You divided the codes by their standard deviations and decoded them as they were. That makes the "
            "codes alike in size, and the images wrong.",
        ),
    ),
)


def draw_codes(codes: Tensor, noise: Tensor) -> Tensor:
    """Standard normal noise (M, K) made into codes with the mean and the covariance of `codes` (N, K)."""
    factor = torch.linalg.cholesky(torch.cov(codes.T))  # covariance = factor @ factor.T
    return codes.mean(dim=0) + noise @ factor.T


def _codes(rng: Rng) -> Tensor:
    """(500, K) codes whose dimensions differ in spread, depend on each other, and are not centred."""
    size = int(rng.integers(2, 5))
    mixing = normal(rng, size, size) + torch.diag(torch.linspace(1.0, 4.0, size).double())
    return normal(rng, 500, size) @ mixing + 5 + normal(rng, size)


def _codes_and_noise(rng: Rng) -> tuple[Tensor, Tensor]:
    codes = _codes(rng)
    return codes, normal(rng, 6, codes.shape[1])


def _no_noise_gives_the_mean(answer: Answer, rng: Rng) -> bool:
    codes = _codes(rng)
    return near(answer(codes, torch.zeros(3, codes.shape[1]).double()), codes.mean(dim=0).expand(3, -1), 1e-3)


def _covariance_is_that_of_the_codes(answer: Answer, rng: Rng) -> bool:
    """The noise is the identity, so that its second moment is exactly I / K: no chance in the comparison."""
    codes = _codes(rng)
    size = codes.shape[1]
    made = tensor(answer(codes, torch.eye(size).double())) - tensor(answer(codes, torch.zeros(size, size).double()))
    wanted = torch.cov(codes.T)
    return bool((made.T @ made - wanted).norm() < 0.02 * wanted.norm())


def _twice_the_noise_is_twice_as_far(answer: Answer, rng: Rng) -> bool:
    codes, noise = _codes_and_noise(rng)
    centre = codes.mean(dim=0)
    return near(tensor(answer(codes, 2 * noise)) - centre, 2 * (tensor(answer(codes, noise)) - centre), 1e-2)


def _coloured(root: Callable[[Tensor], Tensor], *, centred: bool = True) -> Answer:
    """noise @ root(covariance), with or without the mean."""

    def wrong(codes: Tensor, noise: Tensor) -> Tensor:
        return noise @ root(torch.cov(codes.T)) + (codes.mean(dim=0) if centred else 0)

    return wrong


DRAW_CODES = Exercise(
    id="03.7",
    title="Codes drawn as the real ones are spread",
    stars=3,
    minutes=15,
    inputs=_codes_and_noise,
    reference=draw_codes,
    unique=False,
    hints=(
        "If noise has the covariance I, what is the covariance of noise @ A?",
        "It is A.T @ A. So you need a root of the codes' covariance: a matrix that gives it when multiplied by its own "
        "transpose.",
        "torch.linalg.cholesky(torch.cov(codes.T)) gives L with L @ L.T = covariance. Which of L and L.T is your A?",
    ),
    properties=(
        Property(statement="noise of 0 gives the mean of the codes", holds=_no_noise_gives_the_mean),
        Property(
            statement="noise with covariance I becomes codes with the covariance of the real ones",
            holds=_covariance_is_that_of_the_codes,
        ),
        Property(statement="twice the noise is twice as far from the mean", holds=_twice_the_noise_is_twice_as_far),
    ),
    misconceptions=(
        Misconception(
            name="noise as it is",
            wrong=lambda _, noise: noise.clone(),
            message="You gave the noise back: N(0, I), which is where nobody has told the decoder what to paint.",
        ),
        Misconception(
            name="each dimension by itself",
            wrong=_coloured(lambda covariance: covariance.diagonal().sqrt().diag()),
            message="Mean and spread of every dimension are right, but you drew them independently. Real codes go "
            "together: where one number is high, others are high or low with it.",
        ),
        Misconception(
            name="the covariance, not its root",
            wrong=_coloured(lambda covariance: covariance),
            message="You multiplied the noise by the covariance itself. The result has the covariance *squared*, as a "
            "variance is the square of a factor.",
        ),
        Misconception(
            name="the root on the wrong side",
            wrong=_coloured(torch.linalg.cholesky),
            message="The root is right, but it stands the wrong way round: rows of noise times L have the covariance "
            "L.T @ L, and the covariance that you took apart is L @ L.T.",
        ),
        Misconception(
            name="the mean left out",
            wrong=_coloured(lambda covariance: torch.linalg.cholesky(covariance).T, centred=False),
            message="The spread is right, around 0. The real codes lie around their mean.",
        ),
    ),
)

EXERCISES = (PCA_RESTORE, DRAW_CODES)
