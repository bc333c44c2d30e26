"""From a user's file or folder through the encryption into the cache."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from registry_tool.artifacts.cache import Cache
from registry_tool.artifacts.folders import Member, folder_sha256
from registry_tool.artifacts.ingesting import Ingested, ingest_stream
from registry_tool.artifacts.progress import SILENT, Progress, shown
from registry_tool.artifacts.sealing.packing import Packer
from registry_tool.artifacts.sealing.piping import flowing
from registry_tool.encryption.keys import Key
from registry_tool.encryption.package import Writable
from registry_tool.encryption.streams import decrypt_stream, encrypt_stream
from registry_tool.errors import NotFound, UsageError
from registry_tool.manifests.data import Data, text, whole
from registry_tool.manifests.problems import JSON

__all__ = ["Sealed", "reseal", "seal", "sealed_name"]


class Sealed(NamedTuple):
    """An artifact that lies encrypted in the cache.

    Attributes:
        ingested: The age file.
        encryption: What the manifest's entry says of it.
    """

    ingested: Ingested
    encryption: dict[str, JSON]


def sealed_name(called: str, *, folder: bool) -> str:
    """What the age file of a plain file or folder is called."""
    return f"{called}.tar.age" if folder else f"{called}.age"


def _described(called: str, recipient: str, packer: Packer) -> dict[str, JSON]:
    members: list[Member] = packer.members
    found: dict[str, JSON] = {
        "format": "age",
        "recipient": recipient,
        "packing": "tar" if packer.is_folder else "none",
        "path": called,
        "size": sum(member.size for member in members),
        "sha256": folder_sha256(members) if packer.is_folder else members[0].sha256,
    }
    if packer.is_folder:
        found["nfiles"] = len(members)
    return found


def seal(
    source: Path, called: str, recipient: str, *, cache: Cache, progress: Progress = SILENT
) -> Sealed:
    """Encrypt a file or folder into the cache; its plaintext is written nowhere.

    Args:
        source: The file or folder.
        called: What it is called.
        recipient: The public half of the key.
        cache: Where the age file is kept.
        progress: Told of the bytes of the plaintext.

    Raises:
        NotFound: There is no such file.
        UsageError: It is empty, no file and no folder, or a folder that holds what no artifact can hold.
        Conflict: It changed while it was read.
        EnvironmentTrouble: It cannot be read, or the cache cannot be written.
    """
    if not source.exists():
        raise NotFound(f"there is no file {source}")
    if not (source.is_dir() or source.is_file()):
        raise UsageError(f"{source} is neither a file nor a folder")
    packer = Packer(source, progress.advance)
    if not packer.size:
        raise UsageError(f"{source} holds no bytes", remedy="see what should have written them")

    def work(writer: Writable) -> None:
        encrypt_stream(packer, writer, recipient)

    with shown(progress, packer.size, f"Encrypting {called}"), flowing(work) as flow:
        ingested = ingest_stream(flow, called, cache=cache)
    return Sealed(ingested, _described(called, recipient, packer))


def reseal(age_file: Path, entry: Data, key: Key, recipient: str, *, cache: Cache) -> Sealed:
    """Encrypt an encrypted artifact to another key; its plaintext goes through memory only.

    Args:
        age_file: The verified age file.
        entry: The artifact's entry in its manifest.
        key: The key that opens it.
        recipient: The public half of the new key.
        cache: Where the new age file is kept.

    Raises:
        Refused: The key does not open it.
        EnvironmentTrouble: It cannot be read, or the cache cannot be written.
    """
    encryption = entry.get("encryption")
    before = encryption if isinstance(encryption, dict) else {}

    def opened(writer: Writable) -> None:
        with age_file.open("rb") as file:
            decrypt_stream(file, writer, key)

    def work(writer: Writable) -> None:
        with flowing(opened) as plain:
            encrypt_stream(plain, writer, recipient)

    with flowing(work) as flow:
        ingested = ingest_stream(flow, text(before, "path"), cache=cache)
    return Sealed(ingested, {**before, "recipient": recipient, "size": whole(before, "size")})
