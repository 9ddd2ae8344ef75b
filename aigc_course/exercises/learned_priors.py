"""The exercise on the KL to a prior that is learned, as that of a lower latent layer is."""

import torch
from torch import Tensor

from aigc_course.exercises.draws import near_float32, normal_float32, tensor
from aigc_course.exercises.spec import Answer, Exercise, Misconception, Property, Rng
from aigc_course.losses.variational import kl_standard_normal

Gaussians = tuple[Tensor, Tensor, Tensor, Tensor]  # mean and log-variance of q, then of p


def kl_between_gaussians(mu_q: Tensor, logvar_q: Tensor, mu_p: Tensor, logvar_p: Tensor) -> Tensor:
    """KL(N(mu_q, exp(logvar_q)) || N(mu_p, exp(logvar_p))) per image, in nats: all (B, D) -> (B,)."""
    ratio = logvar_q - logvar_p  # log of the variances' ratio
    shift = (mu_q - mu_p).square() * (-logvar_p).exp()
    return 0.5 * (ratio.exp() + shift - 1 - ratio).sum(dim=1)


def _gaussians(rng: Rng) -> Gaussians:
    shape = [int(n) for n in rng.permutation(range(2, 7))[:2]]
    mu_q, logvar_q, mu_p, logvar_p = (normal_float32(rng, *shape) for _ in range(4))
    return mu_q, logvar_q, mu_p, logvar_p


def _equal_ones_have_none(answer: Answer, rng: Rng) -> bool:
    mu, logvar, *_ = _gaussians(rng)
    return near_float32(answer(mu, logvar, mu, logvar), torch.zeros(len(mu)))


def _with_the_standard_normal_it_is_the_old_one(answer: Answer, rng: Rng) -> bool:
    mu, logvar, *_ = _gaussians(rng)
    nothing = torch.zeros_like(mu)
    return near_float32(answer(mu, logvar, nothing, nothing), kl_standard_normal(mu, logvar))


