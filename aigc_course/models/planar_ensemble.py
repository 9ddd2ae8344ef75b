"""Several planar GANs trained side by side, for the price of little more than one.

Networks of 64 units keep a processor waiting for instructions, not for arithmetic. Here the weights of all copies lie
in one tensor, and one batched matrix product serves them all. Each copy is the PlanarGAN of its seed: it
begins with the same weights and sees the same samples.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from aigc_course.errors import UsageError
from aigc_course.models.planar_gan import PlanarGAN, PlanarGANSettings, PlanarMixture, planar_networks


class PlanarEnsemble(PlanarGAN):
    """One PlanarGAN for each of `seeds`, trained together; `settings.seed` is not used.

    Within a step, rows of points and latents belong to the copies in turn: row i is copy i % copies. What `sample` and
    `logits` give has the copies on a leading axis. A loss is the mean over all copies: that makes each copy's gradient
    smaller by their number, which Adam's steps do not notice.
    Raises: UsageError without seeds.
    """

    def __init__(self, mixture: PlanarMixture, settings: PlanarGANSettings, seeds: Sequence[int]) -> None:
        if not seeds:
            raise UsageError("seeds is empty; give one seed for each GAN, such as seeds=(0, 1, 2)")
        self._seeds = tuple(seeds)
        super().__init__(mixture, settings)
        self.copies = len(self._seeds)

    def _begin(self) -> None:
        self._randoms = [torch.Generator().manual_seed(seed) for seed in self._seeds]
        pairs = [planar_networks(self.settings, seed) for seed in self._seeds]
        self.generator, self.discriminator = (StackedNetwork(networks) for networks in zip(*pairs, strict=True))

    def _asked(self, network: nn.Module, rows: Tensor) -> Tensor:
        """What each copy makes of the same rows (N, inputs): (copies, N, outputs)."""
        answers = network(rows.repeat_interleave(self.copies, dim=0))
        return answers.view(-1, self.copies, answers.shape[1]).transpose(0, 1)

    def _each(self, draw: Callable[[torch.Generator], Tensor]) -> Tensor:
        """What each copy's own generator draws, (n, D) each, in turn: (n * copies, D)."""
        return torch.stack([draw(generator) for generator in self._randoms], dim=1).flatten(0, 1)

    def _real(self, n: int) -> Tensor:
        return self._each(lambda generator: self.mixture.sample(n, generator))

    def _normal(self, n: int, columns: int) -> Tensor:
        return self._each(lambda generator: torch.randn(n, columns, generator=generator))

    def _uniform(self, n: int) -> Tensor:
        return self._each(lambda generator: torch.rand(n // self.copies, 1, generator=generator))


class StackedNetwork(nn.Module):
    """The multilayer perceptrons of `planar_network` with equal sizes, as one: row i goes through network i % copies.

    (B * copies, inputs) -> (B * copies, outputs). Networks with more inputs than x has columns take consecutive rows of
    their copy side by side, as `Pack` does.
    """

    def __init__(self, networks: Sequence[nn.Sequential]) -> None:
        super().__init__()
        layers = [[layer for layer in network if isinstance(layer, nn.Linear)] for network in networks]
        self._copies = len(layers)
        self.weights = nn.ParameterList(
            torch.stack([one.weight.T for one in same]) for same in zip(*layers, strict=True)
        )
        self.biases = nn.ParameterList(
            torch.stack([one.bias[None] for one in same]) for same in zip(*layers, strict=True)
        )

    def forward(self, x: Tensor) -> Tensor:
        h = x.view(-1, self._copies, x.shape[1]).transpose(0, 1)  # (copies, B, columns)
        h = h.reshape(self._copies, -1, self.weights[0].shape[1])
        for number, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            h = torch.baddbmm(bias, nn.functional.leaky_relu(h, 0.2) if number else h, weight)
        return h.transpose(0, 1).flatten(0, 1)
