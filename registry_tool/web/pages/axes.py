"""Axes of figures: round numbers between two values, days and months between two times, and positions in percent."""

from __future__ import annotations

import datetime as dt
import math
from functools import lru_cache
from typing import Final, NamedTuple

__all__ = ["LEFT", "RIGHT", "TimeAxis", "ValueAxis", "number_ticks"]

LEFT: Final = 8.0
RIGHT: Final = 98.0
_MONTHS: Final = (
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
)  # fmt: skip
_MOST_TICKS: Final = 7
_DAY: Final = 86_400.0


def _fits(low: float, high: float) -> bool:
    return math.isfinite(high - low)


def number_ticks(low: float, high: float) -> tuple[float, ...]:
    """Two to four round numbers between two values, the values included where nothing rounder fits."""
    span = high - low
    if not math.isfinite(span) or span <= 0:
        return tuple(dict.fromkeys((low, high)))
    size = 10.0 ** math.floor(math.log10(span))
    for part in (1, 2, 2.5, 5, 10):
        step = size * part / 2
        first = math.ceil(low / step) * step
        if not math.isfinite(first) or step == 0:
            break
        found = tuple(round(first + n * step, 12) for n in range(6) if first + n * step <= high)
        if 1 < len(found) <= 4:  # noqa: PLR2004
            return found
    return (low, high)


class ValueAxis(NamedTuple):
    """A vertical axis.

    Attributes:
        low: The value at the bottom.
        high: The value at the top.
        top: The place of the highest value, in pixels from above.
        bottom: The place of the lowest one.
    """

    low: float
    high: float
    top: float
    bottom: float

    @classmethod
    def over(cls, values: list[float], *, top: float, bottom: float) -> ValueAxis:
        """An axis that shows all values."""
        low, high = min(values), max(values)
        if low == high:
            low, high = low - abs(low or 1) / 10, high + abs(high or 1) / 10
        if not (math.isfinite(low) and math.isfinite(high)):
            low, high = min(values), max(values)
        return cls(low, high, top, bottom)

    def place(self, value: float) -> float:
        """Where a value is, in pixels from above."""
        if self.high == self.low:
            return (self.top + self.bottom) / 2
        scale = 1.0 if _fits(self.low, self.high) else 0.5
        part = (value * scale - self.low * scale) / (self.high * scale - self.low * scale)
        return round(self.bottom - part * (self.bottom - self.top), 1)


@lru_cache(maxsize=1 << 12)
def _seconds(moment: str) -> float:
    try:
        found = dt.datetime.fromisoformat(moment)
    except ValueError:
        return 0.0
    return (found if found.tzinfo else found.replace(tzinfo=dt.UTC)).timestamp()


class TimeAxis:
    """A horizontal axis of time.

    Args:
        start: The left end, RFC 3339.
        end: The right end.
        left: The place of the left end, in percent.
        right: The place of the right end.

    Attributes:
        right: As given.
    """

    def __init__(self, start: str, end: str, *, left: float = LEFT, right: float = RIGHT) -> None:
        self._start, self._end = _seconds(start), _seconds(end)
        if self._end - self._start < _DAY:
            self._end = self._start + _DAY
        self._left, self.right = left, right

    def _at(self, seconds: float) -> float:
        part = (seconds - self._start) / (self._end - self._start)
        return round(self._left + min(1.0, max(0.0, part)) * (self.right - self._left), 2)

    def place(self, moment: str) -> float:
        """Where a time is, in percent; before the start and after the end it is there."""
        return self._at(_seconds(moment))

    def ticks(self) -> list[tuple[float, str]]:
        """Places and names of few days, months or years."""
        first = dt.datetime.fromtimestamp(self._start, tz=dt.UTC)
        days = (self._end - self._start) / _DAY
        found = _month_starts(first, self._end) if days > 70 else _day_starts(first, self._end)  # noqa: PLR2004
        stride = -(-len(found) // _MOST_TICKS)
        return (
            [(self._at(when.timestamp()), name) for when, name in found[::stride]] if found else []
        )


def _month_starts(first: dt.datetime, end: float) -> list[tuple[dt.datetime, str]]:
    found: list[tuple[dt.datetime, str]] = []
    year, month = first.year, first.month
    while len(found) < 1200:  # noqa: PLR2004 - a century
        month += 1
        if month > 12:  # noqa: PLR2004
            year, month = year + 1, 1
        if year > 9999:  # noqa: PLR2004
            break
        when = dt.datetime(year, month, 1, tzinfo=dt.UTC)
        if when.timestamp() > end:
            break
        name = str(year) if month == 1 else _MONTHS[month - 1]
        found.append((when, name))
    if len(found) > 24:  # noqa: PLR2004
        found = [(when, str(when.year)) for when, _ in found if when.month == 1]
    return found


def _day_starts(first: dt.datetime, end: float) -> list[tuple[dt.datetime, str]]:
    when = first.replace(hour=0, minute=0, second=0, microsecond=0) + dt.timedelta(days=1)
    found: list[tuple[dt.datetime, str]] = []
    while when.timestamp() <= end and len(found) < 100:  # noqa: PLR2004
        found.append((when, f"{when.day} {_MONTHS[when.month - 1]}"))
        when += dt.timedelta(days=1)
    return found or [(first, f"{first.day} {_MONTHS[first.month - 1]}")]
