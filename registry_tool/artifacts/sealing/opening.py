"""From an age file in the cache to plaintext where the user wants it: verified first, named afterwards."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

from registry_tool.artifacts.disk import on_disk
from registry_tool.artifacts.folders import Member, check_paths, folder_sha256
from registry_tool.artifacts.leftovers import making, swap_in, sweep_beside
from registry_tool.artifacts.progress import SILENT, Progress, shown
from registry_tool.artifacts.sealing.guard import guarded
from registry_tool.artifacts.sealing.nameless import Nameless, nameless_files
from registry_tool.artifacts.sealing.packing import Hashed, unpacked
from registry_tool.artifacts.sealing.piping import flowing
from registry_tool.artifacts.verifying import differences, plain_entry
from registry_tool.encryption.keys import Key
from registry_tool.encryption.package import Writable
from registry_tool.encryption.streams import decrypt_stream
from registry_tool.errors import Conflict, CorruptObject
from registry_tool.manifests.data import Data, text, whole

__all__ = ["open_sealed"]

_CHUNK: Final = 1 << 20


class _Counted:
    """Writes to a file without a name, and digests what it writes; more than there must be is refused."""

    def __init__(self, file: Nameless, most: int, label: str, told: Callable[[int], None]) -> None:
        self.hashed = Hashed()
        self._file, self._most, self._label, self._told = file, most, label, told

    def write(self, data: bytes, /) -> int:
        self.hashed.update(data)
        if self.hashed.size > self._most:
            raise CorruptObject(f"{self._label} holds more than its record says")
        self._told(len(data))
        return self._file.write(data)

    def flush(self) -> None:
        self._file.flush()


def _wrong(label: str, what: str, expected: object, found: object) -> CorruptObject:
    return CorruptObject(
        f"the plaintext of {label} is not what its record says: expected {what} {expected}, found {found}",
        remedy="nothing was kept; ask the author of the version",
    )


def _is_there(encryption: Data, destination: Path) -> bool:
    """True where exactly that plaintext is there already."""
    return os.path.lexists(destination) and not differences(plain_entry(encryption), destination)


class _Opening:
    """One age file that is opened: what is common to a file and a folder."""

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
            Refused: The key does not open it.
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
        made: list[Nameless] = []
        with nameless_files(folder, count) as files, flowing(self.decrypt) as plain:
            for path, size, take in unpacked(plain.read, self.label):
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
        overwrite: Replace something else that is there.
        progress: Told of the bytes of the plaintext.

    Returns:
        False when the same plaintext was there already.

    Raises:
        Conflict: Something else is there and ``overwrite`` is not set.
        Refused: The key does not open it.
        CorruptObject: The plaintext is not what the record says; nothing was kept.
        EnvironmentTrouble: It cannot be read or written; nothing was kept.
    """
    with on_disk(f"{destination} cannot be written"):
        sweep_beside(destination)
        if _is_there(encryption, destination):
            return False
        if os.path.lexists(destination) and not overwrite:
            raise Conflict(
                f"{destination} exists and is something else",
                remedy="choose another folder with -o, or replace it with --overwrite",
            )
        destination.parent.mkdir(parents=True, exist_ok=True)
        size = whole(encryption, "size")
        words = f"Decrypting {destination.name}"
        with making(destination) as folder, guarded(folder / "new"), shown(progress, size, words):
            one = _Opening(age_file, encryption, key, progress.advance)
            if text(encryption, "packing") == "tar":
                one.folder_into(folder)
            else:
                one.file_into(folder)
            swap_in(folder, destination)
    return True
