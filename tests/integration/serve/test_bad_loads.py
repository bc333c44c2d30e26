"""Every row of the table of bad uploads of Kolena's clients, and signed addresses that are misused, against a server process."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import NamedTuple, cast
from urllib.parse import urlsplit

import httpx
import pytest
from support import git
from support.bad_loads import LOADS, BadLoad, make_rows
from support.impatient_servers import read_tip, serve_impatiently
from support.kolena_wire import (
    RemoteApp,
    add_case,
    edit_rows,
    said,
    stored_registry,
    upload_rows,
)
from support.raw_http import Ask, ask, connect
from support.served_apps import Reply, ServedApp
from support.served_registries import make_token, wait_until
from support.wire_clients import ServerProcess
from support.written_trains import bare_registry

from registry_tool.access.packed_tokens import pack_token
from registry_tool.manifests.problems import JSON


class Served(NamedTuple):
    """A server with a DVC remote, and the folder of that.

    Attributes:
        server: The server.
        bare: The registry.
        app: Asks it.
        clock: A file with the seconds that its clock is ahead.
    """

    server: ServerProcess
    bare: Path
    app: ServedApp
    clock: Path

    def list_chunks(self, load: str) -> list[str]:
        """The chunks of a load that are kept; the server's state folder is that of this test."""
        return sorted(name for name in self.list_files(load) if not name.startswith("."))

    def list_files(self, load: str) -> list[str]:
        """Those, and files that are being received."""
        return [path.name for path in self.bare.parent.glob(f"state/**/{load}/*")]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("loads")
    bare = bare_registry(folder, stored_registry(folder))
    clock = folder / "clock"
    clock.write_text("0")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(folder / "state"))
        patch.setenv("PATIENCE", "60")  # no test is about slow clients
        with serve_impatiently(bare, clock=clock) as server, httpx.Client(base_url=server.url, timeout=60) as client:  # fmt: skip
            yield Served(server, bare, cast("ServedApp", RemoteApp(client)), clock)
    assert git(bare, "fsck", "--full", "--strict") == ""


def begin(served: Served) -> str:
    return str(said(served.app.ask("PUT", "batched-load/upload/init"))["uuid"])


def sign(served: Served, load: str) -> str:
    """The address for the next chunk of a load."""
    return str(said(served.app.ask("GET", f"batched-load/upload/signed-url/{load}"))["signed_url"])


def put(served: Served, url: str, content: bytes) -> Reply:
    """Upload a chunk to an address, as the client does: without a token or a type."""
    return served.app.ask("PUT", url, content=content, headers={})


def edit(served: Served, case: dict[str, JSON], load: str) -> Reply:
    body = {"test_case_id": case["id"], "current_version": case["version"], "description": "d"}
    return served.app.ask("PUT", "generic/test-case/edit", {**body, "reset": False, "uuid": load})


def edit_status(served: Served, case: dict[str, JSON], load: str) -> int:
    return edit(served, case, load).status


def explain(reply: Reply) -> str:
    """What an answer in the protocol's form of errors says."""
    assert reply.data.keys() == {"detail"}, reply
    return str(reply.data["detail"])


# --- files


@pytest.mark.parametrize("row", LOADS, ids=[row.name for row in LOADS])
def test_a_bad_file_is_refused_and_leaves_nothing(row: BadLoad, served: Served) -> None:
    case = add_case(served.app, f"case of {row.name}")
    before, load = read_tip(served.bare), begin(served)
    chunk = put(served, sign(served, load), row.build())
    if not row.is_chunk:
        assert chunk.status == 200, chunk.data
    refused = chunk if row.is_chunk else edit(served, case, load)
    assert refused.status == 422, refused.data
    assert row.words in explain(refused)
    assert read_tip(served.bare) == before
    assert bool(served.list_chunks(load)) is not row.is_chunk
    assert said(edit(served, case, upload_rows(served.app, make_rows())))["version"] == 1


