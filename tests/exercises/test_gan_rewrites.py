"""Right answers of notebook 08 in other words, and the package's own versions of what they compute."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy.linalg import sqrtm
from torch import nn

from aigc_course.exercises.checking import judge
from aigc_course.exercises.registry import exercise
from aigc_course.losses import discriminator_bce, generator_non_saturating
from aigc_course.metrics import FeatureStatistics, frechet_distance, precision_recall
from aigc_course.models.augmentation import augment
from aigc_course.models.gan import Discriminator, GANConfig, Generator
from aigc_course.models.spectral import normalise_spectra


def sides_by_torch(side, layers):
    kinds = {"conv": nn.Conv2d, "transposed": nn.ConvTranspose2d}
    images = [torch.zeros(1, 1, side, side, device="meta")]
    for kind, *numbers in layers:
        images.append(kinds[kind](1, 1, *numbers, device="meta")(images[-1]))
    return [image.shape[-1] for image in images]


def sides_by_counting(side, layers):
    """The places of a kernel one by one; of a transposed one, the pixels that are written."""
    sides = [side]
    for kind, kernel, stride, padding in layers:
        if kind == "conv":
            side = len(range(-padding, side + padding - kernel + 1, stride))
        else:
            written = {place * stride + i for place in range(side) for i in range(kernel)}
            side = max(written) + 1 - 2 * padding
        sides.append(side)
    return tuple(sides)


def normalised_by_the_loop(weight, u, steps):
    matrix = weight.reshape(weight.shape[0], -1)
    fixed = matrix.detach()
    for _ in range(steps):
        v = fixed.mT.mv(u)
        v = v / v.norm()
        u = fixed.mv(v)
        u = u / u.norm()
    return weight.div((u[:, None] * matrix * v).sum()), u


def normalised_by_one_matrix(weight, u, steps):
    """All steps as a power of W W^T; only the last v is needed."""
    matrix = weight.flatten(1)
    with torch.no_grad():
        before = torch.linalg.matrix_power(matrix @ matrix.T, steps - 1) @ u
        v = before @ matrix / (before @ matrix).norm()
        u = matrix @ v / (matrix @ v).norm()
    return [weight / torch.einsum("i,ij,j", u, matrix, v), u]


def losses_by_the_package(discriminator, change, real, fake):
    parts = {"logits_real": discriminator(change(real)), "logits_fake": discriminator(change(fake.detach()))}
    return discriminator_bce(**parts), generator_non_saturating(logits_fake=discriminator(change(fake)))


def losses_by_targets(discriminator, change, real, fake):
    """The generator's step first; real and fake in one batch; labels as in many programs."""
    seen = discriminator(change(fake)).flatten()
    loss_g = F.binary_cross_entropy_with_logits(seen, torch.ones_like(seen))
    logits = discriminator(change(torch.cat([real, fake.detach()]))).flatten()
    on_real, on_fake = logits[: len(real)], logits[len(real) :]
    loss_d = F.binary_cross_entropy_with_logits(on_real, torch.ones_like(on_real))
    return [loss_d + F.binary_cross_entropy_with_logits(on_fake, torch.zeros_like(on_fake)), loss_g]


def frechet_by_eigenvalues(mean, covariance, other_mean, other):
    roots = torch.linalg.eigvals(covariance @ other).real.clamp(min=0).sqrt()
    return (mean - other_mean) @ (mean - other_mean) + (covariance + other).trace() - 2 * roots.sum()


def frechet_by_scipy(mean, covariance, other_mean, other):
    mean, covariance, other_mean, other = (moment.numpy() for moment in (mean, covariance, other_mean, other))
    root = sqrtm(sqrtm(covariance) @ other @ sqrtm(covariance)).real
    return np.square(mean - other_mean).sum() + np.trace(covariance + other - 2 * root)


def shares_by_loops(real_real, real_fake, fake_fake, k):
    rows, columns = real_fake.shape
    radius = [sorted(row)[k] for row in real_real.tolist()]
    reach = [sorted(row)[k] for row in fake_fake.tolist()]
    covered = sum(any(real_fake[i, j] <= radius[i] for j in range(columns)) for i in range(rows))
    recalled = sum(any(real_fake[i, j] <= reach[j] for j in range(columns)) for i in range(rows))
    return [covered / rows, recalled / rows]


