"""```mermaid fences as SVG, drawn when the site is built, once for the light theme and once for the dark one."""

import hashlib
from typing import Any

import mermaidx
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

# Text inside SVG, not HTML inside SVG: it stays centred in its box whatever font the reader's machine has.
SETTINGS = {"htmlLabels": False, "fontFamily": "sans-serif", "flowchart": {"htmlLabels": False, "wrappingWidth": 260}}
THEMES = {"light": "neutral", "dark": "dark"}


class Mermaid(SphinxDirective):
    """Draw the Mermaid source in the directive's body."""

    has_content = True

    def run(self) -> list[nodes.Node]:
        source = "\n".join(self.content)
        drawings = "".join(f'<div class="mermaid-diagram only-{mode}">{draw(source, mode)}</div>' for mode in THEMES)
        return [nodes.raw("", drawings, format="html")]


def draw(source: str, mode: str) -> str:
    """The SVG of a diagram, with ids of its own so that several fit in one page."""
    svg = mermaidx.render(source, theme=THEMES[mode], config=SETTINGS).svg()
    svg = svg.replace("max-width:", "--natural-width:", 1)  # course.css scales up to this, and scrolls below a minimum
    digest = hashlib.sha256(source.encode()).hexdigest()[:10]
    return svg.replace("my-svg", f"mermaid-{digest}-{mode}")


def setup(app: Sphinx) -> dict[str, Any]:
    app.add_directive("mermaid", Mermaid)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
