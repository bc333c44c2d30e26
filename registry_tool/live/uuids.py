"""Records by UUID: made when first asked for, then extended by what is new.

A UUID follows from the commit that added an object, so it is no value of a record alone and cannot be in ``Indexes``.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator

from registry_tool.live.ids import BRANCH_START
from registry_tool.live.records import Record
from registry_tool.live.snapshot import Snapshot

__all__ = ["UuidIndex"]


class UuidIndex:
    """The UUIDs of one line of snapshots; safe for threads."""

    def __init__(self) -> None:
        self._ids: dict[str, int] = {}
        self._missing: set[int] = set()
        self._next = 1
        self._tip = (0, "")
        self._lock = threading.Lock()

    def find(self, published: Snapshot, snapshot: Snapshot, uuid: str) -> Record | None:
        """The listed record with a UUID; None where there is none.

        Args:
            published: The newest published state.
            snapshot: The state that is asked: that one, or one of a branch that begins there.
            uuid: The UUID, in lower case and with hyphens.
        """
        with self._lock:
            self._extend(published)
            number = self._ids.get(uuid)
        found = None if number is None else snapshot.record(number)
        if found is None and snapshot.ids.next_id > BRANCH_START:
            own = _records(snapshot, range(BRANCH_START, snapshot.ids.next_id))
            found = next((one for one in own if snapshot.uuid(one) == uuid), None)
        return found

    def _extend(self, snapshot: Snapshot) -> None:
        """Take in what a snapshot has and the last one had not; begin again where history was replaced."""
        length, tip = self._tip
        line = snapshot.line
        if length > len(line) or (length and line.commit(length) != tip):
            self._ids, self._missing, self._next = {}, set(), 1
        following = snapshot.ids.next_id
        if len(line) == length and following == self._next:
            return
        waiting = {*range(self._next, following), *self._missing}
        for record in _records(snapshot, waiting):
            self._ids[snapshot.uuid(record)] = record.id
            waiting.discard(record.id)
        self._missing = (
            waiting  # removed for now, or a hidden one; each has its former id when it comes back
        )
        self._next, self._tip = following, (len(line), line.tip)


def _records(snapshot: Snapshot, numbers: range | set[int]) -> Iterator[Record]:
    found = (snapshot.records.get(number) for number in sorted(numbers))
    return (record for record in found if record is not None and record.touched.created)
