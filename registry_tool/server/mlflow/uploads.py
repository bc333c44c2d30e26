"""What was uploaded through the artifact proxy: an object of the registry for each file, found by path, run and model."""

from __future__ import annotations

import re
from collections.abc import Collection, Hashable, Iterator
from typing import Final, NamedTuple
from urllib.parse import unquote, urlsplit

from registry_tool.artifacts.dvc_files import Member, member_problem
from registry_tool.catalog.shown_names import find_forbidden
from registry_tool.integrations.mlflow_mapping import API, VersionOrigin
from registry_tool.live.records import ObjectRecord, Record
from registry_tool.live.snapshot import Snapshot
from registry_tool.manifests.data import text, whole
from registry_tool.server.mlflow.errors import MlflowError
from registry_tool.server.mlflow.render import PROXY_ROOT

__all__ = [
    "UPLOAD",
    "ProxyEntry",
    "check_path",
    "describe_upload",
    "find_source",
    "find_upload",
    "list_folder",
    "uploads_below",
]

UPLOAD: Final = "upload"
"""The kind of object."""
_KIND: Final = f"{API}/{UPLOAD}"
_DEEPEST: Final = 32
_LONGEST: Final = 500
_MODEL_ID: Final = re.compile(r"(?:^|/)(m-[0-9a-f]{32})/artifacts/")
_RUN_ID: Final = re.compile(r"(?:^|/)([0-9a-f]{32})/artifacts/")
_PROXY: Final = "/mlflow-artifacts/artifacts/"


class ProxyEntry(NamedTuple):
    """A file or folder directly in a folder of the proxy."""

    name: str
    is_folder: bool
    size: int = 0


def check_path(written: str) -> str:
    """A path of the proxy, without slashes at its ends; empty for the root.

    Raises:
        MlflowError: It leaves the root, is too long or too deep, or contains what no file name may.
    """
    path = written
    for _ in range(8):  # a client may encode what another has encoded
        if (plain := unquote(path)) == path:
            break
        path = plain
    parts = path.strip("/").split("/") if path.strip("/") else []
    is_good = (
        not written.startswith("/")
        and len(parts) <= _DEEPEST
        and len(path) <= _LONGEST
        and not (parts and member_problem("/".join(parts)))
        and not find_forbidden("/".join(parts))
        and ":" not in "".join(parts[:1])
    )
    if not is_good:
        raise MlflowError("Invalid path")
    return "/".join(unquote(part) for part in written.strip("/").split("/") if part)


def _prefix(depth: int) -> tuple[Hashable, ...]:
    return ("upload prefix", depth)


def uploads_below(snapshot: Snapshot, folder: str) -> Iterator[ObjectRecord]:
    """The uploads below a folder, at any depth."""
    depth = folder.count("/") + 1 if folder else 0

    def value(record: Record) -> Hashable:
        parts = record.shown.split("/")
        return "/".join(parts[:depth]) if len(parts) > depth else None

    ids = (
        snapshot.indexes.find(_KIND, _prefix(depth), value, folder)
        if depth
        else snapshot.indexes.all_ids(_KIND)
    )
    found = (snapshot.record(number) for number in ids)
    return (record for record in found if isinstance(record, ObjectRecord))


def find_upload(snapshot: Snapshot, path: str) -> ObjectRecord | None:
    """The upload at a path; None where there is none."""
    found = snapshot.find(_KIND, "shown", path)
    return next((record for record in reversed(found) if isinstance(record, ObjectRecord)), None)


def describe_upload(record: ObjectRecord, path: str = "") -> Member:
    """An upload as a file of a folder.

    Args:
        record: The upload.
        path: Its path in the folder; the proxy's path by default.
    """
    data = record.data
    return Member(
        path or record.shown, whole(data, "size"), text(data, "sha256"), text(data, "md5")
    )


def list_folder(snapshot: Snapshot, folder: str) -> list[ProxyEntry]:
    """What was uploaded directly into a folder."""
    start = len(folder) + 1 if folder else 0
    found: dict[str, ProxyEntry] = {}
    for record in uploads_below(snapshot, folder):
        name, slash, _ = record.shown[start:].partition("/")
        size = 0 if slash else whole(record.data, "size")
        found[name] = ProxyEntry(name, bool(slash), size)
    return [found[name] for name in sorted(found)]


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
        found = _members(uploads_below(snapshot, path), re.compile(f"^{re.escape(path)}/"))
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
