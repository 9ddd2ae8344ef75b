"""The exercise on the score that asks a classifier alone: sure of each image, and of all classes alike."""

import torch
from torch import Tensor

from aigc_course.exercises.draws import near, tensor
from aigc_course.exercises.spec import Answer, Exercise, Misconception, Property, Rng


def class_score(probabilities: Tensor) -> float:
    """exp of the mean over examples of KL(p(y|x) || p(y)), with p(y) the mean row; probabilities (N, K)."""
    marginal = probabilities.mean(dim=0)
    divergences = (torch.xlogy(probabilities, probabilities) - torch.xlogy(probabilities, marginal)).sum(dim=1)
    return divergences.mean().exp().item()


def _inputs(rng: Rng) -> tuple[Tensor]:
    """Rows of which some are sure; none holds a 0."""
    n, classes = int(rng.integers(4, 12)), int(rng.integers(3, 7))
    rows = torch.from_numpy(rng.dirichlet([0.4] * classes, size=n)).clamp(min=1e-4)
    return (rows / rows.sum(dim=1, keepdim=True),)


def _sure_and_even(answer: Answer, rng: Rng) -> bool:
    """Nearly sure: without a 0, so that 0 log 0 is a question of its own."""
    classes = int(rng.integers(3, 7))
    nearly = torch.eye(classes).double() * (1 - 1e-9 * classes) + 1e-9
    return near(answer(nearly.repeat(int(rng.integers(2, 5)), 1)), float(classes), 1e-3)


def _sure_and_uneven(answer: Answer, rng: Rng) -> bool:
    """One class once, another several times: exp of the entropy of their shares."""
    often = int(rng.integers(3, 9))
    nearly = torch.eye(2).double() * (1 - 2e-9) + 1e-9
    shares = torch.tensor([1.0, often]).double() / (1 + often)
    return near(answer(nearly[[0] + [1] * often]), (-(shares * shares.log()).sum()).exp(), 1e-3)


def _equal_rows(answer: Answer, rng: Rng) -> bool:
    (rows,) = _inputs(rng)
    return near(answer(rows[:1].repeat(7, 1)), 1.0)


def _copies_change_nothing(answer: Answer, rng: Rng) -> bool:
    (rows,) = _inputs(rng)
    return near(answer(rows.repeat(3, 1)), float(answer(rows)))


def _a_symmetric_channel(answer: Answer, rng: Rng) -> bool:
    """Two classes, right with probability q: exp(log 2 - H(q))."""
    q = torch.tensor(rng.uniform(0.6, 0.95), dtype=torch.float64)
    rows = torch.stack([torch.stack([q, 1 - q]), torch.stack([1 - q, q])]).repeat(4, 1)
    entropy = -(torch.xlogy(q, q) + torch.xlogy(1 - q, 1 - q))
    return near(tensor(answer(rows)), 2 * (-entropy).exp())


def _divergences(p: Tensor) -> Tensor:
    return (torch.xlogy(p, p) - torch.xlogy(p, p.mean(dim=0))).sum(dim=1)


def _without_exp(probabilities: Tensor) -> float:
    return _divergences(probabilities).mean().item()


def _exp_first(probabilities: Tensor) -> float:
    return _divergences(probabilities).exp().mean().item()


def _backwards(probabilities: Tensor) -> float:
    marginal = probabilities.mean(dim=0)
    return (marginal * (marginal / probabilities).log()).sum(dim=1).mean().exp().item()


def _over_the_classes(probabilities: Tensor) -> float:
    marginal = probabilities.mean(dim=1, keepdim=True)
    return (probabilities * (probabilities / marginal).log()).sum(dim=1).mean().exp().item()


def _variety_alone(probabilities: Tensor) -> float:
    marginal = probabilities.mean(dim=0)
    return (-(torch.xlogy(marginal, marginal)).sum()).exp().item()


def _sureness_alone(probabilities: Tensor) -> float:
    return torch.xlogy(probabilities, probabilities).sum(dim=1).mean().exp().item()


def _mean_of_all_terms(probabilities: Tensor) -> float:
    return (_divergences(probabilities).mean() / probabilities.shape[1]).exp().item()


CLASS_SCORE = Exercise(
    id="11.3",
    title="A score that never sees a real image",
    stars=1,
    minutes=8,
    inputs=_inputs,
    reference=class_score,
    extremes=((torch.eye(3).double().repeat(2, 1),), (torch.tensor([[1.0, 0.0], [0.5, 0.5]]).double(),)),
    hints=(
        "p(y) is the mean of all rows: probabilities.mean(dim=0), one number for each class.",
        "The KL of one row is the sum over the classes of p log(p / p(y)).",
        "Where a probability is 0, p log p counts as 0, but 0 * log(0) is NaN on a computer: torch.xlogy(p, q) is "
        "p log q with that rule.",
        "Sum over the classes, mean over the rows, then exp.",
    ),
    properties=(
        Property(statement="sure of each image and all K classes alike gives K", holds=_sure_and_even),
        Property(
            statement="sure of each image, of two classes that are not alike, gives exp of the entropy of their shares",
            holds=_sure_and_uneven,
        ),
        Property(statement="rows that are all equal give 1", holds=_equal_rows),
        Property(statement="each image three times changes nothing", holds=_copies_change_nothing),
        Property(
            statement="two classes, each named rightly with probability q, give 2 exp(-H(q))",
            holds=_a_symmetric_channel,
        ),
    ),
    misconceptions=(
        Misconception(
            name="no exp",
            wrong=_without_exp,
            message="That is the mean divergence in nats. The score is its exponential: from 1 to the number of "
            "classes.",
        ),
        Misconception(
            name="exp before the mean",
            wrong=_exp_first,
            message="You took the exponential of each image's divergence, then the mean. First the mean: exp is "
            "applied once, at the end.",
        ),
        Misconception(
            name="the divergence backwards",
            wrong=_backwards,
            message="You computed KL(p(y) || p(y|x)). The other way round: p(y|x) weighs the logarithms.",
        ),
        Misconception(
            name="the mean over the classes",
            wrong=_over_the_classes,
            message="Your p(y) is 1 / K, the mean over the classes of one image, as if all classes occurred alike. It "
            "is the mean over the *images*: what the generator really makes.",
        ),
        Misconception(
            name="variety alone",
            wrong=_variety_alone,
            message="That is exp of the entropy of p(y): how many classes occur. Images that could be anything would "
            "have full marks; how sure the classifier is of each must come in.",
        ),
        Misconception(
            name="sureness alone",
            wrong=_sureness_alone,
            message="That is exp of minus the mean entropy of the rows: how sure the classifier is. One image again "
            "and again would have full marks; p(y) is missing.",
        ),
        Misconception(
            name="the mean over classes too",
            wrong=_mean_of_all_terms,
            message="You averaged over images and classes. A divergence is a *sum* over the classes; only the images "
            "are averaged over.",
        ),
    ),
)

EXERCISES: tuple[Exercise, ...] = (CLASS_SCORE,)
