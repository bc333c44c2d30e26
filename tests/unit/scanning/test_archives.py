"""Archives: members that leave their folder, links, and sums that are too large."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import pickle
import stat
import struct
import tarfile
import zipfile
from collections.abc import Callable, Mapping

import pytest

from registry_tool.scanning.report import Scanned, decide_verdict

Scan = Callable[[bytes, str], Scanned]


class Runs:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, ("x",)


EVIL = pickle.dumps(Runs())


def zipped(members: Mapping[str, bytes], *, packed: int = zipfile.ZIP_DEFLATED) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", packed) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return made.getvalue()


def tarred(*members: tarfile.TarInfo, data: bytes = b"") -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        for member in members:
            member.size = len(data) if member.isreg() else 0
            archive.addfile(member, io.BytesIO(data))
    return made.getvalue()


def member(name: str, kind: bytes = tarfile.REGTYPE, target: str = "") -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.type, made.linkname = kind, target
    return made


def levels(found: Scanned) -> list[str]:
    return [finding.level for finding in found.findings]


def said(found: Scanned) -> str:
    return "\n".join(str(finding) for finding in found.findings)


PATHS = {
    "/etc/passwd": "an absolute path",
    "C:/x": "an absolute path",
    "..\\x": "a path that leaves the folder",
    "a/../../x": "a path that leaves the folder",
    "a\x1b[2J": "a name with control characters",
}


@pytest.mark.parametrize("name", list(PATHS))
def test_a_member_that_leaves_the_folder(scan: Scan, name: str) -> None:
    for data in (zipped({name: b"x"}), tarred(member(name), data=b"x")):
        found = scan(data, "model.archive")
        assert PATHS[name] in said(found)
        assert decide_verdict(found.findings) == "fail"
        assert said(found).replace("\n", "").isprintable()


def test_an_honest_archive(scan: Scan) -> None:
    files = {"model/config.txt": b"{}", "model/weights..bin": b"x" * 100}
    found = scan(zipped(files), "model.zip")
    assert (found.findings, found.facts) == ((), {"format": "zip", "members": 2, "unpacked": 102})
    found = scan(tarred(member("model", tarfile.DIRTYPE), member("model/a"), data=b"x"), "m.tar")
    assert (found.findings, found.facts) == ((), {"format": "tar", "members": 2})


@pytest.mark.parametrize(
    ("kind", "target", "level"),
    [
        (tarfile.SYMTYPE, "/etc/passwd", "dangerous"),
        (tarfile.SYMTYPE, "../x", "unsafe"),  # of a/link it is x
        (tarfile.SYMTYPE, "../../x", "dangerous"),
        (tarfile.LNKTYPE, "../x", "dangerous"),
        (tarfile.LNKTYPE, "a/x", "unsafe"),
        (tarfile.CHRTYPE, "", "dangerous"),
        (tarfile.FIFOTYPE, "", "dangerous"),
    ],
)
def test_links_and_devices(scan: Scan, kind: bytes, target: str, level: str) -> None:
    assert levels(scan(tarred(member("a/link", kind, target)), "m.tar")) == [level]


@pytest.mark.parametrize(("target", "level"), [("../../x", "dangerous"), ("x", "unsafe")])
def test_a_link_in_a_zip_file(scan: Scan, target: str, level: str) -> None:
    info = zipfile.ZipInfo("a/link")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr(info, target)
    assert levels(scan(made.getvalue(), "m.zip")) == [level]


# --- what is in them


@pytest.mark.parametrize("packed", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2])
def test_a_torch_file(scan: Scan, packed: int) -> None:
    found = scan(zipped({"m/data.pkl": EVIL, "m/data/0": b"x" * 64}, packed=packed), "model.pt")
    assert found.facts["format"] == "torch"
    assert "model.pt!m/data.pkl: loading this pickle runs posix.system" in said(found)


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
def test_a_packed_tar_file(scan: Scan, pack: Callable[[bytes], bytes]) -> None:
    found = scan(pack(tarred(member("a"), member("m.pkl"), data=EVIL)), "model.tar.x")
    assert found.facts["format"] == "tar"
    assert "model.tar.x!m.pkl: loading this pickle runs posix.system" in said(found)


def test_archives_in_archives(scan: Scan) -> None:
    inner = zipped({"m.pkl": EVIL})
    assert "m.zip!inner.zip!m.pkl: loading" in said(scan(zipped({"inner.zip": inner}), "m.zip"))
    for number in range(6):
        inner = zipped({f"{number}.zip": inner})
    found = scan(inner, "m.zip")
    assert "nested too deeply" in said(found)
    assert decide_verdict(found.findings) == "fail"


def test_a_zip_file_behind_something_else(scan: Scan) -> None:
    data = pickle.dumps({"a": 1}) + zipped({"data.pkl": EVIL})
    found = scan(data, "model.pkl")
    assert "and also a zip file" in said(found)
    assert "model.pkl!data.pkl: loading this pickle runs posix.system" in said(found)


def test_a_tar_file_may_end_with_a_zip_file(scan: Scan) -> None:
    assert scan(tarred(member("a.zip"), data=zipped({"x": b"x"})), "m.tar").findings == ()


def test_many_alike_are_counted(scan: Scan) -> None:
    found = scan(zipped({f"{n}.pkl": pickle.dumps(n) for n in range(50)}), "m.zip")
    assert len(found.findings) == 4
    assert "47 more in it: a pickle" in said(found)


# --- what cannot be read


def test_an_encrypted_member(scan: Scan) -> None:
    data = bytearray(zipped({"m/data.pkl": EVIL}, packed=zipfile.ZIP_STORED))
    data[6] |= 1
    at = data.index(b"PK\x01\x02")
    data[at + 8] |= 1
    assert levels(scan(bytes(data), "m.pt")) == ["unread"]


def test_names_that_differ_between_the_two_lists(scan: Scan) -> None:
    data = bytearray(zipped({"m/data.pkl": EVIL}))
    data[30:31] = b"n"
    assert "cannot be read" in said(scan(bytes(data), "m.pt"))


def test_two_members_of_one_name(scan: Scan) -> None:
    data = zipped({"m/data.pkl": EVIL, "n/data.pkl": b"x"}).replace(b"n/data", b"m/data")
    assert "two members have the same name" in said(scan(data, "m.pt"))


def test_a_broken_zip_file(scan: Scan) -> None:
    data = zipped({"a": b"x" * 100})
    for cut in (20, len(data) // 2, len(data) - 5):
        assert levels(scan(data[:cut], "m.zip")) == ["unread"]


def test_a_cut_tar_file(scan: Scan) -> None:
    data = tarred(member("a"), data=b"x" * 5000)
    assert levels(scan(data[:1000], "m.tar")) == ["unread"]
    assert set(levels(scan(gzip.compress(data)[:-20], "m.tgz"))) == {"unread"}


# --- bombs


def test_members_over_each_other(scan: Scan) -> None:
    """One run of compressed bytes, named by many members: https://www.bamsoftware.com/hacks/zipbomb/."""
    data = zipped({"a": b"\0" * 1000, "b": b"\0" * 1000})
    at = data.rindex(b"PK\x01\x02")
    assert data[at + 42 : at + 46] != b"\0" * 4
    same = data[: at + 42] + b"\0" * 4 + data[at + 46 :]
    assert "members overlap" in said(scan(same, "m.zip"))


