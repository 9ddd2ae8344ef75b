"""A figure that was taken several times, with the standard error of its mean."""

from dataclasses import dataclass

from aigc_course.metrics.likelihood import mean_and_standard_error


@dataclass(frozen=True)
class Estimate:
    """The same figure from several parts of the data.

    >>> print(Estimate((1.0, 3.0)))
    2 ± 1 (2 values)
    """

    values: tuple[float, ...]  # two or more, one for each part

    @property
    def mean(self) -> float:
        """The mean of the values."""
        return mean_and_standard_error(self.values)[0]

    @property
    def standard_error(self) -> float:
        """Of the mean, as if the parts were independent: too small where they share examples."""
        return mean_and_standard_error(self.values)[1]

    def __str__(self) -> str:
        return f"{self.mean:.4g} ± {self.standard_error:.2g} ({len(self.values)} values)"
