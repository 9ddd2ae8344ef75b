"""The extra pieces of a variational autoencoder: the reparameterized sample, the KL divergence and its free part."""

from torch import Tensor

from aigc_course.losses.tensors import at_least_float32, require_same_shape


def reparameterize(mu: Tensor, logvar: Tensor, noise: Tensor) -> Tensor:
    """A sample of N(mu, diag(exp(logvar))) as a differentiable function of its parameters.

    z = mu + exp(logvar / 2) * noise: the standard deviation, not the variance, scales the noise.

    Args: mu, logvar: (B, D) float. noise: (B, D), drawn from N(0, I).
    Returns: (B, D).
    Raises: UsageError if shapes differ.
    Source: Kingma & Welling 2014, arXiv:1312.6114, Sec. 2.4.
    """
    require_same_shape(mu=mu, logvar=logvar, noise=noise)
    return mu + (0.5 * logvar).exp() * noise


def kl_standard_normal(mu: Tensor, logvar: Tensor) -> Tensor:
    """KL(N(mu, diag(exp(logvar))) || N(0, I)) per example, in nats, summed over latent dimensions.

    Args: mu, logvar: (B, D) float.
    Returns: (B,), >= 0.
    Raises: UsageError if shapes differ.
    Source: Kingma & Welling 2014, arXiv:1312.6114, App. B.
    """
    require_same_shape(mu=mu, logvar=logvar)
    mu, logvar = at_least_float32(mu), at_least_float32(logvar)
    # expm1(s) - s, not exp(s) - 1 - s: near s = 0 the latter rounds to a negative divergence.
    return 0.5 * (mu.square() + logvar.expm1() - logvar).flatten(1).sum(dim=1)


def kl_normal(mu: Tensor, logvar: Tensor, prior_mu: Tensor, prior_logvar: Tensor) -> Tensor:
    """KL(N(mu, diag(exp(logvar))) || N(prior_mu, diag(exp(prior_logvar)))) per example, in nats, summed.

    Args: all (B, ...) float, of one shape.
    Returns: (B,), >= 0.
    Raises: UsageError if shapes differ.
    """
    require_same_shape(mu=mu, logvar=logvar, prior_mu=prior_mu, prior_logvar=prior_logvar)
    mu, prior_mu = at_least_float32(mu), at_least_float32(prior_mu)
    ratio = at_least_float32(logvar) - at_least_float32(prior_logvar)  # log of the variances' ratio
    distance = (mu - prior_mu).square() * (-at_least_float32(prior_logvar)).exp()
    return 0.5 * (distance + ratio.expm1() - ratio).flatten(1).sum(dim=1)


def free_bits(kl_nats: Tensor, free_nats: float) -> Tensor:
    """max(free_nats, the batch's mean KL) of one layer of latent variables: below that it has no gradient.

    So a layer that would be given up first, for its information doesn't pay yet, may keep `free_nats` at no cost.

    Args: kl_nats: (B,). free_nats: at least 0; with 0 the mean is unchanged.
    Returns: a scalar, in nats. With free_nats > 0 no evidence lower bound can be read off a loss made of it.
    Source: Kingma et al. 2016, arXiv:1606.04934, Eq. 15, with the layers as groups.
    """
    return kl_nats.mean().clamp(min=free_nats)


def negative_elbo(reconstruction_nats: Tensor, kl_nats: Tensor, beta: float = 1.0) -> Tensor:
    """reconstruction + beta * KL per example, in nats: the loss that a VAE minimises.

    With beta = 1 and a true likelihood it is an upper bound on -log p(x); with another beta it is not.

    Args: reconstruction_nats: (B,), -log p(x | z) summed over dimensions. kl_nats: (B,).
    Returns: (B,).
    Raises: UsageError if shapes differ (one term already averaged, the other not).
    Source: Kingma & Welling 2014, arXiv:1312.6114, Eq. 3; beta: Higgins et al. 2017.
    """
    require_same_shape(reconstruction_nats=reconstruction_nats, kl_nats=kl_nats)
    return reconstruction_nats + beta * kl_nats
