"""Where examples lie in the latent space of a VAE, in the coordinates in which its prior is N(0, I)."""

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from aigc_course.losses.variational import kl_standard_normal

_AT_ONCE = 250  # examples, where there is no gradient


class Posteriors(NamedTuple):
    """q(z | x) = N(mu, diag(exp(logvar))) of N examples; the prior is N(0, I)."""

    mu: Tensor  # (N, D)
    logvar: Tensor  # (N, D)

    def kl_nats(self) -> Tensor:
        """The KL term that each coordinate carries, mean over the examples, (D,), >= 0: near 0 it isn't used."""
        each = kl_standard_normal(self.mu.reshape(-1, 1), self.logvar.reshape(-1, 1))  # (N * D,)
        return each.reshape(self.mu.shape).mean(dim=0)

    def most_used(self, count: int) -> list[int]:
        """The `count` coordinates that carry most KL, the greatest first."""
        return self.kl_nats().argsort(descending=True, stable=True)[:count].tolist()

    def sample(self, index: int, noise: Tensor) -> Tensor:
        """z (D,) from the posterior of one example, given noise (D,) from N(0, I)."""
        return self.mu[index] + (0.5 * self.logvar[index]).exp() * noise


@torch.no_grad()
def posteriors(model: nn.Module, images: Tensor, labels: Tensor | None = None) -> Posteriors:
    """q(z | x) of images by an image VAE, as differences to the prior in units of its standard deviation.

    So `model.decode(z, labels)` takes such z from N(0, I), also where a layer's prior depends on the layers above. Of
    those the mean is taken.

    Args: model: ConvVAE, MLPVAE, LadderVAE or ConvLadderVAE in eval mode. images: (N, C, H, W) in [0, 1]. labels: (N,)
        int64, where the model is conditional.
    Returns: mu, logvar, each (N, latent_dim), float32 on the CPU.
    Raises: UsageError if a shape is wrong, or labels are missing or out of place.
    """
    config: Any = model.config
    like = next(model.parameters())
    means, logvars = [], []
    for rows in torch.arange(len(images)).split(_AT_ONCE):
        known = None if labels is None else labels[rows].to(like.device)
        noise = torch.zeros(len(rows), config.latent_dim, device=like.device)
        layers = model(images[rows].to(like), known, noise).layers
        means.append(torch.cat([(q.mu - q.prior_mu) * (-0.5 * q.prior_logvar).exp() for q in layers], dim=1))
        logvars.append(torch.cat([q.logvar - q.prior_logvar for q in layers], dim=1))
    return Posteriors(torch.cat(means).float().cpu(), torch.cat(logvars).float().cpu())
