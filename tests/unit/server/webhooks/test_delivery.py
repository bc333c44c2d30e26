from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from support.scripted_http import Answer, Asked, scripted_server

from registry_tool.errors import GitError, NotFoundError
from registry_tool.server.webhooks.allowed_addresses import AllowedAddresses
from registry_tool.server.webhooks.delivery import (
    Dispatcher,
    Message,
    Pace,
    Published,
    WebhookHost,
)
from registry_tool.server.webhooks.registrations import Position, Webhook, WebhookStore

QUICK = Pace(first=0.01, longest=0.05, give_up=60)


class Line:
    """A history: commits ``0``, ``1`` and so on, each with one message or more."""

    def __init__(self) -> None:
        self.commits: list[list[Message]] = []
        self.lost: set[str] = set()
        self.failures = 0
        self.reads = 0

    def tip(self) -> str:
        return str(len(self.commits))

    def step(self, commit: str) -> str:
        return (
            str(min(int(commit or 0) + 3, len(self.commits)))
            if commit not in self.lost
            else self.tip()
        )

    def read(self, base: str, head: str) -> list[Published]:
        self.reads += 1
        if self.failures:
            self.failures -= 1
            raise GitError("git failed")
        if base in self.lost:
            raise NotFoundError("no such commit")
        found = enumerate(self.commits[int(base or 0) : int(head)], int(base or 0) + 1)
        return [Published(str(number), messages) for number, messages in found if messages]

    @staticmethod
    def sign(secret: str, delivery: str, moment: int, body: bytes) -> Mapping[str, str]:
        return {
            "X-Id": delivery,
            "X-Secret": secret,
            "X-Length": str(len(body)),
            "X-At": str(moment),
        }


class Rig:
    """A dispatcher over a line."""

    def __init__(self, folder: Path, line: Line, pace: Pace = QUICK) -> None:
        self.line = line
        self.said: list[str] = []
        self.allowed = AllowedAddresses(("http",), ("127.0.0.1:*",))
        self.store = WebhookStore(folder)
        policy: Callable[[], AllowedAddresses] = lambda: _Everything(("http",))  # noqa: E731
        host = WebhookHost(line.tip, line.step, policy, self.said.append)
        self.dispatcher = Dispatcher(self.store, line, host, pace)
        self.dispatcher.start()

    def add(self, url: str, *kinds: str, number: int = 1) -> str:
        hook = Webhook(str(uuid.UUID(int=number)), f"hook-{number}", url, kinds or ("a",), secret="s", position=Position(self.line.tip()))  # fmt: skip
        self.store.put(hook)
        self.dispatcher.follow(hook.id)
        return hook.id

    def publish(self, *kinds: str) -> None:
        number = len(self.line.commits)
        self.line.commits.append([Message(kind, f"{number}{kind}".encode()) for kind in kinds])
        self.dispatcher.notify()

    def wait(self, is_so: Callable[[], bool]) -> None:
        ends = time.monotonic() + 20
        while not is_so():
            assert time.monotonic() < ends
            time.sleep(0.01)


class _Everything(AllowedAddresses):
    """Allows this machine."""

    def judge(self, _: object) -> Callable[[object], bool]:
        return lambda _: True


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    found = Rig(tmp_path / "webhooks", Line())
    yield found
    found.dispatcher.stop()


@contextmanager
def _receiver(*answers: Answer) -> Iterator[tuple[str, Callable[[int], list[str]], list[Asked]]]:
    """A receiver that gives some answers, then 200; its address, what waits for bodies, and the requests."""
    left = [*answers]
    with scripted_server(lambda _: left.pop(0) if left else Answer()) as server:
        yield server.url, lambda n: [one.body.decode() for one in server.wait_for(n)], server.asked


def test_messages_come_in_order_and_only_those_that_are_wanted(rig: Rig) -> None:
    with _receiver() as (url, bodies, asked):
        rig.publish("a")  # before the registration
        number = rig.add(url, "a", "c")
        rig.publish("a", "b", "c")
        rig.publish()
        for _ in range(10):
            rig.publish("b", "a")
        assert bodies(12) == ["1a", "1c", *(f"{n}a" for n in range(3, 13))]
        rig.wait(lambda: rig.store.find(number).position == Position("13"))  # type: ignore[union-attr]
        assert len({one.headers["x-id"] for one in asked}) == 12
        assert {one.headers["content-type"] for one in asked} == {"application/json"}


@pytest.mark.parametrize("status", [500, 503, 429, 408, 425])
def test_what_may_succeed_later_is_tried_again_with_the_same_id(rig: Rig, status: int) -> None:
    with _receiver(Answer(status), Answer(status), Answer(status)) as (url, bodies, asked):
        rig.add(url)
        rig.publish("a")
        rig.publish("a")
        assert bodies(5) == ["0a"] * 4 + ["1a"]
        assert len({one.headers["x-id"] for one in asked}) == 2
        assert rig.said == [f"webhook hook-1: its receiver answered with status {status}; it is tried again"]  # fmt: skip


@pytest.mark.parametrize("answer", [Answer(400), Answer(404), Answer(410), Answer(302, b"", {"Location": "http://127.0.0.1:1/"})])  # fmt: skip
def test_what_cannot_succeed_is_dropped_and_a_redirect_is_not_followed(
    rig: Rig, answer: Answer
) -> None:
    with _receiver(answer, answer) as (url, bodies, _):
        rig.add(url)
        for _ in range(3):
            rig.publish("a")
        assert bodies(3) == ["0a", "1a", "2a"]
    assert rig.said == [
        f"webhook hook-1: a message is dropped: its receiver answered with status {answer.status}"
    ]


