"""Exercises on gradient descent: the path, how fast it converges, and the scale of the features."""

from collections.abc import Callable

import torch
from torch import Tensor

from aigc_course.exercises.draws import near, normal, tensor
from aigc_course.exercises.spec import Answer, Exercise, Misconception, Property, Rng
from aigc_course.training.descent import HeavyBall, Quadratic, contraction

Gradient = Callable[[Tensor], Tensor]


def gradient_descent(gradient: Gradient, start: Tensor, learning_rate: float, steps: int) -> Tensor:
    """theta <- theta - learning_rate gradient(theta), `steps` times. Returns the path, start first: (steps + 1, D)."""
    path = [start]
    for _ in range(steps):
        path.append(path[-1] - learning_rate * gradient(path[-1]))
    return torch.stack(path)


def _bowl(rng: Rng, size: int) -> Quadratic:
    """A quadratic with curvatures from 0.5 to 4 in turned axes, and its minimum off the origin."""
    axes, _ = torch.linalg.qr(normal(rng, size, size))
    curvatures = torch.from_numpy(rng.uniform(0.5, 4.0, size=size))
    return Quadratic(hessian=axes @ torch.diag(curvatures) @ axes.T, minimum=normal(rng, size))


def _descent_inputs(rng: Rng) -> tuple[Gradient, Tensor, float, int]:
    size = int(rng.integers(2, 5))
    return _bowl(rng, size).gradient, 3 * normal(rng, size), float(rng.uniform(0.05, 0.2)), int(rng.integers(3, 7))


def _each_point_follows_from_the_last(answer: Answer, rng: Rng) -> bool:
    gradient, start, learning_rate, steps = _descent_inputs(rng)
    path = tensor(answer(gradient, start.clone(), learning_rate, steps))
    moves = torch.stack([-learning_rate * gradient(theta) for theta in path[:-1]])
    return near(path[0], start) and near(path[1:] - path[:-1], moves, 1e-3)


def _no_steps_is_the_start_alone(answer: Answer, rng: Rng) -> bool:
    gradient, start, learning_rate, _ = _descent_inputs(rng)
    return near(answer(gradient, start.clone(), learning_rate, 0), start[None])


def _coordinate_by_coordinate(gradient: Gradient, start: Tensor, learning_rate: float, steps: int) -> Tensor:
    path = [start]
    for _ in range(steps):
        theta = path[-1].clone()
        for i in range(len(theta)):
            theta[i] -= learning_rate * gradient(theta)[i]
        path.append(theta)
    return torch.stack(path)


def _unit_steps(gradient: Gradient, start: Tensor, learning_rate: float, steps: int) -> Tensor:
    return gradient_descent(lambda theta: gradient(theta) / gradient(theta).norm(), start, learning_rate, steps)


GRADIENT_DESCENT = Exercise(
    id="02.5",
    title="Gradient descent by hand",
    stars=2,
    minutes=8,
    inputs=_descent_inputs,
    reference=gradient_descent,
    hints=(
        "Keep a list that begins with the start. Each new point is made from the last one in the list.",
        "Call gradient with the point where you are now, not with the start.",
        "Make a new tensor in each step (theta = theta - ...): theta -= ... changes the points stored before. "
        "torch.stack turns the list into the path.",
    ),
    properties=(
        Property(
            statement="the path begins at the start, and every move is -alpha times the gradient where it began",
            holds=_each_point_follows_from_the_last,
        ),
        Property(statement="with 0 steps the path is the start alone", holds=_no_steps_is_the_start_alone),
    ),
    misconceptions=(
        Misconception(
            name="uphill",
            wrong=lambda gradient, start, learning_rate, steps: gradient_descent(
                gradient, start, -learning_rate, steps
            ),
            message="You added the gradient. It points to where the loss grows fastest: that is gradient ascent.",
        ),
        Misconception(
            name="the gradient of the start",
            wrong=lambda gradient, start, learning_rate, steps: gradient_descent(
                lambda _: gradient(start), start, learning_rate, steps
            ),
            message="You computed the gradient once, at the start, and went on in that direction. The slope changes as "
            "you move: it must be asked for again at each point.",
        ),
        Misconception(
            name="one coordinate after another",
            wrong=_coordinate_by_coordinate,
            message="You moved one coordinate and computed the gradient for the next from the half-moved point. "
            "One step takes one gradient, and moves all coordinates at once.",
        ),
        Misconception(
            name="steps of unit length",
            wrong=_unit_steps,
            message="You divided the gradient by its length, so that all steps are equally long. Then it can't settle: "
            "it is the shrinking gradient that makes the steps shrink near the minimum.",
        ),
        Misconception(
            name="one tensor stored many times",
            wrong=lambda *given: gradient_descent(*given)[-1:].repeat(given[3] + 1, 1),
            message="All points of your path are the last one: theta -= ... changes the tensor in place, and the list "
            "holds that same tensor many times. Make a new tensor in each step.",
        ),
        Misconception(
            name="the start is missing",
            wrong=lambda *given: gradient_descent(*given)[1:],
            message="Your path holds the points after the steps only; it should begin with the start.",
        ),
        Misconception(
            name="only the last point",
            wrong=lambda *given: gradient_descent(*given)[-1],
            message="You gave the last point alone. The whole path is asked for, one row for each point.",
        ),
    ),
)


