"""What the site is made from, and how anyone can verify it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from registry_tool._version import VERSION
from registry_tool.web.views.source import PageSource
from registry_tool.web.views.summary import ModelSummary

__all__ = ["AboutView", "CompareView", "view_about"]


@dataclass(frozen=True)
class AboutView:
    """The page.

    Attributes:
        name: The registry's name.
        commit: The commit that the site is made from.
        time: Its time.
        version: The version of registry-tool.
        model_count: How many models there are.
        version_count: How many versions.
        selection: ``all`` where every version has a page, ``named`` where those with a name and the newest have.
        base_url: Where the site is; empty where that is not known.
    """

    name: str
    commit: str
    time: str
    version: str
    model_count: int
    version_count: int
    selection: str
    base_url: str


@dataclass(frozen=True)
class CompareView:
    """The page that compares versions: the browser fills it from the data of their pages.

    Attributes:
        groups: The groups of a comparison, in order.
    """

    groups: tuple[str, ...]


def view_about(source: PageSource, summaries: Sequence[ModelSummary], selection: str) -> AboutView:
    """The view of the page."""
    live = [one for one in summaries if one.state != "deleted"]
    return AboutView(
        source.name, source.commit, source.moment, VERSION, len(live),
        sum(one.version_count for one in live), selection, source.base_url,
    )  # fmt: skip
