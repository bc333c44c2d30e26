"""ONNX: the graph's facts, and where it says that tensors lie.

The numbers of fields are those of https://github.com/onnx/onnx/blob/main/onnx/onnx.proto.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from math import prod
from typing import Final

from registry_tool.scanning.archives.members import name_problem
from registry_tool.scanning.code.named import NamedCode, report_code
from registry_tool.scanning.context import Look
from registry_tool.scanning.stream import MalformedFileError
from registry_tool.scanning.tensors.protobuf import Field, fields

__all__ = ["scan_onnx"]

_MESSAGES: Final = {
    ("model", 7): "graph", ("model", 8): "opset", ("model", 25): "function",
    ("function", 7): "node", ("function", 9): "opset", ("function", 11): "attribute",
    ("graph", 1): "node", ("graph", 5): "tensor", ("graph", 15): "sparse",
    ("node", 5): "attribute",
    ("attribute", 5): "tensor", ("attribute", 6): "graph", ("attribute", 10): "tensor", ("attribute", 11): "graph",
    ("attribute", 22): "sparse", ("attribute", 23): "sparse",
    ("sparse", 1): "tensor", ("sparse", 2): "tensor",
    ("tensor", 13): "external",
}  # fmt: skip
_WANTED: Final = {
    ("model", 2): 4096, ("model", 3): 4096, ("opset", 1): 4096, ("node", 4): 4096, ("node", 7): 4096, ("function", 10): 4096,
    ("tensor", 1): 4096, ("external", 1): 4096, ("external", 2): 4096,
}  # fmt: skip
_TYPES: Final = {
    1: "float32", 2: "uint8", 3: "int8", 4: "uint16", 5: "int16", 6: "int32", 7: "int64", 8: "string", 9: "bool",
    10: "float16", 11: "float64", 12: "uint32", 13: "uint64", 14: "complex64", 15: "complex128", 16: "bfloat16",
    17: "float8e4m3fn", 18: "float8e4m3fnuz", 19: "float8e5m2", 20: "float8e5m2fnuz", 21: "uint4", 22: "int4",
    23: "float4e2m1",
}  # fmt: skip
_TENSORS: Final = frozenset(key for key, kind in _MESSAGES.items() if kind == "tensor")
_KNOWN: Final = frozenset(
    {
        "",
        "ai.onnx",
        "ai.onnx.ml",
        "ai.onnx.training",
        "ai.onnx.preview.training",
        # ONNX Runtime brings these itself: https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md
        "com.microsoft",
        "com.microsoft.nchwc",
        "com.ms.internal.nhwc",
        "ai.onnx.preview",
    }
)

# Operators of https://github.com/microsoft/onnxruntime-extensions that call Python.
_RUNS_PYTHON: Final = frozenset({"PyOp", "PyCustomOp", "PyCustomOpDef"})


def _unpack_varints(data: bytes) -> Iterator[int]:
    found = place = 0
    for byte in data:
        found |= (byte & 0x7F) << place
        place += 7
        if not byte & 0x80:
            yield found
            found = place = 0
        elif place > 63:  # noqa: PLR2004 (bits of the largest number)
            raise MalformedFileError("a number does not end")


def _numbers(value: int | bytes | None) -> list[int]:
    return [value] if isinstance(value, int) else [*_unpack_varints(value or b"")]


@dataclass
class _Model:
    """What is gathered along the way."""

    facts: dict[str, int | str] = field(default_factory=dict)
    opsets: dict[str, int] = field(default_factory=dict)
    operators: Counter[str] = field(default_factory=Counter)
    domains: set[str] = field(default_factory=set)
    defined: set[str] = field(default_factory=set)
    types: Counter[str] = field(default_factory=Counter)
    outside: list[str] = field(default_factory=list)
    tensors: int = 0
    _shape: list[int] = field(default_factory=list)
    _type: int = 0
    _open: bool = False
    _domain: str = ""
    _key: str = ""

    def see(self, one: Field) -> None:
        """Take in one field."""
        key = one.kind, one.number
        if key in _TENSORS:
            self.close()
            self._shape, self._type, self._open = [], 0, True
        elif key == ("tensor", 1):
            self._shape += _numbers(one.value)
        elif isinstance(one.value, int):
            self._number(key, one.value)
        elif one.value is not None:
            self._text(key, one.value.decode(errors="replace"))

    def _number(self, key: tuple[str, int], value: int) -> None:
        match key:
            case ("tensor", 2):
                self._type = value
            case ("opset", 2):
                self.opsets[self._domain[:64] or "ai.onnx"] = value
                self._domain = ""
            case ("model", 1):
                self.facts["ir_version"] = value

    def _text(self, key: tuple[str, int], said: str) -> None:
        match key:
            case ("external", 1):
                self._key = said
            case ("external", 2) if self._key == "location":
                self.outside.append(said)
            case ("node", 4):
                self.operators[said[:64]] += 1
            case ("function", 10):
                self.defined.add(said[:64])  # the model itself says of which operators it is made
            case ("node", 7):
                self.domains.add(said[:64])
            case ("opset", 1):
                self._domain = said
            case ("model", 2):
                self.facts["producer"] = said[:128]

    def close(self) -> None:
        """Count the tensor that ended."""
        if self._open:
            self.tensors += 1
            values = prod(self._shape[:64])
            self.types[_TYPES.get(self._type, f"type {self._type}")] += min(values, 1 << 62)
        self._open = False


def scan_onnx(look: Look) -> None:
    """Walk the model: operators, tensors, and files outside that hold tensors."""
    model = _Model()
    walked = fields(
        look.stream, look.report.budget, messages=_MESSAGES, wanted=_WANTED, root="model"
    )
    for one in walked:
        model.see(one)
    model.close()
    if "ir_version" not in model.facts or not model.opsets:
        raise MalformedFileError("it has no format version or no operator set")
    for place in dict.fromkeys(model.outside):
        if problem := name_problem(place):
            look.finds("dangerous", f"a tensor is stored outside, at {problem}: {place}")
    for name in sorted(model.operators):
        if name in _RUNS_PYTHON:
            report_code(look, NamedCode("", "operation", name, "ONNX"))
    own = sorted((model.domains | model.opsets.keys()) - _KNOWN - model.defined)
    if own:
        shown = ", ".join(own[:8])
        look.finds("unsafe", f"operators of {shown}: a custom library runs them")
    look.tells(
        format="onnx",
        **model.facts,
        opsets=dict(sorted(model.opsets.items())[:32]),
        nodes=model.operators.total(),
        tensors=model.tensors,
        parameters=sum(model.types.values()),
        dtypes=dict(model.types.most_common(32)),
        **({"external_data": len(set(model.outside))} if model.outside else {}),
    )
