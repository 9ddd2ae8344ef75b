"""The exercise on differentiable augmentation: which images are changed, and where the gradient goes."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from aigc_course.exercises.draws import near, normal
from aigc_course.exercises.spec import Answer, Exercise, Misconception, Property, Rng

Augment = Callable[[Tensor], Tensor]
Losses = tuple[Tensor, Tensor]


def augmented_losses(discriminator: nn.Module, augment: Augment, real: Tensor, fake: Tensor) -> Losses:
    """(the discriminator's loss, the generator's), where D only ever sees augmented images (B, C, H, W).

    -mean log D(real) - mean log(1 - D(fake)), which sends no gradient to the generator, and -mean log D(fake).
    """
    logits_real = discriminator(augment(real))
    logits_fake = discriminator(augment(fake.detach()))
    loss_d = F.softplus(-logits_real).mean() + F.softplus(logits_fake).mean()
    loss_g = F.softplus(-discriminator(augment(fake))).mean()
    return loss_d, loss_g


def _images(rng: Rng) -> Tensor:
    return normal(rng, int(rng.integers(2, 6)), 2, 3, 3)


def _network(rng: Rng) -> nn.Sequential:
    """From images (B, 2, 3, 3) to logits (B, 1)."""
    network = nn.Sequential(nn.Flatten(), nn.Linear(18, 4), nn.Tanh(), nn.Linear(4, 1)).double()
    for parameter in network.parameters():
        parameter.data = normal(rng, *parameter.shape)
    return network


def _brightness_and_contrast(rng: Rng) -> Augment:
    """A change that is the same at each call, so that the results of two answers can be compared."""
    factor, shift = float(rng.uniform(0.3, 0.7)), float(rng.uniform(0.5, 1.0))
    return lambda images: factor * images + shift


def _game(rng: Rng) -> tuple[nn.Module, Augment, Tensor, Tensor]:
    return _network(rng), _brightness_and_contrast(rng), _images(rng), _images(rng)


def _nothing_unchanged_is_seen(answer: Answer, rng: Rng) -> bool:
    """The augmentation adds 100 to images near 0; what is shown must be near 100, not near 0 or 200."""
    shown: list[Tensor] = []

    def discriminator(images: Tensor) -> Tensor:
        shown.append(images.detach())
        return images.mean(dim=(1, 2, 3))

    answer(discriminator, lambda images: images + 100, _images(rng), _images(rng))
    return all(bool((images - 100).abs().max() < 50) for images in shown)


def _an_undecided_discriminator(answer: Answer, rng: Rng) -> bool:
    _, augment, real, fake = _game(rng)
    losses = answer(lambda images: 0 * images.mean(dim=(1, 2, 3)), augment, real, fake)
    return near(losses, torch.tensor([2.0, 1.0]).double() * torch.tensor(2.0).double().log())


def _a_sure_one_pulls_through_the_change(answer: Answer, rng: Rng) -> bool:
    """Logits far below 0, where the generator's loss is minus the mean logit; the change enlarges by a factor."""
    real, fake = _images(rng), _images(rng).requires_grad_()
    factor = float(rng.uniform(2, 5))
    _, loss_g = answer(lambda images: images.sum(dim=(1, 2, 3)) - 1e4, lambda images: factor * images, real, fake)
    (slope,) = torch.autograd.grad(loss_g, fake)
    return near(slope, torch.full_like(fake, -factor / len(fake)))


def _its_own_loss_leaves_the_generator_alone(answer: Answer, rng: Rng) -> bool:
    network, augment, real, fake = _game(rng)
    loss_d, _ = answer(network, augment, real, fake.requires_grad_())
    (slope,) = torch.autograd.grad(loss_d, fake, allow_unused=True)
    return slope is None or near(slope, torch.zeros_like(slope))


def _its_own_loss_trains_it_on_both(answer: Answer, rng: Rng) -> bool:
    """The logit is w times the mean of an image; the slope of the loss at w = 0."""
    _, augment, real, fake = _game(rng)
    weight = torch.zeros((), dtype=torch.float64, requires_grad=True)
    loss_d, _ = answer(lambda images: weight * images.mean(dim=(1, 2, 3)), augment, real, fake)
    (slope,) = torch.autograd.grad(loss_d, weight)
    return near(slope, 0.5 * (augment(fake).mean() - augment(real).mean()))


def _losses(logits_real: Tensor, logits_fake: Tensor, logits_fake_g: Tensor) -> Losses:
    loss_d = F.softplus(-logits_real).mean() + F.softplus(logits_fake).mean()
    return loss_d, F.softplus(-logits_fake_g).mean()


def _real_ones_alone(discriminator: nn.Module, augment: Augment, real: Tensor, fake: Tensor) -> Losses:
    return _losses(discriminator(augment(real)), discriminator(fake.detach()), discriminator(fake))


def _fake_ones_alone(discriminator: nn.Module, augment: Augment, real: Tensor, fake: Tensor) -> Losses:
    return _losses(discriminator(real), discriminator(augment(fake.detach())), discriminator(augment(fake)))


