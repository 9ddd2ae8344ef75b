"""Generator and discriminator: shapes, ranges, conditioning, initialisation, learning, bad input."""

from dataclasses import replace

import pytest
import torch

from aigc_course.errors import UsageError
from aigc_course.losses import discriminator_bce, generator_non_saturating, gradient_penalty
from aigc_course.models import Discriminator, GANConfig, Generator
from aigc_course.models.gan import NearestConv2d

SMALL = GANConfig(image_size=16, latent_dim=8, width=8)
CLASSES = GANConfig(image_size=16, latent_dim=8, width=8, n_classes=3)


def pair(config: GANConfig) -> tuple[Generator, Discriminator]:
    torch.manual_seed(0)
    return Generator(config), Discriminator(config)


@pytest.mark.parametrize("image_size", [8, 16, 32, 64])
@pytest.mark.parametrize("channels", [1, 3])
def test_sizes_follow_the_settings(image_size, channels):
    generator, discriminator = pair(GANConfig(image_size=image_size, channels=channels, width=4))
    images = generator(torch.randn(2, 64))
    assert images.shape == (2, channels, image_size, image_size)
    assert discriminator(images).shape == (2,)


def test_images_fill_but_never_leave_the_range():
    generator, _ = pair(SMALL)
    torch.nn.init.normal_(generator.to_image.weight, std=1.0)
    images = generator(torch.randn(16, 8))
    assert -1 <= images.min() < -0.9 and 0.9 < images.max() <= 1


def test_feature_maps_double_as_the_resolution_halves():
    assert GANConfig(image_size=8, width=16).feature_maps == [16]
    assert GANConfig(image_size=64, width=16).feature_maps == [16, 32, 64, 128]


def test_the_discriminator_can_have_a_width_of_its_own():
    generator, discriminator = pair(GANConfig(image_size=16, width=8, discriminator_width=4))
    assert [m.out_channels for m in generator.modules() if isinstance(m, torch.nn.ConvTranspose2d)] == [8, 3]
    assert [m.out_channels for m in discriminator.modules() if isinstance(m, torch.nn.Conv2d)] == [4, 8]


def test_hidden_layers_stand_after_z_and_before_the_logit():
    """The logit is w . h + b + v_class . h for the hidden units h; the maps come from a hidden layer of z and class."""
    generator, discriminator = (network.eval() for network in pair(replace(CLASSES, hidden=5)))
    seen: dict[str, torch.Tensor] = {}
    generator.mapping.register_forward_hook(lambda _, inputs, output: seen.update(z=inputs[0], mapped=output))
    generator.project.register_forward_hook(lambda _, inputs, _output: seen.update(projected=inputs[0]))
    discriminator.hidden.register_forward_hook(lambda _, _inputs, output: seen.update(units=output))
    z, labels = torch.randn(3, 8), torch.tensor([0, 1, 2])
    logits = discriminator(generator(z, labels), labels)
    torch.testing.assert_close(seen["z"], torch.cat([z, generator.label_embedding(labels)], dim=1))
    assert seen["mapped"].shape == (3, 5) and torch.equal(seen["mapped"], seen["projected"])
    units, to_logit = seen["units"], discriminator.to_logit
    weights = to_logit.weight + discriminator.class_weights(labels)  # (3, 5)
    assert units.shape == (3, 5) and (units < 0).any() and (units > 0).any()
    torch.testing.assert_close(logits, (weights * units).sum(dim=1) + to_logit.bias)


def test_examples_are_independent_in_evaluation_mode():
    generator, discriminator = (network.eval() for network in pair(CLASSES))
    z, labels = torch.randn(4, 8), torch.tensor([0, 1, 2, 0])
    images = generator(z, labels)
    torch.testing.assert_close(generator(z[1:2], labels[1:2]), images[1:2], rtol=1e-4, atol=1e-6)
    alone = discriminator(images[1:2], labels[1:2])
    torch.testing.assert_close(alone, discriminator(images, labels)[1:2], rtol=1e-4, atol=1e-6)


def test_the_class_changes_the_image_and_its_logit():
    generator, discriminator = (network.eval() for network in pair(CLASSES))
    z, zeros, ones = torch.randn(4, 8), torch.zeros(4, dtype=torch.int64), torch.ones(4, dtype=torch.int64)
    images = generator(z, zeros)
    assert (generator(z, ones) - images).abs().amax(dim=(1, 2, 3)).min() > 1e-5
    assert (discriminator(images, ones) - discriminator(images, zeros)).abs().min() > 1e-7


def test_projection_adds_the_class_weight_times_the_summed_features():
    """Logits differ between classes by <V (e_1 - e_0), features>, so twice the weights double the difference."""
    _, discriminator = pair(CLASSES)
    discriminator.eval()
    images, zeros, ones = torch.rand(4, 3, 16, 16), torch.zeros(4, dtype=torch.int64), torch.ones(4, dtype=torch.int64)
    features = discriminator.downsample(discriminator.from_image(images)).sum(dim=(2, 3))
    weights = discriminator.class_weights.weight
    difference = discriminator(images, ones) - discriminator(images, zeros)
    torch.testing.assert_close(difference, features @ (weights[1] - weights[0]), rtol=1e-3, atol=1e-6)


