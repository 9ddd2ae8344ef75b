import numpy as np
import pytest
import soundfile
import torch
from PIL import Image

from aigc_course.data import load_dataset
from aigc_course.data.folder import load_folder, resize_images
from aigc_course.data.sets import AudioSet, ImageSet, TextSet
from aigc_course.errors import DataError, UsageError


def put_text(folder, files: dict[str, bytes | str]):
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    return folder


def put_image(path, colour=(1, 2, 3), size=(8, 6), mode="RGB") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, colour).save(path)


def put_wav(path, samples, rate=8000) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples, rate, subtype="FLOAT")


def everything(splits: dict) -> list:
    return [item for split in splits.values() for item in split]


def test_text_lines_are_documents(tmp_path):
    put_text(
        tmp_path, {"a.txt": "one\n\n  two \r\nthree", "sub/b.txt": "\ufefffour\n" + "\n".join(map(str, range(50)))}
    )
    dataset = load_dataset(tmp_path)
    assert isinstance(dataset, TextSet) and dataset.name == tmp_path.name
    assert sorted(everything(dataset.splits)) == sorted(["one", "two", "three", "four", *map(str, range(50))])
    assert len(dataset.splits["train"]) > 30 and dataset.splits["validation"] and dataset.splits["test"]
    assert load_folder(tmp_path).splits == dataset.splits


def test_text_files_are_documents(tmp_path):
    put_text(tmp_path, {f"{i}.txt": f"first {i}\nsecond" for i in range(5)})
    dataset = load_folder(tmp_path, documents="files")
    assert sorted(everything(dataset.splits)) == [f"first {i}\nsecond" for i in range(5)]


def test_bytes_that_are_not_utf8_are_located(tmp_path):
    put_text(tmp_path, {"good.txt": "fine", "sub/bad.txt": b"ok\nno\xe9l\n"})
    with pytest.raises(DataError, match=r"bad\.txt, line 2: byte 0xe9 is not UTF-8.*save the file as UTF-8"):
        load_folder(tmp_path)


def test_images_in_class_folders(tmp_path):
    colours = {"cat": (250, 0, 7), "dog": (0, 9, 200)}
    for name, colour in colours.items():
        for i in range(20):
            put_image(tmp_path / name / f"{i}.png", colour)
    dataset = load_dataset(str(tmp_path))
    assert isinstance(dataset, ImageSet) and dataset.class_names == ("cat", "dog") and dataset.image_shape == (3, 6, 8)
    assert sum(len(labels) for labels in dataset.labels.values()) == 40
    for split in dataset.labels:
        images, labels = dataset.split(split)
        expected = torch.tensor([colours["cat"], colours["dog"]], dtype=torch.uint8)[labels]
        assert torch.equal(images, expected[:, :, None, None].expand(-1, 3, 6, 8))


def test_given_splits_are_kept_and_missing_ones_cut_from_train(tmp_path):
    for i in range(40):
        put_image(tmp_path / "train" / "a" / f"{i}.png", (i, 0, 0))
    for i in range(3):
        put_image(tmp_path / "test" / "a" / f"{i}.png", (100 + i, 0, 0))
    dataset = load_folder(tmp_path)
    reds = {split: set(images[:, 0, 0, 0].tolist()) for split, images in dataset.images.items()}
    assert reds["test"] == {100, 101, 102} and reds["validation"]
    assert reds["train"] | reds["validation"] == set(range(40)) and not reds["train"] & reds["validation"]
    put_image(tmp_path / "stray.png")
    with pytest.raises(DataError, match=r"stray\.png stands in none of them"):
        load_folder(tmp_path)


def test_mixed_sizes_name_both_files(tmp_path):
    put_image(tmp_path / "a.png", size=(8, 6))
    put_image(tmp_path / "b.png", size=(9, 6))
    with pytest.raises(DataError, match=r"a\.png has 8 × 6 pixels and .*b\.png 9 × 6.*data resize .*image_size=64"):
        load_folder(tmp_path)
    assert load_folder(tmp_path, image_size=4).image_shape == (3, 4, 4)


def test_grey_and_transparent_images(tmp_path):
    put_image(tmp_path / "a.png", (0, 0, 0, 0), mode="RGBA")  # fully transparent: white
    dataset = load_folder(tmp_path, channels=1)
    (images,) = dataset.images.values()
    assert images.shape == (1, 1, 6, 8) and (images == 255).all()


