"""Indexes over the records of a snapshot: made when they are first asked for, then moved along by differences.

An equality index gives the ids of the records with a value; an order gives ids by the last commit that touched certain
files. Both hold listed records only, and packed numbers instead of objects, so that copying one for a successor is one
copy of memory.
"""

from __future__ import annotations

import threading
from array import array
from bisect import bisect_left, insort
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from registry_tool.live.layers import Layers
from registry_tool.live.records import ModelRecord, Record, VersionRecord

__all__ = ["MOST_IDS", "Indexes", "RecordChange", "pack", "record_kind", "unpack"]

_KEPT: Final = 64
_NONE: Final = array("q")
_ID_BITS: Final = 31
# The largest id and the largest position.
MOST_IDS: Final = (1 << _ID_BITS) - 1

# Of a tuple each part is a value.
Value = Callable[[Record], Hashable]
SortKey = str


class RecordChange(NamedTuple):
    """A record before and after a step; None where there is none."""

    old: Record | None
    new: Record | None


def record_kind(record: Record) -> str:
    """``model``, ``version``, or ``api/kind`` of an object."""
    if isinstance(record, VersionRecord):
        return "version"
    return "model" if isinstance(record, ModelRecord) else f"{record.api}/{record.kind}"


def pack(position: int, number: int) -> int:
    """A position and an id as one number that orders by both."""
    return position << _ID_BITS | number


def unpack(packed: int) -> tuple[int, int]:
    """The position and the id."""
    return packed >> _ID_BITS, packed & MOST_IDS


def _listed(record: Record | None) -> Record | None:
    return record if record is not None and record.is_listed else None


class _Equal(NamedTuple):
    kind: str
    value: Value
    ids: Layers[Hashable, array[int]]

    def values(self, record: Record | None) -> frozenset[Hashable]:
        """The values of a record, if it is listed."""
        if record is None or not record.is_listed:
            return frozenset()
        found = self.value(record)
        if isinstance(found, tuple):
            return frozenset(found)
        return frozenset() if found is None else frozenset([found])


class _Sorted(NamedTuple):
    kind: str
    value: Callable[[Record], SortKey]
    entries: list[tuple[SortKey, int]]


def _posted(index: _Equal, changes: Iterable[RecordChange]) -> _Equal:
    puts: dict[Hashable, array[int]] = {}

    def own(value: Hashable) -> array[int]:
        if value not in puts:
            puts[value] = index.ids.get(value, _NONE)[:]
        return puts[value]

    for change in changes:
        before, after = index.values(change.old), index.values(change.new)
        number = 0 if change.old is None else change.old.id
        for value in before - after:
            ids = own(value)
            del ids[bisect_left(ids, number)]
        number = 0 if change.new is None else change.new.id
        for value in after - before:
            insort(own(value), number)
    gone = [value for value, ids in puts.items() if not ids]
    for value in gone:
        del puts[value]
    return index._replace(ids=index.ids.after(puts, gone))


def _resorted(index: _Sorted, changes: Iterable[RecordChange]) -> _Sorted:
    found = index.entries[:]
    for change in changes:
        old, new = _listed(change.old), _listed(change.new)
        before = None if old is None else (index.value(old), old.id)
        after = None if new is None else (index.value(new), new.id)
        if before == after:
            continue
        if before is not None:
            del found[bisect_left(found, before)]
        if after is not None:
            insort(found, after)
    return index._replace(entries=found)


def _reordered(
    order: array[int], touched: Sequence[str], changes: Iterable[RecordChange]
) -> array[int]:
    found = order[:]
    for change in changes:
        old, new = _listed(change.old), _listed(change.new)
        before = None if old is None else pack(old.touched.last(*touched), old.id)
        after = None if new is None else pack(new.touched.last(*touched), new.id)
        if before == after:
            continue
        if before is not None:
            del found[bisect_left(found, before)]
        if after is not None:
            insort(found, after)
    return found


