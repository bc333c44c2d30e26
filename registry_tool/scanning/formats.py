"""Which format a run of bytes has, and who looks at it."""

from __future__ import annotations

import io
import lzma
import re
import zlib
from collections.abc import Callable
from typing import Final, NamedTuple

from registry_tool.scanning.age_header import HEADER_LIMIT, NotAgeError, is_age, read_header
from registry_tool.scanning.archives.inflate import inflate
from registry_tool.scanning.archives.tar import is_tar, scan_tar
from registry_tool.scanning.archives.unopened import is_unopened, scan_unopened
from registry_tool.scanning.archives.zip import scan_zip
from registry_tool.scanning.code.documents import report_document
from registry_tool.scanning.code.graphs import (
    scan_coreml,
    scan_keras_metadata,
    scan_paddle,
    scan_saved_model,
    scan_tensorflow_graph,
    scan_tensorflow_meta_graph,
)
from registry_tool.scanning.code.text import (
    scan_graph_text,
    scan_python,
    scan_spacy,
    scan_template,
    scan_xml,
)
from registry_tool.scanning.context import Look
from registry_tool.scanning.documents import DOCUMENT_LIMIT, Document, read_json, read_yaml
from registry_tool.scanning.markers import is_hdf5, is_program, scan_hdf5, scan_program
from registry_tool.scanning.pickles.files import could_be_pickle, is_pickle, scan_pickle, try_pickle
from registry_tool.scanning.report import BudgetExceededError
from registry_tool.scanning.stream import MalformedFileError, Stream, TooLargeError
from registry_tool.scanning.tensors.gguf import is_gguf, scan_gguf
from registry_tool.scanning.tensors.numpy_arrays import is_npy, scan_npy
from registry_tool.scanning.tensors.onnx import scan_onnx
from registry_tool.scanning.tensors.safetensors import is_safetensors, scan_safetensors
from registry_tool.scanning.tensors.tflite import is_tflite, scan_tflite

__all__ = ["FORMATS", "look_at"]

_HEAD: Final = 512
_DISGUISED: Final = 64 << 10


class _Format(NamedTuple):
    """A format.

    Attributes:
        name: What facts call it.
        fits: Whether the first bytes and the name of a file are its.
        scan: Who looks at it.
        looked_at: For the documentation: what is looked at; empty where another line has said so.
        passed_over: What is not.
    """

    name: str
    fits: Callable[[bytes, str], bool]
    scan: Callable[[Look], None]
    looked_at: str = ""
    passed_over: str = ""


def _begins(sign: bytes) -> Callable[[bytes, str], bool]:
    return lambda head, _: head.startswith(sign)


def _head(test: Callable[[bytes], bool]) -> Callable[[bytes, str], bool]:
    return lambda head, _: test(head)


def _ends_with(*ends: str) -> Callable[[bytes, str], bool]:
    return lambda _, name: name.endswith(ends)


def _is_zlib(head: bytes, _: str) -> bool:
    """True for what zlib packed: its two bytes of header say little, so the first bytes must unpack."""
    if head[:1] != b"\x78" or int.from_bytes(head[:2]) % 31:
        return False
    try:
        return bool(zlib.decompressobj().decompress(head, 64))
    except zlib.error:
        return False


def _unpack_with(kind: str) -> Callable[[Look], None]:
    def scan(look: Look) -> None:
        look.tells(packed=kind)
        inner = inflate(look.stream, kind, look.report.budget)
        look.scan_unpacked(inner)

    return scan


def _fasttext(look: Look) -> None:
    magic, version, dimensions = look.stream.numbers("<iii")
    look.tells(format="fasttext", version=version, dimensions=dimensions, magic=hex(magic))


def _is_lzma(head: bytes, _: str) -> bool:
    """True for the format before xz, which has no mark: its header must be a likely one, and begin to unpack."""
    if head[:3] != b"\x5d\0\0" or len(head) < 14:  # noqa: PLR2004 (properties, two sizes, a first byte)
        return False
    try:
        return bool(
            lzma.LZMADecompressor(format=lzma.FORMAT_ALONE, memlimit=1 << 27).decompress(head, 64)
        )
    except (lzma.LZMAError, MemoryError):
        return False


