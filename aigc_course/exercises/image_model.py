"""Exercises on a first image model: what it takes in, how large it is, and what a service refuses."""

from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn

from aigc_course.exercises.calls import AnswerError
from aigc_course.exercises.draws import near, tensor
from aigc_course.exercises.spec import Answer, Exercise, Misconception, Property, Rng
from aigc_course.generators.restoring import unit_image


def to_model_input(images: np.ndarray) -> Tensor:
    """What cv2.imread gives, as a colour model takes it: (N, H, W, 3) uint8 BGR -> (N, 3, H, W) RGB in [0, 1]."""
    return torch.from_numpy(np.ascontiguousarray(images[..., ::-1].transpose(0, 3, 1, 2))).float() / 255


def _photographs(rng: Rng) -> tuple[np.ndarray]:
    count, height, width = int(rng.integers(1, 4)), int(rng.integers(2, 5)), int(rng.integers(5, 8))
    return (rng.integers(0, 200, size=(count, height, width, 3), dtype=np.uint8),)


def _blue_is_the_last_channel(answer: Answer, rng: Rng) -> bool:
    blue = np.zeros((2, 3, 5, 3), np.uint8)
    blue[..., 0] = rng.integers(1, 256)
    channels = tensor(answer(blue)).amax(dim=(0, 2, 3))
    return bool(channels[2] > 0 and channels[:2].abs().max() == 0)


def _a_pixel_stays_where_it_is(answer: Answer, rng: Rng) -> bool:
    row, column = int(rng.integers(0, 3)), int(rng.integers(0, 5))
    image = np.zeros((1, 3, 5, 3), np.uint8)
    image[0, row, column] = 255
    places = tensor(answer(image))[0].nonzero()[:, 1:]
    return near(places, [[row, column]] * 3)


def _grey_has_its_value(answer: Answer, rng: Rng) -> bool:
    level = int(rng.integers(1, 256))
    return near(answer(np.full((1, 2, 3, 3), level, np.uint8)), torch.full((1, 3, 2, 3), level / 255))


