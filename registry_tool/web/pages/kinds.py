"""The kinds of pages: for each its template and its view. A new page is a row here."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from registry_tool.web.views.about import AboutView, CompareView
from registry_tool.web.views.graph import LineageView, ModelLineageView
from registry_tool.web.views.health import HealthView
from registry_tool.web.views.home import HomeView
from registry_tool.web.views.model import ModelPageView, OlderVersionsView
from registry_tool.web.views.search import SearchPageView
from registry_tool.web.views.tables import ModelsView, NamespaceView
from registry_tool.web.views.timeline import TimelineView
from registry_tool.web.views.version import VersionPageView

__all__ = ["PAGE_KINDS", "PageKind"]


class PageKind(NamedTuple):
    """A kind of page.

    Attributes:
        template: Its file in ``templates/web/``.
        view: The class of its values, which are also the JSON next to it.
    """

    template: str
    view: type


PAGE_KINDS: Final[Mapping[str, PageKind]] = MappingProxyType(
    {
        "home": PageKind("home.html", HomeView),
        "models": PageKind("models.html", ModelsView),
        "namespace": PageKind("namespace.html", NamespaceView),
        "model": PageKind("model.html", ModelPageView),
        "versions": PageKind("versions.html", OlderVersionsView),
        "version": PageKind("version.html", VersionPageView),
        "timeline": PageKind("timeline.html", TimelineView),
        "compare": PageKind("compare.html", CompareView),
        "lineage": PageKind("lineage.html", ModelLineageView),
        "lineages": PageKind("lineages.html", LineageView),
        "search": PageKind("search.html", SearchPageView),
        "health": PageKind("health.html", HealthView),
        "about": PageKind("about.html", AboutView),
    }
)
"""By name; the schema of the data is ``schemas/pages/<name>/v1.schema.json``."""
