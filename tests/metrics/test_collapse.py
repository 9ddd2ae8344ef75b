"""The distance between neighbours in a batch: closed form, collapse, order of the arguments, layout."""

import pytest
import torch

from aigc_course.metrics.collapse import relative_distance


def flat_images(*levels: float) -> torch.Tensor:
    """Images (B, 1, 16, 16) of one grey each: shrunk to 8 x 8, the distance of two is 8 times that of their greys."""
    return torch.tensor(levels)[:, None, None, None].expand(-1, 1, 16, 16)


def test_it_is_the_ratio_of_the_mean_distances_to_the_nearest():
    real = flat_images(0.0, 0.5, 1.5)  # nearest: 0.5, 0.5, 1
    fake = flat_images(0.0, 0.1, 0.4)  # nearest: 0.1, 0.1, 0.3
    assert relative_distance(real=real, fake=fake).item() == pytest.approx(0.5 / 2.0, rel=1e-4)
    assert relative_distance(real=fake, fake=real).item() == pytest.approx(2.0 / 0.5, rel=1e-4)


@pytest.mark.parametrize("modes", [1, 4, 16])
def test_copies_are_seen_however_far_apart_the_modes_are(modes):
    torch.manual_seed(0)
    real = torch.rand(32, 3, 32, 32) * 2 - 1
    fake = torch.rand(modes, 3, 32, 32).repeat(32 // modes, 1, 1, 1) * 8
    assert relative_distance(real=real, fake=fake).item() < 0.02
    assert relative_distance(real=real, fake=torch.rand(32, 3, 32, 32) * 2 - 1).item() == pytest.approx(1, abs=0.1)


def test_pixel_noise_is_no_variety():
    torch.manual_seed(0)
    real = torch.rand(32, 3, 8, 8).repeat_interleave(4, 2).repeat_interleave(4, 3)
    fake = real[:1] + 0.1 * torch.randn(32, 3, 32, 32)
    assert relative_distance(real=real, fake=fake).item() < 0.2


def test_equal_real_images_give_one_and_no_nan():
    assert relative_distance(real=torch.zeros(4, 1, 8, 8), fake=flat_images(0.0, 1.0, 2.0, 3.0)).item() == 1


@pytest.mark.parametrize("images", [1, 5, 32])
def test_real_images_that_all_have_a_copy_give_one_whatever_their_colours(images):
    """Rounding must not pass for a distance: a ratio over it would be a number of thousands."""
    torch.manual_seed(1)
    real = (torch.rand(images, 3, 16, 16) * 2 - 1).repeat(2 if images > 1 else 32, 1, 1, 1)
    assert relative_distance(real=real, fake=torch.rand(len(real), 3, 16, 16)).item() == 1
    assert relative_distance(real=torch.rand(len(real), 3, 16, 16), fake=real).item() == 0


def test_no_gradient_and_no_graph():
    fake = torch.rand(4, 3, 8, 8, requires_grad=True)
    assert not relative_distance(real=torch.rand(4, 3, 8, 8), fake=fake).requires_grad
    with pytest.raises(TypeError, match="positional"):
        relative_distance(fake, fake)
