"""``/events``: what changes on the main branch, as CloudEvents, as server-sent events or as lines of JSON.

The id of an event is ``COMMIT:PATH``. A client that comes back with ``Last-Event-ID`` gets what happened after it, however
long ago, because Git keeps it; the form is https://html.spec.whatwg.org/multipage/server-sent-events.html.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from registry_tool.api.interface.text import inert_json
from registry_tool.errors import NotFoundError, UsageError

if TYPE_CHECKING:
    from registry_tool.access.subjects import Subject
    from registry_tool.manifests.problems import JSON

__all__ = ["EventFeed", "Position", "is_visible", "json_line", "parse_position", "server_sent"]

_POSITION: Final = re.compile(r"([0-9a-f]{40}|[0-9a-f]{64})(?::(.*))?", re.DOTALL)
_HEARTBEAT: Final = 15.0  # seconds; proxies close connections on which nothing happens for a minute
_READ_AT_ONCE: Final = 2  # histories; other work needs threads too
_READINGS_KEPT: Final = 8
_MOST_KEPT: Final = 1000  # events of one reading
_NAMESPACE: Final = re.compile(r"models/([^/]+)/")


@dataclass(frozen=True, slots=True)
class Position:
    """After what a client wants events.

    Attributes:
        commit: The full id of a commit; empty for the first one's parent.
        path: The path of the last event of that commit which the client has; empty for all of them.
    """

    commit: str
    path: str = ""


def parse_position(written: str) -> Position:
    """``COMMIT`` or ``COMMIT:PATH``.

    Raises:
        UsageError: It is neither.
    """
    match = _POSITION.fullmatch(written)
    if match is None:
        raise UsageError(
            f"{written[:100]!a} is not a position in the events",
            remedy="use the id of an event, or the full id of a commit",
        )
    return Position(match[1], match[2] or "")


def is_visible(path: str, subject: Subject) -> bool:
    """True when a subject may know of a file: those of a namespace it reads; all others need all namespaces."""
    match = _NAMESPACE.match(path)
    return subject.sees_all if match is None else subject.sees(match[1])


def _path(event: dict[str, JSON]) -> str:
    return str(event.get("id", "")).partition(":")[2]


def json_line(event: dict[str, JSON]) -> bytes:
    """One event as a line of JSON."""
    return inert_json(json.dumps(event, separators=(",", ":"), sort_keys=True)).encode() + b"\n"


def server_sent(event: dict[str, JSON]) -> bytes:
    """One event in the form of a stream."""
    data = json_line(event).decode().strip()
    identifier = str(event["id"]).replace("\n", "").replace("\r", "").replace("\0", "")
    return f"id: {identifier}\nevent: {event['type']}\ndata: {data}\n\n".encode()


class EventFeed:
    """The events of a registry, for any number of clients.

    Args:
        read: The events after a commit (None: from the first one) up to another one, oldest first; it may take long, and
            raises NotFoundError for a commit that is not known.
        tip: The commit that is served now.
    """

    def __init__(
        self,
        read: Callable[[str | None, str], Iterable[dict[str, JSON]]],
        tip: Callable[[], str],
    ) -> None:
        self._read = read
        self._tip = tip
        self._moved = asyncio.Event()
        self._closed = False
        self._turns = asyncio.Semaphore(_READ_AT_ONCE)
        self._readings: dict[tuple[str | None, str], asyncio.Task[list[dict[str, JSON]]]] = {}

    def close(self) -> None:
        """End all streams; called in the event loop."""
        self._closed = True
        self.notify()

    def notify(self) -> None:
        """Say that the branch has moved; called in the event loop."""
        moved, self._moved = self._moved, asyncio.Event()
        moved.set()

    async def _between(self, base: str | None, head: str) -> list[dict[str, JSON]]:
        """As ``read``; clients that wait for the same events share one reading."""
        key = base, head
        task = self._readings.get(key)
        if task is None:
            task = self._readings[key] = asyncio.ensure_future(self._read_in_thread(base, head))
            task.add_done_callback(lambda done: self._keep(key, done))
        return await asyncio.shield(task)  # a client that goes does not end it for the others

    async def _read_in_thread(self, base: str | None, head: str) -> list[dict[str, JSON]]:
        async with self._turns:
            return await asyncio.to_thread(lambda: [*self._read(base, head)])

    def _keep(self, key: tuple[str | None, str], done: asyncio.Task[list[dict[str, JSON]]]) -> None:
        if done.cancelled() or done.exception() is not None or len(done.result()) > _MOST_KEPT:
            self._readings.pop(key, None)
        finished = [one for one, task in self._readings.items() if task.done()]
        for one in finished[:-_READINGS_KEPT]:
            del self._readings[one]

    async def after(self, position: Position, subject: Subject) -> list[dict[str, JSON]]:
        """What a subject may see of what happened after a position until now.

        Raises:
            NotFoundError: The history does not have the position.
        """
        return await self._until(position, self._tip(), subject)

    async def _until(
        self, position: Position, tip: str, subject: Subject | None
    ) -> list[dict[str, JSON]]:
        found = await self._between(position.commit or None, tip)
        if position.path:
            # Events of one commit have an order; the rest of those of the commit itself come first.
            last = f"{position.commit}:{position.path}"
            own = await self._own(position.commit)
            ids = [event["id"] for event in own]
            if last not in ids:
                raise NotFoundError(f"there is no event {last!a}")
            found = own[ids.index(last) + 1 :] + found
        if subject is None:
            return list(found)
        return [event for event in found if is_visible(_path(event), subject)]

    async def _own(self, commit: str) -> list[dict[str, JSON]]:
        """The events of one commit, which exists."""
        try:
            return await self._between(f"{commit}^", commit)
        except NotFoundError:  # it is the first one
            return await self._between(None, commit)

    async def follow(
        self, position: Position | None, subject: Subject | None = None, *, heartbeat: float = 0.0
    ) -> AsyncIterator[list[dict[str, JSON]]]:
        """Events after a position, or from now on, in batches, until ``close``. The first batch is what was missed.

        Args:
            position: After what; None for now.
            subject: Whose view; None where the reader decides itself what may be shown.
            heartbeat: After how many seconds without an event an empty batch comes; 0 for never.

        Raises:
            NotFoundError: The history does not have the position.
        """
        tip = self._tip()
        yield [] if position is None else await self._until(position, tip, subject)
        while not self._closed:
            moved = self._moved
            if self._tip() == tip:
                try:
                    async with asyncio.timeout(heartbeat or None):
                        await moved.wait()
                except TimeoutError:
                    yield []
                continue
            newest = self._tip()
            found = await self._until(Position(tip), newest, subject)
            tip = newest
            if found:
                yield found

    async def stream(self, position: Position | None, subject: Subject) -> AsyncIterator[bytes]:
        """Server-sent events after a position, or from now on, until ``close``.

        Raises:
            NotFoundError: The history does not have the position.
        """
        begin = b": connected\n\n"
        async for events in self.follow(position, subject, heartbeat=_HEARTBEAT):
            if begin:
                yield begin
            elif not events:
                yield b": still here\n\n"
            begin = b""
            for event in events:  # one by one: no more of them wait as text than the client reads
                yield server_sent(event)
