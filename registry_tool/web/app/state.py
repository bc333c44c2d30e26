"""The pages of the newest commit, made when they are requested."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, NamedTuple

from registry_tool.api.registry import Registry, open_registry
from registry_tool.errors import InvalidNameError
from registry_tool.git.history import FirstParentHistory
from registry_tool.names import ModelName
from registry_tool.web.pages import addresses
from registry_tool.web.pages.environment import load_templates
from registry_tool.web.pages.files import Page
from registry_tool.web.pages.listings import render_listings
from registry_tool.web.pages.render import RenderedModel, render_model
from registry_tool.web.search.columns import write_columns
from registry_tool.web.search.shards import build_index, render_search
from registry_tool.web.views.moves import AliasMoves
from registry_tool.web.views.source import PageSource
from registry_tool.web.views.summary import ModelSummary

__all__ = ["PageFile", "PageState", "find_model_of"]

_MOST_PAGES: Final = 500
_MOST_MODELS: Final = 16


class PageFile(NamedTuple):
    """A file that the app answers with.

    Attributes:
        path: As on the site.
        content: The bytes.
        is_fixed: True where the name contains the digest of the content.
    """

    path: str
    content: bytes
    is_fixed: bool = False


class _ModelFacts(NamedTuple):
    """What pages of several models need of one: its key, its summary, and its rows for the search."""

    key: str
    summary: ModelSummary
    columns: bytes


def find_model_of(path: str) -> ModelName | None:
    """The model whose page a path may be; None for pages of several models, and for other files."""
    match path.split("/"):
        case ["models", namespace, model, _, *_] if model != "-":
            pass
        case _:
            return None
    try:
        name = ModelName.parse(f"{namespace}/{model.removeprefix('-')}")
    except InvalidNameError:
        return None
    is_lineage = path.rpartition(".")[0] == addresses.lineage_page(str(name)).rpartition(".")[0]
    return None if is_lineage else name


class PageState:
    """The pages of a registry at the commit that is the newest when they are requested. Any thread may use it.

    Args:
        source: The repository that is served.
        newest: Gives the full id of the newest commit.
        has_acts: Pages link to forms.
    """

    def __init__(self, source: str, newest: Callable[[], str], *, has_acts: bool) -> None:
        self._repository = source
        self._newest = newest
        self._has_acts = has_acts
        self._lock = threading.RLock()
        self._opened: PageSource | None = None
        self._keys: dict[str, str] = {}
        self._models: OrderedDict[str, RenderedModel] = OrderedDict()
        self._facts: dict[str, _ModelFacts] = {}
        self._pages: OrderedDict[tuple[str, str], Page] = OrderedDict()
        self._listings: dict[str, bytes] = {}

    def close(self) -> None:
        """Close the repository."""
        with self._lock:
            if self._opened is not None:
                self._opened.registry.close()
                self._opened = None

    @contextmanager
    def newest(self) -> Iterator[PageSource]:
        """The newest commit, for this thread alone while it is used."""
        with self._lock:
            yield self._open_newest()

    @contextmanager
    def at(self, commit: str) -> Iterator[Registry]:
        """The registry at a commit.

        Raises:
            NotFoundError: There is no such commit.
        """
        with self._lock:
            source = self._open_newest()
            if commit == source.commit:
                yield source.registry
                return
        with open_registry(self._repository, ref=commit) as registry:
            yield registry

    def _open_newest(self) -> PageSource:
        commit, before = self._newest(), self._opened
        if before is not None and before.commit == commit:
            return before
        registry = open_registry(self._repository, ref=commit)
        source = PageSource(registry, moves=_read_moves(registry, before))
        self._keys = source.model_keys(load_templates().digest)
        self._models.clear()
        self._listings = {}
        self._opened = source
        if before is not None:
            before.registry.close()
        return source

    def find(self, path: str) -> PageFile | None:
        """The file at a path, from the root of the site; None where there is none."""
        templates = load_templates()
        for asset, content in (*templates.assets.values(), *templates.app_assets.values()):
            if asset == path:
                return PageFile(path, content, is_fixed=True)
        with self._lock:
            source, name = self._open_newest(), find_model_of(path)
            if name is None or str(name) not in self._keys:
                return self._find_listing(source, path)
            page = self._find_page(source, name, _html_path(path))
        if page is None:
            return None
        return PageFile(path, dict(page.files())[path]) if path in dict(page.files()) else None

    def _find_listing(self, source: PageSource, path: str) -> PageFile | None:
        if not self._listings:
            facts = {str(name): self._read_facts(source, name) for name in source.model_names()}
            index = build_index({name: one.columns for name, one in facts.items()})
            made = (
                *render_listings(source, [one.summary for one in facts.values()]),
                *render_search(source.name, index),
            )
            self._listings = {path: content for one in made for path, content in one.files()}
        found = self._listings.get(path)
        return None if found is None else PageFile(path, found)

    def _read_facts(self, source: PageSource, name: ModelName) -> _ModelFacts:
        key, known = self._keys[str(name)], self._facts.get(str(name))
        if known is None or known.key != key:
            model = self._model(source, name)
            columns = write_columns(model.reading.row, model.reading.rows)
            known = self._facts[str(name)] = _ModelFacts(key, model.summary, columns)
        return known

    def _model(self, source: PageSource, name: ModelName) -> RenderedModel:
        found = self._models.pop(str(name), None)
        found = found or render_model(source, name, has_acts=self._has_acts)
        self._models[str(name)] = found
        if len(self._models) > _MOST_MODELS:
            self._models.popitem(last=False)
        return found

    def _find_page(self, source: PageSource, name: ModelName, path: str) -> Page | None:
        key = (self._keys[str(name)], path)
        page = self._pages.pop(key, None) or self._model(source, name).find_page(path)
        if page is not None:
            self._pages[key] = page
            if len(self._pages) > _MOST_PAGES:
                self._pages.popitem(last=False)
        return page


def _html_path(path: str) -> str:
    """The page that a path is of: itself, or the page that its JSON is next to."""
    return f"{path.removesuffix('.json')}.html" if path.endswith(".json") else path


def _read_moves(registry: Registry, before: PageSource | None) -> AliasMoves:
    """The moves of aliases; only those after the state before are read, where it is on the same line."""
    if before is not None and not before.moves.missing:
        tip = registry.commit or registry.repository.commit("HEAD")
        if FirstParentHistory(registry.repository.git, tip).holds(before.moves.commit):
            return AliasMoves.read(registry, before.moves)
    return AliasMoves.read(registry)
