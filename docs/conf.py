"""Settings of the site. `make course` builds it; nothing in its pages is loaded from a network."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

project = "AIGC course"
author = "the course's contributors"
language = "en"

extensions = ["myst_nb", "sphinx_copybutton", "mathml", "mermaid"]
exclude_patterns = ["_build", "_ext", "made.md", "cards.md"]  # the last two are made, and included in other pages

html_theme = "pydata_sphinx_theme"
html_title = "AI-generated content, hands on"
html_static_path = ["_static"]
html_css_files = ["course.css"]
html_math_renderer = "mathml"
html_show_sourcelink = False
html_show_search_summary = False  # a page read from disk may not fetch other pages
html_theme_options = {
    "navbar_align": "left",
    "navbar_end": ["theme-switcher"],
    "show_prev_next": True,
    "show_toc_level": 2,
    "footer_start": [],
    "footer_end": [],
    "pygments_light_style": "default",
    "pygments_dark_style": "github-dark",
}
html_context = {"default_mode": "auto"}
html_sidebars = {"index": [], "architecture": [], "data": [], "faq": []}

# The notebooks come executed; their outputs are shown as they are.
nb_execution_mode = "off"
nb_merge_streams = True
nb_ipywidgets_js: dict[str, dict[str, str]] = {}
myst_enable_extensions = ["dollarmath", "amsmath", "deflist"]
myst_fence_as_directive = ["mermaid"]
myst_heading_anchors = 3
suppress_warnings = ["mystnb.unknown_mime_type"]
