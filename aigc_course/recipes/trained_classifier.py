"""A trained image classifier for use: features to measure sets of images by, and probabilities of classes."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from aigc_course.config import from_dict
from aigc_course.errors import UsageError
from aigc_course.models.image_classifier import ImageClassifier, ImageClassifierConfig
from aigc_course.models.settings import shape_text
from aigc_course.recipes.recipe import weights_of
from aigc_course.recipes.runs import Run, checkpoint_of
from aigc_course.training import checkpoint

NAME = "image-classifier"

_ENOUGH_TO_TELL = 16  # float images without a single dark pixel: they are in [0, 1], not in [-1, 1]
_ROUNDING = 1e-3  # beyond [-1, 1], as a resized or decoded image may be


class TrainedClassifier:
    """A classifier in evaluation mode, in float32, on one device; results come back on the CPU.

    Images are (N, C, H, W) of the classifier's own shape, uint8 in 0..255 or floating point in [-1, 1]. (The `tensor`
    of generated images lies in [0, 1]: pass `2 * tensor - 1`.) Each image's result depends on that image alone, up to
    float32 rounding; `batch_size` bounds the memory and decides nothing else.

    `class_names` and `data_name` (of the data set that it was trained on) are empty where nobody knows them.
    """

    def __init__(
        self, model: nn.Module, config: ImageClassifierConfig, class_names: tuple[str, ...] = (), data_name: str = ""
    ) -> None:
        self.model = model
        self.config = config
        self.class_names = class_names
        self.data_name = data_name
        self.device = next(model.parameters()).device

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(C, H, W) of the images that it takes."""
        return self.config.channels, self.config.image_size, self.config.image_size

    @property
    def feature_dim(self) -> int:
        """D, the length of an image's features."""
        return self.config.feature_dim

    def features(self, images: Tensor, batch_size: int = 500) -> Tensor:
        """(N, D) float32, >= 0: what the last layer sees. Raises: UsageError for images that it doesn't take."""
        return self._apply(self.model.features, images, batch_size)  # type: ignore[arg-type]

    def logits(self, images: Tensor, batch_size: int = 500) -> Tensor:
        """(N, K) float32. Raises: UsageError for images that it doesn't take."""
        return self._apply(self.model, images, batch_size)

    def probabilities(self, images: Tensor, batch_size: int = 500) -> Tensor:
        """(N, K) float32, rows that sum to 1. Raises: UsageError for images that it doesn't take."""
        return self.logits(images, batch_size).softmax(dim=1)

    @torch.no_grad()
    def probabilities_of(self, features: Tensor) -> Tensor:
        """(N, K) float32 of `features` (N, D): what `probabilities` gives for their images, up to rounding."""
        head: nn.Linear = self.model.head  # type: ignore[assignment]
        return head(features.to(self.device)).softmax(dim=1).cpu()

    @torch.no_grad()
    def _apply(self, function: Callable[[Tensor], Tensor], images: Tensor, batch_size: int) -> Tensor:
        self._require_images(images)
        require_batch_size(batch_size)
        with exact_convolutions():
            return torch.cat([function(self._to_input(part)).float().cpu() for part in images.split(batch_size)])

    def _to_input(self, images: Tensor) -> Tensor:
        images = images.to(self.device)
        # In the order of the training batches, so that a byte becomes the same number.
        return images.float().sub_(127.5).mul_(2 / 255) if images.dtype == torch.uint8 else images.float()

    def _require_images(self, images: Tensor) -> None:
        """Raise UsageError unless these are images that the classifier takes."""
        if not isinstance(images, Tensor):
            raise UsageError(f"images must be a torch.Tensor, but are {type(images).__name__}")
        if images.ndim != 4 or tuple(images.shape[1:]) != self.image_shape:
            raise UsageError(
                f"images have the shape {shape_text(images.shape)}, but this classifier takes "
                f"{shape_text(['N', *self.image_shape])}: make them colour or grey, and resize them, as it was trained"
            )
        if len(images) == 0:
            raise UsageError("there are no images: the shape begins with 0")
        if images.dtype == torch.uint8:
            return
        if not images.is_floating_point():
            raise UsageError(f"images must be uint8 (0..255) or floating point ([-1, 1]), but are {images.dtype}")
        low, high = (value.item() for value in images.detach().aminmax())
        if not (low >= -1 - _ROUNDING and high <= 1 + _ROUNDING):
            raise UsageError(
                f"images in floating point must lie in [-1, 1], but go from {low:.4g} to {high:.4g}"
                + ("; NaN comes from a model that diverged" if low != low else "; give bytes 0..255 as uint8")
            )
        if low >= 0 and low < high and len(images) >= _ENOUGH_TO_TELL:
            raise UsageError(
                f"all {len(images)} images lie in [{low:.4g}, {high:.4g}], which looks like [0, 1], but this "
                "classifier takes [-1, 1]; pass 2 * images - 1, or uint8"
            )


def load_classifier(run: Run | str | Path, device: torch.device | str = "cpu") -> TrainedClassifier:
    """The classifier in a run of `image-classifier`: a `Run`, its directory, or a checkpoint file; used on `device`.

    Raises: CheckpointError when there is none, it is damaged, or the run is of another recipe.
    """
    return from_tree(*checkpoint_of(NAME, run), device)


def from_tree(tree: dict[str, Any], where: str, device: torch.device | str = "cpu") -> TrainedClassifier:
    """The classifier in a loaded checkpoint. Raises: CheckpointError when the weights don't fit."""
    config = from_dict(ImageClassifierConfig, tree["config"]["model"])
    model = ImageClassifier(config)
    checkpoint.load_weights(model, weights_of(tree), where)
    model = model.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    data = tree["config"]["data"]
    return TrainedClassifier(model.eval().requires_grad_(False), config, tuple(data["class_names"]), data["name"])


def require_batch_size(batch_size: int) -> None:
    """Raise UsageError unless it is a whole number, at least 1."""
    if isinstance(batch_size, bool) or not isinstance(batch_size, int) or batch_size < 1:
        raise UsageError(f"batch_size must be a whole number, at least 1, but is {batch_size!r}")


@contextmanager
def exact_convolutions() -> Iterator[None]:
    """In this block a GPU convolves in float32, the same way every time: no TF32, no choice by timing."""
    with torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False):
        yield
