"""The history of an alias, a tag, a version or a model, and the audit of all aliases.

An event has its commit, its time, its author and its publisher. A removed alias has a history too. Manifests are read by object
id, in batches where a partial clone left them on its remote; the newest commits come first, in growing batches, so that a query for
the last move does not read years of history.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain, islice
from typing import Final, NamedTuple

from registry_tool.catalog.catalog import Catalog
from registry_tool.catalog.diff import Pair, has_data, list_events
from registry_tool.catalog.events import AliasEvent, Event, StatusEvent, TagEvent
from registry_tool.catalog.resolve import find_model, latest, resolve
from registry_tool.errors import NotFoundError, ShallowHistoryError
from registry_tool.git.history import FirstParentHistory, Touch
from registry_tool.git.log import HistoryStep, find_makers
from registry_tool.git.objects.reader import BlobReader, fetch_objects
from registry_tool.git.repository import Repository
from registry_tool.git.shallow import too_shallow
from registry_tool.git.tree import Entry
from registry_tool.manifests.data import Data
from registry_tool.manifests.document import READ_LIMIT, parse_document
from registry_tool.manifests.layout import MODELS, Layout, Place
from registry_tool.names import LATEST, ModelName, Reference

__all__ = [
    "HistoryEntry",
    "Holding",
    "alias_moves",
    "history",
    "holdings",
    "list_entries",
    "moment",
    "newest_entries",
]

_FIRST_BATCH: Final = 8
_LARGEST_BATCH: Final = 512
_KEPT: Final = 4096  # what one step leaves is what the next one found
_LAST: Final = dt.datetime(9999, 12, 31, 23, 59, 59, tzinfo=dt.UTC)
_NOTHING: Final[Data] = {}
_Read = Callable[[str, Place, str], Data]


@dataclass(frozen=True)
class HistoryEntry:
    """One thing that happened, as the history tells it.

    Attributes:
        event: What happened.
        commit: The commit on the first-parent line that published it.
        parent: The commit before it on the line; empty for the first commit.
        when: The committer's time of that commit, UTC. It is told, not used: the order is the line's.
        by: Who made the change, as ``Name <email>``: where the commit is a merge, the author of the last commit of the
            merged branch that touched the file. Empty where no one commit did it.
        merged_by: Who published it, likewise: the author of the merge, else the committer.
        subject: The first paragraph of the commit's message, as one line.
    """

    event: Event
    commit: str
    parent: str
    when: dt.datetime
    by: str
    merged_by: str
    subject: str

    @property
    def alias(self) -> str:
        """The alias that was moved; empty where it was something else that happened."""
        return self.event.alias if isinstance(self.event, AliasEvent) else ""

    @property
    def version(self) -> str | None:
        """The version an alias or a tag names since, or the one it happened to; None where the name was removed."""
        return getattr(self.event, "version", None)

    @property
    def before(self) -> str | None:
        """The version an alias or a tag named before, or the state a version was in; None where there was none."""
        if isinstance(self.event, AliasEvent | TagEvent | StatusEvent):
            return self.event.before
        return None

    @property
    def pinned(self) -> bool:
        """True where an alias was pinned: an automatic promotion leaves it."""
        return isinstance(self.event, AliasEvent) and self.event.pinned

    @property
    def reason(self) -> str:
        """Why, as the file says; empty where it does not."""
        return str(getattr(self.event, "reason", ""))


def moment(seconds: int) -> dt.datetime:
    """A commit's time; one that no calendar holds is the last there is."""
    try:
        return dt.datetime.fromtimestamp(seconds, tz=dt.UTC)
    except (OverflowError, ValueError, OSError):
        return _LAST


def _batches(touches: Iterable[Touch]) -> Iterator[list[list[Touch]]]:
    """Touches by step, and steps by batches; what was read before the history ends too early is not lost."""
    batch: list[list[Touch]] = []
    size = _FIRST_BATCH
    try:
        for touch in touches:
            if not batch or batch[-1][-1].step.commit != touch.step.commit:
                if len(batch) == size:
                    yield batch
                    batch, size = [], min(2 * size, _LARGEST_BATCH)
                batch.append([])
            batch[-1].append(touch)
    except ShallowHistoryError:
        if batch:
            yield batch
        raise
    if batch:
        yield batch


def _reading(reader: BlobReader) -> _Read:
    @lru_cache(maxsize=_KEPT)
    def read(path: str, place: Place, oid: str) -> Data:
        found = reader.read(oid, limit=READ_LIMIT)
        data = None if found is None else parse_document(path, place, found[2]).data
        return _NOTHING if data is None else data

    return read


