"""The distribution of lengths: it sums to one, its draws follow it, its ends are open."""

import math

import pytest
import torch

from aigc_course.errors import UsageError
from aigc_course.models.lengths import draw_lengths, length_nll, own_frames


def probabilities(parameters: torch.Tensor, max_frames: int) -> torch.Tensor:
    """Of each length 1 to max_frames, for one row of parameters (2,)."""
    every = torch.arange(1, max_frames + 1)
    return (-length_nll(parameters.double().expand(max_frames, 2), every, max_frames)).exp()


@pytest.mark.parametrize("parameters", [(3.0, -2.0), (4.8, -4.0), (-9.0, 1.5), (2.0, -7.0), (0.3, -30.0)])
@pytest.mark.parametrize("max_frames", [2, 51, 126])
def test_the_probabilities_of_all_lengths_sum_to_one(parameters: tuple[float, float], max_frames: int) -> None:
    shares = probabilities(torch.tensor(parameters), max_frames)
    assert shares.min() >= 0
    assert shares.sum().item() == pytest.approx(1, abs=1e-9)


def test_closed_form_of_a_log_logistic_variable() -> None:
    """Of less than n, at a median of 6 and a scale of 1/2: sigmoid(2 log(n / 6)) = n^2 / (n^2 + 36)."""
    below = {n: n**2 / (n**2 + 36) for n in (1.5, 5.5, 6.5, 10.5)}
    parameters = torch.tensor([[math.log(6), math.log(0.5)]]).expand(3, 2)
    nats = length_nll(parameters, torch.tensor([1, 6, 11]), max_frames=11)
    expected = torch.tensor([below[1.5], below[6.5] - below[5.5], 1 - below[10.5]]).log().neg()
    torch.testing.assert_close(nats, expected, rtol=1e-5, atol=1e-6)


def test_draws_follow_the_probabilities() -> None:
    parameters, count = torch.tensor([2.0, -1.0]), 200_000
    uniform = torch.rand(count, generator=torch.Generator().manual_seed(0))
    drawn = draw_lengths(parameters.expand(count, 2), uniform, 20)
    shares = torch.bincount(drawn - 1, minlength=20) / count
    assert (shares - probabilities(parameters, 20)).abs().max() < 0.004


def test_temperature_gathers_the_draws_at_the_median() -> None:
    parameters = torch.tensor([math.log(51), -0.5]).expand(1000, 2)
    uniform = torch.rand(1000, generator=torch.Generator().manual_seed(0))
    assert draw_lengths(parameters, uniform, 101, temperature=0.0).unique().tolist() == [51]
    cool, warm = (draw_lengths(parameters, uniform, 101, temperature=t).double().std() for t in (0.1, 0.4))
    assert 0 < 3 * cool < warm
    extremes = draw_lengths(parameters[:2], torch.tensor([0.0, 1 - 2**-24]), 101)
    assert extremes.tolist() == [1, 101]


def test_one_length_may_have_all_probability() -> None:
    """As where all training sounds are equally long."""
    nats = length_nll(torch.tensor([[4.0, -20.0]], requires_grad=True), torch.tensor([51]), max_frames=51)
    assert 0 <= nats.item() < 1e-6
    nats.sum().backward()


def test_a_length_out_of_place_is_refused() -> None:
    for wrong in (0, 12):
        with pytest.raises(UsageError):
            length_nll(torch.zeros(1, 2), torch.tensor([wrong]), max_frames=11)


def test_own_frames_are_the_first() -> None:
    assert own_frames(torch.tensor([1, 3]), 3).tolist() == [[True, False, False], [True, True, True]]