class Indexes:
    """The indexes of one snapshot; safe for threads.

    Args:
        ids: For each kind of record the ids of all there are, ascending.
        records: All records by id.
    """

    def __init__(self, ids: Mapping[str, array[int]], records: Layers[int, Record]) -> None:
        self.ids = ids
        self._records = records
        self._equal: dict[tuple[str, Hashable], _Equal] = {}
        self._orders: dict[tuple[str, tuple[str, ...]], array[int]] = {}
        self._sorted: dict[tuple[str, Hashable], _Sorted] = {}
        self._lock = threading.Lock()

    def all_ids(self, kind: str) -> array[int]:
        """The ids of all records of a kind, ascending, hidden ones included."""
        return self.ids.get(kind, _NONE)

    def find(self, kind: str, name: Hashable, value: Value, wanted: Hashable) -> array[int]:
        """The ids of the listed records of a kind that have a value, ascending.

        Args:
            kind: See ``record_kind``.
            name: What the index is called; of one name there is one function.
            value: The value of a record, from the record alone; None for none, a tuple for several.
            wanted: The value that is looked for.
        """
        index = self._equal.get((kind, name)) or self._build(kind, name, value)
        return index.ids.get(wanted, _NONE)

    def _build(self, kind: str, name: Hashable, value: Value) -> _Equal:
        with self._lock:
            index = self._equal.get((kind, name))
            if index is None:
                found: dict[Hashable, array[int]] = {}
                index = _Equal(kind, value, Layers(found))
                for record in self._all(kind):
                    for key in index.values(record):
                        found.setdefault(key, array("q")).append(record.id)
                index = _Equal(kind, value, Layers(found))
                kept = dict(list(self._equal.items())[1 - _KEPT :])
                self._equal = {**kept, (kind, name): index}
        return index

    def _all(self, kind: str) -> Iterable[Record]:
        for number in self.all_ids(kind):
            record = self._records[number]
            if record.is_listed:
                yield record

    def by_change(self, kind: str, touched: tuple[str, ...]) -> array[int]:
        """The listed records of a kind by the last commit that touched certain files, then by id; see ``unpack``.

        Args:
            kind: See ``record_kind``.
            touched: Names of attributes of ``Touched``.
        """
        order = self._orders.get((kind, touched))
        if order is None:
            with self._lock:
                packed = (pack(r.touched.last(*touched), r.id) for r in self._all(kind))
                order = array("q", sorted(packed))
                self._orders = {**self._orders, (kind, touched): order}
        return order

    def by_value(
        self, kind: str, name: Hashable, value: Callable[[Record], SortKey]
    ) -> list[tuple[SortKey, int]]:
        """The listed records of a kind by a text and then by id; for kinds with some thousands of records, as models.

        Args:
            kind: See ``record_kind``.
            name: What the order is called; of one name there is one function.
            value: The text of a record, from the record alone.
        """
        index = self._sorted.get((kind, name))
        if index is None:
            with self._lock:
                entries = sorted((value(record), record.id) for record in self._all(kind))
                index = _Sorted(kind, value, entries)
                kept = dict(list(self._sorted.items())[1 - _KEPT :])
                self._sorted = {**kept, (kind, name): index}
        return index.entries

    def after(
        self,
        ids: Mapping[str, array[int]],
        records: Layers[int, Record],
        changes: Sequence[RecordChange],
    ) -> Indexes:
        """The indexes of the next snapshot.

        Args:
            ids: As for the constructor.
            records: Likewise.
            changes: The records that differ, each once.
        """
        found = Indexes(ids, records)
        kinds: dict[str, list[RecordChange]] = {}
        for change in changes:
            record = change.new or change.old
            if record is not None and record.id:
                kinds.setdefault(record_kind(record), []).append(change)
        found._equal = {
            key: _posted(index, kinds[index.kind]) if index.kind in kinds else index
            for key, index in self._equal.items()
        }
        found._sorted = {
            key: _resorted(index, kinds[index.kind]) if index.kind in kinds else index
            for key, index in self._sorted.items()
        }
        found._orders = {
            key: _reordered(order, key[1], kinds[key[0]]) if key[0] in kinds else order
            for key, order in self._orders.items()
        }
        return found
