"""The exercise on the area under the ROC curve, with ties."""

import torch
from torch import Tensor

from aigc_course.exercises.draws import near, normal
from aigc_course.exercises.spec import Answer, Exercise, Misconception, Property, Rng


def area(members: Tensor, others: Tensor) -> float:
    """The share of all pairs in which the member (P,) scores above the other (N,); an equal pair counts half."""
    above, equal = _pairs(members, others)
    return ((above.sum() + 0.5 * equal.sum()) / above.numel()).item()


def _pairs(members: Tensor, others: Tensor) -> tuple[Tensor, Tensor]:
    """(P, N) bool, twice: the member is above, both are equal."""
    return members[:, None] > others, members[:, None] == others


def _scores(rng: Rng) -> tuple[Tensor, Tensor]:
    """Few different values, so that many pairs are equal; members higher by a little."""
    n_members, n_others = (int(n) for n in rng.permutation(range(5, 14))[:2])
    return (normal(rng, n_members, scale=1.5) + 0.7).round(), normal(rng, n_others, scale=1.5).round()


def _apart(answer: Answer, rng: Rng) -> bool:
    others = normal(rng, int(rng.integers(3, 9)))
    members = others.max() + 0.1 + normal(rng, int(rng.integers(3, 9))).abs()
    return near([answer(members, others), answer(others, members)], [1.0, 0.0])


def _all_equal(answer: Answer, rng: Rng) -> bool:
    ones = torch.ones(int(rng.integers(3, 9)), dtype=torch.float64)
    return near(answer(ones, ones[:2]), 0.5)


def _both_sides_sum_to_one(answer: Answer, rng: Rng) -> bool:
    members, others = _scores(rng)
    return near(answer(members, others) + answer(others, members), 1.0)


def _the_order_alone_counts(answer: Answer, rng: Rng) -> bool:
    members, others = _scores(rng)
    return near(answer(members.exp(), others.exp()), answer(members, others))


def _one_of_three_equal(answer: Answer, rng: Rng) -> bool:
    """Against three others: above one, equal to one, below one."""
    score = normal(rng, 1)
    return near(answer(score.repeat(2), score + torch.tensor([-1.0, 0.0, 1.0]).double()), 0.5)


AREA = Exercise(
    id="14.2",
    title="How well a score tells members from others",
    stars=2,
    minutes=8,
    inputs=_scores,
    reference=area,
    hints=(
        "Draw one member and one other at random. How probable is it that the member scores higher?",
        "All pairs at once: members[:, None] > others is a (P, N) table of True and False.",
        "Where both score the same, a coin decides: such a pair counts one half. Divide by the number of all pairs.",
        "((members[:, None] > others).double() + 0.5 * (members[:, None] == others)).mean()",
    ),
    properties=(
        Property(statement="scores that lie apart give 1, and with the groups exchanged 0", holds=_apart),
        Property(statement="equal scores give 0.5", holds=_all_equal),
        Property(statement="both groups exchanged, the areas sum to 1", holds=_both_sides_sum_to_one),
        Property(statement="only the order of the scores counts, not their size", holds=_the_order_alone_counts),
        Property(statement="above one, equal to one and below one of three is 0.5", holds=_one_of_three_equal),
    ),
    misconceptions=(
        Misconception(
            name="ties lost",
            wrong=lambda members, others: _pairs(members, others)[0].double().mean().item(),
            message="You gave equal pairs nothing. A score that tells nothing, the same number for everyone, would "
            "then have the area 0 in place of 0.5.",
        ),
        Misconception(
            name="ties won",
            wrong=lambda members, others: (members[:, None] >= others).double().mean().item(),
            message="You counted equal pairs as won. A score that tells nothing, the same number for everyone, would "
            "then be perfect.",
        ),
        Misconception(
            name="ties left out",
            wrong=lambda members, others: (
                _pairs(members, others)[0].sum() / (~_pairs(members, others)[1]).sum()
            ).item(),
            message="You divided by the pairs that are not equal. An equal pair is one of the pairs too, and the score "
            "cannot decide it: it counts half.",
        ),
        Misconception(
            name="groups exchanged",
            wrong=lambda members, others: area(others, members),
            message="You counted the pairs in which the other scores higher. The first group is the one that should "
            "have the higher scores.",
        ),
        Misconception(
            name="from -1 to 1",
            wrong=lambda members, others: 2 * area(members, others) - 1,
            message="You subtracted the pairs that are lost. That is 2 A - 1 (Somers' D, the Gini coefficient); the "
            "area A is 0.5 where the score tells nothing.",
        ),
        Misconception(
            name="above the mean",
            wrong=lambda members, others: (members > others.mean()).double().mean().item(),
            message="You compared the members with the others' mean. Each member meets each of the others; a mean "
            "hides how they are spread.",
        ),
    ),
)

EXERCISES: tuple[Exercise, ...] = (AREA,)
