"""Figures: training curves, also live, image grids, sounds. Every function returns its Axes.

matplotlib and IPython are imported when first used. Without `ax`, a function makes a pyplot figure, which a notebook
shows at the end of the cell.
"""

import io
import math
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from aigc_course.audio import SpectrogramConfig, log_spectrogram
from aigc_course.errors import UsageError
from aigc_course.training.history import History
from aigc_course.training.progress import in_notebook

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Okabe & Ito 2008, "Color universal design": told apart with any kind of colour vision; also dashed differently.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
DASHES = ("-", "--", "-.", ":")
_GAP = 255  # white between the images of a grid
_TILE_INCHES = 0.9
_FRAME_SECONDS = 0.032


def plot_history(
    history: History | Sequence[Mapping[str, float]],
    names: Sequence[str] = ("loss", "validation_loss"),
    *,
    floor: float | None = None,
    ax: "Axes | None" = None,
    title: str = "",
    ylabel: str = "",
) -> "Axes":
    """Draw the recorded columns `names` over the training step; the title says where the last of them went.

    Args:
        history: a History, or its rows `{"step": …, name: value, …}`. Names that it has not recorded are left out.
        floor: value that no model can beat (an entropy, say): a labelled horizontal line, in the units of the columns.
        title, ylabel: instead of those made from the data; columns that are all losses are in nats.
    Raises: UsageError if none of the names is recorded.
    """
    columns = _columns(history, names)
    if not columns:
        recorded = sorted({name for row in _rows(history) for name in row} - {"step", "seconds"})
        raise UsageError(
            f"the history records none of {', '.join(map(repr, names))}; "
            f"recorded: {', '.join(recorded) or 'nothing yet, train first'}"
        )
    return _draw_history(ax or _new_axes(7, 4), columns, floor, title, ylabel)


