"""A time-lapse of training: what a model draws from the same z, again and again as it learns.

Each evaluation of a run leaves a picture, `samples/STEP.png` in its directory; `save_timelapse` joins them to a film.
"""

import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from aigc_course.errors import DataError, UsageError
from aigc_course.files import atomic_write
from aigc_course.recipes.recipe import Job
from aigc_course.recipes.runs import Run
from aigc_course.training import History, Runtime

if TYPE_CHECKING:
    from PIL.Image import Image

COLUMNS = 8  # images of a row; one class a row, where there are classes
_ROWS, _MOST_ROWS = 8, 10  # without classes; with them
_TILE = 64  # pixels that an image is enlarged to, in whole steps; larger ones stay as they are
_CAPTION = 24  # pixels above the images, for the step
_HOLD_SECONDS = 2.0  # that the last picture stays longer
_FASTEST = 0.02  # seconds; browsers slow a film of shorter frames down to five times as long


class Timelapse:
    """Keeps a picture at each evaluation of one run. Give `evaluate` and `on_log` to its training loop.

    The loop shows the model, with its averaged weights, to `evaluate`, and tells the step to `on_log` right after it.
    Nothing is drawn from torch's global generator, so that the training does not depend on its pictures. A run without
    a directory, and any but the main process, keeps none.

    Args: draw: model -> images (N, C, H, W) float in [0, 1], `COLUMNS` to a row, of the same z at every call.
    """

    def __init__(self, job: Job, runtime: Runtime, draw: Callable[[nn.Module], Tensor]) -> None:
        self._job, self._runtime, self._draw = job, runtime, draw
        self._run_dir = job.run_dir if runtime.is_main else None
        self._images: Tensor | None = None

    def evaluate(self, model: nn.Module) -> dict[str, float]:
        """Let the model draw; it is given no marks."""
        if self._run_dir is not None:
            self._images = self._draw(self._runtime.unwrap(model))
        return {}

    def on_log(self, history: History) -> None:
        """Keep what was drawn under the history's last step, then call the job's own `on_log`."""
        if self._images is not None and self._run_dir is not None:
            step = int(history.rows[-1]["step"])
            _write(picture_path(self._run_dir, step), picture(self._images, f"step {step:,}"))
            self._images = None
        if self._job.on_log:
            self._job.on_log(history)

    def finish(self) -> None:
        """Make the film, where there are pictures for one."""
        if self._run_dir is not None and len(pictures(self._run_dir)) > 1:
            save_timelapse(self._run_dir)


def classes_in_rows(n_classes: int) -> Tensor | None:
    """(N,) int64, the classes that a picture shows, the first ten at most; None for a model without classes."""
    if not n_classes:
        return None
    return torch.arange(min(n_classes, _MOST_ROWS)).repeat_interleave(COLUMNS)


NUM_IMAGES = COLUMNS * _ROWS
"""How many a picture shows of a model without classes."""


def picture(images: Tensor, caption: str) -> "Image":
    """Images (N, C, H, W) float in [0, 1] as one picture, `COLUMNS` to a row, each pixel a square; N fills all rows."""
    from PIL import Image, ImageDraw, ImageFont

    framed = F.pad((255 * images).round().to(torch.uint8), (1, 1, 1, 1), value=255)  # one white pixel around each
    n, _, height, width = framed.shape
    rows = framed.expand(n, 3, height, width).reshape(n // COLUMNS, COLUMNS, 3, height, width)
    sheet = rows.permute(0, 3, 1, 4, 2).reshape(n // COLUMNS * height, COLUMNS * width, 3)
    scale = max(1, _TILE // images.shape[-1])
    sheet = sheet.repeat_interleave(scale, dim=0).repeat_interleave(scale, dim=1)
    whole = Image.new("RGB", (sheet.shape[1], _CAPTION + sheet.shape[0]), "white")
    whole.paste(Image.fromarray(sheet.numpy()), (0, _CAPTION))
    font = ImageFont.load_default(size=0.6 * _CAPTION)
    ImageDraw.Draw(whole).text((2 * scale, _CAPTION / 2), caption, fill="black", font=font, anchor="lm")
    return whole


def picture_path(run_dir: Path, step: int) -> Path:
    """Where a run keeps the picture of a step."""
    return run_dir / "samples" / f"{step:08d}.png"


def pictures(run_dir: Path) -> list[Path]:
    """The pictures of a run in the order of its steps."""
    return sorted(path for path in run_dir.glob("samples/*.png") if path.stem.isdigit())


def save_timelapse(run: Run | str | Path, seconds: float = 0.3) -> Path:
    """Join the pictures of a run to `timelapse.gif` in its directory, a film that begins anew at its end.

    Args: run: a Run or its directory. seconds: how long each picture stays, at least 0.02; the last one 2 s longer.
    Returns: the film's path.
    Raises: UsageError for another time, or a run with less than two pictures; DataError for one that can't be read.
    """
    from PIL import Image

    run_dir = run.directory if isinstance(run, Run) else Path(run).expanduser()
    if not (math.isfinite(seconds) and seconds >= _FASTEST):
        raise UsageError(f"seconds = {seconds} is not allowed; each picture stays at least {_FASTEST} s")
    paths = pictures(run_dir)
    if len(paths) < 2:
        raise UsageError(
            f"{run_dir} holds {len(paths)} pictures in samples/, but a time-lapse takes at least 2; train image-gan or "
            "image-vae with loop.evaluate_every at half of loop.steps or less"
        )
    frames = []
    for path in paths:
        try:
            with Image.open(path) as file:
                frames.append(file.convert("RGB").quantize(256, dither=Image.Dither.NONE))
        except OSError as error:
            raise DataError(f"{path} can't be read as an image; delete it, and make the time-lapse again") from error
    each, last = round(1000 * seconds), round(1000 * (seconds + _HOLD_SECONDS))
    durations = [*[each] * (len(frames) - 1), last]  # milliseconds
    film = run_dir / "timelapse.gif"
    with atomic_write(film) as temporary:
        frames[0].save(temporary, "GIF", save_all=True, append_images=frames[1:], duration=durations, loop=0)
    return film


def _write(path: Path, whole: "Image") -> None:
    with atomic_write(path) as temporary:
        whole.save(temporary, "PNG")
