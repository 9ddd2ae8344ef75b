"""Figures show the numbers they are given, with labelled axes."""

import math
from collections.abc import Iterator
from typing import Any

import matplotlib
import numpy as np
import pytest
import torch

matplotlib.use("Agg")
from matplotlib import pyplot as plt

from aigc_course.errors import UsageError
from aigc_course.plots import plot_history, plot_images, plot_sound
from aigc_course.training import History

ROWS = [
    {"step": 10, "seconds": 1.0, "loss": 3.0},
    {"step": 20, "seconds": 2.0, "loss": 2.0, "validation_loss": 2.5},
    {"step": 30, "seconds": 3.0, "loss": 1.5, "accuracy": 0.5},
    {"step": 40, "seconds": 4.0, "loss": 1.0, "validation_loss": 1.25},
]


@pytest.fixture(autouse=True)
def close_figures() -> Iterator[None]:
    yield
    plt.close("all")


def history_of(rows: list[dict[str, float]]) -> History:
    history = History()
    for row in rows:
        history.append(int(row["step"]), row["seconds"], {n: v for n, v in row.items() if n not in ("step", "seconds")})
    return history


def lines(ax: Any) -> dict[str, tuple[list[float], list[float]]]:
    return {line.get_label(): (list(line.get_xdata()), list(line.get_ydata())) for line in ax.get_lines()}


def assert_nothing_cropped(figure: Any) -> None:
    figure.canvas.draw()
    inside, needed = figure.bbox, figure.get_tightbbox().transformed(figure.dpi_scale_trans)
    assert needed.x0 >= inside.x0 - 1 and needed.y0 >= inside.y0 - 1
    assert needed.x1 <= inside.x1 + 1 and needed.y1 <= inside.y1 + 1


@pytest.mark.parametrize("history", [ROWS, history_of(ROWS)], ids=["rows", "History"])
def test_history_draws_each_column_at_its_steps(history: Any) -> None:
    ax = plot_history(history, floor=1.0)
    assert lines(ax)["loss"] == ([10, 20, 30, 40], [3.0, 2.0, 1.5, 1.0])
    assert lines(ax)["validation loss"] == ([20, 40], [2.5, 1.25])
    assert lines(ax)["floor: 1"][1] == [1.0, 1.0]
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["loss", "validation loss", "floor: 1"]
    assert ax.get_xlabel() == "training step" and ax.get_ylabel() == "loss (nats)"
    assert ax.get_title() == "Validation loss falls from 2.5 to 1.25, 0.25 above the floor"
    assert_nothing_cropped(ax.figure)


def test_history_without_a_floor_draws_none() -> None:
    assert set(lines(plot_history(ROWS))) == {"loss", "validation loss"}


def test_history_title_follows_the_numbers() -> None:
    rising = [{"step": 1, "accuracy": 0.25}, {"step": 2, "accuracy": 0.75}]
    ax = plot_history(rising, ["accuracy"], floor=1.0)
    assert ax.get_title() == "Accuracy rises from 0.25 to 0.75, 0.25 below the floor"
    assert ax.get_ylabel() == "accuracy"
    assert plot_history(rising[:1], ["accuracy"]).get_title() == "Accuracy is 0.25 at step 1"
    assert plot_history(rising, ["accuracy"], title="Mine", ylabel="share").get_title() == "Mine"


def test_history_uses_the_given_axes() -> None:
    _, axes = plt.subplots(1, 2)
    assert plot_history(ROWS, ax=axes[1]) is axes[1]
    assert not axes[0].lines and plt.get_fignums() == [axes[0].figure.number]


def test_curves_differ_in_more_than_colour() -> None:
    drawn = plot_history(ROWS).get_lines()
    assert drawn[0].get_color() != drawn[1].get_color()
    assert drawn[0].get_linestyle() != drawn[1].get_linestyle()


def test_history_without_the_names_says_what_is_recorded() -> None:
    with pytest.raises(UsageError, match=r"none of 'lss'; recorded: accuracy, loss, validation_loss"):
        plot_history(ROWS, ["lss"])
    with pytest.raises(UsageError, match="nothing yet"):
        plot_history([])
    with pytest.raises(UsageError, match=r"give a list, such as \['loss'\]"):
        plot_history(ROWS, "loss")
    assert not plt.get_fignums()


def grid_of(ax: Any) -> np.ndarray:
    (picture,) = ax.get_images()
    assert picture.get_interpolation() == "nearest"
    return np.asarray(picture.get_array())


def tiles(grid: np.ndarray) -> list[list[int]]:
    """Top-left corners of the 2x3 dark images on white, row by row."""
    dark = (grid != 255).any(axis=2)
    rows = [r for r in range(len(dark)) if dark[r].any() and not (r and dark[r - 1].any())]
    columns = [c for c in range(dark.shape[1]) if dark[:, c].any() and not (c and dark[:, c - 1].any())]
    return [[r, c] for r in rows for c in columns if dark[r, c]]


def test_image_grid_keeps_order_pixels_and_colours() -> None:
    images = torch.arange(5 * 3 * 2 * 3, dtype=torch.uint8).reshape(5, 3, 2, 3)
    ax = plot_images(images, columns=3, title="Five")
    grid = grid_of(ax)
    corners = tiles(grid)
    assert len(corners) == 5 and corners[0][0] == corners[2][0] < corners[3][0]
    for image, (top, left) in zip(images, corners, strict=True):
        np.testing.assert_array_equal(grid[top : top + 2, left : left + 3], image.permute(1, 2, 0).numpy())
    assert ax.get_title() == "Five"
    assert_nothing_cropped(ax.figure)


