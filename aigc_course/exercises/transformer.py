"""Exercises on the transformer: rotary positions, and the size of a GPT."""

import math

import torch
from torch import Tensor

from aigc_course.exercises.compare import as_array
from aigc_course.exercises.draws import near, normal
from aigc_course.exercises.spec import Answer, Exercise, Misconception, Property, Rng


def rotate(x: Tensor, position: int) -> Tensor:
    """Turn each pair (x[i], x[i + D/2]) of x (D,) by position * 10000^(-2i/D) radians."""
    half = len(x) // 2
    angles = position * 10_000.0 ** (-2 * torch.arange(half, dtype=torch.float64) / len(x))
    first, second = x[:half], x[half:]
    return torch.cat([first * angles.cos() - second * angles.sin(), first * angles.sin() + second * angles.cos()])


def parameter_count(vocab_size: int, context_length: int, d_model: int, n_layers: int) -> int:
    """The numbers that a GPT with learned positions, biases and a tied head learns."""
    block = 12 * d_model**2 + 13 * d_model
    return (vocab_size + context_length) * d_model + n_layers * block + 2 * d_model


def _turned(x: Tensor, position: int, exponent: float, sign: float = 1.0) -> Tensor:
    """`rotate` with another exponent, or the other way round."""
    half = len(x) // 2
    angles = position * 10_000.0 ** (-exponent * torch.arange(half).double())
    first, second = x[:half], x[half:]
    cos, sin = angles.cos(), sign * angles.sin()
    return torch.cat([first * cos - second * sin, first * sin + second * cos])


def _neighbours_turned(x: Tensor, position: int) -> Tensor:
    halves = torch.cat([x[0::2], x[1::2]])
    return _turned(halves, position, 2 / len(x)).unflatten(0, (2, -1)).T.flatten()


def _reflected(x: Tensor, position: int) -> Tensor:
    half = len(x) // 2
    angles = position * 10_000.0 ** (-2 / len(x) * torch.arange(half).double())
    first, second = x[:half], x[half:]
    return torch.cat([first * angles.cos() + second * angles.sin(), first * angles.sin() + second * angles.cos()])


def _vector_and_position(rng: Rng) -> tuple[Tensor, int]:
    return normal(rng, int(rng.choice([4, 6, 8]))), int(rng.integers(1, 16))


def _length_is_kept(answer: Answer, rng: Rng) -> bool:
    x, position = _vector_and_position(rng)
    turned = as_array(answer(x, position))
    return turned is not None and near((turned**2).sum(), x.square().sum()) and near(answer(x, 0), x)


def _only_the_distance_counts(answer: Answer, rng: Rng) -> bool:
    q, position = _vector_and_position(rng)
    k, shift, other = normal(rng, len(q)), int(rng.integers(1, 8)), int(rng.integers(0, 8))

    def score(m: int, n: int) -> float:
        left, right = as_array(answer(q, m)), as_array(answer(k, n))
        assert left is not None
        assert right is not None
        return float(left @ right)

    return near(score(position + shift, other + shift), score(position, other), 1e-3)


def _pairs_turn_at_their_speeds(answer: Answer, rng: Rng) -> bool:
    position = int(rng.integers(1, 16))
    fast, slow = torch.tensor([1.0, 0, 0, 0]), torch.tensor([0, 1.0, 0, 0])
    a, b = float(position), position / 100
    return near(answer(fast, position), torch.tensor([math.cos(a), 0, math.sin(a), 0])) and near(
        answer(slow, position), torch.tensor([0, math.cos(b), 0, math.sin(b)])
    )


