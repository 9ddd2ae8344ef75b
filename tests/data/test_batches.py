import numpy as np
import pytest
import torch

from aigc_course.data.batches import ImageBatches, TensorBatches, TextWindows
from aigc_course.errors import DataError, UsageError


def numbers(n: int) -> dict[str, torch.Tensor]:
    return {"x": torch.arange(n), "y": torch.arange(n) * 10}


def image_set(n: int = 40) -> tuple[torch.Tensor, torch.Tensor]:
    images = torch.randint(1, 256, (n, 3, 6, 5), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    return images, torch.arange(n)


def windows(**changes):
    settings = {"tokens": torch.arange(1000), "context_length": 8, "batch_size": 12, "seed": 3} | changes
    return TextWindows(settings.pop("tokens"), settings.pop("context_length"), settings.pop("batch_size"), **settings)


def make_stream(kind: str, **changes):
    settings = {"seed": 3} | changes
    if kind == "tensors":
        return TensorBatches(numbers(50), 12, **settings)
    if kind == "images":
        return ImageBatches(*image_set(), 12, flip=True, pad=2, **settings)
    return windows(**settings)


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


KINDS = pytest.mark.parametrize("kind", ["tensors", "images", "windows"])


@KINDS
def test_batch_is_a_function_of_k_whatever_the_order_of_access(kind):
    in_order = [make_stream(kind)[k] for k in range(12)]
    stream = make_stream(kind)
    torch.manual_seed(99)  # the global generator must not matter
    for k in (11, 0, 7, 7, 3, 11, 1):
        assert same(stream[k], in_order[k])
    assert not same(in_order[0], in_order[1])


@KINDS
def test_seeds_differ(kind):
    assert not same(make_stream(kind, seed=3)[0], make_stream(kind, seed=4)[0])


@KINDS
@pytest.mark.parametrize("world", [2, 3, 4])
def test_ranks_joined_are_the_batch_of_one_process(kind, world):
    whole, parts = make_stream(kind), [make_stream(kind, rank=r, world=world) for r in range(world)]
    for k in (0, 4, 9):
        batches = [part[k] for part in parts]
        joined = {name: torch.cat([batch[name] for batch in batches]) for name in whole[k]}
        assert same(joined, whole[k])


@KINDS
def test_changing_a_batch_in_place_changes_no_later_one(kind):
    stream = make_stream(kind)
    expected = {name: tensor.clone() for name, tensor in stream[2].items()}
    for tensor in stream[2].values():
        tensor.zero_()
    assert same(stream[2], expected)


@KINDS
@pytest.mark.parametrize("k", [-1, 1.0, True, "0"])
def test_a_wrong_batch_number_is_refused(kind, k):
    with pytest.raises(UsageError, match="numbered by whole numbers from 0"):
        make_stream(kind)[k]


@KINDS
@pytest.mark.parametrize(
    ("changes", "message"),
    [({"world": 5}, "use 10 or 15"), ({"rank": 2, "world": 2}, "rank is 2"), ({"rank": -1}, "rank is -1")],
)
def test_a_wrong_share_is_refused(kind, changes, message):
    with pytest.raises(UsageError, match=message):
        make_stream(kind, **changes)


@pytest.mark.parametrize("batch_size", [0, -4, 2.0, True])
def test_a_wrong_batch_size_is_refused(batch_size):
    with pytest.raises(UsageError, match="batch_size must be a positive integer"):
        TensorBatches(numbers(5), batch_size, seed=0)


@pytest.mark.parametrize(("n", "batch_size"), [(60, 12), (50, 12), (7, 16), (1, 4)])
def test_every_example_comes_once_an_epoch(n, batch_size):
    stream = TensorBatches(numbers(n), batch_size, seed=5)
    seen = torch.cat([stream[k]["x"] for k in range(n)])  # n batches are batch_size whole epochs
    epochs = seen.view(batch_size, n)
    assert torch.equal(epochs.sort(dim=1).values, torch.arange(n).expand(batch_size, n))
    assert stream.epoch(n) == batch_size
    if n > 2:
        assert not torch.equal(epochs[0], epochs[1]) and not torch.equal(epochs[0], torch.arange(n))


@pytest.mark.parametrize("batch_size", [12, 50, 64, 130])
def test_rows_are_the_whole_batch(batch_size):
    stream = TensorBatches(numbers(50), batch_size, seed=5)
    for k in range(6):
        assert stream.rows(k).shape == (batch_size,) and torch.equal(stream.rows(k), stream[k]["x"])


def test_tensors_stay_together():
    batch = TensorBatches(numbers(50), 12, seed=5)[2]
    assert torch.equal(batch["y"], batch["x"] * 10)


def test_transform_gets_the_finished_batch():
    stream = TensorBatches(numbers(50), 12, seed=5, transform=lambda batch: {"z": batch["x"] + batch["y"]})
    plain = TensorBatches(numbers(50), 12, seed=5)
    assert torch.equal(stream[3]["z"], plain[3]["x"] * 11)


@pytest.mark.parametrize(
    ("tensors", "message"),
    [({}, "none at all"), (numbers(0), "no examples"), ({"x": torch.ones(3), "y": torch.ones(2)}, "'x': 3, 'y': 2")],
)
def test_wrong_tensors_are_refused(tensors, message):
    with pytest.raises(DataError, match=message):
        TensorBatches(tensors, 2, seed=0)


@pytest.mark.parametrize("value_range", [(-1.0, 1.0), (0.0, 1.0)])
def test_bytes_become_floats_of_the_range_exactly_at_its_ends(value_range):
    grey = torch.arange(256, dtype=torch.uint8).view(256, 1, 1, 1)
    batch = ImageBatches(grey, torch.arange(256), 256, seed=0, value_range=value_range)[0]
    low, high = value_range
    values = batch["images"].flatten()[batch["labels"].argsort()]
    expected = low + (high - low) * torch.arange(256, dtype=torch.float64) / 255
    assert values.dtype == torch.float32 and values[0] == low and values[-1] == high
    torch.testing.assert_close(values.double(), expected, rtol=0, atol=2e-7)
    assert values.min() >= low and values.max() <= high


@pytest.mark.parametrize(("flip", "pad"), [(True, 0), (False, 3), (True, 2)])
def test_crop_and_flip_equal_the_naive_way(flip, pad):
    images, labels = image_set()
    stream = ImageBatches(images, labels, 8, seed=2, flip=flip, pad=pad, value_range=(0.0, 1.0))
    for k in range(6):
        batch = stream[k]
        flips, offsets = stream.augmentation(k)
        for i, label in enumerate(batch["labels"].tolist()):
            canvas = torch.zeros(3, 6 + 2 * pad, 5 + 2 * pad)
            image = images[label].flip(2) if flips[i] else images[label]
            canvas[:, pad : pad + 6, pad : pad + 5] = image / 255
            down, right = offsets[i].tolist()
            expected = canvas[:, down : down + 6, right : right + 5]
            torch.testing.assert_close(batch["images"][i], expected, rtol=0, atol=1e-6)


def test_crop_offsets_are_uniform_and_flips_even():
    stream = ImageBatches(*image_set(), 500, seed=2, flip=True, pad=2)
    draws = [stream.augmentation(k) for k in range(20)]
    flips, offsets = (torch.cat(parts) for parts in zip(*draws, strict=True))
    places = torch.bincount(offsets[:, 0] * 5 + offsets[:, 1], minlength=25)  # 400 each expected, sd 20
    assert len(places) == 25 and places.min() > 300 and places.max() < 500
    assert 0.47 < flips.float().mean() < 0.53
    assert len({tuple(f[:64].tolist()) for f, _ in draws}) == 20


def test_without_flip_none_is_flipped():
    assert not ImageBatches(*image_set(), 500, seed=2, pad=2).augmentation(0)[0].any()


def test_images_without_labels():
    images, _ = image_set()
    assert set(ImageBatches(images, None, 4, seed=0)[0]) == {"images"}


def test_augmentation_leaves_the_data_alone():
    images, labels = image_set()
    before = images.clone()
    ImageBatches(images, labels, 40, seed=0, flip=True, pad=1)[0]
    ImageBatches(images, labels, 40, seed=0, flip=True)[0]
    assert torch.equal(images, before)


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"images": torch.zeros(4, 3, 2, 2)}, DataError, "must be uint8"),
        ({"images": torch.zeros(4, 2, 2, dtype=torch.uint8)}, DataError, "must be uint8"),
        ({"value_range": (0.0, 255.0)}, UsageError, "value_range"),
        ({"pad": -1}, UsageError, "pad must be"),
    ],
)
def test_wrong_image_settings_are_refused(changes, error, message):
    images, labels = image_set(4)
    settings = {"images": images, "labels": labels, "batch_size": 2, "seed": 0} | changes
    with pytest.raises(error, match=message):
        ImageBatches(**settings)


