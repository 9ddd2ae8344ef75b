"""What the two VAEs share: the evidence lower bound measured over many batches."""

from collections.abc import Iterable

import torch
from torch import nn

from aigc_course.training import Runtime
from aigc_course.training.loop import Batch, StepFunction


@torch.no_grad()
def mean_metrics(
    model: nn.Module, batches: Iterable[Batch], step_fn: StepFunction, runtime: Runtime
) -> dict[str, float]:
    """The step's own loss and metrics, averaged over the examples of `batches`.

    So training and validation measure the same terms. Batches may differ in size.
    """
    totals: dict[str, float] = {}
    count = 0
    for batch in batches:
        size = len(next(iter(batch.values())))
        batch = runtime.to_device(batch)
        with runtime.autocast():
            loss, metrics = step_fn(model, batch)
        for name, value in {"loss": loss, **metrics}.items():
            totals[name] = totals.get(name, 0.0) + float(value) * size
        count += size
    return {name: total / count for name, total in totals.items()}
