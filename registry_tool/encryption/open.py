"""From an age file in the cache to plaintext at a destination of the user: verified first, named afterwards.

Plaintext is written to unnamed files, which the system removes with the process however it ends. What already has a
name is removed by a guard process if this one is killed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Final, cast

from registry_tool.artifacts.dvc_files import Member, check_paths, folder_sha256
from registry_tool.artifacts.filesystem import on_disk
from registry_tool.artifacts.progress import SILENT, Progress, show_progress
from registry_tool.artifacts.transfer.place import staging_folder, swap_in, sweep_leftovers
from registry_tool.artifacts.verify import differences, plain_entry
from registry_tool.crypto.age import Key, decrypt_stream
from registry_tool.crypto.pyrage import Writable
from registry_tool.encryption.archive import HashedFile, pipe, unpack
from registry_tool.errors import ConflictError, CorruptObjectError, OperationalError
from registry_tool.manifests.data import Data, text, whole

__all__ = [
    "UnnamedFiles",
    "guard_removal",
    "nameless_files",
    "open_sealed",
]

_SPARE: Final = 64
_MODE: Final = 0o600


class UnnamedFiles:
    """One file.

    Args:
        file: The open file.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def write(self, data: bytes, /) -> int:
        """Write all of it."""
        return self._file.write(data)

    def flush(self) -> None:
        """Nothing is kept back."""
        self._file.flush()

    def take_name(self, path: Path) -> None:
        """Give it a name that does not exist yet; only the user may read it.

        Raises:
            OSError: It cannot have that name.
        """
        self._file.flush()
        os.fchmod(self._file.fileno(), _MODE)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            # https://man7.org/linux/man-pages/man2/open.2.html, O_TMPFILE
            held = f"/proc/self/fd/{self._file.fileno()}"
            os.link(held, path.name, dst_dir_fd=folder, follow_symlinks=True)
        except (FileNotFoundError, NotImplementedError, PermissionError):
            self._copy(path)
        finally:
            os.close(folder)

    def _copy(self, path: Path) -> None:
        """Where a file without a name can get none: a copy that has one from the start."""
        self._file.seek(0)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _MODE)
        with os.fdopen(handle, "wb") as target:
            shutil.copyfileobj(self._file, target, 1 << 20)


