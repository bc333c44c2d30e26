"""Every row of the table of bad calls, over gRPC, against a server process."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

import grpc
import pytest
from support import git
from support.bad_calls import CALLS, STREAMS, BadCall, BadFrames
from support.impatient_servers import read_tip
from support.modelbox_wire import ModelBoxWire, connect
from support.wire_clients import running_server
from support.written_trains import bare_registry

from registry_tool.server.modelbox.descriptors import SERVICE


class Served(NamedTuple):
    """A server that all rows are sent to, and the id of its model ``taken``."""

    wire: ModelBoxWire
    bare: Path
    taken: str

    def names(self) -> set[str]:
        """The names of its models."""
        return {str(one["name"]) for one in self.wire.items("ListModels", "models")}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("bad")
    (folder / "storage").mkdir()
    config = (
        f"[core]\n    remote = storage\n['remote \"storage\"']\n    url = {folder / 'storage'}\n"
    )
    bare = bare_registry(folder, {".dvc/config": config})
    with running_server(bare, "--grpc-port", "0") as server, connect(server.target) as wire:
        taken = str(wire.get("CreateModel", name="taken")["id"])
        wire.ask("CreateModel", name="caf\u00e9")
        yield Served(wire, bare, taken)
        assert not any("Traceback" in line for line in server.log)
    assert git(bare, "fsck", "--full", "--strict") == ""


def status(served: Served, row: BadCall) -> str:
    """The status of a call with any bytes."""
    connect_as = (
        served.wire.channel.unary_stream
        if row.call == "DownloadFile"
        else served.wire.channel.unary_unary
    )
    call = connect_as(
        f"/{SERVICE}/{row.call}",
        request_serializer=lambda one: one,
        response_deserializer=lambda one: one,
    )
    try:
        answer: bytes | Iterator[bytes] = call(row.content, timeout=10)
        return "OK" if isinstance(answer, bytes) or list(answer) else ""
    except grpc.RpcError as exc:
        return exc.code().name


@pytest.mark.parametrize("row", CALLS, ids=[row.name for row in CALLS])
def test_a_bad_call_is_refused_and_leaves_nothing(row: BadCall, served: Served) -> None:
    before = read_tip(served.bare)
    found = status(served, row)
    assert found in row.expected
    if found != "OK":
        assert read_tip(served.bare) == before
    assert "taken" in served.names()


@pytest.mark.parametrize("row", STREAMS, ids=[row.name for row in STREAMS])
def test_a_bad_upload_is_refused_and_leaves_nothing(row: BadFrames, served: Served) -> None:
    before = read_tip(served.bare)
    code, _ = served.wire.failure(lambda: served.wire.send(row.build(served.taken)))
    assert code in row.expected
    assert read_tip(served.bare) == before
    assert "taken" in served.names()


def test_an_upload_cut_at_any_frame_makes_all_or_nothing(served: Served) -> None:
    before = read_tip(served.bare)
    row = next(one for one in STREAMS if one.name == "a wrong checksum")
    whole = [*row.build(served.taken)]
    for count in range(len(whole) + 1):
        code, _ = served.wire.failure(partial(served.wire.send, whole[:count]))
        assert code in {"INVALID_ARGUMENT", "DATA_LOSS"}
    assert read_tip(served.bare) == before
