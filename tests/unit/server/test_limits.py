from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from starlette.types import Message

from registry_tool.server.limits import (
    BodyTooLargeError,
    BodyTooSlowError,
    Limits,
    RateLimiter,
    limited,
)


def _receive(pieces: Iterator[bytes], *, pause: float = 0, limits: Limits, is_file: bool = False, most: int = 10) -> int:  # fmt: skip
    """How many bytes arrive."""

    async def receive() -> Message:
        await asyncio.sleep(pause)
        piece = next(pieces, None)
        return {"type": "http.request", "body": piece or b"", "more_body": piece is not None}

    async def run() -> int:
        within = limited(receive, limits, most=most, is_file=is_file)
        total = 0
        while True:
            message = await within()
            total += len(message["body"])
            if not message["more_body"]:
                return total

    return asyncio.run(run())


def test_a_body_has_a_largest_size() -> None:
    assert _receive(iter([b"x" * 4, b"x" * 6]), limits=Limits()) == 10
    with pytest.raises(BodyTooLargeError):
        _receive(iter([b"x" * 4, b"x" * 7]), limits=Limits())


def test_a_body_has_a_time_for_its_whole_and_a_file_for_each_piece() -> None:
    limits = Limits(body_seconds=0.1, idle_seconds=0.08)
    with pytest.raises(BodyTooSlowError):
        _receive(iter([b"x"] * 8), pause=0.03, limits=limits)
    with pytest.raises(BodyTooSlowError):
        _receive(iter([b"x"]), pause=0.2, limits=limits, is_file=True)


def test_a_file_gets_time_for_each_of_its_bytes() -> None:
    limits = Limits(body_seconds=0.1, idle_seconds=0.08)
    assert _receive(iter([b"x" * (16 << 10)] * 8), pause=0.03, limits=limits, is_file=True, most=1 << 20) == 128 << 10  # fmt: skip
    with pytest.raises(BodyTooSlowError):
        _receive(iter([b"x"] * 8), pause=0.03, limits=limits, is_file=True)


def test_what_comes_after_the_body_has_no_time() -> None:
    async def run() -> str:
        async def receive() -> Message:
            await asyncio.sleep(pauses.pop(0))
            return messages.pop(0)

        pauses = [0, 0.3]

        messages: list[Message] = [
            {"type": "http.request", "body": b"", "more_body": False},
            {"type": "http.disconnect"},
        ]
        within = limited(receive, Limits(body_seconds=0.2), most=1, is_file=False)
        await within()
        return str((await within())["type"])

    assert asyncio.run(run()) == "http.disconnect"


def test_a_rate_refills_and_is_each_subjects_own() -> None:
    rates = RateLimiter(2, 2)
    waits = [rates.wait_for("a", now=0) for _ in range(3)]
    assert waits == [0, 0, 0.5]
    assert rates.wait_for("b", now=0) == 0
    assert rates.wait_for("a", now=0.6) == 0
    assert rates.wait_for("a", now=0.6) > 0
    assert RateLimiter(0, 1).wait_for("a") == 0
