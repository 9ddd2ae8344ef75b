"""Settings of the site. `make course` builds it; nothing in its pages is loaded from a network."""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

project = "AIGC course"
author = "the course's contributors"
language = "en"
smartquotes_action = "q"  # -- in a text is an option of a command

extensions = [
    "myst_nb",
    "sphinx_copybutton",
    "mathml",
    "mermaid",
    "docstrings",
    "figure_texts",
    "signatures",
    "chinese",
]
exclude_patterns = ["_build", "_ext", "made.md", "made-by-kind.md", "cards.md"]  # made, and included in other pages

html_theme = "pydata_sphinx_theme"
html_title = "AI-generated content, hands on"
html_static_path = ["_static"]
templates_path = ["_templates"]
html_css_files = ["course.css"]
html_js_files = ["scroll.js"]
html_math_renderer = "mathml"
html_show_sourcelink = False
html_show_search_summary = False  # a page read from disk may not fetch other pages
html_theme_options = {
    "navbar_align": "left",
    "header_links_before_dropdown": 4,
    "navbar_end": ["theme-switcher"],
    "show_prev_next": True,
    "show_toc_level": 2,
    "footer_start": ["verified"],
    "footer_end": [],
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}
verified = json.loads((Path(__file__).parent / "verified.json").read_text(encoding="utf-8"))  # written by the build
html_context = {"default_mode": "auto", "verified": verified}
html_sidebars = {
    page: [] for page in ("index", "architecture", "data", "faq", "gallery", "glossary", "teaching", "syllabi")
}

# The notebooks come executed; their outputs are shown as they are.
nb_execution_mode = "off"
nb_merge_streams = True
nb_ipywidgets_js: dict[str, dict[str, str]] = {}
myst_enable_extensions = ["dollarmath", "amsmath", "deflist"]
myst_fence_as_directive = ["mermaid"]
myst_heading_anchors = 3
suppress_warnings = ["mystnb.unknown_mime_type"]

# The package's pages: public names in the order of their source, and nothing of what they inherit.
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autodoc_inherit_docstrings = False
autodoc_preserve_defaults = True
autodoc_class_signature = "mixed"
add_module_names = False
maximum_signature_line_length = 120
toc_object_entries_show_parents = "hide"
