"""What the outputs of an exported model are worth, on the same inputs as the model's own."""

import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from aigc_course import config
from aigc_course.data import digits, dtmf_digits, toy_shapes
from aigc_course.data.batches import generator
from aigc_course.data.tokenizer import tokenizer_from_dict
from aigc_course.errors import UsageError
from aigc_course.export.graphs import run_on_tensors
from aigc_course.export.running import OnnxModel
from aigc_course.metrics.share import Share
from aigc_course.models.gpt_config import GPTConfig
from aigc_course.recipes import text_gpt
from aigc_course.recipes.spectrogram_scale import Scale
from aigc_course.recipes.text_evaluation import text_loss
from aigc_course.recipes.text_gpt import TextGPTSettings
from aigc_course.training import LoopSettings, Runtime

Figures = dict[str, float | Share]


def measure(model: OnnxModel | str | Path, count: int = 500, *, seed: int = 0) -> Figures:
    """One figure for what a model makes, by held-out text or an oracle, and how many examples it is of.

    Of a model of text: bits per character on the first `count` documents of the test split. Of images of toy-shapes:
    the share of valid ones; of digits: those that are recognised as what was asked for; of dialling tones: those that
    decode so. Equal seeds give all forms of a model the same noise, so that their figures differ by the form alone.

    Raises: UsageError where the data have no oracle.
    """
    model = model if isinstance(model, OnnxModel) else OnnxModel(model)
    data, recipe = model.config["data"]["name"], model.config["recipe"]
    if recipe == "text-gpt":
        return _bits_per_character(model, count)
    graders: dict[str, Callable[[OnnxModel, dict[str, Tensor]], Figures]] = {
        toy_shapes.NAME: _valid_shapes,
        digits.NAME: _recognised_digits,
        dtmf_digits.NAME: _dialled,
    }
    if data not in graders or "labels" not in model.input_shapes:
        raise UsageError(
            f"nothing here says what images or sounds of {data} are worth; what does, for conditional models: "
            f"{', '.join(graders)}"
        )
    labels = torch.arange(count) % len(model.config["data"]["class_names"])
    source = generator(seed, "exported", 0)
    latent_dim = int(model.input_shapes["z"][1])
    inputs = {"z": torch.randn(count, latent_dim, generator=source), "labels": labels}
    if "uniform" in model.input_shapes:
        inputs["uniform"] = torch.rand(count, generator=source)
    return graders[data](model, inputs)


def milliseconds_per_call(call: Callable[[], Any], repetitions: int = 20) -> float:
    """The median duration of a call, after one that is not counted."""
    call()
    seconds = []
    for _ in range(repetitions):
        begin = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - begin)
    return 1000 * float(np.median(seconds))


class ExportedGPT(nn.Module):
    """An exported GPT in the place of the model, for functions that measure one."""

    def __init__(self, model: OnnxModel) -> None:
        super().__init__()
        self.run_onnx, self.config = model, config.from_dict(GPTConfig, model.config["model"])

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, T) int64 -> logits (B, T, V)."""
        return torch.from_numpy(self.run_onnx(tokens=tokens.numpy())["logits"])


def _bits_per_character(model: OnnxModel, count: int) -> Figures:
    settings = config.from_dict(TextGPTSettings, model.config["settings"])
    dataset = text_gpt.load_data(settings, "test")
    loss = text_loss(
        ExportedGPT(model),
        dataset.documents("test")[:count],
        tokenizer_from_dict(model.config["data"]["tokenizer"]),
        Runtime(LoopSettings(device="cpu", precision="fp32")),
        continuous=dataset.continuous,
    )
    return {"bits_per_character": loss.nats_per_character / math.log(2), "characters": loss.num_characters}


def _valid_shapes(model: OnnxModel, inputs: dict[str, Tensor]) -> Figures:
    grades = toy_shapes.grade(2 * run_on_tensors(model, inputs)["images"] - 1)
    return _share("valid", grades["valid_rate"], inputs)


def _recognised_digits(model: OnnxModel, inputs: dict[str, Tensor]) -> Figures:
    grades = digits.grade(2 * run_on_tensors(model, inputs)["images"] - 1, inputs["labels"])
    return _share("recognised", grades["recognised_rate"], inputs)


def _dialled(model: OnnxModel, inputs: dict[str, Tensor]) -> Figures:
    made = run_on_tensors(model, inputs)
    if "waveforms" in made:
        waveforms = made["waveforms"]
    else:
        scale = config.from_dict(Scale, model.config["data"]["scale"])
        standardised = (made["spectrograms"] - scale.mean) / scale.std
        waveforms = scale.waveforms(standardised, made["n_frames"], seed=0).waveforms
    return _share("decoded", dtmf_digits.grade(waveforms, inputs["labels"])["label_accuracy"], inputs)


def _share(name: str, rate: Any, inputs: dict[str, Tensor]) -> Figures:
    count = len(inputs["labels"])
    return {name: Share(round(cast(float, rate) * count), count)}