ROTARY = Exercise(
    id="06.3",
    title="Rotary positions",
    stars=3,
    minutes=15,
    inputs=_vector_and_position,
    reference=rotate,
    hints=(
        "Turning a point (a, b) by an angle φ gives (a cos φ - b sin φ, a sin φ + b cos φ).",
        "Cut x into two halves: a holds x[0] to x[D/2 - 1], b the rest. All pairs can be turned at once.",
        "The angles are a vector: position * 10000 ** (-2 * torch.arange(D // 2) / D).",
        "torch.cat puts the two turned halves together again.",
    ),
    properties=(
        Property(statement="the length stays the same, and position 0 changes nothing", holds=_length_is_kept),
        Property(
            statement="the product of a turned query and a turned key depends on their distance alone",
            holds=_only_the_distance_counts,
        ),
        Property(
            statement="with D = 4 the pair (x[0], x[2]) turns by `position` radians, (x[1], x[3]) by a hundredth of it",
            holds=_pairs_turn_at_their_speeds,
        ),
    ),
    misconceptions=(
        Misconception(
            name="neighbours as pairs",
            wrong=_neighbours_turned,
            message="You turned the pairs (x[0], x[1]), (x[2], x[3]), ... That is the layout of the paper and just as "
            "good, but weights trained with one layout do not work with the other. Here x[i] goes with x[i + D/2].",
        ),
        Misconception(
            name="turned backwards",
            wrong=lambda x, position: _turned(x, position, 2 / len(x), sign=-1.0),
            message="You turned the other way round. Scores would come out the same, but the pair (1, 0) should come "
            "to lie at (cos φ, sin φ).",
        ),
        Misconception(
            name="one speed for all",
            wrong=lambda x, position: _turned(x, position, 0.0),
            message="All your pairs turn at the same speed, so that positions 2π apart look alike to all of them. "
            "Each pair has its own frequency.",
        ),
        Misconception(
            name="half the exponent",
            wrong=lambda x, position: _turned(x, position, 1 / len(x)),
            message="Your exponent runs only to about 1/2. There are D/2 pairs, and the frequencies "
            "should reach from 1 down to nearly 1/10000: what has i to be multiplied by?",
        ),
        Misconception(
            name="not a rotation",
            wrong=_reflected,
            message="You added both sine terms. A rotation subtracts one of them: otherwise lengths change, "
            "and scores no longer depend on the distance alone.",
        ),
    ),
    absolute_tolerance=2e-4,
)


def _size(rng: Rng) -> tuple[int, int, int, int]:
    return (
        int(rng.integers(50, 1000)),
        int(rng.integers(16, 256)),
        8 * int(rng.integers(4, 33)),
        int(rng.integers(2, 9)),
    )


def _is_gpt2(answer: Answer, _rng: Rng) -> bool:
    return bool(answer(50_257, 1_024, 768, 12) == 124_439_808)


def _a_token_costs_its_embedding(answer: Answer, rng: Rng) -> bool:
    vocab_size, *others = _size(rng)
    return bool(answer(vocab_size + 1, *others) - answer(vocab_size, *others) == others[1])


def _off_by(extra_per_block: int = 0, extra: int = 0, squares: int = 0) -> Answer:
    """The count plus multiples of d_model (per block, and once) and of d_model² (per block)."""

    def wrong(vocab_size: int, context_length: int, d_model: int, n_layers: int) -> int:
        right = parameter_count(vocab_size, context_length, d_model, n_layers)
        return right + n_layers * (extra_per_block * d_model + squares * d_model**2) + extra * d_model

    return wrong


PARAMETERS = Exercise(
    id="06.4",
    title="The size of a GPT",
    stars=2,
    minutes=10,
    inputs=_size,
    reference=parameter_count,
    hints=(
        "A linear layer from m to n numbers has a matrix and a bias: m n + n. A LayerNorm over n numbers has 2 n.",
        "One block: qkv C -> 3C, projection C -> C, expand C -> 4C, projection 4C -> C, and two norms.",
        "Around the blocks: an embedding for each token, one for each position, and one last norm. The head is tied.",
        "One block has 12 C² + 13 C. How many of the 13 C are biases, how many belong to norms?",
    ),
    properties=(
        Property(
            statement="GPT-2 small (50,257 tokens, context 1,024, 768 wide, 12 blocks) has 124,439,808 parameters",
            holds=_is_gpt2,
        ),
        Property(
            statement="one more token in the vocabulary costs d_model parameters", holds=_a_token_costs_its_embedding
        ),
    ),
    misconceptions=(
        Misconception(
            name="a head of its own",
            wrong=lambda vocab_size, context_length, d_model, n_layers: (
                parameter_count(vocab_size, context_length, d_model, n_layers) + vocab_size * d_model
            ),
            message="You counted the head. It is tied: the same matrix embeds the tokens and scores them at the end, "
            "so it counts once.",
        ),
        Misconception(
            name="biases forgotten",
            wrong=_off_by(extra_per_block=-9),
            message="You left out the biases of the linear layers: each has one number for every output.",
        ),
        Misconception(
            name="norms forgotten",
            wrong=_off_by(extra_per_block=-4, extra=-2),
            message="You left out the norms: each has a weight and a bias for every feature, "
            "and there is one more after the last block.",
        ),
        Misconception(
            name="the last norm forgotten",
            wrong=_off_by(extra=-2),
            message="Nearly: the blocks are right. What happens to the residual stream between the last block "
            "and the head?",
        ),
        Misconception(
            name="one matrix for q, k and v",
            wrong=_off_by(extra_per_block=-2, squares=-2),
            message="You counted one d_model x d_model matrix for queries, keys and values together. "
            "They are three different projections.",
        ),
    ),
    relative_tolerance=0.0,
    absolute_tolerance=0.5,
)

EXERCISES: tuple[Exercise, ...] = (ROTARY, PARAMETERS)
