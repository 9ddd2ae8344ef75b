"""The bounds of image-vae against log p(x) known exactly, its terms, and the choice of the images they are of."""

import math
from typing import NamedTuple

import pytest
import torch
from torch import Tensor, nn

from aigc_course.data.digits import make_digits
from aigc_course.data.sets import ImageSet
from aigc_course.losses import gaussian_nll
from aigc_course.metrics.likelihood import mean_and_standard_error
from aigc_course.models import LadderVAE, LadderVAEConfig, LinearGaussian
from aigc_course.models.latent_layer import LatentLayer
from aigc_course.models.likelihoods import Binomial, DiscretisedLogistic
from aigc_course.recipes import vae_likelihood
from aigc_course.recipes.vae_likelihood import HeldOut, elbo_step, held_out, held_out_terms, importance_bound
from aigc_course.training import LoopSettings, Runtime

DOUBLE = torch.float64
RUNTIME = Runtime(LoopSettings(device="cpu", precision="fp32"))
CONFIG = LadderVAEConfig(image_size=8, latent_dims=(2, 3), width=16)


class Output(NamedTuple):
    logits: Tensor
    layers: tuple[LatentLayer, ...]


class LinearVAE(nn.Module):
    """The linear-Gaussian model with a posterior that is too wide and off its place, so that its ELBO is not tight."""

    def __init__(self) -> None:
        super().__init__()
        source = torch.Generator().manual_seed(0)
        weight = 0.6 * torch.randn(4, 2, dtype=DOUBLE, generator=source)
        self.exact = LinearGaussian(
            weight=weight, bias=torch.full((4,), 0.5, dtype=DOUBLE), noise_variance=torch.tensor(0.3, dtype=DOUBLE)
        )

    def forward(self, x: Tensor, _: None, noise: Tensor) -> Output:
        posterior = self.exact.posterior(x.double().flatten(1))
        mu = posterior.mean + 0.2
        logvar = (1.5 * posterior.variance).log()
        z = mu + (logvar / 2).exp() * noise.double()
        zero = torch.zeros_like(mu)
        return Output(self.exact.mean(z).view(x.shape), (LatentLayer(mu, logvar, zero, zero, z),))


class KnownVariance:
    """The likelihood of the linear-Gaussian model."""

    outputs, of_8_bit = 1, False

    def observe(self, images: Tensor, _: Tensor) -> Tensor:
        return images

    def shown(self, x: Tensor) -> Tensor:
        return x

    def nll(self, parameters: Tensor, x: Tensor) -> Tensor:
        return gaussian_nll(parameters, torch.tensor(0.3, dtype=DOUBLE).log(), x.double())


def linear_data(count: int = 150) -> HeldOut:
    images = torch.randint(256, (count, 1, 2, 2), dtype=torch.uint8, generator=torch.Generator().manual_seed(3))
    return HeldOut(images=images, labels=None, latent_dim=2, purpose="test")


def test_the_bound_meets_the_exact_evidence_and_grows_with_the_samples() -> None:
    model, data = LinearVAE(), linear_data()
    exact = model.exact.evidence().log_prob((data.images.float() / 255).flatten(1).double())
    bounds = [importance_bound(model, data, KnownVariance(), RUNTIME, samples=k) for k in (1, 10, 100, 5000)]
    means = [bound.mean().item() for bound in bounds]
    assert means == sorted(means)
    gap, error = mean_and_standard_error(exact - bounds[0])
    assert gap > 3 * error and gap > 0.2  # one sample is not enough
    gap, error = mean_and_standard_error(exact - bounds[-1])
    assert abs(gap) < 3 * error and error < 0.02


def test_the_elbo_is_the_closed_form_of_the_linear_model() -> None:
    model, data = LinearVAE(), linear_data()
    x = (data.images.float() / 255).flatten(1).double()
    (layer,) = model(x.view(-1, 1, 2, 2), None, torch.zeros(len(x), 2)).layers
    closed = model.exact.elbo(x, layer.mu, layer.logvar)
    found = held_out_terms(model, data, KnownVariance(), RUNTIME)["negative_elbo_nats"]
    gap, error = mean_and_standard_error(found + closed)
    assert abs(gap) < 3 * error and error < 0.2
    direct = importance_bound(model, data, KnownVariance(), RUNTIME, samples=1)
    gap, error = mean_and_standard_error(direct - closed)
    assert abs(gap) < 3 * error


def ladder_and_data(count: int = 30) -> tuple[LadderVAE, HeldOut]:
    torch.manual_seed(0)
    model = LadderVAE(CONFIG).eval()
    model.steps[1].to_difference.bias.data.fill_(0.5)  # type: ignore[union-attr, operator]
    images = make_digits().images["test"][:count]
    return model, HeldOut(images=images, labels=None, latent_dim=CONFIG.latent_dim, purpose="test")


def test_parts_of_samples_and_images_give_what_all_at_once_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    """Log-weights that are a function of the image alone: how the rows are cut can't matter then."""
    model, data = ladder_and_data()
    monkeypatch.setattr(vae_likelihood, "log_weights", lambda _, rows, __: -rows["x"].flatten(1).sum(dim=1))
    whole = importance_bound(model, data, DiscretisedLogistic(), RUNTIME, samples=7)
    monkeypatch.setattr(vae_likelihood, "_ROWS_AT_ONCE", 12)
    for samples in (1, 7, 12, 40):
        part = importance_bound(model, data, DiscretisedLogistic(), RUNTIME, samples=samples)
        torch.testing.assert_close(part, whole)
    torch.testing.assert_close(whole, -data.images.double().flatten(1).sum(dim=1))


