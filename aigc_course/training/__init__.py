"""Training loops, and what surrounds them. Knows neither models nor data."""

from aigc_course.training.ema import EMA
from aigc_course.training.gan_loop import fit_gan
from aigc_course.training.history import History
from aigc_course.training.loop import fit
from aigc_course.training.runtime import Runtime
from aigc_course.training.session import Session
from aigc_course.training.settings import LoopSettings

__all__ = ["EMA", "History", "LoopSettings", "Runtime", "Session", "fit", "fit_gan"]
