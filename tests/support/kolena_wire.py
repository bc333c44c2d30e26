"""Kolena's protocol as its client speaks it, without the client: loads of Parquet, and calls about models, cases and suites."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, cast

import httpx
import pyarrow as pa
import pyarrow.parquet as pq

from registry_tool.manifests.problems import JSON
from support.manifests import registry_yaml
from support.served_apps import Reply, ServedApp

__all__ = [
    "PREFIX",
    "RemoteApp",
    "Rows",
    "add_case",
    "ask_rows",
    "decode_rows",
    "edit_rows",
    "encode_rows",
    "load_case",
    "put_chunk",
    "read_rows",
    "said",
    "stored_registry",
    "upload_rows",
]

PREFIX: Final = "/v1"
Rows = Mapping[str, Sequence[str | int | bool | None]]


class RemoteApp:
    """A server of another process, asked as one of this process."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    def ask(
        self,
        method: str,
        path: str,
        body: JSON = None,
        *,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """Make one request."""
        url = path if "://" in path else f"{PREFIX}/{path}"
        if content is None:
            found = self._client.request(method, url, json=body if body is not None else {})
        else:
            found = self._client.request(method, url, content=content, headers=headers)
        is_json = found.headers.get("content-type", "").startswith("application/json")
        data = found.json() if is_json and found.content else {"text": ""}
        return Reply(found.status_code, data, found.headers, found.content)


def stored_registry(folder: Path) -> dict[str, str]:
    """The files of a registry with a DVC remote in a folder."""
    (folder / "storage").mkdir(exist_ok=True)
    config = f"[core]\n    remote = storage\n['remote \"storage\"']\n    url = {folder / 'storage'}\n"  # fmt: skip
    return {"registry.yaml": registry_yaml(), ".dvc/config": config}


def said(reply: Reply) -> dict[str, JSON]:
    """The answer to a request that succeeds."""
    assert reply.status == 200, reply.data
    return reply.data


def encode_rows(rows: Rows, compression: str = "snappy") -> bytes:
    """Rows as a Parquet file."""
    sink = io.BytesIO()
    pq.write_table(pa.table({name: [*values] for name, values in rows.items()}), sink, compression=compression)  # fmt: skip
    return sink.getvalue()


def edit_rows(*samples: tuple[str, str, str | None], remove: Sequence[int] = (), case: str | None = None) -> Rows:  # fmt: skip
    """The rows of an edit of a test case.

    Args:
        samples: The sample, its metadata and its ground truth, as the texts that they are.
        remove: The numbers of the rows that remove their sample.
        case: The test case, for several at once.
    """
    return {
        "test_case_name": [case] * len(samples),
        "test_sample_type": ["TEST_SAMPLE/CUSTOM"] * len(samples),
        "test_sample": [one[0] for one in samples],
        "test_sample_metadata": [one[1] for one in samples],
        "ground_truth": [one[2] for one in samples],
        "remove": [number in remove for number in range(len(samples))],
    }


def put_chunk(app: ServedApp, load: str, content: bytes) -> Reply:
    """Upload one chunk of a load."""
    url = str(said(app.ask("GET", f"batched-load/upload/signed-url/{load}"))["signed_url"])
    return app.ask("PUT", url, content=content, headers={"Content-Type": "application/octet-stream"})  # fmt: skip


def upload_rows(app: ServedApp, *chunks: Rows | bytes) -> str:
    """Upload a load; its id."""
    load = str(said(app.ask("PUT", "batched-load/upload/init"))["uuid"])
    for chunk in chunks:
        said(put_chunk(app, load, chunk if isinstance(chunk, bytes) else encode_rows(chunk)))
    return load


def ask_rows(app: ServedApp, path: str, body: Mapping[str, JSON]) -> dict[str, list[JSON]]:
    """The rows of a download, by column; all of its files together."""
    reply = app.ask("PUT", path, {"batch_size": 1_000_000, **body})
    assert reply.status == 200, reply.data
    found: dict[str, list[JSON]] = {}
    for line in reply.content.decode().splitlines():
        for name, values in read_rows(app, line).items():
            found.setdefault(name, []).extend(values)
    return found


def read_rows(app: ServedApp, line: str) -> dict[str, list[JSON]]:
    """The rows of one file of a download, by column."""
    part = app.ask("GET", f"batched-load/download/by-path/{json.loads(line)['path']}")
    assert part.status == 200, part.data
    return decode_rows(part.content)


def decode_rows(content: bytes) -> dict[str, list[JSON]]:
    """The rows of a Parquet file, by column."""
    table = pq.read_table(io.BytesIO(content))
    return {name: cast("list[JSON]", table[name].to_pylist()) for name in table.column_names}


def add_case(app: ServedApp, name: str, *samples: tuple[str, str, str | None], workflow: str = "lang") -> dict[str, JSON]:  # fmt: skip
    """A test case with samples."""
    case = said(app.ask("POST", "generic/test-case/create", {"name": name, "description": "", "workflow": workflow}))  # fmt: skip
    if not samples:
        return case
    body = {"test_case_id": case["id"], "current_version": 0, "description": "", "reset": True}
    return said(app.ask("PUT", "generic/test-case/edit", {**body, "uuid": upload_rows(app, edit_rows(*samples))}))  # fmt: skip


def load_case(app: ServedApp, case: Mapping[str, JSON]) -> dict[str, list[JSON]]:
    """The samples of a test case, by column."""
    return ask_rows(app, "generic/test-case/load-test-samples", {"test_case_id": case["id"]})