def _not_in_the_generators_loss(discriminator: nn.Module, augment: Augment, real: Tensor, fake: Tensor) -> Losses:
    return _losses(discriminator(augment(real)), discriminator(augment(fake.detach())), discriminator(fake))


def _twice(discriminator: nn.Module, augment: Augment, real: Tensor, fake: Tensor) -> Losses:
    once = augment(fake)
    return _losses(discriminator(augment(real)), discriminator(once.detach()), discriminator(augment(once)))


def _cut_off(discriminator: nn.Module, augment: Augment, real: Tensor, fake: Tensor) -> Losses:
    return augmented_losses(discriminator, augment, real, fake.detach())


def _one_graph_for_both(discriminator: nn.Module, augment: Augment, real: Tensor, fake: Tensor) -> Losses:
    logits_fake = discriminator(augment(fake))
    return _losses(discriminator(augment(real)), logits_fake, logits_fake)


def _logits_cut_off(discriminator: nn.Module, augment: Augment, real: Tensor, fake: Tensor) -> Losses:
    logits_fake = discriminator(augment(fake))
    return _losses(discriminator(augment(real)), logits_fake.detach(), logits_fake)


def _saturating(discriminator: nn.Module, augment: Augment, real: Tensor, fake: Tensor) -> Losses:
    loss_d, _ = augmented_losses(discriminator, augment, real, fake)
    return loss_d, -F.softplus(discriminator(augment(fake))).mean()


AUGMENTED_LOSSES = Exercise(
    id="08.3",
    title="What the discriminator gets to see",
    stars=2,
    minutes=10,
    inputs=_game,
    reference=augmented_losses,
    differentiable=(3,),
    hints=(
        "Three batches go through the discriminator: real ones and fakes for its own loss, fakes for the generator's. "
        "Which of them are changed by `augment` before?",
        "All three. What D never sees unchanged, G need not make changed: both are compared under the same changes.",
        "-log D is softplus(-logit), and -log(1 - D) is softplus(logit); F.softplus survives any logit.",
        "In the discriminator's loss the fakes are detached; in the generator's they are not, so that its gradient "
        "comes through the discriminator and through `augment`.",
    ),
    properties=(
        Property(
            statement="the discriminator is shown no image that was not changed, and none that was changed twice",
            holds=_nothing_unchanged_is_seen,
        ),
        Property(
            statement="with logits of 0 the losses are 2 log 2 and log 2, each a mean over its batch",
            holds=_an_undecided_discriminator,
        ),
        Property(
            statement="the generator's gradient comes through the change: one that multiplies by c multiplies it by c",
            holds=_a_sure_one_pulls_through_the_change,
        ),
        Property(
            statement="the discriminator's loss sends no gradient to the fakes",
            holds=_its_own_loss_leaves_the_generator_alone,
        ),
        Property(
            statement="the discriminator's loss sends a gradient to the discriminator, from real images and from fakes",
            holds=_its_own_loss_trains_it_on_both,
        ),
    ),
    misconceptions=(
        Misconception(
            name="the real images alone",
            wrong=_real_ones_alone,
            message="You changed the real images alone. Then changed images are what D takes for real, and the "
            "generator learns to make them: moved, bleached and with holes.",
        ),
        Misconception(
            name="the fakes alone",
            wrong=_fake_ones_alone,
            message="You changed the fakes alone. D tells them by the change, whatever the generator does, and the few "
            "real images are still learned by heart.",
        ),
        Misconception(
            name="not in the generator's loss",
            wrong=_not_in_the_generators_loss,
            message="In the generator's loss D sees fakes that were not changed: images of a kind on which it was "
            "never trained, so that what it says about them means little.",
        ),
        Misconception(
            name="changed twice",
            wrong=_twice,
            message="In the generator's loss the fakes were changed twice: was the changed batch kept under the name "
            "of the fakes?",
        ),
        Misconception(
            name="the generator is cut off",
            wrong=_cut_off,
            message="The values are right, but the fakes are detached in both losses. The generator's loss then has no "
            "gradient for the generator: it would never learn anything.",
        ),
        Misconception(
            name="the discriminator's loss trains the generator",
            wrong=_one_graph_for_both,
            message="The values are right, but the discriminator's loss sends a gradient to the fakes too, one that "
            "makes them worse. For its own loss the discriminator gets them without their history.",
        ),
        Misconception(
            name="the discriminator learns nothing from fakes",
            wrong=_logits_cut_off,
            message="The values are right, but in the discriminator's loss you detached its logits. Then it learns "
            "from the real images alone. Cut between the generator and the discriminator, not behind both.",
        ),
        Misconception(
            name="the saturating loss",
            wrong=_saturating,
            message="Your generator's loss is mean log(1 - D), which is flat while D finds the fakes out. Asked for is "
            "-mean log D.",
        ),
    ),
)

EXERCISES: tuple[Exercise, ...] = (AUGMENTED_LOSSES,)