def test_a_chunk_that_is_cut_at_any_byte_is_not_kept(served: Served) -> None:
    load = begin(served)
    target = urlsplit(sign(served, load)).path
    whole = Ask("PUT", target, make_rows(), {"Content-Type": ""}).encode()
    for length in (*range(0, len(whole), 40), len(whole) - 1):
        with connect(served.server.port) as connection:
            connection.sendall(whole[:length])
    case = add_case(served.app, "after cuts")
    wait_until(lambda: not served.list_files(load), 60)  # the server notices the last cuts
    assert ask(served.server.port, [whole]).status == 200
    assert said(edit(served, case, load))["version"] == 1


# --- signed addresses


def test_an_address_is_used_once(served: Served) -> None:
    load = begin(served)
    url = sign(served, load)
    assert put(served, url, make_rows()).status == 200
    twice = put(served, url, make_rows(4))
    assert (twice.status, "used already" in explain(twice)) == (403, True)
    assert len(served.list_chunks(load)) == 1


def test_of_two_uses_at_once_one_counts(served: Served) -> None:
    load = begin(served)
    target = urlsplit(sign(served, load)).path
    request = Ask("PUT", target, make_rows(), {"Content-Type": ""})
    found = at_once([lambda: ask(served.server.port, request).status] * 4)
    assert sorted(found) == [200, 403, 403, 403]
    assert len(served.list_chunks(load)) == 1


def test_an_address_is_late_after_an_hour(served: Served) -> None:
    load = begin(served)
    url = sign(served, load)
    served.clock.write_text("3601")
    try:
        late = put(served, url, make_rows())
    finally:
        served.clock.write_text("0")
    assert (late.status, "expired" in explain(late)) == (403, True)
    assert served.list_chunks(load) == []


def test_an_address_is_for_one_object_and_one_use(served: Served) -> None:
    case = add_case(served.app, "read", ("1", "{}", "1"))
    first, second = (sign(served, begin(served)) for _ in range(2))
    head, _, tail = first.rpartition(".")
    other = second.rpartition(".")[0]
    body: dict[str, JSON] = {"test_case_id": case["id"], "batch_size": 10}
    listed = served.app.ask("PUT", "generic/test-case/load-test-samples", body).content
    reading = str(json.loads(listed)["path"])
    base = first.rpartition("/")[0]
    for bad in (f"{other}.{tail}", f"{head}.{'A' * 43}", head, f"{base}/{reading}", f"{base}/x"):
        refused = put(served, bad, make_rows())
        assert (refused.status, "not valid here" in explain(refused)) == (403, True)
    writing = first.rpartition("/")[2]
    refused = served.app.ask("GET", f"batched-load/download/by-path/{writing}")
    assert refused.status == 403
    assert put(served, first, make_rows()).status == 200


def test_a_chunk_has_a_greatest_length(served: Served) -> None:
    load = begin(served)
    target = urlsplit(sign(served, load)).path
    for length in (str((2 << 30) + 1), str(10 << 30)):
        headers = {"Content-Type": "", "Content-Length": length}
        answer = ask(served.server.port, Ask("PUT", target, b"PAR1", headers))
        assert answer.status == 413, answer
    assert served.list_chunks(load) == []


def test_a_load_ends_with_its_use(served: Served) -> None:
    case = add_case(served.app, "once")
    load = upload_rows(served.app, make_rows())
    url = sign(served, load)
    case = said(edit(served, case, load))
    assert put(served, url, make_rows()).status == 404
    assert edit(served, case, load).status == 404
    assert served.app.ask("GET", f"batched-load/upload/signed-url/{load}").status == 404


# --- two clients


def at_once(calls: Sequence[Callable[[], int]]) -> list[int]:
    """The results of calls that begin together."""
    start = threading.Barrier(len(calls))

    def run(call: Callable[[], int]) -> int:
        start.wait(30)
        return call()

    with ThreadPoolExecutor(len(calls)) as pool:
        return [*pool.map(run, calls)]


