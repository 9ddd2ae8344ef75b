"""Pictures of a run: of the same z at each evaluation, without a trace in the training, and joined to a film."""

import dataclasses
import io
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from torch import Tensor

from aigc_course import load_generator, recipes
from aigc_course.data.toy_shapes import make_toy_shapes
from aigc_course.errors import DataError, UsageError
from aigc_course.recipes import image_gan
from aigc_course.recipes.recipe import Job
from aigc_course.recipes.timelapse import Timelapse, classes_in_rows, picture, picture_path, pictures, save_timelapse
from aigc_course.training import History, LoopSettings, Runtime, checkpoint

EVERY_2 = ["loop.evaluate_every=2", "loop.log_every=3"]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> recipes.Run:
    return recipes.train(
        "image-gan", profile="smoke", overrides=EVERY_2, run_dir=tmp_path_factory.mktemp("run") / "smoke"
    )


def pixels(path: Path) -> Tensor:
    """(C, H, W) uint8."""
    with Image.open(path) as file:
        return (
            torch.frombuffer(bytearray(file.convert("RGB").tobytes()), dtype=torch.uint8)
            .reshape(file.height, file.width, 3)
            .permute(2, 0, 1)
        )


def test_a_run_keeps_a_picture_of_each_evaluation(run: recipes.Run) -> None:
    assert [path.name for path in pictures(run.directory)] == ["00000002.png", "00000004.png", "00000006.png"]
    assert {path.name for path in run.directory.iterdir()} >= {"samples", "timelapse.gif"}
    assert len(list((run.directory / "samples").iterdir())) == 3  # nothing half-written
    assert run.history.column("generator_loss")[0] == [3, 6]


def test_the_last_picture_shows_what_the_averaged_generator_draws_of_each_class(run: recipes.Run) -> None:
    shown = pixels(picture_path(run.directory, 6))
    labels = torch.arange(10).repeat_interleave(8)
    expected = load_generator(run).generate_images(80, label=labels.tolist(), seed=0).tensor  # (80, 3, 32, 32)
    assert shown.shape == (3, 24 + 10 * 68, 8 * 68)
    grid = shown[:, 24:].reshape(3, 10, 68, 8, 68).permute(1, 3, 0, 2, 4).reshape(80, 3, 68, 68)
    for offset in (2, 3):  # each pixel is a square of 2 x 2, after a white frame of 2
        found = grid[:, :, offset : offset + 64 : 2, offset : offset + 64 : 2]
        assert (found.float() / 255 - expected).abs().max() <= 0.6 / 255
    assert (grid[:, :, :2] == 255).all() and (grid[..., -2:] == 255).all()
    raw = checkpoint.load(run.directory / "last.safetensors")
    model = image_gan.rebuild(raw)
    model.load_state_dict(raw["model"]["generator"])  # not averaged: draws something else
    other = (image_gan.sample_images(model.eval(), labels, 0) + 1) / 2
    assert (other - expected).abs().max() > 2 / 255


def test_pictures_change_with_the_weights_alone(run: recipes.Run, tmp_path: Path) -> None:
    first, second, last = (pixels(path)[:, 24:] for path in pictures(run.directory))
    assert not torch.equal(first, second) and not torch.equal(second, last)
    job, dataset = counting_job(tmp_path, []), make_toy_shapes(10, 1, 1)
    config = image_gan.fitting_model(job.settings, dataset)
    generator, history = image_gan.generator_of(config).eval(), History()
    lapse = image_gan._timelapse(job, Runtime(LoopSettings(device="cpu")), config, dataset)
    for step in (1, 2):
        torch.manual_seed(step)
        before = torch.get_rng_state()
        lapse.evaluate(generator)
        lapse.on_log(history_at(history, step))
        assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(*(pixels(path)[:, 24:] for path in pictures(tmp_path)))


def history_at(history: History, step: int) -> History:
    history.append(step, 0.0, {})
    return history


