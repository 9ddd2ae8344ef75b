"""`aigc-course generate`."""

from pathlib import Path
from typing import Annotated

import typer


def generate(
    run: Annotated[Path, typer.Argument(help="A run's directory or a checkpoint.")],
) -> None:
    """Make text, images or sound with a trained model."""
