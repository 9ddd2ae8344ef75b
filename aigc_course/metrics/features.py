"""What all metrics of feature vectors share: checks, double precision, random order, distances a block at a time."""

from collections.abc import Mapping

import torch
from torch import Tensor

from aigc_course.errors import UsageError

CHUNK_SIZE = 2048  # rows and columns of a block of distances: 32 MiB in float64

_ROUNDING = 1e-13  # of |x|² + |y|²: what |x|² - 2xy + |y|² leaves between equal vectors


def require_features(features: Mapping[str, Tensor], *, minimum: int = 1) -> None:
    """Raise UsageError unless each, by its name, is (N, D) of finite numbers, N >= `minimum`, with one D for all.

    All must be on one device.
    """
    if len({values.device for values in features.values()}) > 1:
        given = ", ".join(f"{name} on {values.device}" for name, values in features.items())
        raise UsageError(f"{given}: move all to one device, as with .cpu()")
    for name, values in features.items():
        if values.ndim != 2 or values.shape[1] == 0:
            raise UsageError(f"{name} is {tuple(values.shape)}; give (N, D), one row per example: x.flatten(1)")
        if len(values) < minimum:
            raise UsageError(f"{name} holds {len(values)} examples; at least {minimum} are needed")
        if values.dtype == torch.bool or values.is_complex():
            raise UsageError(f"{name} is {values.dtype}; give real numbers")
        if not bool(values.isfinite().all()):
            rows = int((~values.isfinite()).any(dim=1).sum())
            raise UsageError(
                f"{name} has NaN or infinity in {rows} of {len(values)} rows; no metric means anything then: look at "
                "the images and at the network that made the features"
            )
    if len({values.shape[1] for values in features.values()}) > 1:
        given = ", ".join(f"{name} {tuple(values.shape)}" for name, values in features.items())
        raise UsageError(f"numbers of features differ: {given}; all must come from the same network and layer")


def to_float64(values: Tensor) -> Tensor:
    """In double precision and without a graph, on the same device; on the CPU where the device has no float64."""
    values = values.detach()
    return values.cpu().double() if values.device.type == "mps" else values.double()


def shuffled(values: Tensor, generator: torch.Generator | None) -> Tensor:
    """The rows in random order; `generator` None takes torch's global one."""
    device = generator.device if generator is not None else torch.device("cpu")
    order = torch.randperm(len(values), generator=generator, device=device)
    return values[order.to(values.device)]


def squared_distances(x: Tensor, y: Tensor) -> Tensor:
    """|x_i - y_j|² as (M, N), >= 0, for float64 x (M, D) and y (N, D); exactly 0 between equal rows."""
    scale = x.square().sum(dim=1)[:, None] + y.square().sum(dim=1)
    squared = torch.addmm(scale, x, y.T, alpha=-2)
    return squared.masked_fill_(squared < _ROUNDING * scale, 0)


def k_nearest(
    queries: Tensor, references: Tensor, k: int, *, chunk_size: int, exclude_self: bool = False
) -> tuple[Tensor, Tensor]:
    """Squared distances and indices of each query's k nearest references, each (M, k), nearest first.

    Memory: a block of chunk_size² distances and the rows of that block in float64, whatever M and N.

    Args: queries: (M, D). references: (N, D), N >= k. exclude_self: the two are the same set; leave out row i for i.
    """
    if chunk_size < 1:
        raise UsageError(f"chunk_size = {chunk_size} is not allowed; it must be at least 1")
    distances, indices = [], []
    for begin in range(0, len(queries), chunk_size):
        x = to_float64(queries[begin : begin + chunk_size])
        best = torch.full((len(x), k), torch.inf, dtype=torch.float64, device=x.device)
        places = torch.zeros((len(x), k), dtype=torch.int64, device=x.device)
        for first in range(0, len(references), chunk_size):
            squared = squared_distances(x, to_float64(references[first : first + chunk_size]))
            if exclude_self and first == begin:
                squared.fill_diagonal_(torch.inf)
            near, columns = squared.topk(min(k, squared.shape[1]), dim=1, largest=False)
            best, kept = torch.cat([best, near], dim=1).topk(k, dim=1, largest=False)
            places = torch.cat([places, columns + first], dim=1).gather(1, kept)
        distances.append(best)
        indices.append(places)
    return torch.cat(distances), torch.cat(indices)
