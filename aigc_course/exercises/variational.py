"""Exercises on the VAE's objective: the KL divergence, the reparameterized sample, the loss and its balance."""

import math

import torch
from torch import Tensor

from aigc_course.exercises.draws import near_float32, normal_float32, tensor
from aigc_course.exercises.spec import Answer, Exercise, Misconception, Property, Rng
from aigc_course.losses.variational import kl_standard_normal, reparameterize


def gaussian_negative_elbo(x: Tensor, x_hat: Tensor, kl: Tensor, noise_variance: float) -> Tensor:
    """-log N(x; x_hat, noise_variance I) + KL per example: x, x_hat (B, D), kl (B,) -> (B,), in nats."""
    nats = (x - x_hat).square() / noise_variance + math.log(2 * math.pi * noise_variance)
    return 0.5 * nats.sum(dim=1) + kl


def implied_beta(n_pixels: int, noise_variance: float) -> float:
    """The beta of the ELBO with this noise variance that mean squared error + KL stands for."""
    return n_pixels / (2 * noise_variance)


def _gaussians(rng: Rng) -> tuple[Tensor, Tensor]:
    shape = int(rng.integers(2, 6)), int(rng.integers(2, 6))
    return normal_float32(rng, *shape), normal_float32(rng, *shape)


def _nothing_at_the_prior(answer: Answer, rng: Rng) -> bool:
    size = int(rng.integers(1, 6))
    return near_float32(answer(torch.zeros(3, size), torch.zeros(3, size)), torch.zeros(3))


def _a_shift_costs_half_its_square(answer: Answer, rng: Rng) -> bool:
    mu, _ = _gaussians(rng)
    return near_float32(answer(mu, torch.zeros_like(mu)), 0.5 * mu.square().sum(dim=1))


def _variance_four(answer: Answer, rng: Rng) -> bool:
    size = int(rng.integers(1, 6))
    expected = torch.full((2,), size * (3 - math.log(4)) / 2)
    return near_float32(answer(torch.zeros(2, size), torch.full((2, size), math.log(4.0))), expected)


KL = Exercise(
    id="05.2",
    title="How far is q from the prior?",
    stars=1,
    minutes=8,
    inputs=_gaussians,
    reference=kl_standard_normal,
    extremes=((torch.tensor([[0.0, 2.0]]), torch.tensor([[-200.0, 0.0]])),),  # exp(-200) is 0: no logarithm of it
    hints=(
        "At mu = 0 and logvar = 0 the code is the prior itself. What must your function give there?",
        "The variance is exp(logvar), and log of the variance is logvar itself: no sigma is needed at all.",
        "The latent dimensions are independent, and divergences of independent parts add up. Which dimension of the "
        "tensors holds them?",
        "Half of (mu squared + variance - 1 - log variance), added up over dim=1.",
    ),
    properties=(
        Property(statement="q equal to the prior costs nothing", holds=_nothing_at_the_prior),
        Property(
            statement="with variance 1, each example costs half the squared length of its mean",
            holds=_a_shift_costs_half_its_square,
        ),
        Property(statement="with mean 0 and variance 4 it is (3 - log 4)/2 nats a dimension", holds=_variance_four),
    ),
    misconceptions=(
        Misconception(
            name="log-variance taken for log sigma",
            wrong=lambda mu, logvar: 0.5 * (mu.square() + (2 * logvar).exp() - 1 - 2 * logvar).sum(dim=1),
            message="You read logvar as the logarithm of sigma and squared once too often. logvar is log sigma^2: "
            "which function of it is the variance?",
        ),
        Misconception(
            name="sigma where the formula has sigma squared",
            wrong=lambda mu, logvar: 0.5 * (mu.square() + (0.5 * logvar).exp() - 1 - logvar).sum(dim=1),
            message="You used the standard deviation where the formula has the variance.",
        ),
        Misconception(
            name="the half is missing",
            wrong=lambda mu, logvar: (mu.square() + logvar.exp() - 1 - logvar).sum(dim=1),
            message="Your divergence is twice too large. A Gaussian's log-density has a factor in front of its square.",
        ),
        Misconception(
            name="averaged over the latent dimensions",
            wrong=lambda mu, logvar: 0.5 * (mu.square() + logvar.exp() - 1 - logvar).mean(dim=1),
            message="You averaged over the latent dimensions. Then a dimension that equals the prior would make the "
            "others cheaper. log q is a sum over dimensions; so is its expectation.",
        ),
        Misconception(
            name="one number for the whole batch",
            wrong=lambda mu, logvar: 0.5 * (mu.square() + logvar.exp() - 1 - logvar).sum(),
            message="You added up the whole batch. Each example has a divergence of its own; give one number for each.",
        ),
        Misconception(
            name="the divergence the other way",
            wrong=lambda mu, logvar: 0.5 * ((mu.square() + 1) * (-logvar).exp() - 1 + logvar).sum(dim=1),
            message="This is KL(p || q), with the expectation under the prior. The ELBO has its expectation under q. "
            "A divergence is not symmetric.",
        ),
        Misconception(
            name="the sign",
            wrong=lambda mu, logvar: -0.5 * (mu.square() + logvar.exp() - 1 - logvar).sum(dim=1),
            message="Your numbers are negative. No divergence is: minimising this one would drive q away from the "
            "prior.",
        ),
        Misconception(
            name="the minus one is missing",
            wrong=lambda mu, logvar: 0.5 * (mu.square() + logvar.exp() - logvar).sum(dim=1),
            message="A constant is missing in each dimension: where q is the prior, nothing should remain. For the "
            "gradients it would not matter, for the value of the bound it does.",
        ),
    ),
)


