"""The exercise on the unit of papers: bits per dimension, of masses and of densities."""

import math

from aigc_course.exercises.draws import near
from aigc_course.exercises.spec import Answer, Exercise, Misconception, Property, Rng


def bits_per_dimension(elbo: float, n_dims: int, is_density: bool) -> float:
    """Bits per dimension of 8-bit images from the mean ELBO in nats per image.

    Args: is_density: the likelihood is a density of pixels in [0, 1), where a level is an interval of width 1/256.
    """
    bits = -elbo / (n_dims * math.log(2))
    return bits + 8 if is_density else bits  # log2(256): the mass of a level is the density times its width


def _elbo(rng: Rng) -> tuple[float, int, bool]:
    """Of densities it may be positive."""
    n_dims, is_density = int(rng.integers(50, 4000)), bool(rng.integers(2))
    bits = rng.uniform(-3, 5) if is_density else rng.uniform(0.1, 7)
    return float(-bits * n_dims * math.log(2)), n_dims, is_density


def _all_levels_alike_take_eight(answer: Answer, rng: Rng) -> bool:
    n_dims = int(rng.integers(1, 4000))
    return near(answer(-n_dims * math.log(256), n_dims, False), 8.0)


def _a_flat_density_takes_eight(answer: Answer, rng: Rng) -> bool:
    return near(answer(0.0, int(rng.integers(1, 4000)), True), 8.0)


def _mass_and_density_say_the_same(answer: Answer, rng: Rng) -> bool:
    elbo, n_dims, _ = _elbo(rng)
    return near(answer(elbo, n_dims, True), answer(elbo - n_dims * math.log(256), n_dims, False), 1e-3)


def _half_the_probability_is_a_bit(answer: Answer, rng: Rng) -> bool:
    elbo, n_dims, is_density = _elbo(rng)
    return near(answer(elbo - n_dims * math.log(2), n_dims, is_density) - answer(elbo, n_dims, is_density), 1.0)


BITS_PER_DIMENSION = Exercise(
    id="09.2",
    title="From nats per image to bits per dimension",
    stars=2,
    minutes=8,
    inputs=_elbo,
    reference=bits_per_dimension,
    absolute_tolerance=1e-4,  # the 8 and the rest may cancel
    hints=(
        "A bit is log 2 = 0.69 nats. So does a number of nats become larger or smaller when it is counted in bits?",
        "Bits per dimension is a cost, so its sign is not that of the ELBO: what a compressed image would need, for "
        "each of its numbers. That is all where the likelihood is a mass.",
        "The mass of a level is about density × 1/256. Take minus log2 of this product, for one dimension: what does "
        "the factor 1/256 add?",
    ),
    properties=(
        Property(
            statement="a model that gives all 256 levels the same mass takes 8 bits",
            holds=_all_levels_alike_take_eight,
        ),
        Property(
            statement="the uniform density on [0, 1), whose logarithm is 0, takes 8 bits too",
            holds=_a_flat_density_takes_eight,
        ),
        Property(
            statement="a density, and the masses that it gives the levels, take the same",
            holds=_mass_and_density_say_the_same,
        ),
        Property(
            statement="half the probability in each dimension takes one bit per dimension more",
            holds=_half_the_probability_is_a_bit,
        ),
    ),
    misconceptions=(
        Misconception(
            name="nats per dimension",
            wrong=lambda *given: bits_per_dimension(*given) * math.log(2),
            message="Your number is in nats per dimension: right, but for the unit. How many bits is a nat?",
        ),
        Misconception(
            name="bits added to nats",
            wrong=lambda elbo, n_dims, is_density: -elbo / n_dims + 8 * is_density,
            message="Your first part is in nats, and for a density you add 8 bits to it. Bring both into bits.",
        ),
        Misconception(
            name="nats added to bits",
            wrong=lambda elbo, n_dims, is_density: -elbo / (n_dims * math.log(2)) + math.log(256) * is_density,
            message="Your first part is in bits, but for a density you add the natural logarithm of 256, in nats.",
        ),
        Misconception(
            name="times log 2",
            wrong=lambda elbo, n_dims, is_density: -elbo * math.log(2) / n_dims + 8 * is_density,
            message="You multiplied by log 2. A nat is more than a bit (1.44 of them), so counted in bits the number "
            "must become larger.",
        ),
        Misconception(
            name="bits of the whole image",
            wrong=lambda *given: given[1] * bits_per_dimension(*given),
            message="These are the bits of the whole image. Per dimension, models of small and of large images can be "
            "compared.",
        ),
        Misconception(
            name="not divided by the dimensions",
            wrong=lambda elbo, _, is_density: -elbo / math.log(2) + 8 * is_density,
            message="You did not divide by the number of dimensions. The 8 bits of a density belong to each "
            "dimension, the ELBO to the whole image.",
        ),
        Misconception(
            name="the sign",
            wrong=lambda elbo, n_dims, is_density: elbo / (n_dims * math.log(2)) + 8 * is_density,
            message="You took the ELBO with its own sign. It is to be large, a number of bits to be small: more "
            "probable images take fewer bits.",
        ),
        Misconception(
            name="a density taken for a mass",
            wrong=lambda elbo, n_dims, _: -elbo / (n_dims * math.log(2)),
            message="You treat a density like a mass. A density can exceed 1, and your images would take a negative "
            "number of bits. What is the probability of one of 256 levels, an interval of [0, 1)?",
        ),
        Misconception(
            name="the width with the wrong sign",
            wrong=lambda elbo, n_dims, is_density: -elbo / (n_dims * math.log(2)) - 8 * is_density,
            message="You subtract the 8. A level is only 1/256 wide: its mass is smaller than the density, so it "
            "takes more bits.",
        ),
        Misconception(
            name="a mass taken for a density",
            wrong=lambda elbo, n_dims, _: bits_per_dimension(elbo, n_dims, True),
            message="You add 8 bits to masses too. A mass is the probability of a level already.",
        ),
    ),
)

EXERCISES: tuple[Exercise, ...] = (BITS_PER_DIMENSION,)
