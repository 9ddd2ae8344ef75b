"""Where training runs: device, precision and, under `torchrun`, the other processes.

Every method does the same to the mathematics whether its feature is on or off, so that a loop has one form
for a laptop, a GPU and a cluster. All of it is torch's own engine: autocast, DistributedDataParallel, fully_shard.
"""

import os
from collections.abc import Mapping
from contextlib import nullcontext
from typing import Any

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from aigc_course.errors import UsageError
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
        self.device = _find_device(settings.device)
        self.dtype = _find_dtype(settings.precision, self.device)
        if self.device.type == "cuda":
            torch.cuda.set_device(self.device)
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

    def to_device(self, batch: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """A batch on this run's device; no copy when it is there already."""
        return {name: tensor.to(self.device, non_blocking=True) for name, tensor in batch.items()}

    def step(self, loss: torch.Tensor, model: nn.Module, optimizer: torch.optim.Optimizer, clip: float) -> torch.Tensor:
        """Backward pass, clipping to the global norm `clip` (0: none) and optimizer step.

        Returns: the gradient norm before clipping, a scalar. When it or the loss is not finite, the weights stay as
        they were.
        """
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        parameters = [p for p in model.parameters() if p.grad is not None]
        norm = torch.nn.utils.get_total_norm([p.grad for p in parameters])  # type: ignore[misc]
        if hasattr(norm, "full_tensor"):
            norm = norm.full_tensor()
        if not torch.isfinite(norm + loss.detach()):
            return norm + loss.detach()
        if clip > 0:
            torch.nn.utils.clip_grads_with_norm_(parameters, clip, norm)
        optimizer.step()
        return norm

    def mean(self, value: torch.Tensor) -> torch.Tensor:
        """The average of a scalar over all processes."""
        if self.world == 1:
            return value
        total = value.detach().float().clone()
        dist.all_reduce(total)
        return total / self.world

    def means(self, values: Mapping[str, torch.Tensor | float]) -> dict[str, torch.Tensor | float]:
        """`mean` of every tensor; numbers as they are."""
        return {name: self.mean(v) if isinstance(v, torch.Tensor) else v for name, v in values.items()}

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
