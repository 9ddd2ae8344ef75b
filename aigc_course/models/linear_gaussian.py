"""The linear-Gaussian latent variable model: the one VAE-like model whose every integral is known exactly.

z ~ N(0, I) and x | z ~ N(W z + b, s^2 I). Evidence and posterior are Gaussian, so an evidence lower bound can be held
against the true log p(x). Its maximum likelihood fit is probabilistic PCA (Tipping & Bishop 1999).
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.distributions import MultivariateNormal

from aigc_course.errors import UsageError
from aigc_course.losses.reconstruction import gaussian_nll
from aigc_course.losses.tensors import require_same_shape
from aigc_course.losses.variational import kl_standard_normal


@dataclass(frozen=True, kw_only=True, eq=False)
class LinearGaussian:
    """z ~ N(0, I_K), x | z ~ N(weight z + bias, noise_variance I_D). Use float64: the bounds differ in small digits.

    Raises: UsageError if the shapes don't fit each other or the noise variance is not positive.
    """

    weight: Tensor  # (D, K)
    bias: Tensor  # (D,)
    noise_variance: Tensor  # (), the variance s^2 of each observed number around its mean, > 0

    def __post_init__(self) -> None:
        if self.weight.ndim != 2 or tuple(self.bias.shape) != tuple(self.weight.shape[:1]):
            raise UsageError(
                f"weight {tuple(self.weight.shape)} and bias {tuple(self.bias.shape)} don't fit; "
                "they must be (D, K) and (D,)"
            )
        if self.noise_variance.ndim != 0 or not self.noise_variance.item() > 0:
            raise UsageError(f"noise_variance = {self.noise_variance} is not allowed; give one number above 0")

    @property
    def latent_dim(self) -> int:
        """K, the length of z."""
        return self.weight.shape[1]

    def mean(self, z: Tensor) -> Tensor:
        """E[x | z]: z (..., K) -> (..., D)."""
        return z @ self.weight.T + self.bias

    def sample(self, count: int, generator: torch.Generator | None = None) -> tuple[Tensor, Tensor]:
        """Draw z from the prior and x from p(x | z): x (count, D), z (count, K)."""
        dtype = self.weight.dtype
        z = torch.randn(count, self.latent_dim, dtype=dtype, generator=generator)
        noise = torch.randn(count, len(self.bias), dtype=dtype, generator=generator)
        return self.mean(z) + self.noise_variance.sqrt() * noise, z

    def evidence(self) -> MultivariateNormal:
        """p(x) = N(b, W W^T + s^2 I); its `log_prob(x)` is the exact log-evidence in nats."""
        noise = self.noise_variance * torch.eye(len(self.bias), dtype=self.weight.dtype)
        return MultivariateNormal(self.bias, self.weight @ self.weight.T + noise)

    def posterior(self, x: Tensor) -> MultivariateNormal:
        """p(z | x) = N(M^-1 W^T (x - b), s^2 M^-1) with M = W^T W + s^2 I.

        Args: x: (B, D).  Returns: a batch of B distributions over z.
        Source: Tipping & Bishop 1999, Eq. 7 (their z and x are called x and t).
        """
        m = self.weight.T @ self.weight + self.noise_variance * torch.eye(self.latent_dim, dtype=self.weight.dtype)
        mean = torch.linalg.solve(m, self.weight.T @ (x - self.bias).T).T
        return MultivariateNormal(mean, self.noise_variance * torch.linalg.inv(m))

    def log_joint(self, x: Tensor, z: Tensor) -> Tensor:
        """log p(x | z) + log p(z) in nats: x (B, D) and z (..., B, K), several samples for each x, -> (..., B)."""
        mean = self.mean(z)
        flat = mean.reshape(-1, mean.shape[-1])
        nll = gaussian_nll(flat, self.noise_variance.log(), x.expand_as(mean).reshape_as(flat))
        z_flat = z.reshape(-1, self.latent_dim)
        prior_nll = gaussian_nll(torch.zeros_like(z_flat), z.new_zeros(()), z_flat)
        return -(nll + prior_nll).reshape(mean.shape[:-1])

    def elbo(self, x: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
        """The evidence lower bound for q(z | x) = N(mu, diag(exp(logvar))), in nats, without sampling.

        E_q log p(x | z) = log N(x; W mu + b, s^2 I) - sum_k exp(logvar_k) |W_k|^2 / (2 s^2), W_k the k-th column.

        Args: x: (B, D). mu, logvar: (B, K).
        Returns: (B,), at most `evidence().log_prob(x)`.
        Raises: UsageError if mu and logvar differ in shape.
        """
        require_same_shape(mu=mu, logvar=logvar)
        spread = (logvar.exp() * self.weight.square().sum(dim=0)).sum(dim=1) / (2 * self.noise_variance)
        nll = gaussian_nll(self.mean(mu), self.noise_variance.log(), x)
        return -nll - spread - kl_standard_normal(mu, logvar)


def probabilistic_pca(x: Tensor, latent_dim: int) -> LinearGaussian:
    """The linear-Gaussian model under which the data are most probable: no other W, b, s^2 has a higher likelihood.

    The columns of W are orthogonal, the most important first, so that the exact posterior is diagonal.

    Args: x: (N, D) float. latent_dim: from 1 to D - 1.
    Raises: UsageError if latent_dim is out of range or the data lie on a plane of so few dimensions.
    Source: Tipping & Bishop 1999, Eq. 14 and 15; the optimum of a linear VAE: Lucas et al. 2019, arXiv:1911.02469.
    """
    if not 1 <= latent_dim < x.shape[1]:
        raise UsageError(f"latent_dim = {latent_dim} is not allowed; for {x.shape[1]} numbers it is 1 to that less 1")
    mean = x.mean(dim=0)
    values, vectors = torch.linalg.eigh((x - mean).T @ (x - mean) / len(x))  # smallest first
    noise_variance = values[:-latent_dim].mean()
    scales = (values[-latent_dim:] - noise_variance).clamp(min=0).sqrt()
    return LinearGaussian(weight=(vectors[:, -latent_dim:] * scales).flip(1), bias=mean, noise_variance=noise_variance)
