"""What every call passes before a protocol sees it, and what becomes of an error afterwards: as ``server.guard`` for HTTP.

A web page cannot make these calls: a browser speaks HTTP/2 only over TLS, and asks before it sends the media type
``application/grpc`` (https://fetch.spec.whatwg.org/#http-cors-protocol), which no server of gRPC answers.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

import grpc
import grpc.aio
from google.protobuf.message import DecodeError, Message

from registry_tool.access.issuer_keys import IssuerUnavailableError
from registry_tool.errors import (
    CorruptObjectError,
    MissingObjectError,
    NoRemoteError,
    OperationalError,
    RegistryError,
    UnauthenticatedError,
    UsageError,
)
from registry_tool.server.http.guard import is_duplicate
from registry_tool.server.limits import BodyTooLargeError, BodyTooSlowError, RateLimiter
from registry_tool.server.rpc.faces import Answer, ReceivingAnswer, Rpc, RpcCall, StreamingAnswer
from registry_tool.writer.request import BusyError

if TYPE_CHECKING:
    from registry_tool.access.authenticate import Authenticator
    from registry_tool.access.subjects import Subject
    from registry_tool.server.limits import Limits
    from registry_tool.server.service import Service

__all__ = ["DataLossError", "RpcGuard", "TakenError", "status_for"]

_LOG: Final = logging.getLogger("registry_tool.server")
_LONGEST: Final = 2000  # characters of a message: a client reads 8 KiB of trailers
_CODES: Final = {
    "usage": grpc.StatusCode.INVALID_ARGUMENT,
    "not_found": grpc.StatusCode.NOT_FOUND,
    "refused": grpc.StatusCode.FAILED_PRECONDITION,
    "unauthenticated": grpc.StatusCode.UNAUTHENTICATED,
    "forbidden": grpc.StatusCode.PERMISSION_DENIED,
    "invalid": grpc.StatusCode.FAILED_PRECONDITION,
    "conflict": grpc.StatusCode.ABORTED,
    "unavailable": grpc.StatusCode.UNAVAILABLE,
}


class TakenError(UsageError):
    """Something else has the name, or is there with other content."""


class DataLossError(OperationalError):
    """The bytes that arrived are not those that were announced."""


# Exceptions whose status does not follow from their code.
_SPECIAL: Final = (
    (TakenError, grpc.StatusCode.ALREADY_EXISTS),
    (DataLossError, grpc.StatusCode.DATA_LOSS),
    (CorruptObjectError, grpc.StatusCode.DATA_LOSS),
    (MissingObjectError, grpc.StatusCode.NOT_FOUND),
    (NoRemoteError, grpc.StatusCode.FAILED_PRECONDITION),
    (BusyError, grpc.StatusCode.UNAVAILABLE),
)


def status_for(error: RegistryError) -> grpc.StatusCode:
    """The status of an exception that was raised on purpose."""
    if is_duplicate(error):
        return grpc.StatusCode.ALREADY_EXISTS
    special = next((code for kind, code in _SPECIAL if isinstance(error, kind)), None)
    return special or _CODES[error.code]


Context = grpc.aio.ServicerContext[bytes, bytes]


class _Arriving:
    """The messages of a stream, each within its time. Use it in a ``with`` block.

    One timer watches the whole stream: a client may send a message for each KiB, and a timer for each takes longer than
    reading it.

    Args:
        context: Of the call.
        parse: Makes a message.
        idle: Seconds between two messages.
    """

    def __init__(self, context: Context, parse: Callable[[bytes], Message], idle: float) -> None:
        self._context = context
        self._parse = parse
        self._idle = idle
        self._loop = asyncio.get_running_loop()
        self._task = asyncio.current_task()
        self._since = 0.0  # when the wait for the next message began; 0 while none is waited for
        self._is_late = False
        self._timer: asyncio.TimerHandle | None = None

    def __enter__(self) -> Self:
        self._timer = self._loop.call_later(self._idle, self._look)
        return self

    def __exit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _look(self) -> None:
        left = self._idle
        if self._since:
            left += self._since - self._loop.time()
        if left > 0:
            self._timer = self._loop.call_later(left, self._look)
        elif self._task is not None:
            self._is_late = True
            self._task.cancel()

    async def read(self) -> Message | None:
        """See ``Frames``."""
        self._since = self._loop.time()
        try:
            raw: object = await self._context.read()
        except asyncio.CancelledError as exc:
            if self._is_late and self._task is not None and not self._task.uncancel():
                raise BodyTooSlowError from exc
            raise
        self._since = 0.0
        return self._parse(raw) if isinstance(raw, bytes) else None


class RpcGuard:
    """The outermost ring of gRPC calls.

    Args:
        service: The registry.
        authenticator: Finds the subject of a call.
        limits: Of calls.
        rates: How many calls each subject may still make.
    """

    def __init__(
        self,
        service: Service,
        *,
        authenticator: Authenticator,
        limits: Limits,
        rates: RateLimiter | None = None,
    ) -> None:
        self._service = service
        self._authenticator = authenticator
        self._limits = limits
        self._metrics = service.metrics
        self._rates = rates or RateLimiter(limits.rate, limits.burst)
        self._open = 0
        self._idle = asyncio.Event()
        self._idle.set()

    async def wait_until_idle(self) -> None:
        """Return when no call is being answered."""
        await self._idle.wait()

    def handler(self, api: str, rpc: Rpc) -> grpc.RpcMethodHandler[bytes, bytes]:
        """The handler of one call, for the server."""
        if rpc.answer is not None:
            return grpc.unary_unary_rpc_method_handler(self._unary(api, rpc, rpc.answer))
        if rpc.receive is not None:
            return grpc.stream_unary_rpc_method_handler(self._receiving(api, rpc, rpc.receive))
        if rpc.stream is None:
            raise TypeError(f"the call {rpc.name} has no handler")
        return grpc.unary_stream_rpc_method_handler(self._streaming(api, rpc, rpc.stream))

    def _unary(
        self, api: str, rpc: Rpc, answer: Answer
    ) -> Callable[[bytes, Context], Awaitable[bytes]]:
        async def handle(raw: bytes, context: Context) -> bytes:
            async with self._guarded(api, context):
                call = await self._call(api, context)
                found = await answer(call, self._request(rpc, call, raw))
                _tell(call, context)
            return found.SerializeToString()

        return handle

    def _receiving(
        self, api: str, rpc: Rpc, receive: ReceivingAnswer
    ) -> Callable[[object, Context], Awaitable[bytes]]:
        async def handle(_: object, context: Context) -> bytes:
            async with self._guarded(api, context):
                call = await self._call(api, context)
                idle = self._limits.idle_seconds
                with _Arriving(context, lambda raw: _parse(rpc.request, raw), idle) as frames:
                    found = await receive(call, frames)
                _tell(call, context)
            return found.SerializeToString()

        return handle

    def _streaming(
        self, api: str, rpc: Rpc, stream: StreamingAnswer
    ) -> Callable[[bytes, Context], AsyncIterator[bytes]]:
        async def handle(raw: bytes, context: Context) -> AsyncIterator[bytes]:
            async with self._guarded(api, context):
                call = await self._call(api, context)
                async for message in stream(call, self._request(rpc, call, raw)):
                    yield message.SerializeToString()

        return handle

    def _request(self, rpc: Rpc, call: RpcCall, raw: bytes) -> Message:
        if len(raw) > self._limits.max_body:
            raise BodyTooLargeError
        call.add_content(rpc.name, raw)
        return _parse(rpc.request, raw)

    async def _call(self, api: str, context: Context) -> RpcCall:
        """Who calls, if they may.

        Raises:
            UnauthenticatedError: They need a token, or theirs is not valid.
            BusyError: They call too often.
        """
        said = {
            key: value
            for key, value in context.invocation_metadata() or ()
            if isinstance(value, str)
        }
        authorization = said.get("authorization", "")
        await self._authenticator.wait(authorization)
        subject = self._subject(authorization)
        if self._rates.wait_for(subject.email):
            raise _TooManyError("too many requests; try again later")
        return RpcCall(self._service, subject, api, self._limits, said.get("idempotency-key", ""))

    def _subject(self, authorization: str) -> Subject:
        try:
            return self._authenticator.subject(authorization)
        except (UnauthenticatedError, IssuerUnavailableError):
            raise
        except OperationalError as exc:  # of the token file; its path is no business of a client
            _LOG.error("%s", exc)
            raise OperationalError(
                "the server cannot read its tokens; its log has the details"
            ) from exc

    @asynccontextmanager
    async def _guarded(self, api: str, context: Context) -> AsyncIterator[None]:
        """Count a call, and end it with a status where it fails."""
        seen = self._metrics.begin(api, "grpc")
        self._open += 1
        self._idle.clear()
        try:
            seen.status = "CANCELLED"
            try:
                yield
            except Exception as exc:  # noqa: BLE001 (the outermost ring: a client gets an answer, the log the traceback)
                code, message = _explain(exc)
                seen.status = code.name
                await context.abort(code, message[:_LONGEST])
            seen.status = "OK"
        finally:
            self._metrics.end(seen)
            self._open -= 1
            if not self._open:
                self._idle.set()


def _tell(call: RpcCall, context: Context) -> None:
    """Send what was noted in the trailing metadata."""
    if call.notes:
        plain = {
            key.lower(): one.encode("ascii", "backslashreplace") for key, one in call.notes.items()
        }
        context.set_trailing_metadata([(key, one.decode()) for key, one in plain.items()])


class _TooManyError(BusyError):
    """A subject makes too many calls."""


def _explain(error: Exception) -> tuple[grpc.StatusCode, str]:
    """The status and the message for an exception."""
    if isinstance(error, _TooManyError):
        return grpc.StatusCode.RESOURCE_EXHAUSTED, str(error)
    if isinstance(error, RegistryError):
        return status_for(error), str(error)
    if isinstance(error, BodyTooLargeError):
        return grpc.StatusCode.RESOURCE_EXHAUSTED, "the request is too large"
    if isinstance(error, BodyTooSlowError):
        return grpc.StatusCode.DEADLINE_EXCEEDED, "the next message of the stream did not arrive"
    _LOG.error("a gRPC call failed", exc_info=error)
    return grpc.StatusCode.INTERNAL, "the server failed to answer; its log has the details"


def _parse(kind: type[Message], raw: bytes) -> Message:
    try:
        return kind.FromString(raw)
    except DecodeError as exc:
        raise UsageError(f"the request is not a message {kind.DESCRIPTOR.name}") from exc
