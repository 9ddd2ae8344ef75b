"""The evidence lower bound of an image VAE: in training, in validation and, per image, in evaluation.

All three use the same terms: `elbo_terms`. The importance weighted bound is taken from many z an image, in parts.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from aigc_course.data.batches import Batch, generator
from aigc_course.data.sets import ImageSet
from aigc_course.losses.variational import free_bits, negative_elbo
from aigc_course.metrics.bounds import StreamingBound
from aigc_course.metrics.likelihood import bits_per_dim
from aigc_course.models.likelihoods import Likelihood, binarised
from aigc_course.training import Runtime

_AT_ONCE = 500  # images, where there is no gradient
_ROWS_AT_ONCE = 2000  # images times samples of z


def elbo_terms(model: nn.Module, batch: Batch, likelihood: Likelihood) -> tuple[Tensor, Tensor]:
    """Observe the images, encode, sample z, decode.

    Args: batch: images (B, C, H, W) in [0, 1], thresholds of the same shape uniform in [0, 1), noise (B, latent_dim)
        from N(0, I) and, where the model is conditional, labels (B,).
    Returns: -log p(x | z) (B,) and the KL term of each layer of latent variables (L, B), top first; in nats per image.
    """
    x = likelihood.observe(batch["images"], batch["thresholds"])
    output = model(likelihood.shown(x), batch.get("labels"), batch["noise"])
    return likelihood.nll(output.logits, x), torch.stack([layer.kl() for layer in output.layers])


def elbo_step(
    model: nn.Module, batch: Batch, *, likelihood: Likelihood, beta: float = 1.0, free_nats: float = 0.0
) -> tuple[Tensor, dict[str, Tensor]]:
    """`elbo_terms` and the loss: the negative ELBO in nats per image, where beta is 1 and no bits are free."""
    reconstruction, kl = elbo_terms(model, batch, likelihood)  # (B,), (L, B)
    charged = torch.stack([free_bits(one, free_nats) for one in kl]).sum()
    loss = negative_elbo(reconstruction.mean(), charged, beta)
    return loss, {name: values.mean() for name, values in named(reconstruction.detach(), kl.detach()).items()}


def named(reconstruction: Tensor, kl: Tensor) -> dict[str, Tensor]:
    """The terms by the names of history and evaluation, each (B,); a layer's own KL where there are several."""
    layers = {f"kl_{number}_nats": one for number, one in enumerate(kl, start=1)} if len(kl) > 1 else {}
    return {"reconstruction_nats": reconstruction, "kl_nats": kl.sum(dim=0), **layers}


@dataclass(frozen=True, kw_only=True, eq=False)
class HeldOut:
    """Images that a model is measured on, with everything that is random about it fixed.

    So figures of different models and runs are of the same images, thresholds and noise.
    """

    images: Tensor  # (N, C, H, W) uint8
    labels: Tensor | None  # (N,); None for an unconditional model
    latent_dim: int
    purpose: str  # another one draws other thresholds and noise

    def batches(self) -> Iterator[Batch]:
        """The images in order, with their thresholds and one draw of noise for each."""
        for number, rows in enumerate(torch.arange(len(self.images)).split(_AT_ONCE)):
            source = generator(0, f"held-out/{self.purpose}", number)
            images = self.images[rows].float() / 255
            batch = {
                "images": images,
                "thresholds": torch.rand(images.shape, generator=source),
                "noise": torch.randn((len(rows), self.latent_dim), generator=source),
            }
            yield batch if self.labels is None else batch | {"labels": self.labels[rows]}


def held_out(
    dataset: ImageSet, split: str, *, limit: int | None, fixed: bool, latent_dim: int, conditional: bool
) -> HeldOut:
    """At most `limit` images of a split, chosen at random but always the same: a set may be sorted by class.

    Args: fixed: binarise them once and for all.
    """
    images, labels = dataset.split(split)
    rows = torch.randperm(len(images), generator=generator(0, f"subset/{split}", 0))[:limit]
    images = once_binarised(images, split)[rows] if fixed else images[rows]
    return HeldOut(images=images, labels=labels[rows] if conditional else None, latent_dim=latent_dim, purpose=split)


