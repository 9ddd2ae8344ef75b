"""A run in a form that is used without its training: checked against the model before the file appears."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal, cast

import torch
from torch import Tensor

from aigc_course import __version__
from aigc_course.errors import CheckpointError, CourseError, UsageError, unknown
from aigc_course.export import graphs
from aigc_course.export.parts import Part, part_of, player_of
from aigc_course.export.running import OnnxModel
from aigc_course.files import atomic_folder, atomic_write
from aigc_course.recipes import Run, get_recipe, read_run
from aigc_course.recipes.recipe import weights_of
from aigc_course.recipes.weights import CONFIG, WEIGHTS, write_weights

Form = Literal["safetensors", "torch", "onnx", "int8"]

FORMS: dict[str, str] = {"safetensors": "", "torch": ".pt2", "onnx": ".onnx", "int8": ".onnx"}
"""Each form and how the name of its file ends; of safetensors it is a folder."""

TOLERANCE = 1e-4
"""How far an exported model's outputs may be from the model's, in units of the largest output, at least 1."""

Outputs = dict[str, Tensor]


@dataclass(frozen=True, kw_only=True)
class Exported:
    """What an export wrote."""

    path: Path
    form: str
    size_bytes: int
    meaning: str  # of inputs and outputs
    largest_difference: float  # of an output to the model's, on random inputs; 0.0 where the weights are the same


def export_model(
    run: Run | str | Path, to: Form, out: str | Path | None = None, *, overwrite: bool = False
) -> Exported:
    """Write the model of a run in another form, whole or not at all.

    Args:
        run: a `Run`, its directory, a checkpoint file, or a folder of exported weights.
        to: "safetensors": a folder with the weights and config.json, which `load_generator` reads. "torch": a graph for
            `torch.export.load`. "onnx": a graph for onnxruntime. "int8": the same with weights of 8 bits.
        out: where to; None: the recipe's name in the working directory.
        overwrite: whether what stands there may be replaced.

    Raises: UsageError for an unknown form, a name of another ending, something that is there already, or a package that
        is not installed; CheckpointError for a run that generates nothing; WriteError when the disk is full.
    """
    if to not in FORMS:
        raise unknown("form", to, FORMS)
    if to in ("onnx", "int8"):
        graphs.require_onnx()
    source, tree = read_run(run)
    recipe = tree["config"].get("recipe", "")
    if not get_recipe(recipe).generates:
        raise CheckpointError(f"{source} was made by {recipe!r}, which generates nothing; export one that does")
    path = _target(recipe, to, out, overwrite=overwrite)
    part = part_of(tree, str(source))
    if to == "safetensors":
        _write_folder(path, tree, recipe)
        size = sum(file.stat().st_size for file in path.iterdir())
        return Exported(path=path, form=to, size_bytes=size, meaning=part.meaning, largest_difference=0.0)
    content, difference = _graph(part, to, _facts(tree, part))
    with atomic_write(path) as temporary:
        temporary.write_bytes(content)
    return Exported(path=path, form=to, size_bytes=len(content), meaning=part.meaning, largest_difference=difference)


def _target(recipe: str, to: str, out: str | Path | None, *, overwrite: bool) -> Path:
    """Where to write. Raises: UsageError when the name doesn't fit, or something is there that may not be replaced."""
    default = f"{recipe}-weights" if to == "safetensors" else f"{recipe}{'-int8' if to == 'int8' else ''}{FORMS[to]}"
    path = Path(default if out is None else out).expanduser()
    if to != "safetensors" and path.suffix != FORMS[to]:
        raise UsageError(f"the form {to!r} is a file whose name ends in {FORMS[to]}, but out is {str(path)!r}")
    if path.exists() and not overwrite:
        raise UsageError(f"{path} is there already; choose another name, or overwrite it (--force)")
    if to == "safetensors" and path.exists() and not _is_ours(path):
        raise UsageError(f"{path} is no folder that export wrote, so it is not replaced; choose another name")
    if to != "safetensors" and path.is_dir():
        raise UsageError(f"{path} is a folder; choose the name of a file")
    return path


def _is_ours(path: Path) -> bool:
    """A folder with nothing but what an export writes."""
    return path.is_dir() and {file.name for file in path.iterdir()} <= {CONFIG, WEIGHTS}


def _facts(tree: dict[str, Any], part: Part) -> dict[str, Any]:
    """What the file says of itself."""
    return {"version": __version__, "config": tree["config"], "step": tree["step"], "meaning": part.meaning}


def _write_folder(path: Path, tree: dict[str, Any], recipe: str) -> None:
    with atomic_folder(path) as folder:
        write_weights(folder, weights_of(tree, player_of(recipe)), tree, player_of(recipe))


def _graph(part: Part, to: str, facts: dict[str, Any]) -> tuple[bytes, float]:
    """The file's content, and how far its outputs are from the model's."""
    program = graphs.captured(part)
    if to == "torch":
        content = graphs.program_bytes(program, facts)
        loaded, _ = graphs.load_program(content)
        return content, _difference(part, lambda inputs: _named(part, loaded(**inputs)))
    content = graphs.onnx_bytes(program, part, facts)
    difference = _difference(part, partial(graphs.run_on_tensors, OnnxModel(content)))
    if to == "onnx":
        return content, difference
    content = graphs.int8_bytes(content)
    return content, _difference(part, partial(graphs.run_on_tensors, OnnxModel(content)), tolerance=None)


@torch.no_grad()
def _difference(part: Part, run: Callable[[dict[str, Tensor]], Outputs], tolerance: float | None = TOLERANCE) -> float:
    """The largest difference of floating outputs, for batches and lengths that the graph was not captured with.

    Raises: CourseError when it is above the tolerance, or whole numbers differ; None: nothing is too far.
    """
    largest = 0.0
    for seed, (batch, length) in enumerate(((1, 1), (2, part.longest), (7, part.longest // 2 + 1))):
        inputs = part.draw(batch, seed, length)
        expected, found = _named(part, part.module(**inputs)), run(inputs)
        for name, value in expected.items():
            difference = (found[name].double() - value.double()).abs().max().item()
            scale = max(1.0, value.double().abs().max().item())
            if tolerance is not None and not difference <= tolerance * scale:
                raise CourseError(
                    f"the exported graph gives other {name} than the model (by {difference:.2g}, where up to "
                    f"{scale:.2g} is usual), so nothing was written; report this with the settings of the run"
                )
            largest = max(largest, difference) if value.is_floating_point() else largest
    return largest


def _named(part: Part, outputs: Any) -> Outputs:
    several = outputs if isinstance(outputs, tuple) else (outputs,)
    return dict(zip(part.outputs, cast(tuple[Tensor, ...], several), strict=True))
