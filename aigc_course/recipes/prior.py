"""Latent vectors drawn from the prior, and images of them: the same for a GAN's generator and a VAE's decoder."""

from collections.abc import Callable

import torch

from aigc_course.data.batches import generator
from aigc_course.errors import UsageError

_AT_ONCE = 250  # images, where there is no gradient


@torch.no_grad()
def images_from_prior(
    decode: Callable[[torch.Tensor, torch.Tensor | None], torch.Tensor],
    latent_dim: int,
    device: torch.device,
    labels: torch.Tensor | None,
    seed: int,
    num_images: int | None,
    temperature: float,
) -> torch.Tensor:
    """Draw z from N(0, temperature² I) and decode it.

    Args: decode: z (B, latent_dim), labels (B,) or None -> images (B, C, H, W). labels: (B,) int64, one image each;
        None for an unconditional model. seed: the same seed gives the same z, whatever the device. num_images: how
        many, without labels. temperature: below 1 gives more typical images and fewer kinds of them, as the truncation
        of Brock et al. 2019, arXiv:1809.11096, Sec. 3.1, does.
    Returns: (B, C, H, W) float32 on the CPU.
    Raises: UsageError when nobody says how many images, or the temperature is negative.
    """
    if labels is None and num_images is None:
        raise UsageError("sample_images needs labels, one for each image, or num_images for an unconditional model")
    count = len(labels) if labels is not None else int(num_images or 0)
    z = latents(count, latent_dim, temperature, generator(seed, "sample", 0))
    parts = [
        decode(z[rows].to(device), None if labels is None else labels[rows].to(device)).float().cpu()
        for rows in torch.arange(count).split(_AT_ONCE)
    ]
    return torch.cat(parts)


def latents(count: int, latent_dim: int, temperature: float, source: torch.Generator) -> torch.Tensor:
    """z (count, latent_dim) from N(0, temperature² I). Raises: UsageError for a negative temperature."""
    if not temperature >= 0:
        raise UsageError(f"temperature must be at least 0, but is {temperature}")
    return temperature * torch.randn((count, latent_dim), generator=source)
