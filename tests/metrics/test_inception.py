"""The way to the FID of the literature: what is asked of torchmetrics, and what is said where something is missing."""

import hashlib
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import Tensor

from aigc_course.errors import UsageError
from aigc_course.metrics import inception
from aigc_course.metrics.inception import WEIGHTS, inception_fid

ENOUGH = 2049


class Metric:
    """A stand-in for torchmetrics' metric that keeps what it is given."""

    made: "list[Metric]" = []  # noqa: RUF012

    def __init__(self, *, feature: int, normalize: bool, feature_extractor_weights_path: str, antialias: bool) -> None:
        options = (feature, normalize, feature_extractor_weights_path, antialias)
        self.options, self.batches = options, {True: [], False: []}  # type: ignore[var-annotated]
        Metric.made.append(self)

    def to(self, device: str) -> "Metric":
        self.device = device
        return self

    def update(self, images: Tensor, real: bool) -> None:
        assert images.dtype == torch.uint8 and images.shape[1] == 3 and not torch.is_grad_enabled()
        self.batches[real].append(images.clone())

    def compute(self) -> Tensor:
        first, second = (torch.cat(self.batches[real]).float().mean() for real in (True, False))
        return (first - second) ** 2


@pytest.fixture
def packages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both packages, as far as they are used, and weights that begin with another digest."""
    Metric.made.clear()
    monkeypatch.setattr(inception, "_SHA256", hashlib.sha256(b"weights").hexdigest()[:8])
    module = ModuleType("torchmetrics.image.fid")
    module.FrechetInceptionDistance = Metric  # type: ignore[attr-defined]
    for name in ("torch_fidelity", "torchmetrics", "torchmetrics.image"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    monkeypatch.setitem(sys.modules, "torchmetrics.image.fid", module)


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    path = tmp_path / WEIGHTS
    path.write_bytes(b"weights")
    return path


def images(level: int, count: int = ENOUGH, channels: int = 3) -> Tensor:
    return torch.full((count, channels, 2, 2), level, dtype=torch.uint8)


def test_all_images_go_to_their_own_side(packages: None, weights: Path) -> None:
    real, fake = images(10), images(14, ENOUGH + 3)
    real[0], fake[-1] = 0, 255
    expected = (real.float().mean() - fake.float().mean()) ** 2
    assert inception_fid(real=real, fake=fake, weights=weights, batch_size=1000) == pytest.approx(expected.item())
    (metric,) = Metric.made
    assert torch.equal(torch.cat(metric.batches[True]), real)
    assert torch.equal(torch.cat(metric.batches[False]), fake)
    assert [len(part) for part in metric.batches[True]] == [1000, 1000, 49]
    assert metric.options == (2048, False, str(weights), False)
    assert metric.device == "cpu"


def test_grey_images_are_shown_as_colour_ones(packages: None, weights: Path) -> None:
    assert inception_fid(real=images(3, channels=1), fake=images(1), weights=weights) == 4.0


def test_weights_are_looked_for_in_the_hub_directory(
    packages: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    place = tmp_path / "checkpoints" / WEIGHTS
    with pytest.raises(UsageError, match=f"there is no file {place}"):
        inception_fid(real=images(1), fake=images(1))
    assert not Metric.made, "it would download the weights"
    place.parent.mkdir()
    place.write_bytes(b"weights")
    assert inception_fid(real=images(1), fake=images(1)) == 0.0
    assert Metric.made[0].options[2] == str(place)


@pytest.mark.parametrize("missing", ["torchmetrics.image.fid", "torch_fidelity"])
def test_a_missing_package_is_named(
    packages: None, weights: Path, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    monkeypatch.setitem(sys.modules, missing, None)  # what an import of it then raises is ImportError
    with pytest.raises(UsageError, match=r'pip install "torchmetrics>=1\.9" torch-fidelity'):
        inception_fid(real=images(1), fake=images(1), weights=weights)


def test_other_weights_are_not_opened(packages: None, weights: Path) -> None:
    weights.write_bytes(b"code")
    with pytest.raises(UsageError, match="is not the file that FIDs are computed with"):
        inception_fid(real=images(1), fake=images(1), weights=weights)
    assert not Metric.made


def test_an_old_torchmetrics_is_named(packages: None, weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def old(feature: int, normalize: bool, **options: Any) -> None:
        raise ValueError(f"Unexpected keyword arguments: {', '.join(options)}")

    monkeypatch.setattr(sys.modules["torchmetrics.image.fid"], "FrechetInceptionDistance", old)
    with pytest.raises(UsageError, match=r"too old .*antialias.*torchmetrics>=1.9"):
        inception_fid(real=images(1), fake=images(1), weights=weights)


@pytest.mark.parametrize(
    ("fake", "message"),
    [
        (torch.zeros(ENOUGH, 3, 2, 2), r"fake is torch.float32 .* become bytes by"),
        (torch.zeros(ENOUGH, 2, 2, 2, dtype=torch.uint8), r"fake is torch.uint8 \(2049, 2, 2, 2\)"),
        (torch.zeros(ENOUGH, 3, 2, dtype=torch.uint8), r"fake is torch.uint8 \(2049, 3, 2\)"),
        (torch.zeros(2048, 3, 2, 2, dtype=torch.uint8), "fake holds 2048 images; .* fewer than 2,049"),
    ],
)
def test_images_are_checked_before_anything_is_loaded(packages: None, fake: Tensor, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        inception_fid(real=images(1), fake=fake)
    with pytest.raises(UsageError, match=message.replace("fake", "real")):
        inception_fid(real=fake, fake=images(1))
