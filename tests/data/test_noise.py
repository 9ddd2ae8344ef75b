"""Noise in batches: a function of (seed, k), the same for one process as for several."""

import pytest
import torch

from aigc_course.data.batches import TensorBatches
from aigc_course.data.noise import NoiseBatches
from aigc_course.errors import UsageError


def make(seed: int = 0, rank: int = 0, world: int = 1, batch_size: int = 8) -> NoiseBatches:
    stream = TensorBatches({"x": torch.arange(20)}, batch_size, seed=seed, rank=rank, world=world)
    uniform = {"thresholds": (2, 3)}
    return NoiseBatches(stream, {"noise": 5}, batch_size, seed=seed, rank=rank, world=world, uniform=uniform)


def test_noise_joins_the_batch() -> None:
    batch = make()[3]
    assert {name: tuple(tensor.shape) for name, tensor in batch.items()} == {
        "x": (8,),
        "noise": (8, 5),
        "thresholds": (8, 2, 3),
    }


def test_it_depends_on_seed_and_number_only() -> None:
    stream = make()
    torch.manual_seed(1)
    first = stream[4]["noise"]
    torch.manual_seed(2)
    assert torch.equal(stream[4]["noise"], first)
    assert not torch.equal(stream[5]["noise"], first)
    assert not torch.equal(make(seed=1)[4]["noise"], first)


def test_the_ranks_together_are_one_process() -> None:
    whole, parts = make()[2], [make(rank=rank, world=2)[2] for rank in range(2)]
    for name, tensor in whole.items():
        assert torch.equal(torch.cat([part[name] for part in parts]), tensor), name


def test_distributions() -> None:
    stream = make(batch_size=4000)
    normal, uniform = stream.noise(0)["noise"], stream.noise(0)["thresholds"]
    assert abs(normal.mean()) < 0.03 and abs(normal.std() - 1) < 0.03
    assert uniform.min() >= 0 and uniform.max() < 1
    assert abs(uniform.mean() - 0.5) < 0.01 and abs(uniform.var() - 1 / 12) < 0.005


def test_names_must_be_free() -> None:
    stream = TensorBatches({"x": torch.arange(20)}, 4, seed=0)
    with pytest.raises(UsageError, match="'x'"):
        NoiseBatches(stream, {"x": 2}, 4, seed=0)[0]
    with pytest.raises(UsageError, match="one distribution"):
        NoiseBatches(stream, {"z": 2}, 4, seed=0, uniform={"z": 2})
    with pytest.raises(UsageError, match="3 processes"):
        NoiseBatches(stream, {"z": 2}, 4, seed=0, world=3)
