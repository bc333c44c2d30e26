"""``build_site``: the pages of one commit as a folder for any web server.

Only what a commit changed is built: pages of a model depend on its key (``PageSource.model_keys``), and pages that list
models are made of summaries that the last build left in the site. The result is the same, byte by byte, as that of a build
from nothing.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from registry_tool.artifacts.progress import SILENT, Progress, show_progress
from registry_tool.errors import UsageError
from registry_tool.git.history import FirstParentHistory
from registry_tool.web.pages.environment import load_templates
from registry_tool.web.pages.listings import render_listings
from registry_tool.web.pages.render import Selection, render_assets
from registry_tool.web.search.shards import build_index, render_search
from registry_tool.web.site.folder import NextSite, SiteFolder, open_site_folder
from registry_tool.web.site.models import ModelsJob, build_models
from registry_tool.web.site.state import FACTS, STATE, BuiltModel, SiteFacts, SiteState
from registry_tool.web.views.moves import AliasMoves
from registry_tool.web.views.source import PageSource

if TYPE_CHECKING:
    from registry_tool.api.registry import Registry

__all__ = ["MOST_CHECKED_VERSIONS", "MOST_PAGED_VERSIONS", "BuiltSite", "Selection", "build_site"]

MOST_PAGED_VERSIONS: Final = 20_000
"""With more versions than this, only named versions and the newest have their own page."""
MOST_CHECKED_VERSIONS: Final = 20_000
"""With more versions than this, the page of the registry's health has no findings of a check."""
_PACKAGE: Final = Path(__file__).parents[2]
# What pages are computed by, below the package.
_PROGRAM: Final = ("api", "catalog", "manifests", "promotion", "signing", "web")
# () is the registry itself.
_RESERVED: Final = {(), ("models",), ("schemas",), ("objects",), (".git",), (".dvc",), (".github",)}
_BASE_URL: Final = re.compile(r"(?:https?://[A-Za-z0-9.:\[\]-]+)?(?:/[A-Za-z0-9._~%-]+)*/?")


@dataclass(frozen=True)
class BuiltSite:
    """A site that was built.

    Attributes:
        folder: Where it is, without links.
        facts: What it is of.
        rendered: How many models were rendered; the others had not changed.
        unreadable: The models with a record that cannot be read; their pages say so.
        carried: Files in the folder that are not of the site, and were kept.
        missing_history: Why earlier moves of aliases are missing; empty where none are.
    """

    folder: Path
    facts: SiteFacts
    rendered: int
    unreadable: tuple[str, ...]
    carried: tuple[str, ...]
    missing_history: str


@cache
def _digest_program() -> str:
    """A digest of what pages are made by: the content, so that it is the same on every machine."""
    whole = hashlib.sha256(load_templates().digest.encode())
    for part in _PROGRAM:
        for place in sorted((_PACKAGE / part).rglob("*.py")):
            whole.update(place.relative_to(_PACKAGE).as_posix().encode() + b"\0")
            whole.update(hashlib.sha256(place.read_bytes()).digest())
    return whole.hexdigest()


def _check_base_url(text: str) -> str:
    """The address of a site, with a slash at its end.

    Raises:
        UsageError: It is none.
    """
    if not text:
        return ""
    if not _BASE_URL.fullmatch(text):
        raise UsageError(
            f"{text[:120]!a} is not the address of a site",
            remedy="use a path such as /models/, or an address such as https://example.org/models/",
        )
    return text if text.endswith("/") else f"{text}/"


def _read_moves(registry: Registry, commit: str, known: SiteState | None) -> AliasMoves:
    """The moves of aliases; only those after the last build are read, where its commit is on the same line."""
    earlier = None if known is None else known.moves
    if earlier is not None and not earlier.missing:
        line = FirstParentHistory(registry.repository.git, commit)
        if line.holds(earlier.commit):
            return AliasMoves.read(registry, earlier)
    return AliasMoves.read(registry)


def _check_outside(registry: Registry, target: Path) -> None:
    """Refuse a folder among the files of a registry.

    Raises:
        UsageError: It is one.
    """
    root = registry.work_tree
    if root is None:
        return
    place, top = Path(os.path.realpath(target)), Path(os.path.realpath(root))
    inside = place.relative_to(top).parts[:1] if place.is_relative_to(top) else None
    if inside is not None and inside[:1] in _RESERVED:
        raise UsageError(
            f"{target} is among the files of the registry", remedy="name a folder outside of it"
        )


def _count_versions(
    source: PageSource, known: Mapping[str, BuiltModel], keys: Mapping[str, str]
) -> int:
    count = 0
    for name in source.model_names():
        built = known.get(str(name))
        if built is not None and built.key.startswith(keys[str(name)]):
            count += built.summary.version_count
        else:
            count += len(
                source.catalog.tree.folder(f"{source.catalog.layout.model(name)}/versions")
            )
    return count


