"""Runs by name: profiles, settings, resume, and what is refused."""

import pytest
import torch

import aigc_course as aigc
from aigc_course.errors import CheckpointError, UsageError
from aigc_course.recipes import RECIPES, get_recipe, newest_classifier, profile_name
from aigc_course.training import checkpoint


def test_resume_by_name_equals_the_straight_run(tmp_path):
    straight = aigc.train("text-gpt", profile="smoke", run_dir=tmp_path / "straight")
    aigc.train("text-gpt", profile="smoke", run_dir=tmp_path / "run", overrides=["loop.steps=6"])
    more = aigc.train("text-gpt", run_dir=tmp_path / "run", resume=True)
    assert more.metrics["step"] == 6
    trees = [checkpoint.load(run.directory / "last.safetensors")["model"]["model"] for run in (straight, more)]
    assert all(torch.equal(a, b) for a, b in zip(trees[0].values(), trees[1].values(), strict=True))


def test_a_run_stopped_early_goes_on_with_its_own_settings(tmp_path):
    options = ["learning_rate=0.005", "loop.decay=constant"]
    run_dir = tmp_path / "run"
    aigc.train("text-gpt", profile="smoke", run_dir=run_dir, overrides=[*options, "loop.steps=4"])
    run = aigc.train("text-gpt", run_dir=run_dir, resume=True, overrides=["loop.steps=6"])
    straight = aigc.train("text-gpt", profile="smoke", run_dir=tmp_path / "straight", overrides=options)
    assert run.metrics["loss"] == straight.metrics["loss"]
    with pytest.raises(CheckpointError, match=r"other settings \(settings.learning_rate: 0.005 there, 0.1 now"):
        aigc.train("text-gpt", run_dir=run_dir, resume=True, overrides=["learning_rate=0.1"])


def test_a_run_of_another_recipe_is_refused(tmp_path):
    aigc.train("image-vae", profile="smoke", run_dir=tmp_path / "run")
    with pytest.raises(CheckpointError, match="is a run of 'image-vae', not of 'text-gpt'"):
        aigc.train("text-gpt", run_dir=tmp_path / "run", resume=True)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"recipe": "text-gtp"}, "did you mean 'text-gpt'"),
        ({"recipe": "text-gpt", "profile": "quik"}, "did you mean 'quick'"),
        ({"recipe": "text-gpt", "data": "toy-coments"}, "did you mean 'toy-comments'"),
        ({"recipe": "text-gpt", "data": "toy-shapes"}, "holds images, but text is needed"),
        ({"recipe": "image-gan", "data": "toy-comments"}, "holds text, but images is needed"),
        ({"recipe": "text-gpt", "overrides": ["loop.step=3"]}, "did you mean 'loop.steps'"),
        ({"recipe": "text-gpt", "overrides": ["loop.steps=many"]}, "loop.steps must be int, but 'many' is str"),
        ({"recipe": "text-gpt", "overrides": ["loop.steps=0"]}, "steps is 0, but must be at least 1"),
        ({"recipe": "text-gpt", "overrides": ["loop=3"]}, "is a group of settings"),
        ({"recipe": "text-gpt", "overrides": ["steps"]}, "write it as name=value"),
        ({"recipe": "text-gpt", "overrides": ["loop.device=cuda:99"]}, "GPU"),
    ],
)
def test_what_does_not_exist_is_named_before_anything_is_written(tmp_path, arguments, message):
    with pytest.raises(UsageError, match=message):
        aigc.train(**{"profile": "smoke", "run_dir": tmp_path / "run", **arguments})
    assert not (tmp_path / "run").exists()


def test_every_recipe_has_every_profile_and_the_same_settings_type():
    for name in RECIPES:
        recipe = get_recipe(name)
        for profile in ("smoke", "quick", "laptop", "full"):
            assert type(recipe.profile(profile)) is recipe.settings_type
        assert recipe.profile("quick").data != recipe.profile("laptop").data


def test_a_text_is_measured_without_a_classifier(tmp_path):
    run = aigc.train("text-gpt", profile="smoke", run_dir=tmp_path / "run")
    assert newest_classifier(run) is None
    with pytest.raises(UsageError, match="text-gpt is not measured by a classifier; leave classifier out"):
        aigc.evaluate(run, run)


def test_only_finished_classifiers_on_the_same_data_are_found(monkeypatch, tmp_path):
    monkeypatch.setenv("AIGC_RUNS", str(tmp_path))
    run = aigc.train("image-vae", profile="smoke")
    assert newest_classifier(run) is None
    classifier = aigc.train("image-classifier", profile="smoke", data="digits")
    assert newest_classifier(run) == newest_classifier(run.directory) == classifier.directory
    card = classifier.directory / "card.json"
    for damaged in ("{", "[]", "{}", '{"data": "digits"}'):
        card.write_text(damaged, encoding="utf-8")
        with pytest.raises(CheckpointError, match=r"card\.json is no card of a model .*delete .* and train it anew"):
            newest_classifier(run)
    card.unlink()
    assert newest_classifier(run) is None
    assert newest_classifier(classifier) is None


def test_the_profile_comes_from_the_environment(monkeypatch):
    monkeypatch.setenv("AIGC_PROFILE", "laptop")
    assert profile_name(None) == "laptop"
    assert profile_name("full") == "full"
    monkeypatch.delenv("AIGC_PROFILE")
    assert profile_name(None) == "quick"


def test_runs_without_a_directory_get_one_each(monkeypatch, tmp_path):
    monkeypatch.setenv("AIGC_RUNS", str(tmp_path))
    first, second = (aigc.train("image-vae", profile="smoke") for _ in range(2))
    assert first.directory != second.directory
    assert aigc.train("image-vae", resume=True).directory == second.directory


def test_resume_with_no_run_says_so(monkeypatch, tmp_path):
    monkeypatch.setenv("AIGC_RUNS", str(tmp_path))
    with pytest.raises(UsageError, match="holds no run to go on with"):
        aigc.train("image-vae", resume=True)
