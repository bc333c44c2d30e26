"""One manifest as the live catalog keeps it: compact JSON, decoded when it is asked for.

A hundred thousand records as Python objects take ten times the memory of their text, and most are never asked for.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final, NamedTuple, cast

import orjson

from registry_tool.manifests.data import Data
from registry_tool.manifests.layout import Place
from registry_tool.manifests.problems import JSON

__all__ = ["NOTHING", "ReadPart", "decode", "encode", "read_part"]

NOTHING: Final[Data] = {}
_KINDS: Final = {
    "registry.yaml": "registry", "serve.yaml": "serve", "namespace.yaml": "namespace",
    "model.yaml": "model", "version.yaml": "version", "metadata.yaml": "metadata",
    "status.yaml": "status", "wire.yaml": "wire", "deletion.yaml": "deletion", "draft.yaml": "draft",
    "title.yaml": "title", "aliases": "alias", "tags": "tag", "titles": "title",
    "evidence": "evidence", "objects": "object",
}  # fmt: skip


class ReadPart(NamedTuple):
    """A manifest as it was read.

    Attributes:
        data: Its data; empty where it is broken.
        problem: Why it is not served; empty where it is.
        loose: What can be read of it, broken or not: numbering must not depend on which schemas a program knows.
    """

    data: Data
    problem: str
    loose: Data


def encode(data: JSON | Data | Mapping[str, object]) -> bytes:
    """Compact JSON, in as many bytes as it takes: what is kept is encoded here."""
    try:
        # A copy of the exact size: orjson's own result leaves a hole of up to its size behind it.
        return bytes(memoryview(orjson.dumps(data)))
    except TypeError:  # a whole number of more than 64 bits
        return json.dumps(data, separators=(",", ":"), ensure_ascii=False).encode()


def decode(source: bytes) -> Data:
    """The mapping that some compact JSON is."""
    return cast("Data", orjson.loads(source)) if source else NOTHING


def _kind(file: str) -> str:
    return _KINDS[file] if file in _KINDS else _KINDS[file.partition("/")[0]]


def _read_loosely(source: bytes) -> Data:
    from registry_tool.manifests.yaml.explain import explain
    from registry_tool.manifests.yaml.fast import Unsure, load_fast

    data = load_fast(source)
    if isinstance(data, Unsure):
        data = explain(source).data
    return data if isinstance(data, dict) else NOTHING


def read_part(path: str, file: str, source: bytes) -> ReadPart:
    """Read one manifest.

    Args:
        path: Where it is, for the problem.
        file: The file, from the folder of its object; see ``Spot``.
        source: Its bytes.
    """
    # A server that begins where it stopped reads no manifest.
    from registry_tool.manifests.document import parse_document
    from registry_tool.manifests.schema import schema_ids

    kind = _kind(file)
    if f"{kind}/v1" not in schema_ids():
        data = _read_loosely(source)
        return ReadPart(data, "" if data else f"{path}: cannot be read", data)
    document = parse_document(path, Place(kind), source)
    if document.data is not None:
        return ReadPart(document.data, "", document.data)
    problem = document.problems[0]
    words = f"{path}:{problem.line}: {problem.message}"
    return ReadPart(NOTHING, words, _read_loosely(source))