def shares_by_nearest(real_real, real_fake, fake_fake, k):
    """The nearest fake decides coverage; recall by the distances minus the radii. Oneself is hidden by infinity."""

    def radii(distances):
        hidden = distances + torch.diag(torch.full((len(distances),), math.inf))
        return hidden.topk(k, largest=False).values[:, -1]

    coverage = (real_fake.min(1).values < radii(real_real)).float().mean()
    return coverage, ((real_fake - radii(fake_fake)[None]).amin(1) < 0).float().mean()


def walk_by_points(start, end, t):
    """The angle between directions by their sum and difference, which stays exact for small ones."""
    a, b = start / start.norm(), end / end.norm()
    theta = 2 * math.atan2((a - b).norm(), (a + b).norm())
    points = []
    for part in t.tolist():
        weights = [1 - part, part]
        if theta > 1e-8:
            weights = [math.sin(weight * theta) / math.sin(theta) for weight in weights]
        points.append(weights[0] * start + weights[1] * end)
    return points


def walk_by_turning(start, end, t):
    """Turn the direction of `start`, and let the length go evenly from one to the other."""
    along = start / start.norm()
    across = end - (end @ along) * along
    theta = torch.atan2(across.norm(), end @ along)
    directions = torch.outer((t * theta).cos(), along) + torch.outer((t * theta).sin(), F.normalize(across, dim=0))
    return directions * torch.lerp(start.norm(), end.norm(), t)[:, None]


def walk_by_numpy(start, end, t):
    a, b, t = start.numpy(), end.numpy(), t.numpy()
    theta = np.arccos(np.clip(np.dot(a / np.linalg.norm(a), b / np.linalg.norm(b)), -1, 1))
    if np.isclose(theta, 0):
        return np.outer(1 - t, a) + np.outer(t, b)
    return (np.outer(np.sin((1 - t) * theta), a) + np.outer(np.sin(t * theta), b)) / np.sin(theta)


REWRITES = [
    ("08.1", sides_by_torch),
    ("08.1", sides_by_counting),
    ("08.2", normalised_by_the_loop),
    ("08.2", normalised_by_one_matrix),
    ("08.3", losses_by_the_package),
    ("08.3", losses_by_targets),
    ("08.4", frechet_by_eigenvalues),
    ("08.4", frechet_by_scipy),
    ("08.5", shares_by_loops),
    ("08.5", shares_by_nearest),
    ("08.6", walk_by_points),
    ("08.6", walk_by_turning),
    ("08.6", walk_by_numpy),
]


@pytest.mark.parametrize(("exercise_id", "answer"), REWRITES)
def test_a_valid_rewrite_passes(exercise_id, answer):
    for seed in range(3):
        result = judge(exercise(exercise_id), answer, seed)
        assert result.status == "passed", result


def noted_sides(network, inputs):
    """The layers of a network in the order of their calls, and the sides before, between and behind them."""
    calls = []
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
            layer.register_forward_hook(lambda *call: calls.append(call))
    network(inputs)
    kinds = ["conv" if isinstance(layer, nn.Conv2d) else "transposed" for layer, _, _ in calls]
    numbers = [(layer.kernel_size[0], layer.stride[0], layer.padding[0]) for layer, _, _ in calls]
    layers = [(kind, *three) for kind, three in zip(kinds, numbers, strict=True)]
    return layers, [calls[0][1][0].shape[-1], *(result.shape[-1] for _, _, result in calls)]


def test_the_sides_are_those_of_the_packages_networks():
    config = GANConfig(image_size=32, width=8)
    layers, sides = noted_sides(Generator(config), torch.zeros(2, config.latent_dim))
    assert exercise("08.1").reference(4, layers) == sides == [4, 8, 16, 32]
    layers, sides = noted_sides(Discriminator(config), torch.zeros(2, 3, 32, 32))
    assert exercise("08.1").reference(32, layers) == sides == [32, 16, 8, 4]


def test_many_steps_give_the_weight_that_the_package_gives():
    torch.manual_seed(0)
    layer = nn.Conv2d(3, 5, kernel_size=3).double()
    weight = layer.weight.detach().clone()
    network = nn.Sequential(layer)
    normalise_spectra(network)
    for _ in range(300):
        network(torch.zeros(1, 3, 3, 3).double())
    mine, u = exercise("08.2").reference(weight, torch.ones(5).double(), 300)
    torch.testing.assert_close(mine, network.eval()[0].weight, rtol=1e-8, atol=0)
    assert u.norm().item() == pytest.approx(1, abs=1e-12)


