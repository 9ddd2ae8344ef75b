"""Differentiable augmentation: identity, ranges, gradients, one distribution, random numbers that can be restored."""

import pytest
import torch

from aigc_course.models.augmentation import CHANGES, augment, cutout, translation

ALL = tuple(CHANGES)


def images(count: int = 6, channels: int = 3, side: int = 16, seed: int = 0) -> torch.Tensor:
    return torch.rand(count, channels, side, side, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def test_an_empty_policy_is_the_identity_and_draws_nothing():
    before = torch.get_rng_state()
    x = images()
    assert augment(x, ()) is x
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("policy", [*((name,) for name in ALL), ALL])
@pytest.mark.parametrize(("channels", "side"), [(1, 8), (3, 32)])
def test_shapes_stay_and_images_change(policy, channels, side):
    torch.manual_seed(0)
    x = images(channels=channels, side=side)
    changed = augment(x, policy)
    assert changed.shape == x.shape and changed.isfinite().all()
    assert torch.equal(changed, x) == (policy == ("saturation",) and channels == 1)


@pytest.mark.parametrize("name", ALL)
def test_the_gradient_is_that_of_a_small_difference(name):
    x = images(count=3, side=8).double().requires_grad_()
    weights = torch.randn(3, 3, 8, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(1))

    def weighed(x: torch.Tensor) -> torch.Tensor:
        torch.manual_seed(5)  # the same change each time
        return (augment(x, [name]) * weights).sum()

    assert torch.autograd.gradcheck(weighed, x, rtol=1e-3)
    (gradient,) = torch.autograd.grad(weighed(x), x)
    assert (gradient.flatten(1).abs().sum(dim=1) > 0).all()


def test_brightness_saturation_and_contrast_move_one_thing_each():
    torch.manual_seed(0)
    x = images(count=400, side=8)
    shift = augment(x, ["brightness"]) - x
    assert shift.flatten(1).std(dim=1).max() < 1e-5
    torch.testing.assert_close(shift.mean(), torch.tensor(0.0), atol=0.06, rtol=0)
    assert -0.5 <= shift.min() < -0.45 and 0.45 < shift.max() <= 0.5
    grey = x.mean(dim=1, keepdim=True)
    saturated = augment(x, ["saturation"])
    torch.testing.assert_close(saturated.mean(dim=1, keepdim=True), grey, atol=1e-5, rtol=0)
    factor = ((saturated - grey).flatten(1).norm(dim=1)) / (x - grey).flatten(1).norm(dim=1)
    assert factor.min() < 0.05 and 1.95 < factor.max() < 2
    contrasted = augment(x, ["contrast"])
    torch.testing.assert_close(contrasted.mean(dim=(1, 2, 3)), x.mean(dim=(1, 2, 3)), atol=1e-5, rtol=0)
    factor = contrasted.flatten(1).std(dim=1) / x.flatten(1).std(dim=1)
    assert 0.5 <= factor.min() < 0.55 and 1.45 < factor.max() <= 1.5


def test_translation_moves_whole_pixels_up_to_an_eighth_of_the_side():
    torch.manual_seed(0)
    x = images(count=200, side=16)
    moved, seen = translation(x), set()
    padded = torch.nn.functional.pad(x, (2, 2, 2, 2))
    for before, after in zip(padded, moved, strict=True):
        places = {
            (down, right)
            for down in range(5)
            for right in range(5)
            if torch.equal(before[:, down : down + 16, right : right + 16], after)
        }
        assert len(places) == 1
        seen |= places
    assert len(seen) == 25


def test_cutout_hides_a_square_of_half_the_side_or_what_is_left_of_it():
    torch.manual_seed(0)
    hidden = cutout(torch.ones(300, 3, 16, 16)) == 0
    assert (hidden == hidden[:, :1]).all()
    rows, columns = hidden[:, 0].any(dim=2).sum(dim=1), hidden[:, 0].any(dim=1).sum(dim=1)
    assert torch.equal(hidden[:, 0].sum(dim=(1, 2)), rows * columns)
    assert set(rows.tolist()) == set(columns.tolist()) == set(range(4, 9))
    assert hidden[:, 0].float().mean(dim=0).min() > 0.02  # no place is always seen


def test_real_and_generated_images_are_changed_alike_and_each_anew():
    """The same images as real and as generated ones: equal statistics over many draws, different changes in one."""
    torch.manual_seed(0)
    x = images(count=1, side=16).expand(2000, -1, -1, -1)
    real, fake = augment(x, ALL), augment(x, ALL)
    assert not torch.equal(real, fake)
    assert (real[1:] - real[:1]).flatten(1).abs().amax(dim=1).min() > 0
    torch.testing.assert_close(real.mean(dim=0), fake.mean(dim=0), atol=0.12, rtol=0)
    torch.testing.assert_close(real.std(dim=0), fake.std(dim=0), atol=0.1, rtol=0)


def test_the_global_generator_decides():
    x = images()
    torch.manual_seed(3)
    state = torch.get_rng_state()
    first = augment(x, ALL)
    assert not torch.equal(augment(x, ALL), first)
    torch.set_rng_state(state)
    assert torch.equal(augment(x, ALL), first)


def test_bfloat16_images_keep_the_fine_steps_of_the_changes():
    torch.manual_seed(0)
    assert augment(images().bfloat16(), ALL).isfinite().all()
    x = torch.zeros(500, 1, 2, 2, dtype=torch.bfloat16)
    assert len(augment(x, ["brightness"])[:, 0, 0, 0].unique()) > 490


def test_an_unknown_change_is_named():
    with pytest.raises(ValueError, match="augment is 'colour', but must be one of brightness, saturation"):
        augment(images(), ["brightness", "colour"])
