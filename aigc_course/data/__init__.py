"""Data: `load_dataset` for a set by name or a folder; each module beside it has one source or one job."""

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from aigc_course.errors import UsageError, unknown

if TYPE_CHECKING:
    from aigc_course.data.sets import AudioSet, ImageSet, TextSet

__all__ = ["load_dataset", "load_text"]


def load_dataset(name_or_folder: str | Path, **options: Any) -> "TextSet | ImageSet | AudioSet":
    """A data set by its name, or the text, images or WAV files of a folder of yours.

    Args:
        name_or_folder: a name that `aigc-course data list` shows, or the path of a folder.
        options: what the set's own function takes: `make_…` of its module for a set that is made here (such as seed=1),
            `make_set` of its module for a real one (such as data_filter="off"), `dumps.make_set` for an imported dump,
            `folder.load_folder` for a folder.
    Raises: UsageError for an unknown name or option; DataError when the data are absent, damaged or of a wrong form,
        with what to do.
    """
    from aigc_course.data import dumps
    from aigc_course.data.cards import CARDS

    name = str(name_or_folder)
    if name in CARDS and CARDS[name].embedded:
        module = name.replace("-", "_")
        return _call(getattr(import_module(f"aigc_course.data.{module}"), f"make_{module}"), name, options)
    if name in CARDS:
        from aigc_course.data import store

        return _call(store.loader(name).make_set, name, options, store.arrays(name))
    if isinstance(name_or_folder, str) and dumps.is_imported(name):
        return _call(dumps.make_set, name, options, name)
    if Path(name).expanduser().exists() or isinstance(name_or_folder, Path) or "/" in name or "\\" in name:
        from aigc_course.data.folder import load_folder

        return _call(load_folder, "a folder", options, Path(name).expanduser())
    raise unknown("data set", name, [*CARDS, *dumps.imported_names(), "the path of a folder"])


def load_text(name_or_folder: str | Path, data_filter: str = "classroom", **options: Any) -> "TextSet":
    """A set of text: comments that the public wrote pass the classroom filter, other texts are as they are.

    Args:
        name_or_folder, options: as for `load_dataset`.
        data_filter: "classroom", or "off" to keep comments with coarse words; a folder of yours is never filtered.
    Raises: UsageError for another filter, or a set that holds no text; what `load_dataset` raises.
    """
    from aigc_course.data import dumps
    from aigc_course.data.cards import CARDS
    from aigc_course.data.classroom import check_filter

    check_filter(data_filter)
    name = str(name_or_folder)
    if name in CARDS and CARDS[name].kind != "text":
        fitting = ", ".join([*(card.name for card in CARDS.values() if card.kind == "text"), *dumps.imported_names()])
        raise UsageError(f"data set {name!r} holds {CARDS[name].kind}, but text is needed: {fitting}")
    if CARDS[name].filtered if name in CARDS else dumps.is_imported(name):
        options["data_filter"] = data_filter
    elif name not in CARDS:
        options["kind"] = "text"
    return cast("TextSet", load_dataset(name_or_folder, **options))


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
