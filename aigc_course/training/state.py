"""What a checkpoint holds of models, optimizers and random numbers, for one process or many."""

from typing import Any

import torch
from torch import nn

from aigc_course.errors import CheckpointError
from aigc_course.training import checkpoint
from aigc_course.training.runtime import Runtime


def model_state(model: nn.Module, runtime: Runtime) -> dict[str, torch.Tensor]:
    """All weights and buffers of the unwrapped model, gathered from every process when sharded."""
    return full(runtime.unwrap(model).state_dict())


def full(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Sharded tensors gathered into whole ones; plain tensors as they are."""
    return {name: t.full_tensor() if hasattr(t, "full_tensor") else t for name, t in tensors.items()}


def load_model(model: nn.Module, weights: dict[str, torch.Tensor], runtime: Runtime, where: str) -> None:
    """The inverse of `model_state`. Raises CheckpointError when names or shapes differ, and loads nothing."""
    plain = runtime.unwrap(model)
    if _is_sharded(plain):
        own = plain.state_dict()
        weights = {name: _like(weights[name], own[name]) for name in own}
    checkpoint.load_weights(plain, weights, where)


def load_average(average: dict[str, torch.Tensor], saved: dict[str, torch.Tensor]) -> None:
    """Copy a saved EMA into the running one."""
    for name, tensor in average.items():
        tensor.copy_(_like(saved[name], tensor))


def optimizer_state(optimizer: torch.optim.Optimizer, model: nn.Module, runtime: Runtime) -> dict[str, Any]:
    """The optimizer's moments and settings, gathered from every process when sharded."""
    tree = _as_given(optimizer.state_dict())
    if not _is_sharded(runtime.unwrap(model)):
        return tree
    return {**tree, "state": {k: full(v) for k, v in tree["state"].items()}}


def _as_given(tree: dict[str, Any]) -> dict[str, Any]:
    """The state with learning rates as numbers and nothing recorded: a CUDA graph is of this sitting alone."""
    if "optimizers" in tree:
        return {"optimizers": [_as_given(part) for part in tree["optimizers"]]}
    changed = [
        {**group, "lr": float(group["lr"])} | ({"capturable": False} if "capturable" in group else {})
        for group in tree["param_groups"]
    ]
    return {**tree, "param_groups": changed}


def load_optimizer(optimizer: torch.optim.Optimizer, model: nn.Module, tree: dict[str, Any], runtime: Runtime) -> None:
    """The inverse of `optimizer_state`."""
    if _is_sharded(runtime.unwrap(model)):
        parameters = [p for group in optimizer.param_groups for p in group["params"]]
        shard = {
            index: {name: _like(t, parameters[index]) if t.dim() else t for name, t in entries.items()}
            for index, entries in tree["state"].items()
        }
        tree = {**tree, "state": shard}
    optimizer.load_state_dict(tree)
    for one in getattr(optimizer, "optimizers", [optimizer]):
        for weight, entries in one.state.items():
            entries.update({name: _laid_out_as(weight, tensor) for name, tensor in entries.items()})


def _laid_out_as(weight: torch.Tensor, value: Any) -> Any:
    """An average of the gradients in the weight's memory format, which fused optimizers take for granted."""
    if not isinstance(value, torch.Tensor) or value.shape != weight.shape or value.stride() == weight.stride():
        return value
    return torch.empty_like(weight, dtype=value.dtype).copy_(value)


def rng_state(runtime: Runtime) -> dict[str, Any]:
    """torch's random state of every process."""
    state: dict[str, Any] = {"cpu": runtime.gather(torch.get_rng_state()), "cuda": None}
    if runtime.device.type == "cuda":
        state["cuda"] = runtime.gather(torch.cuda.get_rng_state(runtime.device))
    return state


def restore_rng(state: dict[str, Any], runtime: Runtime, otherwise: int) -> None:
    """Restore `rng_state`; on another number of processes or kind of device, seed anew with `otherwise`."""
    if len(state["cpu"]) != runtime.world or (runtime.device.type == "cuda") != (state["cuda"] is not None):
        runtime.seed(otherwise)
        return
    torch.set_rng_state(state["cpu"][runtime.rank])
    if state["cuda"] is not None:
        torch.cuda.set_rng_state(state["cuda"][runtime.rank], runtime.device)


def check_same_config(saved: dict[str, Any], given: dict[str, Any], where: str) -> None:
    """Raise CheckpointError unless both agree in all but the number of steps and the device.

    Settings that the saved run did not have yet are new, and have their defaults: they don't differ.
    """
    old, new = _flatten(saved), _flatten(given)
    free = ("loop.steps", "loop.device")
    differing = sorted(k for k in old if old[k] != new.get(k) and not k.endswith(free))
    if differing:
        first = "; ".join(f"{key}: {old.get(key)!r} there, {new.get(key)!r} now" for key in differing[:3])
        raise CheckpointError(f"{where} belongs to a run with other settings ({first}). Resume with the same settings.")


def _flatten(value: Any, prefix: str = "") -> dict[str, Any]:
    if not isinstance(value, dict):
        return {prefix: value}
    return {
        k: v for key, item in value.items() for k, v in _flatten(item, f"{prefix}.{key}" if prefix else key).items()
    }


def _is_sharded(model: nn.Module) -> bool:
    return any(hasattr(p, "full_tensor") for p in model.parameters())


def _like(whole: torch.Tensor, reference: Any) -> torch.Tensor:
    """A whole tensor sharded as `reference` is; unchanged where that is a plain tensor."""
    if not hasattr(reference, "full_tensor"):
        return whole
    from torch.distributed.tensor import distribute_tensor

    return distribute_tensor(whole.to(reference.device), reference.device_mesh, reference.placements)
