"""Limits of a request: its size, how long its body may take, and how many a subject may make."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from starlette.types import Message, Receive

__all__ = ["BodyTooLargeError", "BodyTooSlowError", "Limits", "RateLimiter", "limited"]

_SUBJECTS: Final = 10_000
_LEAST_OF_FILE: Final = 16 << 10  # bytes in the time of a body; a modem of 1990 sends more


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of the server.

    Attributes:
        max_body: Bytes of a body, unless it is a file.
        max_upload: Bytes of a file.
        body_seconds: Seconds that a body may take; a file gets this long for each 16 KiB as well.
        idle_seconds: Seconds between two pieces of a body.
        rate: Requests a second of one subject, on average; 0 for any number.
        burst: Requests at once that ``rate`` allows.
    """

    max_body: int = 1 << 20
    max_upload: int = 1 << 40
    body_seconds: float = 30.0
    idle_seconds: float = 30.0
    rate: float = 0.0
    burst: int = 100


class BodyTooLargeError(Exception):
    """The body of a request has more bytes than are allowed."""


class BodyTooSlowError(Exception):
    """The body of a request did not arrive in time."""


def limited(receive: Receive, limits: Limits, *, most: int, is_file: bool) -> Receive:
    """Receive the body of a request within its limits.

    Args:
        receive: The messages of the request.
        limits: How long it may take.
        most: The maximum number of bytes.
        is_file: A file gets time for each of its bytes; what trickles in would keep a connection and a temporary file for ever.

    Raises:
        BodyTooLargeError: There are more bytes.
        BodyTooSlowError: It takes longer.
    """
    total = 0
    began = time.monotonic()
    whole = False

    async def receive_limited() -> Message:
        nonlocal total, whole
        if whole:
            return await receive()  # a disconnect, which may come whenever it wants
        given = limits.body_seconds * (1 + total / _LEAST_OF_FILE if is_file else 1)
        left = min(limits.idle_seconds, began + given - time.monotonic())
        try:
            async with asyncio.timeout(max(left, 0)):
                message = await receive()
        except TimeoutError as exc:
            raise BodyTooSlowError from exc
        if message["type"] == "http.request":
            total += len(message.get("body", b""))
            if total > most:
                raise BodyTooLargeError
            whole = not message.get("more_body", False)
        return message

    return receive_limited


class RateLimiter:
    """How many requests each subject may still make: a token bucket each.

    Args:
        rate: Requests a second; 0 for any number.
        burst: Requests at once.
    """

    def __init__(self, rate: float, burst: int) -> None:
        self._rate = rate
        self._burst = float(burst)
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait_for(self, subject: str, *, now: float | None = None) -> float:
        """Count one request. Seconds to wait before the next one is allowed; 0 if this one is."""
        if not self._rate:
            return 0.0
        moment = time.monotonic() if now is None else now
        left, last = self._left.pop(subject, (self._burst, moment))
        left = min(self._burst, left + (moment - last) * self._rate)
        allowed = left >= 1
        self._left[subject] = (left - 1 if allowed else left, moment)
        while len(self._left) > _SUBJECTS:
            self._left.popitem(last=False)
        return 0.0 if allowed else (1 - left) / self._rate
