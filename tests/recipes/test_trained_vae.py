"""A trained image VAE from its run: the same model, ready for use, and its data set."""

import pytest
import torch

from aigc_course import recipes
from aigc_course.errors import CheckpointError
from aigc_course.generators import load_generator
from aigc_course.recipes.image_vae import sample_images
from aigc_course.recipes.trained_vae import load_vae


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return recipes.train("image-vae", profile="smoke", run_dir=tmp_path_factory.mktemp("vae") / "run")


def test_it_paints_what_the_generator_paints(run):
    model, dataset = load_vae(run)
    assert not model.training and dataset.name == "digits"
    labels = torch.arange(3)
    painted = load_generator(run).generate_images(3, label=[0, 1, 2], seed=5)
    torch.testing.assert_close(sample_images(model, labels, 5), painted.tensor)


def test_a_run_of_another_recipe_is_refused(tmp_path):
    other = recipes.train("audio-vae", profile="smoke", run_dir=tmp_path / "run")
    with pytest.raises(CheckpointError, match="'audio-vae', not by 'image-vae'"):
        load_vae(other)