# Of documents that are too large to parse, or broken: what could name code. Honest writers escape no letters.
_NAMES_CODE: Final = re.compile(
    rb'"(?:class_name|auto_map|_target_|__loader__|__lambda__|loader_module|py/\w+|parent_library)"|!!?python/'
    rb'|"[^"\\\n]{0,200}\\u00[4-7]'
)
_OVERLAP: Final = 512


def _search(look: Look) -> None:
    """Search what is not parsed."""
    before = b""
    while piece := look.stream.some():
        if match := _NAMES_CODE.search(before + piece):
            look.finds(
                "unread",
                f"it may name code ({match[0].decode(errors='replace')}), and is too large or malformed",
            )
            return
        before = (before + piece)[-_OVERLAP:]


def _document(kind: str, read: Callable[[Stream], Document]) -> Callable[[Look], None]:
    def scan(look: Look) -> None:
        look.tells(format=kind)
        if look.stream.size is not None and look.stream.size > DOCUMENT_LIMIT:
            _search(look)
            return
        data = look.stream.in_memory(DOCUMENT_LIMIT).getvalue()
        try:
            document = read(Stream.of(io.BytesIO(data), len(data)))
        except MalformedFileError:
            _search(
                Look(
                    Stream.of(io.BytesIO(data), len(data)),
                    look.path,
                    look.report,
                    look.depth,
                    look.at,
                    look.told,
                )
            )
            return
        report_document(look, document)

    return scan


def _age(look: Look) -> None:
    try:
        header = read_header(look.stream.peek(HEADER_LIMIT))
    except NotAgeError as exc:
        raise MalformedFileError(str(exc)) from exc
    look.tells(format="age", recipients=[*header.stanzas[:32]])


