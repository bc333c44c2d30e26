"""Small marks that tables have in every row, as HTML: names, states, times, changes. Macros would make thousands of rows slow."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Final

from markupsafe import Markup, escape

from registry_tool.web.pages.words import day_words, signed_words
from registry_tool.web.views.measured import Measurement
from registry_tool.web.views.model import VersionLine

__all__ = [
    "FILTERS",
    "find_metric",
    "mark_alias",
    "mark_change",
    "mark_names",
    "mark_path",
    "mark_state",
    "mark_subject",
    "mark_time",
]

_RANKS: Final = {"production": " prod", "stage": " stag"}
_STATES: Final = {
    **dict.fromkeys(("withdrawn", "erased", "deleted", "unreadable"), "gone"),
    **dict.fromkeys(("deprecated", "archived", "draft"), "aged"),
}
_VERDICTS: Final = {"better": "good", "worse": "bad"}
_USUAL: Final = frozenset({"active", ""})
_NOTHING: Final = Markup("")


def mark_time(moment: str) -> Markup:
    """A day, with its exact time for programs."""
    if not moment:
        return _NOTHING
    return Markup(f'<time datetime="{escape(moment)}">{escape(day_words(moment))}</time>')  # noqa: S704 - escaped


def mark_alias(alias: str, rank: str) -> Markup:
    """An alias; see ``alias_rank``."""
    return Markup(f'<span class="chip{_RANKS.get(rank, "")}">{escape(alias)}</span>')  # noqa: S704 - escaped


def mark_state(state: str) -> Markup:
    """A state of a model or a version."""
    return Markup(f'<span class="chip {_STATES.get(state, "plain")}">{escape(state)}</span>')  # noqa: S704 - escaped


def mark_change(one: Measurement) -> Markup:
    """The difference from another version, with what it means for people who do not see colours."""
    if one.change is None:
        return _NOTHING
    meaning = f'<span class="hush"> {one.verdict}</span>' if one.verdict in _VERDICTS else ""
    kind = _VERDICTS.get(one.verdict, "soft")
    return Markup(f'<span class="delta {kind}">{signed_words(one.change)}{meaning}</span>')  # noqa: S704 - numbers and fixed words


def mark_names(line: VersionLine, stages: Collection[str], main: str) -> Markup:
    """The aliases and tags of a version, and its state where it is not active."""
    if not line.aliases and not line.tags and line.state in _USUAL:
        return _NOTHING
    return Markup(" ").join(_list_names(line, stages, main))


def _list_names(line: VersionLine, stages: Collection[str], main: str) -> Iterator[Markup]:
    for alias in line.aliases:
        rank = "production" if alias == main else "stage" if alias in stages else "alias"
        yield mark_alias(alias, rank)
    for tag in line.tags:
        yield Markup(f'<span class="chip tag">{escape(tag)}</span>')  # noqa: S704 - escaped
    if line.state not in _USUAL:
        yield mark_state(line.state)


def mark_subject(words: str, model: str, address: str) -> Markup:
    """What was changed, with the name of its model as a link; ``model`` and ``address`` are empty where it has no page."""
    sentence = words if "/" in words.partition(" ")[0] else words[:1].upper() + words[1:]
    before, found, after = sentence.partition(model) if model else (sentence, "", "")
    if not found:
        return escape(sentence)
    link = f'<a href="{escape(address)}">{escape(model)}</a>'
    return Markup(f"{escape(before)}{link}{escape(after)}")  # noqa: S704 - escaped


def mark_path(path: str) -> Markup:
    """The path of a file, which may be broken after each slash."""
    return Markup("/<wbr>").join(path.split("/"))


def find_metric(metrics: tuple[Measurement, ...], key: str) -> Measurement | None:
    """The metric of a name; None where it was not measured."""
    for one in metrics:
        if one.key == key:
            return one
    return None


FILTERS: Final = {
    "alias": mark_alias,
    "change": mark_change,
    "path": mark_path,
    "state": mark_state,
    "subject": mark_subject,
    "when": mark_time,
}
"""The filters of templates, by name."""