def once_binarised(images: Tensor, split: str) -> Tensor:
    """A whole split's images, black and white: the same draw in every run, whatever its seed."""
    return binarised(images, generator(0, f"binarised/{split}", 0))


@torch.no_grad()
def held_out_terms(model: nn.Module, data: HeldOut, likelihood: Likelihood, runtime: Runtime) -> dict[str, Tensor]:
    """The terms of the ELBO by name, and `negative_elbo_nats`, their sum; each (N,) on the CPU, in nats."""
    found: dict[str, list[Tensor]] = {}
    for batch in data.batches():
        with runtime.autocast():
            reconstruction, kl = elbo_terms(model, runtime.to_device(batch), likelihood)
        terms = {"negative_elbo_nats": negative_elbo(reconstruction, kl.sum(dim=0)), **named(reconstruction, kl)}
        for name, values in terms.items():
            found.setdefault(name, []).append(values.cpu())
    return {name: torch.cat(parts) for name, parts in found.items()}


@torch.no_grad()
def importance_bound(
    model: nn.Module, data: HeldOut, likelihood: Likelihood, runtime: Runtime, *, samples: int
) -> Tensor:
    """The importance weighted bound on log p(x) with `samples` z an image, (N,), in nats.

    Memory: _ROWS_AT_ONCE images at once, whatever N and the number of samples.
    """
    images_at_once = min(_AT_ONCE, max(1, _ROWS_AT_ONCE // samples))
    bounds = []
    for number, block in enumerate(data.batches()):
        known = {"x": likelihood.observe(block["images"], block["thresholds"])}
        known |= {"labels": block["labels"]} if "labels" in block else {}
        for first in range(0, len(known["x"]), images_at_once):
            batch = {name: tensor[first : first + images_at_once] for name, tensor in known.items()}
            purpose = f"importance/{data.purpose}/{number}/{first}"
            bounds.append(_bound_of(model, batch, purpose, data.latent_dim, likelihood, runtime, samples))
    return torch.cat(bounds)


def _bound_of(
    model: nn.Module,
    batch: Batch,
    purpose: str,
    latent_dim: int,
    likelihood: Likelihood,
    runtime: Runtime,
    samples: int,
) -> Tensor:
    """The bound of the images x (B, C, H, W) of a batch, (B,)."""
    count = len(batch["x"])
    at_once = _ROWS_AT_ONCE // count
    bound = StreamingBound()
    for first in range(0, samples, at_once):
        repeats = min(samples - first, at_once)
        rows = {name: tensor.repeat(repeats, *[1] * (tensor.dim() - 1)) for name, tensor in batch.items()}
        rows["noise"] = torch.randn((repeats * count, latent_dim), generator=generator(0, purpose, first))
        bound.add(log_weights(model, runtime.to_device(rows), likelihood).unflatten(0, (repeats, count)))
    return bound.value()


def log_weights(model: nn.Module, rows: Batch, likelihood: Likelihood) -> Tensor:
    """log p(x, z) - log q(z | x) for each row's own z, (R,): its x (already observed), noise and label."""
    output = model(likelihood.shown(rows["x"]), rows.get("labels"), rows["noise"])
    return torch.stack([layer.log_ratio() for layer in output.layers]).sum(dim=0) - likelihood.nll(
        output.logits, rows["x"]
    )


def summary(name: str, mean_and_error: tuple[float, float], likelihood: Likelihood, n_dims: int) -> dict[str, float]:
    """A mean over images in nats and its standard error by name; bits per dimension where they are of 8-bit data."""
    mean, error = mean_and_error
    result = {f"{name}_nats": mean, f"{name}_standard_error": error}
    return result | ({f"{name}_bits_per_dim": bits_per_dim(mean, n_dims)} if likelihood.of_8_bit else {})
