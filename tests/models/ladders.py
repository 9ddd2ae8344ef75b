"""Small VAEs with a ladder of latent layers, with random weights everywhere, so that no layer is at its prior."""

import torch

from aigc_course.models import ConvLadderVAE, ConvLadderVAEConfig, LadderVAE, LadderVAEConfig
from aigc_course.recipes.image_vae import network_of

SMALL = LadderVAEConfig(image_size=4, latent_dims=(2, 3, 4), width=16)
CLASSES = LadderVAEConfig(image_size=4, latent_dims=(2, 3), width=16, n_classes=3)
CONV_SMALL = ConvLadderVAEConfig(image_size=4, top_dim=2, coarse_maps=(3, 1), fine_maps=(1,), width=8)
CONV_CLASSES = ConvLadderVAEConfig(image_size=4, top_dim=2, coarse_maps=(2,), fine_maps=(1,), width=8, n_classes=3)


def fresh(config: LadderVAEConfig | ConvLadderVAEConfig) -> LadderVAE | ConvLadderVAE:
    """The model as training begins with it."""
    torch.manual_seed(0)
    return network_of(config)


def shaken(config: LadderVAEConfig | ConvLadderVAEConfig, scale: float = 1.0) -> LadderVAE | ConvLadderVAE:
    """The model with random weights, `scale` times as large as keeps a signal's size."""
    model = fresh(config)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=scale * parameter[0].numel() ** -0.5)
    return model


def noise_for(model: LadderVAE | ConvLadderVAE, examples: int) -> torch.Tensor:
    """Standard normal noise for all layers: (examples, latent_dim)."""
    return torch.randn(examples, model.config.latent_dim)
