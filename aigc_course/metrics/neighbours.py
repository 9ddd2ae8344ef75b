"""Whether generated images are copies of training images: their nearest neighbours, and how near is suspicious."""

from dataclasses import dataclass

import torch
from torch import Tensor

from aigc_course.errors import UsageError
from aigc_course.metrics.features import CHUNK_SIZE, k_nearest, require_features, to_float64


@dataclass(frozen=True, kw_only=True)
class Neighbours:
    """The k nearest training examples of each query, nearest first."""

    distances: Tensor  # (N, k) float64, Euclidean, in the units of pixels or features; exactly 0 for a copy
    indices: Tensor  # (N, k) int64, into the training set


@dataclass(frozen=True, kw_only=True)
class Memorisation:
    """Medians over examples of the distance to the nearest training example."""

    generated: float
    held_out: float  # > 0: real examples that were not trained on

    @property
    def ratio(self) -> float:
        """generated / held_out: near 1 where nothing is memorised, 0 where half or more are exact copies.

        Above 1 for images that are unlike any real one, as noise is: a high ratio alone is no praise.
        """
        return self.generated / self.held_out


def nearest_neighbours(queries: Tensor, training: Tensor, k: int = 1, *, chunk_size: int = CHUNK_SIZE) -> Neighbours:
    """The training examples that are nearest to each query by Euclidean distance, in pixels or in features.

    Args:
        queries: (N, ...) images or features of any real dtype; same trailing shape and scale as training.
        training: (M, ...), M >= k >= 1.
        chunk_size: rows and columns of the matrix of distances held at a time.
    Raises: UsageError for shapes or dtypes that differ, too few training examples, NaN or infinity.
    """
    x, y = _rows(queries=queries, training=training)
    if k < 1:
        raise UsageError(f"k = {k} is not allowed; it must be at least 1")
    if len(y) < k:
        raise UsageError(f"k = {k} neighbours were asked for among {len(y)} training examples; lower k")
    indices = k_nearest(x, y, k, chunk_size=chunk_size)[1]
    # Once more from the differences: |x|² - 2xy + |y|² loses the digits of a distance that is small beside |x|.
    parts = zip(x.split(chunk_size), indices.split(chunk_size), strict=True)
    distances = torch.cat([_distances(rows, y, places) for rows, places in parts])
    distances, order = distances.sort(dim=1, stable=True)
    return Neighbours(distances=distances, indices=indices.gather(1, order))


def memorisation(
    *, generated: Tensor, held_out: Tensor, training: Tensor, chunk_size: int = CHUNK_SIZE
) -> Memorisation:
    """How far generated examples lie from the nearest training example, beside held-out real ones.

    Args: generated (N, ...), held_out (H, ...), training (M, ...): images or features in one scale.
    Raises: UsageError as `nearest_neighbours`, and when half or more of the held-out examples are in training.
    Source: the comparison with held-out data of Meehan et al. 2020, arXiv:2004.05675, as a ratio of medians.
    """
    _rows(generated=generated, held_out=held_out, training=training)
    medians = {}
    for name, queries in {"generated": generated, "held_out": held_out}.items():
        distances = nearest_neighbours(queries, training, chunk_size=chunk_size).distances[:, 0]
        medians[name] = distances.quantile(0.5).item()
    if medians["held_out"] == 0:
        raise UsageError("half or more of held_out are exact copies of training examples; take out the duplicates")
    return Memorisation(generated=medians["generated"], held_out=medians["held_out"])


def _rows(**examples: Tensor) -> list[Tensor]:
    """Each as (N, D), after checks of all."""
    given = ", ".join(f"{name} {tuple(x.shape)} {x.dtype}" for name, x in examples.items())
    if any(x.ndim < 2 for x in examples.values()):
        raise UsageError(f"{given}: give (N, ...), one image or feature vector per row")
    if len({x.shape[1:] for x in examples.values()}) > 1:
        raise UsageError(f"{given}: all but the number of examples must be equal")
    if len({x.is_floating_point() for x in examples.values()}) > 1:
        raise UsageError(f"{given}: whole numbers and floats are seldom on one scale; convert one, as x / 127.5 - 1")
    flat = {name: x.flatten(1) for name, x in examples.items()}
    require_features(flat)
    return list(flat.values())


def _distances(rows: Tensor, training: Tensor, places: Tensor) -> Tensor:
    """(B, k) from rows (B, D) to training[places (B, k)], one neighbour at a time."""
    x = to_float64(rows)
    columns = [(x - to_float64(training[column])).norm(dim=1) for column in places.to(training.device).unbind(dim=1)]
    return torch.stack(columns, dim=1)