def test_grey_images_are_grey() -> None:
    grid = grid_of(plot_images(torch.tensor([[[[0, 50, 100], [150, 200, 250]]]], dtype=torch.uint8)))
    ((top, left),) = tiles(grid)
    for channel in range(3):
        assert grid[top : top + 2, left : left + 3, channel].tolist() == [[0, 50, 100], [150, 200, 250]]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0.0, 0.2, 0.4, 0.5, 0.6, 0.8], [0, 51, 102, 128, 153, 204]),
        ([-1.0, -0.6, -0.2, 0.0, 0.2, 0.6], [0, 51, 102, 128, 153, 204]),
    ],
    ids=["0 to 1", "-1 to 1"],
)
def test_float_ranges(values: list[float], expected: list[int]) -> None:
    grid = grid_of(plot_images(torch.tensor(values).reshape(1, 1, 2, 3)))
    ((top, left),) = tiles(grid)
    assert np.abs(grid[top : top + 2, left : left + 3, 0].ravel().astype(int) - expected).max() <= 1
    assert grid[top, left, 0] == 0


def test_image_titles_stand_above_their_images() -> None:
    images = torch.zeros(3, 1, 20, 20)
    ax = plot_images(images, titles=["a", "a much longer title", 7], columns=2)
    assert [text.get_text() for text in ax.texts] == ["a", "a much longer title", "7"]
    corners = tiles(grid_of(ax))
    for text, (top, left) in zip(ax.texts, corners, strict=True):
        x, y = text.get_position()
        assert left < x < left + 19 and top - 3 < y < top
    assert_nothing_cropped(ax.figure)
    boxes = [text.get_window_extent() for text in ax.texts]
    assert not boxes[0].overlaps(boxes[1])


@pytest.mark.parametrize(
    ("images", "options", "message"),
    [
        (torch.zeros(3, 8, 8), {}, r"\(3, 8, 8\); they must be \(N, C, H, W\)"),
        (torch.zeros(1, 2, 8, 8), {}, "C = 1 or 3"),
        (torch.zeros(0, 1, 8, 8), {}, "N >= 1"),
        (torch.zeros(1, 1, 8, 8, dtype=torch.int64), {}, "int64; give uint8"),
        (torch.full((1, 1, 8, 8), 255.0), {}, "range from 255 to 255"),
        (torch.full((1, 1, 8, 8), math.nan), {}, "finite"),
        (torch.zeros(2, 1, 8, 8), {"titles": ["a"]}, "1 titles for 2 images"),
        (torch.zeros(2, 1, 8, 8), {"columns": 0}, "columns = 0"),
    ],
)
def test_wrong_images_are_refused(images: torch.Tensor, options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        plot_images(images, **options)
    assert not plt.get_fignums()


@pytest.mark.parametrize("sample_rate_hz", [8000, 22050])
def test_sound_shows_a_tone_at_its_frequency_and_time(sample_rate_hz: int) -> None:
    seconds = torch.arange(sample_rate_hz, dtype=torch.float64) / sample_rate_hz
    tone = torch.where(seconds < 0.5, 0, torch.sin(2 * math.pi * 1000 * seconds)).float()
    wave_ax, level_ax = plot_sound(tone, sample_rate_hz)
    x, y = wave_ax.get_lines()[0].get_data()
    np.testing.assert_array_equal(y, tone.numpy())
    np.testing.assert_allclose(x, seconds.numpy(), atol=1e-9)
    (picture,) = level_ax.get_images()
    levels = np.asarray(picture.get_array())
    left, right, bottom, top = picture.get_extent()
    row = int(levels.max(axis=1).argmax())
    khz = bottom + (row + 0.5) * (top - bottom) / levels.shape[0]
    assert abs(khz - 1.0) < 0.02 and picture.origin == "lower"
    at = left + (np.arange(levels.shape[1]) + 0.5) * (right - left) / levels.shape[1]
    assert levels[row, (at > 0.53) & (at < 0.97)].min() > -6 and levels[row, at < 0.47].max() == -80
    assert wave_ax.get_xlim() == level_ax.get_xlim() == (0, 1.0)
    assert (
        "amplitude" in wave_ax.get_ylabel()
        and wave_ax.get_title() == f"1.00 s of sound at {sample_rate_hz / 1e3:g} kHz"
    )
    assert level_ax.get_xlabel() == "time (s)" and level_ax.get_ylabel() == "frequency (kHz)"
    assert "level (dB)" in [ax.get_ylabel() for ax in [*level_ax.figure.axes, *level_ax.child_axes]]
    assert_nothing_cropped(wave_ax.figure)
    boxes = wave_ax.get_window_extent(), level_ax.get_window_extent()
    assert boxes[0].x0 == pytest.approx(boxes[1].x0) and boxes[0].x1 == pytest.approx(boxes[1].x1)


def test_wrong_sounds_are_refused() -> None:
    with pytest.raises(UsageError, match=r"\(2, 800\); plot one sound"):
        plot_sound(torch.zeros(2, 800), 8000)
    with pytest.raises(UsageError, match="T > 128"):
        plot_sound(torch.zeros(100), 8000)
    with pytest.raises(UsageError, match="not finite"):
        plot_sound(torch.full((800,), math.nan), 8000)
    assert not plt.get_fignums()
