"""Values in words for people: numbers, sizes, days, and how long something lasted."""

from __future__ import annotations

import datetime as dt
from functools import lru_cache
from typing import Final

from registry_tool.catalog.describe import size_words, value_words
from registry_tool.manifests.problems import JSON, one_line

__all__ = [
    "FILTERS",
    "count_words",
    "day_words",
    "length_words",
    "number_words",
    "short_digest",
    "signed_words",
    "size_change",
]

_LONGEST: Final = 120
_DIGEST: Final = 12


def number_words(value: JSON) -> str:
    """A measured value in a cell, as the command line shows it: one line, not too long."""
    words = one_line(value_words(value))
    return words if len(words) <= _LONGEST else f"{words[:_LONGEST]}…"


def signed_words(change: float | None) -> str:
    """A difference with its sign; a real minus sign is as wide as a plus."""
    if change is None:
        return ""
    if change == 0:
        return "±0"
    return f"{change:+.4g}".replace("-", "−")  # noqa: RUF001


def size_change(difference: int | None) -> str:
    """A difference of sizes with its sign."""
    if not difference:
        return ""
    return f"{'+' if difference > 0 else '−'}{size_words(abs(difference))}"  # noqa: RUF001


def _parse(moment: str) -> dt.datetime | None:
    try:
        found = dt.datetime.fromisoformat(moment)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=dt.UTC)


@lru_cache(maxsize=1 << 12)
def day_words(moment: str) -> str:
    """A day as people write it: ``24 June 2026``; other text as it is."""
    found = _parse(moment)
    return moment if found is None else f"{found.day} {_MONTHS[found.month - 1]} {found.year}"


_MONTHS: Final = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip


def length_words(start: str, end: str) -> str:
    """How long something lasted, in its largest unit: ``34 days``; empty where a time is not known."""
    first, last = _parse(start), _parse(end)
    if first is None or last is None:
        return ""
    minutes = max(0, int((last - first).total_seconds() // 60))
    units = ((minutes // 1440, "day"), (minutes // 60, "hour"), (minutes, "minute"))
    number, unit = next((one for one in units if one[0]), (minutes, "minute"))
    return f"{number} {unit}{'' if number == 1 else 's'}"


def count_words(number: int, one: str, many: str = "") -> str:
    """A number with its noun: ``1 version``, ``3 versions``."""
    return f"{number:,} {one if number == 1 else many or f'{one}s'}".replace(",", "\u202f")


def short_digest(digest: str) -> str:
    """The beginning of a digest."""
    return digest.removeprefix("sha256:")[:_DIGEST]


FILTERS: Final = {
    "number": number_words,
    "signed": signed_words,
    "size": size_words,
    "size_change": size_change,
    "day": day_words,
    "count": count_words,
    "digest": short_digest,
}
"""The filters of templates, by name."""
