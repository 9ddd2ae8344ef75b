"""Exported models in use: text without torch, and what rounding costs."""

import math
import subprocess
import sys

import numpy as np
import pytest
import torch

import aigc_course as aigc
from aigc_course.data.tokenizer import CharTokenizer
from aigc_course.errors import UsageError
from aigc_course.export import OnnxModel, export_model, measure, write_text
from aigc_course.export.quality import milliseconds_per_call
from aigc_course.export.writing import codec, draw
from aigc_course.metrics.share import Share
from aigc_course.recipes import text_gpt
from aigc_course.recipes.text_evaluation import text_loss
from aigc_course.training import LoopSettings, Runtime
from tests.export import checkpoints

PROGRAM = """
import sys
from aigc_course.export import OnnxModel, write_text
print(write_text(OnnxModel(sys.argv[1]), "the ", max_tokens=9, temperature=0))
assert "torch" not in sys.modules
"""


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """A run of text-gpt, its ONNX file, and the 8-bit one."""
    folder = tmp_path_factory.mktemp("gpt")
    run = checkpoints.text_gpt(folder, d_model=64, context_length=32)
    forms = {form: export_model(run, form, folder / f"{form}.onnx") for form in ("onnx", "int8")}
    return run, {name: done.path for name, done in forms.items()}, forms


def test_without_torch_the_likeliest_text_is_the_models(exported):
    run, files, _ = exported
    done = subprocess.run([sys.executable, "-c", PROGRAM, files["onnx"]], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    model, encode = aigc.load_generator(run).model, checkpoints.TOKENIZER.encode
    ids = encode("\nthe ")
    for _ in range(9):
        ids.append(int(model(torch.tensor([ids]))[0, -1].argmax()))
    assert (
        done.stdout.rstrip("\n") == "the " + checkpoints.TOKENIZER.decode(ids[len(encode("\nthe ")) :]).split("\n")[0]
    )


def test_texts_follow_their_seed(exported):
    model = OnnxModel(exported[1]["onnx"])
    first, again, other = (write_text(model, "the", max_tokens=60, seed=seed) for seed in (1, 1, 2))
    assert first == again != other
    assert first.startswith("the")
    with pytest.raises(UsageError, match="temperature must be at least 0"):
        write_text(model, temperature=-1.0)


def test_only_text_models_write(tmp_path):
    model = OnnxModel(export_model(checkpoints.vae(tmp_path), "onnx", tmp_path / "m.onnx").path)
    with pytest.raises(UsageError, match="which doesn't write"):
        write_text(model)


def test_draws_follow_the_softmax():
    logits, source = np.array([0.0, 1.0, -1.0]), np.random.default_rng(0)
    counts = np.bincount([draw(logits, 0.5, source) for _ in range(4000)], minlength=3) / 4000
    wanted = np.exp(2 * logits) / np.exp(2 * logits).sum()
    assert counts == pytest.approx(wanted, abs=0.03)
    assert draw(logits, 0, source) == 1


@pytest.mark.parametrize("tokenizer", [checkpoints.TOKENIZER, CharTokenizer.from_text("the film 🎬")])
def test_the_codec_is_the_tokenizer(tokenizer):
    encode, decode = codec(tokenizer.to_dict())
    for text in ("the film was 🎬 long\n", "日本", ""):
        assert encode(text) == tokenizer.encode(text)
        assert decode(encode(text)) == tokenizer.decode(tokenizer.encode(text))


def test_bits_per_character_are_those_of_the_model(exported):
    run, files, _ = exported
    found = measure(files["onnx"], 5)
    model = aigc.load_generator(run).model
    documents = text_gpt.load_data(text_gpt.profile("smoke"), "test").documents("test")[:5]
    runtime = Runtime(LoopSettings(device="cpu", precision="fp32"))
    loss = text_loss(model, documents, checkpoints.TOKENIZER, runtime)
    assert found["bits_per_character"] == pytest.approx(loss.nats_per_character / math.log(2), rel=1e-5)
    assert found["characters"] == loss.num_characters > 100


def test_eight_bits_are_smaller_and_a_little_off(exported):
    _, files, forms = exported
    assert forms["int8"].size_bytes < forms["onnx"].size_bytes
    assert 1e-3 < forms["int8"].largest_difference < 1
    assert forms["onnx"].largest_difference < 1e-4
    exact, rounded = (measure(files[name], 5)["bits_per_character"] for name in ("onnx", "int8"))
    assert 0 < abs(rounded - exact) < 0.05 * exact


def test_images_are_graded_as_the_generators_are(tmp_path):
    run = checkpoints.vae(tmp_path)
    found = measure(export_model(run, "onnx", tmp_path / "m.onnx").path, 40)
    share = found["recognised"]
    assert isinstance(share, Share) and share.trials == 40
    model = OnnxModel(tmp_path / "m.onnx")
    model.config["data"]["name"] = "photos"
    with pytest.raises(UsageError, match="nothing here says"):
        measure(model)


def test_a_median_of_durations():
    calls = []
    assert milliseconds_per_call(lambda: calls.append(1), 5) >= 0
    assert len(calls) == 6
