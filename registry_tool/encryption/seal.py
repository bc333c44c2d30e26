"""New encrypted versions: from a user's file or folder through encryption into the cache; no plaintext is stored."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from registry_tool.artifacts.cache.cache import Cache
from registry_tool.artifacts.content_policy import look_at_files
from registry_tool.artifacts.dvc_files import Member, folder_sha256, walk
from registry_tool.artifacts.entry_builder import artifact_words
from registry_tool.artifacts.progress import SILENT, Progress, show_progress
from registry_tool.artifacts.transfer.ingest import IngestedBlob, ingest_stream
from registry_tool.crypto.age import Key, decrypt_stream, encrypt_stream, new_key
from registry_tool.crypto.pyrage import Writable
from registry_tool.encryption.archive import Packer, pipe
from registry_tool.errors import NotFoundError, UsageError
from registry_tool.manifests.data import Data, text, whole
from registry_tool.manifests.problems import JSON

if TYPE_CHECKING:
    from registry_tool.artifacts.progress import Progress
    from registry_tool.artifacts.transfer.ingest import IngestedBlob
    from registry_tool.scanning import Finding

__all__ = [
    "EncryptedPackage",
    "Package",
    "SealedEntry",
    "reseal",
    "seal",
    "sealed_name",
]


@dataclass(frozen=True)
class SealedEntry:
    """An artifact that is encrypted in the cache.

    Attributes:
        entry: Its entry in a manifest, without name and role of the caller's choice.
        ingested: Its age file.
        findings: What a scan of its plaintext warns of.
    """

    entry: dict[str, JSON]
    ingested: IngestedBlob
    findings: tuple[Finding, ...]


def _files(source: Path, called: str) -> Iterator[tuple[str, Path]]:
    if source.is_dir():
        yield from ((f"{called}/{inner}", source / inner) for inner, _ in walk(source))
    elif source.is_file():
        yield called, source


@dataclass(frozen=True)
class Package:
    """An encrypted version in the making.

    Attributes:
        key: Its key.
    """

    key: Key = field(default_factory=new_key)

    def take_in(
        self,
        source: Path,
        called: str,
        role: str,
        *,
        settings: Data,
        cache: Cache,
        progress: Progress,
        allow: Collection[str] = (),
    ) -> SealedEntry:
        """Scan a file or folder, and encrypt it into the cache.

        Args:
            source: The file or folder.
            called: What it is called.
            role: Its role; guessed from its name where it is empty.
            settings: The data of ``registry.yaml``.
            cache: Where the age file is kept.
            progress: Receives the number of bytes.
            allow: See ``content_policy.look_at_files``.

        Raises:
            RefusedError: The registry's policy refuses its content.
            UsageError: It is not a file or folder, or is empty.
            ConflictError: It changed while it was read.
        """
        findings = look_at_files(_files(source, called), called, settings, allow=allow)
        sealed = seal(source, called, self.key.recipient, cache=cache, progress=progress)
        words = artifact_words(called, role=role)
        return SealedEntry(
            _entry(words, sealed.encryption, sealed.ingested), sealed.ingested, findings
        )

    def take_over(self, age_file: Path, entry: Data, old: Key, cache: Cache) -> SealedEntry:
        """Encrypt an encrypted artifact to this package's key; its plaintext is written nowhere.

        Raises:
            RefusedError: The old key does not open it.
        """
        sealed = reseal(age_file, entry, old, self.key.recipient, cache=cache)
        made = _entry(entry, sealed.encryption, sealed.ingested)
        return SealedEntry(made, sealed.ingested, ())


def _entry(
    words: Mapping[str, JSON], encryption: dict[str, JSON], ingested: IngestedBlob
) -> dict[str, JSON]:

    said = {**words, "encryption": encryption}
    said["path"] = sealed_name(
        text(encryption, "path"), folder=text(encryption, "packing") == "tar"
    )
    for key in ("nfiles", "files"):
        said.pop(key, None)
    return {**said, "size": ingested.size, "sha256": ingested.sha256, "md5": ingested.md5}


class EncryptedPackage(NamedTuple):
    """An artifact that is encrypted in the cache.

    Attributes:
        ingested: The age file.
        encryption: What the manifest's entry says of it.
    """

    ingested: IngestedBlob
    encryption: dict[str, JSON]


def sealed_name(called: str, *, folder: bool) -> str:
    """What the age file of a plain file or folder is called."""
    return f"{called}.tar.age" if folder else f"{called}.age"


def _describe(called: str, recipient: str, packer: Packer) -> dict[str, JSON]:
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
) -> EncryptedPackage:
    """Encrypt a file or folder into the cache; its plaintext is written nowhere.

    Args:
        source: The file or folder.
        called: What it is called.
        recipient: The public half of the key.
        cache: Where the age file is kept.
        progress: Receives the number of plaintext bytes.

    Raises:
        NotFoundError: There is no such file.
        UsageError: It is empty, not a file or folder, or contains what an artifact cannot contain.
        ConflictError: It changed while it was read.
        OperationalError: It cannot be read, or the cache cannot be written.
    """
    if not source.exists():
        raise NotFoundError(f"{source} does not exist")
    if not (source.is_dir() or source.is_file()):
        raise UsageError(f"{source} is neither a file nor a folder")
    packer = Packer(source, progress.advance)
    if not packer.size:
        raise UsageError(f"{source} is empty", remedy="check the program that writes it")

    def work(writer: Writable) -> None:
        encrypt_stream(packer, writer, recipient)

    with show_progress(progress, packer.size, f"Encrypting {called}"), pipe(work) as flow:
        ingested = ingest_stream(flow, called, cache=cache)
    return EncryptedPackage(ingested, _describe(called, recipient, packer))


def reseal(
    age_file: Path, entry: Data, key: Key, recipient: str, *, cache: Cache
) -> EncryptedPackage:
    """Encrypt an encrypted artifact to another key; its plaintext goes through memory only.

    Args:
        age_file: The verified age file.
        entry: The artifact's entry in its manifest.
        key: The key that opens it.
        recipient: The public half of the new key.
        cache: Where the new age file is kept.

    Raises:
        RefusedError: The key does not open it.
        OperationalError: It cannot be read, or the cache cannot be written.
    """
    encryption = entry.get("encryption")
    before = encryption if isinstance(encryption, dict) else {}

    def open_into(writer: Writable) -> None:
        with age_file.open("rb") as file:
            decrypt_stream(file, writer, key)

    def work(writer: Writable) -> None:
        with pipe(open_into) as plain:
            encrypt_stream(plain, writer, recipient)

    with pipe(work) as flow:
        ingested = ingest_stream(flow, text(before, "path"), cache=cache)
    return EncryptedPackage(
        ingested, {**before, "recipient": recipient, "size": whole(before, "size")}
    )
