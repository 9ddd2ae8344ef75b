"""Posteriors in the prior's coordinates: against the models' own terms, and back through the decoder."""

import pytest
import torch

from aigc_course.errors import UsageError
from aigc_course.losses.variational import kl_standard_normal
from aigc_course.models.conv_ladder_vae import ConvLadderVAE, ConvLadderVAEConfig
from aigc_course.models.ladder_vae import LadderVAE, LadderVAEConfig
from aigc_course.models.latent_space import Posteriors, posteriors
from aigc_course.models.vae import ConvVAE, VAEConfig


def shaken(model):
    """The model with random weights everywhere: a new one knows nothing, and its priors are all alike."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for weights in model.parameters():
            weights.add_(0.3 * torch.randn(weights.shape, generator=generator))
    return model.eval()


@pytest.fixture
def images():
    return torch.rand(300, 1, 8, 8, generator=torch.Generator().manual_seed(1))


def test_of_one_layer_they_are_what_the_encoder_says(images):
    model = shaken(ConvVAE(VAEConfig(image_size=8, latent_dim=3, width=4, n_classes=10)))
    labels = torch.arange(300) % 10
    found = posteriors(model, images, labels)
    mu, logvar = model.encode(images, labels)
    torch.testing.assert_close(found.mu, mu.detach(), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(found.logvar, logvar.detach(), rtol=1e-4, atol=1e-5)
    mean_kl = kl_standard_normal(mu, logvar).mean().item()
    assert found.kl_nats().sum().item() == pytest.approx(mean_kl, rel=1e-4)


@pytest.mark.parametrize(
    "model",
    [
        LadderVAE(LadderVAEConfig(image_size=8, latent_dims=(2, 3), width=16)),
        ConvLadderVAE(ConvLadderVAEConfig(image_size=8, top_dim=2, coarse_maps=(1,), fine_maps=(1,), width=4)),
    ],
    ids=lambda model: type(model).__name__,
)
def test_of_several_layers_the_decoder_gives_back_what_the_model_reconstructs(model, images):
    shaken(model)
    found = posteriors(model, images)
    output = model(images, noise=torch.zeros(300, model.config.latent_dim))
    torch.testing.assert_close(model.decode(found.mu), output.logits, rtol=1e-3, atol=1e-3)
    kl = torch.stack([layer.kl().mean() for layer in output.layers]).sum().item()
    assert found.kl_nats().sum().item() == pytest.approx(kl, rel=1e-4)
    assert found.mu.std() > 0.05  # or the comparison says nothing


def test_the_most_used_coordinates_and_a_draw():
    mu = torch.tensor([[0.0, 3.0, 1.0], [0.0, -3.0, 1.0]])
    found = Posteriors(mu, torch.tensor([[0.0, 0.0, -4.0], [0.0, 0.0, -4.0]]))
    assert found.kl_nats().tolist() == pytest.approx([0.0, 4.5, 0.5 + 0.5 * (3 + torch.tensor(-4.0).exp().item())])
    assert found.most_used(2) == [1, 2] and found.most_used(9) == [1, 2, 0]
    z = found.sample(1, torch.tensor([1.0, 1.0, 1.0]))
    assert z.tolist() == pytest.approx([1.0, -2.0, 1 + torch.tensor(-2.0).exp().item()])


def test_labels_that_are_missing_are_refused(images):
    model = ConvVAE(VAEConfig(image_size=8, latent_dim=3, width=4, n_classes=10))
    with pytest.raises(UsageError, match="conditional"):
        posteriors(model, images)
