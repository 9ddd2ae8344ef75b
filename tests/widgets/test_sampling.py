"""The sampling explorer: its measurements in closed form, its figure, its draws."""

import math
import re

import pytest
import torch

from aigc_course.errors import UsageError
from aigc_course.widgets.sampling import SamplingExplorer, filtered

PROBABILITIES = torch.tensor([0.1, 0.4, 0.3, 0.2])
TOKENS = ["a", "b", "\n", " "]


def explorer() -> SamplingExplorer:
    return SamplingExplorer({"one": PROBABILITIES.log(), "two": PROBABILITIES.flip(0).log()}, TOKENS)


def test_measurements_in_closed_form():
    f = filtered(PROBABILITIES.log(), temperature=0.5, top_k=3, top_p=0.8)  # squares 16, 9, 4, 1 of 30; 25 / 29 > 0.8
    assert f.order.tolist() == [1, 2, 3, 0]
    assert f.model.tolist() == pytest.approx([0.4, 0.3, 0.2, 0.1])
    assert f.tempered.tolist() == pytest.approx([16 / 30, 9 / 30, 4 / 30, 1 / 30])
    assert f.after_top_k.tolist() == pytest.approx([16 / 29, 9 / 29, 4 / 29, 0])
    assert f.sampled.tolist() == pytest.approx([16 / 25, 9 / 25, 0, 0])
    assert f.n_kept == 2 and f.mass_kept == pytest.approx(25 / 30)
    assert f.entropy == pytest.approx(-0.64 * math.log(0.64) - 0.36 * math.log(0.36))
    assert f.model_entropy == pytest.approx(-sum(p * math.log(p) for p in (0.1, 0.2, 0.3, 0.4)))


def test_every_control_changes_figure_and_text():
    shown = explorer()
    for name, value in {"temperature": 2.0, "top_k": 3, "top_p": 0.6, "prompt": "two"}.items():
        png = shown.png
        shown.set(**{name: value})
        assert shown.png != png


def test_bars_and_names_follow_the_prompt():
    shown = explorer()
    shown.set(prompt="two", top_k=2)
    ax = shown.figure.axes[0]
    assert [text.get_text() for text in ax.get_xticklabels()] == ["↵", "b", "a", "␣"]
    heights = [bar.get_height() for bar in ax.patches]
    assert heights == pytest.approx([0.4, 0.3, 0.2, 0.1, 4 / 7, 3 / 7, 0, 0], rel=1e-5)
    assert "Kept: 2 of 4 tokens, 70.0 %" in shown.readout


def press(shown: SamplingExplorer) -> str:
    shown.pressed("draw")
    shown.redraw()
    return shown.readout


def test_draws_are_seeded_add_up_and_end_with_the_distribution():
    shown = explorer()
    first = press(shown)
    assert "Drawn 100;" in first and first == press(explorer())
    assert "Drawn 200;" in press(shown)
    shown.set(temperature=0.5)
    assert "Drawn" not in shown.readout
    assert "Drawn 100;" in press(shown)


def test_draws_follow_the_filtered_distribution():
    shown = SamplingExplorer(PROBABILITIES.log(), TOKENS, seed=3)
    shown.set(top_k=2)
    for _ in range(30):
        shown.pressed("draw")
    shown.redraw()
    _, shares = shown.figure.axes[0].lines[0].get_data()
    assert list(shares) == pytest.approx([4 / 7, 3 / 7, 0, 0], abs=0.04)
    assert set(re.findall(r"\S+", shown.readout.split("the last: ")[1])) == {"b", "↵"}


def test_a_large_vocabulary_and_forbidden_tokens():
    logits = torch.linspace(4, -4, 5000)
    logits[0] = -torch.inf
    shown = SamplingExplorer(logits, [f"t{i}" for i in range(5000)])
    assert "prompt" not in shown.controls
    shown.set(top_p=0.5)
    assert len(shown.figure.axes[0].get_xticklabels()) == 24
    assert shown.figure.axes[0].get_xticklabels()[0].get_text() == "t1"


@pytest.mark.parametrize(
    ("logits", "names"),
    [
        (torch.zeros(1, 4), r"\(V,\)"),
        (torch.tensor([0.0, math.nan, 0.0, 0.0]), "NaN"),
        (torch.full((4,), -math.inf), "infinity"),
        (torch.zeros(3), "4 tokens for 3"),
        ({}, "empty"),
        ({"a": torch.zeros(4), "b": torch.zeros(3)}, "differ in length"),
    ],
)
def test_what_is_refused(logits, names):
    with pytest.raises(UsageError, match=names):
        SamplingExplorer(logits, TOKENS)
    with pytest.raises(UsageError, match="button"):
        explorer().pressed("drawn")
