"""Nearest training images: copies at distance 0, an independent search, and what the memorisation ratio tells."""

import pytest
import torch

from aigc_course.errors import UsageError
from aigc_course.metrics import Memorisation, memorisation, nearest_neighbours


def test_copies_are_found_at_distance_exactly_zero():
    torch.manual_seed(0)
    training = torch.randint(0, 256, (50, 3, 8, 8), dtype=torch.uint8)
    found = nearest_neighbours(training[[7, 31, 0]], training)
    assert found.indices.flatten().tolist() == [7, 31, 0]
    assert found.distances.flatten().tolist() == [0, 0, 0]
    noise = torch.rand(40, 3, 8, 8) + 1000
    assert nearest_neighbours(noise[5:9], noise).distances.flatten().tolist() == [0, 0, 0, 0]


def test_bytes_do_not_wrap_around():
    found = nearest_neighbours(torch.tensor([[0, 0]], dtype=torch.uint8), torch.tensor([[255, 255]], dtype=torch.uint8))
    assert found.distances.item() == pytest.approx(255 * 2**0.5)


def test_one_changed_pixel_is_its_difference():
    training = torch.rand(20, 1, 28, 28)
    query = training[3:4].clone()
    query[0, 0, 5, 5] += 0.25
    found = nearest_neighbours(query, training)
    assert found.indices.item() == 3
    assert found.distances.item() == pytest.approx(0.25, abs=1e-6)


def test_small_distances_between_large_vectors_keep_their_digits():
    training = torch.tensor([[1e8, 1e8], [1e8 + 1e-3, 1e8]], dtype=torch.float64)
    found = nearest_neighbours(torch.tensor([[1e8 + 3e-3, 1e8]], dtype=torch.float64), training, k=2)
    assert found.distances.flatten().tolist() == pytest.approx([2e-3, 3e-3], rel=1e-4)
    assert found.indices.flatten().tolist() == [1, 0]


@pytest.mark.parametrize("chunk_size", [1, 8, 1000])
def test_against_scikit_learn(chunk_size: int):
    from sklearn.neighbors import NearestNeighbors

    torch.manual_seed(0)
    queries, training = torch.randn(15, 4), torch.randn(40, 4)
    distances, indices = NearestNeighbors(n_neighbors=3, algorithm="brute").fit(training.numpy()).kneighbors(queries)
    found = nearest_neighbours(queries, training, k=3, chunk_size=chunk_size)
    torch.testing.assert_close(found.distances, torch.from_numpy(distances).double(), rtol=1e-5, atol=1e-6)
    assert torch.equal(found.indices, torch.from_numpy(indices))


def figures(generated: torch.Tensor) -> Memorisation:
    source = torch.Generator().manual_seed(0)
    training, held_out = torch.randn(500, 5, generator=source), torch.randn(301, 5, generator=source)
    return memorisation(generated=generated, held_out=held_out, training=training)


def test_the_ratio_tells_copies_from_fresh_examples():
    source = torch.Generator().manual_seed(0)
    training = torch.randn(500, 5, generator=source)
    torch.manual_seed(9)
    fresh = figures(torch.randn(400, 5)).ratio
    blurred = figures(training + 0.02 * torch.randn(500, 5)).ratio
    noise = figures(4 * torch.randn(400, 5)).ratio
    assert fresh == pytest.approx(1, abs=0.12)
    assert 0.01 < blurred < 0.15
    assert noise > 2
    assert figures(training).ratio == 0


def test_the_ratio_is_of_medians():
    training = torch.tensor([[0.0], [100.0]])
    result = memorisation(
        generated=torch.tensor([[1.0], [2.0], [50.0]]), held_out=torch.tensor([[3.0], [5.0]]), training=training
    )
    assert (result.generated, result.held_out, result.ratio) == (2, 4, 0.5)


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: nearest_neighbours(torch.zeros(3, 4), torch.zeros(3, 5)), r"queries \(3, 4\).*training \(3, 5\)"),
        (lambda: nearest_neighbours(torch.zeros(3, 2, 6), torch.zeros(3, 12)), "must be equal"),
        (lambda: nearest_neighbours(torch.zeros(4), torch.zeros(4)), "one image or feature vector per row"),
        (lambda: nearest_neighbours(torch.zeros(3, 4), torch.zeros(3, 4, dtype=torch.uint8)), "one scale"),
        (lambda: nearest_neighbours(torch.zeros(3, 4), torch.zeros(3, 4), k=4), "among 3 training examples"),
        (lambda: nearest_neighbours(torch.zeros(3, 4), torch.zeros(3, 4), k=0), "k = 0"),
        (lambda: nearest_neighbours(torch.zeros(3, 4), torch.zeros(0, 4)), "training holds 0"),
        (lambda: nearest_neighbours(torch.full((3, 4), torch.nan), torch.zeros(3, 4)), "queries has NaN"),
        (lambda: nearest_neighbours(torch.zeros(3, 4), torch.zeros(3, 4), chunk_size=-1), "chunk_size = -1"),
        (
            lambda: memorisation(generated=torch.ones(2, 4), held_out=torch.zeros(2, 4), training=torch.zeros(2, 4)),
            "exact copies of training",
        ),
        (
            lambda: memorisation(generated=torch.ones(2, 4), held_out=torch.zeros(2, 3), training=torch.zeros(2, 4)),
            r"held_out \(2, 3\)",
        ),
    ],
)
def test_bad_input_is_named(call, named):
    with pytest.raises(UsageError, match=named):
        call()
