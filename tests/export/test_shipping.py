"""From a run to data/pretrained and back by name; damaged and mixed-up files are refused."""

import json
import shutil

import pytest
import torch

import aigc_course as aigc
from aigc_course import recipes
from aigc_course.errors import CheckpointError, CourseError, UsageError
from aigc_course.export import shipping
from aigc_course.export.card import markdown_card
from aigc_course.recipes.weights import CONFIG, WEIGHTS
from aigc_course.serving.models import finished_runs
from aigc_course.training import checkpoint


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Smoke runs of a writer, and of a painter whose images an oracle knows."""
    folder = tmp_path_factory.mktemp("runs")
    short = {"text-gpt": ["test_documents=100", "evaluation_samples=5"], "image-gan": []}
    return {
        name: aigc.train(name, profile="smoke", overrides=settings, run_dir=folder / name)
        for name, settings in short.items()
    }


@pytest.fixture(scope="module")
def shipped_once(runs, tmp_path_factory):
    return shipping.ship(runs["text-gpt"], folder=tmp_path_factory.mktemp("shipped") / "text-gpt")


@pytest.fixture
def course(tmp_path, monkeypatch):
    """A course without any model."""
    monkeypatch.setattr("aigc_course.paths.course_root", lambda: tmp_path)
    monkeypatch.setenv("AIGC_RUNS", str(tmp_path / "runs"))
    return tmp_path / "data" / "pretrained"


@pytest.fixture
def shipped(course, shipped_once):
    shutil.copytree(shipped_once, course / "text-gpt")
    return recipes.pretrained("text-gpt")


def test_a_shipped_model_is_loaded_by_name(shipped, runs, course):
    assert shipped.folder == course / "text-gpt" and recipes.pretrained_names() == ("text-gpt",)
    ours, original = aigc.load_generator("text-gpt"), aigc.load_generator(runs["text-gpt"])
    for own, given in zip(ours.model.parameters(), original.model.parameters(), strict=True):
        assert own.dtype == torch.float32
        if given.ndim > 1:
            torch.testing.assert_close(own, given.half().float(), rtol=0, atol=0)
        else:
            torch.testing.assert_close(own, given, rtol=0, atol=0)
    assert aigc.evaluate("text-gpt") == pytest.approx(shipped.metrics, nan_ok=True)


def test_the_card_is_of_the_run_and_of_the_weights(shipped, runs):
    card = shipped.card
    assert card["command"].startswith("aigc-course train text-gpt --profile smoke --set ") and card["seed"] == 0
    assert card["hardware"] and card["data"]["name"] == "toy-comments" and card["licence"] == "MIT"
    assert card["size_bytes"] == (shipped.folder / WEIGHTS).stat().st_size
    assert (
        card["metrics"].keys() >= set(card["headline"]) == card["float32"].keys() == {"test_loss", "test_bits_per_byte"}
    )
    assert shipped.history.rows == runs["text-gpt"].history.rows
    assert shipped.config == checkpoint.load(recipes.checkpoint_path(runs["text-gpt"]))["config"]
    text = (shipped.folder / "README.md").read_text(encoding="utf-8")
    for said in (card["files"][WEIGHTS], "float16", f"| {card['metrics']['test_loss']:.4g} |", card["hardware"][0]):
        assert said in text


def test_its_card_is_the_one_that_came_with_it(shipped):
    assert markdown_card("text-gpt") == (shipped.folder / "README.md").read_text(encoding="utf-8")
    with pytest.raises(UsageError, match="has its metrics already"):
        markdown_card("text-gpt", {"test_loss": 1.0})


def test_a_short_evaluation_gives_what_the_card_holds(shipped):
    _, tree = recipes.read_run("text-gpt")
    found = shipping.slice_metrics(tree)
    assert found.keys() == set(shipped.card["headline"])
    assert found == pytest.approx(shipped.card["slice"], rel=1e-5)


def _change_a_weight(folder):
    content = bytearray((folder / WEIGHTS).read_bytes())
    content[-1] ^= 1
    (folder / WEIGHTS).write_bytes(content)


def _change_a_setting(folder):
    facts = json.loads((folder / CONFIG).read_text())
    facts["config"]["settings"]["weight_decay"] = 0.2
    (folder / CONFIG).write_text(json.dumps(facts))


def _change_a_figure(folder):
    text = (folder / "README.md").read_text()
    (folder / "README.md").write_text(text.replace("| seed | 0 |", "| seed | 1 |"))


@pytest.mark.parametrize(
    ("damage", "file"),
    [
        (_change_a_weight, WEIGHTS),
        (_change_a_setting, CONFIG),
        (_change_a_figure, "README.md"),
        (lambda folder: (folder / "history.json").unlink(), "history.json"),
    ],
)
def test_files_that_do_not_belong_together_are_refused(shipped, damage, file):
    damage(shipped.folder)
    for use in (aigc.pretrained, aigc.load_generator, aigc.evaluate, lambda _: aigc.load_generator(shipped.folder)):
        with pytest.raises(CheckpointError, match=rf"{file} is not the file .*`git checkout"):
            use("text-gpt")


def test_a_card_that_is_none_is_told(shipped):
    (shipped.folder / "card.json").write_text("{}")
    with pytest.raises(CheckpointError, match="is no card of a model"):
        aigc.load_generator("text-gpt")


def test_an_unknown_name_is_told_with_those_there_are(shipped):
    with pytest.raises(CheckpointError, match=r"no run or checkpoint at text-gtp.* of the course: text-gpt"):
        aigc.load_generator("text-gtp")
    with pytest.raises(CheckpointError, match=r"came with the course. Models of the course: text-gpt"):
        aigc.pretrained("image-gan")


def test_a_run_goes_before_a_model_of_the_course(shipped, runs, tmp_path, monkeypatch):
    monkeypatch.chdir(runs["image-gan"].directory.parent)  # where a folder is called text-gpt
    path, _ = recipes.read_run("text-gpt")
    assert path.name.endswith(".safetensors") and path.parent.name == "text-gpt"


def test_what_generates_is_served_where_there_are_no_runs(shipped):
    assert list(finished_runs()) == ["text-gpt"]


def test_a_second_run_takes_the_place_of_the_first(shipped, runs):
    before = shipped.card["files"][WEIGHTS]
    other = aigc.train(
        "text-gpt",
        profile="smoke",
        overrides=["loop.seed=1", "test_documents=100", "evaluation_samples=5"],
        run_dir=shipped.folder.parents[2] / "other",
    )
    shipping.ship(other)
    again = recipes.pretrained("text-gpt")
    assert again.card["seed"] == 1 and again.card["files"][WEIGHTS] != before
    assert sorted(path.name for path in again.folder.parent.iterdir()) == ["text-gpt"]


def test_of_a_gan_the_generator_alone_is_shipped(course, runs):
    shipping.ship(runs["image-gan"])
    _, tree = recipes.read_run("image-gan")
    assert list(tree["model"]) == ["generator"]
    assert len(aigc.load_generator("image-gan").generate_images(3, seed=0)) == 3


def test_nothing_is_written_when_half_the_bytes_cost_too_much(course, runs, monkeypatch):
    monkeypatch.setattr(shipping, "halved", lambda weights: {name: 0.5 * tensor for name, tensor in weights.items()})
    with pytest.raises(CourseError, match=r"test_loss is .* these weights lose too much"):
        shipping.ship(runs["text-gpt"])
    monkeypatch.setattr(shipping, "MOST_BYTES", 1000)
    with pytest.raises(CourseError, match="1,000 are allowed"):
        shipping.ship(runs["text-gpt"])
    assert list(course.iterdir()) == []


def test_a_run_that_does_not_say_where_it_was_trained_is_refused(course, runs, tmp_path):
    tree = checkpoint.load(recipes.checkpoint_path(runs["text-gpt"]))
    del tree["hardware"]
    checkpoint.save(tmp_path / "old.safetensors", tree)
    with pytest.raises(CheckpointError, match="doesn't say what it was trained on"):
        shipping.ship(tmp_path / "old.safetensors")
