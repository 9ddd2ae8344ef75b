"""Log-likelihoods in the units that papers print them in. Inputs are in nats (natural logarithms)."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from aigc_course.errors import UsageError

Numbers = Tensor | Sequence[float]


def perplexity(nats: float) -> float:
    """exp(nats): how many equally likely tokens a model hesitates between.

    Args: nats: mean cross-entropy per token. Depends on the tokenizer: compare only where it is the same.

    >>> round(perplexity(math.log(50)), 6)
    50.0
    """
    return math.exp(nats)


def entropy_nats(probabilities: Tensor) -> float:
    """-sum p log p of a distribution (V,): from 0 (one outcome) to log V (all alike). 0 log 0 counts as 0.

    >>> round(entropy_nats(torch.tensor([0.5, 0.5, 0.0])) / math.log(2), 6)
    1.0
    """
    return -float(torch.xlogy(probabilities, probabilities).sum()) + 0.0  # + 0.0: never "-0.0"


def bits_per_byte(total_nats: float, n_bytes: int) -> float:
    """The negative log-likelihood of a text in bits, per byte of its UTF-8 form: comparable across tokenizers.

    Args: total_nats: summed over the text, not averaged. n_bytes: len(text.encode("utf-8")), at least 1.
    Raises: UsageError if n_bytes is not positive.

    >>> round(bits_per_byte(8 * math.log(2), 4), 6)
    2.0
    """
    if n_bytes < 1:
        raise UsageError(f"n_bytes = {n_bytes} is not allowed; count the bytes of a text that is not empty")
    return total_nats / (math.log(2) * n_bytes)


def bits_per_dim(nats: float, n_dims: int) -> float:
    """A negative log-likelihood in bits, per dimension (an image's channels x height x width).

    Args: nats: of one example, summed over its dimensions. n_dims: at least 1.
    Raises: UsageError if n_dims is not positive.

    >>> round(bits_per_dim(784 * math.log(2), 784), 6)
    1.0
    """
    if n_dims < 1:
        raise UsageError(f"n_dims = {n_dims} is not allowed; it must be at least 1")
    return nats / (math.log(2) * n_dims)


def mean_and_standard_error(values: Numbers) -> tuple[float, float]:
    """The mean of independent values, and the standard error of that mean: s / sqrt(n), s with n - 1.

    Args: values: n >= 2 numbers, one per independent example (tokens of one text are not independent).
    Raises: UsageError for fewer than two values.

    >>> mean_and_standard_error([1.0, 3.0])
    (2.0, 1.0)
    """
    flat = torch.as_tensor(values, dtype=torch.float64).detach().flatten()
    if flat.numel() < 2:
        raise UsageError(f"a standard error needs at least two values, but got {flat.numel()}")
    return flat.mean().item(), (flat.std(correction=1) / math.sqrt(flat.numel())).item()


def two_phase_mean(cheap: Tensor, costly: Tensor) -> tuple[float, float]:
    """The mean of a costly figure over all examples, measured on a few of them, with its standard error.

    A cheap figure of all examples stands in for it, and is put right by the mean difference on those few: where the two
    go together, as the ELBO and a tighter bound do, the error is little more than that of the costly figure of all.

    Args: cheap: (N,). costly: (n,), 2 <= n <= N, of the first n examples, which must be n drawn at random.
    Returns: the mean, and the root of Var(costly) / N + (1/n - 1/N) Var(costly - cheap).
    Raises: UsageError for other sizes.
    Source: Cochran 1977, Sampling Techniques, Sec. 12.7 (double sampling), with a slope of 1.
    """
    n, whole = len(costly), len(cheap)
    if not 2 <= n <= whole:
        raise UsageError(f"{n} costly values for {whole} cheap ones are not allowed; give 2 to {whole}")
    cheap, costly = cheap.double(), costly.double()
    difference = costly - cheap[:n]
    variance = costly.var() / whole + (1 / n - 1 / whole) * difference.var()
    return (cheap.mean() + difference.mean()).item(), variance.sqrt().item()
