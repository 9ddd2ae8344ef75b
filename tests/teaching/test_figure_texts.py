"""The text for each figure of the site: the widget's own, or what the cell calls its axes, and the heading above."""

import pytest

from tests.teaching.extensions import site_extension


@pytest.fixture(scope="module")
def figure_text():
    return site_extension("figure_texts").figure_text


PLOT = """%matplotlib inline
for ax, name in zip(axes, names):
    ax.set(title=f"Loss of {name}", xlabel="step")
    ax.plot(x, label="floor")
axes[0].set_ylabel("nats")
axes[1].set(xlabel="step")
plt.suptitle(title)
print("not a label")"""


@pytest.mark.parametrize(
    ("source", "plain", "text"),
    [
        (PLOT, "<Figure size 640x480 with 2 Axes>", "Figure in “Training”: Loss of …; step; floor; nats"),
        ("plot_images(x)", "<IPython.core.display.Image object>", "Figure in “Training”"),
        ('plot(title=f"{a}", xlabel="…")', "<Figure>", "Figure in “Training”"),
        ('plot(title=f"{a} and {b}")', "<Figure>", "Figure in “Training”: … and …"),
        ("LossExplorer()", "Losses: at logit 2.0 …", "Losses: at logit 2.0 …"),
    ],
)
def test_a_figure_is_named_by_what_is_known_of_it(figure_text, source, plain, text):
    assert figure_text(source, plain, "Training") == text
