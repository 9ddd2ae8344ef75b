"""What the figures share: colours that everybody can tell apart, and new axes."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Okabe & Ito 2008, "Color universal design": told apart with any kind of colour vision; also dashed differently.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
DASHES = ("-", "--", "-.", ":")


def new_axes(inches_wide: float, inches_high: float) -> "Axes":
    """The axes of a new pyplot figure of that size."""
    from matplotlib import pyplot as plt

    return plt.subplots(figsize=(inches_wide, inches_high), layout="constrained")[1]