def slowest_factor(learning_rate: float, curvatures: Tensor) -> float:
    """max_i |1 - learning_rate lambda_i|: what a step leaves of the distance to the minimum, at worst."""
    return (1 - learning_rate * curvatures).abs().max().item()


def _factor_inputs(rng: Rng) -> tuple[float, Tensor]:
    """Rates on both sides of the best one, some of them beyond the limit."""
    curvatures = torch.from_numpy(rng.permutation(rng.uniform(0.2, 8.0, size=int(rng.integers(3, 6)))))
    return float(rng.uniform(0.05, 2.4) / curvatures.max()), curvatures


def _no_rate_no_progress(answer: Answer, rng: Rng) -> bool:
    return near(float(answer(0.0, _factor_inputs(rng)[1])), 1.0)


def _at_the_limit_it_stays(answer: Answer, rng: Rng) -> bool:
    curvatures = _factor_inputs(rng)[1]
    return near(float(answer(2 / curvatures.max().item(), curvatures)), 1.0)


def _best_rate_gives_kappa(answer: Answer, rng: Rng) -> bool:
    curvatures = _factor_inputs(rng)[1]
    low, high = curvatures.min().item(), curvatures.max().item()
    return near(float(answer(2 / (low + high), curvatures)), (high - low) / (high + low))


def _is_the_spectral_radius(answer: Answer, rng: Rng) -> bool:
    learning_rate, curvatures = _factor_inputs(rng)
    return near(
        float(answer(learning_rate, curvatures)), contraction(HeavyBall(learning_rate=learning_rate), curvatures)
    )


SLOWEST_FACTOR = Exercise(
    id="02.6",
    title="What a step leaves of the distance",
    stars=2,
    minutes=8,
    inputs=_factor_inputs,
    reference=slowest_factor,
    hints=(
        "In the direction with curvature lambda, a step multiplies the distance by 1 - alpha lambda.",
        "A factor of -0.9 is as slow as one of 0.9: the point jumps across the minimum. Only its size counts.",
        "Which direction decides how fast the whole distance shrinks? The one with the largest factor.",
    ),
    properties=(
        Property(statement="with a rate of 0 all of the distance is left, a factor of 1", holds=_no_rate_no_progress),
        Property(statement="at the limit 2 / lambda_max the factor is 1", holds=_at_the_limit_it_stays),
        Property(
            statement="at 2 / (lambda_min + lambda_max) it is (kappa - 1) / (kappa + 1)", holds=_best_rate_gives_kappa
        ),
        Property(statement="the slowest of all directions decides", holds=_is_the_spectral_radius),
    ),
    misconceptions=(
        Misconception(
            name="no absolute value",
            wrong=lambda learning_rate, curvatures: (1 - learning_rate * curvatures).max().item(),
            message="You compared the factors with their signs. A direction that jumps from side to side has a "
            "negative factor, and it may be the slow one, or the one that diverges.",
        ),
        Misconception(
            name="only the steepest direction",
            wrong=lambda learning_rate, curvatures: abs(1 - learning_rate * curvatures.max().item()),
            message="You looked at the largest curvature alone. It decides when the descent diverges; with a small "
            "rate the flattest direction is the slow one.",
        ),
        Misconception(
            name="the fastest direction",
            wrong=lambda learning_rate, curvatures: (1 - learning_rate * curvatures).abs().min().item(),
            message="You took the smallest factor: the direction that converges first. The distance is as slow as the "
            "one that converges last.",
        ),
        Misconception(
            name="all directions multiplied",
            wrong=lambda learning_rate, curvatures: (1 - learning_rate * curvatures).abs().prod().item(),
            message="You multiplied the factors. Each direction shrinks by its own factor, independently of the "
            "others; their product is what happens to a volume.",
        ),
        Misconception(
            name="the loss, not the distance",
            wrong=lambda learning_rate, curvatures: slowest_factor(learning_rate, curvatures) ** 2,
            message="Your factor is squared: that is what a step leaves of the loss, which goes with the square of the "
            "distance.",
        ),
        Misconception(
            name="the move, not what is left",
            wrong=lambda learning_rate, curvatures: (learning_rate * curvatures).max().item(),
            message="alpha times lambda is the part of the distance that a step takes away. What is left of it?",
        ),
    ),
)


