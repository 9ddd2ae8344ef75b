"""What the GPT learns from and is measured by, against sums written out."""

import json
import math
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from aigc_course import recipes
from aigc_course.data import dumps
from aigc_course.data.tokenizer import BPETokenizer
from aigc_course.errors import DataError, UsageError
from aigc_course.recipes.text_gpt import make_tokenizer, next_token_step, profile
from aigc_course.training import checkpoint


class Bigram(nn.Module):
    """Logits that depend on the last token alone."""

    def __init__(self, vocab_size: int) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.zeros(vocab_size, vocab_size))

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        return self.table[tokens]


def test_the_step_counts_per_token_and_per_character() -> None:
    loss, metrics = next_token_step(Bigram(5), {"tokens": torch.randint(5, (4, 8))}, tokens_per_character=0.25)
    assert loss.item() == pytest.approx(math.log(5), rel=1e-6)
    assert metrics["loss_per_character"].item() == pytest.approx(math.log(5) / 4, rel=1e-6)


def test_the_tokenizer_follows_the_settings() -> None:
    settings = profile("quick")
    assert isinstance(make_tokenizer(settings, ["banana"] * 20), BPETokenizer)
    assert settings.tokens == "bpe"


def test_a_run_records_both_losses_in_a_constant_ratio(tmp_path: Path) -> None:
    run = recipes.train("text-gpt", profile="smoke", run_dir=tmp_path / "run")
    ratios = [row["loss_per_character"] / row["loss"] for row in run.history.rows]
    assert 0.2 < ratios[0] < 1 and ratios == pytest.approx([ratios[0]] * len(ratios), rel=1e-5)
    assert run.history.rows[-1]["validation_loss"] == pytest.approx(run.history.rows[-1]["loss_per_character"], rel=0.5)


@pytest.mark.parametrize("optimizer", ["muon", "adamw"])
def test_the_optimizer_follows_the_settings(tmp_path: Path, optimizer: str) -> None:
    options = [f"optimizer={optimizer}", "loop.decay=constant", "loop.steps=12"]
    run = recipes.train("text-gpt", profile="smoke", overrides=options, run_dir=tmp_path / "run")
    state = checkpoint.load(run.directory / "last.safetensors")["optimizer"]["optimizer"]
    assert ("optimizers" in state) == (optimizer == "muon")
    losses = run.history.column("loss")[1]
    assert losses[-1] < losses[0]


def test_a_play_is_learned_as_one_text(tmp_path: Path) -> None:
    lines = [f"SPEAKER {i % 3}:\n{'word ' * (i % 5)}end\n" for i in range(200)]
    (tmp_path / "play.txt").write_text("\n".join(lines), "utf-8")
    options = ["documents=whole", "tokens=characters", "loop.steps=20", "loop.decay=constant"]
    run = recipes.train(
        "text-gpt", profile="smoke", data=tmp_path / "play.txt", overrides=options, run_dir=tmp_path / "run"
    )
    tree = checkpoint.load(run.directory / "last.safetensors")
    assert tree["config"]["data"]["name"] == "play"
    metrics = recipes.evaluate(run)
    assert 0 < metrics["test_loss"] < 1 and 0 < metrics["ngram_loss"] < 1
    assert metrics["held_out_longest_copied_share_median"] == 1  # the lines come again and again


