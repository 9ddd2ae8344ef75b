"""A tensor whose history lies at the other end of a line."""

from collections.abc import Sequence
from typing import Any, Protocol

import torch
from torch import Tensor


class Puller(Protocol):
    """Who can ask the other end for gradients."""

    def pull(self, record: int, output: int, slope: Tensor, inputs: Sequence[Tensor]) -> list[Tensor | None]:
        """The gradients to `inputs` of one output of a recorded call, given that to the output."""


class _Bridge(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, peer: Puller, record: int, output: int, value: list[Tensor], *inputs: Tensor) -> Tensor:
        ctx.peer, ctx.record, ctx.output = peer, record, output
        ctx.save_for_backward(*inputs)
        return value[0]

    @staticmethod
    def backward(ctx: Any, *slopes: Tensor) -> Any:
        found = ctx.peer.pull(ctx.record, ctx.output, slopes[0], ctx.saved_tensors)
        return None, None, None, None, *found


def bridged(peer: Puller, record: int, output: int, value: Tensor, inputs: Sequence[Tensor]) -> Tensor:
    """`value` as a function of `inputs`: its backward pass asks the other end and can be differentiated again."""
    if not torch.is_grad_enabled():
        return value
    return _Bridge.apply(peer, record, output, [value], *inputs)


def leaves_behind(tensors: Sequence[Tensor]) -> list[Tensor]:
    """The leaves that these tensors depend on."""
    leaves = {id(tensor): tensor for tensor in tensors if tensor.grad_fn is None}
    seen: set[Any] = set()
    ahead: list[Any] = [tensor.grad_fn for tensor in tensors if tensor.grad_fn is not None]
    while ahead:
        node = ahead.pop()
        if node in seen:
            continue
        seen.add(node)
        leaf = getattr(node, "variable", None)
        if leaf is not None:
            leaves[id(leaf)] = leaf
        ahead += [source for source, _ in node.next_functions if source is not None]
    return list(leaves.values())