def test_a_slow_receiver_delays_no_other(rig: Rig) -> None:
    gate = threading.Event()

    def slow(_: Asked) -> Answer:
        gate.wait(20)
        return Answer()

    with scripted_server(slow) as stuck, _receiver() as (url, bodies, _):
        for number in range(2, 8):
            rig.add(stuck.url, number=number)
        rig.add(url)
        began = time.monotonic()
        for _ in range(20):
            rig.publish("a")
        assert len(bodies(20)) == 20
        assert time.monotonic() - began < 10
        gate.set()
        assert len(stuck.wait_for(6 * 20)) == 120


def test_a_restart_goes_on_in_the_middle_of_a_commit(tmp_path: Path) -> None:
    line = Line()
    with _receiver(Answer(), Answer(), Answer(503)) as (url, bodies, asked):
        first = Rig(tmp_path / "webhooks", line, replace(QUICK, first=30, longest=30))
        first.add(url, "a", "b", "c")
        first.publish("a", "b", "c")
        assert bodies(3) == ["0a", "0b", "0c"]
        first.wait(lambda: first.said != [])
        first.dispatcher.stop()
        found = next(iter(first.store))
        assert found.position == Position("0", "1", 2)
        assert found.failing_since > 0
        second = Rig(tmp_path / "webhooks", line)
        assert bodies(4)[3:] == ["0c"]
        assert asked[2].headers["x-id"] == asked[3].headers["x-id"]
        second.wait(lambda: next(iter(second.store)).position == Position("1"))
        assert next(iter(second.store)).failing_since == 0
        second.dispatcher.stop()


def test_a_changed_registration_is_tried_at_once_and_a_removed_one_not_again(rig: Rig) -> None:
    rig.dispatcher.pace = replace(QUICK, first=3600, longest=3600)
    with _receiver(Answer(500)) as (url, bodies, asked):
        number = rig.add(url)
        rig.publish("a")
        bodies(1)
        rig.wait(lambda: rig.said != [])
        rig.dispatcher.start()  # as every call does; nothing is tried again for that
        rig.dispatcher.notify()
        time.sleep(0.1)
        assert len(asked) == 1
        rig.store.edit(number, lambda one: replace(one, secret="new"))
        rig.dispatcher.follow(number)
        bodies(2)
        assert asked[1].headers["x-secret"] == "new"
        rig.store.remove(number)
        rig.dispatcher.follow(number)
        rig.publish("a")
        rig.dispatcher.stop()
        assert len(asked) == 2


def test_a_webhook_that_fails_for_too_long_is_disabled(tmp_path: Path) -> None:
    rig = Rig(tmp_path / "webhooks", Line(), replace(QUICK, give_up=0.2))
    with _receiver(*[Answer(500)] * 1000) as (url, _, asked):
        number = rig.add(url)
        rig.publish("a")
        rig.wait(lambda: not rig.store.find(number).is_active)  # type: ignore[union-attr]
        rig.wait(lambda: len(rig.said) == 2)
        assert rig.said[1] == "webhook hook-1 is disabled: its receiver answered with status 500"
        tried = len(asked)
        rig.publish("a")
        time.sleep(0.2)
        assert len(asked) == tried
    with _receiver() as (url, bodies, _):
        now = Position(rig.line.tip())
        rig.store.edit(number, lambda one: replace(one, url=url, is_active=True, position=now))
        rig.dispatcher.follow(number)
        rig.publish("a")
        assert bodies(1) == ["2a"]
    rig.dispatcher.stop()


def test_no_connection_and_a_refused_address_are_tried_again(rig: Rig) -> None:
    rig.add("http://127.0.0.1:1/")
    rig.add("https://example.org/", number=2)
    rig.publish("a")
    rig.wait(lambda: len(rig.said) == 2)
    assert "127.0.0.1:1 did not answer" in "".join(rig.said)
    assert "the scheme https is not allowed here" in "".join(rig.said)


def test_a_rewritten_branch_and_a_failing_git_lose_no_thread(rig: Rig) -> None:
    with _receiver() as (url, bodies, _):
        rig.add(url)
        rig.line.failures = 1
        rig.publish("a")
        assert bodies(1) == ["0a"]
        rig.wait(lambda: next(iter(rig.store)).position == Position("1"))
        rig.line.lost = {"1"}
        rig.publish("a")
        rig.wait(lambda: next(iter(rig.store)).position == Position("2"))
        rig.publish("a")
        assert bodies(2) == ["0a", "2a"]
    assert rig.said == ["webhook hook-1: git failed", "the branch was rewritten; webhooks continue at its new state"]  # fmt: skip


def test_webhooks_at_one_position_share_one_reading(rig: Rig) -> None:
    with _receiver() as (url, bodies, _):
        for number in range(1, 9):
            rig.add(url, number=number)
        rig.publish("a")
        assert len(bodies(8)) == 8
    assert rig.line.reads == 1


@pytest.mark.parametrize(
    ("failures", "asked", "expected"),
    [(1, "", 1), (2, "", 2), (5, "", 16), (11, "", 600), (10_000, "", 600), (1, "30", 30), (1, "99999", 600), (1, "soon", 1), (9, "1", 256), (1, "²", 1)],
)  # fmt: skip
def test_pauses_double_up_to_ten_minutes_and_a_receiver_may_ask_for_more(
    failures: int, asked: str, expected: float
) -> None:
    assert Pace().delay(failures, asked) == expected