def standardise(train: Tensor, test: Tensor) -> tuple[Tensor, Tensor]:
    """Both splits with the training split's mean and deviation of each feature. (N, D), (M, D) -> the same shapes."""
    mean, deviation = train.mean(dim=0), train.std(dim=0, correction=0)
    return (train - mean) / deviation, (test - mean) / deviation


def _split_inputs(rng: Rng) -> tuple[Tensor, Tensor]:
    """400 rows, so that dividing by N or N - 1 agree within the tolerance; features of very different scales."""
    scale = torch.from_numpy(10.0 ** rng.uniform(-1.0, 1.0, size=3))
    middle = 5 * normal(rng, 3)
    return normal(rng, 400, 3) * scale + middle, (normal(rng, 6, 3) + 1.0) * 1.5 * scale + middle


def _training_features_are_standard(answer: Answer, rng: Rng) -> bool:
    scaled = tensor(answer(*_split_inputs(rng))[0])
    return near(scaled.mean(dim=0), torch.zeros(3), 2e-2) and near(scaled.std(dim=0), torch.ones(3), 1e-2)


def _test_rows_do_not_know_each_other(answer: Answer, rng: Rng) -> bool:
    train, test = _split_inputs(rng)
    alone = torch.cat([tensor(answer(train, test[i : i + 1])[1]) for i in range(len(test))])
    return near(answer(train, test)[1], alone, 1e-2)


def _same_row_same_result(answer: Answer, rng: Rng) -> bool:
    train, test = _split_inputs(rng)
    scaled_train, scaled_test = answer(train, torch.cat([train[:4], test]))
    return near(tensor(scaled_test)[:4], tensor(scaled_train)[:4], 1e-2)


def _with(statistics: Tensor, train: Tensor, test: Tensor) -> tuple[Tensor, Tensor]:
    mean, deviation = statistics.mean(dim=0), statistics.std(dim=0, correction=0)
    return (train - mean) / deviation, (test - mean) / deviation


STANDARDISE = Exercise(
    id="02.7",
    title="Standardise without looking at the test",
    stars=2,
    minutes=8,
    inputs=_split_inputs,
    reference=standardise,
    hints=(
        "One mean and one standard deviation for each feature: which axis runs over the samples?",
        "Where may these numbers come from, if the test rows are to stay unseen?",
        "Subtract the training mean and divide by the training deviation, in both splits alike.",
    ),
    properties=(
        Property(statement="each training feature has mean 0 and deviation 1", holds=_training_features_are_standard),
        Property(
            statement="a test row is scaled the same whichever test rows come with it",
            holds=_test_rows_do_not_know_each_other,
        ),
        Property(statement="the same row comes out the same in either split", holds=_same_row_same_result),
    ),
    misconceptions=(
        Misconception(
            name="the test split's own numbers",
            wrong=lambda train, test: (_with(train, train, test)[0], _with(test, train, test)[1]),
            message="You scaled the test rows by their own mean and deviation. Then the same row means something else "
            "in either split, and what a row becomes depends on which others happen to be tested with it.",
        ),
        Misconception(
            name="both splits together",
            wrong=lambda train, test: _with(torch.cat([train, test]), train, test),
            message="Mean and deviation come from both splits together. So the training has seen something of the test "
            "set: a leak, small here, but one that makes a result look better than it is.",
        ),
        Misconception(
            name="one scale for all features",
            wrong=lambda train, test: (
                (train - train.mean()) / train.std(correction=0),
                (test - train.mean()) / train.std(correction=0),
            ),
            message="You used one mean and one deviation for the whole table. The features keep their different "
            "scales, and with them the long narrow valley.",
        ),
        Misconception(
            name="divided by the variance",
            wrong=lambda train, test: tuple(
                (x - train.mean(dim=0)) / train.var(dim=0, correction=0) for x in (train, test)
            ),
            message="You divided by the variance. It carries the square of the feature's unit; to get rid of the unit, "
            "divide by its root, the standard deviation.",
        ),
        Misconception(
            name="not centred",
            wrong=lambda train, test: tuple(x / train.std(dim=0, correction=0) for x in (train, test)),
            message="The scale is right, but the mean is still in there: no feature is centred at 0.",
        ),
        Misconception(
            name="row by row",
            wrong=lambda train, test: tuple(
                (x - x.mean(dim=1, keepdim=True)) / x.std(dim=1, correction=0, keepdim=True) for x in (train, test)
            ),
            message="You standardised each row by itself: quantities of different units were averaged. The axis of "
            "the samples is the first.",
        ),
    ),
    relative_tolerance=5e-3,
    absolute_tolerance=5e-3,
)

EXERCISES = (GRADIENT_DESCENT, SLOWEST_FACTOR, STANDARDISE)