def test_initial_scales_are_those_of_dcgan():
    generator, discriminator = pair(GANConfig(n_classes=10))
    for network in (generator, discriminator):
        for name, parameter in network.named_parameters():
            if name == "label_embedding.weight":
                assert parameter.std().item() == pytest.approx(1.0, rel=0.1)
            elif parameter.ndim > 1:
                assert parameter.std().item() == pytest.approx(0.02, rel=0.1), name
            elif name.endswith("weight"):
                assert parameter.mean().item() == pytest.approx(1.0, abs=0.01), name
            else:
                assert (parameter == 0).all(), name


def test_the_discriminator_learns_to_tell_and_the_generator_to_fool_it():
    generator, discriminator = pair(SMALL)
    real, z = torch.rand(16, 3, 16, 16) * 0.2 + 0.5, torch.randn(16, 8)
    optimizer = torch.optim.Adam(discriminator.parameters(), lr=2e-3)
    fake = generator(z).detach()
    for _ in range(20):
        loss = discriminator_bce(logits_real=discriminator(real), logits_fake=discriminator(fake))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.1
    optimizer = torch.optim.Adam(generator.parameters(), lr=2e-3)
    before = generator(z).mean().item()
    for _ in range(40):
        loss = generator_non_saturating(logits_fake=discriminator(generator(z)))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.item() < 1.0
    assert generator(z).mean().item() > before + 0.1


def test_the_discriminator_can_be_penalised_for_its_slope():
    _, discriminator = pair(CLASSES)
    images = torch.rand(4, 3, 16, 16, requires_grad=True)
    penalty = gradient_penalty(logits=discriminator(images, torch.tensor([0, 1, 2, 0])), images=images)
    penalty.mean().backward()
    assert penalty.shape == (4,) and (penalty > 0).all()
    assert discriminator.class_weights.weight.grad.abs().sum() > 0


def test_channels_last_and_bfloat16_change_little():
    generator, discriminator = pair(SMALL)
    z = torch.randn(8, 8)
    images = generator(z)
    logits = discriminator(images)
    generator.to(memory_format=torch.channels_last)
    discriminator.to(memory_format=torch.channels_last)
    torch.testing.assert_close(generator(z), images, rtol=1e-3, atol=1e-5)
    with torch.autocast("cpu", torch.bfloat16):
        torch.testing.assert_close(generator(z).float(), images, rtol=0.05, atol=0.05)
        torch.testing.assert_close(discriminator(images).float(), logits, rtol=0.05, atol=0.05)


def test_labels_are_given_where_and_only_where_they_are_used():
    generator, discriminator = pair(SMALL)
    z, images, labels = torch.randn(2, 8), torch.zeros(2, 3, 16, 16), torch.tensor([0, 1])
    for call in (lambda: generator(z, labels), lambda: discriminator(images, labels)):
        with pytest.raises(UsageError, match="unconditional"):
            call()
    generator, discriminator = pair(CLASSES)
    for call in (lambda: generator(z), lambda: discriminator(images)):
        with pytest.raises(UsageError, match=r"pass labels \(B,\), int64 in \[0, 3\)"):
            call()
    with pytest.raises(UsageError, match=r"labels must lie in \[0, 2\], but spans 0 to 3"):
        generator(z, torch.tensor([0, 3]))
    with pytest.raises(UsageError, match=r"labels has the shape \(1,\); a batch of 2 needs \(2,\)"):
        discriminator(images, labels[:1])


def test_wrong_shapes_are_named():
    generator, discriminator = pair(SMALL)
    with pytest.raises(UsageError, match=r"z has the shape \(2, 9\); this model takes \(B, 8\)"):
        generator(torch.zeros(2, 9))
    with pytest.raises(UsageError, match=r"images has the shape \(2, 3, 32, 32\); this model takes \(B, 3, 16, 16\)"):
        discriminator(torch.zeros(2, 3, 32, 32))


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"image_size": 24}, "image_size = 24"),
        ({"image_size": 4}, "image_size = 4"),
        ({"n_classes": 1}, "n_classes = 1"),
        ({"width": 0}, "width = 0"),
        ({"discriminator_width": -1}, "discriminator_width = -1"),
        ({"hidden": -1}, "hidden = -1"),
    ],
)
def test_impossible_sizes_are_named(change, text):
    with pytest.raises(ValueError, match=text):
        GANConfig(**change)


def test_spectral_norm_divides_by_the_largest_singular_value():
    torch.manual_seed(0)
    discriminator = Discriminator(replace(CLASSES, discriminator_norm="none", spectral_norm=True))
    for _ in range(200):
        logits = discriminator(torch.rand(3, 3, 16, 16), torch.arange(3))
    assert logits.isfinite().all()
    layers = [m for m in discriminator.modules() if isinstance(m, torch.nn.Conv2d | torch.nn.Linear)]
    for layer in [*layers, discriminator.class_weights]:
        largest = torch.linalg.matrix_norm(layer.weight.detach().flatten(1), ord=2)
        torch.testing.assert_close(largest, torch.tensor(1.0), atol=0.02, rtol=0)


def test_copied_pixels_and_a_convolution_are_one_transposed_convolution():
    torch.manual_seed(0)
    layer, x = NearestConv2d(5, 7), torch.randn(2, 5, 6, 9)
    enlarged = torch.nn.functional.interpolate(x, scale_factor=2)
    expected = torch.nn.functional.conv2d(enlarged, layer.weight, layer.bias, padding=1)
    assert layer(x).shape == (2, 7, 12, 18)
    torch.testing.assert_close(layer(x), expected, rtol=1e-4, atol=1e-5)
