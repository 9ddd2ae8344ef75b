"""What a trained model writes, and how surprised it is by its own choices."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor

from aigc_course.data.tokenizer import SEPARATOR, UNKNOWN, Tokenizer
from aigc_course.errors import UsageError
from aigc_course.generators.makers import TextGenerator
from aigc_course.models.gpt import GPT
from aigc_course.models.sampling import SamplingSettings, sample_tokens
from aigc_course.plots import COLOURS
from aigc_course.widgets.controls import Choice, Control, LogSlider, Slider
from aigc_course.widgets.explorer import Explorer
from aigc_course.widgets.tokens import visible

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

_COLUMNS, _ROWS = 92, 5  # characters of the text that is shown
_LEFT, _TOP, _ROW_HEIGHT = 0.02, 0.86, 0.08  # of the text, as shares of the figure
_FONTS = ["DejaVu Sans Mono", "DejaVu Sans"]  # the second for signs that the first lacks
_ADVANCE = 0.602  # of DejaVu Sans Mono: width of a character over the font's size
_MOST_NATS = 7.0  # end of the axis of surprise and of the colours
_TOP_KS = (1, 2, 3, 5, 10, 20, 50, 100, 200, 500, 1000)


@dataclass(frozen=True, kw_only=True)
class Writing:
    """A text that a model wrote, token by token."""

    prompt: str
    pieces: list[str]  # what each new token adds to the text; "" for a part of a character that is not complete yet
    surprise: Tensor  # (N,) nats of each new token under the model's own probabilities, the end's included
    entropy: Tensor  # (N,) nats that the model expected there
    ended: bool  # whether the model ended the text, instead of being cut off

    @property
    def text(self) -> str:
        """The prompt and what follows it."""
        return self.prompt + "".join(self.pieces)


def written(
    model: GPT, tokenizer: Tokenizer, prompt: str, settings: SamplingSettings, *, seed: int, max_tokens: int
) -> Writing:
    """Go on from `prompt` by at most `max_tokens` tokens, as `TextGenerator.generate` does with the same seed.

    The surprise is the model's own, before temperature, filters and penalty.
    Args: max_tokens: at least 1 and less than the model's context.
    """
    begun = prompt.rstrip(" ") if tokenizer.words_take_their_space else prompt
    leading = " " if begun != prompt else ""  # the first new token brings it along
    ids = [i for i in tokenizer.encode(SEPARATOR + begun) if i != 0]
    stop, device = tokenizer.encode(SEPARATOR)[0], model.token_embedding.weight.device
    source = torch.Generator(device).manual_seed(seed)
    (new,) = sample_tokens(model, [ids], max_new_tokens=max_tokens, stop_id=stop, generator=source, settings=settings)
    ended = len(new) < max_tokens
    targets = [*new, stop] if ended else new
    tokens = torch.tensor([*ids, *targets], device=device)
    with torch.inference_mode():
        logits = model(tokens[None, :-1][:, -model.config.context_length :])[0, -len(targets) :]
    log_p = logits.float().log_softmax(-1).cpu()  # (N, V)
    return Writing(
        prompt=prompt,
        pieces=_pieces(tokenizer, new, leading),
        surprise=-log_p.gather(1, torch.tensor(targets)[:, None])[:, 0],
        entropy=-(log_p.exp() * log_p).sum(-1),
        ended=ended,
    )


def _pieces(tokenizer: Tokenizer, ids: Sequence[int], leading: str) -> list[str]:
    """What each token adds to the text. Bytes of one character count with the last of them."""
    pieces: list[str] = []
    held: list[int] = []
    for number, token in enumerate(ids, start=1):
        held.append(token)
        piece = tokenizer.decode(held)
        if piece.endswith(UNKNOWN) and number < len(ids):
            pieces.append("")
        else:
            pieces.append(piece if any(pieces) else piece.removeprefix(leading))
            held = []
    return pieces


Placed = tuple[int, int, str, int | None]  # row, column, text, number of the new token (None: the prompt)


def placed(writing: Writing, columns: int = _COLUMNS) -> list[Placed]:
    """Where each token stands when the text is broken into rows of `columns` characters, at spaces if possible."""
    parts: list[tuple[str, int | None]] = [(word, None) for word in re.findall(r" *[^ ]+| +", writing.prompt)]
    parts += [(piece, number) for number, piece in enumerate(writing.pieces) if piece]
    shown = [("".join(c if c == " " else visible(c) for c in text), number) for text, number in parts]
    result: list[Placed] = []
    row = column = 0
    for place, (text, number) in enumerate(shown):
        word = _word_length(shown[place:])
        if text.startswith(" ") and column > 0 and word <= columns < column + word:
            row, column, text = row + 1, 0, text.lstrip(" ")
        while text:
            piece, text = text[: columns - column], text[columns - column :]
            if piece:
                result.append((row, column, piece, number))
            column += len(piece)
            if text:
                row, column = row + 1, 0
    return result


def _word_length(parts: Sequence[tuple[str, int | None]]) -> int:
    """Characters up to the next part that begins with a space."""
    length = len(parts[0][0])
    for text, _ in parts[1:]:
        if text.startswith(" "):
            break
        length += len(text)
    return length


@dataclass(frozen=True, kw_only=True)
class Line(Control):
    """One line of free text."""

    value: str = ""

    def checked(self, value: Any) -> str:
        if not isinstance(value, str) or "\n" in value:
            raise UsageError(f"{self.name} = {value!r} is not allowed; it must be text of one line")
        return value

    def make(self, value: Any) -> Any:
        import ipywidgets

        return ipywidgets.Text(value=value, **self._look())


class WritingExplorer(Explorer):
    """A text that a trained model writes, anew at each change of prompt, seed or sampling.

    Each token's colour says how surprising it was to the model that chose it.
    """

    title = "Writing with a trained model"
    inches = (9.6, 4.2)

    def __init__(
        self,
        writer: TextGenerator,
        prompt: str = "",
        *,
        max_tokens: int = 36,
        seed: int = 0,
        judge: Callable[[str], str] | None = None,
    ) -> None:
        """Show what `writer` makes of `prompt`.

        Args:
            max_tokens: at most written, at least 1; a longer text takes longer to redraw. Below the model's context.
            judge: what to say of a text that the model has ended.
        Raises: UsageError for another max_tokens, a prompt of several lines or a seed not from 0 to 99.
        """
        if not 1 <= max_tokens < writer.model.config.context_length:
            most = writer.model.config.context_length - 1
            raise UsageError(f"max_tokens = {max_tokens} is not allowed; it must be from 1 to {most}")
        self.writer, self.judge, self.max_tokens = writer, judge, max_tokens
        vocab_size = len(writer.tokenizer)
        top_ks = {str(k): k for k in _TOP_KS if k < vocab_size} | {"all": vocab_size}
        super().__init__(
            [
                Line(name="prompt", label="prompt", value=prompt),
                Slider(name="seed", label="seed", value=seed, low=0, high=99, step=1),
                LogSlider(name="temperature", label="temperature", value=1.0, low=0.1, high=3.0),
                Choice(name="top_k", label="top-k", value=vocab_size, options=top_ks),
                Slider(name="top_p", label="top-p", value=1.0, low=0.05, high=1.0, step=0.05),
                Slider(name="repetition_penalty", label="repetition penalty", value=1.0, low=1.0, high=2.0, step=0.05),
            ]
        )

    def build(self, figure: "Figure") -> None:
        self._build_text(figure)
        cast("ConstrainedLayoutEngine", figure.get_layout_engine()).set(rect=(0, 0, 1, 0.48))  # the text stands above
        ax = figure.subplots()
        n = self.max_tokens
        self._bars = list(
            ax.bar(range(1, n + 1), 0.0, width=0.8, color=_colour(4.0), edgecolor="0.4", lw=0.5, label="surprise")
        )
        (self._expected,) = ax.plot([], [], "_", color=COLOURS[0], ms=8, mew=2, label="expected (entropy)")
        ax.set(xlim=(0.3, n + 0.7), ylim=(0, _MOST_NATS), xlabel="new token", ylabel="nats")
        self._bars_title = ax.set_title("0", fontsize="medium")
        ax.spines[["top", "right"]].set_visible(False)
        legend = ax.legend(loc="upper right", ncols=2, fontsize="small")
        for artist in (*self._bars, self._expected, self._bars_title, legend):
            artist.set_animated(True)

    def _build_text(self, figure: "Figure") -> None:
        """A pool of pieces of text, each on a coloured ground, and the line above them."""
        from matplotlib.patches import Rectangle
        from matplotlib.text import Text

        self._width = (1 - 2 * _LEFT) / _COLUMNS  # of a character
        size = self._width * 72 * self.inches[0] / _ADVANCE
        self._grounds: list[Rectangle] = []
        self._texts: list[Text] = []
        for _ in range(2 * self.max_tokens + _ROWS):
            ground = Rectangle((0, 0), 0, 0.9 * _ROW_HEIGHT, transform=figure.transFigure, lw=0)
            figure.add_artist(ground)
            self._grounds.append(ground)
            text = figure.text(0, 0, "", fontsize=size, fontfamily=_FONTS, va="center", parse_math=False)
            self._texts.append(text)
        self._settings = figure.text(_LEFT, 0.96, "", fontsize="medium", color="0.3", va="center")
        for artist in (*self._grounds, *self._texts, self._settings):
            artist.set_animated(True)

    def draw(self, values: Mapping[str, Any]) -> str:
        names = ("temperature", "top_k", "top_p", "repetition_penalty")
        settings = SamplingSettings(**{name: values[name] for name in names})
        model, tokenizer = self.writer.model, self.writer.tokenizer
        writing = written(model, tokenizer, values["prompt"], settings, seed=values["seed"], max_tokens=self.max_tokens)
        self._show_text(writing)
        top_k = "all" if values["top_k"] == len(tokenizer) else values["top_k"]
        self._settings.set_text(
            f"temperature {values['temperature']:.3g}   top-k {top_k}   top-p {values['top_p']:.2f}   "
            f"repetition penalty {values['repetition_penalty']:.2f}   seed {values['seed']}"
        )
        surprise, entropy = writing.surprise, writing.entropy
        for number, bar in enumerate(self._bars):
            bar.set_height(float(surprise[number]) if number < len(surprise) else 0.0)
            bar.set_facecolor(_colour(round(float(surprise[number]), 1)) if number < len(surprise) else "none")
            bar.set_visible(number < len(surprise))
        self._expected.set_data(range(1, len(entropy) + 1), entropy)
        mean, expected = float(surprise.mean()), float(entropy.mean())
        self._bars_title.set_text(f"Mean surprise {mean:.2f} nats a token; the model expected {expected:.2f}")
        end = "Ended by the model" if writing.ended else f"Cut off after {self.max_tokens} tokens"
        verdict = f" {self.judge(writing.text)}" if self.judge is not None and writing.ended else ""
        return f"“{writing.text}” {end}.{verdict} Mean surprise {mean:.2f} nats a token, expected {expected:.2f}."

    def _show_text(self, writing: Writing) -> None:
        """Move the pool to the text's pieces; of a text of too many rows the last ones are shown."""
        places = placed(writing)
        hidden = max(0, places[-1][0] + 1 - _ROWS) if places else 0
        shown = [place for place in _joined(places) if place[0] >= hidden]
        for number, (ground, text) in enumerate(zip(self._grounds, self._texts, strict=True)):
            used = number < len(shown)
            ground.set_visible(used and shown[number][3] is not None)
            text.set_visible(used)
            if used:
                row, column, piece, token = shown[number]
                x, y = _LEFT + column * self._width, _TOP - (row - hidden) * _ROW_HEIGHT
                ground.set(x=x, y=y - 0.45 * _ROW_HEIGHT, width=len(piece) * self._width)
                text.set(x=x, y=y, text=piece, color="0.45" if token is None else "black")
                if token is not None:
                    ground.set_facecolor(_colour(round(float(writing.surprise[token]), 1)))


@lru_cache(maxsize=512)
def _colour(nats: float) -> tuple[float, float, float, float]:
    """Pale for what was expected, orange for what was not; black letters stay legible on both."""
    from matplotlib import colormaps

    return colormaps["Oranges"](0.75 * min(nats, _MOST_NATS) / _MOST_NATS)


def _joined(places: Sequence[Placed]) -> list[Placed]:
    """The words of the prompt that stand in one row as one piece."""
    result: list[Placed] = []
    for row, column, text, number in places:
        if number is None and result and result[-1][3] is None and result[-1][0] == row:
            result[-1] = (row, result[-1][1], result[-1][2] + text, None)
        else:
            result.append((row, column, text, number))
    return result