def test_of_clients_that_edit_one_test_case_at_once_one_wins(served: Served) -> None:
    case = add_case(served.app, "shared", ('"first"', "{}", "1"))
    loads = [upload_rows(served.app, edit_rows((f'"{n}"', "{}", "1"))) for n in range(6)]
    found = at_once([partial(edit_status, served, case, load) for load in loads])
    assert sorted(found) == [200, 409, 409, 409, 409, 409]
    newest = said(served.app.ask("PUT", "generic/test-case/load", {"name": "shared"}))
    assert newest["version"] == 2
    assert said(edit(served, newest, loads[found.index(409)]))["version"] == 3


def test_of_clients_that_create_one_test_case_at_once_one_wins(served: Served) -> None:
    body: dict[str, JSON] = {"name": "one", "description": "", "workflow": "lang"}
    calls = [lambda: served.app.ask("POST", "generic/test-case/create", body).status] * 6
    assert sorted(at_once(calls)) == [200, 409, 409, 409, 409, 409]


# --- tokens


def test_tokens_of_other_forms_are_refused_also_in_the_exchange(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATIENCE", "60")
    bare = bare_registry(tmp_path, stored_registry(tmp_path))
    tokens = tmp_path / "tokens.jsonl"
    good = make_token(tokens, "write", name="Good")
    reader = make_token(tokens, "read", name="Reader")
    three_parts = "eyJhbGciOiJub25lIn0.eyJhcGlfYWRkcmVzcyI6Imh0dHA6Ly94In0.AAAA"
    wrong = (
        "tfy_rt_unknown",
        three_parts,
        pack_token("rt_unknown"),
        "",
        "Basic Z29vZA==",
        good[:-1],
        "x" * 10_000,
        "ü\0",
    )
    with serve_impatiently(bare, "--tokens", str(tokens)) as server, httpx.Client(base_url=server.url, timeout=60) as client:  # fmt: skip

        def exchange(token: object) -> httpx.Response:
            return client.put("/v1/token/login", json={"api_token": token, "version": "1.69.0"})

        for token in wrong:
            answer = exchange(token)
            assert answer.status_code in {401, 422}, answer.text
            assert answer.json().keys() == {"detail"}
        assert exchange(7).status_code == 422
        for token in (good, f"tfy_{good}", pack_token(good)):  # other vendors' forms of one token
            assert exchange(token).json()["access_token"] == token
        client.headers["Authorization"] = f"Bearer {reader}"
        assert client.put("/v1/batched-load/upload/init").status_code == 403
        client.headers["Authorization"] = f"Bearer {good}"
        app = cast("ServedApp", RemoteApp(client))
        case = add_case(app, "first", ("1", "{}", "1"))
        asked = {"test_case_id": case["id"], "batch_size": 10}
        line = client.put("/v1/generic/test-case/load-test-samples", json=asked).json()
        path = f"/v1/batched-load/download/by-path/{line['path']}"
        client.headers["Authorization"] = f"Bearer {reader}"
        assert client.get(path).status_code == 404, "it was made for another subject"
        # An address needs no token; the call that makes something of what was uploaded does.
        client.headers["Authorization"] = f"Bearer {good}"
        load = str(said(app.ask("PUT", "batched-load/upload/init"))["uuid"])
        path = f"batched-load/upload/signed-url/{load}"
        url = str(said(app.ask("GET", path))["signed_url"])
        del client.headers["Authorization"]
        assert app.ask("PUT", url, content=make_rows(), headers={}).status == 200
        changed = {
            "test_case_id": case["id"],
            "current_version": 1,
            "description": "",
            "reset": True,
        }
        assert app.ask("PUT", "generic/test-case/edit", {**changed, "uuid": load}).status == 401
        assert app.ask("GET", path).status == 401
