"""How RESULTS.md writes numbers and tables."""

import math
import statistics


def several(values: tuple[float, ...], *, with_range: bool) -> str:
    """The median and, with `with_range`, smallest and largest: three digits, four where the range is small or none."""
    if not values:
        return ""
    low, median, high = min(values), statistics.median(values), max(values)
    places = places_of(high - low, 2, median, low, high) if high > low else places_of(median, 4, median)
    shown = [number(value, places) for value in (median, low, high)]
    return f"{shown[0]} ({shown[1]} to {shown[2]})" if with_range and high > low else shown[0]


def number(value: float, places: int) -> str:
    """With `places` decimals."""
    return "∞" if math.isinf(value) else f"{value:,.{places}f}"


def places_of(scale: float, digits: int, value: float, *others: float) -> int:
    """Decimals that show so many digits of `scale`, and three or four of `value`, but none where all are whole numbers.

    Below 0.1 there are three or four decimals, however few digits that are.
    """
    if all(one == round(one) for one in (value, *others) if math.isfinite(one)):
        return 0
    size = max(-1, math.floor(math.log10(abs(value)))) if value and math.isfinite(value) else 0
    wanted = digits - 1 - math.floor(math.log10(abs(scale)) + 1e-9) if scale and math.isfinite(scale) else 0
    return max(0, min(max(wanted, 2 - size), 3 - size))


def table(head: list[str], lines: list[list[str]], left: tuple[int, ...] = (0,)) -> str:
    """Markdown; columns that aren't in `left` are set flush right."""
    rule = ["---" if place in left else "---:" for place in range(len(head))]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in (head, rule, *lines))
