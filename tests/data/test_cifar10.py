import io
import tarfile

import numpy as np
import pytest
import torch
from PIL import Image

from aigc_course.data import cifar10, store
from aigc_course.errors import DataError


def add(archive: tarfile.TarFile, name: str, data: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size = len(data)
    archive.addfile(info, io.BytesIO(data))


def records(n: int, seed: int) -> np.ndarray:
    """(n, 3073) in the official form: a label and three planes."""
    made = np.random.default_rng(seed).integers(0, 256, (n, 3073)).astype(np.uint8)
    made[:, 0] = np.arange(n) % 10
    return made


def batches() -> dict[str, bytes]:
    names = [f"data_batch_{i}.bin" for i in range(1, 6)] + ["test_batch.bin"]
    return {name: records(40, seed).tobytes() for seed, name in enumerate(names)}


def write_official(folder, files: dict[str, bytes]):
    with tarfile.open(folder / "cifar-10-binary.tar.gz", "w:gz") as archive:
        add(archive, "cifar-10-batches-bin/batches.meta.txt", b"airplane\n")
        for name, data in files.items():
            add(archive, f"cifar-10-batches-bin/{name}", data)
    return folder


def png(image: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG")
    return file.getvalue()


def write_images(folder, size: int = 32):
    """20 training and 2 test images of two classes, as PNG; pixel (row, column) = (row, column, number)."""
    grid = np.stack(np.broadcast_arrays(np.arange(size)[:, None], np.arange(size), 0), axis=-1).astype(np.uint8)
    for split, count in (("train", 20), ("test", 2)):
        for name in ("cat", "truck"):
            (folder / split / name).mkdir(parents=True)
            for i in range(count):
                grid[..., 2] = i
                (folder / split / name / f"{i:04}.png").write_bytes(png(grid))
    return folder


def test_official_binary_version(tmp_path):
    dataset = cifar10.make_set(cifar10.decode(write_official(tmp_path, batches())))
    assert {split: len(labels) for split, labels in dataset.labels.items()} == {
        "train": 180,
        "validation": 20,
        "test": 40,
    }
    source = records(40, 5)  # the test file; its label-3 images, in order
    expected = torch.from_numpy(source[source[:, 0] == 3, 1:].reshape(-1, 3, 32, 32))
    images, labels = dataset.split("test")
    assert torch.equal(images[labels == 3], expected)


def test_validation_is_the_tenth_of_each_class_in_file_order(tmp_path):
    files = batches()
    dataset = cifar10.make_set(cifar10.decode(write_official(tmp_path, files)))
    joined = np.concatenate(
        [np.frombuffer(files[f"data_batch_{i}.bin"], np.uint8).reshape(-1, 3073) for i in range(1, 6)]
    )
    of_seven = joined[joined[:, 0] == 7, 1:].reshape(-1, 3, 32, 32)
    images, labels = dataset.split("validation")
    assert torch.equal(images[labels == 7], torch.from_numpy(of_seven[[9, 19]]))


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("data_batch_2.bin", b"x" * 3072, "data_batch_2.bin is cut off or damaged"),
        ("test_batch.bin", b"\x0a" + b"x" * 3072, "it has the label 10"),
        ("test_batch.bin", None, "lacks test_batch.bin"),
    ],
)
def test_damaged_batches_are_named(name, data, message, tmp_path):
    files = batches() | {name: data}
    write_official(tmp_path, {k: v for k, v in files.items() if v is not None})
    with pytest.raises(DataError, match=message):
        cifar10.decode(tmp_path)


@pytest.fixture
def data_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("AIGC_DATA", str(tmp_path / "data"))
    return tmp_path / "data"


@pytest.mark.parametrize("form", ["folder", "tar.xz", "folder with the tar"])
def test_imported_images(form, tmp_path, data_folder):
    source = write_images(tmp_path / "images")
    if form != "folder":
        (tmp_path / "holder").mkdir()
        with tarfile.open(tmp_path / "holder" / "images.tar.xz", "w:xz") as archive:
            archive.add(source, ".")
        source = tmp_path / "holder" / ("images.tar.xz" if form == "tar.xz" else "")
    status = store.import_files("cifar10", source)
    assert status.state == "present" and "not the official bytes" in status.detail
    dataset = cifar10.make_set(store.arrays("cifar10"))
    images, labels = dataset.split("validation")
    assert labels.tolist() == [3, 3, 9, 9] and images[:, 2, 0, 0].tolist() == [9, 19, 9, 19]
    assert images[0, 0, 5, 7] == 5 and images[0, 1, 5, 7] == 7  # red holds the row, green the column
    assert len(dataset.labels["train"]) == 36 and dataset.labels["test"].tolist() == [3, 3, 9, 9]


def test_imported_batches(tmp_path, data_folder):
    (tmp_path / "bin").mkdir()
    for name, data in batches().items():
        (tmp_path / "bin" / name).write_bytes(data)
    assert "unverified" in store.import_files("cifar10", tmp_path / "bin").detail
    assert len(cifar10.make_set(store.arrays("cifar10")).labels["test"]) == 40


def test_an_official_name_with_other_bytes_is_refused(tmp_path, data_folder):
    write_official(tmp_path, batches())
    with pytest.raises(DataError, match=r"cifar-10-binary\.tar\.gz .* is not the official file: its md5 is"):
        store.import_files("cifar10", tmp_path / "cifar-10-binary.tar.gz")
    assert not list(data_folder.iterdir())


def test_pickles_are_refused(tmp_path, data_folder):
    (tmp_path / "cifar-10-python.tar.gz").write_bytes(b"")
    for source in (tmp_path / "cifar-10-python.tar.gz", tmp_path):
        with pytest.raises(DataError, match="never reads them"):
            store.import_files("cifar10", source)


@pytest.mark.parametrize(
    ("path", "data", "message"),
    [
        ("train/cat/0003.png", png(np.zeros((32, 32, 3), np.uint8))[:60], "0003.png can't be read as an image"),
        ("train/cat/0003.png", png(np.zeros((20, 32, 3), np.uint8)), "has 32 × 20 pixels, not 32 × 32"),
        ("train/lion/0000.png", png(np.zeros((32, 32, 3), np.uint8)), "images must stand in"),
        ("0000.png", png(np.zeros((32, 32, 3), np.uint8)), "images must stand in"),
    ],
    ids=["cut off", "size", "class", "place"],
)
def test_a_wrong_image_is_named_and_nothing_kept(path, data, message, tmp_path, data_folder):
    source = write_images(tmp_path / "images")
    (source / path).parent.mkdir(exist_ok=True)
    (source / path).write_bytes(data)
    with pytest.raises(DataError, match=message):
        store.import_files("cifar10", source)
    assert not list(data_folder.iterdir())


def test_without_training_images(tmp_path, data_folder):
    source = write_images(tmp_path / "images")
    for file in (source / "train").rglob("*.png"):
        file.unlink()
    with pytest.raises(DataError, match="no images in a folder named train"):
        store.import_files("cifar10", source)
