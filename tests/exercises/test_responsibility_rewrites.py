"""Right answers of notebook 14 in other words, and the package's own versions of what they compute."""

import math

import numpy as np
import pytest
import torch
from scipy.stats import mannwhitneyu
from sklearn.metrics import roc_auc_score
from torch.nn.utils import clip_grad_norm_

from aigc_course.exercises.checking import judge
from aigc_course.exercises.registry import exercise
from aigc_course.metrics import exposures, roc_area
from aigc_course.models.watermark import Watermark


def exposure_by_sorting(nats, place):
    ordered = sorted(nats.tolist(), reverse=True)
    return math.log2(len(ordered) / (len(ordered) - ordered.index(nats[place].item())))


def exposure_by_a_share(nats, place):
    return -(nats <= nats[place]).double().mean().log2()


def area_by_scikit_learn(members, others):
    return roc_auc_score([1] * len(members) + [0] * len(others), np.concatenate([members, others]))


def area_by_ranks(members, others):
    return mannwhitneyu(members, others).statistic / (len(members) * len(others))


def area_by_signs(members, others):
    return 0.5 + 0.5 * torch.sign(members.unsqueeze(1) - others.unsqueeze(0)).mean()


def area_by_loops(members, others):
    total = 0.0
    for member in members.tolist():
        for other in others.tolist():
            total += 1.0 if member > other else 0.5 if member == other else 0.0
    return total / len(members) / len(others)


def z_by_a_set(tokens, green, share):
    seen = set()
    for before, token in zip(tokens[:-1].tolist(), tokens[1:].tolist(), strict=True):
        seen.add((before, token))
    count = sum(bool(green[before, token]) for before, token in seen)
    return (count - share * len(seen)) / (len(seen) * share * (1 - share)) ** 0.5


def z_by_a_table(tokens, green, share):
    said = torch.zeros_like(green)
    said[tokens[:-1], tokens[1:]] = True
    mean = green[said].double().mean()
    return (mean - share) / (share * (1 - share) / said.sum()).sqrt()


def gradient_by_the_loop(gradients, clip, noise_multiplier, noise, expected_size):
    total = noise_multiplier * clip * noise
    for row in gradients:
        total = total + row / max(1.0, row.norm().item() / clip)
    return total / expected_size


def gradient_by_torchs_own_clipping(gradients, clip, noise_multiplier, noise, expected_size):
    rows = []
    for row in gradients:
        parameter = torch.nn.Parameter(torch.zeros_like(row))
        parameter.grad = row.clone()
        clip_grad_norm_([parameter], clip)
        rows.append(parameter.grad)
    return sum(rows) / expected_size + noise * clip * noise_multiplier / expected_size


REWRITES = [
    ("14.1", exposure_by_sorting),
    ("14.1", exposure_by_a_share),
    ("14.2", area_by_scikit_learn),
    ("14.2", area_by_ranks),
    ("14.2", area_by_signs),
    ("14.2", area_by_loops),
    ("14.4", z_by_a_set),
    ("14.4", z_by_a_table),
    ("14.3", gradient_by_the_loop),
    ("14.3", gradient_by_torchs_own_clipping),
]


@pytest.mark.parametrize(("exercise_id", "answer"), REWRITES)
def test_a_valid_rewrite_passes(exercise_id, answer):
    for seed in range(3):
        result = judge(exercise(exercise_id), answer, seed)
        assert result.status == "passed", result


def test_the_exposure_and_the_area_are_those_of_the_package():
    for seed in range(5):
        nats, place = exercise("14.1").inputs(np.random.default_rng(seed))
        assert exposures(nats, torch.tensor([place])).item() == pytest.approx(exercise("14.1").reference(nats, place))
        members, others = exercise("14.2").inputs(np.random.default_rng(seed))
        assert roc_area(members, others).value == pytest.approx(exercise("14.2").reference(members, others))


def test_the_z_score_is_that_of_the_package():
    mark, tokens = Watermark(key=4, share=0.3), torch.arange(7)
    green = mark.is_green(tokens[:, None], tokens)
    for seed in range(5):
        text = torch.from_numpy(np.random.default_rng(seed).integers(0, 7, size=30))
        assert mark.score(text.tolist()).z == pytest.approx(exercise("14.4").reference(text, green, 0.3))


def exposure_from_zero(nats, place):
    return math.log2(len(nats)) - math.log2((nats <= nats[place]).sum().item() - 1)


def gradient_with_a_division_by_zero(gradients, clip, noise_multiplier, noise, expected_size):
    rows = gradients / gradients.norm(dim=1, keepdim=True) * gradients.norm(dim=1, keepdim=True).clamp(max=clip)
    return (rows.sum(dim=0) + noise_multiplier * clip * noise) / expected_size


NOT_LISTED = [
    ("14.1", exposure_from_zero, "wrong value"),
    ("14.3", gradient_with_a_division_by_zero, "not finite"),
]


@pytest.mark.parametrize(("exercise_id", "answer", "kind"), NOT_LISTED)
def test_a_mistake_that_is_not_listed_is_found(exercise_id, answer, kind):
    result = judge(exercise(exercise_id), answer, seed=0)
    assert (result.status, result.kind, result.misconception) == ("failed", kind, None), result