def _reparameterize_inputs(rng: Rng) -> tuple[Tensor, Tensor, Tensor]:
    mu, logvar = _gaussians(rng)
    return mu, logvar, normal_float32(rng, *mu.shape)


def _without_noise_the_mean(answer: Answer, rng: Rng) -> bool:
    mu, logvar = _gaussians(rng)
    return near_float32(answer(mu, logvar, torch.zeros_like(mu)), mu)


def _unit_noise_squared_is_the_variance(answer: Answer, rng: Rng) -> bool:
    mu, logvar = _gaussians(rng)
    return near_float32((answer(mu, logvar, torch.ones_like(mu)) - mu).square(), logvar.exp())


def _each_example_has_its_own_noise(answer: Answer, rng: Rng) -> bool:
    mu, logvar, noise = _reparameterize_inputs(rng)
    order = torch.arange(len(mu)).roll(1)
    return near_float32(answer(mu[order], logvar[order], noise[order]), answer(mu, logvar, noise)[order])


def _gradients_arrive(answer: Answer, rng: Rng) -> bool:
    mu, logvar, noise = _reparameterize_inputs(rng)
    mu.requires_grad_()
    logvar.requires_grad_()
    to_mu, to_logvar = torch.autograd.grad(answer(mu, logvar, noise).sum(), (mu, logvar))
    return near_float32(to_mu, torch.ones_like(mu)) and near_float32(to_logvar, 0.5 * (0.5 * logvar).exp() * noise)


REPARAMETERIZE = Exercise(
    id="05.3",
    title="A sample that lets the gradient through",
    stars=1,
    minutes=5,
    inputs=_reparameterize_inputs,
    reference=reparameterize,
    differentiable=(0, 1),
    hints=(
        "A standard normal number becomes one of N(mu, sigma^2) by two steps: stretch, then shift.",
        "What stretches is the standard deviation. You are given the logarithm of its square.",
        "sqrt(exp(logvar)) = exp(logvar / 2); nothing may be detached or turned into plain numbers on the way.",
    ),
    properties=(
        Property(statement="without noise the sample is the mean", holds=_without_noise_the_mean),
        Property(
            statement="noise of 1 moves the sample from the mean by a distance whose square is the variance",
            holds=_unit_noise_squared_is_the_variance,
        ),
        Property(statement="each example moves by its own noise", holds=_each_example_has_its_own_noise),
        Property(statement="the gradient arrives at mu and at logvar", holds=_gradients_arrive),
    ),
    misconceptions=(
        Misconception(
            name="the variance scales the noise",
            wrong=lambda mu, logvar, noise: mu + logvar.exp() * noise,
            message="You scaled the noise by exp(logvar), the variance. Scaling by s makes a variance of s^2; "
            "so which s gives the variance that is asked for?",
        ),
        Misconception(
            name="the log-variance scales the noise",
            wrong=lambda mu, logvar, noise: mu + logvar * noise,
            message="You scaled the noise by logvar itself: at variance 1 the sample would not move at all.",
        ),
        Misconception(
            name="the same noise for the whole batch",
            wrong=lambda mu, logvar, noise: mu + (0.5 * logvar).exp() * noise[:1],
            message="Every example moves by the first one's noise. Then the batch's errors do not average out: "
            "the gradient stays as noisy as that of a single example.",
        ),
        Misconception(
            name="the mean is missing",
            wrong=lambda _, logvar, noise: (0.5 * logvar).exp() * noise,
            message="Your sample has the right spread, but around 0. Then the code could say nothing about x but its "
            "own uncertainty.",
        ),
    ),
)


