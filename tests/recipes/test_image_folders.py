"""A folder of the user's own images: what trains, and what is refused before anything is written."""

import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from aigc_course import load_generator, recipes
from aigc_course.errors import CourseError, DataError, UsageError

RECIPES = ["image-gan", "image-vae", "image-classifier"]


def put(folder: Path, classes: tuple[str, ...] = ("a", "b"), count: int = 16, mode: str = "RGB", **changes: int) -> str:
    """Noise, `count` images of each class."""
    random = np.random.default_rng(0)
    height, width = changes.get("height", 8), changes.get("width", 8)
    for name in classes:
        (folder / name).mkdir(parents=True)
        for i in range(count):
            pixels = random.integers(0, 256, (height + i % changes.get("sizes", 1), width, 3), dtype=np.uint8)
            Image.fromarray(pixels).convert(mode).save(folder / name / f"{i}.png")
    return str(folder)


def train(recipe: str, data: str, run_dir: Path) -> recipes.Run:
    return recipes.train(recipe, profile="smoke", data=data, run_dir=run_dir)


def refused(recipe: str, data: str, run_dir: Path, error: type[CourseError], message: str) -> None:
    with pytest.raises(error, match=message):
        train(recipe, data, run_dir)
    assert not run_dir.exists()


@pytest.mark.parametrize("mode", ["L", "RGBA", "P"])
def test_grey_transparent_and_palette_images_train(mode: str, tmp_path: Path) -> None:
    run = train("image-gan", put(tmp_path / "mine", mode=mode), tmp_path / "run")
    assert load_generator(run).generate_images(2, label="b").tensor.shape == (2, 3, 8, 8)


@pytest.mark.parametrize("recipe", ["image-gan", "image-vae"])
@pytest.mark.parametrize("place", [".", "cat"], ids=["loose files", "one class folder"])
def test_images_of_one_class_train_an_unconditional_generator(recipe: str, place: str, tmp_path: Path) -> None:
    run = train(recipe, put(tmp_path / "mine", (place,)), tmp_path / "run")
    assert load_generator(run).generate_images(3).tensor.shape == (3, 3, 8, 8)
    with pytest.raises(UsageError, match="class"):
        load_generator(run).generate_images(3, label="cat")


def test_a_classifier_needs_two_classes(tmp_path: Path) -> None:
    data = put(tmp_path / "mine", ("cat",))
    refused("image-classifier", data, tmp_path / "run", UsageError, "'cat': there is nothing to tell apart; sort the")


@pytest.mark.parametrize("recipe", RECIPES)
def test_mixed_sizes_say_how_to_make_them_one(recipe: str, tmp_path: Path) -> None:
    data = put(tmp_path / "mine", sizes=2)
    refused(recipe, data, tmp_path / "run", DataError, rf"8 × 8 pixels .* 8 × 9; .*data resize {data} {data}-64")


@pytest.mark.parametrize("recipe", RECIPES)
def test_images_that_are_not_square_say_how_to_make_them_so(recipe: str, tmp_path: Path) -> None:
    data = put(tmp_path / "mine", width=9)
    refused(recipe, data, tmp_path / "run", UsageError, r"mine are 8 x 9 \(height x width\).*data resize FOLDER NEW")


def test_a_gan_trains_on_fewer_images_than_a_batch_and_the_others_want_two_to_test_on(tmp_path: Path) -> None:
    data = put(tmp_path / "mine", count=2)  # and the smoke profile's batch is 8
    gan = train("image-gan", data, tmp_path / "gan")
    assert gan.metrics["relative_distance"] == 1 and gan.metrics["collapsed"] == 0  # each real image has its copy
    for recipe in ("image-vae", "image-classifier"):
        refused(recipe, data, tmp_path / "run", DataError, "2 in test; but mine has 2 in train, 1 in val.*, 1 in")
    more = put(tmp_path / "more", count=16)
    assert math.isfinite(train("image-vae", more, tmp_path / "vae").metrics["validation_loss"])


@pytest.mark.parametrize("recipe", ["image-vae", "image-classifier"])
def test_two_images_hold_nothing_out(recipe: str, tmp_path: Path) -> None:
    data = put(tmp_path / "mine", count=1)
    refused(recipe, data, tmp_path / "run", DataError, r"needs at least .*1 in validation.*has 2 in train, 0 in val")


def test_one_image_trains_a_gan(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    Image.new("RGB", (8, 8), "teal").save(tmp_path / "mine" / "0.png")
    run = train("image-gan", str(tmp_path / "mine"), tmp_path / "run")
    assert all(math.isfinite(value) for value in run.metrics.values())


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_class_without_a_training_image_is_named(recipe: str, tmp_path: Path) -> None:
    put(tmp_path / "mine" / "train", ("a",))
    data = put(tmp_path / "mine" / "test", ("b",))
    refused(recipe, str(Path(data).parent), tmp_path / "run", DataError, "these classes have no training image: b")


@pytest.mark.parametrize("recipe", RECIPES)
def test_images_that_are_all_equal_divide_nothing_by_zero(recipe: str, tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / "mine" / name).mkdir(parents=True)
        for i in range(16):
            Image.new("RGB", (8, 8), (10, 77, 203)).save(tmp_path / "mine" / name / f"{i}.png")
    run = train(recipe, str(tmp_path / "mine"), tmp_path / "run")
    assert all(math.isfinite(value) for value in run.metrics.values())
    if recipe == "image-gan":
        assert run.history.column("relative_distance")[1] == [1.0] * 3
