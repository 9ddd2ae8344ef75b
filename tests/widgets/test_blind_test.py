"""A blind comparison: nothing is given away, sides are dealt evenly, choices are counted for whom they were."""

import pytest
import torch

from aigc_course.errors import UsageError
from aigc_course.metrics import binomial_interval
from aigc_course.widgets import BlindTest
from aigc_course.widgets.blind_test import Preferences, count_preferences

N = 40


def pictures(value, count=N):
    return torch.full((count, 1, 4, 4), value)


def brighter_of(a, b):
    return lambda place: (a[place].mean() - b[place].mean()).item()


def test_choices_are_counted_for_whoever_stood_there():
    counts = count_preferences(["left", "right", "left", "neither", "right"], [True, True, False, False, False])
    assert counts == Preferences(for_a=2, for_b=2, neither=1, for_left=2)
    assert counts.decided == 4
    assert counts.share_of_a == binomial_interval(2, 4, method="clopper-pearson")


def test_counts_that_make_no_sense_are_refused():
    with pytest.raises(UsageError, match="2 choices of 1 pairs"):
        count_preferences(["left", "left"], [True])
    with pytest.raises(UsageError, match="unknown choice 'top'"):
        count_preferences(["top"], [True])
    with pytest.raises(UsageError, match="0 successes of 0 trials"):
        _ = count_preferences(["neither"], [True]).share_of_a


def test_pressing_buttons_judges_one_pair_after_another():
    test = BlindTest(pictures(-1.0), pictures(1.0), names=("dark", "bright"))
    first = test.png
    assert test.readout == f"Pair 1 of {N}: which one is better?"
    for number in range(N):
        assert not test.finished and "dark" not in test.readout and "bright" not in test.readout
        test.pressed(("left", "right", "neither", "left")[number % 4])
        test.redraw()
    counts = test.preferences
    assert test.finished and test.disabled({}) == {"left", "right", "neither"} and test.png != first
    assert (counts.neither, counts.for_left, counts.decided) == (10, 20, 30)
    assert f"dark {counts.for_a}, bright {counts.for_b}, neither 10." in test.readout
    assert str(counts.share_of_a) in test.readout
    test.pressed("left")
    assert test.preferences == counts


def test_names_are_hidden_until_the_end():
    test = BlindTest(["a text"] * 2, ["another"] * 2, names=("the model", "the other"))

    def shown():
        return " ".join(text.get_text() for ax in test.figure.axes[:2] for text in (*ax.texts, ax.title))

    assert "the model" not in shown() and "a text" in shown() and "another" in shown()
    test.judged_by(lambda _place: 1.0)
    assert "the model" in shown() and "the other" in shown()


def test_a_judge_who_sees_a_difference_is_counted_whatever_the_side():
    dark, bright = pictures(-1.0), pictures(1.0)
    test = BlindTest(dark, bright, names=("dark", "bright"))
    counts = test.judged_by(brighter_of(dark, bright))
    assert (counts.for_a, counts.for_b, counts.neither) == (0, N, 0)
    assert 0.25 < counts.share_of_left.estimate < 0.75  # sides are dealt by chance
    assert "a difference is shown" in test.readout and 0.5 not in counts.share_of_a


def test_the_picture_on_a_side_is_that_of_the_model_that_counts():
    """A judge who looks at the figure, not at what was given."""
    dark, bright = pictures(-1.0), pictures(1.0)
    test = BlindTest(dark, bright, names=("dark", "bright"), seed=3)
    while not test.finished:
        left, right = (float(ax.images[0].get_array().mean()) for ax in test.figure.axes[:2])
        assert {left, right} == {0.0, 1.0}
        test.pressed("left" if left > right else "right")
        test.redraw()
    assert test.preferences.for_b == N


def test_a_judge_who_always_takes_one_side_shows_nothing_of_the_models():
    test = BlindTest(pictures(-1.0, 200), pictures(1.0, 200), names=("dark", "bright"))
    for _ in range(200):
        test.pressed("right")
    counts = test.preferences
    assert 0.5 in counts.share_of_a
    assert counts.for_left == 0 and counts.share_of_left.high < 0.05


def test_undecided_judges_give_no_share():
    test = BlindTest(pictures(0.0, 3), pictures(0.0, 3), names=("one", "other"))
    test.judged_by(lambda _place: 0.0)
    assert test.preferences.neither == 3 and "No pair was decided" in test.readout


def test_beginning_again_deals_anew_and_the_seed_decides():
    one, same = (BlindTest(pictures(-1.0), pictures(1.0), names=("a", "b"), seed=5) for _ in range(2))
    assert one._a_is_left == same._a_is_left and one._order == same._order
    one.judged_by(lambda _place: 1.0)
    one.pressed("again")
    one.redraw()
    assert not one.finished and one._a_is_left != same._a_is_left and one.readout.startswith("Pair 1")


def test_each_pair_is_shown_once():
    values = torch.linspace(-1, 1, N)[:, None, None, None].expand(N, 1, 4, 4)
    seen = []
    BlindTest(values, values, names=("a", "b")).judged_by(lambda place: float(seen.append(place) is None))
    assert sorted(seen) == list(range(N))


@pytest.mark.parametrize(
    ("a", "b", "names", "message"),
    [
        ([], [], ("a", "b"), "0 examples"),
        (["x"], ["x", "y"], ("a", "b"), "1 examples and b 2"),
        (["x"], ["y"], ("a", "a"), "both models are called 'a'"),
        (["x"], [torch.zeros(1, 2, 2)], ("a", "b"), "can't be compared"),
        ([torch.zeros(2, 2)], [torch.zeros(2, 2)], ("a", "b"), r"a picture is \(2, 2\)"),
    ],
)
def test_what_cannot_be_compared_is_refused(a, b, names, message):
    with pytest.raises(UsageError, match=message):
        BlindTest(a, b, names=names)


def test_long_texts_are_cut_visibly_and_signs_without_a_glyph_are_named():
    """A warning about a missing glyph would fail this test."""
    test = BlindTest(["\U0001f43e paws\tand $x_1$"], ["word " * 200], names=("short", "long"))
    assert test.png
    shown = {text.get_text() for ax in test.figure.axes[:2] for text in ax.texts}
    assert "U+1F43E paws    and $x_1$" in shown
    (cut,) = shown - {"U+1F43E paws    and $x_1$"}
    assert cut.endswith(" …") and cut.count("\n") == 8


def test_colour_and_bytes_are_shown_as_they_are():
    red = torch.zeros(3, 4, 4, dtype=torch.uint8)
    red[0] = 255
    test = BlindTest([red], [red.float() / 127.5 - 1], names=("bytes", "floats"))
    shown = [ax.images[0].get_array() for ax in (test.redraw() or test.figure.axes[:2])]
    assert all(picture.shape == (4, 4, 3) and picture[0, 0].tolist() == [1, 0, 0] for picture in shown)
