"""Residual generator and discriminator: shapes, conditioning, spectra, initialisation, learning, bad input."""

from dataclasses import replace

import pytest
import torch

from aigc_course.errors import UsageError
from aigc_course.losses import discriminator_hinge, generator_hinge, gradient_penalty
from aigc_course.models import ResidualDiscriminator, ResidualGANConfig, ResidualGenerator
from aigc_course.models.residual_gan import ResidualBlock

SMALL = ResidualGANConfig(image_size=16, latent_dim=8, width=8)
CLASSES = replace(SMALL, n_classes=3)
SNGAN = replace(CLASSES, spectral_norm=True, generator_norm="batch", activation="relu")
JOINED = replace(CLASSES, conditioning="concatenation")
STEM = replace(CLASSES, stem_stride=2, generator_norm="batch")


def pair(config: ResidualGANConfig) -> tuple[ResidualGenerator, ResidualDiscriminator]:
    torch.manual_seed(0)
    return ResidualGenerator(config), ResidualDiscriminator(config)


def labels_for(config: ResidualGANConfig, count: int) -> torch.Tensor | None:
    return torch.arange(count) % config.n_classes if config.n_classes else None


@pytest.mark.parametrize("image_size", [16, 32, 64])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("config", [SMALL, SNGAN, JOINED, STEM])
def test_sizes_follow_the_settings(config, image_size, channels):
    config = replace(config, image_size=image_size, channels=channels, width=2, blocks=2)
    generator, discriminator = pair(config)
    labels = labels_for(config, 4)
    images = generator(torch.randn(4, 8), labels)
    assert images.shape == (4, channels, image_size, image_size)
    assert images.min() >= -1 and images.max() <= 1
    assert images.std() > 0.1
    assert discriminator(images, labels).shape == (4,)


def test_feature_maps_double_as_the_resolution_halves():
    assert ResidualGANConfig(image_size=8, width=16).feature_maps == [16, 32]
    assert ResidualGANConfig(image_size=64, width=16).feature_maps == [16, 32, 64, 128, 256]
    assert ResidualGANConfig(image_size=64, width=16, stem_stride=2).feature_maps == [32, 64, 128, 256]


def test_with_a_strided_stem_the_blocks_work_at_half_of_the_side():
    generator, discriminator = pair(STEM)
    sides = []
    for network in (generator.upsample, discriminator.downsample):
        for block in network:
            block.register_forward_hook(lambda _, given, made: sides.append((given[0].shape[-1], made.shape[-1])))
    labels = labels_for(STEM, 4)
    discriminator(generator(torch.randn(4, 8), labels), labels)
    assert sides == [(4, 8), (8, 4)]
    pixels = torch.zeros(1, 3, 16, 16)
    reached = discriminator.from_image(pixels + torch.rand(3, 1, 1)).shape
    assert reached == (1, 16, 8, 8)


@pytest.mark.parametrize("blocks", [1, 3])
def test_blocks_are_counted_per_change_of_resolution(blocks):
    for network in pair(replace(SMALL, blocks=blocks)):
        found = [module.resample for module in network.modules() if isinstance(module, ResidualBlock)]
        assert len(found) == 2 * blocks and found.count("keep") == 2 * (blocks - 1)


