from __future__ import annotations

import gzip
import io
import json
import pickle
import zipfile

import pytest

from registry_tool.scanning.mislabelled import HEAD_LIMIT, contradiction

LFS = (
    b"version https://git-lfs.github.com/spec/v1\n"
    b"oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 12345\n"
)
HTML = b"<!DOCTYPE html>\n<html><head><title>Sign in</title></head></html>\n"
S3 = b'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>NoSuchKey</Code></Error>'
JSON = b'{"error": "Entry not found"}'
SAFETENSORS = len(b'{"__metadata__":{}}').to_bytes(8, "little") + b'{"__metadata__":{}}'


def a_zip() -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("a", "b")
    return made.getvalue()


def held(name: str, content: bytes) -> str:
    return contradiction(name, content[:HEAD_LIMIT], len(content))


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("model.onnx", HTML, "an HTML page"),
        ("MODEL.ONNX", HTML, "an HTML page"),
        ("folder/model.pt", b"\xef\xbb\xbf \n<html lang='en'>", "an HTML page"),
        ("model.bin", b"<!-- cache miss -->\n<HEAD>", "an HTML page"),
        ("model.safetensors", S3, "XML"),
        ("model.bin", b"<Error><Code>AccessDenied</Code></Error>", "XML"),
        ("model.pt", JSON, "JSON"),
        ("model.safetensors", b"\n[1, 2]\n", "JSON"),
        ("model.gz", JSON, "JSON"),
        ("model.onnx", LFS, "a Git LFS pointer"),
        ("tokenizer.json", LFS, "a Git LFS pointer"),
        ("weights", LFS.replace(b"\n", b"\r\n", 1), "a Git LFS pointer"),
        ("model.safetensors", pickle.dumps([1]), "a pickle"),
        ("model.onnx", pickle.dumps([1]), "a pickle"),
        ("model.safetensors", a_zip(), "a zip file"),
        ("model.npy", a_zip(), "a zip file"),
        ("model.gguf", SAFETENSORS, "safetensors"),
        ("model.h5", gzip.compress(b"x", mtime=0), "a gzip file"),
        ("model.onnx", b"%PDF-1.7\n", "a PDF document"),
    ],
)
def test_what_a_name_contradicts(name: str, content: bytes, words: str) -> None:
    assert held(name, content) == words


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("model.json", JSON),
        ("page.html", HTML),
        ("openvino.xml", S3),
        ("model.txt", HTML),
        ("model", JSON),
        ("model.model", b'{"learner": {}}'),
        ("model.pmml", S3),
        ("model.pt", pickle.dumps([1])),
        ("model.pt", a_zip()),
        ("model.bin", pickle.dumps({})),
        ("model.bin", b"the bytes of a model\n"),
        ("model.onnx", b"\x08\x07\x12\x07pytorch"),
        ("model.onnx", b"\x08\x08{"),
        ("model.safetensors", SAFETENSORS),
        ("model.keras", a_zip()),
        ("model.npz", a_zip()),
        ("model.tgz", gzip.compress(b"x", mtime=0)),
        ("model.tar.gz", gzip.compress(b"x", mtime=0)),
        ("model.tflite", b"\x1c\0\0\0TFL3"),
        ("model.bin", b"{not json"),
        ("model.bin", b"[" * 100_000),
        ("model.bin", json.dumps(["x" * HEAD_LIMIT]).encode()),
        ("notes.md", LFS + b"and words\n" * 200),
        ("model.onnx", b""),
        ("model.bin", b"<" + b" " * 60_000),
    ],
)  # fmt: skip
def test_what_nobody_can_object_to(name: str, content: bytes) -> None:
    assert held(name, content) == ""
