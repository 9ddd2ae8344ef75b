"""Enlarged images: OpenCV's interpolation, frame, contrast, and what survives the way back."""

import numpy as np
import pytest
import torch

from aigc_course.data import digits
from aigc_course.data.resizing import enlarge, shrink
from aigc_course.errors import UsageError


def some() -> torch.Tensor:
    return digits.make_digits().images["validation"]


def test_it_is_opencvs_bicubic_interpolation():
    cv2 = pytest.importorskip("cv2")
    for image, large in zip(some()[:20], enlarge(some()[:20], size=21, margin=0, contrast=1.0), strict=True):
        grey = cv2.resize(image[0].float().numpy(), (21, 21), interpolation=cv2.INTER_CUBIC)
        np.testing.assert_allclose(large[0].numpy(), np.clip(grey, 0, 255), atol=0.51)


def test_the_frame_is_black_and_the_rest_is_not():
    large = enlarge(some(), size=28, margin=4)
    assert large.shape == (300, 1, 28, 28) and large.dtype == torch.uint8
    inside = large[:, :, 4:24, 4:24]
    assert large.sum() == inside.sum()
    for edge in (inside[:, :, 0], inside[:, :, -1], inside[:, :, :, 6]):
        assert edge.sum() > 0


def test_contrast_stretches_about_mid_grey():
    flat = torch.tensor([0, 100, 127, 128, 160, 255], dtype=torch.uint8).view(6, 1, 1, 1).expand(6, 1, 3, 3)
    values = enlarge(flat, size=3, margin=0, contrast=2.0)[:, 0, 1, 1].tolist()
    assert values == [0, 72, 126, 128, 192, 255]


def test_rows_stay_rows():
    bar = torch.zeros(1, 1, 8, 8, dtype=torch.uint8)
    bar[0, 0, 1] = 255
    large = enlarge(bar)[0, 0].float()
    assert large.std(dim=1).max() > 50 and large[4:24, 4:24].std(dim=1).max() == 0


def test_shrinking_undoes_enlarging_nearly_and_the_digit_survives():
    same = shrink(enlarge(some())).float() - some().float()
    assert same.abs().mean() < 9
    labels = digits.make_digits().labels["validation"]
    named, confidence = digits.classify(shrink(enlarge(some())))
    assert (named == labels).float().mean() > 0.95
    assert (confidence >= digits.MIN_CONFIDENCE).float().mean() > 0.93


def test_shrinking_is_opencvs_area_interpolation():
    cv2 = pytest.importorskip("cv2")
    large = torch.rand(5, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    for image, small in zip(large, shrink(large), strict=True):
        inner = image[0, 4:24, 4:24].numpy()
        np.testing.assert_allclose(small[0], cv2.resize(inner, (8, 8), interpolation=cv2.INTER_AREA), atol=1e-5)


def test_shrinking_averages_areas_and_keeps_the_dtype():
    image = torch.zeros(1, 1, 12, 12)
    image[0, 0, 4:6, 2:4] = 1.0
    small = shrink(image, size=4, margin=2)
    assert small.dtype == torch.float32 and small[0, 0].nonzero().tolist() == [[1, 0]] and small[0, 0, 1, 0] == 1.0


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: enlarge(torch.rand(2, 1, 8, 8)), "must be uint8"),
        (lambda: enlarge(torch.zeros(1, 8, 8, dtype=torch.uint8)), r"\(1, 8, 8\)"),
        (lambda: enlarge(some(), size=8, margin=4), "a frame of 4 pixels leaves nothing of 8"),
        (lambda: enlarge(some(), margin=-1), "margin"),
        (lambda: enlarge(some(), contrast=0.5), "contrast = 0.5"),
        (lambda: shrink(torch.rand(2, 1, 8, 9)), "square"),
        (lambda: shrink(torch.rand(2, 1, 8, 8)), "leaves nothing"),
    ],
)
def test_bad_input_is_named(call, named):
    with pytest.raises(UsageError, match=named):
        call()
