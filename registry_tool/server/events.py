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


def _select(events: Iterable[dict[str, JSON]], subject: Subject | None) -> list[dict[str, JSON]]:
    """What a subject may see of events; None for all of them."""
    return [one for one in events if subject is None or is_visible(_path(one), subject)]


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
        step: A commit on the way from one (empty: from before the first) to another one, at which a reading may end.
    """

    def __init__(
        self,
        read: Callable[[str | None, str], Iterable[dict[str, JSON]]],
        tip: Callable[[], str],
        step: Callable[[str, str], str] = lambda _, tip: tip,
    ) -> None:
        self._read = read
        self._tip = tip
        self._step = step
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

    async def after(
        self, position: Position, subject: Subject
    ) -> AsyncIterator[list[dict[str, JSON]]]:
        """What happened after a position until now, in parts, so that no more of it is in memory than one; at least one part.

        Args:
            position: After what.
            subject: Whose view.

        Raises:
            NotFoundError: The history does not have the position; with the first part.
        """
        async for part in self._between_parts(position, self._tip()):
            yield _select(part, subject)

    async def _between_parts(
        self, position: Position, tip: str
    ) -> AsyncIterator[list[dict[str, JSON]]]:
        base, rest = position.commit, await self._rest_of_commit(position)
        while True:
            head = self._step(base, tip)
            yield [*rest, *await self._between(base or None, head)]
            if head == tip:
                return
            base, rest = head, []

    async def _rest_of_commit(self, position: Position) -> list[dict[str, JSON]]:
        """What comes after an event among those of its own commit, which have an order."""
        if not position.path:
            return []
        last = f"{position.commit}:{position.path}"
        own = await self._own(position.commit)
        ids = [event["id"] for event in own]
        if last not in ids:
            raise NotFoundError(f"there is no event {last!a}")
        return own[ids.index(last) + 1 :]

    async def _own(self, commit: str) -> list[dict[str, JSON]]:
        """The events of one commit, which exists."""
        try:
            return await self._between(f"{commit}^", commit)
        except NotFoundError:  # it is the first one
            return await self._between(None, commit)

    async def follow(
        self, position: Position | None, subject: Subject | None = None, *, heartbeat: float = 0.0
    ) -> AsyncIterator[list[dict[str, JSON]]]:
        """Events after a position, or from now on, in parts, until ``close``. What was missed comes first; the first part may be empty.

        Args:
            position: After what; None for now.
            subject: Whose view; None where the reader decides itself what may be shown.
            heartbeat: After how many seconds without an event an empty part comes; 0 for never.

        Raises:
            NotFoundError: The history does not have the position.
        """
        tip, is_first = self._tip(), True
        if position is None:
            yield []
        else:
            async for part in self._parts_until(position, tip, subject):
                if part or is_first:
                    yield part
                is_first = False
        while not self._closed:
            moved = self._moved
            if self._tip() == tip:
                try:
                    async with asyncio.timeout(heartbeat or None):
                        await moved.wait()
                except TimeoutError:
                    yield []
                continue
            former, tip = tip, self._tip()
            async for part in self._parts_until(Position(former), tip, subject):
                if part:
                    yield part

    async def _parts_until(
        self, position: Position, tip: str, subject: Subject | None
    ) -> AsyncIterator[list[dict[str, JSON]]]:
        """Those of ``after`` up to a commit, until ``close``."""
        async for part in self._between_parts(position, tip):
            yield _select(part, subject)
            if self._closed:
                return

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
