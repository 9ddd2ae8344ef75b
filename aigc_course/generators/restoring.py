"""A trained autoencoder as a service: one checked image in, the restored image out."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from aigc_course.config import from_dict, to_dict
from aigc_course.errors import CheckpointError, UsageError
from aigc_course.models.autoencoder import Autoencoder, AutoencoderConfig
from aigc_course.training import checkpoint

_KIND = "autoencoder"


def unit_image(image: Any, size: int) -> Tensor:
    """One grey image as what an autoencoder takes: (1, 1, size, size) float32 in [0, 1].

    Args: image: a numpy array or tensor (size, size): uint8 in 0 to 255, or floating point in [0, 1].
    Raises: UsageError that says what was given and what to do, for any other type, shape, dtype or range.
    """
    if not isinstance(image, np.ndarray | Tensor):
        raise UsageError(f"image is {type(image).__name__}; give a numpy array or a tensor, such as cv2.imread returns")
    pixels = torch.as_tensor(np.ascontiguousarray(image) if isinstance(image, np.ndarray) else image).detach().cpu()
    if tuple(pixels.shape) != (size, size):
        hint = "read it with cv2.IMREAD_GRAYSCALE" if pixels.ndim == 3 else f"cut or resize it to {size} x {size}"
        raise UsageError(f"image has the shape {tuple(pixels.shape)}; it must be ({size}, {size}): {hint}")
    if pixels.dtype == torch.uint8:
        return pixels[None, None].float() / 255
    if not pixels.is_floating_point():
        raise UsageError(f"image is {pixels.dtype}; give uint8 (0 to 255) or floating point (0 to 1)")
    if not pixels.isfinite().all():
        raise UsageError("image holds NaN or infinity; look where it was computed")
    low, high = pixels.min().item(), pixels.max().item()
    if low < 0 or high > 1:
        raise UsageError(f"image spans {low:.4g} to {high:.4g}; floats must lie in [0, 1]: divide 0 to 255 by 255")
    return pixels[None, None].float()


class Restorer:
    """`reconstruct(image)` with a trained autoencoder."""

    def __init__(self, model: Autoencoder) -> None:
        self.model = model.eval()

    @torch.no_grad()
    def reconstruct(self, image: Any) -> np.ndarray:
        """The image as the model restores it: (size, size) float32 in [0, 1].

        Args: image: as for `unit_image`. Raises: UsageError, before anything is computed.
        """
        x = unit_image(image, self.model.config.image_size)
        return self.model(x).clamp(0, 1)[0, 0].numpy()


def save_autoencoder(path: str | Path, model: Autoencoder) -> None:
    """Write settings and weights to one safetensors file, atomically.

    Raises: WriteError when the disk is full or can't be written.
    """
    checkpoint.save(path, {"config": {"kind": _KIND, "model": to_dict(model.config)}, "model": model.state_dict()})


def load_restorer(path: str | Path) -> Restorer:
    """The service made of a file that `save_autoencoder` wrote. Nothing in the file is run.

    Raises: CheckpointError when it is missing, damaged, or holds another model.
    """
    tree = checkpoint.load(path)
    config = tree.get("config", {})
    if config.get("kind") != _KIND:
        raise CheckpointError(f"{path} holds no autoencoder; load a file that save_autoencoder wrote")
    model = Autoencoder(from_dict(AutoencoderConfig, config["model"]))
    checkpoint.load_weights(model, tree["model"], str(path))
    return Restorer(model)
