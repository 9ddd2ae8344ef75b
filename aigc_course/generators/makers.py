"""The three generators. Each is a model in evaluation mode with what it needs to read its output."""

import secrets
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch

from aigc_course.data.tokenizer import SEPARATOR, Tokenizer, require_unicode
from aigc_course.errors import UsageError, unknown
from aigc_course.generators.provenance import UNNAMED
from aigc_course.generators.results import GeneratedAudio, GeneratedImages, GeneratedText
from aigc_course.generators.writing import InOrder, TextLine, stop_strings
from aigc_course.models.gpt import GPT
from aigc_course.models.sampling import SamplingSettings, stream_tokens
from aigc_course.models.watermark import Watermark

MOST_TEXTS, MOST_IMAGES, MOST_SAMPLES = 10_000, 10_000, 10_000_000
"""More than this in one call is taken for a slip."""

Label = int | str


class TextGenerator:
    """Writes text with a trained GPT."""

    made_by = UNNAMED

    def __init__(self, model: GPT, tokenizer: Tokenizer) -> None:
        self.model, self.tokenizer = model.eval(), tokenizer

    def generate(
        self,
        text_input: str | Sequence[str] = "",
        *,
        num_texts: int = 1,
        max_length: int = 300,
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float | None = None,
        repetition_penalty: float = 1.0,
        watermark: Watermark | None = None,
        stop: str | Sequence[str] = (),
        seed: int | None = None,
        stream: bool = False,
    ) -> GeneratedText:
        """Go on from `text_input` to the end of the document, or for `max_length` characters.

        Args:
            text_input: what the text begins with, or several beginnings of any lengths; characters that the model does
                not know are passed over. Of more than the model can look at, the end counts (see `Decoder`).
            num_texts: how many continuations, of each beginning.
            temperature: 1 samples from the model; below 1 safer, 0 the likeliest token each time.
            top_k: sample among the k likeliest tokens only.
            top_p: sample among the likeliest tokens that hold this share of the probability, in (0, 1].
            repetition_penalty: above 1 makes what was written before less likely.
            watermark: makes the text recognisable, by its key, as generated: `watermark.score(tokenizer.encode(text))`.
            stop: a string, or several, before which the text ends.
            seed: the same seed gives the same text; None a new one each time.
            stream: also write each text to the screen as it comes, one after another.

        Returns: the text, `text_input` included.
        Raises: UsageError for a value that is not allowed.
        """
        beginnings = _texts(text_input if isinstance(text_input, list | tuple) else [text_input])
        _require_count("num_texts", num_texts, MOST_TEXTS)
        _require_count("num_texts * number of beginnings", num_texts * len(beginnings), MOST_TEXTS)
        beginnings = [beginning for beginning in beginnings for _ in range(num_texts)]
        how = SamplingSettings(
            temperature=temperature,
            top_k=top_k,
            top_p=top_p,
            repetition_penalty=repetition_penalty,
            watermark=watermark,
        )
        pieces = self._pieces(beginnings, max_length, stop_strings(stop), how, _seed(seed))
        texts, screen = list(beginnings), InOrder(beginnings) if stream else None
        for number, piece, ended in pieces:
            texts[number] += piece
            if screen is not None:
                screen.add(number, piece, ended)
        return GeneratedText(texts, made_by=self.made_by)

    def stream(
        self,
        text_input: str = "",
        *,
        max_length: int = 300,
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float | None = None,
        repetition_penalty: float = 1.0,
        watermark: Watermark | None = None,
        stop: str | Sequence[str] = (),
        seed: int | None = None,
    ) -> Iterator[str]:
        """The continuation that `generate` would return, piece by piece as it is written, without `text_input`.

        Arguments and errors are those of `generate`; what is not allowed is refused at once, before the first piece.
        """
        how = SamplingSettings(
            temperature=temperature,
            top_k=top_k,
            top_p=top_p,
            repetition_penalty=repetition_penalty,
            watermark=watermark,
        )
        pieces = self._pieces(_texts([text_input]), max_length, stop_strings(stop), how, _seed(seed))
        return (piece for _, piece, _ in pieces if piece)

    def _pieces(
        self, beginnings: Sequence[str], max_length: int, stop: Sequence[str], how: SamplingSettings, seed: int
    ) -> Iterator[tuple[int, str, bool]]:
        """Number of a text, what it goes on with, whether it is complete; the last of each text is complete."""
        _require_count("max_length", max_length, MOST_SAMPLES)
        prompts, lines = [], []
        for beginning in beginnings:
            begun, leading = " ".join(beginning.split("\n")), ""
            if self.tokenizer.words_take_their_space and begun.endswith(" "):
                begun, leading = begun.rstrip(" "), " "  # the next token brings it along
            prompts.append([i for i in self.tokenizer.encode(SEPARATOR + begun) if i != 0])
            lines.append(TextLine(self.tokenizer, max_length, stop, leading))
        new: dict[int, str] = {}

        def is_done(row: int, token: int) -> bool:
            new[row] = lines[row].add(token)
            return lines[row].is_done

        steps = stream_tokens(
            self.model,
            prompts,
            max_new_tokens=max_length,
            stop_id=self.tokenizer.encode(SEPARATOR)[0],
            generator=torch.Generator(self.model.token_embedding.weight.device).manual_seed(seed),
            settings=how,
            is_done=is_done,
        )

        def pieces() -> Iterator[tuple[int, str, bool]]:
            open_rows = dict.fromkeys(range(len(lines)))
            for written in steps:
                went_on = {row for row, _ in written}
                for row in list(open_rows):
                    ended = row not in went_on or lines[row].is_done
                    yield row, new.pop(row, "") + (lines[row].finish() if ended else ""), ended
                    if ended:
                        del open_rows[row]
            for row in open_rows:
                yield row, lines[row].finish(), True

        return pieces()