def plot_images(
    images: Tensor,
    titles: Sequence[object] | None = None,
    columns: int = 10,
    ax: "Axes | None" = None,
    title: str = "",
) -> "Axes":
    """Draw a batch of images as one grid, row by row, every pixel a sharp square.

    Args:
        images: (N, C, H, W), C = 1 (grey) or 3 (red, green, blue). uint8: 0 to 255. Float: [-1, 1] if any value of
            the batch is negative, else [0, 1].
        titles: one short text above each image.
    Raises: UsageError if the shape, type, range or number of titles is wrong.
    """
    images = _as_uint8(images)
    if columns < 1:
        raise UsageError(f"columns = {columns} is not allowed; it must be at least 1")
    if titles is not None and len(titles) != len(images):
        raise UsageError(f"{len(titles)} titles for {len(images)} images; give one for each image, or None")
    n_columns = min(columns, len(images))
    n_rows = math.ceil(len(images) / n_columns)
    height, width = images.shape[2:]
    gap = max(1, round(0.04 * width))
    above = gap if titles is None else max(gap, math.ceil(0.25 * height))
    grid = torch.full((n_rows * (height + above) + gap, n_columns * (width + gap) + gap, 3), _GAP, dtype=torch.uint8)
    corners = [
        (above + (i // n_columns) * (height + above), gap + (i % n_columns) * (width + gap)) for i in range(len(images))
    ]
    for image, (top, left) in zip(images, corners, strict=True):
        grid[top : top + height, left : left + width] = image.permute(1, 2, 0)  # (H, W, C), grey is spread over RGB
    if ax is None:
        inches_wide = max(2.5, n_columns * _TILE_INCHES)
        ax = _new_axes(inches_wide, inches_wide * grid.shape[0] / grid.shape[1] + (0.4 if title else 0.1))
    ax.imshow(grid.numpy(), interpolation="nearest")
    ax.set_axis_off()
    ax.set_title(title, wrap=True)
    if titles is not None:
        _write_titles(ax, [str(text) for text in titles], corners, width, grid.shape[1])
    return ax


def plot_sound(waveform: Tensor, sample_rate_hz: int, title: str = "") -> "tuple[Axes, Axes]":
    """Draw a sound as its waveform over its spectrogram (frames of 32 ms, every 8 ms), on one time axis.

    Args: waveform: (T,) float, full scale [-1, 1].
    Returns: the Axes of the waveform and of the spectrogram (dB relative to a sinusoid at full scale).
    Raises: UsageError if the shape is wrong, the sound shorter than half a frame, or a sample not finite.
    """
    from matplotlib import pyplot as plt

    if waveform.ndim != 1:
        raise UsageError(f"waveform is {tuple(waveform.shape)}; plot one sound (T,) at a time")
    half_frame = max(2, round(_FRAME_SECONDS * sample_rate_hz / 2))
    config = SpectrogramConfig(sample_rate_hz=sample_rate_hz, n_fft=2 * half_frame, hop_length=max(1, half_frame // 2))
    samples = waveform.detach().float().cpu()
    levels_db = log_spectrogram(samples[None], config)[0]  # (n_bins, n_frames)
    seconds = len(samples) / sample_rate_hz

    _, (wave_ax, level_ax) = plt.subplots(2, 1, figsize=(7, 4.5), sharex=True, layout="constrained")
    wave_ax.plot(
        torch.arange(len(samples)).double().numpy() / sample_rate_hz, samples.numpy(), color=COLOURS[0], lw=0.6
    )
    reach = max(1.0, samples.abs().max().item())
    wave_ax.set(ylim=(-1.05 * reach, 1.05 * reach), ylabel="amplitude (full scale 1)")
    wave_ax.set_title(title or f"{seconds:.2f} s of sound at {sample_rate_hz / 1000:g} kHz", wrap=True)

    half_hop = config.hop_length / sample_rate_hz / 2
    half_bin = sample_rate_hz / config.n_fft / 2000
    last = (levels_db.shape[1] - 1) * config.hop_length / sample_rate_hz
    picture = level_ax.imshow(
        levels_db.numpy(),
        origin="lower",
        aspect="auto",
        extent=(-half_hop, last + half_hop, -half_bin, sample_rate_hz / 2000 + half_bin),  # pixels centred on frames
        cmap="magma",
        vmin=config.floor_db,
        vmax=0,
    )
    level_ax.set(xlim=(0, seconds), ylim=(0, sample_rate_hz / 2000), xlabel="time (s)", ylabel="frequency (kHz)")
    wave_ax.figure.colorbar(picture, cax=level_ax.inset_axes((1.02, 0, 0.02, 1)), label="level (dB)")
    return wave_ax, level_ax


class LivePlot:
    """A training curve that redraws itself in a notebook while a model trains: `train(…, on_log=LivePlot())`.

    Redraws one picture in place, at most once a second, and whenever a row with a validation result arrives: a run
    that evaluates ends with one, so that the curve left in the notebook is complete (after other runs, call `draw`).
    What stays is one PNG. Called outside notebooks it does nothing. Make a new one for each run.
    """

    def __init__(
        self,
        names: Sequence[str] = ("loss", "validation_loss"),
        *,
        floor: float | None = None,
        title: str = "",
        ylabel: str = "",
    ) -> None:
        self.names = tuple(names)
        self.floor = floor
        self.title = title
        self.ylabel = ylabel
        self._drawn_at = -math.inf
        self._display: Any = None

    def __call__(self, history: History) -> None:
        """Draw `history` if it is time to."""
        if not (history.rows and in_notebook()):
            return
        validated = any(name.startswith("validation") for name in history.rows[-1])
        if validated or time.monotonic() - self._drawn_at >= 1.0:
            self.draw(history)

    def draw(self, history: History) -> None:
        """Draw `history` now, in place of the picture drawn before; the first draws where the cell's output is."""
        from IPython.display import Image, display

        picture = Image(data=self._png(history), format="png", width=700)
        if self._display is None:
            self._display = display(picture, display_id=True)
        else:
            self._display.update(picture)
        self._drawn_at = time.monotonic()

    def _png(self, history: History) -> bytes:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        figure = Figure(figsize=(7, 4))
        FigureCanvasAgg(figure)
        # Fixed margins with room for a title of two lines: fitting them takes longer than all the rest.
        figure.subplots_adjust(left=0.12, right=0.97, bottom=0.14, top=0.87)
        columns = _columns(history, self.names)
        title = self.title if columns else f"Waiting for {' and '.join(self.names)}"
        _draw_history(figure.add_subplot(), columns, self.floor, title, self.ylabel)
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", dpi=130, pil_kwargs={"compress_level": 1})
        return buffer.getvalue()


def _rows(history: History | Sequence[Mapping[str, float]]) -> Sequence[Mapping[str, float]]:
    return history.rows if isinstance(history, History) else history


def _columns(
    history: History | Sequence[Mapping[str, float]], names: Sequence[str]
) -> dict[str, tuple[list[int], list[float]]]:
    """The steps and values of those `names` that are recorded."""
    if isinstance(names, str):
        raise UsageError(f"names = {names!r} is one text; give a list, such as [{names!r}]")
    columns = {}
    for name in names:
        rows = [row for row in _rows(history) if name in row]
        if rows:
            columns[name] = [int(row["step"]) for row in rows], [float(row[name]) for row in rows]
    return columns


def _draw_history(
    ax: "Axes", columns: dict[str, tuple[list[int], list[float]]], floor: float | None, title: str, ylabel: str
) -> "Axes":
    for i, (name, (steps, values)) in enumerate(columns.items()):
        marker = "o" if len(steps) <= 20 else ""
        colour, dashes = COLOURS[i % len(COLOURS)], DASHES[i % len(DASHES)]
        ax.plot(steps, values, label=_words(name), color=colour, linestyle=dashes, marker=marker, markersize=4)
    if floor is not None:
        ax.axhline(floor, color="0.3", linestyle=":", label=f"floor: {floor:.4g}")
    losses = all("loss" in name for name in columns)
    ax.set(xlabel="training step", ylabel=ylabel or ("loss (nats)" if losses else ", ".join(map(_words, columns))))
    ax.set_title(title or _claim(columns, floor), wrap=True)
    ax.grid(alpha=0.3)
    if columns or floor is not None:
        ax.legend()
    return ax


def _claim(columns: dict[str, tuple[list[int], list[float]]], floor: float | None) -> str:
    """Where the last column went, in words and its own numbers."""
    name, (steps, values) = list(columns.items())[-1]
    first, last = _short(values[0]), _short(values[-1])
    if first == last:
        text = f"{_words(name)} is {last}"
    else:
        text = f"{_words(name)} {'falls' if values[-1] < values[0] else 'rises'} from {first} to {last}"
    if floor is None:
        text += f" {'at' if first == last else 'by'} step {steps[-1]:,}"
    else:
        text += f", {abs(values[-1] - floor):.2g} {'above' if values[-1] >= floor else 'below'} the floor"
    return text[0].upper() + text[1:]


def _short(value: float) -> str:
    """Three digits, or all before the point."""
    return f"{value:,.0f}" if 1000 <= abs(value) < 1e6 else f"{value:.3g}"


def _words(name: str) -> str:
    return name.replace("_", " ")


def _new_axes(inches_wide: float, inches_high: float) -> "Axes":
    from matplotlib import pyplot as plt

    return plt.subplots(figsize=(inches_wide, inches_high), layout="constrained")[1]


def _as_uint8(images: Tensor) -> Tensor:
    """`images` (see plot_images) as uint8 on the CPU."""
    if images.ndim != 4 or images.shape[1] not in (1, 3) or images.numel() == 0:
        raise UsageError(f"images are {tuple(images.shape)}; they must be (N, C, H, W) with N >= 1 and C = 1 or 3")
    images = images.detach().cpu()
    if images.dtype == torch.uint8:
        return images
    if not images.is_floating_point():
        raise UsageError(f"images are {images.dtype}; give uint8 in 0 to 255, or float in [0, 1] or [-1, 1]")
    images = images.float()
    low, high = images.min().item(), images.max().item()
    if not (low >= -1.001 and high <= 1.001):  # also false for nan
        raise UsageError(f"images range from {low:.4g} to {high:.4g}; floats must be finite, in [0, 1] or [-1, 1]")
    unit = (images + 1) / 2 if low < 0 else images
    return (255 * unit).round().clamp(0, 255).to(torch.uint8)


def _write_titles(
    ax: "Axes", titles: list[str], corners: list[tuple[int, int]], tile_width: int, grid_width: int
) -> None:
    """Write each title above its image, small enough to stay within the image's width."""
    points_per_pixel = ax.get_window_extent().width * 72 / ax.figure.dpi / grid_width
    longest = max(1, *map(len, titles))
    size = max(4.0, min(9.0, tile_width * points_per_pixel / (0.62 * longest)))
    for text, (top, left) in zip(titles, corners, strict=True):
        ax.text(left + (tile_width - 1) / 2, top - 1, text, ha="center", va="bottom", fontsize=size)
