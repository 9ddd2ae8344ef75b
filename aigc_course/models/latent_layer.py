"""A layer of latent variables in one pass of a VAE: what was believed of z before and after seeing x, and z itself."""

from typing import NamedTuple

from torch import Tensor

from aigc_course.losses.reconstruction import gaussian_nll
from aigc_course.losses.variational import kl_normal


class LatentLayer(NamedTuple):
    """q(z | x, ...) = N(mu, exp(logvar)), p(z | ...) = N(prior_mu, exp(prior_logvar)), both diagonal, and z from q.

    The dots are the layers above, in whose z both are conditioned. All are (B, D).
    """

    mu: Tensor
    logvar: Tensor
    prior_mu: Tensor
    prior_logvar: Tensor
    z: Tensor

    def kl(self) -> Tensor:
        """KL(q || p) in nats, (B,), >= 0: this layer's share of the ELBO, given the z above."""
        return kl_normal(self.mu, self.logvar, self.prior_mu, self.prior_logvar)

    def log_ratio(self) -> Tensor:
        """log p(z | ...) - log q(z | x, ...) in nats, (B,): its mean over z from q is minus the KL.

        Added up over the layers, with log p(x | z), it is the log of an importance weight.
        """
        return gaussian_nll(self.mu, self.logvar, self.z) - gaussian_nll(self.prior_mu, self.prior_logvar, self.z)
