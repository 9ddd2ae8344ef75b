"""Graphs give what the model gives, for batches and lengths that they were not captured with."""

import copy
import dataclasses
import zipfile

import numpy as np
import pytest
import torch

from aigc_course.errors import CheckpointError, CourseError, UsageError
from aigc_course.export import OnnxModel, export_model, graphs
from aigc_course.export.parts import part_of
from aigc_course.models.conv_ladder_vae import ConvLadderVAEConfig
from aigc_course.models.gan import GANConfig
from aigc_course.models.ladder_vae import LadderVAEConfig
from aigc_course.models.mlp_vae import MLPVAEConfig
from aigc_course.models.residual_gan import ResidualGANConfig
from aigc_course.training import checkpoint
from tests.export import checkpoints

MODELS = {
    "gpt2": lambda folder: checkpoints.text_gpt(folder),
    "modern gpt": lambda folder: checkpoints.text_gpt(
        folder, position="rotary", qk_norm=True, activation="relu2", bias=False, tied_head=False, hashed_ngrams=50
    ),
    "gan": lambda folder: checkpoints.gan(folder),
    "dcgan without classes, cropped": lambda folder: checkpoints.gan(
        folder, GANConfig(image_size=8, latent_dim=3, width=4), [], image_size=7
    ),
    "residual gan": lambda folder: checkpoints.gan(
        folder, ResidualGANConfig(image_size=8, latent_dim=3, width=4, generator_norm="batch")
    ),
    "conv vae": lambda folder: checkpoints.vae(folder),
    "mlp vae without classes": lambda folder: checkpoints.vae(
        folder, MLPVAEConfig(image_size=8, latent_dim=3, hidden=(7, 6), outputs=2), "mlp"
    ),
    "ladder vae": lambda folder: checkpoints.vae(
        folder, LadderVAEConfig(image_size=8, latent_dims=(2, 3), width=8, n_classes=10), "ladder"
    ),
    "conv ladder vae": lambda folder: checkpoints.vae(
        folder,
        ConvLadderVAEConfig(image_size=8, top_dim=2, coarse_maps=(2,), fine_maps=(1,), width=4, n_classes=10),
        "conv-ladder",
    ),
    "spectrogram vae with speakers": lambda folder: checkpoints.audio_vae(folder, ["ann", "bob"]),
    "waveform vae": lambda folder: checkpoints.waveform_vae(folder),
}
SHAPES = [(1, 1), (1, 4), (4, 12)]


def part(run):
    tree = checkpoint.load(run)
    return part_of(tree, str(run))


def expected(part, inputs):
    with torch.no_grad():
        outputs = part.module(**inputs)
    return dict(zip(part.outputs, outputs if isinstance(outputs, tuple) else (outputs,), strict=True))


FAST = ("modern gpt", "ladder vae", "conv ladder vae", "spectrogram vae with speakers")  # the others are `slow`


@pytest.mark.parametrize("name", [pytest.param(n, marks=[] if n in FAST else pytest.mark.slow) for n in MODELS])
def test_onnxruntime_gives_the_models_outputs(name, tmp_path):
    run = MODELS[name](tmp_path)
    done = export_model(run, "onnx", tmp_path / "model.onnx")
    model, original = OnnxModel(done.path, threads=1), part(run)
    assert done.size_bytes == done.path.stat().st_size == model.size_bytes
    for seed, (batch, length) in enumerate(SHAPES):
        inputs = original.draw(batch, seed + 100, length)
        wanted, found = expected(original, inputs), model.run({key: value.numpy() for key, value in inputs.items()})
        assert set(found) == set(wanted)
        for key, value in wanted.items():
            assert found[key].shape == tuple(value.shape)
            assert np.abs(found[key] - value.numpy()).max() <= 1e-4
            assert value.numel() < 2 or value.float().std() > 1e-3


@pytest.mark.parametrize("name", [pytest.param("modern gpt", marks=pytest.mark.slow), "spectrogram vae with speakers"])
def test_a_program_of_torch_gives_the_models_outputs(name, tmp_path):
    run = MODELS[name](tmp_path)
    done = export_model(run, "torch", tmp_path / "model.pt2")
    module, facts = graphs.load_program(done.path)
    assert facts["config"] == checkpoint.load(run)["config"]
    original = part(run)
    for seed, (batch, length) in enumerate(SHAPES):
        inputs = original.draw(batch, seed, length)
        found = module(**inputs)
        for value, wanted in zip(
            found if isinstance(found, tuple) else [found], expected(original, inputs).values(), strict=True
        ):
            torch.testing.assert_close(value, wanted, rtol=0, atol=1e-4)


def test_a_graph_of_other_weights_is_not_written(tmp_path, monkeypatch):
    capture = graphs.captured

    def of_other_weights(given):
        module = copy.deepcopy(given.module)
        for weights in module.parameters():
            weights.data.mul_(1.1)
        return capture(dataclasses.replace(given, module=module))

    run = checkpoints.vae(tmp_path)
    monkeypatch.setattr(graphs, "captured", of_other_weights)
    with pytest.raises(CourseError, match="other images than the model"):
        export_model(run, "onnx", tmp_path / "model.onnx")
    assert not (tmp_path / "model.onnx").exists()


def test_wrong_inputs_are_refused(tmp_path):
    model = OnnxModel(export_model(checkpoints.vae(tmp_path), "onnx", tmp_path / "model.onnx").path)
    z, labels = np.zeros((2, 3), np.float32), np.zeros(2, np.int64)
    assert model(z=z, labels=labels)["images"].shape == (2, 1, 8, 8)
    with pytest.raises(UsageError, match="takes z, labels, but got z"):
        model(z=z)
    with pytest.raises(UsageError, match="refused the inputs"):
        model(z=z.astype(np.float64), labels=labels)
    with pytest.raises(UsageError, match="refused the inputs"):
        model(z=np.zeros((2, 4), np.float32), labels=labels)


def test_files_that_are_no_exports_are_refused(tmp_path):
    with pytest.raises(CheckpointError, match="there is no file"):
        OnnxModel(tmp_path / "none.onnx")
    (tmp_path / "text.onnx").write_text("not a model")
    with pytest.raises(CheckpointError, match="no ONNX model"):
        OnnxModel(tmp_path / "text.onnx")
    with pytest.raises(CheckpointError, match=r"no \.pt2 file"):
        graphs.load_program(tmp_path / "text.onnx")
    with zipfile.ZipFile(tmp_path / "other.pt2", "w") as file:
        file.writestr("a.txt", "not a program")
    with pytest.raises(CheckpointError, match=r"can't be read as a \.pt2 file"):
        graphs.load_program(tmp_path / "other.pt2")
