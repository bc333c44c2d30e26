"""Every row of the table of bad requests, over HTTP, against a server process, in every protocol."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import pytest
from support import git
from support.bad_requests import ROWS, STREAMS, UPLOADS, BadRequest, BadStream, expected_statuses
from support.impatient_servers import assert_works, read_tip, serve_impatiently
from support.raw_http import Ask, RawAnswer, ask, connect
from support.wire_clients import ServerProcess
from support.wire_columns import COLUMNS, WireColumn
from support.written_trains import bare_registry

_SLOWEST: Final = 5.0  # seconds; every row is answered at once but for patience that runs out


class Served:
    """A server that all rows are sent to."""

    def __init__(self, server: ServerProcess, bare: Path) -> None:
        self.server = server
        self.bare = bare

    def ask(self, request: Ask | Iterable[bytes]) -> RawAnswer:
        return ask(self.server.port, request)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    bare = bare_registry(tmp_path_factory.mktemp("bad"))
    with serve_impatiently(bare) as server:
        found = Served(server, bare)
        by_api = {one.api: one for one in COLUMNS}
        # Kolena shows only models with a version, and creates both.
        for api, name in (("kolena", "taken"), ("mlflow", "caf\u00e9")):
            assert found.ask(by_api[api].create({"name": name})).status == 200
        yield found
        assert_works(server)
    assert git(bare, "fsck", "--full", "--strict") == ""


@pytest.mark.parametrize("row", ROWS, ids=[row.name for row in ROWS])
def test_a_bad_request_is_answered_in_the_protocols_words(
    row: BadRequest, column: WireColumn, served: Served
) -> None:
    if row.needs and not getattr(column, row.needs):
        pytest.skip(f"has no {row.needs}")
    before = read_tip(served.bare)
    request = row.build(column, served.ask)
    began = time.monotonic()
    answer = served.ask(request)
    assert time.monotonic() - began < _SLOWEST
    assert answer.status in expected_statuses(row, column), answer
    if answer.status >= 400:
        assert row.plain or column.is_error(answer), answer
        assert b"Traceback" not in answer.body
        assert read_tip(served.bare) == before
    assert column.finds(served.ask(column.read("taken")))


@pytest.mark.parametrize("row", [*STREAMS, *UPLOADS], ids=lambda row: row.name)
def test_a_bad_stream_ends(row: BadStream, column: WireColumn, served: Served) -> None:
    if row in UPLOADS and column.upload is None:
        pytest.skip("has no uploads")

    def pieces() -> Iterator[bytes]:
        for piece in row.build(column):
            yield piece
            if row.pause:
                threading.Event().wait(row.pause)

    before = read_tip(served.bare)
    answer = served.ask(pieces())
    assert answer.status in row.expected, answer
    if answer.status in {408, 413} and answer.body:
        assert column.is_error(answer), answer
    assert read_tip(served.bare) == before
    assert column.finds(served.ask(column.read("taken")))


def test_a_creating_call_cut_at_any_byte_makes_all_or_nothing(
    column: WireColumn, served: Served
) -> None:
    before = read_tip(served.bare)
    whole = column.create({"name": f"cut-{column.slug}"}).encode()
    for length in range(len(whole)):
        with connect(served.server.port) as connection:
            connection.sendall(whole[:length])
    assert column.finds(served.ask(column.read("taken")))
    assert read_tip(served.bare) == before
    assert served.ask(whole_pieces(whole)).status in {200, 201}


def whole_pieces(whole: bytes) -> Iterator[bytes]:
    """All of a request, byte by byte."""
    return (whole[at : at + 1] for at in range(len(whole)))
