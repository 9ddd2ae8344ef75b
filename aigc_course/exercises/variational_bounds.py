"""Exercises on what a VAE approximates: the exact posterior, gradients of expectations, bounds, unused codes."""

import math

import numpy as np
import torch
from torch import Tensor

from aigc_course.exercises.compare import agree
from aigc_course.exercises.draws import near_float32
from aigc_course.exercises.spec import Answer, Exercise, Misconception, Property, Rng
from aigc_course.metrics.bounds import active_units, iwae_bound

_THRESHOLD = 0.01


def posterior(x: float, weight: float, noise_variance: float) -> tuple[float, float]:
    """Mean and variance of p(z | x) for z ~ N(0, 1), x | z ~ N(weight z, noise_variance)."""
    total = weight**2 + noise_variance
    return weight * x / total, noise_variance / total


def score_function_gradient(values: Tensor, z: Tensor, mu: float, sigma: float) -> Tensor:
    """Estimate of d/dmu E[f(z)], z ~ N(mu, sigma^2), from values (N,) = f(z) and z (N,) alone."""
    return (values * (z - mu)).mean() / sigma**2


def _observation(rng: Rng) -> tuple[float, float, float]:
    sign = float(rng.choice([-1.0, 1.0]))
    variance = float(rng.choice([rng.uniform(0.1, 0.6), rng.uniform(1.5, 4.0)]))
    return float(rng.uniform(0.3, 3.0)), sign * float(rng.uniform(0.5, 2.0)), variance


def _an_empty_message_leaves_the_prior(answer: Answer, rng: Rng) -> bool:
    x, _, variance = _observation(rng)
    return near_float32(answer(x, 0.0, variance), (0.0, 1.0))


def _joint_over_posterior_is_constant(answer: Answer, rng: Rng) -> bool:
    """log p(x | z) + log p(z) - log p(z | x) is log p(x), whatever z is."""
    x, weight, variance = _observation(rng)
    mean, spread = (float(value) for value in answer(x, weight, variance))
    z = rng.normal(size=3)
    squares = (x - weight * z) ** 2 / variance + z**2 - (z - mean) ** 2 / spread
    return bool(np.ptp(squares) < 1e-3)


def _prior_forgotten(x: float, weight: float, noise_variance: float) -> tuple[float, float]:
    return x / weight, noise_variance / weight**2


def _with_deviation(x: float, weight: float, noise_variance: float) -> tuple[float, float]:
    return posterior(x, weight, math.sqrt(noise_variance))


POSTERIOR = Exercise(
    id="05.1",
    title="What x says about z, exactly",
    stars=1,
    minutes=8,
    inputs=_observation,
    reference=posterior,
    hints=(
        "By Bayes' rule p(z | x) is p(x | z) p(z), up to a factor without z. Add the two exponents and collect what "
        "stands before z^2 and before z.",
        "Precisions (1/variance) add up: the prior has 1, the observation has weight^2 / noise_variance.",
        "The mean is weight * x / noise_variance, divided by that sum of precisions.",
    ),
    properties=(
        Property(
            statement="with weight 0, x says nothing and the prior remains", holds=_an_empty_message_leaves_the_prior
        ),
        Property(
            statement="p(x | z) p(z) / p(z | x) is the same for every z: it is p(x)",
            holds=_joint_over_posterior_is_constant,
        ),
    ),
    misconceptions=(
        Misconception(
            name="the prior is forgotten",
            wrong=_prior_forgotten,
            message="You solved x = weight z for z. That trusts the observation alone; the prior pulls the mean "
            "towards 0 and makes the variance smaller.",
        ),
        Misconception(
            name="the deviation of the noise",
            wrong=_with_deviation,
            message="You used the standard deviation of the noise where its variance belongs (or took the root of "
            "what was a variance already).",
        ),
        Misconception(
            name="the variance of x",
            wrong=lambda x, weight, v: (posterior(x, weight, v)[0], weight**2 + v),
            message="Your mean is right. Your variance is that of x before anyone has looked: the evidence's, not the "
            "posterior's. Seeing x can only make z more certain than the prior, whose variance is 1.",
        ),
        Misconception(
            name="the precision",
            wrong=lambda x, weight, v: (posterior(x, weight, v)[0], (weight**2 + v) / v),
            message="Your mean is right. Your second number is the precision of the posterior, 1 over its variance.",
        ),
        Misconception(
            name="the standard deviation",
            wrong=lambda x, weight, v: (posterior(x, weight, v)[0], math.sqrt(posterior(x, weight, v)[1])),
            message="Your mean is right. Your second number is the standard deviation; the variance is asked for.",
        ),
    ),
)


