"""Chinese words of the glossary say that they are: a voice then reads them, and a font draws them, as Chinese."""

import re
from typing import Any

from sphinx.application import Sphinx

TAG = re.compile(r"(<[^>]*>)")
# Chinese characters, with the full-width signs that stand among and after them.
WORDS = re.compile(r"[\u4e00-\u9fff][\u3000-\u303f\u4e00-\u9fff\uff00-\uffef]*")


def marked(page: str) -> str:
    """HTML with the language of its Chinese words; what stands in tags stays as it is."""
    pieces = TAG.split(page)
    return "".join(
        piece if piece.startswith("<") else WORDS.sub(r'<span lang="zh-Hans">\g<0></span>', piece) for piece in pieces
    )


def mark(*page: Any) -> None:
    """Mark the glossary. page: what Sphinx gives, its name the second and its context the fourth."""
    name, context = page[1], page[3]
    if name == "glossary":
        context["body"] = marked(context["body"])


def setup(app: Sphinx) -> dict[str, Any]:
    app.connect("html-page-context", mark)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
