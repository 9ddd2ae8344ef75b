"""Principal component analysis: the best linear autoencoder, in closed form.

Among all pairs of an affine encoder to K numbers and an affine decoder, none restores the training data with less
squared error (Eckart & Young 1936; for networks Baldi & Hornik 1989). An encoder of any other kind does not help:
whatever the code, an affine decoder paints on a K-dimensional plane, and the nearest point of the best plane is what
PCA gives.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from aigc_course.errors import UsageError


@dataclass(frozen=True, kw_only=True, eq=False)
class PCA:
    """A plane through the data's mean, spanned by the directions in which the data vary most."""

    mean: Tensor  # (D,)
    directions: Tensor  # (K, D), orthonormal rows, the strongest first
    discarded_variance: float  # summed over the D - K other directions: the squared error per training example

    @classmethod
    def fit(cls, x: Tensor, n_components: int) -> "PCA":
        """The plane of `n_components` dimensions with the least squared distance from the rows of x (N, D).

        Computed in float64. Raises: UsageError unless 1 <= n_components <= D and there are at least two rows.
        """
        if x.ndim != 2 or len(x) < 2:
            raise UsageError(f"x is {tuple(x.shape)}; it must be (N, D), one row for each example, N >= 2")
        if not 1 <= n_components <= x.shape[1]:
            raise UsageError(f"n_components = {n_components} is not allowed; for {x.shape[1]} numbers it is 1 to that")
        rows = x.double()
        mean = rows.mean(dim=0)
        centred = rows - mean
        variances, vectors = torch.linalg.eigh(centred.T @ centred / len(rows))  # ascending
        return cls(
            mean=mean.to(x.dtype),
            directions=vectors.flip(1)[:, :n_components].T.to(x.dtype).contiguous(),
            discarded_variance=max(0.0, variances[: x.shape[1] - n_components].sum().item()),
        )

    def encode(self, x: Tensor) -> Tensor:
        """Coordinates in the plane: (B, D) -> (B, K)."""
        return (x - self.mean) @ self.directions.T

    def decode(self, codes: Tensor) -> Tensor:
        """Points of the plane: (B, K) -> (B, D)."""
        return codes @ self.directions + self.mean

    def restore(self, x: Tensor) -> Tensor:
        """The nearest points of the plane: (B, D) -> (B, D)."""
        return self.decode(self.encode(x))
