"""Trained models for use without their training, and without torch: weights, torch.export, ONNX, 8-bit ONNX, a card.

Names are loaded when first used: what runs an exported model (`OnnxModel`, `write_text`) loads no torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aigc_course.export.card import write_card as write_card
    from aigc_course.export.forms import FORMS as FORMS
    from aigc_course.export.forms import Exported as Exported
    from aigc_course.export.forms import export_model as export_model
    from aigc_course.export.quality import measure as measure
    from aigc_course.export.quantisation import Grid as Grid
    from aigc_course.export.quantisation import asymmetric_grid as asymmetric_grid
    from aigc_course.export.quantisation import symmetric_grid as symmetric_grid
    from aigc_course.export.running import OnnxModel as OnnxModel
    from aigc_course.export.writing import write_text as write_text

_HOMES = {
    "export_model": "forms",
    "Exported": "forms",
    "FORMS": "forms",
    "OnnxModel": "running",
    "write_text": "writing",
    "measure": "quality",
    "Grid": "quantisation",
    "asymmetric_grid": "quantisation",
    "symmetric_grid": "quantisation",
    "write_card": "card",
}

__all__ = list(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'aigc_course.export' has no attribute {name!r}")
    return getattr(import_module(f"aigc_course.export.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
