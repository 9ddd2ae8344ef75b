"""The latent space of a VAE of images: z on sliders, the decoded image, the map of where real images lie."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from aigc_course.data.sets import ImageSet
from aigc_course.errors import UsageError
from aigc_course.models.latent_space import posteriors
from aigc_course.recipes.image_vae import AnyVAE
from aigc_course.recipes.runs import Run
from aigc_course.recipes.trained_vae import load_vae
from aigc_course.widgets.latent_sliders import Condition, LatentSliders, spread

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


class LatentExplorer(LatentSliders):
    """Coordinates of z on sliders: the decoded image, where z began, the map of the real images' posterior means."""

    title = "What the decoder makes of z"
    inches = (9.6, 4.9)

    def __init__(
        self,
        model: AnyVAE,
        dataset: ImageSet,
        *,
        split: str = "test",
        coordinates: int | Sequence[int] = 4,
        seed: int = 0,
    ) -> None:
        """Show what `model` decodes.

        Args:
            model: a trained VAE. dataset: images as it learned from; at most 1,000 of `split`, evenly over it, are the
                map and the places where z may begin.
            coordinates: which of z get a slider; or how many, those that carry most KL. The first two span the map.
            seed: of "New z".
        Raises: UsageError when model and images don't fit, or for coordinates that z doesn't have.
        """
        _require_fitting(model, dataset)
        self.model = model.eval()
        images, labels = dataset.split(split)
        rows = spread(len(images))
        self.images = images[rows].float() / 255  # (N, C, H, W)
        classes = Condition("class", dataset.class_names, labels[rows])
        conditional = model.config.n_classes > 0
        known = posteriors(self.model, self.images, labels[rows] if conditional else None)
        super().__init__(
            known,
            what="image",
            split=split,
            classes=classes,
            conditions={"label": classes} if conditional else {},
            coordinates=coordinates,
            seed=seed,
        )

    @classmethod
    def of_run(cls, run: Run | str | Path, **options: Any) -> "LatentExplorer":
        """The explorer of a run of `image-vae` and its data set. options: those of `LatentExplorer`.

        Raises: CheckpointError when there is none, or the run is of another recipe.
        """
        return cls(*load_vae(run), **options)

    @torch.no_grad()
    def decoded(self, z: Tensor) -> Tensor:
        """The mean image of one z (D,), told what the controls say: (H, W) if grey, (H, W, 3), from 0 to 1."""
        like = next(self.model.parameters())
        number = self.told("label")
        labels = None if number is None else torch.tensor([number], device=like.device)
        parameters = self.model.decode(z[None].to(like), labels)
        return _as_picture(parameters[0, : self.model.config.channels].float().sigmoid().cpu())

    def build(self, figure: "Figure") -> None:
        axes = figure.subplot_mosaic(
            [["image", "map", "start"], ["z", "z", "z"]], width_ratios=(1.25, 1.6, 0.8), height_ratios=(3.2, 1)
        )
        self._image = self._empty_image(axes["image"], "decoded: the mean of p(x | z)")
        self._start = self._empty_image(axes["start"], "z began at")
        self._build_map(axes["map"])
        self._build_numbers(axes["z"])

    def _empty_image(self, ax: "Axes", title: str) -> Any:
        ax.set_title(title, fontsize="medium")
        ax.axis("off")
        blank = _as_picture(self.images[0]).numpy()
        return ax.imshow(blank, cmap="gray", vmin=0, vmax=1, interpolation="nearest", animated=True)

    def draw(self, values: Mapping[str, Any]) -> str:
        self._image.set_data(self.decoded(self.z).numpy())
        real = values["start"] == "data"
        start = _as_picture(self.images[values["example"]]) if real else self.decoded(torch.zeros_like(self.z))
        self._start.set_data(start.numpy())
        self._show_z()
        small = "the image itself" if real else "what the decoder makes of the prior's mean, z = 0"
        return f"{self._where()} The small image is {small}."


def _as_picture(image: Tensor) -> Tensor:
    """(C, H, W) as imshow wants it: (H, W) if grey, else (H, W, 3)."""
    return image[0] if len(image) == 1 else image.permute(1, 2, 0)


def _require_fitting(model: AnyVAE, dataset: ImageSet) -> None:
    """Raise UsageError unless the model is one of such images and classes."""
    config, (channels, height, width) = model.config, dataset.image_shape
    if (channels, height, width) != (config.channels, config.image_size, config.image_size):
        raise UsageError(
            f"the model takes {config.channels} x {config.image_size} x {config.image_size} images (channels x height "
            f"x width), but those of {dataset.name} are {channels} x {height} x {width}; give the set it learned from"
        )
    if config.n_classes not in (0, len(dataset.class_names)):
        raise UsageError(
            f"the model knows {config.n_classes} classes, but {dataset.name} has {len(dataset.class_names)}; "
            "give the set it learned from"
        )
