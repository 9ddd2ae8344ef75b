"""A signature that takes several lines is no list of definitions to those who hear a page, though Sphinx writes one."""

from typing import Any

from sphinx.application import Sphinx

LINES = "<dl>\n<dd>"  # without a term: what Sphinx writes for nothing else


def as_lines(*page: Any) -> None:
    """Mark the parameters of signatures as lines. page: what Sphinx gives, the fourth its context."""
    context = page[3]
    if "body" in context:
        context["body"] = context["body"].replace(LINES, LINES.replace("<dl>", '<dl role="presentation">'))


def setup(app: Sphinx) -> dict[str, Any]:
    app.connect("html-page-context", as_lines)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
