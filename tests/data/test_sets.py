import dataclasses
from typing import Any

import pytest
import torch

from aigc_course.data.sets import AudioSet, ImageSet, TextSet
from aigc_course.errors import DataError, UsageError


def image_arguments(**changes: Any) -> dict[str, Any]:
    arguments = {
        "name": "toy",
        "images": {
            "train": torch.zeros(4, 3, 8, 6, dtype=torch.uint8),
            "test": torch.ones(2, 3, 8, 6, dtype=torch.uint8),
        },
        "labels": {"train": torch.tensor([0, 1, 1, 0]), "test": torch.tensor([1, 0])},
        "class_names": ("cat", "dog"),
    }
    return arguments | changes


def audio_arguments(**changes: Any) -> dict[str, Any]:
    arguments = {
        "name": "toy",
        "sample_rate_hz": 8000,
        "waveforms": {"train": torch.tensor([[0.5, -1.0, 0.0], [1.0, 0.2, 0.3]])},
        "lengths": {"train": torch.tensor([2, 3])},
        "labels": {"train": torch.tensor([0, 1])},
        "class_names": ("zero", "one"),
    }
    return arguments | changes


def test_text_set_gives_its_splits():
    text = TextSet(name="toy", splits={"train": ["a", "b"], "test": ["c"]})
    assert text.documents("train") == ["a", "b"]
    assert text.documents("test") == ["c"]
    with pytest.raises(UsageError, match="unknown split 'validation'"):
        text.documents("validation")
    with pytest.raises(dataclasses.FrozenInstanceError):
        text.name = "other"


def test_text_set_refuses_other_splits_empty_sets_and_other_types():
    with pytest.raises(UsageError, match="did you mean 'validation'"):
        TextSet(name="toy", splits={"valdiation": ["a"]})
    for splits in ({}, {"train": []}):
        with pytest.raises(DataError, match="toy is empty"):
            TextSet(name="toy", splits=splits)
    with pytest.raises(DataError, match=r"toy/train\[1\] must be str, but is bytes"):
        TextSet(name="toy", splits={"train": ["a", b"b"]})  # type: ignore[list-item]


def test_text_set_refuses_half_a_surrogate_pair_and_says_where():
    with pytest.raises(DataError, match=r"toy/test\[1\] holds U\+D83D at place 2, half a surrogate pair"):
        TextSet(name="toy", splits={"test": ["fine 🙂", "a \ud83d b"]})


def test_image_set_gives_its_splits():
    images = ImageSet(**image_arguments())
    assert images.image_shape == (3, 8, 6)
    test_images, test_labels = images.split("test")
    assert test_images.sum() == 2 * 3 * 8 * 6
    assert test_labels.tolist() == [1, 0]
    with pytest.raises(UsageError, match="unknown split 'tset'; did you mean 'test'"):
        images.split("tset")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"images": {"train": torch.zeros(4, 3, 8, 6)}}, "labels has"),
        ({"class_names": ()}, "class_names"),
        ({"class_names": ("cat", "cat")}, "class_names"),
        ({"labels": {"train": torch.tensor([0, 1, 2, 0]), "test": torch.tensor([1, 0])}}, r"in \[0, 1\].* 0 to 2"),
        ({"labels": {"train": torch.tensor([0, -1, 1, 0]), "test": torch.tensor([1, 0])}}, "-1 to 1"),
        ({"labels": {"train": torch.tensor([0, 1, 1]), "test": torch.tensor([1, 0])}}, "4 examples, but 3 labels"),
        ({"labels": {"train": torch.tensor([0.0, 1, 1, 0]), "test": torch.tensor([1, 0])}}, "must be torch.int64"),
        ({"labels": {"train": [0, 1, 1, 0], "test": torch.tensor([1, 0])}}, "must be a torch.Tensor"),
    ],
)
def test_image_set_refuses(changes: dict[str, Any], message: str):
    with pytest.raises(DataError, match=message):
        ImageSet(**image_arguments(**changes))


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (torch.zeros(4, 3, 8, 6), "torch.uint8"),
        (torch.zeros(4, 8, 6, dtype=torch.uint8), r"\(N, C, H, W\)"),
        (torch.zeros(4, 8, 6, 3, dtype=torch.uint8), "axis 1.* but have 8"),
        (torch.zeros(4, 3, 6, 8, dtype=torch.uint8), "one image shape"),
    ],
)
def test_image_set_refuses_images(images: torch.Tensor, message: str):
    arguments = image_arguments()
    arguments["images"] = arguments["images"] | {"train": images}
    with pytest.raises(DataError, match=message):
        ImageSet(**arguments)


def test_audio_set_gives_its_splits():
    audio = AudioSet(**audio_arguments())
    waveforms, lengths, labels = audio.split("train")
    assert waveforms[0, 1] == -1
    assert lengths.tolist() == [2, 3]
    assert labels.tolist() == [0, 1]
    with pytest.raises(UsageError, match="unknown split"):
        audio.split("test")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sample_rate_hz": 0}, "sample_rate_hz"),
        ({"sample_rate_hz": 8000.0}, "sample_rate_hz"),
        ({"waveforms": {"train": torch.tensor([[0.5, -1.1, 0.0], [1.0, 0.2, 0.3]])}}, r"\[-1, 1\].*-1.1 to 1"),
        ({"waveforms": {"train": torch.tensor([[0.5, -1.0, 0.0], [1.2, 0.2, 0.3]])}}, r"\[-1, 1\]"),
        ({"waveforms": {"train": torch.tensor([[0.5, float("nan"), 0.0], [1.0, 0.2, 0.3]])}}, r"\[-1, 1\]"),
        ({"waveforms": {"train": torch.tensor([[0.5, -1.0, 0.1], [1.0, 0.2, 0.3]])}}, "zero after"),
        ({"waveforms": {"train": torch.zeros(2, 3, dtype=torch.float64)}}, "torch.float32"),
        ({"waveforms": {"train": torch.zeros(2, 1, 3)}}, r"\(N, T\)"),
        ({"lengths": {"train": torch.tensor([2, 4])}}, r"in \[1, 3\]"),
        ({"lengths": {"train": torch.tensor([0, 3])}}, r"in \[1, 3\]"),
        ({"lengths": {"test": torch.tensor([2, 3])}}, "lengths has"),
        ({"labels": {"train": torch.tensor([0, 2])}}, r"in \[0, 1\]"),
        ({"speakers": {"train": torch.tensor([0, 0])}}, "speaker_names"),
        ({"speakers": {"train": torch.tensor([0, 1])}, "speaker_names": ("ann",)}, r"speakers must be in \[0, 0\]"),
        ({"speaker_names": ("ann",)}, "speakers has"),
    ],
)
def test_audio_set_refuses(changes: dict[str, Any], message: str):
    with pytest.raises(DataError, match=message):
        AudioSet(**audio_arguments(**changes))