MODEL_INPUT = Exercise(
    id="03.1",
    title="From OpenCV's image to the model's",
    minutes=8,
    inputs=_photographs,
    reference=to_model_input,
    hints=(
        "Three things differ: the order of the colours, the place of the axis of colours, and the range of values.",
        "images[..., ::-1] turns the last axis round. Which axis has to come second, and which two follow it in order?",
        "After images[..., ::-1].transpose(0, 3, 1, 2) only the range is left. 255 should become 1.",
    ),
    properties=(
        Property(statement="an image of pure blue lights the last channel alone", holds=_blue_is_the_last_channel),
        Property(
            statement="a white pixel in row r and column c stays in row r and column c",
            holds=_a_pixel_stays_where_it_is,
        ),
        Property(statement="an image all of the grey level g becomes g / 255 everywhere", holds=_grey_has_its_value),
    ),
    misconceptions=(
        Misconception(
            name="blue taken for red",
            wrong=lambda images: torch.from_numpy(images.transpose(0, 3, 1, 2) / 255.0),
            message="The axes and the range are right, but OpenCV stores blue, green, red, and the model expects red "
            "first. Nothing fails: the model only sees orange cats as blue ones.",
        ),
        Misconception(
            name="reshaped, not moved",
            wrong=lambda images: torch.from_numpy(
                images[..., ::-1].reshape(len(images), 3, *images.shape[1:3]) / 255.0
            ),
            message="The shape is right, the picture is shredded: reshape keeps all numbers in their order in memory "
            "and only draws new borders between them. An axis has to be *moved*.",
        ),
        Misconception(
            name="rows and columns exchanged",
            wrong=lambda images: torch.from_numpy(
                np.ascontiguousarray(images[..., ::-1].transpose(0, 3, 2, 1)) / 255.0
            ),
            message="Rows and columns have changed places, so that every image lies on its side, mirrored. Square "
            "images would have hidden it from every check of the shape.",
        ),
        Misconception(
            name="divided without a remainder",
            wrong=lambda images: torch.from_numpy(
                np.ascontiguousarray(images[..., ::-1].transpose(0, 3, 1, 2) // 255).astype(np.float32)
            ),
            message="You divided whole numbers by //, which drops what comes after the point: only pure white is left.",
        ),
        Misconception(
            name="the range of a tanh",
            wrong=lambda images: torch.from_numpy(images[..., ::-1].transpose(0, 3, 1, 2) / 127.5 - 1),
            message="Your values span [-1, 1]. GANs with a tanh want that; this model's sigmoid can't paint below 0.",
        ),
        Misconception(
            name="its own maximum",
            wrong=lambda images: torch.from_numpy(images[..., ::-1].transpose(0, 3, 1, 2) / max(1, images.max())),
            message="You divided by the largest value that happens to occur. Then the same grey means something else "
            "in every batch, and a dark photograph turns bright.",
        ),
    ),
)


def count_parameters(widths: list[int]) -> int:
    """Weights and biases of a dense network: a layer from a to b numbers has a b weights and b biases."""
    return sum((inputs + 1) * outputs for inputs, outputs in pairwise(widths))


def _widths(rng: Rng) -> tuple[list[int]]:
    return ([int(width) for width in rng.choice(np.arange(3, 60), size=int(rng.integers(3, 6)), replace=False)],)


def _torch_counts_the_same(answer: Answer, rng: Rng) -> bool:
    (widths,) = _widths(rng)
    layers = [nn.Linear(inputs, outputs, device="meta") for inputs, outputs in pairwise(widths)]
    return near(answer(widths), sum(p.numel() for layer in layers for p in layer.parameters()))


def _layers_add_up(answer: Answer, rng: Rng) -> bool:
    (widths,) = _widths(rng)
    return near(answer(widths), answer(widths[:2]) + answer(widths[1:]))


COUNT_PARAMETERS = Exercise(
    id="03.2",
    title="How many numbers to learn?",
    minutes=5,
    inputs=_widths,
    reference=count_parameters,
    hints=(
        "Begin with one layer, from 3 numbers to 2. Draw all its arrows; then what else has each output?",
        "A layer from a to b numbers has a matrix of b x a weights and b biases.",
        "Sum (a + 1) b over neighbours: zip(widths[:-1], widths[1:]).",
    ),
    properties=(
        Property(statement="torch's own layers have as many parameters", holds=_torch_counts_the_same),
        Property(statement="the layers of a network add up", holds=_layers_add_up),
    ),
    misconceptions=(
        Misconception(
            name="no biases",
            wrong=lambda widths: sum(a * b for a, b in pairwise(widths)),
            message="You counted the weights. Each unit that computes something also adds a number of its own.",
        ),
        Misconception(
            name="a bias for each input",
            wrong=lambda widths: sum(a * (b + 1) for a, b in pairwise(widths)),
            message="The weights are right, the biases sit at the wrong end: a layer adds one to each number that it "
            "gives out, not to each that it takes in.",
        ),
        Misconception(
            name="biases for the pixels",
            wrong=lambda widths: sum(a * b for a, b in pairwise(widths)) + sum(widths),
            message="You gave the input a bias too. The pixels are not computed, so nothing is added to them.",
        ),
        Misconception(
            name="one bias a layer",
            wrong=lambda widths: sum(a * b + 1 for a, b in pairwise(widths)),
            message="You counted a single bias for each layer; every unit of the layer has its own.",
        ),
        Misconception(
            name="a product of all",
            wrong=lambda widths: int(np.prod(widths)),
            message="You multiplied all widths. Layers follow each other: their weights add up.",
        ),
    ),
)


def _image_and_size(rng: Rng) -> tuple[np.ndarray, int]:
    size = 2 * int(rng.integers(2, 5))
    image = rng.integers(0, 256, size=(size, size), dtype=np.uint8)
    image[0, :2] = 0, 255
    return (image if rng.random() < 0.5 else image.astype(np.float32) / 255), size


def _refused(answer: Answer, image: np.ndarray, size: int) -> bool:
    try:
        answer(image, size)
    except AnswerError as error:
        return isinstance(error.cause, ValueError)
    except ValueError:
        return True
    return False


def _floats(rng: Rng, size: int = 6) -> np.ndarray:
    return rng.uniform(0.1, 0.9, size=(size, size)).astype(np.float32)


def _refuses_one_pixel_of(value: float) -> Answer:
    def holds(answer: Answer, rng: Rng) -> bool:
        image = _floats(rng)
        image[int(rng.integers(6)), int(rng.integers(6))] = value
        return _refused(answer, image, 6)

    return holds


def _dark_bytes_stay_dark(answer: Answer, rng: Rng) -> bool:
    image = rng.integers(0, 2, size=(6, 6), dtype=np.uint8)
    return near(answer(image, 6), (image / 255.0)[None, None])


def _both_dtypes_mean_the_same(answer: Answer, rng: Rng) -> bool:
    image = rng.integers(0, 256, size=(6, 6), dtype=np.uint8)
    return near(answer(image, 6), answer(image.astype(np.float32) / 255, 6))


def _same_count_of_pixels_in_another_shape(answer: Answer, rng: Rng) -> bool:
    return _refused(answer, _floats(rng).reshape(4, 9), 6)


def _whole_numbers_of_unknown_range(answer: Answer, rng: Rng) -> bool:
    return _refused(answer, rng.integers(0, 256, size=(6, 6)), 6)


def _guessed_from_the_values(image: np.ndarray, size: int) -> Tensor:
    largest = image.max()
    return unit_image((image / (255 if largest > 1 else 1)).astype(np.float32), size)


def _nan_passes(image: np.ndarray, size: int) -> Tensor:
    unit_image(np.nan_to_num(image), size)  # every check but that for NaN
    return torch.from_numpy(image / (255 if image.dtype == np.uint8 else 1))[None, None]


def _clipped(image: np.ndarray, size: int) -> Tensor:
    floating = np.issubdtype(image.dtype, np.floating)
    return unit_image(np.nan_to_num(image).clip(0, 1) if floating else image, size)


def _divided_in_any_case(image: np.ndarray, size: int) -> Tensor:
    return unit_image(image, size) / (1 if image.dtype == np.uint8 else 255)


PREPARE = Exercise(
    id="03.6",
    title="An input that can be trusted",
    stars=2,
    minutes=12,
    inputs=_image_and_size,
    reference=unit_image,
    hints=(
        "Decide by what is known for certain: the shape, then the dtype. The values come last.",
        "uint8 means 0 to 255. Floats must already lie in [0, 1]. Any other dtype: raise ValueError.",
        "Which comparisons are true for NaN? `not (x.min() >= 0 and x.max() <= 1)` and "
        "`x.min() < 0 or x.max() > 1` differ exactly there.",
    ),
    properties=(
        Property(
            statement="an image with as many pixels in another shape is refused with a ValueError",
            holds=_same_count_of_pixels_in_another_shape,
        ),
        Property(statement="a float above 1 is refused with a ValueError", holds=_refuses_one_pixel_of(1.5)),
        Property(statement="a float below 0 is refused with a ValueError", holds=_refuses_one_pixel_of(-0.5)),
        Property(statement="a NaN is refused with a ValueError", holds=_refuses_one_pixel_of(float("nan"))),
        Property(statement="int64 is refused with a ValueError", holds=_whole_numbers_of_unknown_range),
        Property(statement="a uint8 image of zeros and ones is almost black", holds=_dark_bytes_stay_dark),
        Property(
            statement="an image in uint8, and the same divided by 255, come out alike", holds=_both_dtypes_mean_the_same
        ),
    ),
    misconceptions=(
        Misconception(
            name="NaN slips through",
            wrong=_nan_passes,
            message="All is checked but NaN. Every comparison with it is false, so `x < 0 or x > 1` finds nothing "
            "wrong, and the whole restored image becomes NaN. Ask for what must hold, not for what must not.",
        ),
        Misconception(
            name="repaired in silence",
            wrong=_clipped,
            message="You clip what is out of range. Then an image in 0 to 255 given as floats turns into a black and "
            "white one, and nobody is told. A service that can't know what was meant should refuse.",
        ),
        Misconception(
            name="guessed from the values",
            wrong=_guessed_from_the_values,
            message="You decide by the largest value whether to divide by 255. A nearly black uint8 image of zeros and "
            "ones then becomes black and white. The dtype knows what the values only suggest.",
        ),
        Misconception(
            name="reshaped to fit",
            wrong=lambda image, size: unit_image(image.reshape(size, size), size),
            message="You reshape before you look. A 4 x 9 image has as many pixels as a 6 x 6 one, and comes out "
            "shredded, without an error.",
        ),
        Misconception(
            name="divided in any case",
            wrong=_divided_in_any_case,
            message="Floats in [0, 1] were divided by 255 too: they become almost black.",
        ),
        Misconception(
            name="bytes as they are",
            wrong=lambda image, size: unit_image(image, size) * (255 if image.dtype == np.uint8 else 1),
            message="uint8 images keep their values 0 to 255: the model was trained on [0, 1].",
        ),
    ),
)

EXERCISES = (MODEL_INPUT, COUNT_PARAMETERS, PREPARE)
