"""The exercise on the interval of a share: of how many tries, how near 0 or 1."""

import math

from aigc_course.exercises.draws import near
from aigc_course.exercises.spec import Answer, Exercise, Misconception, Property, Rng

Ends = tuple[float, float]


def wilson_interval(successes: int, trials: int, z: float) -> Ends:
    """(low, high): the shares p with |share - p| = z sqrt(p (1 - p) / trials), where share = successes / trials."""
    share = successes / trials
    centre = share + z**2 / (2 * trials)
    half_width = z * math.sqrt(share * (1 - share) / trials + z**2 / (4 * trials**2))
    shrink = 1 + z**2 / trials
    return (centre - half_width) / shrink, (centre + half_width) / shrink


def _counts(rng: Rng) -> tuple[int, int, float]:
    trials = int(rng.integers(5, 60))
    return int(rng.integers(1, trials)), trials, float(rng.choice([1.0, 1.645, 1.96, 2.576]))


def _the_ends_are_z_errors_away(answer: Answer, rng: Rng) -> bool:
    successes, trials, z = _counts(rng)
    low, high = (float(end) for end in answer(successes, trials, z))
    errors = [z * math.sqrt(max(p * (1 - p), 0) / trials) for p in (low, high)]
    return near([successes / trials - low, high - successes / trials], errors)


def _failures_are_successes_of_the_other_side(answer: Answer, rng: Rng) -> bool:
    successes, trials, z = _counts(rng)
    low, high = answer(successes, trials, z)
    return near(answer(trials - successes, trials, z), (1 - float(high), 1 - float(low)))


def _nothing_seen_still_says_something(answer: Answer, rng: Rng) -> bool:
    _, trials, z = _counts(rng)
    return near(answer(0, trials, z), (0.0, z**2 / (trials + z**2)))


def _around_the_share(successes: int, trials: int, z: float) -> Ends:
    share = successes / trials
    half_width = z * math.sqrt(share * (1 - share) / trials)
    return share - half_width, share + half_width


def _without_shrinking(successes: int, trials: int, z: float) -> Ends:
    shrink = 1 + z**2 / trials
    low, high = wilson_interval(successes, trials, z)
    return low * shrink, high * shrink


def _share_as_centre(successes: int, trials: int, z: float) -> Ends:
    low, high = wilson_interval(successes, trials, z)
    return successes / trials - (high - low) / 2, successes / trials + (high - low) / 2


def _z_not_squared(successes: int, trials: int, z: float) -> Ends:
    share = successes / trials
    half_width = z * math.sqrt(share * (1 - share) / trials + z / (4 * trials**2))
    shrink = 1 + z / trials
    return (share + z / (2 * trials) - half_width) / shrink, (share + z / (2 * trials) + half_width) / shrink


def _half_as_half_width(successes: int, trials: int, z: float) -> Ends:
    """As if the root held the quarter once more: z^2 / (4 n) in place of z^2 / (4 n^2)."""
    share, shrink = successes / trials, 1 + z**2 / trials
    half_width = z * math.sqrt(share * (1 - share) / trials + z**2 / (4 * trials))
    centre = share + z**2 / (2 * trials)
    return (centre - half_width) / shrink, (centre + half_width) / shrink


def _one_standard_error(successes: int, trials: int, z: float) -> Ends:
    low, high = wilson_interval(successes, trials, z)
    middle, half_width = (low + high) / 2, (high - low) / 2
    return middle - half_width / z, middle + half_width / z


WILSON = Exercise(
    id="11.1",
    title="The interval of a share",
    stars=2,
    minutes=10,
    inputs=_counts,
    reference=wilson_interval,
    extremes=((0, 12, 1.96), (12, 12, 1.96), (0, 1, 1.96)),
    hints=(
        "With share = successes / trials the formula has three parts: a centre, a half width, and a number by which "
        "both are divided.",
        "The centre is share + z**2 / (2 * trials): drawn towards 1/2, because a share near 0 or 1 is seen too often "
        "by chance. What shrinks it is 1 + z**2 / trials.",
        "The half width is z * math.sqrt(share * (1 - share) / trials + z**2 / (4 * trials**2)).",
        "Return ((centre - half_width) / shrink, (centre + half_width) / shrink).",
    ),
    properties=(
        Property(
            statement="both ends are z of *their* standard errors sqrt(p (1 - p) / n) away from the share",
            holds=_the_ends_are_z_errors_away,
        ),
        Property(
            statement="the interval of the failures is that of the successes, mirrored",
            holds=_failures_are_successes_of_the_other_side,
        ),
        Property(
            statement="no success in n tries gives the interval from 0 to z^2 / (n + z^2), not from 0 to 0",
            holds=_nothing_seen_still_says_something,
        ),
    ),
    misconceptions=(
        Misconception(
            name="the estimate's own standard error",
            wrong=_around_the_share,
            message="That is share ± z sqrt(share (1 - share) / n), with the standard error of the share that you "
            "happened to see. After 12 of 12 it has no width at all. Wilson asks which true shares p make what you saw "
            "no surprise, with the standard error of p.",
        ),
        Misconception(
            name="nothing divided by 1 + z^2 / n",
            wrong=_without_shrinking,
            message="Centre and half width are right, but neither is divided by 1 + z^2 / n. So the interval can leave "
            "[0, 1].",
        ),
        Misconception(
            name="the share as the centre",
            wrong=_share_as_centre,
            message="Your width is right, but the interval stands around the share itself. Its centre lies nearer to "
            "1/2: there is more room on that side.",
        ),
        Misconception(
            name="z not squared",
            wrong=_z_not_squared,
            message="You wrote z where the formula has z^2, in the terms that come with 1 / n.",
        ),
        Misconception(
            name="n not squared",
            wrong=_half_as_half_width,
            message="In the root, z^2 is divided by 4 n^2. You divided by 4 n, which makes the interval of a few tries "
            "far too wide, and that of many tries too.",
        ),
        Misconception(
            name="one standard error",
            wrong=_one_standard_error,
            message="Your half width lacks the factor z before the root: that is about 68 % of the cases in place of "
            "95 %.",
        ),
    ),
)

EXERCISES: tuple[Exercise, ...] = (WILSON,)
