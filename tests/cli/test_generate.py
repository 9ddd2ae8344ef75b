"""`aigc-course generate` hands its options to the generator's method and writes what comes back."""

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from aigc_course.cli import main


class Result:
    def __str__(self) -> str:
        return "some text"

    def save(self, path: Path) -> None:
        path.write_text("saved")


class Recorder:
    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []


class TextGenerator(Recorder):
    def generate(self, text: str, **options: Any) -> Result:
        self.calls.append((text, options))
        return Result()


class ImageGenerator(Recorder):
    def generate_images(self, **options: Any) -> Result:
        self.calls.append((options,))
        return Result()


class AudioGenerator(Recorder):
    def generate_audio(self, **options: Any) -> Result:
        self.calls.append((options,))
        return Result()


@pytest.fixture(params=[TextGenerator, ImageGenerator, AudioGenerator])
def generator(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Recorder:
    import aigc_course

    made = request.param()
    module = ModuleType("aigc_course.generators")
    vars(module).update({cls.__name__: cls for cls in (TextGenerator, ImageGenerator, AudioGenerator)})
    vars(module)["load_generator"] = lambda _: made
    monkeypatch.setitem(sys.modules, "aigc_course.generators", module)
    monkeypatch.setattr(aigc_course, "generators", module, raising=False)
    monkeypatch.chdir(tmp_path)
    return made


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as caught:
        main(["generate", "runs/x", *arguments])
    return caught.value.code or 0  # type: ignore[return-value]


def test_defaults_are_left_to_the_generator(generator: Recorder, capsys: pytest.CaptureFixture) -> None:
    assert run() == 0
    text = isinstance(generator, TextGenerator)
    assert generator.calls == [("", {})] if text else generator.calls == [({},)]
    assert ("some text" if text else "wrote generated.") in capsys.readouterr().out


def test_the_ending_must_fit(generator: Recorder, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    suffix = {TextGenerator: ".txt", ImageGenerator: ".png", AudioGenerator: ".wav"}[type(generator)]
    assert run("--out", "x" + suffix) == 0
    assert (tmp_path / ("x" + suffix)).read_text() == "saved"
    assert run("--out", "x.doc") == 2
    assert suffix in capsys.readouterr().err and not (tmp_path / "x.doc").exists()


def test_options_reach_the_method(generator: Recorder, capsys: pytest.CaptureFixture) -> None:
    if isinstance(generator, TextGenerator):
        assert run("--prompt", "I", "--num", "2", "--seed", "3", "--temperature", "0.5") == 0
        assert generator.calls == [("I", {"num_texts": 2, "seed": 3, "temperature": 0.5})]
        assert run("--top-k", "5", "--top-p", "0.9", "--repetition-penalty", "1.2", "--stop", "a", "--stop", "b") == 0
        assert generator.calls.pop() == ("", {"top_k": 5, "top_p": 0.9, "repetition_penalty": 1.2, "stop": ["a", "b"]})
        capsys.readouterr()
        assert run("--stream") == 0
        assert generator.calls.pop() == ("", {"stream": True}) and capsys.readouterr().out == ""
        assert run("--label", "1") == 2
    else:
        number = "num_images" if isinstance(generator, ImageGenerator) else "num_samples"
        assert run("--num", "2", "--label", "7", "--seed", "3", "--temperature", "0.5") == 0
        assert generator.calls == [({number: 2, "label": 7, "seed": 3, "temperature": 0.5},)]
        audio = isinstance(generator, AudioGenerator)
        assert run("--speaker", "theo", "--sample-rate", "16000") == (0 if audio else 2)
        if audio:
            assert generator.calls.pop() == ({"speaker": "theo", "sample_rate": 16000},)
        assert run("--prompt", "I") == 2
        assert "error: " in capsys.readouterr().err
        assert run("--top-k", "3") == 2
    assert len(generator.calls) == 1
    assert capsys.readouterr().err.startswith("error: ")


def test_numbers_are_checked(generator: Recorder) -> None:
    assert run("--num", "0") == 2
    assert run("--temperature", "-1") == 2
    assert generator.calls == []
