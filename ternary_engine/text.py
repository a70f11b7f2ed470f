"""Numbers as people read them: counts, shares, times, rates and sizes with their units."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["count", "duration", "percent", "rate", "shape", "size"]


def count(number: int) -> str:
    """Write a whole number with thousands marks: ``12,345``."""
    return f"{number:,}"


def percent(share: float, digits: int = 2) -> str:
    """Write a share of one: ``97.50 %``."""
    return f"{100 * share:.{digits}f} %"


def _three_digits(number: float) -> str:
    """Write a number of at least one with three significant digits, thousands marked."""
    if number >= 99.5:
        unit = 10 ** max(0, len(str(round(number))) - 3)
        return f"{round(number / unit) * unit:,}"
    return f"{number:.{2 if number < 9.995 else 1}f}"


def rate(per_second: float, unit: str = "") -> str:
    """Write something per second: ``12,300/s``; ``1.23 M samples/s`` with a unit."""
    space = " " if unit else ""
    if per_second >= 999_500:
        return f"{_three_digits(per_second / 1e6)} M{space}{unit}/s"
    return f"{_three_digits(per_second)}{space}{unit}/s"


def duration(seconds: float) -> str:
    """Write a time: ``850 ns``, ``12.3 µs``, ``4.56 ms``, ``7.89 s``, ``3 min 05 s``."""
    if seconds >= 99.5:
        minutes, rest = divmod(round(seconds), 60)
        return f"{minutes} min {rest:02d} s"
    for factor, unit in ((1e9, "ns"), (1e6, "µs"), (1e3, "ms")):
        if seconds * factor < 999.5:
            return f"{_three_digits(seconds * factor)} {unit}"
    return f"{_three_digits(seconds)} s"


def size(number_of_bytes: int) -> str:
    """Write a size in decimal units: ``812 B``, ``12.3 kB``, ``4.56 MB``."""
    if number_of_bytes < 1000:
        return f"{number_of_bytes} B"
    for power, unit in ((1, "kB"), (2, "MB")):
        if number_of_bytes < 999.5 * 1000**power:
            return f"{_three_digits(number_of_bytes / 1000**power)} {unit}"
    return f"{_three_digits(number_of_bytes / 1e9)} GB"


def shape(sizes: Sequence[int | None]) -> str:
    """Write the sizes of an array: ``16x3x3x3``; a free size is ``N``."""
    return "x".join("N" if one is None else str(one) for one in sizes) or "scalar"
