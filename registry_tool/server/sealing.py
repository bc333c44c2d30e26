"""Sealing drafts by time: what a client registers in several calls becomes a version when the client has gone quiet."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Hashable, Iterator
from typing import TYPE_CHECKING, Final

from registry_tool.edits.sealing import seal
from registry_tool.errors import RegistryError
from registry_tool.live.records import Record, VersionRecord
from registry_tool.manifests.data import member, records, text
from registry_tool.names import Reference
from registry_tool.writer.request import BusyError, Person, WriteRequest

if TYPE_CHECKING:
    from registry_tool.server.service import Service

__all__ = ["Sealer"]

_DEFAULT: Final = "10m"
_SECONDS: Final = {"m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_EVERY: Final = 15.0


def _draft_mark(record: Record) -> Hashable:
    return True if isinstance(record, VersionRecord) and record.is_draft else None


def _milliseconds(duration: str) -> int:
    return int(duration[:-1]) * _SECONDS[duration[-1]] * 1000


def is_archived(draft: VersionRecord) -> bool:
    """True for a draft that a client of some protocol has archived."""
    return any(
        text(member(draft.file("wire.yaml"), api), "state") == "ARCHIVED"
        for api in draft.file("wire.yaml")
    )


class Sealer:
    """Seals the drafts of a served registry: ``seal: {after: …}`` of ``serve.yaml`` after their last change.

    Drafts that clients of a protocol wrote are sealed after 10 minutes by default; those of people only where ``serve.yaml``
    says so. Time never seals a draft without a model artifact, or one that a client archived. Where requests are proposed, so
    is this, once the draft is published.

    Args:
        service: The registry.
        every: After how many seconds to look again.
    """

    def __init__(self, service: Service, *, every: float = _EVERY) -> None:
        self._service = service
        self._every = every
        self._refused: dict[int, VersionRecord] = {}

    async def run(self) -> None:
        """Look for drafts again and again, until the task is cancelled."""
        while True:
            await asyncio.sleep(self._every)
            await self.seal_due(time.time_ns() // 1_000_000)

    def list_due(self, now: int) -> Iterator[VersionRecord]:
        """The drafts that time seals at a moment, in milliseconds since 1970."""
        author = Person.parse(self._service.snapshot.server_committer)
        # What it has proposed to seal is not proposed again.
        snapshot = self._service.view_by(author).snapshot
        after = text(member(snapshot.policy, "seal"), "after")
        for number in snapshot.indexes.find("version", "draft", _draft_mark, wanted=True):
            record = snapshot.records[number]
            if not isinstance(record, VersionRecord) or not record.is_listed:
                continue
            wait = after or (_DEFAULT if "wire.yaml" in record.files else "")
            has_model = any(text(e, "role") == "model" for e in records(record.data, "artifacts"))
            is_old = now - snapshot.time(max(record.touched)) >= _milliseconds(wait or _DEFAULT)
            stays = is_archived(record) or self._refused.get(number) is record
            if wait and has_model and is_old and not stays:
                yield record

    async def seal_due(self, now: int) -> list[Reference]:
        """Seal the drafts whose time has come; one that cannot be sealed is reported once, until it changes."""
        sealed = []
        for record in list(self.list_due(now)):
            reference = Reference(record.model, record.version)
            author = Person.parse(self._service.snapshot.server_committer)
            try:
                written = await self._service.write(WriteRequest(seal(reference), author))
            except BusyError:
                break  # it is tried again
            except RegistryError as exc:
                self._refused[record.id] = record
                self._service.options.notify(f"{reference} is not sealed: {exc}")
            else:
                sealed.append(reference)
                if written.proposed:  # where a person rejects it, it is not proposed again
                    self._refused[record.id] = record
        return sealed
