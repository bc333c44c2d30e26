from __future__ import annotations

import hashlib
import io
import json
import os
from pathlib import Path
from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from registry_tool.artifacts.dvc_files import (
    Member,
    Pointer,
    dir_md5,
    dir_object,
    folder_sha256,
    member_problem,
    pointer_from_data,
    read_dir_object,
    render_pointer,
    walk,
)
from registry_tool.errors import CorruptObjectError, InvalidManifestError, UsageError

HEX = "d41d8cd98f00b204e9800998ecf8427e"
DIGESTS = [
    HEX,
    HEX + ".dir",
    "1" * 32,
    "0" * 32,
    "1234567890e123456789012345678901",
    "0b101010101010101010101010101010",
    "e1234567890123456789012345678901",
    "1" * 32 + ".dir",
]
PATHS = [
    "model",
    "model.bin",
    "yes",
    "with space",
    "#x",
    "a: b",
    "ünï",
    "'",
    '"',
    "-",
    "1e3",
    "010",
    "null",
    "~",
    "🚀",
    "@x",
    "\xa0",
]


@pytest.mark.parametrize("md5", DIGESTS)
def test_a_pointer_is_written_as_dvc_writes_it(md5: str) -> None:
    out: dict[str, object] = {"md5": md5, "size": 12, "hash": "md5", "path": "model.bin"}
    stream, yaml = io.BytesIO(), YAML()
    yaml.default_flow_style = False
    yaml.dump({"outs": [out]}, stream)
    ours = render_pointer(Pointer("model.bin", md5, 12))
    # DVC's writer leaves YAML 1.1's binary numbers plain; some readers would take them for numbers.
    assert ours == stream.getvalue() or md5.startswith("0b")


@pytest.mark.parametrize("version", [(1, 1), (1, 2)])
@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("md5", DIGESTS)
def test_every_reader_gives_back_what_was_written(
    md5: str, path: str, version: tuple[int, int]
) -> None:
    pointer = Pointer(path, md5, 12, nfiles=3, remote="other", push=False)
    yaml: Any = YAML(typ="safe", pure=True)
    yaml.version = version
    assert pointer_from_data(yaml.load(render_pointer(pointer))) == pointer


def test_a_pointer_of_dvc_2_has_no_hash() -> None:
    pointer = pointer_from_data({"outs": [{"md5": HEX, "path": "model"}]})
    assert (pointer.hash, pointer.size, pointer.push) == (None, None, True)


BAD: dict[str, dict[str, object]] = {
    "no outs": {},
    "two": {"outs": [{"md5": HEX, "path": "a"}] * 2},
    "elsewhere": {"wdir": "..", "outs": [{"md5": HEX, "path": "a"}]},
    "a number": {"outs": [{"md5": 1234, "path": "a"}]},
    "no path": {"outs": [{"md5": HEX}]},
    "upwards": {"outs": [{"md5": "../" * 11, "path": "a"}]},
    "size": {"outs": [{"md5": HEX, "path": "a", "size": -1}]},
    "true": {"outs": [{"md5": HEX, "path": "a", "size": True}]},
    "cloud": {"outs": [{"md5": HEX, "path": "a", "cloud": {}}]},
    "push": {"outs": [{"md5": HEX, "path": "a", "push": "no"}]},
}


@pytest.mark.parametrize("name", BAD)
def test_a_pointer_we_cannot_follow_is_refused(name: str) -> None:
    with pytest.raises(InvalidManifestError):
        pointer_from_data(BAD[name])


MD5 = "d41d8cd98f00b204e9800998ecf8427e"
NAMES = ["b", "a/z", "a.b", "a b", "ünï", "日本", "a#: x", "-dash", "'quote'", "Z"]


def members(*paths: str) -> list[Member]:
    return [Member(p, n, hashlib.sha256(p.encode()).hexdigest(), MD5) for n, p in enumerate(paths)]


def test_walk_finds_odd_names_sorted_by_code_point(tmp_path: Path) -> None:
    for name in NAMES:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "empty").mkdir()
    assert [path for path, _ in walk(tmp_path)] == sorted(NAMES)