@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA", "LA", "P", "1"])
def test_images_of_every_mode_are_read_as_rgb(mode, tmp_path):
    drawn = Image.new("RGB", (8, 6), "white")
    drawn.paste((0, 0, 0), (2, 1, 5, 4))
    drawn.convert(mode).save(tmp_path / "a.png")
    (images,) = load_folder(tmp_path).images.values()
    assert torch.equal(images[0], torch.from_numpy(np.array(drawn)).permute(2, 0, 1))


def test_grey_of_16_bits_keeps_its_upper_8(tmp_path):
    levels = np.array([[0, 255, 256], [32767, 40000, 65535]], dtype=np.uint16)
    Image.fromarray(levels).save(tmp_path / "a.png")
    for channels in (1, 3):
        (images,) = load_folder(tmp_path, channels=channels).images.values()
        assert images.shape == (1, channels, 2, 3)
        assert (images == torch.tensor([[0, 0, 1], [127, 156, 255]])).all()


def test_a_folder_of_any_sizes_is_resized_to_a_new_one(tmp_path):
    for i in range(6):
        put_image(tmp_path / "photos" / "train" / "cat" / f"{i}.jpg", (200, 10 * i, 0), size=(20 + i, 30))
        put_image(tmp_path / "photos" / "test" / "dog" / f"{i}.PNG", (10 * i, 0, 200, 255), size=(9, 5), mode="RGBA")
    put_text(tmp_path / "photos", {"notes.txt": "left out"})
    assert resize_images(tmp_path / "photos", tmp_path / "new" / "small", 8) == 12
    dataset = load_dataset(tmp_path / "new" / "small")
    assert dataset.image_shape == (3, 8, 8) and dataset.class_names == ("cat", "dog")
    assert sorted(dataset.split("test")[0][:, 0, 4, 4].tolist()) == [0, 10, 20, 30, 40, 50]
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["small"]
    assert (tmp_path / "new" / "small").stat().st_mode & 0o777 == (tmp_path / "photos").stat().st_mode & 0o777


def test_resizing_refuses_what_it_cannot_do_and_leaves_nothing(tmp_path):
    put_image(tmp_path / "photos" / "a.png")
    with pytest.raises(UsageError, match=r"photos exists already; give the name of a new folder"):
        resize_images(tmp_path / "photos", tmp_path / "photos", 8)
    with pytest.raises(UsageError, match="size must be at least 1 pixel, but is 0"):
        resize_images(tmp_path / "photos", tmp_path / "small", 0)
    put_text(tmp_path / "photos", {"b.png": "no image"})
    with pytest.raises(DataError, match=r"b\.png can't be read as an image"):
        resize_images(tmp_path / "photos", tmp_path / "small", 8)
    with pytest.raises(DataError, match="nowhere is not there"):
        resize_images(tmp_path / "nowhere", tmp_path / "small", 8)
    assert [path.name for path in tmp_path.iterdir()] == ["photos"]


