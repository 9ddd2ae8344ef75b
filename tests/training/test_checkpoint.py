"""The checkpoint file: round trip, atomicity, and what is refused."""

import errno
import itertools
import json
import os
import pickle
import sys
import threading

import pytest
import torch
from safetensors.torch import save_file

from aigc_course.errors import CheckpointError
from aigc_course.files import WriteError
from aigc_course.training import checkpoint


def tree():
    weight = torch.arange(6.0).reshape(2, 3)
    return {
        "config": {"name": "x", "betas": (0.9, 0.999), "list": [1, None, True, "é"]},
        "model": {"a": weight, "tied": weight, "half": torch.ones(3, dtype=torch.bfloat16), "n": torch.tensor(7)},
        "optimizer": {"state": {0: {"step": torch.tensor(3.0)}, 1: {}}},
        "empty": torch.empty(0, 4),
    }


def test_round_trip_keeps_types_values_and_key_types(tmp_path):
    path = tmp_path / "a.safetensors"
    checkpoint.save(path, tree())
    loaded, original = checkpoint.load(path), tree()
    assert loaded["config"] == original["config"]
    assert isinstance(loaded["config"]["betas"], tuple)
    assert list(loaded["optimizer"]["state"]) == [0, 1]
    for name, tensor in original["model"].items():
        assert torch.equal(loaded["model"][name], tensor)
        assert loaded["model"][name].dtype == tensor.dtype
    assert loaded["empty"].shape == (0, 4)


def test_tied_weights_are_stored_once(tmp_path):
    weight = torch.randn(1000, 100)
    checkpoint.save(tmp_path / "tied", {"model": {"a": weight, "b": weight}})
    checkpoint.save(tmp_path / "two", {"model": {"a": weight, "b": weight.clone()}})
    assert (tmp_path / "tied").stat().st_size < 0.6 * (tmp_path / "two").stat().st_size


def test_only_reads_the_entries_asked_for(tmp_path):
    checkpoint.save(tmp_path / "a", tree())
    assert set(checkpoint.load(tmp_path / "a", only=("config", "model"))) == {"config", "model"}


@pytest.mark.parametrize("keep", [0, 4, 100, 0.5, 0.99])
def test_a_truncated_file_is_refused(tmp_path, keep):
    path = tmp_path / "a"
    checkpoint.save(path, tree())
    content = path.read_bytes()
    path.write_bytes(content[: int(keep * len(content)) if isinstance(keep, float) else keep])
    with pytest.raises(CheckpointError, match="damaged"):
        checkpoint.load(path)


def test_one_flipped_bit_anywhere_in_the_tensors_or_the_tree_is_noticed(tmp_path):
    path = tmp_path / "a"
    checkpoint.save(path, tree())
    content = bytearray(path.read_bytes())
    for position in (len(content) - 1, len(content) - 40, content.index(b"betas")):
        damaged = bytearray(content)
        damaged[position] ^= 1
        path.write_bytes(damaged)
        with pytest.raises(CheckpointError, match=r"damaged"):
            checkpoint.load(path)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows replaces no file that is open")
def test_a_reader_beside_a_writer_sees_one_state_or_the_other(tmp_path):
    """Read while a thread keeps replacing the file: a mixture of two states would fail the SHA-256."""
    states = [{"step": step, "model": {"w": torch.full((1000,), float(step))}} for step in range(2)]
    for step, state in enumerate(states):
        checkpoint.save(tmp_path / str(step), state)
    path, done = tmp_path / "last", threading.Event()
    os.link(tmp_path / "1", path)  # never replaced by itself: rename would leave both names

    def replace_for_ever():
        for step in itertools.cycle(range(2)):
            os.link(tmp_path / str(step), tmp_path / "next")
            os.replace(tmp_path / "next", path)
            if done.is_set():
                return

    writer = threading.Thread(target=replace_for_ever)
    writer.start()
    try:
        seen = [checkpoint.load(path) for _ in range(1000)]
    finally:
        done.set()
        writer.join()
    assert {state["step"] for state in seen} == {0, 1}
    assert all((state["model"]["w"] == state["step"]).all() for state in seen)


def test_other_files_are_told_apart(tmp_path):
    save_file({"w": torch.ones(2)}, tmp_path / "foreign")
    with pytest.raises(CheckpointError, match="not a checkpoint of this course"):
        checkpoint.load(tmp_path / "foreign")
    with pytest.raises(CheckpointError, match="no checkpoint at"):
        checkpoint.load(tmp_path / "missing")
    (tmp_path / "text").write_text("hello, this is no checkpoint at all")
    with pytest.raises(CheckpointError, match="damaged"):
        checkpoint.load(tmp_path / "text")


def test_another_format_version_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoint, "FORMAT", 99)
    checkpoint.save(tmp_path / "new", {"step": 1})
    monkeypatch.undo()
    with pytest.raises(CheckpointError, match=r"format 99 .* reads format 1"):
        checkpoint.load(tmp_path / "new")


def test_a_pickle_is_never_executed(tmp_path):
    class Trap:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "executed"),)

    (tmp_path / "evil").write_bytes(pickle.dumps(Trap()))
    torch.save({"model": Trap()}, tmp_path / "evil.pt")
    for name in ("evil", "evil.pt"):
        with pytest.raises(CheckpointError):
            checkpoint.load(tmp_path / name)
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EACCES, errno.EROFS])
def test_a_failed_write_keeps_the_old_file_and_leaves_nothing_half_written(tmp_path, monkeypatch, code):
    path = tmp_path / "a"
    checkpoint.save(path, {"step": 1})

    def fail(_):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(WriteError, match="cannot write"):
        checkpoint.save(path, {"step": 2})
    monkeypatch.undo()
    assert checkpoint.load(path)["step"] == 1
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


def test_what_a_checkpoint_cannot_hold_is_named(tmp_path):
    with pytest.raises(TypeError, match="model/fn: function"):
        checkpoint.save(tmp_path / "a", {"model": {"fn": lambda: 0}})
    assert list(tmp_path.iterdir()) == []


def test_not_a_number_survives(tmp_path):
    checkpoint.save(tmp_path / "a", {"x": float("nan"), "y": float("inf")})
    loaded = checkpoint.load(tmp_path / "a")
    assert loaded["x"] != loaded["x"]
    assert json.dumps(loaded["y"]) == "Infinity"


def test_load_weights_changes_nothing_unless_all_fits():
    model = torch.nn.Linear(3, 2)
    before = {k: v.clone() for k, v in model.state_dict().items()}
    good = {k: v + 1 for k, v in before.items()}
    for bad, message in [
        ({"weight": good["weight"]}, "bias is missing"),
        ({**good, "extra": good["bias"]}, "extra is unexpected"),
        ({**good, "bias": torch.zeros(5)}, r"bias has shape \(5,\), here \(2,\)"),
    ]:
        with pytest.raises(CheckpointError, match=message):
            checkpoint.load_weights(model, bad, "file")
        assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())
    checkpoint.load_weights(model, good, "file")
    assert all(torch.equal(v, good[k]) for k, v in model.state_dict().items())
