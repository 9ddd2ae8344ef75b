"""The models that come with the course reach on held-out data what their cards say."""

import pytest

from aigc_course import recipes
from aigc_course.export.shipping import slice_metrics

NAMES = ("audio-classifier", "audio-vae", "image-classifier", "image-gan", "image-vae", "text-gpt", "vocoder")
TOLERANCE = 0.01  # of a figure: the same images, sounds, texts and seeds, on another processor


@pytest.mark.parametrize("name", NAMES)
def test_a_short_evaluation_gives_what_the_card_holds(name, real_data):
    card = recipes.pretrained(name).card
    real_data(card["data"]["name"])
    _, tree = recipes.read_run(name)
    found = slice_metrics(tree, recipes.newest_classifier(name))
    assert found.keys() == card["slice"].keys()
    for metric, value in card["slice"].items():
        assert found[metric] == pytest.approx(value, rel=TOLERANCE), metric