def _allow(count: int) -> None:
    """Allow this process to open ``count`` files at once.

    Raises:
        OperationalError: It may not.
    """
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = count + max(_SPARE, _count_open() + _SPARE // 2)
    if soft == resource.RLIM_INFINITY or wanted <= soft:
        return
    if hard != resource.RLIM_INFINITY and wanted > hard:
        raise OperationalError(
            f"the folder has {count} files, and this process may open only {hard}",
            remedy=f"raise the limit: ulimit -n {wanted}",
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _count_open() -> int:
    """How many files this process has open; 0 where the system does not list them."""
    # The cache keeps one lock open for each object that this process uses.
    with suppress(OSError):
        return sum(1 for _ in Path("/dev/fd").iterdir())
    return 0


class _TemporaryFiles:
    def __init__(self, folder: Path, held: ExitStack) -> None:
        self._folder = folder
        self._held = held

    def new(self) -> UnnamedFiles:
        """One more file, on the disk of the folder.

        Raises:
            OSError: It cannot be made.
        """
        file = tempfile.TemporaryFile(dir=self._folder, buffering=1 << 16)  # noqa: SIM115 (the stack closes it)
        return UnnamedFiles(cast("BinaryIO", self._held.enter_context(file)))


@contextmanager
def nameless_files(folder: Path, count: int) -> Iterator[_TemporaryFiles]:
    """Files without a name, on the disk of a folder; those that got none are gone afterwards.

    Args:
        folder: A folder on the disk where they will get their names.
        count: How many at most.

    Raises:
        OperationalError: This process may not open that many.
    """
    _allow(count)
    with ExitStack() as held:
        yield _TemporaryFiles(folder, held)


_SHELL: Final = "/bin/sh"
# The end of its input, without a line before it, is the end of this process.
_PROGRAM: Final = 'read -r done || rm -rf -- "$1"'


@contextmanager
def guard_removal(path: Path) -> Iterator[None]:
    """Let a file or folder be removed if this process is killed before the work is done.

    Whatever else ends the work, this process removes it itself. Without a shell there is no guard.

    Args:
        path: What must not stay; it need not exist yet.
    """
    if not Path(_SHELL).exists():
        yield
        return
    # In a separate session: signals to this process and its group do not reach it.
    guard = subprocess.Popen(
        [_SHELL, "-c", _PROGRAM, "guard", os.path.abspath(path)],  # noqa: PTH100 (no link is followed)
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        cwd="/",
    )
    try:
        yield
    finally:
        with suppress(BrokenPipeError):
            guard.communicate(b"done\n")


_CHUNK: Final = 1 << 20


class _Counted:
    """Writes to a file without a name, and digests what it writes; more than there must be is refused."""

    def __init__(
        self, file: UnnamedFiles, most: int, label: str, told: Callable[[int], None]
    ) -> None:
        self.hashed = HashedFile()
        self._file, self._most, self._label, self._told = file, most, label, told

    def write(self, data: bytes, /) -> int:
        self.hashed.update(data)
        if self.hashed.size > self._most:
            raise CorruptObjectError(f"{self._label} is larger than its record says")
        self._told(len(data))
        return self._file.write(data)

    def flush(self) -> None:
        self._file.flush()


def _wrong(label: str, what: str, expected: object, found: object) -> CorruptObjectError:
    return CorruptObjectError(
        f"the plaintext of {label} does not match its record: expected {what} {expected}, found {found}",
        remedy="nothing was written; ask the author of the version",
    )


def _is_there(encryption: Data, destination: Path) -> bool:
    """True where exactly that plaintext exists already."""
    return os.path.lexists(destination) and not differences(plain_entry(encryption), destination)


class _Decryption:
    """The decryption of one age file: the parts common to a file and a folder."""

    def __init__(
        self, age_file: Path, encryption: Data, key: Key, told: Callable[[int], None]
    ) -> None:
        self.encryption = encryption
        self.label = text(encryption, "path")
        self.told = told
        self._age_file = age_file
        self._key = key

    def decrypt(self, writer: Writable) -> None:
        """Write the plaintext.

        Raises:
            RefusedError: The key does not open it.
        """
        with self._age_file.open("rb") as file:
            decrypt_stream(file, writer, self._key)

    def file_into(self, folder: Path) -> None:
        """The plain file, as ``new`` in a folder."""
        size, sha256 = whole(self.encryption, "size"), text(self.encryption, "sha256")
        with nameless_files(folder, 1) as files:
            made = files.new()
            counted = _Counted(made, size, self.label, self.told)
            self.decrypt(counted)
            found = counted.hashed.member("")
            if found.size != size:
                raise _wrong(self.label, "size", size, found.size)
            if found.sha256 != sha256:
                raise _wrong(self.label, "sha256", sha256, found.sha256)
            made.take_name(folder / "new")

    def folder_into(self, folder: Path) -> None:
        """The files of the plain folder, below ``new`` in a folder."""
        count, left = whole(self.encryption, "nfiles"), whole(self.encryption, "size")
        members: list[Member] = []
        made: list[UnnamedFiles] = []
        with nameless_files(folder, count) as files, pipe(self.decrypt) as plain:
            for path, size, take in unpack(plain.read, self.label):
                if len(made) == count:
                    raise _wrong(self.label, "number of files", count, "more")
                left -= size
                made.append(files.new())
                counted = _Counted(made[-1], size + min(left, 0), self.label, self.told)
                for at in range(0, size, _CHUNK):
                    counted.write(take(min(_CHUNK, size - at)))
                members.append(counted.hashed.member(path))
            self._check(members)
            for member, file in zip(members, made, strict=True):
                place = folder / "new" / member.path
                place.parent.mkdir(parents=True, exist_ok=True)
                file.take_name(place)

    def _check(self, members: list[Member]) -> None:
        check_paths([member.path for member in members], label=self.label)
        count, sha256 = whole(self.encryption, "nfiles"), text(self.encryption, "sha256")
        if len(members) != count:
            raise _wrong(self.label, "number of files", count, len(members))
        if (found := folder_sha256(members)) != sha256:
            raise _wrong(self.label, "sha256", sha256, found)


def open_sealed(
    age_file: Path,
    encryption: Data,
    key: Key,
    destination: Path,
    *,
    overwrite: bool = False,
    progress: Progress = SILENT,
) -> bool:
    """Decrypt an artifact to exactly ``destination``; its parents are made, and only the user may read the files.

    Args:
        age_file: The verified age file.
        encryption: What the artifact's entry says of it.
        key: The key that opens it.
        destination: The path of the plain file or folder.
        overwrite: Replace different content.
        progress: Receives the number of plaintext bytes.

    Returns:
        False when the same plaintext existed already.

    Raises:
        ConflictError: Different content exists there and ``overwrite`` is not set.
        RefusedError: The key does not open it.
        CorruptObjectError: The plaintext is not what the record says; nothing was kept.
        OperationalError: It cannot be read or written; nothing was kept.
    """
    with on_disk(f"{destination} cannot be written"):
        sweep_leftovers(destination)
        if _is_there(encryption, destination):
            return False
        if os.path.lexists(destination) and not overwrite:
            raise ConflictError(
                f"{destination} already exists with different content",
                remedy="choose another folder with -o, or replace it with --overwrite",
            )
        destination.parent.mkdir(parents=True, exist_ok=True)
        size = whole(encryption, "size")
        words = f"Decrypting {destination.name}"
        with (
            staging_folder(destination) as folder,
            guard_removal(folder / "new"),
            show_progress(progress, size, words),
        ):
            one = _Decryption(age_file, encryption, key, progress.advance)
            if text(encryption, "packing") == "tar":
                one.folder_into(folder)
            else:
                one.file_into(folder)
            swap_in(folder, destination)
    return True
