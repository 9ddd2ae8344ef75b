"""Whether a language model has learned a secret by heart: exposure of a canary."""

import math

import torch
from torch import Tensor

from aigc_course.errors import UsageError

NULL_MEAN_BITS = 1 / math.log(2)
"""The mean exposure of secrets that the model never saw, among very many candidates: 1.44 bits."""


def exposures(candidate_nats: Tensor, secrets: Tensor) -> Tensor:
    """log2(number of candidates) - log2(rank) of each secret: how many bits of guessing the model saves.

    The rank counts the candidates that surprise the model no more than the secret does, itself included; ties so count
    against exposure. Of a secret that the model has never seen every rank is equally likely: an exposure of k bits or
    more has probability 2^-k.

    Args: candidate_nats: (N,) the surprise at each candidate that could have been the secret. secrets: (K,) int64,
        their places among the candidates.
    Returns: (K,) float64 in bits: 0 (the least likely candidate) to log2 N (the likeliest).
    Raises: UsageError for another shape, NaN, or a place that is none.
    Source: Carlini et al. 2019, arXiv:1802.08232, Definition 4.

    >>> exposures(torch.tensor([5.0, 1.0, 7.0, 9.0]), torch.tensor([1, 0])).tolist()
    [2.0, 1.0]
    """
    if candidate_nats.ndim != 1 or secrets.ndim != 1:
        raise UsageError(
            f"candidate_nats {tuple(candidate_nats.shape)} and secrets {tuple(secrets.shape)} must be (N,) and (K,)"
        )
    if candidate_nats.isnan().any():
        raise UsageError("candidate_nats holds NaN; look where it was computed")
    if secrets.numel() and not 0 <= int(secrets.min()) <= int(secrets.max()) < len(candidate_nats):
        raise UsageError(f"secrets must be places in 0 to {len(candidate_nats) - 1}, but are {secrets.tolist()}")
    ordered = candidate_nats.double().sort().values
    ranks = torch.searchsorted(ordered, candidate_nats.double()[secrets], right=True)
    return math.log2(len(candidate_nats)) - ranks.double().log2()
