"""A hands-on course on AI-generated content: data with a known truth, models, training, generation.

Public names are loaded when first used, so that importing the package costs next to nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aigc_course.data import load_dataset as load_dataset
    from aigc_course.generators import AudioGenerator as AudioGenerator
    from aigc_course.generators import ImageGenerator as ImageGenerator
    from aigc_course.generators import TextGenerator as TextGenerator
    from aigc_course.generators import load_generator as load_generator
    from aigc_course.recipes import evaluate as evaluate
    from aigc_course.recipes import pretrained as pretrained
    from aigc_course.recipes import train as train
    from aigc_course.source import show_source as show_source

_HOMES = {
    "load_dataset": "aigc_course.data",
    "train": "aigc_course.recipes",
    "evaluate": "aigc_course.recipes",
    "pretrained": "aigc_course.recipes",
    "load_generator": "aigc_course.generators",
    "TextGenerator": "aigc_course.generators",
    "ImageGenerator": "aigc_course.generators",
    "AudioGenerator": "aigc_course.generators",
    "show_source": "aigc_course.source",
}

__all__ = [*_HOMES, "__version__"]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return _version()
    if name not in _HOMES:
        raise AttributeError(f"module 'aigc_course' has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])


def _version() -> str:
    """The installed version; "unknown" when the package is used without being installed."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("aigc-course")
    except PackageNotFoundError:
        return "unknown"