def _choose_pages(count: int) -> Selection:
    return "all" if count <= MOST_PAGED_VERSIONS else "named"


def _check_registry(folder: SiteFolder, name: str) -> None:
    """Refuse to replace the site of another registry.

    Raises:
        UsageError: It is one.
    """
    if folder.facts is not None and folder.facts.registry != name:
        raise UsageError(
            f"{folder.place} has the site of another registry, {folder.facts.registry}",
            remedy="name another folder, or delete this one",
        )


def _list_files(
    source: PageSource, built: Mapping[str, BuiltModel], selection: Selection
) -> Iterator[tuple[str, bytes]]:
    """The files that are made by every build; with many versions a check would take longer than all of them."""
    for asset in render_assets():
        yield from asset.files()
    models = {name: built[name] for name in map(str, source.model_names())}
    summaries = [one.summary for one in models.values()]
    count = sum(one.version_count for one in summaries)
    report = source.check() if count <= MOST_CHECKED_VERSIONS else None
    for page in render_listings(source, summaries, selection=selection, report=report):
        yield from page.files()
    index = build_index({name: one.columns.encode() for name, one in models.items()})
    for file in render_search(source.name, index):
        yield from file.files()


class _Written(NamedTuple):
    """What a build wrote; ``rendered`` counts the models whose pages were made."""

    facts: SiteFacts
    state: SiteState
    rendered: int


class _SiteBuild:
    """One build: which models have changed, and the files of the next site."""

    def __init__(self, source: PageSource, folder: SiteFolder, pages: Selection | None) -> None:
        self._source = source
        self._folder = folder
        keys = source.model_keys(_digest_program())
        known = {} if folder.known is None else folder.known.models
        self.pages: Selection = pages or _choose_pages(_count_versions(source, known, keys))
        self.keys = {name: f"{key}-{self.pages}" for name, key in keys.items()}

    def write(self, made: NextSite, workers: int | None, progress: Progress) -> _Written:
        """Write the next site."""
        kept = made.keep_models(self.keys)
        todo = {name: key for name, key in self.keys.items() if name not in kept}
        job = ModelsJob(self._source, self.pages, todo, made.work, made.root)
        shown = progress if todo else SILENT
        with show_progress(shown, len(todo), "models"):
            fresh = build_models(job, workers, shown.advance)
        built = {name: fresh.get(name) or kept[name] for name in self.keys}
        files = made.put_others(_list_files(self._source, built, self.pages))
        facts = self._read_facts(built, files)
        state = SiteState(built, files, self._source.moves)
        (made.root / STATE).write_bytes(state.write())
        (made.root / FACTS).write_bytes(facts.write())
        return _Written(facts, state, len(todo))

    def _read_facts(self, built: Mapping[str, BuiltModel], files: Sequence[str]) -> SiteFacts:
        source = self._source
        pages = sum(one.page_count for one in built.values())
        pages += sum(path.endswith(".html") for path in files)
        versions = sum(one.summary.version_count for one in built.values())
        return SiteFacts(
            source.name, source.commit, source.moment, source.base_url, self.pages, len(built),
            versions, pages,
        )  # fmt: skip


def build_site(
    registry: Registry,
    target: Path,
    *,
    base_url: str = "",
    pages: Selection | None = None,
    workers: int | None = 1,
    progress: Progress = SILENT,
) -> BuiltSite:
    """Build the catalog site of a registry at one commit, or bring one up to date.

    A reader of the folder sees the whole site before or after. What others put into it stays.

    Args:
        registry: The registry; of a work tree, the site is of its ``HEAD``.
        target: The folder: a new one, an empty one, or a site of this registry.
        base_url: Where the site will be, such as ``https://example.org/models/``; feeds need it, pages do not.
        pages: Which versions get a page of their own: ``all``, or ``named`` ones and the newest of each model; None
            for all up to 20,000 versions.
        workers: The number of processes, this one included; None for as many as ``REGISTRY_WORKERS``,
            ``registry.workers`` or the usable processors.
        progress: Told about models.

    Raises:
        UsageError: The folder has other files, or the address is none.
        ConflictError: Another process builds into the folder.
        MissingPackageError: The extra ``site`` is not installed.
        OperationalError: The folder cannot be written; a site that was in it is unchanged.
    """
    address = _check_base_url(base_url)
    _check_outside(registry, target)
    with open_site_folder(target) as folder:
        commit = registry.commit or registry.repository.commit("HEAD")
        moves = _read_moves(registry, commit, folder.known)
        source = PageSource(registry, base_url=address, moves=moves)
        _check_registry(folder, source.name)
        build = _SiteBuild(source, folder, pages)
        with folder.begin() as made:
            written = build.write(made, workers, progress)
            carried = made.carry(written.state.own_names())
            folder.publish(made)
    models = written.state.models
    unreadable = tuple(name for name, one in models.items() if not one.is_readable)
    return BuiltSite(
        folder.place, written.facts, written.rendered, unreadable, carried, moves.missing
    )
