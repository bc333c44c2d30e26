"""The pages of one model: of itself, of its versions, and of fifty versions each. They depend on the model's key alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple

from markupsafe import Markup

from registry_tool.installation import package_of_extra
from registry_tool.names import ModelName
from registry_tool.web.pages import addresses
from registry_tool.web.pages.environment import load_templates
from registry_tool.web.pages.figures import draw_bar, draw_model_figure, draw_series
from registry_tool.web.pages.files import Page, SiteFile
from registry_tool.web.pages.rows import VersionRows
from registry_tool.web.views.model import (
    PAGE_SIZE,
    ModelFigure,
    ModelPageView,
    view_model,
    view_older,
)
from registry_tool.web.views.reading import ModelReading, read_model
from registry_tool.web.views.source import PageSource
from registry_tool.web.views.summary import ModelSummary, summarize_model
from registry_tool.web.views.version import VersionPageView, view_version

__all__ = ["RenderedModel", "Selection", "render_assets", "render_model"]

# Which versions get a page of their own: all of them, or those that have a name and the newest ten.
Selection = Literal["all", "named"]
_NEWEST = 10


class RenderedCard(NamedTuple):
    """A card.

    Attributes:
        html: Safe as it is.
        note: Why it is not laid out, or not whole; empty for a card that is both.
    """

    html: Markup
    note: str


class RenderedModel:
    """The pages of one model, made as they are taken, and its summary.

    Args:
        source: The commit.
        name: The model.
        selection: Which versions get a page of their own.
        has_acts: The pages link to the forms of the web app.

    Attributes:
        reading: The model as it was read.
        own_pages: The versions that have a page of their own.
        summary: What pages that list models need of it.
    """

    def __init__(
        self,
        source: PageSource,
        name: ModelName,
        selection: Selection = "all",
        *,
        has_acts: bool = False,
    ) -> None:
        self._source = source
        self._has_acts = has_acts
        self.reading = read_model(source, name)
        self.own_pages = _select(self.reading, selection)
        self._view = view_model(self.reading, self.own_pages)
        self.summary: ModelSummary = summarize_model(self.reading, self._view)
        self._templates = load_templates()

    @property
    def is_readable(self) -> bool:
        """False where the record of the model or of one of its versions cannot be read."""
        return not any(one.kind == "unreadable" for one in self.summary.concerns)

    def find_page(self, path: str) -> Page | None:
        """The page at a path; None where there is none."""
        if path == addresses.model_page(self._view.model):
            return self._model_page()
        for version in (*self.own_pages, *self.reading.model.drafts):
            if path == addresses.version_page(self._view.model, version):
                return self._version_page(view_version(self.reading, version))
        for number in range(1, -(-len(self.reading.rows) // PAGE_SIZE) + 1):
            if path == addresses.older_page(self._view.model, number):
                return self._older_page(number)
        return None

    def pages(self) -> Iterator[Page]:
        """The pages: of the model, of its versions and drafts, and of fifty versions each."""
        yield self._model_page()
        for version in (*self.own_pages, *self.reading.model.drafts):
            yield self._version_page(view_version(self.reading, version))
        if len(self.reading.rows) > len(self._view.versions) or self.own_pages != set(
            self.reading.by_version
        ):
            for number in range(1, -(-len(self.reading.rows) // PAGE_SIZE) + 1):
                yield self._older_page(number)

    def _common(self) -> dict[str, object]:
        namespace = self.reading.name.namespace
        stages, main = list(self._source.stages(namespace)), self._source.main_stage(namespace)
        return {
            "site": self._source.name,
            "stages": stages,
            "main_stage": main,
            "version_rows": VersionRows(stages, main),
            "version_target": self._find_page,
            "has_acts": self._has_acts,
        }

    def _find_page(self, version: str) -> str:
        """The page that shows a version: its own, else that of fifty; empty where the model has no such version."""
        place = self.reading.place.get(version)
        if place is None:
            is_draft = version in self.reading.model.drafts
            return addresses.version_page(self._view.model, version) if is_draft else ""
        if version in self.own_pages:
            return addresses.version_page(self._view.model, version)
        return addresses.older_page(self._view.model, place // PAGE_SIZE + 1)

    def _model_page(self) -> Page:
        view: ModelPageView = self._view
        return self._templates.render(
            "model", addresses.model_page(view.model), view, **self._common(),
            card=_render_card(self.reading.card(), f"{view.folder}/CARD.md"), draw_model_figure=draw_model_figure,
            figure_rows=list_figure_rows,
        )  # fmt: skip

    def _version_page(self, view: VersionPageView) -> Page:
        return self._templates.render(
            "version", addresses.version_page(view.model, view.version), view, **self._common(),
            card=_render_card(
                self.reading.card(view.version) if view.has_card else None, f"{view.folder}/CARD.md"
            ),
            draw_series=draw_series, draw_bar=draw_bar, bar_scale=_scale_bars(view),
        )  # fmt: skip

    def _older_page(self, number: int) -> Page:
        view = view_older(self.reading, number, self.own_pages)
        path = addresses.older_page(view.model, number)
        return self._templates.render("versions", path, view, **self._common())


def _select(reading: ModelReading, selection: Selection) -> frozenset[str]:
    """The versions that get a page of their own."""
    if selection == "all":
        return frozenset(reading.by_version)
    named = {row.version for row in reading.rows if row.aliases or row.tags}
    held = {one.version for one in reading.tenures} & set(reading.by_version)
    return frozenset(named | held | {row.version for row in reading.rows[:_NEWEST]})


def _render_card(text: str | None, path: str = "CARD.md") -> RenderedCard | None:
    """A card as safe HTML; None for no card."""
    if text is None or not text.strip():
        return None
    with package_of_extra("the catalog site", "site"):
        from registry_tool.web.pages.cards import render_card

    card = render_card(text, path=path)
    return RenderedCard(Markup(card.html), card.note)  # noqa: S704 - sanitised by nh3


def list_figure_rows(figure: ModelFigure) -> list[tuple[str, str, list[float | None]]]:
    """The versions of a figure, newest first, with the value of each panel."""
    rows: dict[str, tuple[str, list[float | None]]] = {}
    for number, panel in enumerate(figure.panels):
        for point in panel.points:
            empty: list[float | None] = [None] * len(figure.panels)
            rows.setdefault(point.version, (point.at, empty))[1][number] = point.value
    ordered = sorted(rows.items(), key=lambda row: row[1][0], reverse=True)
    return [(version, at, values) for version, (at, values) in ordered]


def _scale_bars(view: VersionPageView) -> float:
    """The share, in percent, that the longest bar stands for; 0 where nothing can be drawn."""
    found = [] if view.comparison is None else [one.share for one in view.comparison.metrics]
    largest = max((abs(share) for share in found if share), default=0.0)
    return next((step for step in _SCALES if largest * 100 <= step), _SCALES[-1]) if largest else 0


_SCALES = (1, 2, 5, 10, 20, 50, 100)


def render_model(
    source: PageSource, name: ModelName, selection: Selection = "all", *, has_acts: bool = False
) -> RenderedModel:
    """Read one model, and make its pages as they are taken; see ``RenderedModel``."""
    return RenderedModel(source, name, selection, has_acts=has_acts)


def render_assets() -> Iterator[SiteFile]:
    """The style sheet and the scripts."""
    return load_templates().render_assets()
