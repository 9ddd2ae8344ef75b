"""A model as a graph of operations: captured by torch.export, translated to ONNX, its weights rounded to 8 bits."""

import io
import json
import logging
import tempfile
import warnings
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.export import Dim, ExportedProgram

from aigc_course.errors import CheckpointError, UsageError
from aigc_course.export.parts import Part
from aigc_course.export.running import CONFIG_KEY, OnnxModel, missing_extra

CONFIG_FILE = "config.json"  # inside a .pt2 file


def require_onnx() -> None:
    """Raise UsageError unless what writes and runs ONNX is installed."""
    for package in ("onnx", "onnxscript", "onnxruntime"):
        if find_spec(package) is None:
            raise missing_extra(package)


def captured(part: Part) -> ExportedProgram:
    """The part's operations on any batch, and texts of any length up to the longest."""
    example = part.draw(batch=3, length=min(5, part.longest))  # sizes 0 and 1 would be taken for constants
    axes: dict[str, dict[int, Any]] = {name: {0: Dim.DYNAMIC} for name in example}
    if "tokens" in axes:
        axes["tokens"][1] = Dim.AUTO(max=part.longest)
    with _without_torchs_warnings():
        return torch.export.export(part.module, (), example, dynamic_shapes=axes)


def program_bytes(program: ExportedProgram, facts: dict[str, Any]) -> bytes:
    """The content of a .pt2 file, which `torch.export.load` reads."""
    file = io.BytesIO()
    with _without_torchs_warnings():
        torch.export.save(program, file, extra_files={CONFIG_FILE: json.dumps(facts)})
    return file.getvalue()


def load_program(source: str | Path | bytes) -> tuple[torch.nn.Module, dict[str, Any]]:
    """The module in a .pt2 file, or its content, and what the file says of itself. It takes its inputs by name.

    Raises: CheckpointError when it can't be read.
    """
    name = "the program" if isinstance(source, bytes) else str(source)
    file = io.BytesIO(source) if isinstance(source, bytes) else Path(source).expanduser()
    if not zipfile.is_zipfile(io.BytesIO(source) if isinstance(source, bytes) else file):
        raise CheckpointError(f"{name} is no .pt2 file; `aigc-course export RUN --to torch` writes one")
    facts = {CONFIG_FILE: ""}
    try:
        with _without_torchs_warnings():
            module = torch.export.load(file, extra_files=facts).module()
        return module, json.loads(facts[CONFIG_FILE])
    except Exception as error:  # torch raises what its many parts raise
        cause = type(error).__name__
        raise CheckpointError(f"{name} can't be read as a .pt2 file ({cause}); export the run again") from error


def onnx_bytes(program: ExportedProgram, part: Part, facts: dict[str, Any]) -> bytes:
    """The content of an .onnx file with float32 weights.

    Raises: UsageError when the model is too large for one file.
    """
    axes = {name: {0: "batch"} | ({1: "length"} if name == "tokens" else {}) for name in part.sizes}
    with _without_torchs_warnings():
        translated = torch.onnx.export(
            program,
            (),
            dynamo=True,
            input_names=list(part.sizes),
            output_names=list(part.outputs),
            dynamic_shapes=axes,
            verbose=False,
        )
    assert translated is not None
    translated.model.metadata_props[CONFIG_KEY] = json.dumps(facts)
    try:
        return translated.model_proto.SerializeToString()
    except ValueError as error:  # protobuf's limit of 2 GiB
        raise UsageError("the model is too large for one ONNX file (2 GiB); export it as safetensors") from error


def int8_bytes(float_content: bytes) -> bytes:
    """The same model with the weights of its matrix products and tables rounded to 8 bits.

    What goes into these products is rounded too, when it is computed ("dynamic"), with one scale for each call. Weights
    have one scale for each column. Transposed convolutions stay as they are: onnxruntime has no such operation on whole
    numbers.
    """
    import onnx
    from onnxruntime.quantization import QuantType, quant_pre_process, quantize_dynamic

    with tempfile.TemporaryDirectory() as folder, _without_torchs_warnings():
        given, prepared, rounded = (Path(folder) / f"{name}.onnx" for name in ("given", "prepared", "rounded"))
        given.write_bytes(float_content)
        quant_pre_process(given, prepared, skip_symbolic_shape=True)
        plain = onnx.load(prepared)
        del plain.graph.value_info[:]  # onnxruntime 1.23 refuses shapes that it noted itself; it finds them anew
        onnx.save(plain, prepared)
        quantize_dynamic(prepared, rounded, per_channel=True, weight_type=QuantType.QInt8)
        model = onnx.load(rounded)
    del model.metadata_props[:]
    model.metadata_props.extend(onnx.load_from_string(float_content).metadata_props)
    return model.SerializeToString()


def run_on_tensors(model: OnnxModel, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
    """`OnnxModel.run` with tensors in the place of arrays."""
    found = model.run({name: tensor.numpy() for name, tensor in inputs.items()})
    return {name: torch.from_numpy(value) for name, value in found.items()}


@contextmanager
def _without_torchs_warnings() -> Iterator[None]:
    """The exporters warn of their own insides, which nobody who calls them can change."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "torch.export")]
    levels = [logger.level for logger in loggers]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for logger in loggers:
            logger.setLevel(logging.CRITICAL)
        try:
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)