@pytest.mark.skipif(sys.platform == "win32", reason="torchrun with gloo needs Unix here")
@pytest.mark.parametrize(("optimizer", "tolerance"), [("adamw", 2e-6), ("muon", 1e-4)])  # Muon orthogonalises in bf16
def test_two_processes_learn_what_one_does(tmp_path: Path, optimizer: str, tolerance: float) -> None:
    settings = ["loop.precision=fp32", "loop.log_every=1", "loop.decay=constant", "loop.warmup_steps=0"]
    rows = []
    for processes, more in ((1, []), (2, ["loop.accumulate=2"])):
        directory = tmp_path / str(processes)
        command = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
        command += ["-m", "aigc_course.cli", "train", "text-gpt", "--profile", "smoke", "--run-dir", str(directory)]
        options = [f"optimizer={optimizer}", "learning_rate=3e-3", *settings, *more]
        command += [part for option in options for part in ("--set", option)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
        assert done.returncode == 0, done.stderr[-3000:]
        rows.append(checkpoint.load(directory / "last.safetensors")["history"]["rows"])
    one, two = rows
    assert len(one) == 6 and one[0]["loss"] - one[-1]["loss"] > 0.1, "losses that do not move would always agree"
    assert [row["loss"] for row in two] == pytest.approx([row["loss"] for row in one], rel=tolerance)
    assert two[-1]["validation_loss"] == pytest.approx(one[-1]["validation_loss"], rel=tolerance)


def folder_of(path: Path, text: str) -> Path:
    path.mkdir()
    (path / "a.txt").write_text(text, "utf-8")
    return path


@pytest.mark.parametrize("tokens", ["characters", "bpe"])
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the text files of .* are all empty"),
        (" \n\n", "are all empty"),
        ("a", "has no documents for validation: {'train': 1}. Three documents or more fill all splits"),
        ("two\nlines", "has no documents for"),
        ("a\nb\nc", r"a window takes 65 tokens, but there are only \d; use more text or a smaller context_length"),
        ("x" * 70 + "\ny\nz", "(a window takes 65 tokens|none of the 1 starts leaves room for 65 tokens)"),
    ],
)
def test_too_little_text_is_one_clear_message(tmp_path: Path, text: str, message: str, tokens: str) -> None:
    if tokens == "characters" and "x" in text:
        text = text.replace("x" * 70, "x" * 20)
    folder = folder_of(tmp_path / "mine", text)
    with pytest.raises(DataError, match=message):
        recipes.train(
            "text-gpt", profile="smoke", data=folder, overrides=[f"tokens={tokens}"], run_dir=tmp_path / "run"
        )
    assert not (tmp_path / "run").exists()


def test_how_to_read_files_is_no_question_for_a_data_set(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="documents=whole says how to read text files, but data is 'toy-comments'"):
        recipes.train("text-gpt", profile="smoke", overrides=["documents=whole"], run_dir=tmp_path / "run")


def test_one_character_again_and_again_can_be_learned(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "mine", "aaaa\n" * 60)
    run = recipes.train(
        "text-gpt", profile="smoke", data=folder, overrides=["tokens=characters"], run_dir=tmp_path / "run"
    )
    assert 0 < run.metrics["validation_loss"] < 2


def test_a_resumed_run_whose_token_file_is_gone_equals_the_straight_one(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("AIGC_RUNS", str(tmp_path / "runs"))
    folder = folder_of(tmp_path / "mine", "\n".join(f"line {i} of {i * i}" for i in range(200)))
    options = {"profile": "smoke", "data": folder}
    straight = recipes.train("text-gpt", **options, run_dir=tmp_path / "straight", overrides=["loop.decay=constant"])
    (made,) = (tmp_path / "runs" / "tokens" / "mine").glob("*/tokens-*.safetensors")
    begun = ["loop.decay=constant", "loop.steps=4"]
    recipes.train("text-gpt", **options, run_dir=tmp_path / "run", overrides=begun)
    made.unlink()
    more = recipes.train("text-gpt", resume=True, run_dir=tmp_path / "run", overrides=["loop.steps=6"])
    assert made.is_file() and more.metrics["step"] == 6
    weights = [checkpoint.load(run.directory / "last.safetensors")["model"]["model"] for run in (straight, more)]
    assert all(torch.equal(a, b) for a, b in zip(weights[0].values(), weights[1].values(), strict=True))


def test_an_imported_dump_is_trained_on_and_its_filter_can_be_switched_off(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("AIGC_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("AIGC_RUNS", str(tmp_path / "runs"))
    bodies = [f"comment {i} {'shit' if i % 2 else 'fine'}" for i in range(300)]
    (tmp_path / "d.jsonl").write_text("".join(json.dumps({"body": body}) + "\n" for body in bodies))
    dumps.import_dump("mine", tmp_path / "d.jsonl")
    seen = {}
    for data_filter in ("classroom", "off"):
        options = [f"data_filter={data_filter}", "tokens=characters"]
        run = recipes.train("text-gpt", profile="smoke", data="mine", overrides=options, run_dir=tmp_path / data_filter)
        tree = checkpoint.load(run.directory / "last.safetensors", only=("config",))
        seen[data_filter] = set(tree["config"]["data"]["tokenizer"]["characters"])
        assert 0 < recipes.evaluate(run)["test_loss"] < 10
    assert seen["off"] - seen["classroom"] == {"s", "h"}
    with pytest.raises(UsageError, match="unknown value of data_filter 'on'"):
        recipes.train("text-gpt", profile="smoke", overrides=["data_filter=on"], run_dir=tmp_path / "on")