@pytest.mark.parametrize("preset", [None, "dcgan"])
def test_pictures_leave_no_trace_in_the_training(preset: str | None, tmp_path: Path) -> None:
    """dcgan's batch norm has statistics that a forward pass in training mode would change."""
    trained = []
    for every in (0, 2):
        run = recipes.train(
            "image-gan",
            profile="smoke",
            preset=preset,
            overrides=[f"loop.evaluate_every={every}"],
            run_dir=tmp_path / str(every),
        )
        trained.append(checkpoint.load(run.directory / "last.safetensors"))
        assert len(pictures(run.directory)) == (3 if every else 1)
    for player in ("generator", "discriminator"):
        for name, weight in trained[0]["model"][player].items():
            assert torch.equal(weight, trained[1]["model"][player][name]), name
    assert torch.equal(trained[0]["rng"]["cpu"][0], trained[1]["rng"]["cpu"][0])


def test_a_resumed_run_draws_its_later_pictures_again(run: recipes.Run, tmp_path: Path) -> None:
    def stop(history: Any) -> None:
        if history.rows[-1]["step"] == 4:
            raise KeyboardInterrupt

    options = [*EVERY_2, "loop.checkpoint_every=3"]
    with pytest.raises(KeyboardInterrupt):
        recipes.train("image-gan", profile="smoke", overrides=options, run_dir=tmp_path / "run", on_log=stop)
    assert [path.stem for path in pictures(tmp_path / "run")] == ["00000002", "00000004"]
    picture_path(tmp_path / "run", 4).write_bytes(b"of a run that went another way")
    recipes.train("image-gan", run_dir=tmp_path / "run", resume=True)
    for mine, theirs in zip(pictures(tmp_path / "run"), pictures(run.directory), strict=True):
        assert mine.read_bytes() == theirs.read_bytes()


def test_an_unconditional_run_has_eight_rows_of_eight(tmp_path: Path) -> None:
    run = recipes.train("image-gan", profile="smoke", overrides=["conditional=false"], run_dir=tmp_path / "run")
    (path,) = pictures(run.directory)
    assert pixels(path).shape == (3, 24 + 8 * 68, 8 * 68)
    assert not (run.directory / "timelapse.gif").exists()


def test_a_vae_keeps_pictures_beside_its_validation(tmp_path: Path) -> None:
    run = recipes.train("image-vae", profile="smoke", overrides=EVERY_2, run_dir=tmp_path / "run")
    assert [path.stem for path in pictures(run.directory)] == ["00000002", "00000004", "00000006"]
    assert run.history.column("validation_loss")[0] == [2, 4, 6] and (run.directory / "timelapse.gif").is_file()
    labels = torch.arange(10).repeat_interleave(8).tolist()
    expected = load_generator(run.directory / "last.safetensors").generate_images(80, label=labels, seed=0).tensor
    shown = pixels(picture_path(run.directory, 6))[:, 24:].reshape(3, 10, 80, 8, 80).permute(1, 3, 0, 2, 4)
    found = shown.reshape(80, 3, 80, 80)[:, :1, 8:72:8, 8:72:8].float() / 255  # a frame of 8, then squares of 8 x 8
    assert (found - expected).abs().max() <= 0.6 / 255


