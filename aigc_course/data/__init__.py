"""Data: `load_dataset` for a set by name or a folder of yours; each module beside it has one source or one job."""

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aigc_course.errors import UsageError, unknown

if TYPE_CHECKING:
    from aigc_course.data.sets import AudioSet, ImageSet, TextSet

__all__ = ["load_dataset"]


def load_dataset(name_or_folder: str | Path, **options: Any) -> "TextSet | ImageSet | AudioSet":
    """A data set by its name, or the text, images or WAV files of a folder of yours.

    Args:
        name_or_folder: a name that `aigc-course data list` shows, or the path of a folder.
        options: what the set's own function takes: `make_…` of its module for a set that is made here (such as seed=1),
            `make_set` of its module for a real one, `folder.load_folder` for a folder.
    Raises: UsageError for an unknown name or option; DataError when the data are absent, damaged or of a wrong form,
        with what to do.
    """
    from aigc_course.data.cards import CARDS

    name = str(name_or_folder)
    if name in CARDS and CARDS[name].embedded:
        module = name.replace("-", "_")
        return _call(getattr(import_module(f"aigc_course.data.{module}"), f"make_{module}"), name, options)
    if name in CARDS:
        from aigc_course.data import store

        return _call(store.loader(name).make_set, name, options, store.arrays(name))
    if Path(name).expanduser().exists() or isinstance(name_or_folder, Path) or "/" in name or "\\" in name:
        from aigc_course.data.folder import load_folder

        return _call(load_folder, "a folder", options, Path(name).expanduser())
    raise unknown("data set", name, [*CARDS, "the path of a folder"])


def _call(function: Any, name: str, options: dict[str, Any], *arguments: Any) -> Any:
    """Call `function`, with a UsageError for options that it doesn't have."""
    from inspect import signature

    allowed = list(signature(function).parameters)[len(arguments) :]
    for option in options:
        if option not in allowed:
            if not allowed:
                raise UsageError(f"{name} has no options, but {option!r} was given")
            raise unknown(f"option of {name}", option, allowed)
    return function(*arguments, **options)
