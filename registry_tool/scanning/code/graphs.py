"""Graphs as protocol buffers: the operations and layers that they name. TensorFlow, Core ML, Paddle.

The numbers of fields are those of
https://github.com/tensorflow/tensorflow/tree/master/tensorflow/core (protobuf/saved_model.proto, framework/graph.proto, function.proto,
attr_value.proto), https://github.com/apple/coremltools/tree/main/mlmodel/format and
https://github.com/PaddlePaddle/Paddle/blob/develop/paddle/fluid/framework/framework.proto.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from registry_tool.scanning.code.documents import report_document
from registry_tool.scanning.code.named import NamedCode, judge_code, report_code
from registry_tool.scanning.context import Look
from registry_tool.scanning.documents import DOCUMENT_LIMIT, parse_json
from registry_tool.scanning.stream import MalformedFileError
from registry_tool.scanning.tensors.protobuf import Field, fields

__all__ = [
    "scan_coreml",
    "scan_keras_metadata",
    "scan_paddle",
    "scan_saved_model",
    "scan_tensorflow_graph",
    "scan_tensorflow_meta_graph",
]

_NAME: Final = 4096
_GRAPH: Final = {
    ("graph", 1): "node", ("graph", 2): "library", ("library", 1): "function", ("function", 3): "node",
    ("node", 5): "entry", ("function", 5): "entry", ("entry", 2): "attribute",
    ("attribute", 1): "list", ("attribute", 10): "named", ("list", 9): "named", ("named", 2): "entry",
}  # fmt: skip
_META: Final = {("meta", 2): "graph", **_GRAPH}
_SAVED: Final = {("saved", 2): "meta", **_META}
_OPERATION: Final = {("node", 2): _NAME, ("named", 1): _NAME}
_CORE_ML: Final = {
    ("model", 303): "network", ("model", 403): "network", ("model", 500): "network", ("model", 555): "custom",
    ("model", 556): "linked", ("model", 200): "wrapped", ("model", 201): "wrapped", ("model", 202): "pipeline", ("wrapped", 1): "pipeline",
    ("pipeline", 1): "model", ("network", 1): "layer", ("layer", 500): "custom",
    ("linked", 1): "file", ("file", 1): "text", ("file", 2): "text",
}  # fmt: skip
_CUSTOM: Final = {("custom", 10): _NAME, ("text", 1): _NAME}
_PADDLE: Final = {("program", 1): "block", ("block", 4): "op"}


def _texts(
    look: Look,
    root: str,
    messages: Mapping[tuple[str, int], str],
    wanted: Mapping[tuple[str, int], int],
) -> Iterator[tuple[Field, str]]:
    walked = fields(look.stream, look.report.budget, messages=messages, wanted=wanted, root=root)
    for one in walked:
        if (one.kind, one.number) in wanted:
            if not isinstance(one.value, bytes):
                raise MalformedFileError("a name is not text")
            yield one, one.value.decode(errors="replace")


def _operations(look: Look, root: str, messages: Mapping[tuple[str, int], str]) -> None:
    found: set[str] = set()
    try:
        for _, name in _texts(look, root, messages, _OPERATION):
            if judge_code(NamedCode("", "operation", name, "")) is not None:
                found.add(name)
    finally:
        if found:
            shown = ", ".join(sorted(found))
            look.finds("unsafe", f"TensorFlow operations outside of the graph: {shown}")
        for name in sorted(found):
            report_code(look, NamedCode("", "operation", name, "TensorFlow"))
    look.tells(format="tensorflow")


def scan_saved_model(look: Look) -> None:
    """Walk a SavedModel: every node of its graphs and of the functions in their libraries."""
    _operations(look, "saved", _SAVED)


def scan_tensorflow_graph(look: Look) -> None:
    """Walk a frozen graph."""
    _operations(look, "graph", _GRAPH)


def scan_tensorflow_meta_graph(look: Look) -> None:
    """Walk the graph of a checkpoint."""
    _operations(look, "meta", _META)


def scan_keras_metadata(look: Look) -> None:
    """Judge the configurations that Keras puts into a SavedModel as JSON."""
    messages, wanted = {("saved", 1): "node"}, {("node", 5): DOCUMENT_LIMIT}
    for _, text in _texts(look, "saved", messages, wanted):
        if text:
            report_document(look, parse_json(text))
    look.tells(format="keras-metadata")


def scan_coreml(look: Look) -> None:
    """Walk a model of Core ML: layers and models of one's own, and links to other files."""
    version = False
    walked = fields(
        look.stream, look.report.budget, messages=_CORE_ML, wanted=_CUSTOM, root="model"
    )
    for one in walked:
        version = version or (one.kind, one.number) == ("model", 1)
        if not isinstance(one.value, bytes):
            continue
        name = one.value.decode(errors="replace")
        if one.kind == "custom":
            report_code(look, NamedCode("a custom layer", "own", f"the class {name}", "Core ML"))
        elif name:
            report_code(look, NamedCode("a linked model", "own", name, "the file"))
    if not version:
        raise MalformedFileError("it has no version of the format")
    look.tells(format="coreml")


def scan_paddle(look: Look) -> None:
    """Walk a program of Paddle: operations that run Python, or read and write files."""
    for _, name in _texts(look, "program", _PADDLE, {("op", 3): _NAME}):
        report_code(look, NamedCode("", "operation", name, "Paddle"))
    look.tells(format="paddle")
