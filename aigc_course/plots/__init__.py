"""Figures: training curves and image grids, also live, and sounds. Every function returns its Axes.

matplotlib and IPython are imported when first used. Without `ax`, a function makes a pyplot figure, which a notebook
shows at the end of the cell.
"""

from aigc_course.plots.axes import COLOURS, DASHES
from aigc_course.plots.curves import plot_history
from aigc_course.plots.images import plot_images
from aigc_course.plots.live import LiveImages, LivePlot
from aigc_course.plots.sound import plot_sound

__all__ = ["COLOURS", "DASHES", "LiveImages", "LivePlot", "plot_history", "plot_images", "plot_sound"]
