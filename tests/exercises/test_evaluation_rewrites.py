"""Right answers of notebook 11 in other words, and the package's own versions of what they compute."""

import math

import numpy as np
import pytest
import torch
from scipy.stats import binomtest, bootstrap, entropy

from aigc_course.exercises.checking import judge
from aigc_course.exercises.registry import exercise
from aigc_course.metrics import binomial_interval, classifier_score, kernel_distance


def interval_by_the_quadratic(successes, trials, z):
    """The roots of (n + z²) p² - (2 n s + z²) p + n s² = 0, with s the share."""
    a, b, c = trials + z**2, -(2 * successes + z**2), successes**2 / trials
    root = math.sqrt(max(b**2 - 4 * a * c, 0))
    return [(-b - root) / (2 * a), (-b + root) / (2 * a)]


def interval_by_weights(successes, trials, z):
    """A mean of the share and 1/2, with weights n and z²."""
    p, weight = successes / trials, trials / (trials + z * z)
    middle = weight * p + (1 - weight) / 2
    half = z * np.sqrt(weight * p * (1 - p) + (1 - weight) / 4) / np.sqrt(trials + z * z)
    return np.array([middle - half, middle + half])


def distance_by_loops(real, fake):
    def kernel(x, y):
        return (float(x @ y) / len(x) + 1) ** 3

    def within(rows):
        pairs = [kernel(x, y) for i, x in enumerate(rows) for j, y in enumerate(rows) if i != j]
        return sum(pairs) / len(pairs)

    between = [kernel(x, y) for x in real for y in fake]
    return within(real) + within(fake) - 2 * sum(between) / len(between)


def distance_by_one_matrix(real, fake):
    """All kernels in one matrix without its diagonal, and a weight for each pair."""
    m, n = len(real), len(fake)
    both = torch.cat([real, fake])
    kernels = (both @ both.T / both.shape[1] + 1).pow(3).fill_diagonal_(0)
    weights = torch.full((m + n, m + n), -1 / (m * n)).double()
    weights[:m, :m], weights[m:, m:] = 1 / (m * (m - 1)), 1 / (n * (n - 1))
    return (weights * kernels).sum()


def error_by_numpy(examples, statistic, draws):
    return np.std([statistic(examples[row]) for row in draws], ddof=1)


def error_by_moments(examples, statistic, draws):
    """In one pass: the sum and the sum of squares."""
    values = [float(statistic(examples.index_select(0, row))) for row in draws.unbind()]
    count, total = len(values), math.fsum(values)
    return math.sqrt(math.fsum((value - total / count) ** 2 for value in values) / (count - 1))


def score_by_entropies(probabilities):
    """exp(H(y) - H(y | x)), the mutual information."""

    def h(p):
        return -(p.clamp(min=1e-300).log() * p).sum(dim=-1)

    return torch.exp(h(probabilities.mean(0)) - h(probabilities).mean())


def score_by_scipy(probabilities):
    return float(np.exp(np.mean(entropy(probabilities.numpy(), probabilities.mean(0).numpy(), axis=1))))


REWRITES = [
    ("11.1", interval_by_the_quadratic),
    ("11.1", interval_by_weights),
    ("11.4", distance_by_loops),
    ("11.4", distance_by_one_matrix),
    ("11.2", error_by_numpy),
    ("11.2", error_by_moments),
    ("11.3", score_by_entropies),
    ("11.3", score_by_scipy),
]


@pytest.mark.parametrize(("exercise_id", "answer"), REWRITES)
def test_a_valid_rewrite_passes(exercise_id, answer):
    for seed in range(3):
        result = judge(exercise(exercise_id), answer, seed)
        assert result.status == "passed", result


@pytest.mark.parametrize(("successes", "trials"), [(0, 9), (3, 9), (9, 9), (412, 1000)])
def test_the_interval_is_that_of_the_package_and_of_scipy(successes, trials):
    z = 1.959963984540054
    mine = exercise("11.1").reference(successes, trials, z)
    packaged = binomial_interval(successes, trials)
    theirs = binomtest(successes, trials).proportion_ci(0.95, "wilson")
    assert mine == pytest.approx((packaged.low, packaged.high), abs=1e-9)
    assert mine == pytest.approx((theirs.low, theirs.high), abs=1e-9)


def test_the_distance_is_that_of_the_package():
    real, fake = (torch.randn(n, 6, generator=torch.Generator().manual_seed(n)).double() for n in (40, 25))
    assert exercise("11.4").reference(real, fake + 0.5) == pytest.approx(kernel_distance(real, fake + 0.5), rel=1e-9)


def test_the_error_is_that_of_scipys_bootstrap():
    examples = torch.randn(60, generator=torch.Generator().manual_seed(0)).double()
    draws = torch.randint(0, 60, (4000, 60), generator=torch.Generator().manual_seed(1))
    mine = exercise("11.2").reference(examples, lambda rows: rows.median().item(), draws)
    theirs = bootstrap((examples.numpy(),), lambda x, axis: np.sort(x, axis=axis)[..., 29], n_resamples=4000, rng=2)
    assert mine == pytest.approx(theirs.standard_error, rel=0.06)


def test_the_score_is_that_of_the_package():
    probabilities = torch.randn(50, 7, generator=torch.Generator().manual_seed(0)).double().softmax(dim=1)
    assert exercise("11.3").reference(probabilities) == pytest.approx(classifier_score(probabilities), rel=1e-9)


def interval_by_clopper_and_pearson(successes, trials, z):
    level = 2 * 0.5 * (1 + math.erf(z / math.sqrt(2))) - 1
    interval = binomial_interval(successes, trials, level=level, method="clopper-pearson")
    return interval.low, interval.high


def distance_of_means(real, fake):
    return (real.mean(0) - fake.mean(0)).square().sum()


def error_by_its_own_draws(examples, statistic, draws):
    source = torch.Generator().manual_seed(0)
    own = torch.randint(0, len(examples), draws.shape, generator=source)
    return exercise("11.2").reference(examples, statistic, own)


def score_with_logarithms(probabilities):
    marginal = probabilities.mean(dim=0)
    return (probabilities * (probabilities / marginal).log()).sum(dim=1).mean().exp()


NOT_LISTED = [
    ("11.1", interval_by_clopper_and_pearson, "wrong value"),
    ("11.4", distance_of_means, "wrong value"),
    ("11.2", error_by_its_own_draws, "wrong value"),
    ("11.3", score_with_logarithms, "not finite"),
]


@pytest.mark.parametrize(("exercise_id", "answer", "kind"), NOT_LISTED)
def test_a_mistake_that_is_not_listed_is_found(exercise_id, answer, kind):
    result = judge(exercise(exercise_id), answer, seed=0)
    assert (result.status, result.kind, result.misconception) == ("failed", kind, None), result
