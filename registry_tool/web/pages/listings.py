"""Pages that list models, out of their summaries: always made, since they are few."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from registry_tool.catalog.compare import GROUPS
from registry_tool.checks.findings import Report
from registry_tool.web.pages import addresses
from registry_tool.web.pages.environment import Templates, load_templates
from registry_tool.web.pages.feed import write_feed
from registry_tool.web.pages.figures import draw_lanes
from registry_tool.web.pages.files import Page, SiteFile
from registry_tool.web.pages.render import Selection
from registry_tool.web.views.about import CompareView, view_about
from registry_tool.web.views.graph import view_lineage, view_lineages
from registry_tool.web.views.health import view_health
from registry_tool.web.views.home import view_home
from registry_tool.web.views.source import PageSource
from registry_tool.web.views.summary import ModelSummary
from registry_tool.web.views.tables import count_pages, view_models, view_namespace
from registry_tool.web.views.timeline import list_timeline_stages, view_timeline, write_moves_csv

__all__ = ["render_listings"]


class _Listing(NamedTuple):
    """What all of them are made of."""

    source: PageSource
    summaries: Sequence[ModelSummary]
    templates: Templates

    def page(self, kind: str, path: str, view: object, **values: object) -> Page:
        known = {"site": self.source.name, "commit": self.source.commit}
        return self.templates.render(kind, path, view, **known, **values)


def render_listings(
    source: PageSource,
    summaries: Iterable[ModelSummary],
    *,
    selection: Selection = "all",
    report: Report | None = None,
) -> Iterator[Page | SiteFile]:
    """The pages that list models, and the files that go with them.

    Args:
        source: The commit.
        summaries: Those of all models, in the order of their names.
        selection: Which versions have a page of their own.
        report: What a check of the commit found; None where none was made.
    """
    listing = _Listing(source, tuple(summaries), load_templates())
    yield listing.page("home", addresses.HOME, view_home(source, listing.summaries))
    yield from _tables(listing)
    yield from _timelines(listing)
    yield from _lineages(listing)
    health = view_health(source, listing.summaries, report)
    yield listing.page("health", "health/index.html", health)
    yield listing.page("compare", "compare/index.html", CompareView(tuple(GROUPS)))
    about = view_about(source, listing.summaries, selection)
    yield listing.page("about", "about/index.html", about)


def _tables(listing: _Listing) -> Iterator[Page]:
    summaries = listing.summaries
    live = [one for one in summaries if one.state != "deleted"]
    for page in range(1, count_pages(len(live)) + 1):
        view = view_models(summaries, page)
        yield listing.page("models", addresses.list_page(page), view)
    for namespace in listing.source.catalog.namespaces():
        own = [one for one in live if one.namespace == namespace]
        for page in range(1, count_pages(len(own)) + 1):
            path = addresses.namespace_page(namespace, page)
            view_of_page = view_namespace(listing.source, namespace, own, page)
            yield listing.page("namespace", path, view_of_page)


def _timelines(listing: _Listing) -> Iterator[Page | SiteFile]:
    source, summaries = listing.source, listing.summaries
    stages = list_timeline_stages(source, summaries)
    for stage in stages:
        name = "" if stage == stages[0] else stage
        for view in view_timeline(source, summaries, stages, stage):
            path = addresses.timeline_page(name, view.page)
            yield listing.page("timeline", path, view, draw_lanes=draw_lanes)
    yield SiteFile("timeline/moves.csv", write_moves_csv(summaries).encode("utf-8", "replace"))
    yield SiteFile("timeline/feed.xml", write_feed(source, summaries))


def _lineages(listing: _Listing) -> Iterator[Page]:
    found = view_lineages(listing.summaries)
    for one in found:
        yield listing.page("lineage", addresses.lineage_page(one.model), one)
    yield listing.page("lineages", "lineage/index.html", view_lineage(listing.summaries, found))