def test_a_cut_off_image_is_named(tmp_path):
    put_image(tmp_path / "a.png")
    noise = np.random.default_rng(0).integers(0, 256, (50, 50, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "b.jpg")
    (tmp_path / "b.jpg").write_bytes((tmp_path / "b.jpg").read_bytes()[:900])
    with pytest.raises(DataError, match=r"b\.jpg can't be read as an image"):
        load_folder(tmp_path)


def test_recordings_named_by_digit(tmp_path):
    for digit in (2, 7):
        for i in range(10):
            put_wav(tmp_path / f"{digit}_me_{i}.wav", np.full(10 + digit, digit / 16, np.float32))
    dataset = load_dataset(tmp_path)
    assert isinstance(dataset, AudioSet) and dataset.class_names == ("2", "7") and dataset.sample_rate_hz == 8000
    for split in dataset.labels:
        for row, length, label in zip(*dataset.split(split), strict=True):
            digit = (2, 7)[label]
            assert length == 10 + digit and (row[:length] == digit / 16).all() and not row[length:].any()
    assert sum(len(labels) for labels in dataset.labels.values()) == 20


def test_recordings_in_class_folders(tmp_path):
    for name in ("yes", "no"):
        put_wav(tmp_path / name / "0_a.wav", np.ones(5, np.float32) * 0.5)
    assert load_folder(tmp_path).class_names == ("no", "yes")


def test_empty_wrong_and_mixed_folders(tmp_path):
    with pytest.raises(DataError, match=r"holds none of the files that can be read \(\.txt, \.png"):
        load_dataset(tmp_path)
    put_text(tmp_path, {"a.txt": "  \n"})
    with pytest.raises(DataError, match="are all empty"):
        load_dataset(tmp_path)
    put_image(tmp_path / "a.png")
    with pytest.raises(DataError, match=r"several kinds \(1 text, 1 images\); choose one with kind='text'"):
        load_dataset(tmp_path)
    assert isinstance(load_folder(tmp_path, kind="images"), ImageSet)
    with pytest.raises(DataError, match=r"none of the files that can be read \(\.wav\)"):
        load_folder(tmp_path, kind="audio")
    with pytest.raises(DataError, match=r"is a file; give the path of a folder, or of a \.txt file"):
        load_dataset(tmp_path / "a.png")
    with pytest.raises(DataError, match="is not there"):
        load_dataset(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kind": "image"}, "did you mean 'images'"),
        ({"documents": "line"}, "did you mean 'lines'"),
        ({"image_size": 0}, "image_size must be a positive integer"),
        ({"sample_rate_hz": 8000.0}, "sample_rate_hz must be a positive integer"),
        ({"channels": 4}, "channels must be 1"),
        ({"stereo": True}, "unknown option of a folder 'stereo'"),
    ],
)
def test_wrong_options_are_refused(options, message, tmp_path):
    put_text(tmp_path, {"a.txt": "x"})
    with pytest.raises(UsageError, match=message):
        load_dataset(tmp_path, **options)


PLAY = "".join(f"line {i}\n\n" if i % 3 else f"line {i}\n" for i in range(100))


def text_of(dataset: TextSet, *splits: str) -> str:
    return "".join("\n".join(dataset.splits[split]) for split in splits)


def test_a_text_as_a_whole_is_cut_at_eight_and_nine_tenths(tmp_path):
    put_text(tmp_path, {"play.txt": PLAY.replace("\n", "\r\n")})
    for path in (tmp_path, tmp_path / "play.txt"):
        dataset = load_dataset(path, documents="whole")
        assert dataset.continuous and dataset.name == ("play" if path.is_file() else tmp_path.name)
        assert text_of(dataset, "train", "validation", "test") == PLAY
        assert text_of(dataset, "test") == PLAY[len(PLAY) * 9 // 10 :]
        assert text_of(dataset, "validation") == PLAY[len(PLAY) * 8 // 10 : len(PLAY) * 9 // 10]


def test_several_files_and_given_splits_as_whole_texts(tmp_path):
    put_text(tmp_path / "plain", {"b.txt": "second " * 20, "a.txt": "first " * 20})
    dataset = load_folder(tmp_path / "plain", documents="whole")
    assert text_of(dataset, "train", "validation", "test") == "first " * 20 + "\n" + "second " * 20
    put_text(tmp_path / "given", {"train/a.txt": PLAY, "test/b.txt": "the end"})
    dataset = load_folder(tmp_path / "given", documents="whole")
    assert text_of(dataset, "test") == "the end"
    assert text_of(dataset, "validation") == PLAY[len(PLAY) * 9 // 10 :]
    assert text_of(dataset, "train", "validation") == PLAY
    put_text(tmp_path / "given", {"stray.txt": "x"})
    with pytest.raises(DataError, match=r"stray\.txt stands in none of them"):
        load_folder(tmp_path / "given", documents="whole")


def test_one_text_file_has_the_splits_that_it_has_in_its_folder(tmp_path):
    put_text(tmp_path, {"lines.txt": "\n".join(f"line {i}" for i in range(60))})
    dataset = load_folder(tmp_path / "lines.txt")
    assert dataset.name == "lines" and not dataset.continuous
    assert dataset.splits == load_folder(tmp_path).splits


@pytest.mark.parametrize("text", ["", " \n\n \n"])
def test_an_empty_text_as_a_whole_is_refused(tmp_path, text):
    put_text(tmp_path, {"a.txt": text})
    with pytest.raises(DataError, match="are all empty"):
        load_folder(tmp_path, documents="whole")