def test_windows_are_consecutive_tokens_from_anywhere():
    tokens = windows(batch_size=4000, context_length=990)[0]["tokens"]
    assert tokens.shape == (4000, 991) and tokens.dtype == torch.int64
    assert torch.equal(tokens - tokens[:, :1], torch.arange(991).expand(4000, 991))
    assert set(tokens[:, 0].tolist()) == set(range(10))  # first and last possible window included


def test_windows_begin_only_at_starts_that_leave_room():
    stream = windows(starts=torch.tensor([5, 100, 991, 992, 999]), batch_size=300)
    assert set(stream[0]["tokens"][:, 0].tolist()) == {5, 100, 991}  # 991 + 8 + 1 = 1000 tokens: just fits


@pytest.mark.parametrize("form", ["uint16 tensor", "array", "memmap"])
def test_token_forms_give_the_same_windows(form, tmp_path):
    array = np.arange(1000, dtype=np.uint16)
    if form == "memmap":
        array.tofile(tmp_path / "tokens.bin")
        tokens = np.memmap(tmp_path / "tokens.bin", dtype=np.uint16, mode="r")
    else:
        tokens = torch.from_numpy(array) if form == "uint16 tensor" else array
    assert same(windows(tokens=tokens)[5], windows()[5])


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"tokens": torch.arange(8)}, DataError, "takes 9 tokens, but there are only 8"),
        ({"tokens": torch.zeros(20)}, DataError, "must be integers"),
        ({"tokens": torch.zeros(2, 20, dtype=torch.int64)}, DataError, "must be integers"),
        ({"context_length": 0}, UsageError, "context_length must be"),
        ({"starts": torch.tensor([995])}, DataError, "none of the 1 starts"),
        ({"starts": torch.tensor([-1, 5])}, DataError, "starts must be"),
    ],
)
def test_wrong_windows_are_refused(changes, error, message):
    with pytest.raises(error, match=message):
        windows(**changes)
