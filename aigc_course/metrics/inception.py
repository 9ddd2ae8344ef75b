"""The FID of the literature: the Fréchet distance of Inception-v3's features, computed by torchmetrics.

Needs the packages torchmetrics and torch-fidelity, which the course does not install, and a file of weights (about
90 MB). No other figure of the course is an FID.
"""

from importlib import import_module
from pathlib import Path

import torch
from torch import Tensor

from aigc_course.errors import UsageError

WEIGHTS = "weights-inception-2015-12-05-6726825d.pth"  # the file that torch-fidelity looks for

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
    Raises: UsageError where a package or the weights are missing, which downloads nothing; for other images, or not
        more than 2,048 of each.
    Source: Heusel et al. 2017, arXiv:1706.08500.
    """
    for name, images in {"real": real, "fake": fake}.items():
        _require_images(name, images)
    path = Path(weights) if weights else Path(torch.hub.get_dir()) / "checkpoints" / WEIGHTS
    metric_type = _metric_type()
    if not path.is_file():
        raise UsageError(
            f"inception_fid needs the weights of Inception-v3, but there is no file {path}; put {WEIGHTS} of "
            "torch-fidelity's first release there, or with a network let torchmetrics fetch it: "
            'python -c "from torchmetrics.image.fid import FrechetInceptionDistance as FID; FID()"'
        )
    metric = metric_type(feature=_FEATURES, normalize=False, feature_extractor_weights_path=str(path)).to(device)
    with torch.no_grad():
        for images, is_real in ((real, True), (fake, False)):
            for part in images.split(batch_size):
                metric.update(part.expand(-1, 3, -1, -1).to(device), real=is_real)
    return float(metric.compute())


def _metric_type() -> type:
    """torchmetrics' class. Raises: UsageError where it or torch-fidelity isn't installed."""
    try:
        import_module("torch_fidelity")
        return import_module("torchmetrics.image.fid").FrechetInceptionDistance
    except ImportError as error:
        raise UsageError(
            f"inception_fid needs the packages torchmetrics and torch-fidelity ({error}); install them: "
            "python -m pip install torchmetrics torch-fidelity"
        ) from error


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