def _pair(touch: Touch, layout: Layout, read: _Read) -> Pair:
    place = layout.locate(touch.path)

    def side(entry: Entry | None) -> Data | None:
        if entry is None:
            return None
        if place is None or not has_data(place, entry):
            return _NOTHING
        return read(touch.path, place, entry.oid)

    return Pair(touch.path, place, side(touch.before), side(touch.after))


def _bring(repository: Repository, layout: Layout, touches: Iterable[Touch]) -> None:
    wanted = [
        entry.oid
        for touch in touches
        for entry in (touch.before, touch.after)
        if entry is not None and has_data(layout.locate(touch.path), entry)
    ]
    fetch_objects(repository.git, wanted)


def _entry(event: Event, step: HistoryStep, by: str) -> HistoryEntry:
    merge = len(step.parents) > 1
    return HistoryEntry(
        event=event,
        commit=step.commit,
        parent=step.parents[0] if step.parents else "",
        when=moment(step.when),
        by=by,
        merged_by=step.author if merge else step.committer,
        subject=step.subject,
    )


def list_entries(
    repository: Repository, layout: Layout, touches: Iterable[Touch]
) -> Iterator[list[HistoryEntry]]:
    """What each step did, newest first; what one step did in the order of reading.

    Args:
        repository: Where the line lies.
        layout: Of the registry.
        touches: Of one line, newest first.

    Raises:
        ShallowHistoryError: The answer lies beyond the boundary of a shallow clone. What came before it is right.
        OfflineError: A partial clone cannot read a file.
    """
    read = _reading(repository.reader)
    for batch in _batches(touches):
        flat = [touch for group in batch for touch in group]
        if repository.git.flag("remote.origin.promisor"):  # a cached clone becomes one here
            _bring(repository, layout, flat)
        made = find_makers(repository.git, flat)
        for group in batch:
            step = group[0].step
            found = []
            for event in list_events(_pair(touch, layout, read) for touch in group):
                maker = made.get((step.commit, event.path), step)
                if maker is None:
                    raise too_shallow(repository.git, step.commit)
                found.append(_entry(event, step, maker.author))
            yield found


class _Question(NamedTuple):
    """Where to look, and what of that is wanted."""

    paths: tuple[str, ...]
    wanted: Callable[[Event], bool]


def _everything(_event: Event) -> bool:
    return True


def _of_version(catalog: Catalog, asked: Reference, version: str) -> _Question:
    folder = catalog.layout.model(asked.model)

    def is_wanted(event: Event) -> bool:
        if isinstance(event, AliasEvent | TagEvent):
            return version in (event.version, event.before)
        return True

    names = (f"{folder}/tags", f"{folder}/aliases")
    layout = catalog.layout
    homes = (layout.version(asked.model, version), layout.draft(asked.model, version))
    return _Question((*homes, *names), is_wanted)


