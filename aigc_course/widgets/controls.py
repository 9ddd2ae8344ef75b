"""What a learner can move: each control is a frozen description that checks values and makes its own widget."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from aigc_course.errors import UsageError, unknown

_LABEL_WIDTH = "9rem"
_CONTROL_WIDTH = "23rem"


@dataclass(frozen=True, kw_only=True)
class Control:
    """One named input of an explorer. `value` is where it starts."""

    name: str  # the key in the explorer's values
    label: str  # what stands beside it
    value: Any

    def checked(self, value: Any) -> Any:
        """`value` as the control would give it. Raises: UsageError naming the control when it can't be chosen."""
        return value

    def make(self, value: Any) -> Any:
        """A new ipywidget that shows `value`; its trait `value` is what the learner chose."""
        raise NotImplementedError

    def _look(self) -> dict[str, Any]:
        """Arguments that all widgets share: the label beside the input, both narrower than a phone's screen."""
        return {
            "description": self.label,
            "style": {"description_width": _LABEL_WIDTH},
            "layout": {"width": _CONTROL_WIDTH, "max_width": "100%"},
        }


@dataclass(frozen=True, kw_only=True)
class Slider(Control):
    """A number from `low` to `high` in steps; whole numbers when `step` is an int."""

    low: float
    high: float
    step: float
    format: str = ".2f"

    def checked(self, value: Any) -> float:
        return _number(self, value, self.low, self.high, whole=isinstance(self.step, int))

    def make(self, value: Any) -> Any:
        import ipywidgets

        limits = {"min": self.low, "max": self.high, "step": self.step}
        if isinstance(self.step, int):
            return ipywidgets.IntSlider(value=value, **limits, **self._look())
        return ipywidgets.FloatSlider(value=value, readout_format=self.format, **limits, **self._look())


@dataclass(frozen=True, kw_only=True)
class LogSlider(Control):
    """A positive number from `low` to `high`, each step the same factor: `steps_per_decade` steps make it ten times."""

    low: float
    high: float
    steps_per_decade: int = 20
    format: str = ".3g"

    def checked(self, value: Any) -> float:
        return _number(self, value, self.low, self.high, whole=False)

    def make(self, value: Any) -> Any:
        import ipywidgets
        from numpy import log10

        return ipywidgets.FloatLogSlider(
            value=value,
            base=10,
            min=float(log10(self.low)),
            max=float(log10(self.high)),
            step=1 / self.steps_per_decade,
            readout_format=self.format,
            **self._look(),
        )


@dataclass(frozen=True, kw_only=True)
class Choice(Control):
    """One of several: a list of values, or label -> value."""

    options: Sequence[Any] | Mapping[str, Any]

    def checked(self, value: Any) -> Any:
        allowed = list(self.options.values()) if isinstance(self.options, Mapping) else list(self.options)
        if value not in allowed:
            raise unknown(self.name, value, map(str, allowed))
        return value

    def make(self, value: Any) -> Any:
        import ipywidgets

        labelled = list(self.options.items()) if isinstance(self.options, Mapping) else list(self.options)
        return ipywidgets.Dropdown(options=labelled, value=value, **self._look())


@dataclass(frozen=True, kw_only=True)
class Toggle(Control):
    """On or off."""

    value: bool = False

    def checked(self, value: Any) -> bool:
        if not isinstance(value, bool):
            raise UsageError(f"{self.name} = {value!r} is not allowed; it is True or False")
        return value

    def make(self, value: Any) -> Any:
        import ipywidgets

        return ipywidgets.Checkbox(value=value, **self._look())


@dataclass(frozen=True, kw_only=True)
class Play(Control):
    """Play, pause and rewind: the value counts up from 0 by one every `interval_ms` for as long as it plays."""

    value: int = 0
    interval_ms: int = 100
    last: int = 1_000_000

    def checked(self, value: Any) -> float:
        return _number(self, value, 0, self.last, whole=True)

    def make(self, value: Any) -> Any:
        import ipywidgets

        return ipywidgets.Play(
            value=value, min=0, max=self.last, interval=self.interval_ms, show_repeat=False, description=self.label
        )


@dataclass(frozen=True, kw_only=True)
class Button(Control):
    """Something that happens when pressed: the explorer's method `pressed(name)` is called. It has no value."""

    value: None = field(default=None, init=False)

    def make(self, value: Any) -> Any:  # noqa: ARG002
        import ipywidgets

        return ipywidgets.Button(description=self.label, layout={"width": "auto"})


def _number(control: Control, value: Any, low: float, high: float, *, whole: bool) -> float:
    """`value` as a number in [low, high]; the last digits of a rounded limit are forgiven."""
    allowed = isinstance(value, int if whole else (int, float)) and not isinstance(value, bool)
    slack = 1e-9 * max(abs(low), abs(high))
    if not (allowed and low - slack <= value <= high + slack):
        kind = "a whole number" if whole else "a number"
        raise UsageError(f"{control.name} = {value!r} is not allowed; it must be {kind} from {low:g} to {high:g}")
    return value if whole else float(value)