def _elbo_inputs(rng: Rng) -> tuple[Tensor, Tensor, Tensor, float]:
    x, x_hat = _gaussians(rng)
    kl = torch.from_numpy(rng.uniform(0.5, 5.0, size=len(x))).float()
    return x, x_hat, kl, float(rng.choice([rng.uniform(0.05, 0.7), rng.uniform(1.5, 4.0)]))


def _log_constant(noise_variance: float) -> float:
    return math.log(2 * math.pi * noise_variance)


def _a_nat_costs_a_nat(answer: Answer, rng: Rng) -> bool:
    x, x_hat, kl, variance = _elbo_inputs(rng)
    dearer, loss = answer(x, x_hat, kl + 1, variance), answer(x, x_hat, kl, variance)
    return near_float32(tensor(dearer) - tensor(loss), torch.ones_like(kl))


def _an_error_costs_its_square(answer: Answer, rng: Rng) -> bool:
    x, _, kl, variance = _elbo_inputs(rng)
    wrong_by_one = x.clone()
    wrong_by_one[:, -1] += 1
    dearer, loss = answer(x, wrong_by_one, kl, variance), answer(x, x, kl, variance)
    return near_float32(tensor(dearer) - tensor(loss), torch.full_like(kl, 0.5 / variance))


def _a_perfect_pixel_costs_its_constant(answer: Answer, rng: Rng) -> bool:
    x, x_hat, kl, variance = _elbo_inputs(rng)
    longer = answer(torch.cat([x, x[:, :1]], dim=1), torch.cat([x_hat, x[:, :1]], dim=1), kl, variance)
    loss = answer(x, x_hat, kl, variance)
    return near_float32(tensor(longer) - tensor(loss), torch.full_like(kl, 0.5 * _log_constant(variance)))


NEGATIVE_ELBO = Exercise(
    id="05.5",
    title="The loss of a VAE with Gaussian pixels",
    stars=2,
    minutes=12,
    inputs=_elbo_inputs,
    reference=gaussian_negative_elbo,
    absolute_tolerance=1e-4,  # large terms may cancel
    hints=(
        "Write down -log N(x; m, v) of a single number first. It has two parts: one with the error, one without.",
        "Pixels are independent given z, so their log-densities add up; so does the constant, once for each pixel.",
        "Per pixel: half of (squared error / variance + log(2 pi variance)). Sum over dim=1.",
        "The ELBO is the log-likelihood minus the KL. What becomes of the KL's sign when all is turned into a loss?",
    ),
    properties=(
        Property(statement="a nat more of KL makes the loss a nat larger", holds=_a_nat_costs_a_nat),
        Property(statement="an error of 1 in one pixel costs 1/(2 variance)", holds=_an_error_costs_its_square),
        Property(
            statement="one more pixel, perfectly restored, costs log(2 pi variance)/2",
            holds=_a_perfect_pixel_costs_its_constant,
        ),
    ),
    misconceptions=(
        Misconception(
            name="the KL is subtracted",
            wrong=lambda x, x_hat, kl, v: 0.5 * ((x - x_hat).square() / v + _log_constant(v)).sum(dim=1) - kl,
            message="You subtract the KL. That is its sign in the ELBO, which is maximised; yours is a loss. "
            "Minimising it would reward codes for leaving the prior.",
        ),
        Misconception(
            name="averaged over pixels",
            wrong=lambda x, x_hat, kl, v: 0.5 * ((x - x_hat).square() / v + _log_constant(v)).mean(dim=1) + kl,
            message="You averaged over the pixels. The log-probability of an image is the sum over its pixels; the "
            "mean makes the KL weigh as many times too much as there are pixels.",
        ),
        Misconception(
            name="the half of the square is missing",
            wrong=lambda x, x_hat, kl, v: ((x - x_hat).square() / v + 0.5 * _log_constant(v)).sum(dim=1) + kl,
            message="Your squared error weighs twice too much: look at the exponent of the Gaussian density.",
        ),
        Misconception(
            name="the constant is missing",
            wrong=lambda x, x_hat, kl, v: 0.5 * ((x - x_hat).square() / v).sum(dim=1) + kl,
            message="The errors and the KL are right, but the density's normalising constant is missing. Without it "
            "the number is no bound on log p(x), and a learned variance would grow without end.",
        ),
        Misconception(
            name="the standard deviation divides",
            wrong=lambda x, x_hat, kl, v: (
                0.5 * ((x - x_hat).square() / math.sqrt(v) + _log_constant(v)).sum(dim=1) + kl
            ),
            message="You divided the squared error by the standard deviation. What has the unit of a squared error?",
        ),
        Misconception(
            name="the ELBO itself",
            wrong=lambda x, x_hat, kl, v: -0.5 * ((x - x_hat).square() / v + _log_constant(v)).sum(dim=1) - kl,
            message="This is the ELBO, correct in each term. The exercise asks for the loss, which is minimised.",
        ),
    ),
)


