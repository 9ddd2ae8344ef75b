"""Things to touch: explorers that redraw while you move a slider. Each is shown by being the last line of a cell."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aigc_course.widgets.gradient_descent import GradientDescentPlayground as GradientDescentPlayground
    from aigc_course.widgets.initialisation import InitialisationExplorer as InitialisationExplorer
    from aigc_course.widgets.losses import LossExplorer as LossExplorer

_MODULES = {
    "InitialisationExplorer": "initialisation",
    "GradientDescentPlayground": "gradient_descent",
    "LossExplorer": "losses",
    "CodeExplorer": "codes",
    "LiveGAN": "live_gan",
    "ELBOExplorer": "elbo",
    "AttentionViewer": "attention",
    "SamplingExplorer": "sampling",
    "WritingExplorer": "writing",
    "LatentExplorer": "latent",
    "SoundExplorer": "sounds",
    "BlindTest": "blind_test",
}

__all__ = list(_MODULES)


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module 'aigc_course.widgets' has no attribute {name!r}")
    value = getattr(import_module(f"aigc_course.widgets.{_MODULES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