def _scored_samples(rng: Rng) -> tuple[Tensor, Tensor, float, float]:
    mu = float(rng.uniform(0.5, 2.0))
    sigma = float(rng.choice([rng.uniform(0.3, 0.7), rng.uniform(1.5, 2.5)]))
    z = torch.from_numpy(rng.normal(mu, sigma, size=int(rng.integers(5, 30)))).float()
    return z.square() + 1, z, mu, sigma


def _spread_evenly(mu: float, sigma: float) -> Tensor:
    """4,000 numbers at the middle of as many equally probable pieces of N(mu, sigma^2)."""
    places = (torch.arange(4000, dtype=torch.float64) + 0.5) / 4000
    return mu + sigma * torch.special.ndtri(places)


def _a_line_has_its_slope(answer: Answer, rng: Rng) -> bool:
    _, _, mu, sigma = _scored_samples(rng)
    z = _spread_evenly(mu, sigma)
    slope = float(rng.uniform(1, 3))
    return agree(answer(slope * z, z, mu, sigma), slope, rtol=0.02, atol=0.0)


def _repeating_the_samples_changes_nothing(answer: Answer, rng: Rng) -> bool:
    values, z, mu, sigma = _scored_samples(rng)
    return near_float32(answer(values.repeat(2), z.repeat(2), mu, sigma), answer(values, z, mu, sigma))


SCORE_FUNCTION = Exercise(
    id="05.4",
    title="A gradient without differentiating f",
    stars=2,
    minutes=10,
    inputs=_scored_samples,
    reference=score_function_gradient,
    absolute_tolerance=1e-4,  # samples on both sides of mu may cancel
    hints=(
        "Each sample contributes f(z) times the score, d/dmu log N(z; mu, sigma^2).",
        "Only the exponent of the density depends on mu. Differentiate -(z - mu)^2 / (2 sigma^2).",
        "The score is (z - mu) / sigma^2. An expectation is estimated by a mean.",
    ),
    properties=(
        Property(statement="for f(z) = a z the gradient is a, up to sampling error", holds=_a_line_has_its_slope),
        Property(statement="giving every sample twice changes nothing", holds=_repeating_the_samples_changes_nothing),
    ),
    misconceptions=(
        Misconception(
            name="sigma where the score has sigma squared",
            wrong=lambda values, z, mu, sigma: (values * (z - mu)).mean() / sigma,
            message="You divided by sigma, which makes the noise of z; the derivative of the log-density has another "
            "power of it.",
        ),
        Misconception(
            name="the sign",
            wrong=lambda values, z, mu, sigma: (values * (mu - z)).mean() / sigma**2,
            message="The sign is turned round. Moving mu towards a sample makes that sample more probable: so the "
            "score of a z above mu is positive.",
        ),
        Misconception(
            name="summed instead of averaged",
            wrong=lambda values, z, mu, sigma: (values * (z - mu)).sum() / sigma**2,
            message="You added up the samples. An expectation is estimated by their mean; your estimate grows with "
            "every sample.",
        ),
        Misconception(
            name="f is missing",
            wrong=lambda _, z, mu, sigma: (z - mu).mean() / sigma**2,
            message="This is the mean score alone, whose expectation is 0 for any distribution. Each sample's score "
            "has to be weighed by what f gives there.",
        ),
        Misconception(
            name="the log-density instead of its derivative",
            wrong=lambda values, z, mu, sigma: (
                values * (-0.5 * ((z - mu) / sigma) ** 2 - math.log(sigma) - 0.5 * math.log(2 * math.pi))
            ).mean(),
            message="You weighed f by log q(z). Its derivative with respect to mu is needed; automatic differentiation "
            "takes it for you in a network, here it is for you to do.",
        ),
    ),
)


