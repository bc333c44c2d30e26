"""Files and folders through the encryption and back, and what is left when it fails."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry_tool.artifacts.cache.cache import Cache
from registry_tool.artifacts.transfer.ingest import ingest
from registry_tool.crypto.age import Key, new_key
from registry_tool.crypto.pyrage import Writable
from registry_tool.encryption.archive import Packer, pipe, unpack
from registry_tool.encryption.open import open_sealed
from registry_tool.encryption.seal import EncryptedPackage, reseal, seal, sealed_name
from registry_tool.errors import (
    ConflictError,
    CorruptObjectError,
    NotFoundError,
    RefusedError,
    UsageError,
)
from registry_tool.manifests.problems import JSON

pytest.importorskip("pyrage")
MARK = b"this is the plaintext, which nobody else may see\n"


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "package"
    (place / "models" / "tiefer é").mkdir(parents=True)
    (place / "manifest.json").write_text("{}")
    (place / "empty").write_bytes(b"")
    (place / "models" / "weights.bin").write_bytes(MARK * 5000)
    (place / "models" / "tiefer é" / ("n" * 120 + " with blanks")).write_bytes(b"x" * 512)
    return place


def age_file(sealed: EncryptedPackage) -> Path:
    ((_, place),) = sealed.ingested.blobs
    return place


def files_below(*places: Path) -> Iterator[bytes]:
    for place in places:
        for path in place.rglob("*"):
            if path.is_file() and not path.is_symlink():
                yield path.read_bytes()


def tree(place: Path) -> dict[str, bytes]:
    return {
        p.relative_to(place).as_posix(): p.read_bytes() for p in place.rglob("*") if p.is_file()
    }


# --- there and back


def test_a_file(tmp_path: Path, cache: Cache) -> None:
    source = tmp_path / "weights.bin"
    source.write_bytes(MARK * 10_000)
    key = new_key()
    sealed = seal(source, "weights.bin", key.recipient, cache=cache)
    assert sealed.encryption == {
        "format": "age",
        "recipient": key.recipient,
        "packing": "none",
        "path": "weights.bin",
        "size": len(MARK) * 10_000,
        "sha256": hashlib.sha256(MARK * 10_000).hexdigest(),
    }
    assert not any(MARK in data for data in files_below(cache.root))
    out = tmp_path / "out" / "weights.bin"
    assert open_sealed(age_file(sealed), sealed.encryption, key, out)
    assert out.read_bytes() == source.read_bytes()
    assert out.stat().st_mode & 0o777 == 0o600
    assert not open_sealed(age_file(sealed), sealed.encryption, key, out)  # it is there already


def test_a_folder(tmp_path: Path, folder: Path, cache: Cache) -> None:
    key = new_key()
    sealed = seal(folder, "package", key.recipient, cache=cache)
    plain = ingest(folder, cache=Cache(tmp_path / "plain"))
    said = sealed.encryption
    assert (said["sha256"], said["size"], said["nfiles"]) == (plain.sha256, plain.size, 4)
    assert not any(MARK in data or b"weights" in data for data in files_below(cache.root))
    out = tmp_path / "out" / "package"
    assert open_sealed(age_file(sealed), said, key, out)
    assert tree(out) == tree(folder)
    assert [p.name for p in out.parent.iterdir()] == ["package"]
    assert not open_sealed(age_file(sealed), said, key, out)


def test_the_same_folder_is_packed_to_the_same_bytes(folder: Path) -> None:
    def packed() -> bytes:
        packer = Packer(folder, lambda _: None)
        return b"".join(iter(lambda: packer.read(1000), b""))

    first = packed()
    os.utime(folder / "manifest.json", (1, 1))
    (folder / "manifest.json").chmod(0o755)
    assert packed() == first


def test_plain_tar_unpacks_it_too(tmp_path: Path, folder: Path) -> None:
    packer = Packer(folder, lambda _: None)
    place = tmp_path / "package.tar"
    place.write_bytes(b"".join(iter(lambda: packer.read(1 << 20), b"")))
    with tarfile.open(place) as archive:
        archive.extractall(tmp_path / "there", filter="data")
    assert tree(tmp_path / "there") == tree(folder)


def test_to_another_key_without_plaintext(tmp_path: Path, folder: Path, cache: Cache) -> None:
    old, new = new_key(), new_key()
    sealed = seal(folder, "package", old.recipient, cache=cache)
    entry: dict[str, JSON] = {"encryption": sealed.encryption}
    again = reseal(age_file(sealed), entry, old, new.recipient, cache=cache)
    assert again.ingested.sha256 != sealed.ingested.sha256
    assert again.encryption == {**sealed.encryption, "recipient": new.recipient}
    open_sealed(age_file(again), again.encryption, new, tmp_path / "out")
    assert tree(tmp_path / "out") == tree(folder)
    with pytest.raises(RefusedError, match="does not decrypt"):
        open_sealed(age_file(again), again.encryption, old, tmp_path / "other")
    with pytest.raises(RefusedError, match="does not decrypt"):
        reseal(age_file(sealed), entry, new, old.recipient, cache=cache)
    assert not any(MARK in data for data in files_below(cache.root))


def test_names() -> None:
    assert sealed_name("a.bin", folder=False) == "a.bin.age"
    assert sealed_name("a", folder=True) == "a.tar.age"


# --- what fails, and what is left


def test_sources_that_cannot_be(tmp_path: Path, cache: Cache) -> None:
    recipient = new_key().recipient
    with pytest.raises(NotFoundError):
        seal(tmp_path / "none", "none", recipient, cache=cache)
    (tmp_path / "empty").write_bytes(b"")
    with pytest.raises(UsageError, match="is empty"):
        seal(tmp_path / "empty", "empty", recipient, cache=cache)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UsageError, match="neither"):
        seal(tmp_path / "pipe", "pipe", recipient, cache=cache)
    (tmp_path / "linked").mkdir()
    (tmp_path / "linked" / "a").symlink_to(tmp_path / "empty")
    with pytest.raises(UsageError, match="symbolic link"):
        seal(tmp_path / "linked", "linked", recipient, cache=cache)


def test_a_file_that_grows_meanwhile(tmp_path: Path) -> None:
    source = tmp_path / "a"
    source.write_bytes(b"x" * 100)
    packer = Packer(source, lambda _: None)
    with source.open("ab") as file:
        file.write(b"y")
    with pytest.raises(ConflictError, match="changed while"):
        b"".join(iter(lambda: packer.read(10), b""))


@pytest.fixture
def sealed_folder(folder: Path, cache: Cache) -> tuple[Path, dict[str, JSON], Key]:
    key = new_key()
    sealed = seal(folder, "package", key.recipient, cache=cache)
    return age_file(sealed), sealed.encryption, key


WRONG: list[tuple[dict[str, JSON], str]] = [
    ({"sha256": "0" * 64}, "expected sha256"),
    ({"nfiles": 3}, "number of files"),
    ({"nfiles": 5}, "number of files"),
    ({"size": 10}, "larger than its record"),
]


@pytest.mark.parametrize(("lie", "words"), WRONG, ids=lambda v: str(v)[:20])
def test_plaintext_that_is_not_the_records(
    tmp_path: Path, sealed_folder: tuple[Path, dict[str, JSON], Key], lie: dict[str, JSON], words: str
) -> None:  # fmt: skip
    place, encryption, key = sealed_folder
    with pytest.raises(CorruptObjectError, match=words):
        open_sealed(place, encryption | lie, key, tmp_path / "out" / "package")
    assert [*(tmp_path / "out").iterdir()] == []


@pytest.mark.parametrize("lie", [{"sha256": "0" * 64}, {"size": 10}, {"size": 1 << 40}])
def test_a_file_that_is_not_the_records(tmp_path: Path, cache: Cache, lie: dict[str, JSON]) -> None:
    (tmp_path / "a").write_bytes(MARK * 100)
    key = new_key()
    sealed = seal(tmp_path / "a", "a", key.recipient, cache=cache)
    with pytest.raises(CorruptObjectError):
        open_sealed(age_file(sealed), sealed.encryption | lie, key, tmp_path / "out" / "a")
    assert [*(tmp_path / "out").iterdir()] == []


def test_a_cut_age_file_leaves_nothing(
    tmp_path: Path, sealed_folder: tuple[Path, dict[str, JSON], Key]
) -> None:
    place, encryption, key = sealed_folder
    cut = tmp_path / "cut"
    cut.write_bytes(place.read_bytes()[:-100])
    with pytest.raises(RefusedError):
        open_sealed(cut, encryption, key, tmp_path / "out" / "package")
    assert [*(tmp_path / "out").iterdir()] == []


def test_what_is_there_stays_unless_it_may_go(
    tmp_path: Path, sealed_folder: tuple[Path, dict[str, JSON], Key], folder: Path
) -> None:
    place, encryption, key = sealed_folder
    out = tmp_path / "out"
    out.mkdir()
    (out / "mine").write_text("mine")
    with pytest.raises(ConflictError, match="different content"):
        open_sealed(place, encryption, key, out)
    assert open_sealed(place, encryption, key, out, overwrite=True)
    assert tree(out) == tree(folder)


@pytest.mark.parametrize(
    "member",
    [
        {"name": "../out"},
        {"name": "/etc/passwd"},
        {"name": "link", "type": tarfile.SYMTYPE, "linkname": "/etc/passwd"},
        {"name": "dir", "type": tarfile.DIRTYPE},
    ],
)
def test_a_hostile_tar_file(tmp_path: Path, cache: Cache, member: dict[str, object]) -> None:
    info = tarfile.TarInfo()
    for name, value in member.items():
        setattr(info, name, value)
    source = tmp_path / "a"
    source.write_bytes(info.tobuf() + bytes(1024))
    key = new_key()
    sealed = seal(source, "a", key.recipient, cache=cache)
    lie: dict[str, JSON] = {"packing": "tar", "nfiles": 1, "size": 0}
    with pytest.raises(CorruptObjectError):
        open_sealed(age_file(sealed), sealed.encryption | lie, key, tmp_path / "out" / "a")
    assert [*(tmp_path / "out").iterdir()] == []


@given(data=st.binary(max_size=2000), at=st.integers(0, 3000))
def test_any_tar_file_is_unpacked_or_refused(data: bytes, at: int) -> None:
    header = tarfile.TarInfo("a")
    header.size = min(at, 1500)
    whole = bytearray(header.tobuf() + data)
    whole[at % 512] ^= 1
    stream = iter([bytes(whole)])
    try:
        for _, size, take in unpack(lambda _: next(stream, b""), "a"):
            take(size)
    except (CorruptObjectError, ValueError):
        pass


def test_a_flow_hands_its_error_on() -> None:
    def work(writer: Writable) -> None:
        writer.write(b"x" * 10)
        raise RefusedError("stop")

    with pipe(work) as flow, pytest.raises(RefusedError, match="stop"):
        b"".join(iter(lambda: flow.read(4), b""))


def test_a_flow_that_nobody_reads_ends() -> None:
    def work(writer: Writable) -> None:
        while True:
            writer.write(b"x" * 100_000)

    with pipe(work) as flow:
        assert flow.read(4) == b"xxxx"


# --- killed


PROGRAM = """
import sys
from pathlib import Path
from registry_tool.artifacts.cache.cache import Cache
from registry_tool.encryption.open import open_sealed
from registry_tool.encryption.seal import seal
from registry_tool.crypto.age import Key
import json
act, place, said, secret, out = sys.argv[1:]
class Slow:
    def start(self, total, words): pass
    def advance(self, n): print("on", flush=True); sys.stdin.readline()
    def finish(self): pass