def _question(catalog: Catalog, asked: Reference, *, whole_model: bool) -> _Question:
    layout, name, selector = catalog.layout, asked.model, asked.selector
    if whole_model:
        return _Question((layout.model(name),), _everything)
    if selector == LATEST:
        return _of_version(catalog, asked, latest(find_model(catalog, name)).version)
    alias, tag = layout.alias(name, selector), layout.tag(name, selector)
    model = catalog.model(name)
    if model is not None:
        if model.version(selector) is not None or model.draft(selector) is not None:
            return _of_version(catalog, asked, selector)
        if selector in model.aliases:
            return _Question((alias,), _everything)
        if selector in model.tags:
            return _Question((tag,), _everything)
    # It is gone, or never was: then what it may have been is asked.
    homes = (layout.version(name, selector), layout.draft(name, selector))
    return _Question((alias, tag, *homes), _everything)


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
        InvalidNameError: The text is not a reference.
        NotFoundError: There never was such a thing.
        ShallowHistoryError: The answer lies beyond the boundary of a shallow clone.
        GitError: Git cannot read the history.
    """
    asked = Reference.parse(reference)
    catalog = Catalog(repository.tree(tip))
    question = _question(catalog, asked, whole_model="@" not in reference)
    touches = FirstParentHistory(repository.git, tip).touches(*question.paths)
    steps = list_entries(repository, catalog.layout, touches)
    # Within one step the last thing that happened comes first, too.
    newest: Iterator[HistoryEntry] = chain.from_iterable(reversed(step) for step in steps)
    found = list(islice((e for e in newest if question.wanted(e.event)), limit))
    if not found:
        if "@" in reference:
            resolve(catalog, asked, allow_withdrawn=True)  # says which names are near
        else:
            find_model(catalog, asked.model)
        raise NotFoundError(
            f"{asked.model} has no commits",
            remedy="commit it: git add --all && git commit -m TEXT",
        )
    return found


class Holding(NamedTuple):
    """One alias naming one version, from one commit to another.

    Attributes:
        model: As ``namespace/name``.
        alias: The alias.
        version: What it named; empty where its file could not be read.
        start: The move that gave the version the name: when, by whom, why, in which commit.
        end: The move or the removal that took it; None while it holds.
    """

    model: str
    alias: str
    version: str
    start: HistoryEntry
    end: HistoryEntry | None


def _touches(line: FirstParentHistory, layout: Layout, model: ModelName | None) -> Iterator[Touch]:
    folder = MODELS if model is None else f"{layout.model(model)}/aliases"
    return _alias_touches(line.touches(folder), layout)


def _alias_touches(touches: Iterable[Touch], layout: Layout) -> Iterator[Touch]:
    for touch in touches:
        if "/aliases/" not in touch.path:  # of most files this is all there is to know
            continue
        place = layout.locate(touch.path)
        if place is not None and place.kind == "alias":
            yield touch


def _all(moves: Iterator[HistoryEntry]) -> Iterator[Holding]:
    """Holdings out of moves, both newest first."""
    ends: dict[str, HistoryEntry] = {}
    for entry in moves:
        event = entry.event
        if not isinstance(event, AliasEvent) or event.version == event.before:
            continue  # a new reason or pin: the holder stays
        if event.version is not None:
            end = ends.get(event.path)
            yield Holding(event.model, event.alias, event.version, entry, end)
        ends[event.path] = entry


def _later(line: FirstParentHistory, commit: str | None) -> frozenset[str]:
    """The commits of a line that came after one of its commits."""
    if commit is None:
        return frozenset()
    return frozenset(step.commit for step in line.steps(since=commit))


def holdings(
    repository: Repository,
    tip: str,
    *,
    model: ModelName | None = None,
    since: str | None = None,
    until: str | None = None,
) -> list[Holding]:
    """Who held which alias, by model and alias, oldest first.

    Args:
        repository: Where the registry lies.
        tip: The full id of the commit to look back from.
        model: Only this model's aliases.
        since: A commit on the line; what ended before it is left out.
        until: A commit on the line; what began after it is left out.

    Raises:
        ShallowHistoryError: The clone is shallow: nobody can say who held what before its boundary.
        GitError: Git cannot read the history.
    """
    line = FirstParentHistory(repository.git, tip)
    layout = Catalog(repository.tree(tip)).layout
    steps = list_entries(repository, layout, _touches(line, layout, model))
    found = _all(entry for step in steps for entry in reversed(step))
    after_since, after_until = _later(line, since), _later(line, until)

    def counts(holding: Holding) -> bool:
        ended = holding.end.commit if holding.end is not None else None
        lasted = since is None or ended is None or ended in after_since
        return lasted and holding.start.commit not in after_until

    kept = [holding for holding in found if counts(holding)]
    kept.reverse()
    # The sort is stable: what came first on the line stays first, whatever the clocks said.
    return sorted(kept, key=lambda holding: (holding.model, holding.alias))


def alias_moves(repository: Repository, tip: str, *, since: str = "") -> Iterator[HistoryEntry]:
    """Every move and removal of an alias of any model, newest first; new reasons and pins are left out.

    Args:
        repository: Where the registry lies.
        tip: The full id of the commit to look back from.
        since: The full id of a commit on the line; it and what came before are left out.

    Raises:
        ShallowHistoryError: The clone is shallow. What came before it is right.
        GitError: Git cannot read the history.
    """
    layout = Catalog(repository.tree(tip)).layout
    line = FirstParentHistory(repository.git, tip)
    touches = _alias_touches(line.touches(MODELS, since=since), layout)
    for step in list_entries(repository, layout, touches):
        for entry in reversed(step):
            event = entry.event
            if isinstance(event, AliasEvent) and event.version != event.before:
                yield entry


def newest_entries(repository: Repository, tip: str) -> Iterator[HistoryEntry]:
    """What happened in the registry, newest first; read as far as it is asked for.

    Raises:
        ShallowHistoryError: The clone is shallow. What came before it is right.
        GitError: Git cannot read the history.
    """
    layout = Catalog(repository.tree(tip)).layout
    touches = FirstParentHistory(repository.git, tip).touches()
    for step in list_entries(repository, layout, touches):
        yield from reversed(step)
