"""Figures as people read them."""

from __future__ import annotations

from benchmarks.figures import Spread

__all__ = ["cost_words", "count_words", "ratio_words", "spread_words"]

_SCALES = {
    "s": ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs")),
    "B": ((1e9, "GB"), (1e6, "MB"), (1e3, "kB"), (1.0, "B")),
}
_MANY = 100
_FEW = 10


def _digits(value: float) -> str:
    if value >= _MANY:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= _FEW else f"{value:.2f}"


def cost_words(cost: float, unit: str) -> str:
    """Seconds or bytes in the scale that suits them."""
    scales = _SCALES[unit]
    scale, name = next(((s, n) for s, n in scales if cost >= s), scales[-1])
    return f"{_digits(cost / scale)} {name}"


def ratio_words(ratio: float) -> str:
    """``3.9``, or ``1/25`` for what is much less than one."""
    if 0 < ratio < 1 / 2:
        return f"1/{1 / ratio:,.1f}" if ratio > 1 / _FEW else f"1/{1 / ratio:,.0f}"
    return _digits(ratio)


def spread_words(ratio: Spread) -> str:
    """The median, with the lowest and highest."""
    middle, low, high = map(ratio_words, ratio)
    return f"**{middle}** ({low} to {high})"


def count_words(count: int) -> str:
    """``100k`` for 100,000."""
    return f"{count // 1000}k" if count >= 1000 and count % 1000 == 0 else str(count)
