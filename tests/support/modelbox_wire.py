"""ModelBox's protocol over a real socket: a server in a thread of this process, and calls made from the descriptors.

The client's own faults keep it from sending some fields (see docs/serve-modelbox.md); these calls send everything.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import grpc
from google.protobuf import json_format
from google.protobuf.message import Message

from registry_tool.access.authenticate import Authenticator, Issuer, local_subject
from registry_tool.access.subjects import Subject
from registry_tool.access.tokens import TokenFile
from registry_tool.manifests.problems import JSON
from registry_tool.server.http.app import open_feed
from registry_tool.server.limits import Limits
from registry_tool.server.modelbox import build_rpc_face
from registry_tool.server.modelbox.descriptors import SERVICE, message_class
from registry_tool.server.modelbox.values import (
    build,
    read_bytes,
    read_choice,
    read_part,
    read_text,
)
from registry_tool.server.rpc.guard import RpcGuard
from registry_tool.server.rpc.listener import RpcListener
from registry_tool.server.service import Service, ServiceOptions, open_service

if TYPE_CHECKING:
    from grpc import _CallFuture, _CallIterator  # only the stubs name them

__all__ = ["Downloaded", "ModelBoxWire", "as_data", "connect", "frames_for", "modelbox_wire"]

_SECONDS: Final = 30.0


def as_data(message: Message) -> dict[str, JSON]:
    """A message as plain data, without its times; 64-bit numbers are text, and bytes are base64."""
    found: dict[str, JSON] = json_format.MessageToDict(message, preserving_proto_field_name=True)
    return found


class Downloaded(NamedTuple):
    """The metadata of a file, its bytes, and the sizes of the chunks."""

    metadata: dict[str, JSON]
    content: bytes
    chunks: list[int]


class ModelBoxWire:
    """Calls of one server.

    Args:
        channel: To the server.
        token: Sent with each call; empty for none.

    Attributes:
        service: What is served, where that is in this process.
    """

    def __init__(self, channel: grpc.Channel, token: str = "") -> None:
        self.channel = channel
        self.service: Service | None = None
        said = ("authorization", f"Bearer {token}")
        self._said: tuple[tuple[str, str | bytes], ...] = (said,) if token else ()

    def call(
        self, name: str, request: Message, *, key: str = "", timeout: float = _SECONDS
    ) -> Message:
        """One call with one message.

        Args:
            name: The call.
            request: The message.
            key: The idempotency key; empty for none.
            timeout: The deadline, in seconds.
        """
        call = self.channel.unary_unary(
            f"/{SERVICE}/{name}",
            request_serializer=message_class(f"{name}Request").SerializeToString,
            response_deserializer=message_class(f"{name}Response").FromString,
        )
        keys = (("idempotency-key", key),) if key else ()
        found: Message = call(request, metadata=(*self._said, *keys), timeout=timeout)
        return found

    def ask(self, name: str, /, **fields: object) -> Message:
        """One call with one message, from its fields; ``ask("ListModels", namespace="nlp")``."""
        return self.call(name, build(f"{name}Request", **fields))

    def trailers(self, name: str, /, **fields: object) -> dict[str, str]:
        """The trailing metadata of the answer to a call."""
        call = self.channel.unary_unary(
            f"/{SERVICE}/{name}",
            request_serializer=message_class(f"{name}Request").SerializeToString,
            response_deserializer=message_class(f"{name}Response").FromString,
        )
        request = build(f"{name}Request", **fields)
        _, done = call.with_call(request, metadata=self._said, timeout=_SECONDS)
        return {key: str(value) for key, value in done.trailing_metadata() or ()}

    def items(self, name: str, field: str, /, **fields: object) -> list[dict[str, JSON]]:
        """As ``get``, of a field with messages."""
        found = self.get(name, **fields).get(field, [])
        assert isinstance(found, list)
        return [one for one in found if isinstance(one, dict)]

    def get(self, name: str, /, **fields: object) -> dict[str, JSON]:
        """As ``ask``, as plain data."""
        return as_data(self.ask(name, **fields))

    def fails(self, name: str, /, **fields: object) -> tuple[str, str]:
        """The status and the message of a call that fails."""
        return self.failure(lambda: self.ask(name, **fields))

    @staticmethod
    def failure(work: Callable[[], object]) -> tuple[str, str]:
        """The status and the message that some work fails with."""
        try:
            found = work()
        except grpc.FutureCancelledError:
            return "CANCELLED", ""
        except grpc.RpcError as exc:
            return exc.code().name, exc.details() or ""
        raise AssertionError(f"did not fail: {found!r}")

    def start(
        self, frames: Iterator[Message], *, timeout: float = _SECONDS
    ) -> _CallFuture[Message]:
        """``UploadFile`` with these messages, under way."""
        call = self.channel.stream_unary(
            f"/{SERVICE}/UploadFile",
            request_serializer=message_class("UploadFileRequest").SerializeToString,
            response_deserializer=message_class("UploadFileResponse").FromString,
        )
        found: _CallFuture[Message] = call.future(frames, metadata=self._said, timeout=timeout)
        return found

    def send(self, frames: Iterable[Message], *, timeout: float = _SECONDS) -> str:
        """``UploadFile`` with these messages; the id of the file."""
        return read_text(self.start(iter(frames), timeout=timeout).result(), "file_id")

    def upload(self, parent: str, path: str, content: bytes, /, **more: object) -> str:
        """``UploadFile`` as a client does it; the id of the file."""
        return self.send(frames_for(parent, path, content, **more))

    def download(self, file: str) -> Downloaded:
        """``DownloadFile``."""
        call = self.channel.unary_stream(
            f"/{SERVICE}/DownloadFile",
            request_serializer=message_class("DownloadFileRequest").SerializeToString,
            response_deserializer=message_class("DownloadFileResponse").FromString,
        )
        request = build("DownloadFileRequest", file_id=file)
        frames = list(call(request, metadata=self._said, timeout=_SECONDS))
        assert [read_choice(one, "stream_frame") for one in frames[:1]] == ["metadata"]
        pieces = [read_bytes(one, "chunks") for one in frames[1:]]
        metadata = as_data(read_part(frames[0], "metadata"))
        return Downloaded(metadata, b"".join(pieces), [len(one) for one in pieces])

    def watch(
        self, namespace: str, since: int = 0, *, timeout: float = _SECONDS
    ) -> _CallIterator[Message]:
        """``WatchNamespace``: iterate over it, and cancel it."""
        call = self.channel.unary_stream(
            f"/{SERVICE}/WatchNamespace",
            request_serializer=message_class("WatchNamespaceRequest").SerializeToString,
            response_deserializer=message_class("WatchNamespaceResponse").FromString,
        )
        request = build("WatchNamespaceRequest", namespace=namespace, since=since)
        found: _CallIterator[Message] = call(request, metadata=self._said, timeout=timeout)
        return found


def frames_for(parent: str, path: str, content: bytes, /, **more: object) -> list[Message]:
    """The messages of an upload."""
    import hashlib

    checksum = hashlib.md5(content, usedforsecurity=False).hexdigest()
    said = {"parent_id": parent, "path": path, "checksum": checksum, **more}
    pieces = [content[at : at + 1024] for at in range(0, len(content), 1024)]
    return [
        build("UploadFileRequest", metadata=build("FileMetadata", **said)),
        *(build("UploadFileRequest", chunks=piece) for piece in pieces),
    ]


@contextmanager
def connect(target: str, token: str = "") -> Iterator[ModelBoxWire]:
    """Calls of a server at an address."""
    with grpc.insecure_channel(target) as channel:
        yield ModelBoxWire(channel, token)


class _Running:
    """A server in a thread."""

    def __init__(self, service: Service, authenticator: Authenticator, limits: Limits) -> None:
        self._service = service
        self._authenticator = authenticator
        self._limits = limits
        self._started = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._end = asyncio.Event()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._run(),))
        self.target = ""
        self.error: BaseException | None = None

    async def _run(self) -> None:
        feed = open_feed(self._service)

        def moved(_: object, __: object) -> None:
            self._loop.call_soon_threadsafe(feed.notify)

        stop_listening = self._service.live.listen(moved)
        self._service.on_stopping(lambda: self._loop.call_soon_threadsafe(feed.close))
        guard = RpcGuard(self._service, authenticator=self._authenticator, limits=self._limits)
        faces = [build_rpc_face(self._service, feed)]
        listener = RpcListener("127.0.0.1", 0, faces, guard)
        await listener.bind()
        await listener.start()
        self.target = listener.target
        self._started.set()
        await self._end.wait()
        feed.close()
        await listener.stop(5)
        await asyncio.to_thread(stop_listening)

    def __enter__(self) -> str:
        self._thread.start()
        assert self._started.wait(_SECONDS)
        return self.target

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join(_SECONDS)
        self._loop.close()


@contextmanager
def modelbox_wire(
    folder: Path,
    subject: Subject | None = None,
    *,
    tokens: Path | None = None,
    token: str = "",
    limits: Limits | None = None,
    options: ServiceOptions | None = None,
    issuer: Issuer | None = None,
) -> Iterator[ModelBoxWire]:
    """Serve a registry in this process."""
    who = (
        Authenticator(TokenFile(tokens), issuer=issuer)
        if tokens is not None
        else Authenticator(anonymous=subject or local_subject("Ada", "ada@example.org"))
    )
    with open_service(folder, options or ServiceOptions()) as service:
        service.public_url = "http://127.0.0.1:8080"
        with _Running(service, who, limits or Limits()) as target, connect(target, token) as wire:
            wire.service = service
            service.rpc_target = target
            yield wire
