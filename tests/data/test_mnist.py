import struct

import numpy as np
import pytest
import torch

from aigc_course.data import mnist
from aigc_course.errors import DataError


def write_idx(path, array: np.ndarray) -> None:
    header = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    path.write_bytes(header + array.astype(np.uint8).tobytes())


@pytest.fixture
def files(tmp_path):
    rng = np.random.default_rng(0)
    made = {}
    for split, prefix, n in (("train", "train", 200), ("test", "t10k", 30)):
        images, labels = rng.integers(0, 256, (n, 5, 4)), np.arange(n) % 10
        write_idx(tmp_path / f"{prefix}-images-idx3-ubyte", images)
        write_idx(tmp_path / f"{prefix}-labels-idx1-ubyte", labels)
        made[split] = (torch.from_numpy(images).to(torch.uint8)[:, None], torch.from_numpy(labels))
    return tmp_path, made


def test_read_back_what_was_written(files):
    folder, made = files
    dataset = mnist.make_set(mnist.decode(folder))
    assert dataset.image_shape == (1, 5, 4) and dataset.class_names == tuple("0123456789")
    images, labels = dataset.split("test")
    assert torch.equal(images, made["test"][0]) and torch.equal(labels, made["test"][1])
    held_out = torch.zeros(200, dtype=torch.bool)
    held_out[90:100], held_out[190:200] = True, True  # the 10th and the 20th of each class
    for split, rows in (("validation", held_out), ("train", ~held_out)):
        images, labels = dataset.split(split)
        assert torch.equal(images, made["train"][0][rows]) and torch.equal(labels, made["train"][1][rows])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda data: data[:-1], "cut off or damaged: 3,999 values instead of 4,000"),
        (lambda data: data + b"x", "4,001 values instead of 4,000"),
        (lambda data: b"\x1f\x8b" + data[2:], "is not an IDX file"),
        (lambda data: data[:7], "is not an IDX file"),
        (lambda data: data[:3] + b"\x02" + data[4:], "is not an IDX file"),
    ],
)
def test_damage_is_named(change, message, files):
    folder, _ = files
    path = folder / "train-images-idx3-ubyte"
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(DataError, match=message) as caught:
        mnist.decode(folder)
    assert "train-images-idx3-ubyte" in str(caught.value)


def test_images_and_labels_must_fit(files):
    folder, _ = files
    write_idx(folder / "t10k-labels-idx1-ubyte", np.zeros(29))
    with pytest.raises(DataError, match="30 test images, but 29 labels"):
        mnist.decode(folder)