def _codes(rng: Rng) -> tuple[Tensor]:
    """Means of q in which each of the mistakes below counts differently from the right answer."""
    n_active, n_faint, n_constant = (int(n) for n in rng.permutation([1, 2, 4]))
    deviations = np.concatenate([rng.uniform(0.3, 1.5, n_active), rng.uniform(0.03, 0.07, n_faint)])
    deviations = np.concatenate([deviations, np.zeros(n_constant)])
    centres = np.concatenate([np.zeros(n_active + n_faint), rng.uniform(0.5, 2.0, n_constant)])
    standard = rng.normal(size=(200, len(deviations)))
    standard = (standard - standard.mean(axis=0)) / standard.std(axis=0)
    order = rng.permutation(len(deviations))
    return (torch.from_numpy((centres + deviations * standard)[:, order]).float(),)


def _constants_are_not_active(answer: Answer, rng: Rng) -> bool:
    constants = torch.from_numpy(rng.uniform(1, 3, size=int(rng.integers(2, 6)))).float()
    return near_float32(answer(constants.expand(50, -1)), 0)


def _standard_normal_codes_are_active(answer: Answer, rng: Rng) -> bool:
    size = int(rng.integers(2, 6))
    return near_float32(answer(torch.from_numpy(rng.normal(size=(300, size))).float()), size)


def _the_variance_meets_the_threshold(answer: Answer, rng: Rng) -> bool:
    faint = torch.from_numpy(rng.choice([-0.06, 0.06], size=(500, 3))).float()
    return near_float32(answer(faint), 0)


ACTIVE_UNITS = Exercise(
    id="05.7",
    title="How many latent dimensions does a VAE use?",
    stars=2,
    minutes=8,
    inputs=_codes,
    reference=active_units,
    hints=(
        "A collapsed dimension has the same mean for every image. What does your number do if the means all equal 3?",
        "Take the variance over the images: they are the rows, dim=0.",
        "Compare each of the D variances with 0.01 and count how many are larger.",
    ),
    properties=(
        Property(
            statement="dimensions with the same mean for all images do not count", holds=_constants_are_not_active
        ),
        Property(statement="dimensions that vary as the prior does all count", holds=_standard_normal_codes_are_active),
        Property(
            statement="a dimension whose variance is below 0.01 does not count", holds=_the_variance_meets_the_threshold
        ),
    ),
    misconceptions=(
        Misconception(
            name="deviations against a threshold for variances",
            wrong=lambda mu: int((mu.std(dim=0) > _THRESHOLD).sum()),
            message="You compared standard deviations with a threshold that is meant for variances.",
        ),
        Misconception(
            name="far from zero, not varying",
            wrong=lambda mu: int((mu.square().mean(dim=0) > _THRESHOLD).sum()),
            message="You counted means that are far from 0. A dimension with the same mean for every image is far from "
            "0 too, and tells nothing about any of them.",
        ),
        Misconception(
            name="over the wrong dimension",
            wrong=lambda mu: int((mu.var(dim=1) > _THRESHOLD).sum()),
            message="You took the variance over the latent dimensions of one image, and counted images. The question "
            "is how one dimension varies from image to image.",
        ),
        Misconception(
            name="a share",
            wrong=lambda mu: float((mu.var(dim=0) > _THRESHOLD).float().mean()),
            message="You gave the share of the dimensions that are active; their number is asked for.",
        ),
        Misconception(
            name="the collapsed ones",
            wrong=lambda mu: int((mu.var(dim=0) <= _THRESHOLD).sum()),
            message="You counted the dimensions that have collapsed. The others are in use.",
        ),
    ),
)


