"""An autoencoder as a service: what it restores, what it refuses, and its file."""

import numpy as np
import pytest
import torch

from aigc_course.errors import CheckpointError, UsageError
from aigc_course.generators.restoring import Restorer, load_restorer, save_autoencoder, unit_image
from aigc_course.models import Autoencoder, AutoencoderConfig
from aigc_course.training import checkpoint

SIZE = 6


def make() -> Autoencoder:
    torch.manual_seed(0)
    return Autoencoder(AutoencoderConfig(image_size=SIZE, encoder_widths=(9,), code_dim=4, output="identity"))


def picture() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, size=(SIZE, SIZE), dtype=np.uint8)


def test_all_forms_of_one_image_give_the_same():
    image = picture()
    unit = torch.from_numpy(image.astype(np.float32) / 255)
    forms = [image, torch.from_numpy(image), unit, unit.numpy(), unit.double(), np.asfortranarray(image)]
    first = unit_image(image, SIZE)
    assert first.shape == (1, 1, SIZE, SIZE) and first.dtype == torch.float32
    for form in forms:
        torch.testing.assert_close(unit_image(form, SIZE), first, rtol=0, atol=1e-7)


def test_black_and_white_are_0_and_1():
    assert unit_image(np.full((SIZE, SIZE), 255, np.uint8), SIZE).unique().tolist() == [1.0]
    assert unit_image(np.zeros((SIZE, SIZE), np.uint8), SIZE).unique().tolist() == [0.0]


def test_it_restores_as_the_model_does_and_cuts_off_what_no_image_has():
    model, image = make(), picture()
    expected = model(torch.from_numpy(image)[None, None].float() / 255).detach()
    assert expected.min() < 0
    restored = Restorer(model).reconstruct(image)
    assert restored.dtype == np.float32
    np.testing.assert_array_equal(restored, expected.clamp(0, 1)[0, 0].numpy())


def test_a_saved_model_gives_the_same_bits(tmp_path):
    model = make()
    save_autoencoder(tmp_path / "model.safetensors", model)
    restorer = load_restorer(tmp_path / "model.safetensors")
    assert restorer.model.config == model.config
    np.testing.assert_array_equal(restorer.reconstruct(picture()), Restorer(model).reconstruct(picture()))


def test_a_damaged_or_foreign_file_is_refused(tmp_path):
    path = tmp_path / "model.safetensors"
    save_autoencoder(path, make())
    content = bytearray(path.read_bytes())
    content[-5] ^= 1
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match="SHA-256"):
        load_restorer(path)
    checkpoint.save(path, {"config": {"recipe": "image-vae"}, "model": {}})
    with pytest.raises(CheckpointError, match="holds no autoencoder"):
        load_restorer(path)
    with pytest.raises(CheckpointError, match="no checkpoint"):
        load_restorer(tmp_path / "absent")


@pytest.mark.parametrize(
    ("image", "named"),
    [
        (None, "image is NoneType"),
        ([[0.0] * SIZE] * SIZE, "image is list"),
        (np.zeros((SIZE, SIZE, 3), np.uint8), "IMREAD_GRAYSCALE"),
        (np.zeros((SIZE, SIZE + 1), np.uint8), f"cut or resize it to {SIZE} x {SIZE}"),
        (np.zeros((SIZE, SIZE), np.int64), "int64; give uint8"),
        (torch.zeros(SIZE, SIZE, dtype=torch.bool), "bool"),
        (np.full((SIZE, SIZE), 255.0), "divide 0 to 255 by 255"),
        (np.full((SIZE, SIZE), -0.01), r"spans -0.01 to -0.01"),
        (np.full((SIZE, SIZE), np.nan), "NaN"),
        (np.full((SIZE, SIZE), np.inf, np.float32), "infinity"),
    ],
)
def test_what_is_no_image_is_refused(image, named):
    with pytest.raises(UsageError, match=named):
        Restorer(make()).reconstruct(image)