def test_the_losses_take_the_packages_augmentation():
    """Random changes: a discriminator that sees the mean brightness alone, and contrast, which leaves it alone."""

    def discriminator(images):
        return images.mean(dim=(1, 2, 3))

    def change(images):
        return augment(images, ["contrast"])

    torch.manual_seed(0)
    real, fake = torch.rand(4, 3, 8, 8), torch.rand(5, 3, 8, 8)
    loss_d, loss_g = exercise("08.3").reference(discriminator, change, real, fake)
    logits = {"logits_real": discriminator(real), "logits_fake": discriminator(fake)}
    torch.testing.assert_close(loss_d, discriminator_bce(**logits))
    torch.testing.assert_close(loss_g, generator_non_saturating(logits_fake=discriminator(fake)))


def test_the_distance_is_that_of_the_package():
    item = exercise("08.4")
    for seed in range(5):
        mean, covariance, other_mean, other = item.inputs(np.random.default_rng(seed))
        real = FeatureStatistics.from_moments(count=50, mean=mean, covariance=covariance)
        fake = FeatureStatistics.from_moments(count=60, mean=other_mean, covariance=other)
        mine = item.reference(mean, covariance, other_mean, other)
        assert mine == pytest.approx(frechet_distance(real, fake), rel=1e-9)


@pytest.mark.parametrize("k", [1, 3])
def test_the_shares_are_those_of_the_package(k):
    real, fake = (torch.randn(n, 3, generator=torch.Generator().manual_seed(n)).double() for n in (60, 45))
    fake[:20, 0] += 3
    scores = precision_recall(real=real, fake=fake, k=k)
    tables = torch.cdist(real, real), torch.cdist(real, fake), torch.cdist(fake, fake)
    assert exercise("08.5").reference(*tables, k) == pytest.approx((scores.coverage, scores.recall))
    assert 0.1 < scores.coverage < scores.recall - 0.1 < 0.89


def frechet_without_a_clamp(mean, covariance, other_mean, other):
    roots = torch.linalg.eigvals(covariance @ other).real.sqrt()
    return (mean - other_mean).square().sum() + (covariance + other).trace() - 2 * roots.sum()


def walk_with_a_small_number_below(start, end, t):
    theta = F.cosine_similarity(start, end, dim=0).acos()
    weights = [(part * theta).sin() / (theta.sin() + 1e-12) for part in (1 - t, t)]
    return weights[0][:, None] * start + weights[1][:, None] * end


def normalised_with_a_gradient_to_u(weight, u, steps):
    """Only what comes back is detached; the steps' own gradient is still in sigma."""
    matrix = weight.flatten(1)
    for _ in range(steps):
        v = F.normalize(matrix.T @ u, dim=0)
        u = F.normalize(matrix @ v, dim=0)
    return weight / (u @ matrix @ v), u.detach()


def losses_without_a_mean(discriminator, change, real, fake):
    loss_d, loss_g = exercise("08.3").reference(discriminator, change, real, fake)
    return loss_d, loss_g * len(fake)


NOT_LISTED = [
    ("08.2", normalised_with_a_gradient_to_u, "wrong gradient"),
    ("08.3", losses_without_a_mean, "wrong value"),
    ("08.4", frechet_without_a_clamp, "not finite"),
    ("08.6", walk_with_a_small_number_below, "wrong at extremes"),
]


@pytest.mark.parametrize(("exercise_id", "answer", "kind"), NOT_LISTED)
def test_a_mistake_that_is_not_listed_is_found(exercise_id, answer, kind):
    result = judge(exercise(exercise_id), answer, seed=0)
    assert (result.status, result.kind, result.misconception) == ("failed", kind, None), result


def test_an_angle_that_was_clamped_is_the_same_mistake():
    def answer(start, end, t):
        theta = (start @ end).clamp(-1, 1).acos()
        weights = torch.stack([((1 - t) * theta).sin(), (t * theta).sin()], dim=1) / theta.sin()
        return weights @ torch.stack([start, end])

    assert judge(exercise("08.6"), answer, seed=0).misconception == "the lengths in the cosine"
