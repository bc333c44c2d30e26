"""A server of another port starts after HTTP, unless the server must not start without it."""

from __future__ import annotations

import asyncio
import threading

import pytest

from registry_tool.errors import OperationalError
from registry_tool.server.late_companion import EarlyCompanion, LateCompanion


class _Said:
    """Writes down what it is asked, and in which thread it was made."""

    def __init__(self, said: list[str]) -> None:
        self.said = said
        said.append("made" if threading.current_thread() is threading.main_thread() else "late")

    async def bind(self) -> None:
        self.said.append("bind")

    async def start(self) -> None:
        self.said.append("start")

    async def stop(self, grace: float) -> None:
        self.said.append(f"stop {grace:g}")


async def _serve(one: EarlyCompanion[_Said] | LateCompanion[_Said], said: list[str]) -> list[str]:
    """What happens when HTTP begins between the two steps of a start."""
    await one.bind()
    said.append("http")
    await one.start()
    await one.stop(3)
    return said


def test_a_late_one_is_made_in_a_thread_when_http_is_served() -> None:
    said: list[str] = []
    late = LateCompanion(lambda: _Said(said))
    assert asyncio.run(_serve(late, said)) == ["http", "late", "bind", "start", "stop 3"]
    assert late.made is not None


def test_an_early_one_takes_its_port_before_http() -> None:
    said: list[str] = []
    assert asyncio.run(_serve(EarlyCompanion(_Said(said)), said)) == [
        "made", "bind", "http", "start", "stop 3",
    ]  # fmt: skip


@pytest.mark.parametrize("kind", [EarlyCompanion(None), LateCompanion(lambda: None)])
def test_there_may_be_none(kind: EarlyCompanion[_Said] | LateCompanion[_Said]) -> None:
    assert asyncio.run(_serve(kind, [])) == ["http"]
    assert kind.made is None


def test_what_a_late_one_raises_is_raised_by_the_start() -> None:
    def fail() -> _Said:
        raise OperationalError("no packages")

    with pytest.raises(OperationalError, match="no packages"):
        asyncio.run(_serve(LateCompanion(fail), []))
