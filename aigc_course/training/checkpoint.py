"""Checkpoints: one safetensors file with tensors by name and everything else as JSON in its header.

The state is a tree of dictionaries, lists, tuples, numbers, strings and tensors. Tensors are stored once however
often the tree mentions them (tied weights). A SHA-256 covers tree and tensors. Reading runs no code from the file.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load as deserialise
from safetensors.torch import save_file

from aigc_course import __version__
from aigc_course.errors import CheckpointError
from aigc_course.files import WriteError, atomic_write

FORMAT = 1
"""The version of the file format; raised when an old reader could misread a new file."""

_MARK = "aigc-course-checkpoint"


def save(path: str | Path, state: dict[str, Any]) -> None:
    """Write `state` to `path` atomically: afterwards there is the new file or, on any failure, the old one.

    Raises: WriteError when the disk is full or can't be written.
    """
    tensors: dict[str, torch.Tensor] = {}
    tree = json.dumps(_pack(state, "", tensors, {}))
    header = {_MARK: str(FORMAT), "version": __version__, "tree": tree, "sha256": _digest(tree, tensors)}
    with atomic_write(path) as temporary:
        try:
            save_file(tensors, temporary, metadata=header)
        except SafetensorError as error:
            raise WriteError(f"cannot write {path}: {error}; free some space or choose another directory") from error


def load(path: str | Path, *, only: tuple[str, ...] | None = None) -> dict[str, Any]:
    """Read a checkpoint onto the CPU, verified; `only` names the top-level entries wanted.

    Raises: CheckpointError when the file is missing, truncated, corrupt, of another format or not a checkpoint.
    """
    path = Path(path)
    if not path.is_file():
        raise CheckpointError(f"no checkpoint at {path}")
    try:
        # All bytes from one open file: `safe_open` opens the name twice, and a training run may replace it in between.
        content = path.read_bytes()
        tensors = deserialise(content)
        header = _header(content)
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{path} cannot be read ({error}); it is damaged: delete it or restore a copy") from error
    if _MARK not in header:
        raise CheckpointError(f"{path} is a safetensors file, but not a checkpoint of this course")
    if header[_MARK] != str(FORMAT):
        raise CheckpointError(
            f"{path} has checkpoint format {header[_MARK]} (written by version {header.get('version')}); "
            f"this is version {__version__}, which reads format {FORMAT}: install the version that wrote it"
        )
    if _digest(header["tree"], tensors) != header["sha256"]:
        raise CheckpointError(f"{path} is damaged: its content does not match its SHA-256; restore a copy")
    tree = json.loads(header["tree"])
    if only is not None:
        tree = {key: value for key, value in tree.items() if key in only}
    return _unpack(tree, tensors)


def load_weights(module: torch.nn.Module, weights: dict[str, torch.Tensor], where: str) -> None:
    """Copy `weights` into `module` if every name and shape agrees; otherwise change nothing.

    Raises: CheckpointError that names what is missing, unexpected or of another shape.
    """
    own = module.state_dict()
    problems = [f"{name} is missing" for name in own if name not in weights]
    problems += [f"{name} is unexpected" for name in weights if name not in own]
    problems += [
        f"{name} has shape {tuple(weights[name].shape)}, here {tuple(own[name].shape)}"
        for name in own
        if name in weights and own[name].shape != weights[name].shape
    ]
    if problems:
        more = f" and {len(problems) - 3} more" if len(problems) > 3 else ""
        raise CheckpointError(f"{where} is of another model: {'; '.join(problems[:3])}{more}. Nothing was loaded.")
    module.load_state_dict(weights)


def _header(content: bytes) -> dict[str, str]:
    """The text entries of a safetensors file that was parsed before: 8 bytes of length, then JSON."""
    length = int.from_bytes(content[:8], "little")
    return json.loads(content[8 : 8 + length]).get("__metadata__", {})


def _pack(value: Any, path: str, tensors: dict[str, torch.Tensor], seen: dict[tuple, str]) -> Any:
    """`value` as JSON; tensors are moved to `tensors` and leave their name behind."""
    if isinstance(value, torch.Tensor):
        identity = (value.data_ptr(), tuple(value.shape), value.stride(), value.dtype, value.device)
        if value.numel() == 0 or identity not in seen:
            seen[identity] = path
            tensors[path] = _own_storage(value.detach().cpu().contiguous())
        return {"tensor": seen[identity]}
    if isinstance(value, dict):
        pairs = [[k, _pack(v, f"{path}/{k}" if path else str(k), tensors, seen)] for k, v in value.items()]
        return dict(pairs) if not path else {"dict": pairs}
    if isinstance(value, list | tuple):
        items = [_pack(v, f"{path}/{i}", tensors, seen) for i, v in enumerate(value)]
        return {"tuple" if isinstance(value, tuple) else "list": items}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError(f"a checkpoint can't hold {path}: {type(value).__name__}")


def _own_storage(tensor: torch.Tensor) -> torch.Tensor:
    """A view into a larger storage becomes a tensor of its own, as safetensors wants it."""
    return tensor if tensor.untyped_storage().nbytes() == tensor.nbytes else tensor.clone()


def _unpack(value: Any, tensors: dict[str, torch.Tensor], depth: int = 0) -> Any:
    if not isinstance(value, dict):
        return value
    if depth == 0:
        return {key: _unpack(item, tensors, 1) for key, item in value.items()}
    ((kind, content),) = value.items()
    if kind == "tensor":
        return tensors[content]
    if kind == "dict":
        return {key: _unpack(item, tensors, depth + 1) for key, item in content}
    items = [_unpack(item, tensors, depth + 1) for item in content]
    return tuple(items) if kind == "tuple" else items


def _digest(tree: str, tensors: dict[str, torch.Tensor]) -> str:
    digest = hashlib.sha256(tree.encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data if tensor.numel() else b"")
    return digest.hexdigest()