def test_a_member_that_claims_too_much(scan: Scan) -> None:
    data = bytearray(zipped({"a": b"\0" * 1000}))
    at = data.index(b"PK\x01\x02")
    data[at + 24 : at + 28] = struct.pack("<I", 3 << 30)
    assert "unpacks to more than" in said(scan(bytes(data), "m.zip"))


def test_a_tar_file_that_unpacks_to_too_much(scan: Scan) -> None:
    piece = tarfile.TarInfo("zeros")
    piece.size = 1100 << 20
    made = io.BytesIO()
    with gzip.GzipFile(fileobj=made, mode="wb", compresslevel=1) as packed:
        packed.write(piece.tobuf())
        for _ in range(1100):
            packed.write(b"\0" * (1 << 20))
    assert "unpacks to more than" in said(scan(made.getvalue(), "m.tgz"))


def test_a_header_that_is_too_large(scan: Scan) -> None:
    header = member("././@LongLink", tarfile.GNUTYPE_LONGNAME)
    header.size = 64 << 20
    data = gzip.compress(header.tobuf(tarfile.GNU_FORMAT) + b"a" * (64 << 20), 1)
    assert "a header exceeds the limit" in said(scan(data, "m.tgz"))


def test_headers_without_end(scan: Scan) -> None:
    header = member("./x", tarfile.XHDTYPE)
    header.size = 0
    data = header.tobuf(tarfile.PAX_FORMAT) * 5000
    assert levels(scan(data, "m.tar")) == ["unread"]


def test_a_directory_that_is_too_large(scan: Scan) -> None:
    data = zipped({"a": b""})
    end = data.rindex(b"PK\x05\x06")
    directory = data[data.index(b"PK\x01\x02") : end] * 400_000
    tail = bytearray(data[end:])
    tail[12:16] = struct.pack("<I", len(directory))
    found = scan(data[: data.index(b"PK\x01\x02")] + directory + tail, "m.zip")
    assert "list of members exceeds the limit" in said(found)
