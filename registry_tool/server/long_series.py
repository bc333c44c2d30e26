"""Long series of measured values: the points that came first move in batches from the registry to the DVC remote.

A series is a list in the data of an object. Each point that is logged rewrites that object, so it must stay small; and a
manifest has a limit. When the list is long, its points become a file of lines of JSON in the DVC remote, the object names that
file among its ``batches``, and the list goes on from there. Ten batches of about one size become one of ten times that size, so
a series of a million points is a few files. Nothing is dropped: reading gives all batches, then the list.

Moving is a commit of its own after the one that logged, so no client waits for the remote. Where there is no remote, or it
cannot be reached, the points stay where they are.
"""

from __future__ import annotations

import asyncio
import io
import threading
import time
from collections import OrderedDict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

import orjson

from registry_tool.catalog.catalog import Catalog
from registry_tool.edits.changeset import ChangeSet, Edit
from registry_tool.edits.objects import ObjectName, edit_object, find_object
from registry_tool.errors import CorruptObjectError, RegistryError
from registry_tool.manifests.data import Data, member, records, text, whole
from registry_tool.manifests.problems import JSON
from registry_tool.writer.request import WriteRequest

if TYPE_CHECKING:
    from registry_tool.live.records import ObjectRecord
    from registry_tool.server.service import Service
    from registry_tool.writer.request import Person

__all__ = ["LongSeries", "SeriesPlace", "count_points", "has_batches", "measure_points"]

# Points of a list that move. Each costs the next one 0.05 ms, of 4 ms for a point in an empty list; and a file costs a commit.
_FULL: Final = 200
_FULL_BYTES: Final = 32 << 10  # of a list with few large points
_FAN: Final = 10  # batches of about one size that become one
_SMALL: Final = 1 << 10  # bytes of a batch of the lowest level
_LARGEST: Final = 32 << 20  # bytes of a file that is read
_MOST_KEPT: Final = 400_000  # points of batches that are kept in memory
_PAUSE: Final = 60.0  # seconds without attempts after the remote failed


class SeriesPlace(NamedTuple):
    """Where a series is.

    Attributes:
        name: The object.
        points: The field of its data with the list.
        batches: The field that names the files.
    """

    name: ObjectName
    points: str = "points"
    batches: str = "batches"


def _list(data: Data, field: str) -> list[JSON]:
    found = data.get(field)
    return found if isinstance(found, list) else []


def has_batches(data: Data, field: str = "batches") -> bool:
    """True for a series some points of which are in files."""
    return bool(data.get(field))


def count_points(data: Data, place: SeriesPlace) -> int:
    """How many points a series has, without reading files."""
    moved = sum(whole(batch, "points") for batch in records(data, place.batches))
    return moved + len(_list(data, place.points))


def measure_points(points: Sequence[JSON]) -> int:
    """The bytes of points as JSON, which are about those in a manifest."""
    return len(orjson.dumps(points))


def _level(batch: Data) -> int:
    level, size = 0, whole(batch, "size") // _SMALL
    while size >= _FAN:
        level, size = level + 1, size // _FAN
    return level


def _find_equals(batches: Sequence[Data]) -> bool:
    """True where the last ten batches are to become one."""
    last = batches[-_FAN:]
    is_small = sum(whole(one, "size") for one in last) <= _LARGEST // 2
    return len(last) == _FAN and is_small and len({_level(one) for one in last}) == 1


