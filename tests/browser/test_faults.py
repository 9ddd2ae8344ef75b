"""What the tests of the notebooks would say of a page that is broken: one thing after another is broken, and named."""

import base64
import io

import pytest
from PIL import Image

from aigc_course.audio import wav_bytes
from aigc_course.teaching.notebook import notebook_files, notebooks_dir, read_notebook
from tests.browser.faults import figure_faults, layout_faults, pictures, sound_faults
from tests.browser.pictures import difference

FIGURE = "from matplotlib import pyplot as plt\nplt.plot([1, 3, 2]);"
SOUND = """import torch
from aigc_course.generators.results import GeneratedAudio
GeneratedAudio(torch.sin(torch.arange(4000) / 5), 8000)"""
WIDGET = "from aigc_course.widgets import LossExplorer\nLossExplorer()"
PLOT = ".jp-RenderedImage img"
BREAK = """([selector, attribute, value]) => {
    const element = document.querySelector('.jp-OutputArea-output' + selector);
    const before = element.getAttribute(attribute);
    window.mend = () => before === null ? element.removeAttribute(attribute) : element.setAttribute(attribute, before);
    element.setAttribute(attribute, value);
}"""
LOADED = "() => [...document.images].every(image => image.complete)"


def data_url(kind, content):
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def white(size):
    """A white PNG file."""
    file = io.BytesIO()
    Image.new("RGB", size, "white").save(file, "PNG")
    return file.getvalue()


def silence(seconds):
    import torch

    return data_url("audio/wav", wav_bytes(torch.zeros(round(8000 * seconds)), 8000))


BREAKAGES = [
    (PLOT, "src", data_url("image/png", white((567, 413))), "figure 0: blank"),
    (PLOT, "style", "clip-path: inset(0 50% 0 0)", "of what held something is blank"),
    (PLOT, "style", "filter: brightness(0.4)", "figure 0: another"),
    (PLOT, "style", "display: none", "figure 0 is not to be seen"),
    (PLOT, "style", "max-width: none; width: 3000px", "figure 0 is cut off by"),
    (PLOT, "src", "data:image/png;base64,AAAA", "figure 0 is not to be seen"),
    (" > .widget-vbox", "style", "display: none", "0 widgets instead of 1"),
    (" audio", "style", "display: none", "0 sounds instead of 1"),
    (" audio", "src", silence(0.25), "a file has 0.250 s, the text beside it says 0.5 s"),
    (" audio", "src", "data:audio/wav;base64,AAAA", "a player has no sound"),
]


@pytest.fixture(scope="module")
def small(run_cells):
    """A notebook of a figure, a sound and a widget, in its page."""
    return run_cells(FIGURE, SOUND, WIDGET)


def all_faults(lab_page, expected):
    lab_page.page.wait_for_function(LOADED)
    found = layout_faults(lab_page, expected)
    return found + sound_faults(lab_page) + ([] if found else figure_faults(lab_page, expected))


@pytest.mark.parametrize(
    ("selector", "attribute", "value", "message"), BREAKAGES, ids=[message for *_, message in BREAKAGES]
)
def test_what_is_broken_is_named(small, selector, attribute, value, message):
    expected = small.cells
    assert all_faults(small, expected) == []
    small.page.evaluate(BREAK, [selector, attribute, value])
    found = all_faults(small, expected)
    small.page.evaluate("() => window.mend()")
    assert any(message in fault for fault in found), found


def test_a_figure_fewer_is_named(small):
    expected = small.cells
    expected[0]["outputs"] *= 2
    assert any("1 figures instead of 2" in fault for fault in layout_faults(small, expected))


def test_an_error_and_a_warning_are_named(run_cells):
    found = run_cells("import warnings\nwarnings.warn('careful')", "1 / 0").errors
    assert len(found) == 2 and "careful" in found[0] and "ZeroDivisionError: division by zero" in found[1]


def plot(**style):
    """A figure of two plots as a PNG file, drawn in a style of matplotlib."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    with rc_context(style):
        figure = Figure(figsize=(7, 3), layout="constrained")
        for number, ax in enumerate(figure.subplots(1, 2)):
            ax.plot([1, 3, 2, 5], label="loss")
            ax.set(title=f"Plot {number}", xlabel="step", ylabel="nats")
            ax.legend()
        file = io.BytesIO()
        figure.savefig(file, format="png", dpi=style.get("savefig.dpi", 100))
    return file.getvalue()


@pytest.mark.parametrize(
    "style",
    [
        {"font.family": "DejaVu Serif"},
        {"font.family": "DejaVu Sans Mono", "font.size": 9},
        {"text.antialiased": False, "lines.antialiased": False},
        {"savefig.dpi": 173},
    ],
)
def test_the_same_figure_with_other_fonts_and_pixels_passes(style):
    reference, other = plot(), plot(**style)
    assert other != reference and difference(other, reference) == ""


def test_a_figure_without_one_of_its_plots_does_not_pass():
    image = Image.open(io.BytesIO(plot())).convert("RGB")
    for left in (0, image.width // 2):
        broken, file = image.copy(), io.BytesIO()
        broken.paste("white", (left, 0, left + image.width // 2, image.height))
        broken.save(file, "PNG")
        assert "of what held something is blank" in difference(file.getvalue(), plot())


@pytest.mark.parametrize("path", notebook_files(notebooks_dir()), ids=lambda path: path.stem)
def test_no_stored_figure_is_blank_and_blanked_it_would_be_caught(path):
    for cell in read_notebook(path).cells:
        for picture in pictures(cell):
            size = Image.open(io.BytesIO(picture)).size
            assert difference(picture, picture) == ""
            assert difference(white(size), picture) == "blank", cell.id
