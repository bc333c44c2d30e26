"""What was uploaded through the artifact proxy, found by the path, run or logged model that a version's source names."""

from __future__ import annotations

import re
from collections.abc import Collection, Hashable, Iterator
from typing import Final
from urllib.parse import unquote, urlsplit

from registry_tool.artifacts.dvc_files import Member
from registry_tool.integrations.mlflow_mapping import API, VersionOrigin
from registry_tool.live.records import ObjectRecord, Record
from registry_tool.live.snapshot import Snapshot
from registry_tool.server.files.uploads import (
    UPLOAD,
    describe_upload,
    normalize_path,
    uploads_below,
)
from registry_tool.server.mlflow.errors import MlflowError
from registry_tool.server.mlflow.render import PROXY_ROOT

__all__ = ["check_path", "find_source"]

_KIND: Final = f"{API}/{UPLOAD}"
_MODEL_ID: Final = re.compile(r"(?:^|/)(m-[0-9a-f]{32})/artifacts/")
_RUN_ID: Final = re.compile(r"(?:^|/)([0-9a-f]{32})/artifacts/")
_PROXY: Final = "/mlflow-artifacts/artifacts/"


def check_path(written: str) -> str:
    """A path of the proxy, without slashes at its ends; empty for the root.

    Raises:
        MlflowError: It leaves the root, is too long or too deep, or contains what no file name may.
    """
    found = normalize_path(written)
    if found is None:
        raise MlflowError("Invalid path")
    return found


def _logged_model(record: Record) -> Hashable:
    match = _MODEL_ID.search(record.shown)
    return None if match is None else match[1]


def _logged_run(record: Record) -> Hashable:
    match = _RUN_ID.search(record.shown)
    return None if match is None else match[1]


def _proxied_path(source: str, addresses: Collection[str]) -> str:
    """The path in the proxy that a source names; empty where it names none of ours."""
    parsed = urlsplit(source)
    if parsed.scheme == "mlflow-artifacts":
        return unquote(parsed.path.strip("/"))
    if f"{parsed.scheme}://{parsed.netloc}" not in addresses:
        return ""
    return unquote(parsed.path.partition(_PROXY)[2].strip("/"))


def _members(records: Iterator[ObjectRecord], start: re.Pattern[str]) -> list[Member]:
    """The uploads below a place that a pattern finds."""
    found: dict[str, Member] = {}
    for record in records:
        match = start.search(record.shown)
        if match is not None and (path := record.shown[match.end() :]):
            found[path] = describe_upload(record, path)
    return list(found.values())


def _indexed(snapshot: Snapshot, name: str, number: str) -> Iterator[ObjectRecord]:
    value = _logged_model if name == "logged model" else _logged_run
    ids = snapshot.indexes.find(_KIND, name, value, number)
    found = (snapshot.record(one) for one in ids)
    return (record for record in found if isinstance(record, ObjectRecord))


def find_source(
    snapshot: Snapshot, origin: VersionOrigin, addresses: Collection[str]
) -> list[Member]:
    """The uploaded files that a version's source names: a logged model, a folder of a run, or an address of the proxy.

    Args:
        snapshot: Where to look.
        origin: Where the version comes from.
        addresses: Those of this server, such as ``https://models.example.org``.
    """
    path = _proxied_path(origin.source, addresses)
    if path and not path.startswith(f"{PROXY_ROOT}/"):
        found = _members(uploads_below(snapshot, API, path), re.compile(f"^{re.escape(path)}/"))
        if found:
            return found
    parsed = urlsplit(origin.source)
    named = parsed.path.strip("/")
    if parsed.scheme == "runs":
        run, _, folder = named.partition("/")
        start = re.compile(
            rf"(?:^|/){re.escape(run)}/artifacts/" + (f"{re.escape(folder)}/" if folder else "")
        )
        found = _members(_indexed(snapshot, "logged run", run), start)
        if found:
            return found
    model = named if parsed.scheme == "models" and named.startswith("m-") else origin.model_id
    return _members(_indexed(snapshot, "logged model", model), _MODEL_ID) if model else []
