"""Generators of text and images. Each is a model in evaluation mode with what it needs to read its output."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch

from aigc_course.data.tokenizer import SEPARATOR, Tokenizer, require_unicode
from aigc_course.errors import UsageError
from aigc_course.generators.arguments import (
    MOST_IMAGES,
    MOST_SAMPLES,
    MOST_TEXTS,
    Label,
    choose_labels,
    require_count,
    seed_of,
)
from aigc_course.generators.provenance import UNNAMED
from aigc_course.generators.results import GeneratedImages, GeneratedText
from aigc_course.generators.writing import InOrder, TextLine, stop_strings
from aigc_course.models.gpt import GPT
from aigc_course.models.sampling import SamplingSettings, stream_tokens
from aigc_course.models.watermark import Watermark


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
        require_count("num_texts", num_texts, MOST_TEXTS)
        require_count("num_texts * number of beginnings", num_texts * len(beginnings), MOST_TEXTS)
        beginnings = [beginning for beginning in beginnings for _ in range(num_texts)]
        how = SamplingSettings(
            temperature=temperature,
            top_k=top_k,
            top_p=top_p,
            repetition_penalty=repetition_penalty,
            watermark=watermark,
        )
        pieces = self._pieces(beginnings, max_length, stop_strings(stop), how, seed_of(seed))
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
        pieces = self._pieces(_texts([text_input]), max_length, stop_strings(stop), how, seed_of(seed))
        return (piece for _, piece, _ in pieces if piece)

    def _pieces(
        self, beginnings: Sequence[str], max_length: int, stop: Sequence[str], how: SamplingSettings, seed: int
    ) -> Iterator[tuple[int, str, bool]]:
        """Number of a text, what it goes on with, whether it is complete; the last of each text is complete."""
        require_count("max_length", max_length, MOST_SAMPLES)
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

    `draw(labels, count, seed, temperature)` is the model: labels (count,) or None -> (count, C, H, W) in [0, 1].
    `temperature` is the one that it was measured with.
    """

    made_by = UNNAMED

    def __init__(
        self,
        draw: Callable[[torch.Tensor | None, int, int, float], torch.Tensor],
        class_names: Sequence[str],
        temperature: float = 1.0,
    ) -> None:
        self._draw, self.class_names, self.temperature = draw, tuple(class_names), temperature

    def generate_images(
        self,
        num_images: int = 10,
        *,
        label: Label | Sequence[Label] | None = None,
        seed: int | None = None,
        temperature: float | None = None,
    ) -> GeneratedImages:
        """Make `num_images` images.

        Args:
            label: a class by name or number for all, or one for each image; None takes the classes in turn.
            seed: the same seed gives the same images; None new ones each time.
            temperature: scale of the latent noise; below 1 gives more typical images and fewer kinds of them, 1 those
                that the model was trained for. None: `self.temperature`.

        Raises: UsageError for a value that is not allowed, or a label where the model is not conditional.
        """
        require_count("num_images", num_images, MOST_IMAGES)
        labels = choose_labels(label, num_images, self.class_names)
        chosen = self.temperature if temperature is None else temperature
        images = self._draw(labels, num_images, seed_of(seed), chosen)
        captions = [self.class_names[i] for i in labels] if labels is not None else [""] * num_images
        return GeneratedImages(images, captions, made_by=self.made_by)


def _texts(beginnings: Sequence[Any]) -> list[str]:
    for beginning in beginnings:
        if not isinstance(beginning, str):
            raise UsageError(f"text_input must be text, or a list of texts, but is {type(beginning).__name__}")
    if not beginnings:
        raise UsageError("text_input is an empty list; give at least one text, which may be empty")
    return [require_unicode(beginning, "text_input") for beginning in beginnings]
