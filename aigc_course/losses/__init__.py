"""Every loss and divergence of the course, as a pure function, from logits, with its reduction named."""

from aigc_course.losses.adversarial import (
    discriminator_bce,
    discriminator_hinge,
    discriminator_relativistic,
    discriminator_wasserstein,
    generator_hinge,
    generator_non_saturating,
    generator_relativistic,
    generator_saturating,
    gradient_penalty,
)
from aigc_course.losses.classification import categorical_nll, log_sum_exp
from aigc_course.losses.divergences import jensen_shannon, wasserstein_1d
from aigc_course.losses.language import cross_entropy_nats
from aigc_course.losses.reconstruction import bernoulli_nll, binomial_nll, discretised_logistic_nll, gaussian_nll, mse
from aigc_course.losses.spectral import (
    log_magnitude_distance,
    multi_resolution_stft_loss,
    spectral_convergence,
)
from aigc_course.losses.variational import free_bits, kl_normal, kl_standard_normal, negative_elbo, reparameterize

__all__ = [
    "mse",
    "bernoulli_nll",
    "binomial_nll",
    "gaussian_nll",
    "discretised_logistic_nll",
    "spectral_convergence",
    "log_magnitude_distance",
    "multi_resolution_stft_loss",
    "log_sum_exp",
    "categorical_nll",
    "cross_entropy_nats",
    "reparameterize",
    "kl_standard_normal",
    "kl_normal",
    "free_bits",
    "negative_elbo",
    "discriminator_bce",
    "generator_non_saturating",
    "generator_saturating",
    "discriminator_wasserstein",
    "discriminator_hinge",
    "generator_hinge",
    "discriminator_relativistic",
    "generator_relativistic",
    "gradient_penalty",
    "jensen_shannon",
    "wasserstein_1d",
]