def test_each_sample_has_noise_of_its_own_and_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    model, data = ladder_and_data(5)
    seen: list[Tensor] = []

    def record(model: nn.Module, rows: dict[str, Tensor], likelihood: object) -> Tensor:
        seen.append(rows["noise"])
        return torch.zeros(len(rows["x"]))

    monkeypatch.setattr(vae_likelihood, "log_weights", record)
    monkeypatch.setattr(vae_likelihood, "_ROWS_AT_ONCE", 10)
    importance_bound(model, data, Binomial(1), RUNTIME, samples=23)
    assert max(len(noise) for noise in seen) <= 10
    assert len(torch.cat(seen).unique(dim=0)) == 5 * 23


def test_loss_is_the_sum_of_its_terms() -> None:
    model, data = ladder_and_data()
    batch = next(data.batches())
    loss, terms = elbo_step(model, batch, likelihood=Binomial(4), beta=3.0)
    torch.testing.assert_close(loss, terms["reconstruction_nats"] + 3 * terms["kl_nats"])
    torch.testing.assert_close(terms["kl_nats"], terms["kl_1_nats"] + terms["kl_2_nats"])
    free = terms["kl_1_nats"].item() + 0.1
    assert free < terms["kl_2_nats"]  # so that one layer is below and one above
    freed, same = elbo_step(model, batch, likelihood=Binomial(4), beta=3.0, free_nats=free)
    assert freed.item() == pytest.approx(loss.item() + 3 * 0.1, rel=1e-5)
    torch.testing.assert_close(same, terms)  # what is reported is the true KL


def test_training_and_validation_measure_the_same_terms() -> None:
    model, data = ladder_and_data()
    _, trained = elbo_step(model, next(data.batches()), likelihood=Binomial(4))
    held = {name: values.mean() for name, values in held_out_terms(model, data, Binomial(4), RUNTIME).items()}
    negative_elbo = held.pop("negative_elbo_nats")
    torch.testing.assert_close(held, dict(trained))
    torch.testing.assert_close(negative_elbo, held["reconstruction_nats"] + held["kl_nats"])


def sorted_set(count: int = 1000) -> ImageSet:
    """Images whose grey level is their place, in ten classes one after another."""
    images = (torch.arange(count) * 255 // count).to(torch.uint8).view(-1, 1, 1, 1).expand(-1, 1, 4, 4)
    labels = torch.arange(count) * 10 // count
    return ImageSet(
        name="mine", images={"test": images}, labels={"test": labels}, class_names=tuple(str(k) for k in range(10))
    )


def test_held_out_images_are_of_all_classes_and_always_the_same() -> None:
    dataset = sorted_set()
    first = held_out(dataset, "test", limit=200, fixed=False, latent_dim=2, conditional=True)
    again = held_out(dataset, "test", limit=200, fixed=False, latent_dim=2, conditional=True)
    assert torch.equal(first.images, again.images)
    counts = torch.bincount(first.labels, minlength=10)  # type: ignore[arg-type]
    assert len(first.images) == 200 and counts.min() > 5 and counts.max() < 40
    assert len(first.images[:, 0, 0, 0].unique()) > 100
    torch.testing.assert_close(first.images[:, 0, 0, 0].long() * 10 // 255, first.labels, atol=1, rtol=0)
    assert len(held_out(dataset, "test", limit=None, fixed=False, latent_dim=2, conditional=False).images) == 1000
    for batch, other in zip(first.batches(), again.batches(), strict=True):
        torch.testing.assert_close(batch, other, rtol=0, atol=0)


def test_a_fixed_binarisation_of_held_out_images_does_not_depend_on_the_subset() -> None:
    dataset = sorted_set()
    few, all_images = (
        held_out(dataset, "test", limit=limit, fixed=True, latent_dim=2, conditional=True) for limit in (50, None)
    )
    assert torch.equal(few.images, all_images.images[:50])
    assert set(few.images.unique().tolist()) == {0, 255}


def test_bits_are_of_8_bit_images_alone() -> None:
    found = vae_likelihood.summary("x", (128 * math.log(2), 0.5), DiscretisedLogistic(), 64)
    assert found == pytest.approx({"x_nats": 128 * math.log(2), "x_standard_error": 0.5, "x_bits_per_dim": 2.0})
    assert set(vae_likelihood.summary("x", (1.0, 0.5), Binomial(1), 64)) == {"x_nats", "x_standard_error"}


def test_the_images_of_the_bound_are_the_first_of_all_with_the_same_pixels() -> None:
    dataset = sorted_set()
    few, everything = (
        held_out(dataset, "test", limit=limit, fixed=False, latent_dim=2, conditional=False) for limit in (600, None)
    )
    observed = [
        torch.cat([Binomial(1).observe(b["images"], b["thresholds"]) for b in data.batches()])
        for data in (few, everything)
    ]
    assert torch.equal(observed[0], observed[1][:600])