encryption, key = json.loads(said), Key(secret)
if act == "open":
    open_sealed(Path(place), encryption, key, Path(out), progress=Slow())
else:
    seal(Path(place), "x", key.recipient, cache=Cache(Path(out)), progress=Slow())
"""


@pytest.mark.parametrize("act", ["open", "seal"])
@pytest.mark.parametrize("steps", [1, 3, 9])
def test_a_kill_leaves_no_plaintext(
    tmp_path: Path, folder: Path, cache: Cache, act: str, steps: int
) -> None:
    import json

    key = new_key()
    sealed = seal(folder, "package", key.recipient, cache=cache)
    place = age_file(sealed) if act == "open" else folder
    out = tmp_path / "out"
    arguments = [act, str(place), json.dumps(sealed.encryption), key._secret, str(out / "x")]
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *arguments],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdin is not None
    for step in range(steps):
        if process.stdout.readline() != "on\n":
            assert step, "the program did not start"
            break
        process.stdin.write("\n")
        process.stdin.flush()
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdin.close()
    process.stdout.close()
    if act == "open" and (out / "x").exists():  # it was faster
        assert tree(out / "x") == tree(folder)
    else:
        assert not any(MARK in data for data in files_below(out))


def test_where_files_without_a_name_can_get_none(
    tmp_path: Path, sealed_folder: tuple[Path, dict[str, JSON], Key], folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    def no_link(*_: object, **__: object) -> None:
        raise FileNotFoundError

    monkeypatch.setattr(os, "link", no_link)
    place, encryption, key = sealed_folder
    open_sealed(place, encryption, key, tmp_path / "out")
    assert tree(tmp_path / "out") == tree(folder)


@pytest.mark.parametrize("open_before", [0, 100])
def test_more_files_than_may_be_open(tmp_path: Path, cache: Cache, open_before: int) -> None:
    import resource

    many = tmp_path / "many"
    many.mkdir()
    for number in range(300):
        (many / f"{number}").write_text(str(number))
    key = new_key()
    sealed = seal(many, "many", key.recipient, cache=cache)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    # The limit is about the numbers of open files; what other tests of this process have open does not count.
    already = len([*Path("/dev/fd").iterdir()])
    resource.setrlimit(resource.RLIMIT_NOFILE, (190 + already, hard))
    try:
        with ExitStack() as held:
            for _ in range(open_before):
                held.enter_context(Path(os.devnull).open("rb"))
            open_sealed(age_file(sealed), sealed.encryption, key, tmp_path / "out")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert tree(tmp_path / "out") == tree(many)


GUARDED = """
import sys, time
from pathlib import Path
from registry_tool.encryption.open import guard_removal
folder = Path(sys.argv[1])
with guard_removal(folder / "new"):
    (folder / "new" / "inner").mkdir(parents=True)
    (folder / "new" / "inner" / "a").write_text("plain")
    (folder / "kept").write_text("kept")
    print("on", flush=True)
    sys.stdin.readline()
print("done", flush=True)
"""


def guarded_process(folder: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", GUARDED, str(folder)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == "on\n"
    return process


def test_the_guard_removes_what_a_killed_process_leaves(tmp_path: Path) -> None:
    with guarded_process(tmp_path) as process:
        assert (tmp_path / "new" / "inner" / "a").exists()
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    while (tmp_path / "new").exists():  # the test's own limit ends it
        time.sleep(0.01)
    assert (tmp_path / "kept").exists()


def test_the_guard_leaves_what_was_finished(tmp_path: Path) -> None:
    with guarded_process(tmp_path) as process:
        out, _ = process.communicate("\n")
    assert out == "done\n"
    assert (tmp_path / "new" / "inner" / "a").read_text() == "plain"
