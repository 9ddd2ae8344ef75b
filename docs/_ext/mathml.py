"""Formulas as MathML, made when the site is built: no script and no network in the page."""

from typing import Any

from docutils import nodes
from math_core import LatexError, LatexToMathML
from sphinx.application import Sphinx
from sphinx.util import logging

logger = logging.getLogger(__name__)
converter = LatexToMathML(fancy_error=False)


def convert(node: nodes.Element, displaystyle: bool) -> str:
    """The MathML of a formula; a warning, which stops the build, names one that can't be read."""
    text = node.astext()
    try:
        return converter.convert_with_local_state(text, displaystyle=displaystyle)
    except LatexError as error:
        logger.warning("cannot convert the formula %r: %s", text, error, location=node)
        return f"<code>{text}</code>"


def visit_inline(translator: Any, node: nodes.Element) -> None:
    translator.body.append(convert(node, displaystyle=False))
    raise nodes.SkipNode


def visit_block(translator: Any, node: nodes.Element) -> None:
    translator.body.append(f'<div class="math-block">{convert(node, displaystyle=True)}</div>\n')
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, Any]:
    app.add_html_math_renderer("mathml", (visit_inline, None), (visit_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
