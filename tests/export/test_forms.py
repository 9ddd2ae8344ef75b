"""Weights without training: what is written, what comes back, and what is refused."""

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

import aigc_course as aigc
from aigc_course.errors import CheckpointError, UsageError
from aigc_course.export import export_model, forms, graphs
from aigc_course.files import WriteError
from aigc_course.serving import load_models
from aigc_course.training import checkpoint
from tests.export import checkpoints


def test_text_of_exported_weights_is_the_runs_text(tmp_path):
    run = checkpoints.text_gpt(tmp_path)
    done = export_model(run, "safetensors", tmp_path / "weights")
    assert sorted(file.name for file in done.path.iterdir()) == ["config.json", "model.safetensors"]
    assert done.size_bytes == sum(file.stat().st_size for file in done.path.iterdir())
    before, after = (aigc.load_generator(source).generate("the ", seed=3, max_length=30) for source in (run, done.path))
    assert str(before) == str(after) != "the "


def test_images_of_exported_weights_are_the_runs_images_bit_for_bit(tmp_path):
    run = checkpoints.gan(tmp_path)
    folder = export_model(run, "safetensors", tmp_path / "weights").path
    before, after = (aigc.load_generator(source).generate_images(10, seed=1).tensor for source in (run, str(folder)))
    assert torch.equal(before, after)
    assert before.std() > 0.01


def test_the_average_is_exported_and_nothing_of_the_training(tmp_path):
    run = checkpoints.gan(tmp_path)
    tree = checkpoint.load(run)
    average = {name: 2 * tensor for name, tensor in tree["model"]["generator"].items() if "weight" in name}
    checkpoint.save(run, tree | {"ema": {"generator": average}})
    folder = export_model(run, "safetensors", tmp_path / "weights").path
    tensors = load_file(folder / "model.safetensors")
    assert set(tensors) == set(tree["model"]["generator"])
    for name, tensor in tensors.items():
        assert torch.equal(tensor, average.get(name, tree["model"]["generator"][name]))
    facts = json.loads((folder / "config.json").read_text())
    assert (facts["config"], facts["step"]) == (tree["config"], tree["step"])
    again = export_model(folder, "safetensors", tmp_path / "again").path  # exported weights can be exported
    assert all(
        (again / name).read_bytes() == (folder / name).read_bytes() for name in ("config.json", "model.safetensors")
    )
    assert not {"optimizer", "history", "rng"} & set(facts)


def test_sounds_of_exported_weights_are_the_runs_sounds(tmp_path):
    run = checkpoints.waveform_vae(tmp_path)
    folder = export_model(run, "safetensors", tmp_path / "weights").path
    before, after = (aigc.load_generator(source).generate_audio(None, seed=1).waveform for source in (run, folder))
    assert torch.equal(before, after)


def test_exported_weights_are_served_as_their_run_is(tmp_path):
    run = checkpoints.gan(tmp_path)
    folder = export_model(run, "safetensors", tmp_path / "weights").path
    facts = [load_models({"painter": source})["painter"].facts for source in (run, folder)]
    assert facts[0] == facts[1]
    assert facts[0]["card"]["steps"] == 6


def test_damaged_weights_are_refused(tmp_path):
    folder = export_model(checkpoints.vae(tmp_path), "safetensors", tmp_path / "weights").path
    content = bytearray((folder / "model.safetensors").read_bytes())
    content[-1] ^= 1
    (folder / "model.safetensors").write_bytes(content)
    with pytest.raises(CheckpointError, match="does not match the SHA-256"):
        aigc.load_generator(folder)
    (folder / "model.safetensors").write_bytes(content[:50])
    with pytest.raises(CheckpointError, match="cannot be read"):
        aigc.load_generator(folder)
    for text in ("{", "[]", "{}"):
        (folder / "config.json").write_text(text)
        with pytest.raises(CheckpointError, match=r"cannot be read|is not of the form"):
            aigc.load_generator(folder)


def test_what_stands_there_is_replaced_only_when_asked(tmp_path):
    first, second = (checkpoints.vae(tmp_path / name) for name in ("a", "b"))
    tree = checkpoint.load(second)
    checkpoint.save(second, tree | {"model": {"model": {k: v + 1 for k, v in tree["model"]["model"].items()}}})
    folder = export_model(first, "safetensors", tmp_path / "weights").path
    kept = (folder / "model.safetensors").read_bytes()
    with pytest.raises(UsageError, match="is there already"):
        export_model(second, "safetensors", folder)
    assert (folder / "model.safetensors").read_bytes() == kept
    export_model(second, "safetensors", folder, overwrite=True)
    assert (folder / "model.safetensors").read_bytes() != kept
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b", "weights"]


def test_a_folder_of_something_else_is_never_replaced(tmp_path):
    run = checkpoints.vae(tmp_path / "run")
    (tmp_path / "run" / "notes.txt").write_text("mine")
    with pytest.raises(UsageError, match="no folder that export wrote"):
        export_model(run, "safetensors", tmp_path / "run", overwrite=True)
    (tmp_path / "dir.onnx").mkdir()
    with pytest.raises(UsageError, match="is a folder"):
        export_model(run, "onnx", tmp_path / "dir.onnx", overwrite=True)
    assert (tmp_path / "run" / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize("to", ["safetensors", "onnx"])
def test_a_full_disk_leaves_what_was_there(to, tmp_path, monkeypatch):
    run, out = checkpoints.vae(tmp_path / "run"), tmp_path / f"out{forms.FORMS[to]}"
    monkeypatch.setattr(forms, "_graph", lambda *_: (b"content", 0.0))
    export_model(run, to, out)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}

    def full(self, content):
        with open(self, "wb") as file:
            file.write(content[: len(content) // 2])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(WriteError, match="the disk is full"):
        export_model(run, to, out, overwrite=True)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_wrong_requests_are_refused_before_any_work(tmp_path, monkeypatch):
    run = checkpoints.vae(tmp_path)
    with pytest.raises(UsageError, match="did you mean 'onnx'"):
        export_model(run, "onnxx", tmp_path / "x.onnx")
    with pytest.raises(UsageError, match=r"ends in \.pt2"):
        export_model(run, "torch", tmp_path / "x.onnx")
    monkeypatch.setattr(graphs, "find_spec", lambda name: None if name == "onnxscript" else True)
    with pytest.raises(UsageError, match=r'onnxscript is not installed.*pip install "aigc-course\[export\]"'):
        export_model(run, "int8", tmp_path / "x.onnx")
    tree = checkpoint.load(run)
    checkpoint.save(run, tree | {"config": tree["config"] | {"recipe": "image-classifier"}})
    with pytest.raises(CheckpointError, match="generates nothing"):
        export_model(run, "safetensors", tmp_path / "x")
    with pytest.raises(CheckpointError, match="there is no run"):
        export_model(tmp_path / "none", "torch", tmp_path / "x.pt2")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["last.safetensors"]


def test_the_command_writes_and_says_what(tmp_path):
    run = checkpoints.vae(tmp_path)
    command = [sys.executable, "-m", "aigc_course.cli", "export", str(run), "--to", "safetensors", "--out", "weights"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("wrote weights (")
    again = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert (again.returncode, again.stdout) == (2, "")
    assert "--force" in again.stderr
