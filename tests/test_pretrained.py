"""The models that come with the course: whole, small, licensed, as good as promised, and at work without any data.

`tests/real_data/test_pretrained.py` measures them on held-out data.
"""

import math
import re

import pytest
import torch

import aigc_course as aigc
from aigc_course import recipes
from aigc_course.data.cards import CARDS
from aigc_course.export.card_text import weights_licence
from aigc_course.export.retraining import command
from aigc_course.export.shipping import MOST_BYTES
from aigc_course.recipes.pretrained_models import README
from aigc_course.recipes.trained_audio_classifier import load_audio_classifier
from aigc_course.recipes.trained_classifier import load_classifier
from aigc_course.recipes.trained_vocoder import load_vocoder

ALL_BYTES = 60_000_000
# What the course promises of each: (metric, at least, at most).
PROMISED = {
    "text-gpt": [("test_loss", 1.1, 1.3)],
    "image-gan": [("class_accuracy", 0.8, 1.0), ("coverage", 0.75, 1.0), ("classes_hit", 10, 10)],
    "image-vae": [("negative_iwae_1000_nats", 76.0, 80.0)],
    "audio-vae": [("class_accuracy", 0.95, 1.0), ("accuracy_over_ceiling", 0.97, 1.05)],
    "vocoder": [("learned_accuracy", 0.95, 1.0)],
    "image-classifier": [("test_accuracy", 0.9, 1.0)],
    "audio-classifier": [("test_accuracy", 0.98, 1.0)],
}


def test_these_models_come_with_the_course():
    assert recipes.pretrained_names() == tuple(sorted(PROMISED))
    sizes = [recipes.pretrained(name).card["size_bytes"] for name in PROMISED]
    assert max(sizes) <= MOST_BYTES and sum(sizes) <= ALL_BYTES


@pytest.mark.parametrize("name", PROMISED)
def test_weights_config_and_card_agree(name):
    model = recipes.pretrained(name)  # which compares every file with the card's digest
    _, tree = recipes.read_run(name)
    card, config = model.card, tree["config"]
    (weights,) = tree["model"].values()
    assert card["numbers"] == sum(tensor.numel() for tensor in weights.values())
    assert (card["recipe"], card["profile"], card["steps"]) == (config["recipe"], config["profile"], tree["step"])
    assert card["command"] == command(config) and card["seed"] == config["settings"]["loop"]["seed"]
    assert card["data"]["name"] == config["data"]["name"]
    assert model.history.rows[-1]["step"] >= tree["step"] and model.minutes > 0 and card["hardware"]


@pytest.mark.parametrize("name", PROMISED)
def test_the_card_names_the_licence_and_keeps_what_is_promised(name):
    model = recipes.pretrained(name)
    licence = CARDS[model.card["data"]["name"]].licence
    assert model.card["data"]["licence"] == licence and model.card["licence"] == weights_licence(licence)
    text = (model.folder / README).read_text(encoding="utf-8")
    assert model.card["licence"] in text and "**What follows.**" in text and "not good at" in text
    for metric, least, most in PROMISED[name]:
        assert least <= model.metrics[metric] <= most, metric
    for headline in model.card["headline"]:
        assert math.isclose(model.metrics[headline], model.card["float32"][headline], rel_tol=0.05)


@pytest.mark.parametrize("name", PROMISED)
def test_nothing_tells_whose_machine_trained_it(name):
    folder = recipes.pretrained(name).folder
    for file in ("config.json", "card.json", README):
        text = (folder / file).read_text(encoding="utf-8")
        assert not re.search(r"[\"' =](/|[A-Za-z]:\\|~)[A-Za-z]", text), file


def test_the_gan_paints_what_its_judge_was_told_in_the_card():
    card = recipes.pretrained("image-gan").card
    labels = torch.arange(300) % 10
    images = aigc.load_generator("image-gan").generate_images(300, label=labels.tolist(), seed=5).tensor
    named = load_classifier("image-classifier").probabilities(2 * images - 1).argmax(dim=1)
    share, expected = (named == labels).double().mean().item(), card["metrics"]["class_accuracy"]
    assert abs(share - expected) < 4 * math.sqrt(expected * (1 - expected) / 300)


def test_the_vae_speaks_digits_that_its_judge_understands():
    card = recipes.pretrained("audio-vae").card
    generator, judge = aigc.load_generator("audio-vae"), load_audio_classifier("audio-classifier")
    right = []
    for seed in range(60):
        sound = generator.generate_audio(None, digit=seed % 10, speaker=seed // 10, seed=seed)
        waveform = torch.as_tensor(sound.numpy())[None]
        logits = judge.logits(waveform, torch.tensor([waveform.shape[1]]), sound.sample_rate_hz)
        right.append(logits.argmax().item() == seed % 10)
    share, expected = sum(right) / len(right), card["metrics"]["class_accuracy"]
    assert abs(share - expected) < 4 * math.sqrt(expected * (1 - expected) / len(right)) + 1 / len(right)


def test_the_gpt_writes_english_and_the_vae_draws_white_on_black():
    text = " ".join(aigc.load_generator("text-gpt").generate(num_texts=20, seed=0).texts)
    common = sum(text.lower().split().count(word) for word in ("the", "i", "to", "a", "you", "it", "is", "and"))
    assert common > 0.1 * len(text.split()) > 5
    images = aigc.load_generator("image-vae").generate_images(50, seed=0).tensor
    assert 0.08 < images.mean().item() < 0.20  # of MNIST: 0.13
    assert images[:, :, :2].mean().item() < 0.02 < images[:, :, 10:18, 10:18].mean().item()


def test_the_vocoder_that_comes_alone_is_the_one_in_the_vae():
    alone = load_vocoder("vocoder").model.state_dict()
    _, tree = recipes.read_run("audio-vae")
    inside = {name.removeprefix("vocoder."): t for name, t in tree["model"]["model"].items() if "vocoder." in name}
    assert inside.keys() == alone.keys()
    for name, tensor in inside.items():
        torch.testing.assert_close(tensor.float(), alone[name], rtol=1e-3, atol=1e-3)


def test_the_card_of_the_gan_says_at_which_temperature_its_figures_are():
    model = recipes.pretrained("image-gan")
    assert model.config["settings"]["temperature"] == aigc.load_generator("image-gan").temperature == 0.8
    assert "z drawn at temperature 0.8:" in (model.folder / README).read_text(encoding="utf-8")
