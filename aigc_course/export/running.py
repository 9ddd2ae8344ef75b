"""Exported ONNX models, run by onnxruntime alone: NumPy arrays in and out, no torch."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from aigc_course.errors import CheckpointError, UsageError

CONFIG_KEY = "aigc_course"
"""Under this name an ONNX file's metadata hold, as JSON, what `config.json` holds of exported weights."""


class OnnxModel:
    """An exported model.

    `config` says what the checkpoint said of itself (recipe, settings, data with the tokenizer or the class names),
    `meaning` what goes in and comes out, `input_shapes` the shapes of what goes in, with names for what may vary.

    Args: source: the path of a file that export wrote, or its bytes. threads: for one call; 0: as onnxruntime chooses.
    Raises: CheckpointError when the file is missing or damaged or was not written by export; UsageError when
        onnxruntime is not installed.
    """

    def __init__(self, source: str | Path | bytes, threads: int = 0) -> None:
        onnxruntime = _onnxruntime()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3  # errors; they come as exceptions too
        name = "the model" if isinstance(source, bytes) else str(source)
        if not isinstance(source, bytes):
            path = Path(source).expanduser()
            if not path.is_file():
                raise CheckpointError(f"there is no file {path}; `aigc-course export RUN --to onnx` makes one")
            source = path.read_bytes()
        self.size_bytes = len(source)
        try:
            self._session = onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime has an exception of its own for each status, without a common base
            raise CheckpointError(f"{name} is no ONNX model that onnxruntime can run: {_first_line(error)}") from error
        facts = self._session.get_modelmeta().custom_metadata_map.get(CONFIG_KEY)
        if facts is None:
            raise CheckpointError(f"{name} is an ONNX model, but not one that `aigc-course export` wrote")
        described = json.loads(facts)
        self.config: dict[str, Any] = described["config"]
        self.meaning: str = described["meaning"]
        self.input_shapes = {each.name: tuple(each.shape) for each in self._session.get_inputs()}
        self.outputs = tuple(each.name for each in self._session.get_outputs())

    def __call__(self, **inputs: np.ndarray) -> dict[str, np.ndarray]:
        """The outputs by name. Raises: UsageError for inputs that are missing, unknown, or of a wrong type or shape."""
        return self.run(inputs)

    def run(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """As a call, with the inputs in a dictionary."""
        if set(inputs) != set(self.input_shapes):
            wanted, given = (", ".join(names) or "nothing" for names in (self.input_shapes, inputs))
            raise UsageError(f"this model takes {wanted}, but got {given}")
        try:
            values = self._session.run(None, dict(inputs))
        except Exception as error:  # see above
            raise UsageError(f"onnxruntime refused the inputs ({self.meaning}): {_first_line(error)}") from error
        return dict(zip(self.outputs, values, strict=True))


def _onnxruntime() -> Any:
    try:
        import onnxruntime
    except ImportError as error:
        raise missing_extra("onnxruntime") from error
    return onnxruntime


def missing_extra(package: str) -> UsageError:
    """What to do when a package of the extra `export` is not installed."""
    return UsageError(f'{package} is not installed; it comes with: pip install "aigc-course[export]"')


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
