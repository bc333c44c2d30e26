"""Delivering webhooks: at least once, in order, each with a thread of its own, so that a slow receiver delays no other.

The queue is Git's history: a webhook is a position in it. A message counts as delivered when the receiver has answered with a
status below 300; only then is the position written. So a server that is killed sends at most one message again, with the same id.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final, NamedTuple, Protocol

from registry_tool.access.outgoing_requests import (
    OutgoingRequestError,
    Reply,
    parse_url,
    send_request,
)
from registry_tool.errors import NotFoundError, OperationalError, RegistryError, UsageError
from registry_tool.server.webhooks.allowed_addresses import AllowedAddresses
from registry_tool.server.webhooks.registrations import Position, Webhook, WebhookStore

__all__ = [
    "DEFAULT_PACE",
    "Dispatcher",
    "Message",
    "Pace",
    "Published",
    "WebhookHost",
    "WebhookProtocol",
    "send_message",
]

_LIMIT: Final = 64 << 10
_SECONDS: Final = 30.0
_AGAIN: Final = frozenset({408, 425, 429})
_READINGS_KEPT: Final = 4
_JOIN_SECONDS: Final = 2.0


class Message(NamedTuple):
    """One message.

    Attributes:
        kind: In the words of its protocol; a webhook gets the kinds that it wants.
        body: The same bytes whenever it is made.
    """

    kind: str
    body: bytes


class Published(NamedTuple):
    """What one commit published.

    Attributes:
        commit: The full id.
        messages: In a fixed order.
    """

    commit: str
    messages: Sequence[Message]


class WebhookProtocol(Protocol):
    """What a protocol says of its webhooks."""

    def read(self, base: str, head: str) -> list[Published]:
        """The messages of the commits after one up to another, oldest first; commits without any may be left out.

        Raises:
            NotFoundError: The history does not have the first one.
        """
        ...

    def sign(self, secret: str, delivery: str, moment: int, body: bytes) -> Mapping[str, str]:
        """The headers of a message.

        Args:
            secret: That of the webhook; empty for none.
            delivery: The id of the message, the same whenever it is sent.
            moment: The present, in seconds since 1970.
            body: The body.
        """
        ...


class WebhookHost(NamedTuple):
    """What deliveries need of the server.

    Attributes:
        tip: The commit that is served now.
        step: A commit after another one that is at most some hundred away from it, on the way to the newest one.
        allowed: The addresses that the policy allows now.
        notify: Receives lines for the operator.
    """

    tip: Callable[[], str]
    step: Callable[[str], str]
    allowed: Callable[[], AllowedAddresses]
    notify: Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Pace:
    """When a delivery that failed is tried again, in seconds.

    Attributes:
        first: After the first failure; twice that after the next, and so on.
        longest: At most.
        give_up: A webhook that could not be delivered for so long is disabled.
    """

    first: float = 1.0
    longest: float = 600.0
    give_up: float = 86_400.0

    def delay(self, failures: int, asked: str = "") -> float:
        """How long to wait after some failures; a receiver may ask for more by ``Retry-After``."""
        own = min(self.longest, self.first * 2.0 ** min(failures - 1, 30))
        wanted = float(asked) if asked.isascii() and asked.isdigit() and len(asked) < 6 else 0.0  # noqa: PLR2004
        return max(own, min(wanted, self.longest))


DEFAULT_PACE: Final = Pace()
"""Tried again for a day."""


def send_message(
    webhook: Webhook,
    message: Message,
    delivery: str,
    *,
    protocol: WebhookProtocol,
    allowed: AllowedAddresses,
) -> Reply:
    """Send one message once.

    Raises:
        UsageError: The policy does not allow the address.
        OutgoingRequestError: There is no answer.
    """
    url = parse_url(webhook.url)
    allowed.check(url)
    signed = protocol.sign(webhook.secret, delivery, int(time.time()), message.body)
    return send_request(
        "POST", url, accepts=allowed.judge(url), seconds=_SECONDS, limit=_LIMIT, body=message.body,
        headers={"Content-Type": "application/json", **signed},
    )  # fmt: skip


class _Readings:
    """What was read of the history; webhooks at the same position share it."""

    def __init__(self, read: Callable[[str, str], list[Published]]) -> None:
        self._read = read
        self._lock = threading.Lock()
        self._kept: dict[tuple[str, str], list[Published]] = {}

    def between(self, base: str, head: str) -> list[Published]:
        with self._lock:
            key = base, head
            if key not in self._kept:
                self._kept[key] = self._read(base, head)
                for old in [*self._kept][:-_READINGS_KEPT]:
                    del self._kept[old]
            return self._kept[key]


class _Courier:
    """The thread of one webhook."""

    def __init__(self, number: str, dispatcher: Dispatcher) -> None:
        self._number = number
        self._dispatcher = dispatcher
        self._store = dispatcher.store
        self._host = dispatcher.host
        self._moved = threading.Event()
        self._changed = threading.Event()
        self._stopped = False
        self._was_said = False
        self._thread = threading.Thread(target=self._run, name=f"webhook {number}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def notify(self) -> None:
        """The branch has moved."""
        self._moved.set()

    def change(self, *, stop: bool = False) -> None:
        """The registration is another one, so what failed is tried at once; or end."""
        self._stopped = self._stopped or stop
        self._changed.set()
        self._moved.set()

    def join(self, seconds: float) -> None:
        self._thread.join(seconds)

    def _webhook(self) -> Webhook | None:
        return None if self._stopped else self._store.find(self._number)

    def _run(self) -> None:
        self._moved.clear()
        while (webhook := self._webhook()) is not None:
            if not webhook.is_active or webhook.position.commit == self._host.tip():
                self._moved.wait()
                self._moved.clear()
                continue
            try:
                self._advance(webhook.position)
            except RegistryError as exc:  # Git or the disk; the position is where it was
                self._say(f"webhook {webhook.name}: {exc}")
                self._changed.wait(self._dispatcher.pace.longest / 60)

    def _advance(self, position: Position) -> None:
        """Deliver what the next commits published, and write the new position."""
        head = self._host.step(position.commit)
        try:
            found = self._dispatcher.readings.between(position.commit, head)
        except NotFoundError:
            self._say("the branch was rewritten; webhooks continue at its new state")
            found = []
        base = position.commit
        for published in found:
            done = position.done if position.within == published.commit else 0
            for number, message in enumerate(published.messages):
                if number >= done and not self._deliver(published.commit, base, number, message):
                    return
            base = published.commit
        self._move(Position(head))

    def _move(self, position: Position) -> None:
        self._store.edit(self._number, lambda now: replace(now, position=position, failing_since=0))

    def _deliver(self, commit: str, base: str, number: int, message: Message) -> bool:
        """Send a message until it is delivered or dropped; False where the thread has to look at its registration again."""
        failures, delivery = 0, str(uuid.uuid5(uuid.UUID(self._number), f"{commit}:{number}"))
        done = Position(base, commit, number + 1)
        while (webhook := self._webhook()) is not None and webhook.is_active:
            if message.kind not in webhook.events:
                return True
            self._changed.clear()
            outcome = self._send(webhook, message, delivery)
            if outcome.is_final:
                if outcome.failure:
                    self._say(f"webhook {webhook.name}: a message is dropped: {outcome.failure}")
                self._was_said = bool(outcome.failure)
                self._move(done)
                return True
            failures += 1
            if not self._note_failure(webhook, outcome.failure):
                return False
            self._changed.wait(self._dispatcher.pace.delay(failures, outcome.retry_after))
        return False

    def _send(self, webhook: Webhook, message: Message, delivery: str) -> _Outcome:
        try:
            reply = send_message(
                webhook, message, delivery,
                protocol=self._dispatcher.protocol, allowed=self._host.allowed(),
            )  # fmt: skip
        except (OutgoingRequestError, UsageError) as exc:
            return _Outcome(exc.message, is_final=False)
        if reply.status < 300:  # noqa: PLR2004 (a redirect is not followed)
            return _Outcome("", is_final=True)
        tries_again = reply.status >= 500 or reply.status in _AGAIN  # noqa: PLR2004
        said = f"its receiver answered with status {reply.status}"
        return _Outcome(said, not tries_again, reply.headers.get("retry-after", ""))

    def _note_failure(self, webhook: Webhook, failure: str) -> bool:
        """Write since when deliveries fail; False where that is too long, and the webhook is disabled."""
        now = time.time_ns() // 1_000_000
        since = webhook.failing_since or now
        if not self._was_said:
            self._say(f"webhook {webhook.name}: {failure}; it is tried again")
        if now - since >= self._dispatcher.pace.give_up * 1000:
            self._store.edit(
                webhook.id, lambda one: replace(one, is_active=False, failing_since=0, updated=now)
            )
            self._host.notify(f"webhook {webhook.name} is disabled: {failure}")
            return False
        if not webhook.failing_since:
            self._store.edit(webhook.id, lambda one: replace(one, failing_since=since))
        return True

    def _say(self, line: str) -> None:
        if not self._was_said:
            self._host.notify(line)
        self._was_said = True


class _Outcome(NamedTuple):
    """What became of an attempt; final where there is no other one."""

    failure: str
    is_final: bool
    retry_after: str = ""


class Dispatcher:
    """The deliveries of a protocol's webhooks.

    Args:
        store: The webhooks.
        protocol: Their messages.
        host: The server.
        pace: When what failed is tried again.
    """

    def __init__(
        self,
        store: WebhookStore,
        protocol: WebhookProtocol,
        host: WebhookHost,
        pace: Pace = DEFAULT_PACE,
    ) -> None:
        self.store = store
        self.protocol = protocol
        self.host = host
        self.pace = pace
        self.readings = _Readings(protocol.read)
        self._lock = threading.Lock()
        self._couriers: dict[str, _Courier] = {}
        self._is_started = False
        self._is_stopped = False

    def start(self) -> None:
        """Deliver what the webhooks have missed; nothing where that has begun.

        Raises:
            OperationalError: Another server delivers them, or they cannot be read.
        """
        with self._lock:
            if self._is_started or self._is_stopped:
                return
            self.store.open()
            self._is_started = True
        for webhook in self.store:
            self.follow(webhook.id)

    def follow(self, number: str) -> None:
        """Take note of a webhook that is new, changed or removed."""
        with self._lock:
            courier = self._couriers.get(number)
            is_gone = self.store.find(number) is None
            if courier is not None:
                courier.change(stop=is_gone)
                if is_gone:
                    del self._couriers[number]
            elif not (is_gone or self._is_stopped):
                self._couriers[number] = _Courier(number, self)
                self._couriers[number].start()

    def notify(self) -> None:
        """Say that the branch has moved."""
        for courier in [*self._couriers.values()]:
            courier.notify()

    def stop(self) -> None:
        """End all deliveries; one that is running may be made again by the next server."""
        with self._lock:
            self._is_stopped = True
            couriers = [*self._couriers.values()]
        for courier in couriers:
            courier.change(stop=True)
        ends = time.monotonic() + _JOIN_SECONDS
        for courier in couriers:
            courier.join(max(0.0, ends - time.monotonic()))
        with suppress(OperationalError):
            self.store.close()
