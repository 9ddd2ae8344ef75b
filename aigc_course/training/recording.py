"""CUDA graphs: a training step is recorded once on the GPU and then replayed, without Python and without launches.

A step of a small network is hundreds of kernels of a few microseconds each, which a host can't launch as fast as a GPU
runs them. A replay launches all of them at once (NVIDIA 2021, "Accelerating PyTorch with CUDA Graphs").
"""

from collections.abc import Callable, Sequence

import torch

from aigc_course.errors import UsageError

Batch = dict[str, torch.Tensor]
Values = dict[str, torch.Tensor]
Step = Callable[[list[Batch]], Values]

_WARM_UP = 3  # steps before the recording, in which libraries choose their kernels and optimizers make their state


class RecordedStep:
    """`step`, called as it is a few times, then recorded and replayed on each call's batches.

    Args:
        step: takes batches and returns scalars. It must do the same work each time, without a look at any number, and
            change nothing but tensors; the shapes of its batches must stay the same.
        optimizers: those that it steps: fused Adam, AdamW or SGD. Their learning rates become tensors, which
            `schedules.set_learning_rate` fills.
    Raises: UsageError for an optimizer that isn't fused, whose step can't be recorded.
    """

    def __init__(self, step: Step, optimizers: Sequence[torch.optim.Optimizer]) -> None:
        for optimizer in optimizers:
            if not all(group.get("fused") for group in optimizer.param_groups):
                raise UsageError(
                    f"loop.cuda_graphs=true records fused optimizers alone, but {type(optimizer).__name__} is not "
                    "fused; use loop.cuda_graphs=false"
                )
        self._step, self._optimizers = step, optimizers
        self._graph: torch.cuda.CUDAGraph | None = None
        self._stream = torch.cuda.Stream()
        self._calls = 0
        self._inputs: list[Batch] = []
        self._values: Values = {}

    def __call__(self, batches: list[Batch]) -> Values:
        """One step on these batches, which must be on the GPU."""
        self._calls += 1
        if self._calls <= _WARM_UP:
            return self._warm_up(batches)
        if self._graph is None:
            self._graph = self._record(batches)
        for static, batch in zip(self._inputs, batches, strict=True):
            for name, tensor in batch.items():
                static[name].copy_(tensor, non_blocking=True)
        self._graph.replay()
        return {name: value.clone() for name, value in self._values.items()}

    def _warm_up(self, batches: list[Batch]) -> Values:
        self._stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self._stream):
            values = self._step(batches)
        torch.cuda.current_stream().wait_stream(self._stream)
        return values

    def _record(self, batches: list[Batch]) -> torch.cuda.CUDAGraph:
        for optimizer in self._optimizers:
            for group in optimizer.param_groups:
                group["lr"] = torch.tensor(float(group["lr"]), device=next(iter(batches[0].values())).device)
                if "capturable" in group:
                    group["capturable"] = True
        self._inputs = [{name: tensor.clone() for name, tensor in batch.items()} for batch in batches]
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            self._values = self._step(self._inputs)
        return graph
