"""Where training runs: device, precision and, under `torchrun`, the other processes.

Every method does the same to the mathematics whether its feature is on or off, so that a loop has one form
for a laptop, a GPU and a cluster. All of it is torch's own engine: autocast, DistributedDataParallel, fully_shard.
"""

import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from importlib.util import find_spec
from typing import Any

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from aigc_course.errors import UsageError
from aigc_course.training.recording import RecordedStep, Step
from aigc_course.training.settings import LoopSettings


class Runtime:
    """Device, precision and process group of one training run.

    Args: settings: its `device`, `precision` and `strategy` decide.
    Raises: UsageError when the machine does not have what was asked for.
    """

    def __init__(self, settings: LoopSettings) -> None:
        self.world = int(os.environ.get("WORLD_SIZE", "1"))
        self.rank = int(os.environ.get("RANK", "0"))
        self.strategy = settings.strategy
        if settings.batch_size % (self.world * settings.accumulate):
            raise UsageError(
                f"a batch of {settings.batch_size} examples cannot be cut into {settings.accumulate} equal parts "
                f"for each of {self.world} processes; change batch_size or accumulate"
            )
        self.device = _find_device(settings.device)
        self.dtype = _find_dtype(settings.precision, self.device)
        self.compile = settings.compile
        if self.compile:
            _require_compiler(self.device)
        if self.device.type == "cuda":
            torch.cuda.set_device(self.device)
            torch.backends.cudnn.benchmark = True  # training's batches have one size: worth a search for the fastest
        self.cuda_graphs = settings.cuda_graphs and self.device.type == "cuda" and self.world == 1
        if self.world > 1 and not dist.is_initialized():
            dist.init_process_group("nccl" if self.device.type == "cuda" else "gloo")

    @property
    def is_main(self) -> bool:
        """Whether this process is the one that prints and writes."""
        return self.rank == 0

    @property
    def precision(self) -> str:
        """ "fp32" or "bf16"."""
        return "bf16" if self.dtype is torch.bfloat16 else "fp32"

    def seed(self, seed: int) -> None:
        """Seed torch on this process; the processes draw different numbers (dropout)."""
        torch.manual_seed(seed + self.rank)

    def prepare(self, model: nn.Module) -> nn.Module:
        """The model on its device; with several processes, equal everywhere and wrapped for gradient exchange."""
        model = model.to(self.device)
        if self.compile:
            model.compile()  # in place: the names of the weights stay as they are
        if self.world == 1:
            return model
        with torch.no_grad():
            for tensor in model.state_dict().values():
                dist.broadcast(tensor, src=0)
        if self.strategy == "fsdp":
            return _shard(model, self.device)
        ids = [self.device.index or 0] if self.device.type == "cuda" else None
        return DistributedDataParallel(model, device_ids=ids, broadcast_buffers=False)

    @staticmethod
    def unwrap(model: nn.Module) -> nn.Module:
        """The model that was given to `prepare` (sharded in place under FSDP)."""
        return model.module if isinstance(model, DistributedDataParallel) else model

    def autocast(self) -> Any:
        """Forward passes in this block run in bf16 where that is chosen; weights stay float32."""
        if self.dtype is torch.float32:
            return nullcontext()
        return torch.autocast(self.device.type, dtype=self.dtype)

    def eager(self) -> Any:
        """In this block nothing is compiled: evaluations have batches of many shapes, each compiled anew otherwise."""
        return torch.compiler.set_stance("force_eager") if self.compile else nullcontext()

    def to_device(self, batch: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """A batch on this run's device; no copy when it is there already."""
        if self.device.type == "cuda":  # from pinned memory, else the host would wait for all that the GPU has to do
            batch = {name: t.pin_memory() if t.device.type == "cpu" else t for name, t in batch.items()}
        return {name: tensor.to(self.device, non_blocking=True) for name, tensor in batch.items()}

    def recorded(self, step: Step, optimizers: Sequence[torch.optim.Optimizer]) -> Step:
        """The step as a CUDA graph where the settings say so and one GPU does the work, else as it is."""
        return RecordedStep(step, optimizers) if self.cuda_graphs else step

    def parts(self, batch: dict[str, torch.Tensor], count: int, model: nn.Module) -> Iterator[dict[str, torch.Tensor]]:
        """The batch in `count` equal parts; several processes exchange gradients in the last part's backward pass."""
        size = len(next(iter(batch.values())))
        assert size % count == 0, (size, count)
        for number in range(count):
            last = number == count - 1
            if isinstance(model, DistributedDataParallel):
                model.require_backward_grad_sync = last
            elif self.world > 1:
                model.set_requires_gradient_sync(last)  # type: ignore[operator]  # FSDP's
            rows = slice(number * size // count, (number + 1) * size // count)
            yield {name: tensor[rows] for name, tensor in batch.items()}

    def step(self, loss: torch.Tensor, model: nn.Module, optimizer: torch.optim.Optimizer, clip: float) -> torch.Tensor:
        """Backward pass from zeroed gradients, then `update`, whose result it returns."""
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        return self.update(loss, model, optimizer, clip)

    def update(
        self, loss: torch.Tensor, model: nn.Module, optimizer: torch.optim.Optimizer, clip: float
    ) -> torch.Tensor:
        """Clipping of the gradients to the global norm `clip` (0: none), then the optimizer's step.

        Returns: the gradient norm before clipping, a scalar. When it or the loss is not finite, the weights stay as
        they were, and the scalar isn't finite either.
        """
        parameters = [p for p in model.parameters() if p.grad is not None]
        norm = torch.nn.utils.get_total_norm([p.grad for p in parameters])  # type: ignore[misc]
        if hasattr(norm, "full_tensor"):
            norm = norm.full_tensor()
        told = norm + 0 * loss.detach()  # the norm, but not finite where the loss is not
        if self.device.type == "cuda" and getattr(optimizer, "_step_supports_amp_scaling", False):
            optimizer.found_inf = (~torch.isfinite(told)).float()  # type: ignore[attr-defined]  # read on the GPU
        elif not torch.isfinite(told):
            return told
        if clip > 0:
            torch.nn.utils.clip_grads_with_norm_(parameters, clip, norm)
        optimizer.step()
        return told

    def mean(self, value: torch.Tensor) -> torch.Tensor:
        """The average of a scalar over all processes."""
        if self.world == 1:
            return value
        total = value.detach().float().clone()
        dist.all_reduce(total)
        return total / self.world

    def means(self, *parts: Mapping[str, torch.Tensor | float]) -> dict[str, torch.Tensor]:
        """Each value averaged over the parts of a batch, then over all processes; as scalars without gradients."""
        averages = {}
        for name in parts[0]:
            values = [torch.as_tensor(part[name], dtype=torch.float32).detach() for part in parts]
            averages[name] = self.mean(torch.stack(values).mean() if len(values) > 1 else values[0])
        return averages

    def any(self, flag: bool) -> bool:
        """Whether `flag` holds on any process."""
        if self.world == 1:
            return flag
        return bool(self.mean(torch.tensor(float(flag), device=self.device)) > 0)

    def gather(self, value: torch.Tensor) -> list[torch.Tensor]:
        """The CPU byte tensors of all processes, in the order of their ranks."""
        if self.world == 1:
            return [value]
        mine = value.to(self.device)
        everyone = [torch.empty_like(mine) for _ in range(self.world)]
        dist.all_gather(everyone, mine)
        return [tensor.cpu() for tensor in everyone]

    def close(self) -> None:
        """Leave the process group."""
        if self.world > 1 and dist.is_initialized():
            dist.destroy_process_group()


def _find_device(name: str) -> torch.device:
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise UsageError(f"unknown device {name!r}; use auto, cpu, cuda, cuda:0 or mps") from error
    if device.type == "cuda":
        if not torch.cuda.is_available():
            raise UsageError("device is 'cuda', but torch sees no GPU; run `aigc-course doctor`, or use device=cpu")
        index = device.index if device.index is not None else int(os.environ.get("LOCAL_RANK", "0"))
        if index >= torch.cuda.device_count():
            raise UsageError(f"there is no GPU {index}: this machine has {torch.cuda.device_count()}")
        return torch.device("cuda", index)
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise UsageError("device 'mps' was asked for, but this machine has no Apple GPU; use device=cpu")
    return device


def _find_dtype(precision: str, device: torch.device) -> torch.dtype:
    if precision == "fp32":
        return torch.float32
    if precision == "bf16" or has_bf16(device):
        return torch.bfloat16
    return torch.float32


def has_bf16(device: torch.device) -> bool:
    """Whether the processor has bf16 instructions (elsewhere bf16 would be emulated, slower than float32)."""
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    return device.type == "cpu" and bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def _require_compiler(device: torch.device) -> None:
    """Raise UsageError where torch.compile would find nothing to compile with."""
    compilers = (os.environ.get("CXX", ""), "c++", "g++", "clang++", "cl")
    if device.type == "cpu" and not any(name and shutil.which(name) for name in compilers):
        raise UsageError("compile=true needs a C++ compiler, but none of c++, g++, clang++ is here; use compile=false")
    if device.type == "cuda" and find_spec("triton") is None:
        raise UsageError("compile=true needs the package triton on a GPU, which is not installed; use compile=false")


def _shard(model: nn.Module, device: torch.device) -> nn.Module:
    """FSDP2: each child block, then the rest, spread over the processes."""
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard

    mesh = init_device_mesh(device.type, (dist.get_world_size(),))
    for child in model.modules():
        if isinstance(child, nn.ModuleList):
            for block in child:
                fully_shard(block, mesh=mesh)
    fully_shard(model, mesh=mesh)
    return model
