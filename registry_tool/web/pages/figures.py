"""Figures as inline SVG: positions in percent, so that they shrink without shrinking their text and need no script."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final

from markupsafe import Markup, escape

from registry_tool.web.pages.axes import LEFT, RIGHT, TimeAxis, ValueAxis, number_ticks
from registry_tool.web.pages.words import day_words, number_words
from registry_tool.web.views.model import FigurePanel, ModelFigure
from registry_tool.web.views.moves import Tenure
from registry_tool.web.views.timeline import TimelineView
from registry_tool.web.views.version import ComparedMetric, MetricSeries

__all__ = ["draw_bar", "draw_lanes", "draw_model_figure", "draw_series"]

_PANEL: Final = 164.0
_LANE: Final = 52.0
_LABEL: Final = 24.0  # percent: where two labels of one panel may meet on a narrow screen
_LEFTMOST: Final = 10.0
_RIGHTMOST: Final = 86.0
_NARROW: Final = 3.0  # percent: too small for a name inside


def _text(x: float, y: float, words: str, kind: str = "", anchor: str = "") -> str:
    shape = f' class="{kind}"' if kind else ""
    side = f' text-anchor="{anchor}"' if anchor else ""
    return f'<text x="{x:g}%" y="{y:g}"{shape}{side}>{escape(words)}</text>'


def _line(x: tuple[float, float], y: tuple[float, float], kind: str) -> str:
    return f'<line class="{kind}" x1="{x[0]:g}%" x2="{x[1]:g}%" y1="{y[0]:g}" y2="{y[1]:g}"/>'


def _bounds(panel: FigurePanel) -> Iterator[tuple[str, float]]:
    for bound in panel.bounds:
        if bound.minimum is not None:
            yield f"gate of {bound.stage}: at least {bound.minimum:.6g}", bound.minimum
        if bound.maximum is not None:
            yield f"gate of {bound.stage}: at most {bound.maximum:.6g}", bound.maximum


def _draw_run(places: Sequence[tuple[float, float]]) -> Iterator[str]:
    """A line through some places, in percent and pixels; percent positions are not for paths."""
    yield '<g class="run">'
    for (x, y), (x2, y2) in pairwise(places):
        yield f'<line x1="{x}%" x2="{x2}%" y1="{y}" y2="{y2}"/>'
    yield "</g>"


def _draw_panel(panel: FigurePanel, time: TimeAxis, top: float) -> Iterator[str]:
    bounds = list(_bounds(panel))
    values = [point.value for point in panel.points] + [value for _, value in bounds]
    axis = ValueAxis.over(values, top=top + 42, bottom=top + _PANEL - 20)
    yield _text(0, top + 14, panel.key, "lab")
    if panel.better:
        yield _text(100, top + 14, f"{panel.better} is better", "hint", "end")
    for tick in number_ticks(axis.low, axis.high):
        y = axis.place(tick)
        yield _line((0, 100), (y, y), "grid")
        yield _text(0, y - 4, f"{tick:.4g}", "tick")
    for words, value in bounds:
        y = axis.place(value)
        yield _line((0, 100), (y, y), "gate")
        yield _text(100, y + 14, words, "gtext", "end")
    places = [(time.place(one.at), axis.place(one.value)) for one in panel.points]
    yield from _draw_run(places)
    yield '<g class="dot">'
    for point, (x, y) in zip(panel.points, places, strict=True):
        words = f"Version {point.version}, {day_words(point.at)}: {number_words(point.value)}"
        shape = 'class="dot is" r="5"' if point.is_current else 'r="3.6"'
        yield f'<circle {shape} cx="{x}%" cy="{y}"><title>{escape(words)}</title></circle>'
    yield "</g>"
    yield from _label_points(panel, places)


def _label_points(panel: FigurePanel, places: list[tuple[float, float]]) -> Iterator[str]:
    """The values of the current version and of the newest one, side by side on a narrow screen too."""
    newest = places[-1][0]
    for point, (x, y) in zip(panel.points, places, strict=True):
        if not point.is_current and point is not panel.points[-1]:
            continue
        words = number_words(point.value)
        if x > _RIGHTMOST:
            below = x < newest
            yield _text(100, y + 20 if below else y - 11, words, "lab", "end")
        elif x > _LEFTMOST:
            near = x < newest < x + _LABEL
            yield _text(x, y - 11, words, "lab", "end" if near else "middle")
        else:
            yield _text(x, y - 11, words, "lab", "start")


def _draw_tenure(one: Tenure, place: tuple[float, float], y: float, kind: str) -> str:
    left, right = place
    until = "now" if one.end is None else day_words(one.end)
    back = ", then rolled back" if one.was_rolled_back else ""
    words = f"{one.version or 'unreadable'} from {day_words(one.start)} to {until}{back}"
    width = max(0.6, round(right - left - 0.25, 2))
    shape = f'<rect class="{kind}" x="{left:g}%" width="{width:g}%" y="{y:g}" height="22" rx="4"/>'
    name = ""
    if width > max(_NARROW, 1.3 * len(one.version)):
        inside = "was-on" if kind.endswith(" was") else "on"
        name = _text(round(left + width / 2, 2), y + 15, one.version, inside, "middle")
    return f"<g><title>{escape(words)}</title>{shape}{name}</g>"


def _draw_lane(
    tenures: tuple[Tenure, ...], time: TimeAxis, y: float, kind: str = ""
) -> Iterator[str]:
    """The tenures of one alias, as marks on one line."""
    for one in tenures:
        right = time.right if one.end is None else time.place(one.end)
        state = " back" if one.was_rolled_back else (" cur" if one.end is None else "")
        yield _draw_tenure(one, (time.place(one.start), right), y, f"tenure{kind}{state}")


def _ticks(time: TimeAxis, y: float) -> Iterator[str]:
    for x, name in time.ticks():
        yield _line((x, x), (y - 10, y - 2), "grid")
        yield _text(x, y + 12, name, "", "end" if x > 94 else "")  # noqa: PLR2004


def _ghost(figure: ModelFigure, time: TimeAxis, height: float) -> str:
    """The time of today's holder of the main stage, behind all panels."""
    current = [one for _, held in figure.lanes[:1] for one in held if one.end is None]
    if not current or not figure.panels:
        return ""
    left = time.place(current[-1].start)
    return f'<rect class="ghost" x="{left:g}%" width="{RIGHT - left:g}%" y="24" height="{height - 40:g}"/>'


