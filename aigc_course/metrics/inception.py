"""The FID of the literature: the Fréchet distance of Inception-v3's features, computed by torchmetrics.

Needs the packages torchmetrics and torch-fidelity, which the course does not install, and a file of weights. No other
figure of the course is an FID.
"""

from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from aigc_course.errors import UsageError
from aigc_course.files import sha256

WEIGHTS = "weights-inception-2015-12-05-6726825d.pth"  # the file that torch-fidelity looks for

_SHA256 = "6726825d"  # how the file's digest begins: torch-fidelity runs whatever code is in it
_FEATURES = 2048


def inception_fid(
    *, real: Tensor, fake: Tensor, weights: str | Path | None = None, batch_size: int = 50, device: str = "cpu"
) -> float:
    """The FID: >= 0, lower is better. Compare only with FIDs of as many images against the same real ones.

    Images are enlarged to 299 x 299 and shown to a network that was trained on ImageNet: slow on a CPU. Too large on
    average, the more so the fewer images: papers take 50,000 generated ones.

    Args:
        real (M, C, H, W), fake (N, C, H, W): uint8, C = 1 or 3; grey images are shown as colour ones.
        weights: the file of the network's weights; None: `WEIGHTS` in torch's hub directory.
    Raises: UsageError where a package or the weights are missing (nothing is downloaded), or the weights are others;
        for other images, or not more than 2,048 of each.
    Source: Heusel et al. 2017, arXiv:1706.08500; resized as there, which torchmetrics does only when asked.
    """
    for name, images in {"real": real, "fake": fake}.items():
        _require_images(name, images)
    path = Path(weights) if weights else Path(torch.hub.get_dir()) / "checkpoints" / WEIGHTS
    metric = _metric(path).to(device)
    with torch.no_grad():
        for images, is_real in ((real, True), (fake, False)):
            for part in images.split(batch_size):
                metric.update(part.expand(-1, 3, -1, -1).to(device), real=is_real)
    return float(metric.compute())


def _metric(weights: Path) -> Any:
    """torchmetrics' metric with these weights. Raises: UsageError where something is missing, too old or another."""
    install = 'python -m pip install "torchmetrics>=1.9" torch-fidelity'
    try:
        import_module("torch_fidelity")
        metric_type = import_module("torchmetrics.image.fid").FrechetInceptionDistance
    except ImportError as error:
        raise UsageError(
            f"inception_fid needs the packages torchmetrics and torch-fidelity ({error}); install them: {install}"
        ) from error
    if not weights.is_file():
        raise UsageError(
            f"inception_fid needs the weights of Inception-v3, but there is no file {weights}; put {WEIGHTS} of "
            "torch-fidelity there, or with a network let torchmetrics fetch it into its usual place: "
            'python -c "from torchmetrics.image.fid import FrechetInceptionDistance as FID; FID()"'
        )
    if not sha256(weights).startswith(_SHA256):
        raise UsageError(f"{weights} is not the file that FIDs are computed with, or is damaged; fetch {WEIGHTS} anew")
    options = {"normalize": False, "feature_extractor_weights_path": str(weights), "antialias": False}
    try:
        return metric_type(feature=_FEATURES, **options)
    except (TypeError, ValueError) as error:  # of an option that it doesn't know
        raise UsageError(f"this torchmetrics is too old for inception_fid ({error}): {install}") from error


def _require_images(name: str, images: Tensor) -> None:
    if images.dtype != torch.uint8 or images.ndim != 4 or images.shape[1] not in (1, 3):
        raise UsageError(
            f"{name} is {images.dtype} {tuple(images.shape)}; give uint8 (N, C, H, W) with C = 1 or 3. Floats in "
            "[-1, 1] become bytes by x.add(1).mul(127.5).round().byte()"
        )
    if len(images) <= _FEATURES:
        raise UsageError(
            f"{name} holds {len(images)} images; with {_FEATURES:,} features each, an FID of fewer than "
            f"{_FEATURES + 1:,} comes out far too large to be trusted"
        )
