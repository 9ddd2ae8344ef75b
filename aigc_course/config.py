"""Settings: frozen dataclasses, strict to and from dictionaries, changed by `a.b=value` strings."""

import dataclasses
import json
import types
import typing
from collections.abc import Iterable
from typing import Any, Literal, TypeVar

from aigc_course.errors import UsageError, unknown

T = TypeVar("T")


def to_dict(config: Any) -> dict[str, Any]:
    """A dataclass as plain dictionaries, lists, strings and numbers (what JSON can hold)."""
    return json.loads(json.dumps(dataclasses.asdict(config)))


def from_dict(cls: type[T], values: dict[str, Any], where: str = "") -> T:
    """Build the dataclass `cls` from a dictionary, strictly.

    Raises: UsageError for an unknown or missing key or a value of the wrong type, naming it.
    """
    fields = {f.name: f for f in dataclasses.fields(cls)}  # type: ignore[arg-type]
    hints = typing.get_type_hints(cls)
    for key in values:
        if key not in fields:
            raise unknown(f"setting{f' of {where}' if where else ''}", key, fields)
    missing = [
        name
        for name, f in fields.items()
        if name not in values and f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING
    ]
    if missing:
        raise UsageError(f"{where or cls.__name__} lacks the setting {missing[0]!r}")
    parsed = {k: _parse(v, hints[k], f"{where}.{k}" if where else k) for k, v in values.items()}
    return _construct(cls, parsed)


def override(config: T, assignments: Iterable[str]) -> T:
    """A copy of `config` with `a.b=value` assignments applied, each value read as JSON, else as text.

    Raises: UsageError naming the setting that is unknown, of the wrong type or out of range.
    """
    for assignment in assignments:
        path, equals, text = assignment.partition("=")
        if not equals or not path.strip():
            raise UsageError(
                f"cannot read the setting {assignment!r}; write it as name=value, for example training.steps=500"
            )
        config = _set(config, path.strip().split("."), text.strip(), path.strip())
    return config


def _set(config: Any, keys: list[str], text: str, path: str) -> Any:
    hints = typing.get_type_hints(type(config))
    if keys[0] not in hints:
        raise unknown("setting", path, _paths(config, path.rpartition(keys[0])[0]))
    current = getattr(config, keys[0])
    if len(keys) > 1:
        if not dataclasses.is_dataclass(current):
            raise UsageError(f"{path!r}: {keys[0]!r} is a single value and has no settings inside")
        value = _set(current, keys[1:], text, path)
    elif dataclasses.is_dataclass(current):
        raise UsageError(f"{path!r} is a group of settings; choose one: {', '.join(_paths(current, path + '.'))}")
    else:
        value = _parse(_read(text), hints[keys[0]], path)
    return _construct(
        type(config), {f.name: getattr(config, f.name) for f in dataclasses.fields(config)} | {keys[0]: value}
    )


def _construct(cls: type[T], values: dict[str, Any]) -> T:
    try:
        return cls(**values)
    except UsageError:
        raise
    except ValueError as error:
        raise UsageError(str(error)) from error


def _paths(config: Any, prefix: str) -> list[str]:
    return [prefix + f.name for f in dataclasses.fields(config)]


def _read(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return {"True": True, "False": False, "None": None}.get(text, text)


def _parse(value: Any, hint: Any, where: str) -> Any:
    """`value` as the type `hint`, or a UsageError that names the setting `where`."""
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        if value is None and type(None) in args:
            return None
        return _parse(value, next(a for a in args if a is not type(None)), where)
    if origin is Literal:
        if value not in args:
            raise unknown(f"value of {where}", value, [str(a) for a in args])
        return value
    if origin is tuple and isinstance(value, list | tuple):
        return tuple(_parse(v, args[0], where) for v in value)
    if dataclasses.is_dataclass(hint):
        if isinstance(value, hint):  # type: ignore[arg-type]
            return value
        if isinstance(value, dict):
            return from_dict(hint, value, where)  # type: ignore[arg-type]
    elif hint is float and isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    elif hint is str and isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    elif isinstance(hint, type) and isinstance(value, hint) and (hint is bool or not isinstance(value, bool)):
        return value
    name = getattr(hint, "__name__", str(hint))
    raise UsageError(f"{where} must be {name}, but {value!r} is {type(value).__name__}")
