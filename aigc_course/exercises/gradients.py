"""Whether a result still carries the gradient to its arguments, and whether that gradient is right."""

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from aigc_course.exercises.calls import AnswerError, GuardedAnswer
from aigc_course.exercises.compare import describe, in_the_form_of
from aigc_course.exercises.guard import Deadline
from aigc_course.exercises.isolation import seed_everything
from aigc_course.exercises.results import Complaint
from aigc_course.exercises.spec import Answer, Exercise

_KEEP = "stay with torch's operations: .item(), float(), .numpy() and .detach() cut the gradient off."


def wrong_gradient(
    exercise: Exercise, answer: GuardedAnswer, arguments: Sequence[Any], expected: Any, deadline: Deadline
) -> Complaint | None:
    """Compare the gradients of a fixed random projection of the result with those of the reference.

    Args: expected: what the reference gives for `arguments`; the result is first put into that form.
    """

    def formed(*mine: Any) -> Any:
        return in_the_form_of(answer(*mine), expected)

    try:
        mine = _gradients(formed, arguments, exercise.differentiable, deadline)
    except (AnswerError, RuntimeError) as error:
        text = str(error).strip().split("\n")[0][:300]
        return Complaint(
            kind="gradient missing",
            message=f"The value is right, but with inputs that need a gradient your function fails: {text}; {_KEEP}",
        )
    right = _gradients(exercise.reference, arguments, exercise.differentiable, deadline)
    if mine is None or right is None:
        return Complaint(
            kind="gradient missing", message=f"The value is right, but no gradient goes back from it; {_KEEP}"
        )
    for place, given, wanted in zip(exercise.differentiable, mine, right, strict=True):
        if wanted is None or exercise.agree(given, wanted):
            continue
        if given is None:
            text = f"The value is right, but no gradient reaches argument {place + 1}; {_KEEP}"
            return Complaint(kind="gradient missing", message=text)
        return Complaint(
            kind="wrong gradient",
            message=f"The value is right, but the gradient to argument {place + 1} is not: "
            "is a part of the computation cut off, or is there a point without a derivative?",
            details=(("Your gradient", describe(given)), ("The answer's", describe(wanted))),
        )
    return None


def _gradients(
    answer: Answer, arguments: Sequence[Any], places: Sequence[int], deadline: Deadline
) -> list[Tensor | None] | None:
    """The gradient to each argument in `places`; None when the result carries none at all."""
    mine = list(copy.deepcopy(tuple(arguments)))
    leaves = [mine[place].detach().requires_grad_(True) for place in places]
    for place, leaf in zip(places, leaves, strict=True):
        mine[place] = leaf
    seed_everything(0)
    outputs = [tensor for tensor in _tensors(answer(*mine)) if tensor.requires_grad]
    if not outputs:
        return None
    generator = torch.Generator().manual_seed(0)
    weights = [torch.randn(tensor.shape, generator=generator).to(tensor) for tensor in outputs]
    with deadline.guarded():  # a backward pass may run the learner's own code
        return list(torch.autograd.grad(outputs, leaves, weights, allow_unused=True))


def _tensors(value: Any) -> list[Tensor]:
    """The floating tensors of a result, in order, whatever collections they sit in."""
    if isinstance(value, Tensor):
        return [value] if value.is_floating_point() else []
    items = value.values() if isinstance(value, Mapping) else value if isinstance(value, list | tuple) else ()
    return [tensor for item in items for tensor in _tensors(item)]