# Known by their names alone.
_BY_NAME: Final = frozenset({"json", "yaml", "python", "jinja", "config", "xml", "tensorflow", "coreml", "paddle", "keras-metadata"})  # fmt: skip
# In order: the first that fits. By content where there is a mark, then by name. docs/scanning.md shows this table.
FORMATS: Final = (
    _Format("zip", _begins(b"PK\x03\x04"), scan_zip, "each member; names, links, overlaps, sizes; `.mar`, `.keras`, torch and skops are zip files", "encrypted members, and those with a compression other than deflate or bzip2: unread"),
    _Format("zip", _begins(b"PK\x05\x06"), scan_zip),
    _Format("gzip", _begins(b"\x1f\x8b"), _unpack_with("gzip"), "the decompressed content", "beyond 8 GiB: unread"),
    _Format("bzip2", _begins(b"BZh"), _unpack_with("bzip2"), "the decompressed content", "beyond 8 GiB: unread"),
    _Format("xz", _begins(b"\xfd7zXZ\0"), _unpack_with("xz"), "the decompressed content", "beyond 8 GiB, or with a dictionary of more than 128 MiB: unread"),
    _Format("lzma", _is_lzma, _unpack_with("lzma"), "the decompressed content", "as xz"),
    _Format("zlib", _is_zlib, _unpack_with("zlib"), "the decompressed content", "beyond 8 GiB: unread"),
    _Format("tar", _head(is_tar), scan_tar, "each member; names, links, devices, sizes; `.nemo` is a tar file", "sparse members: unread"),
    _Format("pickle", _head(is_pickle), scan_pickle, "each instruction; imported names, calls and their arguments; joblib and old torch files too", "the effects of a function stored by value: unsafe"),
    _Format("npy", _head(is_npy), scan_npy, "the header; the pickle of an array of objects", "the numbers"),
    _Format("gguf", _head(is_gguf), scan_gguf, "keys, tensors' names and shapes; each `tokenizer.chat_template`", "the tensors"),
    _Format("hdf5", _head(is_hdf5), scan_hdf5, "JSON in attributes, such as Keras's `model_config`: modules, classes, functions, Lambda layers, wrapped pickles", "data sets; compressed data"),
    _Format("safetensors", _head(is_safetensors), scan_safetensors, "the header: types, shapes, offsets", "the tensors; the format cannot contain code"),
    _Format("safetensors", _ends_with(".safetensors"), scan_safetensors),
    _Format("fasttext", _begins((793712314).to_bytes(4, "little")), _fasttext, "the header", "the rest; the format cannot contain code"),
    _Format("age", _head(is_age), _age, "the header: the kinds of recipients", "the encrypted content"),
    _Format("tflite", _head(is_tflite), scan_tflite, "operators: those of TensorFlow and those of custom libraries", "the tensors"),
    _Format("unopened", is_unopened, scan_unopened, "nothing: 7z, Zstandard, RAR, LZ4, Brotli, Snappy, lzip, cabinets and others are recognized", "all of it: unread"),
    _Format("python", _ends_with(".py"), scan_python, "TorchScript: operators that read or write files. TorchServe: handlers that start programs", "the effects of other source: unsafe"),
    _Format("program", _head(is_program), scan_program, "the kind: ELF, Windows, Mach-O, script", "its effects: unsafe"),
    _Format("onnx", _ends_with(".onnx"), scan_onnx, "operators and their domains, paths of external tensors", "the tensors"),
    _Format("keras-metadata", _ends_with("keras_metadata.pb"), scan_keras_metadata, "configurations of layers, as for HDF5", ""),
    _Format("tensorflow", _ends_with("saved_model.pb"), scan_saved_model, "the operation of each node, also in functions: PyFunc, ReadFile, WriteFile and others", "the values passed to operations"),
    _Format("tensorflow", _ends_with(".pb"), scan_tensorflow_graph),
    _Format("tensorflow", _ends_with(".meta"), scan_tensorflow_meta_graph),
    _Format("tensorflow", _ends_with(".pbtxt"), scan_graph_text),
    _Format("coreml", _ends_with(".mlmodel"), scan_coreml, "custom layers and models, linked files; also inside pipelines and `.mlpackage`", "weights; programs of MIL"),
    _Format("paddle", _ends_with(".pdmodel", "__model__"), scan_paddle, "operations such as `py_func`, `save`, `load`", "the tensors"),
    _Format("json", _ends_with(".json"), _document("json", read_json), "names of code by the keys in the table below", "documents of more than 4 MiB are searched for these keys; with one of them: unread"),
    _Format("yaml", _ends_with(".yaml", ".yml", "mlmodel"), _document("yaml", read_yaml), "names of code by the keys in the table below; tags such as `!!python/object/apply`", "documents of more than 512 KiB are searched for these keys; with one of them: unread"),
    _Format("jinja", _ends_with(".jinja", ".jinja2", ".j2"), scan_template, "access from a value to Python's classes, escaped or assembled", "other logic"),
    _Format("config", lambda _, name: name == "config.cfg", scan_spacy, "functions named by spaCy's configurations: `@architectures` and others", "the effects of these functions"),
    _Format("xml", _ends_with(".xml", ".pmml"), scan_xml, "entities; extensions of OpenVINO", "other values"),
)  # fmt: skip


def _pickle_in_disguise(look: Look, head: bytes) -> None:
    """A pickle of an old protocol has no mark, and may be called like a text."""
    try_pickle(Look(Stream.of(io.BytesIO(head), len(head)), look.path, look.report, look.depth, look.at, told=False))  # fmt: skip


def _scan_unknown(look: Look) -> None:
    """No mark and no known name: pickles of old protocols have none."""
    empty = not look.stream.peek(1)
    if not empty and try_pickle(look):
        return
    if could_be_pickle(look.name) and not empty:
        look.finds("unread", "it has the name of a pickle, but a scan cannot read it as one")
    look.tells(format="empty" if empty else "unknown")


def look_at(look: Look) -> None:
    """Find out what a run of bytes is, and look at it. What is in the file is never an error here."""
    format_ = "unknown"
    try:
        head, name = look.stream.peek(_HEAD), look.name
        for one in FORMATS:
            if one.fits(head, name):
                format_ = one.name
                if format_ in _BY_NAME:
                    _pickle_in_disguise(look, look.stream.peek(_DISGUISED))
                one.scan(look)
                return
        _scan_unknown(look)
    except BudgetExceededError as exc:
        look.finds("unread", str(exc))
    except TooLargeError as exc:
        look.finds("unread", str(exc))
    except MalformedFileError as exc:
        look.finds("unread", f"it is not valid {format_}: {exc}")
    look.tells(format=look.report.facts.get("format", format_))