def test_rows_are_the_first_ten_classes() -> None:
    assert classes_in_rows(0) is None
    assert torch.equal(classes_in_rows(2), torch.tensor([0] * 8 + [1] * 8))  # type: ignore[arg-type]
    assert torch.equal(classes_in_rows(100), torch.arange(80) // 8)  # type: ignore[arg-type]


def counting_job(run_dir: Path | None, calls: list[int]) -> Job:
    settings = image_gan.profile("smoke")
    return Job(
        recipe="image-gan",
        profile="smoke",
        settings=dataclasses.replace(settings, loop=dataclasses.replace(settings.loop, evaluate_every=2)),
        run_dir=run_dir,
        resume=False,
        on_log=lambda history: calls.append(int(history.rows[-1]["step"])),
    )


def test_a_run_without_a_directory_keeps_no_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    calls: list[int] = []
    session = image_gan.train(counting_job(None, calls))
    assert session.step == 6 and calls == [2, 2, 4, 4, 6, 6] and not list(tmp_path.iterdir())


def test_only_the_main_process_draws(tmp_path: Path) -> None:
    runtime = Runtime(LoopSettings(device="cpu"))
    drawn: list[int] = []

    def draw(model: torch.nn.Module) -> Tensor:
        drawn.append(runtime.rank)
        return torch.zeros(8, 1, 4, 4)

    for runtime.rank in (1, 0):
        lapse = Timelapse(counting_job(tmp_path, []), runtime, draw)
        assert lapse.evaluate(torch.nn.Identity()) == {}
        lapse.finish()
    assert drawn == [0]


@pytest.mark.parametrize(("side", "scale"), [(4, 16), (28, 2), (48, 1), (96, 1)])
def test_each_pixel_becomes_a_square(side: int, scale: int) -> None:
    """A grey image with one black pixel in white: the sheet is black there, of the scale's area, and nowhere else."""
    images = torch.ones(16, 1, side, side)
    images[9, 0, 1, 2] = 0.0  # second row, second column
    whole = picture(images, "")
    tile = (side + 2) * scale
    assert whole.size == (8 * tile, 24 + 2 * tile)
    black = (pixels_of(whole) == 0).all(dim=0).nonzero()
    top, left = 24 + tile + 2 * scale, tile + 3 * scale
    assert len(black) == scale**2
    assert black.min(dim=0).values.tolist() == [top, left]
    assert black.max(dim=0).values.tolist() == [top + scale - 1, left + scale - 1]


def pixels_of(whole: Image.Image) -> Tensor:
    file = io.BytesIO()
    whole.save(file, "PNG")
    return pixels(file)  # type: ignore[arg-type]


def test_the_caption_is_above_the_images() -> None:
    images = torch.zeros(8, 3, 16, 16)
    plain, named = (pixels_of(picture(images, text)) for text in ("", "step 1,450"))
    assert torch.equal(plain[:, 24:], named[:, 24:]) and (plain[:, :24] == 255).all()
    inked = (named[:, :24] < 128).all(dim=0)
    assert inked.any() and not inked[:2].any() and not inked[-2:].any() and not inked[:, :2].any()


def test_the_film_has_the_pictures_in_order_and_holds_the_last(run: recipes.Run) -> None:
    path = save_timelapse(run, seconds=0.2)
    assert path == run.directory / "timelapse.gif"
    with Image.open(path) as film:
        assert film.n_frames == 3 and film.info["loop"] == 0  # type: ignore[attr-defined]
        durations = []
        for number, kept in enumerate(pictures(run.directory)):
            film.seek(number)
            durations.append(film.info["duration"])
            frame = pixels_of(film.convert("RGB")).float()
            assert (frame - pixels(kept).float()).square().mean().sqrt() < 4  # of 255: 256 colours
    assert durations == [200, 200, 2200]


def test_the_film_takes_a_directory_and_forgets_nothing_it_had(run: recipes.Run, tmp_path: Path) -> None:
    for number, path in enumerate(pictures(run.directory)[:2]):
        picture_path(tmp_path, number).parent.mkdir(exist_ok=True)
        picture_path(tmp_path, number).write_bytes(path.read_bytes())
    (tmp_path / "samples" / "mine.png").write_bytes(b"not of the run")
    film = save_timelapse(str(tmp_path))
    before = film.read_bytes()
    picture_path(tmp_path, 1).write_bytes(b"cut off")
    with pytest.raises(DataError, match=r"00000001\.png can't be read as an image; delete it"):
        save_timelapse(tmp_path)
    assert film.read_bytes() == before


def test_what_a_film_cannot_be_made_of(run: recipes.Run, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"holds 0 pictures in samples/.*at least 2; train image-gan"):
        save_timelapse(tmp_path)
    for seconds in (0.0, -1.0, 0.01, float("nan"), float("inf")):
        with pytest.raises(UsageError, match=r"seconds = .* at least 0\.02 s"):
            save_timelapse(run, seconds)
