"""GGUF, the format of llama.cpp: keys and values, then a table of tensors."""

from __future__ import annotations

from collections import Counter
from math import prod
from typing import Final

from registry_tool.scanning.code.named import NamedCode, report_code
from registry_tool.scanning.context import Look
from registry_tool.scanning.report import JSON
from registry_tool.scanning.stream import MalformedFileError, Stream

__all__ = ["is_gguf", "scan_gguf"]

_VERSIONS: Final = (2, 3)
_TEXT: Final = 1 << 20
_DIMENSIONS: Final = 4
_STRING: Final = 8
_ARRAY: Final = 9
# By the number of the type: how it is laid out.
_LAYOUTS: Final = {
    0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d",
}  # fmt: skip
_SIZES: Final = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
_TYPES: Final = {
    0: "F32", 1: "F16", 2: "Q4_0", 3: "Q4_1", 6: "Q5_0", 7: "Q5_1", 8: "Q8_0", 9: "Q8_1", 10: "Q2_K", 11: "Q3_K",
    12: "Q4_K", 13: "Q5_K", 14: "Q6_K", 15: "Q8_K", 16: "IQ2_XXS", 17: "IQ2_XS", 18: "IQ3_XXS", 19: "IQ1_S",
    20: "IQ4_NL", 21: "IQ3_S", 22: "IQ2_S", 23: "IQ4_XS", 24: "I8", 25: "I16", 26: "I32", 27: "I64", 28: "F64",
    29: "IQ1_M", 30: "BF16", 34: "TQ1_0", 35: "TQ2_0", 39: "MXFP4",
}  # fmt: skip
_TOLD: Final = ("general.architecture", "general.name", "general.license", "tokenizer.ggml.model")

# `tokenizer.chat_template` and, for further ones, `tokenizer.chat_template.NAME`.
_TEMPLATE: Final = "tokenizer.chat_template"


def is_gguf(head: bytes) -> bool:
    """True for bytes that begin as GGUF."""
    return head[:4] == b"GGUF"


def _text(stream: Stream) -> str:
    (size,) = stream.numbers("<Q")
    if size > _TEXT:
        raise MalformedFileError(f"a text in its header has {size} bytes")
    return stream.take(size).decode(errors="replace")


def _array(look: Look) -> None:
    kind, count = look.stream.numbers("<IQ")
    look.report.budget.spend("fields", count)
    if kind == _STRING:
        for _ in range(count):
            _text(look.stream)
    elif kind in _SIZES:
        look.stream.skip(count * _SIZES[kind])
    else:
        raise MalformedFileError("its header has an array of an unknown type")


def _value(look: Look) -> JSON:
    (kind,) = look.stream.numbers("<I")
    if kind == _STRING:
        return _text(look.stream)
    if kind == _ARRAY:
        _array(look)
        return None
    if kind not in _LAYOUTS:
        raise MalformedFileError("its header has a value of an unknown type")
    (found,) = look.stream.numbers(_LAYOUTS[kind])
    return found


def _tensors(look: Look, count: int) -> Counter[str]:
    """The number of parameters by type."""
    types: Counter[str] = Counter()
    names: set[str] = set()
    for _ in range(count):
        name = _text(look.stream)
        if name in names:
            raise MalformedFileError("its header names a tensor twice")
        names.add(name)
        (dimensions,) = look.stream.numbers("<I")
        if dimensions > _DIMENSIONS:
            raise MalformedFileError(f"a tensor has {dimensions} dimensions")
        *shape, kind, offset = look.stream.numbers(f"<{dimensions}QIQ")
        if prod(shape) >= 1 << 62:
            raise MalformedFileError("a tensor has no possible shape")
        if look.stream.size is not None and offset >= max(look.stream.size, 1):
            raise MalformedFileError("a tensor is beyond the end of the file")
        types[_TYPES.get(kind, f"type {kind}")] += prod(shape)
    return types


def scan_gguf(look: Look) -> None:
    """Read keys, values and the table of tensors."""
    look.stream.skip(4)
    version, tensors, keys = look.stream.numbers("<IQQ")
    if version not in _VERSIONS:
        look.finds("unread", f"it is GGUF of version {version}, which a scan does not read")
        return
    look.report.budget.spend("fields", tensors + keys)
    told: dict[str, JSON] = {}
    for _ in range(keys):
        key, value = _text(look.stream), _value(look)
        if key.startswith(_TEMPLATE) and isinstance(value, str):
            report_code(look, NamedCode(key[:80], "template", value, "Jinja"))
        if key in _TOLD and isinstance(value, str):
            told[key.rpartition(".")[2] if key != _TOLD[3] else "tokenizer"] = value[:128]
    types = _tensors(look, tensors)
    look.tells(
        format="gguf",
        version=version,
        tensors=tensors,
        parameters=sum(types.values()),
        dtypes=dict(types.most_common(32)),
        **told,
    )