def draw_model_figure(figure: ModelFigure) -> Markup:
    """Metrics above, stages below, one axis of time."""
    time = TimeAxis(figure.start, figure.end)
    height = _PANEL * len(figure.panels)
    parts = [_ghost(figure, time, height)]
    for number, panel in enumerate(figure.panels):
        parts += _draw_panel(panel, time, number * _PANEL)
    y = height
    for number, (alias, held) in enumerate(figure.lanes):
        parts.append(_text(0, y + 14, alias, "lab"))
        parts.append(
            f'<rect class="lane-bed" x="0" width="100%" y="{y + 22:g}" height="22" rx="4"/>'
        )
        parts += _draw_lane(held, time, y + 22, "" if number == 0 else " s")
        y += _LANE
    parts += _ticks(time, y + 6)
    metrics = ", ".join(panel.key for panel in figure.panels)
    about = f"{metrics} of versions over time" if metrics else ""
    lanes = " and ".join(alias for alias, _ in figure.lanes)
    label = "; ".join(filter(None, [about, f"which version was {lanes}" if lanes else ""]))
    body = "".join(parts)
    return Markup(  # noqa: S704 - every text in it is escaped above
        f'<svg height="{y + 22:g}" role="img" aria-label="{escape(label)}">{body}</svg>'
    )


def draw_series(series: MetricSeries) -> Markup:
    """One metric over its steps."""
    axis = ValueAxis.over([one.value for one in series.points], top=26, bottom=92)
    first, last = series.points[0].at, series.points[-1].at
    span = (last - first) or 1.0
    places = [
        (round(LEFT + (p.at - first) / span * (RIGHT - LEFT), 2), axis.place(p.value))
        for p in series.points
    ]
    parts = []
    for tick in number_ticks(axis.low, axis.high):
        y = axis.place(tick)
        parts += [_line((0, 100), (y, y), "grid"), _text(0, y - 4, f"{tick:.4g}", "tick")]
    parts += _draw_run(places)
    if series.unit != "time":
        parts.append(_text(LEFT, 110, f"{series.unit} {first:g}"))
        parts.append(_text(RIGHT, 110, f"{last:g}", "", "end"))
    label = (
        f"{series.key}: {series.count} values, the last is {number_words(series.points[-1].value)}"
    )
    return Markup(  # noqa: S704 - every text in it is escaped above
        f'<svg height="116" role="img" aria-label="{escape(label)}">{"".join(parts)}</svg>'
    )


def draw_bar(one: ComparedMetric, scale: float) -> Markup:
    """A change as a bar to the left or right of the middle; ``scale`` is the share, in percent, of half the width."""
    if not one.share:
        return Markup("")
    width = round(min(50.0, abs(one.share) * 100 / scale * 50), 2)
    left = 50.0 if one.share > 0 else 50.0 - width
    kind = {"better": "up", "worse": "down"}.get(one.verdict, "even")
    return Markup(  # noqa: S704 - numbers and fixed words
        f'<svg class="bar" height="10" aria-hidden="true"><rect class="bed" width="100%" height="10" rx="5"/>'
        f'<rect class="{kind}" x="{left:g}%" width="{width:g}%" height="10" rx="3"/>'
        '<line class="mid" x1="50%" x2="50%" y1="0" y2="10"/></svg>'
    )


def draw_lanes(view: TimelineView) -> Markup:
    """One line for each model of a page of the timeline; a script moves the line of a day over them."""
    time = TimeAxis(view.start, view.end, left=0.2, right=99.0)
    height = 24 + len(view.lanes) * _LANE
    parts = []
    for x, name in time.ticks():
        parts.append(_line((x, x), (18, height), "grid"))
        parts.append(_text(x, 11, name, "", "end" if x > 94 else ""))  # noqa: PLR2004
    for number, lane in enumerate(view.lanes):
        y = 24 + number * _LANE
        parts.append(_text(0, y + 14, lane.model, "lab"))
        parts.append(_text(100, y + 14, lane.note, "hint", "end"))
        parts.append(
            f'<rect class="lane-bed" x="0" width="100%" y="{y + 22:g}" height="22" rx="4"/>'
        )
        parts += _draw_lane(lane.tenures, time, y + 22, " was")
    label = f"Which version of {len(view.lanes)} models was in {view.stage}, and when"
    ends = f'data-start="{escape(view.start)}" data-end="{escape(view.end)}" data-left="0.2" data-right="99"'
    return Markup(  # noqa: S704 - every text in it is escaped above
        f'<svg height="{height + 4:g}" role="img" aria-label="{escape(label)}" {ends}>{"".join(parts)}'
        f'<line id="asof-line" class="asof" x1="0" x2="0" y1="0" y2="{height:g}" visibility="hidden"/></svg>'
    )
