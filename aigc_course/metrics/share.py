"""So many of so many: a share that knows how sure it is."""

from dataclasses import dataclass

from aigc_course.metrics.intervals import Interval, binomial_interval


@dataclass(frozen=True)
class Share:
    """So many of so many, with Wilson's 95 % interval.

    Raises: UsageError unless 0 <= successes <= trials and trials >= 1.

    >>> print(Share(0, 20))
    0% (0 to 16%, 0 of 20)
    >>> print(Share(2, 1000))
    0.2% (0.1 to 0.7%, 2 of 1000)
    """

    successes: int
    trials: int

    def __post_init__(self) -> None:
        binomial_interval(self.successes, self.trials)  # refuses what is no share

    @property
    def value(self) -> float:
        """successes / trials"""
        return self.successes / self.trials

    @property
    def interval(self) -> Interval:
        """See `binomial_interval`."""
        return binomial_interval(self.successes, self.trials)

    def __str__(self) -> str:
        low, high = self.interval.low, self.interval.high
        shown = 0 if self.trials < 1000 else 1  # digits behind the point
        ends = f"{100 * low:.{shown}f} to {high:.{shown}%}"
        return f"{self.value:.{shown}%} ({ends}, {self.successes} of {self.trials})"