@pytest.mark.parametrize("resample", ["up", "keep", "down"])
@pytest.mark.parametrize(("inputs", "outputs"), [(3, 3), (3, 6), (6, 3)])
def test_a_block_is_x_plus_its_branch_in_the_textbook_order(resample, inputs, outputs):
    """Enlarge (or shrink) first (last), by torch's own layers, and the 1 x 1 convolution at the larger side."""
    torch.manual_seed(0)
    block, x = ResidualBlock(SMALL, inputs, outputs, resample, batch_norm=False), torch.randn(2, inputs, 8, 8)

    def enlarge(values: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.interpolate(values, scale_factor=2) if resample == "up" else values

    def shrink(values: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.avg_pool2d(values, 2) if resample == "down" else values

    leaky, conv = torch.nn.functional.leaky_relu, torch.nn.functional.conv2d
    branch = conv(enlarge(leaky(x, 0.2)), block.conv1.weight, block.conv1.bias, padding=1)
    branch = shrink(conv(leaky(branch, 0.2), block.conv2.weight, block.conv2.bias, padding=1))
    skipped = shrink(block.skip(enlarge(x)))
    torch.testing.assert_close(block(x), skipped + branch, rtol=1e-4, atol=1e-5)


def test_projection_is_the_papers_formula():
    """Eq. 3: the logit is psi(phi(x)) + <v_y, phi(x)>, with phi summed over the image."""
    _, discriminator = pair(CLASSES)
    images, labels = torch.rand(6, 3, 16, 16), torch.arange(6) % 3
    features = discriminator.activation(discriminator.downsample(discriminator.from_image(images))).sum(dim=(2, 3))
    expected = discriminator.to_logit(features)[:, 0]
    expected = expected + (discriminator.class_weights.weight[labels] * features).sum(dim=1)
    torch.testing.assert_close(discriminator(images, labels), expected, rtol=1e-4, atol=1e-5)


def test_concatenation_puts_one_map_of_ones_beside_the_image():
    _, discriminator = pair(JOINED)
    assert discriminator.class_weights is None
    images, labels = torch.rand(3, 3, 16, 16), torch.tensor([2, 0, 1])
    maps = torch.zeros(3, 3, 16, 16)
    maps[torch.arange(3), labels] = 1
    features = discriminator.downsample(discriminator.from_image(torch.cat([images, maps], dim=1)))
    expected = discriminator.to_logit(discriminator.activation(features).sum(dim=(2, 3)))[:, 0]
    torch.testing.assert_close(discriminator(images, labels), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("config", [CLASSES, SNGAN, JOINED, STEM])
def test_the_class_changes_the_image_and_its_logit(config):
    generator, discriminator = (network.eval() for network in pair(config))
    z, zeros = torch.randn(4, 8), torch.zeros(4, dtype=torch.int64)
    images = generator(z, zeros)
    assert (generator(z, zeros + 1) - images).abs().amax(dim=(1, 2, 3)).min() > 1e-2
    assert (discriminator(images, zeros + 1) - discriminator(images, zeros)).abs().min() > 1e-4


def test_spectral_norm_brings_the_largest_singular_value_of_every_weight_to_one():
    _, discriminator = pair(SNGAN)
    images, labels = torch.rand(3, 3, 16, 16), torch.arange(3)
    for _ in range(200):
        discriminator(images, labels)
    layers = [m for m in discriminator.modules() if isinstance(m, torch.nn.Conv2d | torch.nn.Linear)]
    assert len(layers) == 1 + 2 * 3 + 1
    for layer in [*layers, discriminator.class_weights]:
        largest = torch.linalg.matrix_norm(layer.weight.detach().flatten(1), ord=2)
        torch.testing.assert_close(largest, torch.tensor(1.0), atol=0.02, rtol=0)
    assert not any("original" in name for name, _ in pair(CLASSES)[1].named_parameters())
    assert not any("original" in name for name, _ in pair(SNGAN)[0].named_parameters())


def test_spectral_norm_follows_in_training_and_rests_in_evaluation():
    _, discriminator = pair(SNGAN)
    images, labels = torch.rand(3, 3, 16, 16), torch.arange(3)
    expected = discriminator(images, labels)
    with torch.no_grad():
        for parameter in discriminator.parameters():
            parameter.mul_(10 if parameter.ndim > 1 else 1)
    torch.testing.assert_close(discriminator(images, labels), expected, rtol=0.2, atol=0.05)
    state = {name: tensor.clone() for name, tensor in discriminator.state_dict().items()}
    discriminator.eval()(images, labels)
    assert all(torch.equal(tensor, state[name]) for name, tensor in discriminator.state_dict().items())
    discriminator.train()(images, labels)
    assert not all(torch.equal(tensor, state[name]) for name, tensor in discriminator.state_dict().items())


@pytest.mark.parametrize(
    ("config", "generator_at_zero", "discriminator_at_zero"),
    [(CLASSES, True, True), (SNGAN, False, False), (replace(CLASSES, generator_norm="batch"), False, True)],
)
def test_branches_start_at_zero_where_nothing_normalises_them(config, generator_at_zero, discriminator_at_zero):
    for network, at_zero in zip(pair(config), (generator_at_zero, discriminator_at_zero), strict=True):
        for block in (module for module in network.modules() if isinstance(module, ResidualBlock)):
            assert (block.conv2.weight == 0).all() == at_zero
            assert (block.conv1.weight != 0).any()


@pytest.mark.parametrize("width", [8, 32])
@pytest.mark.parametrize("config", [CLASSES, JOINED, replace(CLASSES, blocks=3)])
def test_logits_start_near_zero_at_any_width(config, width):
    _, discriminator = pair(replace(config, width=width))
    logits = discriminator(torch.rand(30, 3, 16, 16) * 2 - 1, labels_for(config, 30))
    assert 0.001 < logits.detach().square().mean().sqrt() < 3


@pytest.mark.parametrize("config", [SMALL, CLASSES, SNGAN, JOINED, STEM])
def test_the_discriminator_learns_to_tell_and_the_generator_to_fool_it(config):
    generator, discriminator = pair(config)
    labels = labels_for(config, 16)
    real, z = torch.rand(16, 3, 16, 16) * 0.2 + 0.5, torch.randn(16, 8)
    optimizer = torch.optim.Adam(discriminator.parameters(), lr=2e-3)
    fake, losses = generator(z, labels).detach(), []
    for _ in range(30):
        loss = discriminator_hinge(logits_real=discriminator(real, labels), logits_fake=discriminator(fake, labels))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.2 < losses[0]
    optimizer = torch.optim.Adam(generator.parameters(), lr=2e-3)
    losses = []
    for _ in range(20):
        loss = generator_hinge(logits_fake=discriminator(generator(z, labels), labels))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] - 0.5


@pytest.mark.parametrize("config", [CLASSES, SNGAN, JOINED, STEM])
def test_every_weight_learns_and_the_slope_can_be_penalised(config):
    generator, discriminator = pair(config)
    for network in (generator, discriminator):
        for block in (module for module in network.modules() if isinstance(module, ResidualBlock)):
            torch.nn.init.normal_(block.conv2.weight, std=0.05)
    labels = labels_for(config, 6)
    generator_hinge(logits_fake=discriminator(generator(torch.randn(6, 8), labels), labels)).backward()
    for network in (generator, discriminator):
        for name, parameter in network.named_parameters():
            assert parameter.grad is not None and (parameter.grad != 0).any(), name
    images = torch.rand(6, 3, 16, 16, requires_grad=True)
    penalty = gradient_penalty(logits=discriminator(images, labels), images=images)
    discriminator.zero_grad()
    penalty.mean().backward()
    assert penalty.shape == (6,) and (penalty > 0).all()
    assert all((p.grad != 0).any() for name, p in discriminator.named_parameters() if name.endswith("original"))


def test_examples_are_independent_in_evaluation_mode():
    generator, discriminator = (network.eval() for network in pair(SNGAN))
    z, labels = torch.randn(4, 8), torch.tensor([0, 1, 2, 0])
    images = generator(z, labels)
    torch.testing.assert_close(generator(z[1:2], labels[1:2]), images[1:2], rtol=1e-4, atol=1e-5)
    alone = discriminator(images[1:2], labels[1:2])
    torch.testing.assert_close(alone, discriminator(images, labels)[1:2], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("config", [SMALL, replace(SNGAN, n_classes=0)])
def test_channels_last_and_bfloat16_change_little(config):
    generator, discriminator = (network.eval() for network in pair(config))
    z = torch.randn(8, 8)
    images = generator(z)
    logits = discriminator(images)
    generator.to(memory_format=torch.channels_last)
    discriminator.to(memory_format=torch.channels_last)
    torch.testing.assert_close(generator(z), images, rtol=1e-3, atol=1e-5)
    torch.testing.assert_close(discriminator(images), logits, rtol=1e-3, atol=1e-5)
    with torch.autocast("cpu", torch.bfloat16):
        torch.testing.assert_close(generator(z).float(), images, rtol=0.05, atol=0.05)
        torch.testing.assert_close(discriminator(images).float(), logits, rtol=0.05, atol=0.05)


@pytest.mark.parametrize("config", [CLASSES, JOINED])
def test_labels_are_given_where_and_only_where_they_are_used(config):
    generator, discriminator = pair(SMALL)
    z, images, labels = torch.randn(2, 8), torch.zeros(2, 3, 16, 16), torch.tensor([0, 1])
    for call in (lambda: generator(z, labels), lambda: discriminator(images, labels)):
        with pytest.raises(UsageError, match="unconditional"):
            call()
    generator, discriminator = pair(config)
    for call in (lambda: generator(z), lambda: discriminator(images)):
        with pytest.raises(UsageError, match=r"pass labels \(B,\), int64 in \[0, 3\)"):
            call()
    with pytest.raises(UsageError, match=r"images has the shape \(2, 3, 32, 32\)"):
        discriminator(torch.zeros(2, 3, 32, 32), labels)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"image_size": 24}, "image_size = 24"),
        ({"image_size": 4}, "image_size = 4"),
        ({"n_classes": 1}, "n_classes = 1"),
        ({"width": 0}, "width = 0"),
        ({"blocks": 0}, "blocks = 0"),
        ({"stem_stride": 3}, "stem_stride is 3, but must be one of 1, 2"),
        ({"stem_stride": 2, "image_size": 8}, "image_size = 8 is not allowed; .* at least 16"),
        ({"conditioning": "addition"}, "conditioning is 'addition', but must be one of projection, concatenation"),
        ({"generator_norm": "layer"}, "generator_norm is 'layer'"),
        ({"activation": "tanh"}, "activation is 'tanh'"),
    ],
)
def test_impossible_settings_are_named(change, text):
    with pytest.raises(ValueError, match=text):
        ResidualGANConfig(**change)