def _log_density(z: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    return torch.distributions.Normal(mu.double(), (0.5 * logvar.double()).exp()).log_prob(z).sum(dim=1)


def _it_is_the_mean_of_the_log_ratio(answer: Answer, rng: Rng) -> bool:
    """log q - log p is quadratic in z, so its mean over q is that over two points, one deviation to each side."""
    mu_q, logvar_q, mu_p, logvar_p = _gaussians(rng)
    points = [mu_q.double() + sign * (0.5 * logvar_q.double()).exp() for sign in (-1, 1)]
    ratios = [_log_density(z, mu_q, logvar_q) - _log_density(z, mu_p, logvar_p) for z in points]
    return near_float32(answer(mu_q, logvar_q, mu_p, logvar_p), (ratios[0] + ratios[1]) / 2)


def _the_unit_of_z_does_not_matter(answer: Answer, rng: Rng) -> bool:
    """z -> factor * z + offset changes neither density's share of any region."""
    mu_q, logvar_q, mu_p, logvar_p = _gaussians(rng)
    factor, offset = float(rng.uniform(1.5, 4)), float(rng.uniform(-2, 2))
    more = 2 * torch.tensor(factor).log()
    changed = answer(factor * mu_q + offset, logvar_q + more, factor * mu_p + offset, logvar_p + more)
    return near_float32(changed, answer(mu_q, logvar_q, mu_p, logvar_p))


def _a_shift_is_measured_by_the_prior(answer: Answer, rng: Rng) -> bool:
    mu_q, logvar_q, mu_p, logvar_p = _gaussians(rng)
    shifted = answer(mu_q, logvar_q, mu_p, logvar_p)
    costs = tensor(shifted) - tensor(answer(mu_p, logvar_q, mu_p, logvar_p))
    return near_float32(costs, 0.5 * ((mu_q - mu_p) / (0.5 * logvar_p).exp()).square().sum(dim=1))


def _half_log_ratio(_: Tensor, logvar_q: Tensor, __: Tensor, logvar_p: Tensor) -> Tensor:
    """Half the logarithm of the variances' ratio, (B,)."""
    return 0.5 * (logvar_q - logvar_p).sum(dim=1)


def _half_shift(mu_q: Tensor, mu_p: Tensor, logvar: Tensor | float) -> Tensor:
    """Half the squared distance of the means in units of some variance, (B,)."""
    return 0.5 * ((mu_q - mu_p).square() / torch.as_tensor(logvar).exp()).sum(dim=1)


def _with_shift_by(logvar: Tensor | float, *given: Tensor) -> Tensor:
    """The right answer, but for the variance that measures the shift."""
    mu_q, _, mu_p, logvar_p = given
    return kl_between_gaussians(*given) - _half_shift(mu_q, mu_p, logvar_p) + _half_shift(mu_q, mu_p, logvar)


def _per_deviation(mu_q: Tensor, logvar_q: Tensor, mu_p: Tensor, logvar_p: Tensor) -> Tensor:
    """Standard deviations where the formula has variances; the logarithm is right."""
    ratio = logvar_q - logvar_p
    shift = (mu_q - mu_p).square() / (0.5 * logvar_p).exp()
    return 0.5 * ((0.5 * ratio).exp() + shift - 1 - ratio).sum(dim=1)


LEARNED_PRIOR = Exercise(
    id="09.5",
    title="The KL to a prior that is learned",
    stars=2,
    minutes=8,
    inputs=_gaussians,
    reference=kl_between_gaussians,
    extremes=((torch.zeros(1, 2), torch.tensor([[-200.0, 0.0]]), torch.zeros(1, 2), torch.zeros(1, 2)),),
    hints=(
        "Measure z in units of the prior: shift by mu_p, divide by its standard deviation. Then the prior is N(0, I), "
        "and q is a Gaussian with another mean and variance. Which?",
        "In these units q has the mean (mu_q - mu_p) / sigma_p and the variance sigma_q^2 / sigma_p^2, whose logarithm "
        "is logvar_q - logvar_p. A divergence does not depend on units, so notebook 05's formula does the rest.",
        "With r = logvar_q - logvar_p: half of (exp(r) + (mu_q - mu_p)^2 / exp(logvar_p) - 1 - r), summed over dim=1.",
    ),
    properties=(
        Property(statement="where q is the prior it is 0", holds=_equal_ones_have_none),
        Property(
            statement="with N(0, I) as the prior it is the KL of notebook 05",
            holds=_with_the_standard_normal_it_is_the_old_one,
        ),
        Property(
            statement="it is the mean of log q(z) - log p(z) over z from q",
            holds=_it_is_the_mean_of_the_log_ratio,
        ),
        Property(
            statement="z may be measured in another unit and from another origin",
            holds=_the_unit_of_z_does_not_matter,
        ),
        Property(
            statement="a shift costs half its square, in standard deviations of the prior",
            holds=_a_shift_is_measured_by_the_prior,
        ),
    ),
    misconceptions=(
        Misconception(
            name="the divergence the other way",
            wrong=lambda mu_q, logvar_q, mu_p, logvar_p: kl_between_gaussians(mu_p, logvar_p, mu_q, logvar_q),
            message="This is KL(p || q), with the expectation under the prior. The ELBO has its expectation under q, "
            "from which z is drawn. (Are the arguments in the right order?)",
        ),
        Misconception(
            name="the standard normal for a prior",
            wrong=lambda mu_q, logvar_q, *_: kl_standard_normal(mu_q, logvar_q),
            message="Your prior is still N(0, I). Here it has a mean and a variance of its own, mu_p and logvar_p.",
        ),
        Misconception(
            name="sigma where the formula has sigma squared",
            wrong=_per_deviation,
            message="You used standard deviations where the formula has variances. logvar is log sigma^2.",
        ),
        Misconception(
            name="log-variance taken for log sigma",
            wrong=lambda mu_q, logvar_q, mu_p, logvar_p: kl_between_gaussians(mu_q, 2 * logvar_q, mu_p, 2 * logvar_p),
            message="You read logvar as the logarithm of sigma and squared once too often. logvar is log sigma^2.",
        ),
        Misconception(
            name="the log ratio turned round",
            wrong=lambda *given: kl_between_gaussians(*given) + 2 * _half_log_ratio(*given),
            message="The logarithm of the variances' ratio has the wrong sign. The terms must hold each other in "
            "balance: at equal variances their derivatives cancel, so that q = p is a minimum.",
        ),
        Misconception(
            name="the log ratio is missing",
            wrong=lambda *given: kl_between_gaussians(*given) + _half_log_ratio(*given),
            message="The logarithm of the variances' ratio is missing. Without it q could become as narrow as it "
            "likes, at no cost.",
        ),
        Misconception(
            name="the shift measured by q",
            wrong=lambda *given: _with_shift_by(given[1], *given),
            message="You divided the squared distance of the means by the variance of q. It is log p that depends on "
            "where q is: whose standard deviations does the distance count in?",
        ),
        Misconception(
            name="the shift not measured at all",
            wrong=lambda *given: _with_shift_by(0.0, *given),
            message="You added the squared distance of the means as it is. The same distance is far for a narrow "
            "prior and near for a wide one.",
        ),
        Misconception(
            name="the half is missing",
            wrong=lambda *given: 2 * kl_between_gaussians(*given),
            message="Your divergence is twice too large. A Gaussian's log-density has a factor in front of its square.",
        ),
        Misconception(
            name="the minus one is missing",
            wrong=lambda *given: kl_between_gaussians(*given) + 0.5 * given[0].shape[1],
            message="A constant is missing in each dimension: where q is the prior, nothing should remain.",
        ),
        Misconception(
            name="averaged over the latent dimensions",
            wrong=lambda *given: kl_between_gaussians(*given) / given[0].shape[1],
            message="You averaged over the latent dimensions. log q and log p are sums over them, and so is the KL.",
        ),
    ),
)

EXERCISES: tuple[Exercise, ...] = (LEARNED_PRIOR,)
