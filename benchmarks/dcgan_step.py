"""Images a second of a DCGAN round, a step of D and one of G, against the DCGAN of pytorch/examples; batch 64, CPU.

Architecture and mathematics are the same: feature maps, batch norm, binary cross-entropy, D on real and on generated
images apart, Adam with 2e-4 and beta1 0.5. Parameters and multiply-adds of both are counted; and before anything is
timed both take a round in float32 from equal weights, images and noise: their losses must agree, and so must the images
that the generators draw afterwards. The peer's code runs as it is, in float32, on a batch that is ready. The course's
rounds are `fit_gan` with the preset dcgan: bf16 where the processor has it, channels last, no gradient of D's weights
in G's step (the peer throws it away); making the batches, measures and history are part of them. Ours has biases at
both ends of D and at the end of G, which the peer has not. Run it on an idle machine:

    python benchmarks/dcgan_step.py PATH/TO/examples/dcgan [--rounds 5] [--json PATH]
"""

import contextlib
import dataclasses
import io
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from measure import report, rounds, side_by_side
from pytorch_dcgan import LATENT_DIM, WIDTH, Peer
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from aigc_course.data.batches import ImageBatches
from aigc_course.data.noise import NoiseBatches
from aigc_course.models.gan import GANConfig
from aigc_course.recipes.gan_settings import dcgan, profile
from aigc_course.recipes.gan_steps import discriminator_step, draw, generator_step
from aigc_course.recipes.image_gan import discriminator_of, generator_of
from aigc_course.training import Runtime, Session, fit_gan
from aigc_course.training.loop import Batches

BATCH_SIZE, IMAGES = 64, 2048
STEPS = {32: 20, 64: 6}  # rounds of both players in a timing, by the side of the images
CLOSE = 1e-4  # losses of the check
NEAR = 0.05  # its images, as a share of what the round changed in them
EPSILON = 1e-4  # of Adam in the check; with 1e-8 a first step along a gradient that is all rounding is as long as any


class Ours:
    """The two players of `image-gan` with the preset dcgan, unconditional, in the peer's sizes."""

    def __init__(self, image_size: int, precision: str) -> None:
        self.settings = dcgan(profile("laptop"))
        preset = self.settings.model
        config = GANConfig(
            image_size=image_size,
            latent_dim=LATENT_DIM,
            width=WIDTH,
            upsample=preset.upsample,
            discriminator_norm=preset.discriminator_norm,
        )
        self.loop = dataclasses.replace(self.settings.loop, precision=precision, device="cpu", warmup_steps=0)
        self.generator, self.discriminator = generator_of(config), discriminator_of(config)
        for network in (self.generator, self.discriminator):
            network.to(memory_format=torch.channels_last)
        rates = (self.settings.generator_learning_rate, self.settings.discriminator_learning_rate)
        self.optimizers = [
            torch.optim.Adam(network.parameters(), lr=rate, betas=(self.settings.beta1, self.settings.beta2))
            for network, rate in zip((self.generator, self.discriminator), rates, strict=True)
        ]

    def fit(self, batches: Batches, steps: int) -> Session:
        """So many rounds, as the recipe takes them."""
        loop = dataclasses.replace(self.loop, steps=steps)
        with contextlib.redirect_stderr(io.StringIO()):  # no progress bars among the figures
            return fit_gan(
                self.generator,
                self.discriminator,
                *self.optimizers,
                batches,
                draw=draw,
                discriminator_step=partial(discriminator_step, loss=self.settings.loss),
                generator_step=partial(generator_step, loss=self.settings.loss),
                settings=loop,
                runtime=Runtime(loop),
            )


def layers(network: nn.Module) -> list[Any]:
    """The layers that have weights, from input to output."""
    return [module for module in network.modules() if isinstance(getattr(module, "weight", None), nn.Parameter)]


def copy_weights(peer: Peer, ours: Ours) -> None:
    """Give ours the peer's weights; the biases that ours alone has stay 0 in the next round."""
    for theirs, network in ((peer.generator, ours.generator), (peer.discriminator, ours.discriminator)):
        for given, layer in zip(layers(theirs), layers(network), strict=True):
            weight = given.weight.detach()
            if isinstance(layer, nn.Linear):  # z to 4 x 4 pixels, 4 x 4 pixels to a logit: the peer's are convolutions
                weight = weight.flatten(1) if layer.out_features == 1 else weight.flatten(1).T
            layer.weight.data.copy_(weight)
            if given.bias is not None:
                layer.bias.data.copy_(given.bias.detach())
            elif layer.bias is not None:
                layer.bias.data.zero_()
                layer.bias.requires_grad_(False)


