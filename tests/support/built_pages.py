"""Pages of a registry in a folder, without the command that builds a site."""

from __future__ import annotations

import json
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import registry_tool
from registry_tool.manifests.problems import JSON
from registry_tool.web.pages.listings import render_listings
from registry_tool.web.pages.render import Selection, render_assets, render_model
from registry_tool.web.search.columns import write_columns
from registry_tool.web.search.shards import build_index, render_search
from registry_tool.web.views.moves import AliasMoves
from registry_tool.web.views.source import PageSource
from registry_tool.web.views.summary import ModelSummary

__all__ = ["PageReader", "build_pages", "find_broken_links", "list_pages", "read_data"]


def build_pages(
    registry: Path,
    folder: Path,
    *,
    selection: Selection = "all",
    moves: AliasMoves | None = None,
    check: bool = False,
) -> list[ModelSummary]:
    """Write all pages, and the files that go with them; the summaries."""
    opened = registry_tool.open(registry)
    source = PageSource(opened, moves=moves)
    summaries = []
    columns = {}

    def write(files: Iterator[tuple[str, bytes]]) -> None:
        for path, content in files:
            place = folder / path
            place.parent.mkdir(parents=True, exist_ok=True)
            assert not place.exists(), path
            place.write_bytes(content)

    for name in source.model_names():
        rendered = render_model(source, name, selection)
        for page in rendered.pages():
            write(page.files())
        summaries.append(rendered.summary)
        shown = None if selection == "all" else rendered.own_pages
        columns[str(name)] = write_columns(rendered.reading.row, rendered.reading.rows, shown)
    report = source.check() if check else None
    for file in render_listings(source, summaries, selection=selection, report=report):
        write(file.files())
    for searched in render_search(source.name, build_index(columns)):
        write(searched.files())
    for asset in render_assets():
        write(asset.files())
    opened.close()
    return summaries


class PageReader(HTMLParser):
    """What a page links to, and what it must not have.

    Attributes:
        links: The addresses in ``href``, ``src`` and ``action``, in order.
        inline: Inline styles and scripts.
        ids: The ids of elements, in order.
        words: The text.
    """

    def __init__(self, html: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.inline: list[str] = []
        self.ids: list[str] = []
        self.words = ""
        self._open = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._open = tag
        named = dict(attrs)
        self.links += [value for key in ("href", "src", "action") if (value := named.get(key))]
        self.ids += [value for value in [named.get("id")] if value]
        self.inline += [f"{tag} {key}" for key in named if key == "style" or key.startswith("on")]
        if tag == "style" or (tag == "script" and "src" not in named):
            self.inline.append(tag)

    def handle_data(self, data: str) -> None:
        self.words += f"{data} "


def list_pages(folder: Path) -> list[Path]:
    """All pages, by path."""
    return sorted(page for page in folder.rglob("*.html") if page.is_file())


def read_data(page: Path) -> dict[str, JSON]:
    """The JSON next to a page."""
    data: dict[str, JSON] = json.loads(page.with_suffix(".json").read_text(encoding="utf-8"))
    return data


def find_broken_links(folder: Path) -> list[str]:
    """Links of pages within the site that lead nowhere, as ``page: address``."""
    broken = []
    for page in list_pages(folder):
        reader = PageReader(page.read_text(encoding="utf-8"))
        for link in reader.links:
            parts = urlsplit(link)
            if parts.scheme:
                continue
            target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
            if not target.is_relative_to(folder.resolve()) or not target.is_file():
                broken.append(f"{page.relative_to(folder)}: {link}")
            elif parts.fragment and target.suffix == ".html":
                found = PageReader(target.read_text(encoding="utf-8")).ids
                if unquote(parts.fragment) not in found:
                    broken.append(f"{page.relative_to(folder)}: {link}")
    return broken
