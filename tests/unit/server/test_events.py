from __future__ import annotations

import asyncio
from collections.abc import Iterable

import pytest

from registry_tool.access.subjects import Subject, parse_grants
from registry_tool.errors import NotFoundError, UsageError
from registry_tool.manifests.problems import JSON
from registry_tool.server.events import (
    EventFeed,
    Position,
    is_visible,
    parse_position,
    server_sent,
)

A, B = "a" * 40, "b" * 40
ALL = Subject("Ada", "ada@example.org", "user", parse_grants(["read"]))
NLP = Subject("Bob", "bob@example.org", "user", parse_grants(["read:nlp"]))


def _event(commit: str, path: str) -> dict[str, JSON]:
    return {"id": f"{commit}:{path}", "type": "registry.x.added.v1", "data": {"message": "a\nb"}}


HISTORY = [
    (A, [_event(A, "models/nlp/x/model.yaml"), _event(A, "models/cv/y/model.yaml")]),
    (B, [_event(B, "registry.yaml"), _event(B, "models/nlp/z/model.yaml")]),
]


def _read(base: str | None, head: str) -> Iterable[dict[str, JSON]]:
    commits = [commit for commit, _ in HISTORY]
    start = 0 if base is None or base == f"{A}^" else commits.index(base.removesuffix("^")) + 1
    if base is not None and base.endswith("^") and base != f"{A}^":
        start -= 1
    for _, events in HISTORY[start : commits.index(head) + 1]:
        yield from events


@pytest.mark.parametrize("written", ["", "main", "a" * 39, "A" * 40, "HEAD:x", "--all", "a" * 41])
def test_a_position_is_an_id_of_a_commit_or_an_event(written: str) -> None:
    with pytest.raises(UsageError, match="is not a position"):
        parse_position(written)
    assert parse_position(f"{A}:models/x:y") == Position(A, "models/x:y")
    assert parse_position(A) == Position(A)


def test_an_event_is_one_record_of_a_stream_whatever_it_says() -> None:
    found = server_sent(_event(A, "models/nlp/x\ny\0"))
    assert found.startswith(f"id: {A}:models/nlp/xy\nevent: registry.x.added.v1\ndata: {{".encode())
    assert found.count(b"\n") == 4


@pytest.mark.parametrize(
    ("path", "expected"),
    [("models/nlp/x", True), ("models/cv/x", False), ("registry.yaml", False), ("objects/a/b", False), ("models/nlp", False)],
)  # fmt: skip
def test_a_file_is_visible_to_readers_of_its_namespace(path: str, expected: bool) -> None:  # noqa: FBT001 (a table)
    assert is_visible(path, NLP) is expected
    assert is_visible(path, ALL)


def test_the_rest_of_a_commit_comes_first() -> None:
    feed = EventFeed(_read, lambda: B)

    async def ids(position: Position, subject: Subject) -> list[JSON]:
        return [event["id"] async for part in feed.after(position, subject) for event in part]

    after_first = Position(A, "models/nlp/x/model.yaml")
    assert asyncio.run(ids(after_first, ALL)) == [
        f"{A}:models/cv/y/model.yaml", f"{B}:registry.yaml", f"{B}:models/nlp/z/model.yaml",
    ]  # fmt: skip
    assert asyncio.run(ids(after_first, NLP)) == [f"{B}:models/nlp/z/model.yaml"]
    assert asyncio.run(ids(Position(B), ALL)) == []
    with pytest.raises(NotFoundError):
        asyncio.run(ids(Position(A, "models/none"), ALL))


def test_a_stream_goes_on_when_the_branch_moves_and_ends_with_the_server() -> None:
    tip = A
    feed = EventFeed(_read, lambda: tip)

    async def run() -> list[bytes]:
        nonlocal tip
        stream = feed.stream(None, NLP)
        found = [await anext(stream)]
        waiting = asyncio.ensure_future(anext(stream))
        await asyncio.sleep(0.01)
        tip = B
        feed.notify()
        found.append(await waiting)
        feed.close()
        found += [piece async for piece in stream]
        return found

    first, second = asyncio.run(run())
    assert first == b": connected\n\n"
    assert f"id: {B}:models/nlp/z/model.yaml".encode() in second


def test_clients_share_a_reading_and_a_failed_one_is_not_kept() -> None:
    read: list[str | None] = []

    def count(base: str | None, head: str) -> Iterable[dict[str, JSON]]:
        read.append(base)
        if len(read) == 1:
            raise NotFoundError("gone")
        return _read(base, head)

    async def run() -> list[int]:
        feed = EventFeed(count, lambda: B)

        async def after() -> int:
            return sum([len(part) async for part in feed.after(Position(A), ALL)])

        with pytest.raises(NotFoundError):
            await after()
        gone = asyncio.ensure_future(after())
        await asyncio.sleep(0)
        gone.cancel()
        return await asyncio.gather(*(after() for _ in range(20)))

    assert asyncio.run(run()) == [2] * 20
    assert read == [A, A]


def test_what_was_missed_is_read_in_parts() -> None:
    read: list[tuple[str | None, str]] = []

    def note(base: str | None, head: str) -> Iterable[dict[str, JSON]]:
        read.append((base, head))
        return _read(base, head)

    def step(base: str, tip: str) -> str:
        return A if base == "" else tip

    async def run() -> list[int]:
        feed = EventFeed(note, lambda: B, step)
        found = [len(part) async for part in feed.after(Position(""), ALL)]
        async for part in feed.follow(Position(""), NLP):
            found.append(len(part))
            if len(found) == 4:
                feed.close()
        return found

    assert asyncio.run(run()) == [2, 2, 1, 1]
    assert read == [(None, A), (A, B)]
