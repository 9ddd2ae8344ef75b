"""A small residual classifier of images, whose pooled features measure how alike two sets of images are.

Convolutions with batch norm and skip connections (He et al. 2016, arXiv:1512.03385), in the short, wide form that
learns CIFAR-10 fastest: the side is halved right after a stage's first convolution, so that most of the work is done
at small sides (Page 2018, "How to train your ResNet"; Jordan 2024, arXiv:2404.00498).
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from aigc_course.models.conditioning import require_shape
from aigc_course.models.settings import require_at_least


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageClassifierConfig:
    """The size of an image classifier."""

    channels: int = 3  # of the images: 1 grey, 3 colour
    image_size: int = 32  # side of the square images in pixels
    n_classes: int = 10
    width: int = 32  # feature maps of the first stage
    feature_dim: int = 128  # feature maps of the later stages, so the length of the features
    stages: int = 3  # each halves the side
    depth: int = 1  # residual units in each stage

    def __post_init__(self) -> None:
        require_at_least(1, width=self.width, feature_dim=self.feature_dim, stages=self.stages, depth=self.depth)
        require_at_least(1, channels=self.channels)
        require_at_least(2, n_classes=self.n_classes)
        if self.image_size < 2**self.stages:
            raise ValueError(
                f"image_size = {self.image_size} is too small for stages = {self.stages}, each of which halves it; "
                f"it must be at least {2**self.stages}"
            )

    @property
    def stage_widths(self) -> list[int]:
        """Feature maps of each stage."""
        return [self.width] * (self.stages > 1) + [self.feature_dim] * max(1, self.stages - 1)


class ImageClassifier(nn.Module):
    """An image to one logit per class: a convolution, stages that halve the side, a mean over places, a linear head."""

    def __init__(self, config: ImageClassifierConfig) -> None:
        super().__init__()
        self.config = config
        widths = config.stage_widths
        self.from_image = ConvNormReLU(config.channels, widths[0])
        self.stages = nn.Sequential(
            *(
                _stage(before, after, config.depth)
                for before, after in zip([widths[0], *widths[:-1]], widths, strict=True)
            )
        )
        self.head = nn.Linear(config.feature_dim, config.n_classes)
        self.initialise()

    def initialise(self) -> None:
        """He-normal convolutions (He et al. 2015, arXiv:1502.01852); a head that keeps the features' scale."""
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
        nn.init.kaiming_normal_(self.head.weight, nonlinearity="linear")
        nn.init.zeros_(self.head.bias)

    def forward(self, images: Tensor) -> Tensor:
        """Logits (B, n_classes) of images (B, channels, image_size, image_size) in [-1, 1]: the head on `features`."""
        return self.head(self.features(images))

    def features(self, images: Tensor) -> Tensor:
        """What the head sees, the mean over all places of the last stage.

        Args: images: (B, channels, image_size, image_size) float in [-1, 1].
        Returns: (B, feature_dim), >= 0.
        Raises: UsageError if the shape is wrong.
        """
        require_shape("images", images, self.config.channels, self.config.image_size, self.config.image_size)
        x = self.from_image(images.contiguous(memory_format=torch.channels_last))
        return self.stages(x).mean(dim=(2, 3))  # (B, feature_dim, side, side) -> (B, feature_dim)


class ConvNormReLU(nn.Module):
    """A 3 x 3 convolution, if asked a halving of the side by maxima of 2 x 2, batch norm, ReLU."""

    def __init__(self, inputs: int, outputs: int, *, halve: bool = False) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(inputs, outputs, kernel_size=3, padding=1, bias=False)
        self.pool = nn.MaxPool2d(2) if halve else nn.Identity()
        self.norm = nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, H, W) -> (B, outputs, H, W), or half the sides, rounded down."""
        return self.norm(self.pool(self.convolution(x))).relu()


class Residual(nn.Module):
    """x + ConvNormReLU(x): what the unit learns is the change."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.change = ConvNormReLU(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """(B, width, H, W) of the same shape."""
        return x + self.change(x)


def _stage(inputs: int, outputs: int, depth: int) -> nn.Sequential:
    """Half the side with other feature maps, then residual units."""
    return nn.Sequential(ConvNormReLU(inputs, outputs, halve=True), *(Residual(outputs) for _ in range(depth)))
