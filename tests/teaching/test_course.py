"""The main job on small notebooks: what it reports, and a site that needs no network."""

import html.parser
import platform
import re
import shutil
import wave

import pytest
from rich.console import Console

from aigc_course.errors import CourseError, UsageError
from aigc_course.paths import course_root
from aigc_course.teaching import course, site
from aigc_course.teaching.course import execute_course, print_report
from tests.teaching.notebooks import write

FIGURE = "import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.show()"
SOUND = "from IPython.display import Audio\nAudio([0.0, 0.5] * 400, rate=8000)"
FORMULA = "# Title\n\n$$\\frac{\\sigma^2}{2} = x_\\theta$$\n\n```mermaid\nflowchart TD\n  A[One] --> B[Two]\n```"
EXERCISE = """from aigc_course.exercises import check
import math
def stub(loss, floor):
    raise NotImplementedError
check("00.1", math.exp)
check("00.2", stub)"""


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    folder = tmp_path_factory.mktemp("course")
    tags = {2: ["gallery"], 3: ["gallery"], 4: ["gallery"]}
    write(
        folder / "in",
        "00_welcome.ipynb",
        FORMULA,
        FIGURE,
        SOUND,
        "print('a < b\\n\\nc')",
        EXERCISE,
        "assert 1",
        tags=tags,
    )
    write(folder / "in", "01_broken.ipynb", "# Broken", "assert True", "assert False, 'no'", "assert True")
    console = Console(record=True, width=200, force_terminal=False)
    report = execute_course("smoke", folder / "out", folder / "in", console)
    print_report(report, console)
    return report, folder / "out", console.export_text()


def test_each_notebook_is_reported_and_a_broken_one_stops_nobody(built):
    report, _, text = built
    good, broken = report.notebooks
    assert (good.cells, good.cells_run, good.assertions, good.failure) == (5, 5, 1, None)
    assert good.exercises == {"00.1": "passed", "00.2": "not started"}
    assert (broken.cells, broken.cells_run, broken.assertions) == (3, 1, 1)
    assert "01_broken stopped at cell 3 (cell-3): AssertionError: no" in text
    assert not report.ok
    assert re.search(r"✓ 00_welcome .* 5 of 5 .* 1 .* 1 of 2", text)
    assert report.site is not None and report.site.as_uri() in text


def test_what_was_made_is_saved_as_files(built):
    report, out, _ = built
    assert [path.name for path in report.artefacts] == ["00_welcome-01.png", "00_welcome-02.wav", "00_welcome-03.txt"]
    assert (out / "made" / "00_welcome-01.png").read_bytes().startswith(b"\x89PNG")
    with wave.open(str(out / "made" / "00_welcome-02.wav")) as sound:
        assert sound.getframerate() == 8000 and sound.getnframes() == 800
    assert (out / "made" / "00_welcome-03.txt").read_text() == "a < b\n\nc\n"


class Loaded(html.parser.HTMLParser):
    """Everything that a page loads: scripts, styles, images, sounds, frames."""

    def __init__(self):
        super().__init__()
        self.addresses = []

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        if tag == "link" and values.get("rel") in ("stylesheet", "preload", "icon", "modulepreload"):
            self.addresses.append(values["href"])
        if tag in ("script", "img", "audio", "video", "source", "iframe", "embed", "object"):
            self.addresses += [values[key] for key in ("src", "srcset", "data", "poster") if values.get(key)]


def test_pages_load_nothing_from_elsewhere(built):
    report, _, _ = built
    folder = report.site.parent
    pages = [path for path in sorted(folder.rglob("*.html")) if "_static" not in path.parts]
    assert len(pages) >= 5
    for page in pages:
        parser = Loaded()
        parser.feed(page.read_text(encoding="utf-8"))
        assert parser.addresses
        for address in parser.addresses:
            if not address.startswith("data:"):
                assert "//" not in address, f"{page.name} loads {address}"
                assert (page.parent / address.split("?")[0]).is_file(), f"{page.name} lacks {address}"
        assert not re.search(r"import\s*\(?\s*[\"']https?:", page.read_text(encoding="utf-8"))
    for style in folder.rglob("*.css"):
        assert not re.search(r"(@import|url\()\s*[\"']?(https?:)?//", style.read_text(encoding="utf-8")), style.name


def test_formulas_and_diagrams_are_in_the_page(built):
    report, _, _ = built
    page = (report.site.parent / "notebooks" / "00_welcome.html").read_text(encoding="utf-8")
    assert "<mfrac>" in page and "<msup>" in page
    assert page.count('aria-roledescription="flowchart-v2"') == 2  # for the light and the dark theme
    assert "<audio" in page and "00.2 How far" in page
    front = report.site.read_text(encoding="utf-8")
    assert "_static/made/00_welcome-01.png" in front and "_static/made/00_welcome-02.wav" in front
    assert "a &lt; b" in front


def test_each_page_says_when_and_with_what_it_was_verified(built):
    report, _, _ = built
    folder = report.site.parent
    page = (folder / "notebooks" / "00_welcome.html").read_text(encoding="utf-8")
    said = rf"Last verified on \d{{4}}-\d\d-\d\d with Python {platform.python_version()}, torch \d"
    assert re.search(said, page) and "This notebook: 5 of 5 code cells ran without an error, 1 assertions held" in page
    broken = (folder / "notebooks" / "01_broken.html").read_text(encoding="utf-8")
    assert "This notebook: 1 of 3 code cells ran without an error" in broken
    front = report.site.read_text(encoding="utf-8")
    assert re.search(said, front) and "This notebook:" not in front


def test_a_warning_stops_the_site_and_keeps_the_old_one(tmp_path, monkeypatch):
    ignored = shutil.ignore_patterns("api*", "*.png")  # the pages of the package take seconds
    shutil.copytree(course_root() / "docs", tmp_path / "docs", ignore=ignored)
    monkeypatch.setattr(site, "course_root", lambda: tmp_path)
    out = tmp_path / "site"
    out.mkdir()
    (out / "index.html").write_text("old")
    bad = write(tmp_path, "00_welcome.ipynb", "# Title\n\n$$\\frac{1$$")
    with pytest.raises(CourseError, match="cannot convert the formula"):
        site.build_site([bad], out)
    assert (out / "index.html").read_text() == "old"


def test_an_unknown_profile_is_refused_before_any_work(tmp_path):
    with pytest.raises(UsageError, match="did you mean 'quick'"):
        execute_course("quik", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_exit_status_tells(tmp_path, monkeypatch, capsys):
    reports = iter([course.CourseReport(notebooks=(), artefacts=(), site=None, site_error="no site: why")])
    monkeypatch.setattr(course, "execute_course", lambda *_: next(reports))
    assert course.run_course("smoke", tmp_path) == 1
    assert "no site: why" in capsys.readouterr().out