def _log_weights(rng: Rng) -> tuple[Tensor]:
    n_samples = int(rng.integers(2, 8))
    values = rng.uniform(-30, 0) + 1.5 * rng.normal(size=(n_samples, n_samples + int(rng.integers(1, 4))))
    return (torch.from_numpy(values).float(),)


def _equal_weights_give_themselves(answer: Answer, rng: Rng) -> bool:
    level = -float(rng.uniform(800, 2000))
    return near_float32(answer(torch.full((int(rng.integers(2, 20)), 3), level)), torch.full((3,), level))


def _one_and_three_average_to_two(answer: Answer, rng: Rng) -> bool:
    weights = torch.tensor([[1.0], [3.0]]).expand(2, int(rng.integers(3, 7)))
    return near_float32(answer(weights.log()), weights.mean(dim=0).log())


IWAE = Exercise(
    id="05.8",
    title="The importance weighted bound",
    stars=3,
    minutes=12,
    inputs=_log_weights,
    reference=iwae_bound,
    extremes=((torch.tensor([[-1000.0, 800.0], [-1001.0, 801.0]]),),),
    hints=(
        "The bound is the logarithm of an average of weights. You are given the logarithms of the weights.",
        "exp(-1000) is 0 in any floating point number: add the weights without leaving the logarithms. torch has a "
        "function for that.",
        "torch.logsumexp over the samples gives the logarithm of their sum. What turns a sum into a mean, and what "
        "does that become in logarithms?",
    ),
    properties=(
        Property(
            statement="samples with equal weights give that log-weight, even at -1000 nats",
            holds=_equal_weights_give_themselves,
        ),
        Property(statement="weights of 1 and 3 give log 2", holds=_one_and_three_average_to_two),
    ),
    misconceptions=(
        Misconception(
            name="the mean of the logarithms",
            wrong=lambda log_weights: log_weights.mean(dim=0),
            message="You averaged the logarithms. That estimates the ELBO, however many samples you take. The "
            "bound that tightens has the logarithm outside of the average.",
        ),
        Misconception(
            name="a sum instead of a mean",
            wrong=lambda log_weights: log_weights.logsumexp(dim=0),
            message="You took the logarithm of the sum of the weights. It grows without end with the number of "
            "samples, and is no bound; the average of the weights is needed.",
        ),
        Misconception(
            name="over the images",
            wrong=lambda log_weights: log_weights.logsumexp(dim=1) - math.log(log_weights.shape[1]),
            message="You averaged over the images (the columns). Each image has a bound of its own, from its samples.",
        ),
        Misconception(
            name="the logarithm is missing",
            wrong=lambda log_weights: log_weights.exp().mean(dim=0),
            message="This is the average weight: an estimate of p(x), not of log p(x).",
        ),
        Misconception(
            name="exp of log-weights that may be very small",
            wrong=lambda log_weights: log_weights.exp().mean(dim=0).log(),
            message="Correct on paper, and for weights of moderate size. A real image's log-weight is about -1000: "
            "its exponential is 0 on any computer, and your bound minus infinity. Stay in logarithms.",
        ),
        Misconception(
            name="the best sample alone",
            wrong=lambda log_weights: log_weights.max(dim=0).values,
            message="You kept the largest weight alone. It dominates the sum, but the others count, and so does the "
            "number of samples.",
        ),
    ),
)

EXERCISES = (POSTERIOR, SCORE_FUNCTION, ACTIVE_UNITS, IWAE)
