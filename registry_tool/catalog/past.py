"""What the steps of a line did: events, each with its commit, its time, who made it and who published it.

Manifests are read by object id, many at a time where a partial clone left them on its remote. The newest steps come
first, in growing batches, so that a question for the last move does not read the history of years.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from registry_tool.catalog.changes import events_of, has_data
from registry_tool.catalog.events import AliasEvent, Event, StatusEvent, TagEvent
from registry_tool.catalog.pairs import Pair
from registry_tool.errors import ShallowHistory
from registry_tool.git.line import Step, Touch
from registry_tool.git.merged import makers
from registry_tool.git.promised import bring
from registry_tool.git.reader import BlobReader
from registry_tool.git.repository import Repository
from registry_tool.git.shallow import too_shallow
from registry_tool.git.tree import Entry
from registry_tool.manifests.data import Data
from registry_tool.manifests.document import READ_LIMIT, parse_document
from registry_tool.manifests.layout import Layout, Place

__all__ = ["HistoryEntry", "entries_of", "moment"]

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
    except ShallowHistory:
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
    bring(repository.git, wanted)


def _entry(event: Event, step: Step, by: str) -> HistoryEntry:
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


def entries_of(
    repository: Repository, layout: Layout, touches: Iterable[Touch]
) -> Iterator[list[HistoryEntry]]:
    """What each step did, newest first; what one step did in the order of reading.

    Args:
        repository: Where the line lies.
        layout: Of the registry.
        touches: Of one line, newest first.

    Raises:
        ShallowHistory: The answer lies beyond the boundary of a shallow clone. What came before it is right.
        OfflineError: A partial clone cannot read a file.
    """
    read = _reading(repository.reader)
    for batch in _batches(touches):
        flat = [touch for group in batch for touch in group]
        if repository.git.flag("remote.origin.promisor"):  # a cached clone becomes one here
            _bring(repository, layout, flat)
        made = makers(repository.git, flat)
        for group in batch:
            step = group[0].step
            found = []
            for event in events_of(_pair(touch, layout, read) for touch in group):
                maker = made.get((step.commit, event.path), step)
                if maker is None:
                    raise too_shallow(repository.git, step.commit)
                found.append(_entry(event, step, maker.author))
            yield found