class ImageGenerator:
    """Paints images with a trained GAN or VAE.

    `draw(labels, count, seed)` is the model: labels (count,) or None -> (count, C, H, W) in [0, 1].
    """

    made_by = UNNAMED

    def __init__(
        self, draw: Callable[[torch.Tensor | None, int, int], torch.Tensor], class_names: Sequence[str]
    ) -> None:
        self._draw, self.class_names = draw, tuple(class_names)

    def generate_images(
        self,
        num_images: int = 10,
        *,
        label: Label | Sequence[Label] | None = None,
        seed: int | None = None,
    ) -> GeneratedImages:
        """Make `num_images` images.

        Args:
            label: a class by name or number for all, or one for each image; None takes the classes in turn.
            seed: the same seed gives the same images; None new ones each time.

        Raises: UsageError for a value that is not allowed, or a label where the model is not conditional.
        """
        _require_count("num_images", num_images, MOST_IMAGES)
        labels = choose_labels(label, num_images, self.class_names)
        images = self._draw(labels, num_images, _seed(seed))
        captions = [self.class_names[i] for i in labels] if labels is not None else [""] * num_images
        return GeneratedImages(images, captions, made_by=self.made_by)


class AudioGenerator:
    """Speaks (or dials) with a trained audio VAE.

    `draw(labels, speakers, seed, temperature)` is the model: labels (B,) -> waveforms (B, T) in [-1, 1]. Of a model
    without classes they say nothing but how many sounds to make.
    """

    made_by = UNNAMED

    def __init__(
        self,
        draw: Callable[[torch.Tensor, torch.Tensor | None, int, float], torch.Tensor],
        class_names: Sequence[str],
        speaker_names: Sequence[str],
        sample_rate_hz: int,
    ) -> None:
        self._draw = draw
        self.class_names, self.speaker_names = tuple(class_names), tuple(speaker_names)
        self.sample_rate_hz = sample_rate_hz

    def generate_audio(
        self,
        num_samples: int = 10_000,
        *,
        label: Label | Sequence[Label] | None = None,
        speaker: Label | None = None,
        seed: int | None = None,
        temperature: float = 1.0,
    ) -> GeneratedAudio:
        """Make a sound of exactly `num_samples` samples: one class after another until it is filled, then cut.

        Args:
            label: the class to say by name or number, again and again, or several in turn; None takes all in turn.
            speaker: who says it, where the model knows speakers; None draws one at random.
            seed: the same seed gives the same sound; None a new one each time.
            temperature: scale of the latent noise; below 1 gives more typical sounds.

        Raises: UsageError for a value that is not allowed.
        """
        _require_count("num_samples", num_samples, MOST_SAMPLES)
        length = self._draw(torch.zeros(1, dtype=torch.int64), None, 0, 0.0).shape[1]
        count = -(-num_samples // length)
        labels = choose_labels(label, count, self.class_names, in_turn=True)
        speakers = None
        if speaker is not None:
            if not self.speaker_names:
                raise UsageError("this model does not know speakers; leave speaker out")
            speakers = torch.full((count,), _number(speaker, self.speaker_names, "speaker"))
        said = "" if labels is None else " ".join(self.class_names[i] for i in labels)
        labels = torch.zeros(count, dtype=torch.int64) if labels is None else labels
        sounds = self._draw(labels, speakers, _seed(seed), _checked(temperature))
        waveform = fade_end(sounds.reshape(-1)[:num_samples])
        return GeneratedAudio(waveform, self.sample_rate_hz, caption=said, made_by=self.made_by)


def fade_end(waveform: torch.Tensor, fade_samples: int = 80) -> torch.Tensor:
    """The waveform (T,) with its last samples faded to zero, so that a cut does not click."""
    n = min(fade_samples, len(waveform))
    faded = waveform.clone()
    faded[len(waveform) - n :] *= torch.linspace(1, 0, n)
    return faded


def choose_labels(
    label: Label | Sequence[Label] | None, count: int, class_names: Sequence[str], *, in_turn: bool = False
) -> torch.Tensor | None:
    """(count,) int64 class numbers; None for a model without classes.

    A sequence has one label for each, or (`in_turn`) is repeated until there are enough.
    """
    if not class_names:
        if label is not None:
            raise UsageError("this model was trained without classes; leave label out")
        return None
    if label is None:
        return torch.arange(count) % len(class_names)
    several = [label] if isinstance(label, int | str) else list(label)
    numbers = torch.tensor([_number(one, class_names, "label") for one in several])
    if isinstance(label, int | str) or (in_turn and several):
        return numbers.repeat(-(-count // len(numbers)))[:count]
    if len(several) != count:
        raise UsageError(f"there are {len(several)} labels for {count} images; give one for all, or one for each")
    return numbers


def _number(label: Any, names: Sequence[str], what: str) -> int:
    """The index of a name, or a number that is one."""
    if isinstance(label, str) and label in names:
        return names.index(label)
    if isinstance(label, int) and not isinstance(label, bool) and 0 <= label < len(names):
        return label
    raise unknown(what, label, names)


def _require_count(name: str, value: Any, most: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
        raise UsageError(f"{name} must be a whole number from 1 to {most}, but is {value!r}")


def _checked(temperature: float) -> float:
    if not temperature >= 0:
        raise UsageError(f"temperature must be at least 0, but is {temperature}")
    return temperature


def _texts(beginnings: Sequence[Any]) -> list[str]:
    for beginning in beginnings:
        if not isinstance(beginning, str):
            raise UsageError(f"text_input must be text, or a list of texts, but is {type(beginning).__name__}")
    if not beginnings:
        raise UsageError("text_input is an empty list; give at least one text, which may be empty")
    return [require_unicode(beginning, "text_input") for beginning in beginnings]


def _seed(seed: int | None) -> int:
    if seed is None:
        return secrets.randbits(31)
    if isinstance(seed, bool) or not isinstance(seed, int):
        raise UsageError(f"seed must be a whole number or None, but is {seed!r}")
    return seed
