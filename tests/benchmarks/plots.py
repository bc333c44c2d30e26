"""How a row grows with the registry: a small SVG, both axes in powers of ten, readable on light and dark pages."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Final
from xml.sax.saxutils import escape

from benchmarks.figures import Spread, spread
from benchmarks.rows import Results, Row
from benchmarks.units import cost_words, count_words

__all__ = ["plot"]

_SPACE: Final = "http://www.w3.org/2000/svg"
_WIDTH, _HEIGHT = 560, 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 76, 60, 60, 44
_SAME = 16  # pixels: labels nearer than that would overlap
_STYLE: Final = """
  text { font: 12px system-ui, sans-serif; fill: #24292f }
  .title { font-weight: 600 }
  .soft { fill: #57606a }
  .grid { stroke: #d0d7de; stroke-width: 1 }
  .ours { stroke: #0969da; fill: #0969da }
  .peer { stroke: #bc4c00; fill: #bc4c00; stroke-dasharray: 5 4 }
  polyline { fill: none !important; stroke-width: 2 }
  .whisker { stroke-width: 1; stroke-dasharray: none }
  circle { stroke: none }
  text.ours, text.peer { stroke: none }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 } .soft { fill: #9198a1 } .grid { stroke: #3d444d }
    .ours { stroke: #4493f8; fill: #4493f8 } .peer { stroke: #f0883e; fill: #f0883e }
  }"""


class _Scale:
    """Values to pixels, by their logarithm."""

    def __init__(self, values: Sequence[float], pixels: tuple[float, float]) -> None:
        logs = [math.log10(value) for value in values]
        self._low, self._high = math.floor(min(logs)), math.ceil(max(logs))
        if self._low == self._high:
            self._high += 1
        self._pixels = pixels

    def at(self, value: float) -> float:
        """Where a value lies."""
        start, end = self._pixels
        return start + (math.log10(value) - self._low) / (self._high - self._low) * (end - start)

    def tens(self) -> Iterator[float]:
        """The powers of ten it covers, at most seven of them."""
        step = math.ceil((self._high - self._low) / 6)
        return (10.0**power for power in range(self._low, self._high + 1, step))


def _series(results: Results, which: str) -> dict[int, Spread]:
    values = {size: getattr(found, which) for size, found in sorted(results.items())}
    return {size: spread(costs) for size, costs in values.items() if costs and min(costs) > 0}


def _line(kind: str, series: Mapping[int, Spread], x: _Scale, y: _Scale) -> Iterator[str]:
    points = " ".join(f"{x.at(size):.1f},{y.at(cost.median):.1f}" for size, cost in series.items())
    yield f'<polyline class="{kind}" points="{points}"/>'
    for size, cost in series.items():
        across = f"{x.at(size):.1f}"
        yield (
            f'<line class="{kind} whisker" x1="{across}" x2="{across}"'
            f' y1="{y.at(cost.lowest):.1f}" y2="{y.at(cost.highest):.1f}"/>'
        )
        yield f'<circle class="{kind}" cx="{across}" cy="{y.at(cost.median):.1f}" r="3.5"/>'


def _grid(sizes: Sequence[int], x: _Scale, y: _Scale, unit: str) -> Iterator[str]:
    right, bottom = _WIDTH - _RIGHT, _HEIGHT - _BOTTOM
    for value in y.tens():
        at = f"{y.at(value):.1f}"
        yield f'<line class="grid" x1="{_LEFT}" x2="{right}" y1="{at}" y2="{at}"/>'
        words = cost_words(value, unit).replace(".00", "").replace(".0", "")
        yield f'<text class="soft" x="{_LEFT - 8}" y="{y.at(value) + 4:.1f}" text-anchor="end">{words}</text>'
    for size in sizes:
        yield (
            f'<text class="soft" x="{x.at(size):.1f}" y="{bottom + 18}"'
            f' text-anchor="middle">{count_words(size)}</text>'
        )
    middle = (_LEFT + right) / 2
    yield f'<text class="soft" x="{middle}" y="{_HEIGHT - 8}" text-anchor="middle">versions</text>'


def _labels(lines: Mapping[str, Mapping[int, Spread]], x: _Scale, y: _Scale) -> Iterator[str]:
    """Each line's name at its end, moved apart where two lines meet."""
    last = {kind: max(series) for kind, series in lines.items()}
    at = {kind: y.at(lines[kind][size].median) + 4 for kind, size in last.items()}
    if len(at) > 1 and abs(at["ours"] - at["peer"]) < _SAME:
        upper, lower = sorted(at, key=lambda kind: at[kind])
        middle = sum(at.values()) / 2
        at = {upper: middle - _SAME / 2, lower: middle + _SAME / 2}
    for kind, size in last.items():
        yield f'<text class="{kind}" x="{x.at(size) + 9:.1f}" y="{at[kind]:.1f}">{kind}</text>'


def plot(row: Row, results: Results) -> str:
    """The SVG of one row: medians with whiskers from the lowest to the highest, ours and the peer's."""
    lines = {kind: _series(results, kind) for kind in ("ours", "peer")}
    lines = {kind: series for kind, series in lines.items() if series}
    costs = [value for series in lines.values() for found in series.values() for value in found]
    sizes = sorted(results)
    x = _Scale(sizes, (_LEFT + 12, _WIDTH - _RIGHT - 12))
    y = _Scale(costs or [1.0], (_HEIGHT - _BOTTOM, _TOP))
    body = [*_grid(sizes, x, y, row.unit)]
    for kind, series in lines.items():
        body += _line(kind, series, x, y)
    body += _labels(lines, x, y)
    title = escape(f"{row.name}: cost by size of the registry")
    against = escape(row.against.replace("`", ""))
    space, size = f'xmlns="{_SPACE}"', f'width="{_WIDTH}" height="{_HEIGHT}"'
    return "\n".join(
        [
            f'<svg {space} viewBox="0 0 {_WIDTH} {_HEIGHT}" {size} role="img" aria-label="{title}">',
            f"<style>{_STYLE}\n</style>",
            f'<text class="title" x="{_LEFT}" y="22">{title}</text>',
            f'<text class="soft" x="{_LEFT}" y="40">peer: {against}</text>',
            *body,
            "</svg>\n",
        ]
    )
