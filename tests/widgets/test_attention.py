"""The attention viewer: what it says of a row, what it shows, what it refuses."""

import math

import pytest
import torch

from aigc_course.errors import UsageError
from aigc_course.widgets.attention import AttentionViewer, is_causal, row_summary
from aigc_course.widgets.tokens import visible, visible_tokens


def weights(*shape: int, causal: bool = True) -> torch.Tensor:
    scores = torch.randn(shape, generator=torch.Generator().manual_seed(0)) * 2
    if causal:
        scores = scores.masked_fill(torch.ones(shape[-2:]).triu(1).bool(), -torch.inf)
    return scores.softmax(-1)


def test_a_row_in_closed_form():
    row = row_summary(torch.tensor([0.5, 0.25, 0.25, 0.0]), 2, causal=True)
    assert row.entropy == pytest.approx(1.5 * math.log(2))
    assert (row.n_allowed, row.strongest) == (3, 0)
    assert row.mean_distance == pytest.approx(0.5 * 2 + 0.25 * 1)
    assert row_summary(torch.tensor([0.0, 0.0, 1.0]), 0, causal=False).mean_distance == -2
    sure = row_summary(torch.tensor([0.0, 1.0, 0.0]), 1, causal=False)
    assert sure.entropy == 0 and sure.n_allowed == 3
    assert row_summary(torch.full((8,), 1 / 8), 7, causal=True).entropy == pytest.approx(math.log(8))


def test_a_mask_is_recognised():
    assert is_causal(weights(2, 3, 5, 5))
    assert not is_causal(weights(2, 3, 5, 5, causal=False))
    assert not is_causal(weights(5, 5).T)
    assert not is_causal(torch.ones(1, 1))


def test_every_control_changes_figure_and_text():
    viewer = AttentionViewer(weights(2, 3, 6, 6), list("abc\n f"))
    for name, value in {"layer": 1, "head": 2, "query": 3}.items():
        png, text = viewer.png, viewer.readout
        viewer.set(**{name: value})
        assert viewer.png != png and viewer.readout != text
    assert viewer.disabled(viewer.values) == set()


def test_the_bars_are_the_chosen_row_and_the_text_names_it():
    given = weights(2, 3, 6, 6)
    viewer = AttentionViewer(given, list("abc\n f"))
    viewer.set(layer=1, head=2, query=4)
    bars = [bar.get_height() for bar in viewer.figure.axes[1].patches[:6]]
    assert bars == pytest.approx(given[1, 2, 4].tolist())
    strongest = int(given[1, 2, 4].argmax())
    assert f"Query 4, “␣”, looks most at key {strongest}" in viewer.readout
    assert "of the 5 tokens it may see" in viewer.readout


def test_fewer_dimensions_are_one_layer_and_one_head():
    given = weights(5, 5, causal=False)
    viewer = AttentionViewer(given, range(5))
    assert viewer.disabled(viewer.values) == {"layer", "head"}
    assert torch.equal(viewer.weights[0, 0], given)
    heads = AttentionViewer(weights(3, 4, 4), list("abcd"))
    assert heads.weights.shape == (1, 3, 4, 4)
    with pytest.raises(UsageError, match="head"):
        heads.set(head=3)


def test_later_changes_of_the_given_tensor_are_not_seen():
    given = weights(4, 4)
    viewer = AttentionViewer(given, list("abcd"))
    expected = given.clone()
    given.zero_()
    assert torch.equal(viewer.weights[0, 0], expected)


@pytest.mark.parametrize(
    ("given", "tokens", "names"),
    [
        (weights(4, 4), list("abc"), "3 tokens for 4"),
        (weights(4, 4).log().nan_to_num(0, 0, -9), list("abcd"), "softmax"),
        (weights(4, 4).T, list("abcd"), "sum to 1"),
        (torch.full((2, 2), torch.nan), list("ab"), "sum to 1"),
        (torch.ones(3), list("abc"), "layers, heads"),
        (torch.ones(2, 3), list("ab"), "layers, heads"),
    ],
)
def test_what_is_refused(given, tokens, names):
    with pytest.raises(UsageError, match=names):
        AttentionViewer(given, tokens)


def test_tokens_are_made_visible():
    assert visible(" the\n\t") == "␣the↵⇥"
    assert visible("") == "∅"
    assert visible("é$x$") == "é$x$"
    assert visible("你") == "U+4F60" and visible("\x00") == "U+0000"
    assert visible_tokens([1, " "], 2) == ["1", "␣"]


def test_tokens_with_dollars_are_not_formulas():
    viewer = AttentionViewer(weights(3, 3), ["$\\frac$", "$x$", "_"])
    assert viewer.png.startswith(b"\x89PNG")
