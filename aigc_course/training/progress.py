"""One progress line, right in terminals, in notebooks and in log files."""

import sys
from typing import Any

from tqdm import tqdm


def in_notebook() -> bool:
    """Whether this code runs in a Jupyter kernel."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    return shell is not None and shell.__class__.__name__ == "ZMQInteractiveShell"


def progress_bar(title: str, total: int, done: int = 0, *, visible: bool = True, unit: str = "step") -> Any:
    """A tqdm bar with rate and time left: on standard error, in notebooks in the cell's own output.

    A log file (neither terminal nor notebook) gets a line every ten seconds instead of a redrawn one.
    """
    notebook = in_notebook()
    stream = sys.stdout if notebook else sys.stderr
    live = notebook or stream.isatty()
    return tqdm(
        total=total,
        initial=done,
        desc=title,
        unit=unit,
        file=stream,
        disable=not visible,
        ncols=100 if notebook else None,
        mininterval=0.25 if live else 10.0,
        dynamic_ncols=live and not notebook,
    )