def test_a_link_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "link").symlink_to("file")
    with pytest.raises(UsageError, match="link is a symbolic link"):
        walk(tmp_path)


def test_a_link_to_a_folder_is_not_entered(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "up").symlink_to(tmp_path.parent)
    with pytest.raises(UsageError, match="up is a symbolic link"):
        walk(tmp_path)


def test_a_pipe_is_refused_and_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UsageError, match="pipe is neither a file nor a folder"):
        walk(tmp_path)


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "deeper").mkdir()
    with pytest.raises(UsageError, match="has no files"):
        walk(tmp_path)


@pytest.mark.parametrize(
    "name", [b"new\nline", b"back\\slash", b"tab\there", b"latin\xe9", b"\xe2\x80\xaeflip"]
)
def test_names_that_not_every_system_can_write_are_refused(tmp_path: Path, name: bytes) -> None:
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name)).write_bytes(b"x")
    with pytest.raises(UsageError) as caught:
        walk(tmp_path)
    assert caught.value.message.isascii()
    assert caught.value.message.isprintable()


def test_dir_object_is_what_dvc_would_write() -> None:
    expected = (
        b'[{"md5": "d41d8cd98f00b204e9800998ecf8427e", "relpath": "a"}, '
        b'{"md5": "d41d8cd98f00b204e9800998ecf8427e", "relpath": "\\u00fc/b"}]'
    )
    assert dir_object(members("ü/b", "a")) == expected
    assert dir_md5(expected) == hashlib.md5(expected).hexdigest() + ".dir"


def test_folder_sha256_is_frozen() -> None:
    member = Member("weights/a.bin", 3, hashlib.sha256(b"abc").hexdigest(), MD5)
    assert folder_sha256([member]) == (
        hashlib.sha256(
            b'[{"path":"weights/a.bin","sha256":"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"'
            b',"size":3}]'
        ).hexdigest()
    )


paths = st.lists(st.text().filter(lambda p: not member_problem(p)), min_size=1, unique=True)


@given(paths)
def test_folder_sha256_is_canonical_json(names: list[str]) -> None:
    listed: list[rfc8785._impl._Value] = [
        {"path": m.path, "sha256": m.sha256, "size": m.size}
        for m in sorted(members(*names), key=lambda m: m.path)
    ]
    expected = hashlib.sha256(rfc8785.dumps(listed)).hexdigest()
    assert folder_sha256(members(*names)) == expected
    assert folder_sha256(reversed(members(*names))) == expected


def test_a_flipped_digest_changes_folder_sha256() -> None:
    first, second = members("a", "b")
    assert folder_sha256([first, second]) != folder_sha256([first, second._replace(size=7)])
    assert folder_sha256([first, second]) != folder_sha256([first, second._replace(path="c")])


def test_a_dir_object_is_read_back() -> None:
    assert [m.path for m in read_dir_object(dir_object(members("b/c", "a")))] == ["a", "b/c"]


def entry(path: object, md5: object = MD5) -> dict[str, object]:
    return {"md5": md5, "relpath": path}


HOSTILE: dict[str, bytes] = {
    "not JSON": b"\x00\xff",
    "too deep": b"[" * 100_000,
    "empty": b"[]",
    "a mapping": b"{}",
    "a number": json.dumps([1]).encode(),
    "absolute": json.dumps([entry("/etc/passwd")]).encode(),
    "upwards": json.dumps([entry("a/../../b")]).encode(),
    "twice": json.dumps([entry("a"), entry("a")]).encode(),
    "file and folder": json.dumps([entry("a"), entry("a/b")]).encode(),
    "empty part": json.dumps([entry("a//b")]).encode(),
    "a lone surrogate": b'[{"md5": "' + MD5.encode() + b'", "relpath": "\\udce9"}]',
    "a path for md5": json.dumps([entry("a", "../../../../etc/passwd")]).encode(),
    "a list for a path": json.dumps([entry(["a"])]).encode(),
    "a null byte": json.dumps([entry("a\0b")]).encode(),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_dir_object_is_refused(name: str) -> None:
    with pytest.raises(CorruptObjectError):
        read_dir_object(HOSTILE[name])
