"""The source of a function, coloured in notebooks: what a notebook uses, it can show."""

import inspect
import textwrap
from collections.abc import Callable
from typing import Any

from aigc_course.errors import UsageError
from aigc_course.training.progress import in_notebook

# Text and background are both set, on the element that holds the text: a page's dark theme changes neither.
_BOX = "color: #1f2328; background-color: #f6f8fa; padding: 0.8em; border-radius: 4px; overflow-x: auto; margin: 0"


def show_source(fn: Callable[..., Any] | type) -> Any:
    """Show the source of a function, method or class, its docstring included.

    Returns: in a notebook an IPython HTML object, which is shown when it is a cell's last value; elsewhere None,
        and the source is printed.
    Raises: UsageError if `fn` has no Python source: a value, a built-in, a compiled function.
    """
    try:
        source = textwrap.dedent(inspect.getsource(inspect.unwrap(fn)))
    except (TypeError, OSError) as error:
        raise UsageError(
            f"{fn!r} has no Python source to show; give a function, method or class that is written in Python"
        ) from error
    if not in_notebook():
        print(source, end="")
        return None

    from IPython.display import HTML

    return HTML(highlighted(source))


def highlighted(source: str) -> str:
    """Python source as coloured HTML that needs no style sheet; right in light and dark pages."""
    from pygments import highlight
    from pygments.formatters import HtmlFormatter
    from pygments.lexers import PythonLexer

    formatter = HtmlFormatter(noclasses=True, style="xcode", nobackground=True, prestyles=_BOX)
    return highlight(source, PythonLexer(), formatter)
