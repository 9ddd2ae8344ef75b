"""Image classifier: shapes, the head on the features, memory layout, initialisation, learning, bad input."""

import pytest
import torch
from torch.nn import functional as F

from aigc_course.errors import UsageError
from aigc_course.models.image_classifier import ImageClassifier, ImageClassifierConfig, Residual

SMALL = ImageClassifierConfig(image_size=8, channels=1, n_classes=4, width=4, feature_dim=6, stages=2)


def make(config: ImageClassifierConfig = SMALL) -> ImageClassifier:
    torch.manual_seed(0)
    return ImageClassifier(config)


@pytest.mark.parametrize("image_size", [8, 9, 28, 32])
@pytest.mark.parametrize("stages", [1, 2, 3])
def test_sizes_follow_the_settings(image_size: int, stages: int) -> None:
    config = ImageClassifierConfig(image_size=image_size, stages=stages, n_classes=5, width=4, feature_dim=6, depth=2)
    model, images = make(config), torch.rand(2, 3, image_size, image_size)
    assert model(images).shape == (2, 5)
    assert model.features(images).shape == (2, 6)
    side = image_size // 2**stages
    assert model.stages(model.from_image(images)).shape == (2, 6, side, side)


def test_features_feed_the_logits_linearly() -> None:
    model, images = make().eval(), torch.rand(3, 1, 8, 8)
    features = model.features(images)
    torch.testing.assert_close(model(images), features @ model.head.weight.T + model.head.bias)
    assert (features >= 0).all() and features.std(dim=0).max() > 0


def test_features_are_the_mean_over_places() -> None:
    model, images = make().eval(), torch.rand(3, 1, 8, 8)
    maps = model.stages(model.from_image(images))
    torch.testing.assert_close(model.features(images), F.adaptive_avg_pool2d(maps, 1).flatten(1))


def test_a_residual_unit_adds_to_its_input() -> None:
    torch.manual_seed(0)
    unit, x = Residual(3).eval(), torch.randn(2, 3, 4, 4)
    change = unit.change.norm(F.conv2d(x, unit.change.convolution.weight, padding=1)).relu()
    torch.testing.assert_close(unit(x), x + change)
    assert change.abs().max() > 0.1


def test_every_pixel_is_read_and_every_weight_used() -> None:
    model = make()
    images = torch.rand(4, 1, 8, 8, requires_grad=True)
    F.cross_entropy(model(images), torch.arange(4)).backward()
    assert (images.grad != 0).any(dim=0).all()
    for name, weight in model.named_parameters():
        assert weight.grad.abs().max() > 0, name


def test_the_memory_layout_changes_nothing() -> None:
    model, images = make().eval(), torch.rand(3, 1, 8, 8)
    expected = model(images)
    model = model.to(memory_format=torch.channels_last)
    torch.testing.assert_close(model(images.contiguous(memory_format=torch.channels_last)), expected)


def test_weights_begin_with_the_scale_of_he() -> None:
    model = make(ImageClassifierConfig(width=64, feature_dim=128))
    for name, module in model.named_modules():
        if isinstance(module, torch.nn.Conv2d):
            fan_in = module.in_channels * 9
            assert module.weight.std().item() == pytest.approx((2 / fan_in) ** 0.5, rel=0.06), name
    assert model.head.weight.std().item() == pytest.approx(128**-0.5, rel=0.1)
    assert model.head.bias.abs().max() == 0


def test_examples_are_independent_in_evaluation() -> None:
    model, images = make().eval(), torch.rand(4, 1, 8, 8)
    together = model(images)
    images[1:] = 0
    torch.testing.assert_close(model(images)[0], together[0])


def test_it_learns_a_batch_by_heart() -> None:
    model, images, labels = make(), torch.rand(16, 1, 8, 8), torch.arange(16) % 4
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    for _ in range(60):
        optimizer.zero_grad()
        F.cross_entropy(model(images), labels).backward()
        optimizer.step()
    assert (model(images).argmax(dim=1) == labels).all()


@pytest.mark.parametrize("shape", [(2, 3, 8, 8), (2, 1, 8, 9), (1, 8, 8), (2, 8, 8, 1)])
def test_images_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(UsageError, match=r"this model takes \(B, 1, 8, 8\)"):
        make()(torch.rand(shape))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"n_classes": 1}, "n_classes = 1"),
        ({"width": 0}, "width = 0"),
        ({"feature_dim": 0}, "feature_dim = 0"),
        ({"depth": 0}, "depth = 0"),
        ({"stages": 0}, "stages = 0"),
        ({"channels": 0}, "channels = 0"),
        ({"image_size": 7, "stages": 3}, "image_size = 7 is too small for stages = 3"),
    ],
)
def test_settings_out_of_range(changes: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ImageClassifierConfig(**changes)
