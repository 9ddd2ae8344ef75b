"""Right answers of notebook 16 in other words, and the package's and torch's own versions of what they compute."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy.special import log_softmax
from torch.distributions import Categorical, Normal

from aigc_course.exercises.checking import judge
from aigc_course.exercises.posterior_term import article_term
from aigc_course.exercises.registry import exercise
from aigc_course.losses import categorical_nll, kl_standard_normal
from aigc_course.plots.images import _as_uint8


def gap_by_the_package(mu, logvar):
    return kl_standard_normal(mu, logvar) - 0.5 * logvar.sum(1) - mu.shape[1] / 2


def gap_by_dimensions(mu, logvar):
    """One example and one latent dimension after the other."""
    rows = []
    for means, logs in zip(mu.tolist(), logvar.tolist(), strict=True):
        rows.append(sum((m * m + math.exp(v)) / 2 - 1 - v for m, v in zip(means, logs, strict=True)))
    return rows


def gap_by_entropies(mu, logvar):
    """Cross-entropy to the prior minus twice the entropy of q; both hold log sqrt(2 pi), which is in neither term."""
    entropy = Normal(mu, logvar.div(2).exp()).entropy()
    to_the_prior = 0.5 * (mu**2 + logvar.exp() + math.log(2 * math.pi))
    return (to_the_prior - 2 * entropy + 0.5 * math.log(2 * math.pi)).sum(-1)


def cross_entropy_by_torch(logits, targets):
    return F.cross_entropy(logits, targets)


def cross_entropy_by_logsumexp(logits, targets):
    """The targets of a row sum to 1, so the logarithm of the sum stands alone."""
    return (logits.logsumexp(1) - torch.einsum("nk,nk->n", targets, logits)).mean()


def cross_entropy_by_categorical(logits, targets):
    classes = torch.arange(logits.shape[1])[:, None]
    log_p = Categorical(logits=logits).log_prob(classes).T  # (K, N) -> (N, K)
    return -torch.where(targets > 0, targets * log_p, 0).sum() / len(logits)


def cross_entropy_by_numpy(logits, targets):
    return -np.mean(np.sum(targets.numpy() * log_softmax(logits.numpy(), axis=1), axis=1))


def shown_by_loops(images):
    count, _, height, width = images.shape
    out = np.zeros((count, height, width, 3))
    for place in np.ndindex(count, height, width):
        for c in range(3):
            out[place][c] = min(max((images[place[0], c, place[1], place[2]].item() + 1) / 2, 0), 1)
    return out


def shown_by_stacking(images):
    return torch.stack([images[:, c] for c in range(3)], dim=-1).clamp(-1, 1).add(1).div(2)


def shown_by_numpy(images):
    return np.clip(np.moveaxis(images.numpy(), 1, -1) / 2 + 0.5, 0, 1)


REWRITES = [
    ("16.1", gap_by_the_package),
    ("16.1", gap_by_dimensions),
    ("16.1", gap_by_entropies),
    ("16.2", cross_entropy_by_torch),
    ("16.2", cross_entropy_by_logsumexp),
    ("16.2", cross_entropy_by_categorical),
    ("16.2", cross_entropy_by_numpy),
    ("16.3", shown_by_loops),
    ("16.3", shown_by_stacking),
    ("16.3", shown_by_numpy),
]


@pytest.mark.parametrize(("exercise_id", "answer"), REWRITES)
def test_a_valid_rewrite_passes(exercise_id, answer):
    for seed in range(3):
        result = judge(exercise(exercise_id), answer, seed)
        assert result.status == "passed", result


def test_term_and_gap_are_what_they_are_called_by_sampling():
    """log q and log p averaged over samples, and epsilon^2 as it was drawn."""
    mu, logvar = torch.tensor([[0.7, -1.2]]).double(), torch.tensor([[-0.8, 0.5]]).double()
    noise = torch.randn(200_000, 2, generator=torch.Generator().manual_seed(0)).double()
    z = mu + (0.5 * logvar).exp() * noise
    term = (0.5 * logvar + 0.5 * noise.square()).sum(dim=1)
    q, p = Normal(mu, (0.5 * logvar).exp()), Normal(0.0, 1.0)
    lacking = (q.log_prob(z) - p.log_prob(z)).sum(dim=1) - term
    for sampled, exact in ((term, article_term(logvar)), (lacking, exercise("16.1").reference(mu, logvar))):
        error = 4 * sampled.std().item() / math.sqrt(len(noise))
        assert sampled.mean().item() == pytest.approx(exact.item(), abs=error)
        assert error < 0.05


def test_cross_entropy_is_that_of_the_package():
    logits, targets = exercise("16.2").inputs(np.random.default_rng(0))
    mine = exercise("16.2").reference(logits, targets)
    torch.testing.assert_close(mine, categorical_nll(logits, targets).mean())


def test_images_are_shown_as_the_package_shows_them():
    images = torch.rand(2, 3, 4, 5, generator=torch.Generator().manual_seed(0)) * 2 - 1
    mine = (255 * exercise("16.3").reference(images)).round().to(torch.uint8).permute(0, 3, 1, 2)
    assert torch.equal(mine, _as_uint8(images))


def gap_by_the_logarithm_of_a_variance(mu, logvar):
    return (0.5 * (mu.square() + logvar.exp()) - 1 - logvar.exp().log()).sum(dim=1)


def gap_without_the_prior(mu, logvar):
    return -2 * article_term(logvar) + 0 * mu.sum(dim=1)


def cross_entropy_of_clipped_probabilities(logits, targets):
    return -(targets * logits.softmax(dim=1).clamp(min=1e-30).log()).sum(dim=1).mean()


def cross_entropy_less_the_batch_mean(logits, targets):
    shifted = logits - logits.mean()
    return -(targets * (shifted - shifted.exp().sum(dim=1, keepdim=True).log())).sum(dim=1).mean()


def shown_by_rounding_to_bytes(images):
    return (127.5 * images + 127.5).clamp(0, 255).round().permute(0, 2, 3, 1) / 256


NOT_LISTED = [
    ("16.1", gap_by_the_logarithm_of_a_variance, "not finite"),
    ("16.1", gap_without_the_prior, "wrong value"),
    ("16.3", shown_by_rounding_to_bytes, "wrong value"),
]


@pytest.mark.parametrize(("exercise_id", "answer", "kind"), NOT_LISTED)
def test_a_mistake_that_is_not_listed_is_found(exercise_id, answer, kind):
    result = judge(exercise(exercise_id), answer, seed=0)
    assert (result.status, result.kind, result.misconception) == ("failed", kind, None), result


KINDRED = [
    (cross_entropy_of_clipped_probabilities, "a small number in the logarithm"),
    (cross_entropy_less_the_batch_mean, "exponentials of bare logits"),
]


@pytest.mark.parametrize(("answer", "name"), KINDRED)
def test_a_kindred_mistake_is_named(answer, name):
    assert judge(exercise("16.2"), answer, seed=0).misconception == name
