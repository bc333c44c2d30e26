"""What a protocol over gRPC gives to the server: its calls, and the descriptors that name their messages."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import Message

from registry_tool.server.service import Service
from registry_tool.writer.request import Person, WriteRequest

if TYPE_CHECKING:
    from registry_tool.access.subjects import Scope, Subject
    from registry_tool.edits.changeset import Edit
    from registry_tool.live.snapshot import Snapshot
    from registry_tool.names import ModelName
    from registry_tool.server.limits import Limits
    from registry_tool.writer.request import Written

__all__ = [
    "Answer",
    "Frames",
    "ReceivingAnswer",
    "Rpc",
    "RpcCall",
    "RpcFace",
    "StreamingAnswer",
]


class RpcCall:
    """One call.

    Args:
        service: The registry.
        subject: Who calls.
        api: The protocol.
        limits: Of requests.
        request_id: The client's idempotency key; empty for none.

    Attributes:
        notes: What the trailing metadata of the answer tell, as headers do over HTTP: that a change was proposed.
    """

    def __init__(
        self, service: Service, subject: Subject, api: str, limits: Limits, request_id: str = ""
    ) -> None:
        self.service = service
        self.subject = subject
        self.api = api
        self.limits = limits
        self._request_id = request_id
        self._content = hashlib.sha256()
        self.notes: dict[str, str] = {}

    def add_content(self, name: str, raw: bytes) -> None:
        """Take in what the client sent, so that a key which comes again with other content is noticed."""
        self._content.update(name.encode())
        self._content.update(raw)

    @property
    def snapshot(self) -> Snapshot:
        """The state that the caller sees now: the published one, with what the caller has proposed."""
        return self.service.snapshot_for(self.subject)

    @property
    def author(self) -> Person:
        """The caller as the author of a commit."""
        return Person(self.subject.name, self.subject.email)

    def require(self, scope: Scope, namespace: str) -> None:
        """Check that the caller has a scope in a namespace; raises as ``Service.require``."""
        self.service.require(self.subject, scope, namespace)

    async def write(self, edit: Edit, namespace: str, *, about: ModelName | None = None) -> Written:
        """Publish an edit; ``snapshot`` has it afterwards.

        Args:
            edit: The change.
            namespace: Where it writes.
            about: The model that it is about, where one is known.

        Raises:
            RegistryError: It is refused.
        """
        self.require("write", namespace)
        subject = self.subject
        written = await self.service.write(
            WriteRequest(
                edit,
                self.author,
                api=self.api,
                request_id=self._request_id,
                content=self._content.hexdigest(),
                may_review=subject.may("review", namespace),
                about=about,
            )
        )
        self.notes |= self.service.describe_proposal(written, subject)
        return written


class Frames(Protocol):
    """The messages that a client streams."""

    async def read(self) -> Message | None:
        """The next one; None after the last."""
        ...


Answer = Callable[[RpcCall, Message], Awaitable[Message]]
ReceivingAnswer = Callable[[RpcCall, Frames], Awaitable[Message]]
StreamingAnswer = Callable[[RpcCall, Message], AsyncIterator[Message]]


@dataclass(frozen=True, slots=True)
class Rpc:
    """One call of a protocol; exactly one of the three handlers is given.

    Attributes:
        name: Its name, without the service.
        request: The class of the messages that the client sends.
        answer: Answers one message with one.
        receive: Answers a stream of messages with one.
        stream: Answers one message with a stream.
    """

    name: str
    request: type[Message]
    answer: Answer | None = None
    receive: ReceivingAnswer | None = None
    stream: StreamingAnswer | None = None


@dataclass(frozen=True, slots=True)
class RpcFace:
    """One protocol over gRPC.

    Attributes:
        name: As in ``--api``.
        service_name: The full name of its service, such as ``modelbox.ModelStore``.
        pool: Has the descriptors of the service and its messages.
        calls: Its calls.
        instructions: What a client has to set, line by line; ``{target}`` is the address without a scheme.
    """

    name: str
    service_name: str
    pool: DescriptorPool
    calls: Sequence[Rpc]
    instructions: tuple[str, ...] = ()
