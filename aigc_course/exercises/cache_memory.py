"""The exercise on the memory of a key-value cache."""

from aigc_course.exercises.draws import near
from aigc_course.exercises.spec import Answer, Exercise, Misconception, Property, Rng


def cache_bytes(n_layers: int, n_heads: int, head_dim: int, n_tokens: int, n_texts: int, bytes_each: int) -> int:
    """Bytes that keys and values of `n_texts` texts of `n_tokens` take, each number `bytes_each` bytes."""
    return 2 * n_layers * n_heads * head_dim * n_tokens * n_texts * bytes_each


def _sizes(rng: Rng) -> tuple[int, int, int, int, int, int]:
    """All different, none of them 1 or 2 but the bytes."""
    layers, heads, width, tokens, texts = (int(n) for n in rng.choice(range(3, 40), size=5, replace=False))
    return layers, heads, width, tokens, texts, int(rng.choice([1, 2, 4]))


def _one_token(answer: Answer, rng: Rng) -> bool:
    """Of one layer and one head, a byte a number."""
    width = int(rng.integers(3, 200))
    return near(answer(1, 1, width, 1, 1, 1), 2 * width)


def _twice_as_much(answer: Answer, rng: Rng) -> bool:
    """Of any of the six."""
    sizes = _sizes(rng)
    for place in range(len(sizes)):
        doubled = [2 * size if k == place else size for k, size in enumerate(sizes)]
        if not near(answer(*doubled), 2 * answer(*sizes)):
            return False
    return True


def _the_model_is_as_wide_as_its_heads(answer: Answer, rng: Rng) -> bool:
    """Twice the heads of half the width hold as much."""
    layers, heads, width, tokens, texts, size = _sizes(rng)
    return near(
        answer(layers, 2 * heads, width, tokens, texts, size), answer(layers, heads, 2 * width, tokens, texts, size)
    )


def _keys_alone(layers: int, heads: int, width: int, tokens: int, texts: int, size: int) -> int:
    return cache_bytes(layers, heads, width, tokens, texts, size) // 2


def _of_one_text(layers: int, heads: int, width: int, tokens: int, _: int, size: int) -> int:
    return cache_bytes(layers, heads, width, tokens, 1, size)


def _of_one_layer(_: int, heads: int, width: int, tokens: int, texts: int, size: int) -> int:
    return cache_bytes(1, heads, width, tokens, texts, size)


def _scores(layers: int, heads: int, _: int, tokens: int, texts: int, size: int) -> int:
    return layers * heads * tokens**2 * texts * size


def _numbers(layers: int, heads: int, width: int, tokens: int, texts: int, size: int) -> int:
    return cache_bytes(layers, heads, width, tokens, texts, size) // size


def _queries_too(layers: int, heads: int, width: int, tokens: int, texts: int, size: int) -> int:
    return 3 * cache_bytes(layers, heads, width, tokens, texts, size) // 2


CACHE_BYTES = Exercise(
    id="12.2",
    title="What a cache holds",
    stars=1,
    minutes=5,
    inputs=_sizes,
    reference=cache_bytes,
    hints=(
        "For each token a head keeps what later tokens will compare with, and what they will take over: two vectors.",
        "Each is head_dim numbers long. Count the heads, layers, tokens and texts that have them.",
        "2 * n_layers * n_heads * head_dim * n_tokens * n_texts numbers, each of bytes_each bytes.",
    ),
    properties=(
        Property(statement="one token in one head is two vectors of head_dim numbers", holds=_one_token),
        Property(statement="twice as much of any of the six numbers takes twice as much", holds=_twice_as_much),
        Property(statement="twice the heads of half the width take the same", holds=_the_model_is_as_wide_as_its_heads),
    ),
    misconceptions=(
        Misconception(
            name="keys without values",
            wrong=_keys_alone,
            message="You counted one vector for each token and head. Keys are compared with, values are added up: both "
            "are kept.",
        ),
        Misconception(
            name="queries kept",
            wrong=_queries_too,
            message="You kept the queries too. A query asks once, when its token is new; nobody looks at it again.",
        ),
        Misconception(
            name="one text",
            wrong=_of_one_text,
            message="That is the cache of one text. Texts that are written together have different pasts: each has its "
            "own.",
        ),
        Misconception(
            name="one layer",
            wrong=_of_one_layer,
            message="That is the cache of one layer. Every layer has keys and values of its own.",
        ),
        Misconception(
            name="the table of scores",
            wrong=_scores,
            message="You counted the attention weights, every token with every other. They are used and thrown away; "
            "kept are keys and values, which grow with the tokens, not with their square.",
        ),
        Misconception(
            name="numbers for bytes",
            wrong=_numbers,
            message="You counted numbers. Each takes bytes_each bytes.",
        ),
    ),
)

EXERCISES: tuple[Exercise, ...] = (CACHE_BYTES,)