def check(folder: Path, image_size: int, images: torch.Tensor) -> None:
    """One round each from equal weights, images and noise, in float32; exits where the results differ."""
    peer, ours = Peer(folder, image_size, BATCH_SIZE), Ours(image_size, "fp32")
    copy_weights(peer, ours)
    for optimizer in (*peer.optimizers, *ours.optimizers):
        optimizer.param_groups[0]["eps"] = EPSILON
    torch.manual_seed(1)
    z = torch.randn(BATCH_SIZE, LATENT_DIM)
    with torch.no_grad():
        before = ours.generator(z)
    torch.manual_seed(1)  # the peer draws the same noise
    theirs = [loss.item() for loss in peer.step([images])]
    row = ours.fit([{"images": images, "z": z}], 1).history.rows[-1]
    mine = [row["discriminator_loss"], row["generator_loss"]]
    with torch.no_grad():
        after = ours.generator(z)
        apart = (peer.generator(z[:, :, None, None]) - after).abs().mean() / (after - before).abs().mean()
    print(f"{image_size} x {image_size}: losses of D and G, peer {theirs}, ours {mine}")
    print(f"  images after the round: {apart:.2%} of what the round changed in them apart")
    if any(abs(x - y) > CLOSE for x, y in zip(mine, theirs, strict=True)) or apart > NEAR:
        sys.exit("the two ways differ")


def count(name: str, networks: tuple[nn.Module, nn.Module], inputs: tuple[torch.Tensor, torch.Tensor]) -> None:
    """Print parameters, and the multiply-adds of one image going forward."""
    for player, network, values in zip("GD", networks, inputs, strict=True):
        parameters = sum(weight.numel() for weight in network.parameters())
        print(f"  {name} {player}: {parameters:,} parameters, {multiply_adds(lambda: network(values)):.1f} M")  # noqa: B023


def multiply_adds(work: Callable[[], object]) -> float:
    """Millions of products in convolutions and matrix products, for one image of a batch."""
    counter = FlopCounterMode(display=False)
    with counter:
        work()
    return counter.get_total_flops() / 2 / BATCH_SIZE / 1e6


def ways_of(folder: Path, image_size: int) -> dict[str, Callable[[], int]]:
    """What is timed at this size; prints what there is to compare, after the check."""
    images = torch.randint(256, (IMAGES, 3, image_size, image_size), generator=torch.Generator().manual_seed(0))
    stream = ImageBatches(images.to(torch.uint8), None, BATCH_SIZE, seed=0)
    batches = NoiseBatches(stream, {"z": LATENT_DIM}, BATCH_SIZE, seed=0)
    real, z = batches[0]["images"], batches[0]["z"]
    check(folder, image_size, real)
    peer, ours, exact = Peer(folder, image_size, BATCH_SIZE), Ours(image_size, "auto"), Ours(image_size, "fp32")
    count("peer", (peer.generator, peer.discriminator), (z[:, :, None, None], real))
    count("ours", (ours.generator, ours.discriminator), (z, real))
    rounds_cost = [multiply_adds(work) for work in (lambda: peer.step([real]), lambda: exact.fit(batches, 1))]
    print("  a round of both, for an image: peer {:.0f} M, ours {:.0f} M".format(*rounds_cost))
    steps = STEPS[image_size]

    def theirs() -> int:
        for _ in range(steps):
            peer.step([real])
        return steps * BATCH_SIZE

    def course(players: Ours) -> Callable[[], int]:
        def run() -> int:
            players.fit(batches, steps)
            return steps * BATCH_SIZE

        return run

    side = f"{image_size} x {image_size}"
    return {f"peer, {side}": theirs, f"course, {side}": course(ours), f"course in float32, {side}": course(exact)}


def main() -> None:
    if len(sys.argv) < 2 or sys.argv[1].startswith("-"):
        raise SystemExit("give the folder dcgan of pytorch/examples: python benchmarks/dcgan_step.py PATH")
    folder = Path(sys.argv[1])
    ways = ways_of(folder, 32) | ways_of(folder, 64)
    timings = side_by_side(ways, rounds=rounds(5), unit="images")
    pairs = {
        f"{name} / peer": (timings[name], timings[f"peer, {side}"])
        for side in ("32 x 32", "64 x 64")
        for name in (f"course, {side}", f"course in float32, {side}")
    }
    title = f"a DCGAN round, batch {BATCH_SIZE}, {Runtime(Ours(32, 'auto').loop).precision}"
    report(title, timings, pairs, peer="pytorch/examples")


if __name__ == "__main__":
    main()
