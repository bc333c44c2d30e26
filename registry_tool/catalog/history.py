"""The past of one alias, tag, version or model.

What is asked for need not be there any more: a removed alias has a history too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain, islice
from typing import NamedTuple

from registry_tool.catalog.events import AliasEvent, Event, TagEvent
from registry_tool.catalog.index import Catalog
from registry_tool.catalog.past import HistoryEntry, entries_of
from registry_tool.catalog.resolve import find_model, latest, resolve
from registry_tool.errors import NotFound
from registry_tool.git.line import Line
from registry_tool.git.repository import Repository
from registry_tool.names import LATEST, Reference

__all__ = ["history"]


class _Question(NamedTuple):
    """Where to look, and what of that is wanted."""

    paths: tuple[str, ...]
    wanted: Callable[[Event], bool]


def _everything(_event: Event) -> bool:
    return True


def _of_version(catalog: Catalog, asked: Reference, version: str) -> _Question:
    folder = catalog.layout.model(asked.model)

    def wanted(event: Event) -> bool:
        if isinstance(event, AliasEvent | TagEvent):
            return version in (event.version, event.before)
        return True

    names = (f"{folder}/tags", f"{folder}/aliases")
    return _Question((catalog.layout.version(asked.model, version), *names), wanted)


def _question(catalog: Catalog, asked: Reference, *, whole_model: bool) -> _Question:
    layout, name, selector = catalog.layout, asked.model, asked.selector
    if whole_model:
        return _Question((layout.model(name),), _everything)
    if selector == LATEST:
        return _of_version(catalog, asked, latest(find_model(catalog, name)).version)
    alias, tag = layout.alias(name, selector), layout.tag(name, selector)
    model = catalog.model(name)
    if model is not None:
        if model.version(selector) is not None:
            return _of_version(catalog, asked, selector)
        if selector in model.aliases:
            return _Question((alias,), _everything)
        if selector in model.tags:
            return _Question((tag,), _everything)
    # It is gone, or never was: then what it may have been is asked.
    return _Question((alias, tag, layout.version(name, selector)), _everything)


def history(
    repository: Repository, tip: str, reference: str, *, limit: int | None = None
) -> list[HistoryEntry]:
    """What happened to an alias, a tag, a version or a model, newest first.

    Args:
        repository: Where the registry lies.
        tip: The full id of the commit to look back from.
        reference: ``[namespace/]model@alias`` for its moves; with a version its life: added, tagged, states, evidence,
            aliases that came to it and left it; without ``@`` all of the model.
        limit: At most so many, the newest; None for all.

    Raises:
        InvalidName: The text is not a reference.
        NotFound: There never was such a thing.
        ShallowHistory: The answer lies beyond the boundary of a shallow clone.
        GitTrouble: Git cannot read the history.
    """
    asked = Reference.parse(reference)
    catalog = Catalog(repository.tree(tip))
    question = _question(catalog, asked, whole_model="@" not in reference)
    touches = Line(repository.git, tip).touches(*question.paths)
    steps = entries_of(repository, catalog.layout, touches)
    # Within one step the last thing that happened comes first, too.
    newest: Iterator[HistoryEntry] = chain.from_iterable(reversed(step) for step in steps)
    found = list(islice((e for e in newest if question.wanted(e.event)), limit))
    if not found:
        if "@" in reference:
            resolve(catalog, asked, allow_withdrawn=True)  # says which names are near
        else:
            find_model(catalog, asked.model)
        raise NotFound(
            f"nothing is committed about {asked.model}",
            remedy="commit it: git add --all && git commit -m TEXT",
        )
    return found
