"""The writing explorer: the text is the generator's, the surprise the model's; every control changes the picture."""

import gc
import math
import weakref
from functools import lru_cache

import pytest
import torch

from aigc_course.data.tokenizer import BPETokenizer, CharTokenizer
from aigc_course.errors import UsageError
from aigc_course.generators import TextGenerator
from aigc_course.losses.language import cross_entropy_nats
from aigc_course.models.gpt import GPT, GPTConfig
from aigc_course.models.sampling import SamplingSettings
from aigc_course.widgets.writing import Writing, WritingExplorer, placed, written

COMMENTS = ["the cat sat on the mat 🍕", "the dog is so good", "a cat is a good dog 🍕"]
SIZE = {"context_length": 48, "d_model": 16, "n_layers": 1, "n_heads": 2, "position": "rotary"}


@lru_cache
def generator(kind=BPETokenizer):
    """A model that has read the comments for a moment: it knows letters and ends, and little more."""
    text = "\n".join(["", *COMMENTS, ""]) * 8
    tokenizer = CharTokenizer.from_text(text) if kind is CharTokenizer else kind.from_text(COMMENTS, 280)
    torch.manual_seed(0)
    model = GPT(GPTConfig(vocab_size=len(tokenizer), **SIZE))
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-2)
    ids = torch.tensor(tokenizer.encode(text)).unfold(0, 25, 12)  # (N, 25)
    for _ in range(30):
        optimizer.zero_grad()
        cross_entropy_nats(model(ids[:, :-1]), ids[:, 1:]).backward()
        optimizer.step()
    return TextGenerator(model, tokenizer)


def by_hand(writer, prompt, seed=0, max_tokens=20, **options):
    return written(
        writer.model, writer.tokenizer, prompt, SamplingSettings(**options), seed=seed, max_tokens=max_tokens
    )


@pytest.mark.parametrize("kind", [BPETokenizer, CharTokenizer])
def test_it_writes_what_the_generator_writes(kind):
    writer = generator(kind)
    options = {"temperature": 0.9, "top_p": 0.95, "repetition_penalty": 1.1}
    seen, endings = set(), set()
    for prompt in ("", "the cat", "the cat ", "🍕"):
        for seed in range(6):
            writing = by_hand(writer, prompt, seed, max_tokens=9, **options)
            whole = writer.generate(prompt, seed=seed, **options)
            certain = writing.text.rstrip("\ufffd")  # a character may be cut in two
            assert whole.startswith(certain) and certain.startswith(prompt)
            assert not writing.ended or writing.text == whole
            seen.add(writing.text)
            endings.add(writing.ended)
    assert len(seen) > 10 and endings == {True, False}


def test_surprise_and_entropy_are_the_models_own():
    writer = generator()
    writing = by_hand(writer, "the cat", seed=3, temperature=0.5, top_k=3)
    tokenizer = writer.tokenizer
    prompt, new = tokenizer.encode("\nthe cat"), len(writing.surprise)
    ids = [*prompt, *tokenizer.encode("".join(writing.pieces)), *tokenizer.encode("\n")][: len(prompt) + new]
    with torch.no_grad():
        p = writer.model(torch.tensor([ids]))[0].double().softmax(-1)
    for i in range(new):
        row = p[len(prompt) - 1 + i]
        assert writing.surprise[i].item() == pytest.approx(-math.log(row[ids[len(prompt) + i]]), abs=1e-4)
        assert writing.entropy[i].item() == pytest.approx(-torch.xlogy(row, row).sum().item(), abs=1e-4)


def test_a_prompt_that_fills_the_context_is_scored_too():
    writing = by_hand(generator(), "the cat sat on the mat " * 20, max_tokens=30)
    assert len(writing.surprise) == len(writing.pieces) + writing.ended and writing.surprise.isfinite().all()


def text_of(prompt, pieces):
    zeros = torch.zeros(len(pieces))
    return Writing(prompt=prompt, pieces=pieces, surprise=zeros, entropy=zeros, ended=True)


def test_rows_break_at_spaces_and_inside_words_only_where_they_must():
    assert placed(text_of("a cat", [" s", "at", " on", ""]), columns=9) == [
        (0, 0, "a", None),
        (0, 1, " cat", None),
        (0, 5, " s", 0),
        (0, 7, "at", 1),
        (1, 0, "on", 2),
    ]
    assert placed(text_of("", ["abcdefg", "h"]), columns=4) == [(0, 0, "abcd", 0), (1, 0, "efg", 0), (1, 3, "h", 1)]
    assert placed(text_of("", [" in", "side", " 🍕"]), columns=9) == [
        (0, 0, " in", 0),
        (0, 3, "side", 1),
        (1, 0, "U+1F355", 2),
    ]


def test_every_control_changes_the_picture_and_the_same_values_give_the_same():
    shown = WritingExplorer(generator(), "the cat")
    first = shown.readout
    changes = {"prompt": "a dog", "seed": 5, "temperature": 0.3, "top_k": 5, "top_p": 0.5, "repetition_penalty": 1.5}
    for name, value in changes.items():
        png = shown.png
        shown.set(**{name: value})
        assert shown.png != png, name
    shown.set(**{name: shown.controls[name].value for name in changes})
    assert shown.readout == first


def test_the_figure_shows_the_text_and_its_surprise():
    writer = generator()
    shown = WritingExplorer(writer, "the cat", seed=4)
    writing = by_hand(writer, "the cat", seed=4, max_tokens=36)
    visible = [text.get_text() for text in shown.figure.texts if text.get_visible()]
    assert "the cat" in visible and "temperature 1" in visible[-1] and "seed 4" in visible[-1]
    heights = [bar.get_height() for bar in shown.figure.axes[0].patches if bar.get_visible()]
    assert heights == pytest.approx(writing.surprise.tolist(), abs=1e-4)
    assert writing.text in shown.readout
    assert f"{writing.surprise.mean():.2f} nats" in shown.readout


def test_a_long_text_shows_its_end():
    shown = WritingExplorer(generator(CharTokenizer), "mat " * 300 + "end of it", max_tokens=3)
    rows = {text.get_position()[1] for text in shown.figure.texts[:-1] if text.get_visible()}
    assert len(rows) == 5
    assert any("end of it" in text.get_text() for text in shown.figure.texts if text.get_visible())


def test_texts_that_the_model_ended_are_judged():
    said = []
    shown = WritingExplorer(generator(), max_tokens=8, judge=lambda text: said.append(text) or "Well said.")
    endings = set()
    for seed in range(12):
        shown.set(seed=seed)
        endings.add("Ended by the model. Well said." in shown.readout)
        assert ("Cut off after 8 tokens." in shown.readout) != ("Well said." in shown.readout)
    assert endings == {True, False} and said


def test_the_typed_prompt_is_drawn_and_closing_leaves_nothing():
    from ipywidgets.widgets.widget import _instances

    before = set(_instances)
    shown = WritingExplorer(generator())
    shown._repr_mimebundle_()
    (box,) = [w for w in _instances.values() if type(w).__name__ == "Text" and w not in before]
    box.value = "a dog"
    assert "“a dog" in shown.readout
    shown.close()
    assert set(_instances) == before
    gone = weakref.ref(shown)
    del shown, box
    gc.collect()
    assert gone() is None


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"max_tokens": 0}, "max_tokens = 0"),
        ({"max_tokens": 48}, "from 1 to 47"),
        ({"prompt": "two\nlines"}, "one line"),
        ({"seed": 100}, "seed = 100"),
    ],
)
def test_what_is_refused(options, named):
    with pytest.raises(UsageError, match=named):
        WritingExplorer(generator(), **options)
