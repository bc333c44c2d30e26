"""The Atom feed of promotions: the newest moves of stages, over all models."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple
from uuid import UUID, uuid5

from registry_tool.manifests.problems import one_line
from registry_tool.web.pages import addresses
from registry_tool.web.pages.environment import load_templates
from registry_tool.web.views.moves import Tenure
from registry_tool.web.views.source import PageSource
from registry_tool.web.views.summary import ModelSummary

__all__ = ["write_feed"]

# So that an entry has one id in every build; a random UUID, chosen once.
_IDS: Final = UUID("0f3c7a52-7a0c-4a53-9f0d-6a0c0f6f5a11")
_PATH: Final = "timeline/feed.xml"
_MOST: Final = 50


class _Entry(NamedTuple):
    """One entry."""

    id: UUID
    title: str
    path: str
    summary: str
    move: _Move


class _Move(NamedTuple):
    """When, and by whom."""

    when: str
    by: str


def _entry(model: str, one: Tenure) -> _Entry:
    named = f"{model}@{one.alias}"
    title = f"{named} is {one.version or 'unreadable'}"
    path = (
        addresses.version_page(model, one.version) if one.version else addresses.model_page(model)
    )
    identity = uuid5(_IDS, f"{one.commit} {named}")
    summary = one_line(one.reason) or f"Moved by {one_line(one.by)}."
    return _Entry(identity, title, path, summary, _Move(one.start, one_line(one.by)))


def write_feed(source: PageSource, summaries: Sequence[ModelSummary]) -> bytes:
    """The feed, with the newest fifty moves; its links are absolute where the address of the site is known."""
    stages = {
        (summary.model, stage)
        for summary in summaries
        for stage in (*source.stages(summary.namespace), source.main_stage(summary.namespace))
    }
    moves = [
        (one.start, summary.model, one)
        for summary in summaries
        for one in summary.tenures
        if (summary.model, one.alias) in stages
    ]
    moves.reverse()
    moves.sort(key=lambda found: found[0], reverse=True)

    def link(path: str) -> str:
        return (
            f"{source.base_url}{addresses.relative('index.html', path)}"
            if source.base_url
            else (addresses.relative(_PATH, path))
        )

    return load_templates().render_text(
        "feed.xml", site=one_line(source.name), feed_id=uuid5(_IDS, source.name),
        updated=moves[0][0] if moves else source.moment, link=link,
        entries=[_entry(model, one) for _, model, one in moves[:_MOST]],
    )  # fmt: skip