class LongSeries:
    """The long series of one protocol; for the thread of the event loop, but for ``read``.

    Args:
        service: The registry.
        api: The protocol.
    """

    def __init__(self, service: Service, api: str) -> None:
        self._service = service
        self._api = api
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, list[JSON]] = OrderedDict()
        self._moving: dict[SeriesPlace, asyncio.Task[None]] = {}
        self._failed_at = 0.0
        self._is_stopping = False
        service.on_stopping(self._stop)

    def _stop(self) -> None:
        """What is being moved is moved after the next start."""
        self._is_stopping = True
        for task in self._moving.values():
            task.cancel()

    # --- reading

    def read(self, data: Data, place: SeriesPlace) -> list[JSON]:
        """All points of a series in the order in which they were logged; reads files, perhaps from the remote.

        Raises:
            RemoteError: The remote cannot be used.
            CorruptObjectError: A file is not what the registry says.
        """
        found: list[JSON] = []
        for batch in records(data, place.batches):
            found += self._read_batch(batch)
        return found + _list(data, place.points)

    def _read_batch(self, batch: Data) -> list[JSON]:
        md5, size = text(batch, "md5"), whole(batch, "size")
        with self._lock:
            known = self._kept.get(md5)
        if known is not None:
            return known
        if size > _LARGEST:
            raise CorruptObjectError(
                f"a batch of points has {size} bytes; at most {_LARGEST} are read"
            )
        entry = {"name": "points", "path": "points.jsonl", **batch}
        content = self._service.registry.store.fetch(entry).read_bytes()
        try:
            found: list[JSON] = [orjson.loads(line) for line in content.splitlines()]
        except orjson.JSONDecodeError as exc:
            raise CorruptObjectError(
                f"the batch of points {md5} is not lines of JSON: {exc}"
            ) from exc
        with self._lock:
            self._kept[md5] = found
            while len(self._kept) > 1 and sum(map(len, self._kept.values())) > _MOST_KEPT:
                self._kept.popitem(last=False)
        return found

    # --- moving

    def note(self, place: SeriesPlace, author: Person) -> None:
        """Move the points of a series to the remote if they are many; returns at once.

        Args:
            place: The series, which got points.
            author: Who logged them.
        """
        is_paused = time.monotonic() - self._failed_at < _PAUSE and self._failed_at > 0
        if self._is_stopping or is_paused or place in self._moving:
            return
        if self._find_full(place, author) is None:
            return
        task = asyncio.get_running_loop().create_task(self._move_on(place, author))
        self._moving[place] = task
        task.add_done_callback(lambda _: self._moving.pop(place, None))

    def _find_full(self, place: SeriesPlace, author: Person) -> ObjectRecord | None:
        """The object of a series, if its points are to be moved."""
        name = place.name
        snapshot = self._service.view_by(author).snapshot
        found = snapshot.object(name.api, name.kind, name.slug)
        if found is None or not found.is_listed:
            return None
        points = _list(found.data, place.points)
        is_full = len(points) >= _FULL or (len(points) > 1 and measure_points(points) > _FULL_BYTES)
        return found if is_full else None

    async def _move_on(self, place: SeriesPlace, author: Person) -> None:
        """Move points until they are few."""
        try:
            while (found := self._find_full(place, author)) is not None:
                if not await self._move(found, place, author):
                    return
        except RegistryError as exc:
            # The points stay in the registry, and are moved with a later one.
            self._failed_at = time.monotonic()
            self._service.options.notify(f"the points of {place.name} stay in the registry: {exc}")

    async def _move(self, found: ObjectRecord, place: SeriesPlace, author: Person) -> bool:
        taken = _list(found.data, place.points)
        before = records(found.data, place.batches)
        after = await asyncio.to_thread(self._store_batches, before, taken)
        number = sum(whole(batch, "points") for batch in after)
        written = await self._service.write(
            WriteRequest(
                _replace_points(place, taken, before, after),
                author,
                api=self._api,
                message=f"Move {len(taken)} points to the DVC remote, {number} in all",
            )
        )
        return written.commit is not None

    def _store_batches(self, before: Sequence[Data], taken: Sequence[JSON]) -> list[Data]:
        """The batches of a series with one more; many small ones are one."""
        batches: list[Data] = [*before, self._store(taken)]
        while _find_equals(batches):
            points = [point for batch in batches[-_FAN:] for point in self._read_batch(batch)]
            batches[-_FAN:] = [self._store(points)]
        return batches

    def _store(self, points: Sequence[JSON]) -> Data:
        content = b"".join(
            orjson.dumps(point, option=orjson.OPT_APPEND_NEWLINE) for point in points
        )
        digest = self._service.registry.store.store_file(io.BytesIO(content))
        return {
            "md5": digest.md5,
            "sha256": digest.sha256,
            "size": digest.size,
            "points": len(points),
        }


def _replace_points(
    place: SeriesPlace, taken: Sequence[JSON], before: Sequence[Data], after: Sequence[Data]
) -> Edit:
    """Replace the first points of a series by files with them; nothing where the series has changed otherwise."""

    def edit(catalog: Catalog) -> ChangeSet:
        found = find_object(catalog, place.name)
        data = member(None if found is None else found.data, "data")
        points = _list(data, place.points)
        is_same = records(data, place.batches) == [*before] and points[: len(taken)] == [*taken]
        if not is_same:
            return ChangeSet(f"the points of {place.name} have changed")
        batches: list[JSON] = [dict(batch) for batch in after]
        new: dict[str, JSON] = {**data, place.points: points[len(taken) :], place.batches: batches}
        return edit_object(place.name, data=new)(catalog)

    return edit