def _pixels_and_variance(rng: Rng) -> tuple[int, float]:
    return int(rng.integers(10, 4000)), float(rng.choice([rng.uniform(0.01, 0.4), rng.uniform(1.5, 4.0)]))


def _half_balances_to_the_pixels(answer: Answer, rng: Rng) -> bool:
    pixels, _ = _pixels_and_variance(rng)
    return near_float32(answer(pixels, 0.5), float(pixels))


def _more_noise_less_weight(answer: Answer, rng: Rng) -> bool:
    pixels, variance = _pixels_and_variance(rng)
    return near_float32(3 * answer(pixels, 3 * variance), answer(pixels, variance))


IMPLIED_BETA = Exercise(
    id="05.6",
    title="What an averaged error does to the KL",
    stars=2,
    minutes=8,
    inputs=_pixels_and_variance,
    reference=implied_beta,
    hints=(
        "A loss may be multiplied by any positive number; its minimum stays where it is. Which number turns the mean "
        "squared error into a Gaussian's negative log-likelihood?",
        "The likelihood's term is sum / (2 variance), yours is sum / D. Multiply the whole loss, the KL too.",
        "The factor is D / (2 variance), and it now stands before the KL.",
    ),
    properties=(
        Property(statement="with variance 1/2 it is the number of pixels", holds=_half_balances_to_the_pixels),
        Property(statement="three times the noise variance gives a third of it", holds=_more_noise_less_weight),
    ),
    misconceptions=(
        Misconception(
            name="the pixels alone",
            wrong=lambda n_pixels, _: float(n_pixels),
            message="That is right for a noise variance of 1/2, where the summed squared error is the likelihood's "
            "term itself. For other variances the two differ by a factor.",
        ),
        Misconception(
            name="the half is missing",
            wrong=lambda n_pixels, noise_variance: n_pixels / noise_variance,
            message="Twice too large: a Gaussian's exponent has a 2 beside the variance.",
        ),
        Misconception(
            name="upside down",
            wrong=lambda n_pixels, noise_variance: 2 * noise_variance / n_pixels,
            message="You found the factor that turns the likelihood's term into the mean squared error. Go the other "
            "way: leave the reconstruction as it is in the ELBO, and see what the KL is multiplied by.",
        ),
        Misconception(
            name="the standard deviation",
            wrong=lambda n_pixels, noise_variance: n_pixels / (2 * math.sqrt(noise_variance)),
            message="You divided by the standard deviation; the argument is the variance, and the exponent has that.",
        ),
    ),
)

EXERCISES = (KL, REPARAMETERIZE, NEGATIVE_ELBO, IMPLIED_BETA)
