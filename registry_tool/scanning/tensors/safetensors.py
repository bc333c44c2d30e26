"""Safetensors: a JSON header, then bytes that it describes."""

from __future__ import annotations

import json
from collections import Counter
from math import prod
from typing import Final

from registry_tool.scanning.context import Look
from registry_tool.scanning.stream import MalformedFileError

__all__ = ["is_safetensors", "scan_safetensors"]

# The format allows 100 MB; the headers of the largest models have some.
_HEADER: Final = 16 << 20
_BITS: Final = {
    "BOOL": 8, "U8": 8, "I8": 8, "F8_E5M2": 8, "F8_E4M3": 8, "F8_E8M0": 8, "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6,
    "I16": 16, "U16": 16, "F16": 16, "BF16": 16, "I32": 32, "U32": 32, "F32": 32, "I64": 64, "U64": 64, "F64": 64,
    "C64": 64,
}  # fmt: skip


def is_safetensors(head: bytes) -> bool:
    """True for bytes that begin with the length of a header and a header."""
    return head[8:9] == b"{" and int.from_bytes(head[:8], "little") < 1 << 40


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise MalformedFileError("its header names a tensor twice")
    return found


def _header(look: Look) -> dict[str, object]:
    (size,) = look.stream.numbers("<Q")
    if size > _HEADER:
        raise MalformedFileError(f"its header has {size} bytes")
    try:
        found = json.loads(look.stream.take(size), object_pairs_hook=_once)
    except MalformedFileError:
        raise
    except (ValueError, RecursionError) as exc:
        raise MalformedFileError("its header is not JSON") from exc
    if not isinstance(found, dict):
        raise MalformedFileError("its header is not an object")
    return found


def _whole_numbers(value: object) -> list[int]:
    if not isinstance(value, list):
        raise MalformedFileError("its header lacks a list")
    found = [one for one in value if type(one) is int and 0 <= one < 1 << 62]
    if len(found) != len(value):
        raise MalformedFileError("its header lacks sizes")
    return found


def _tensor(name: str, tensor: object) -> tuple[str, int, int, int]:
    """Type, number of values, begin and end of one tensor's bytes."""
    if not isinstance(tensor, dict):
        raise MalformedFileError(f"the tensor {name!a} is not described")
    dtype, shape = tensor.get("dtype"), _whole_numbers(tensor.get("shape"))
    offsets = _whole_numbers(tensor.get("data_offsets"))
    if not isinstance(dtype, str) or len(offsets) != 2 or offsets[0] > offsets[1]:  # noqa: PLR2004 (begin and end)
        raise MalformedFileError(f"the tensor {name!a} is not described")
    if len(shape) > 64 or (values := prod(shape)) >= 1 << 62:  # noqa: PLR2004 (as NumPy)
        raise MalformedFileError(f"the tensor {name!a} has no possible shape")
    bits = _BITS.get(dtype)
    if bits is not None and (values * bits + 7) // 8 != offsets[1] - offsets[0]:
        raise MalformedFileError(f"the tensor {name!a} does not fit into its bytes")
    return dtype, values, offsets[0], offsets[1]


def scan_safetensors(look: Look) -> None:
    """Read the header: tensors, types, parameters; their bytes must lie side by side and fill the file."""
    header = _header(look)
    metadata = header.pop("__metadata__", {})
    look.report.budget.spend("fields", len(header))
    types: Counter[str] = Counter()
    spans: list[tuple[int, int]] = []
    for name, tensor in header.items():
        dtype, values, begin, end = _tensor(name, tensor)
        types[dtype[:32]] += values
        spans.append((begin, end))
    reached = 0
    for begin, end in sorted(spans):
        if begin != reached:
            raise MalformedFileError("its tensors are not contiguous")
        reached = end
    if look.stream.size is not None and look.stream.size != look.stream.tell() + reached:
        raise MalformedFileError(
            f"its tensors have {reached} bytes, which is not the size of the data in the file"
        )
    keys = [str(key)[:64] for key in metadata] if isinstance(metadata, dict) else []
    look.tells(
        format="safetensors",
        tensors=len(header),
        parameters=sum(types.values()),
        dtypes=dict(types.most_common(32)),
        metadata=[*sorted(keys)[:32]],
    )
