"""New encrypted versions: what a store does with files when their plaintext must not be stored."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from registry_tool.artifacts.folders import walk
from registry_tool.content import look_at_files
from registry_tool.edits.entries import artifact_words
from registry_tool.encryption.keys import Key, new_key
from registry_tool.manifests.data import Data, text
from registry_tool.manifests.problems import JSON

if TYPE_CHECKING:
    from registry_tool.artifacts.cache import Cache
    from registry_tool.artifacts.ingesting import Ingested
    from registry_tool.artifacts.progress import Progress
    from registry_tool.scanning.report import Finding

__all__ = ["Package", "SealedEntry"]


@dataclass(frozen=True)
class SealedEntry:
    """An artifact that lies encrypted in the cache.

    Attributes:
        entry: Its entry in a manifest, without name and role of the caller's choice.
        ingested: Its age file.
        findings: What a scan of its plaintext warns of.
    """

    entry: dict[str, JSON]
    ingested: Ingested
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
            progress: Told of the bytes.
            allow: See ``content.look_at_files``.

        Raises:
            Refused: The registry's policy refuses its content.
            UsageError: It is no file and no folder, or empty.
            Conflict: It changed while it was read.
        """
        from registry_tool.artifacts.sealing.sealing import seal

        findings = look_at_files(_files(source, called), called, settings, allow=allow)
        sealed = seal(source, called, self.key.recipient, cache=cache, progress=progress)
        words = artifact_words(called, role=role)
        return SealedEntry(
            _entry(words, sealed.encryption, sealed.ingested), sealed.ingested, findings
        )

    def take_over(self, age_file: Path, entry: Data, old: Key, cache: Cache) -> SealedEntry:
        """Encrypt an encrypted artifact to this package's key; its plaintext is written nowhere.

        Raises:
            Refused: The old key does not open it.
        """
        from registry_tool.artifacts.sealing.sealing import reseal

        sealed = reseal(age_file, entry, old, self.key.recipient, cache=cache)
        made = _entry(entry, sealed.encryption, sealed.ingested)
        return SealedEntry(made, sealed.ingested, ())


def _entry(
    words: Mapping[str, JSON], encryption: dict[str, JSON], ingested: Ingested
) -> dict[str, JSON]:
    from registry_tool.artifacts.sealing.sealing import sealed_name

    said = {**words, "encryption": encryption}
    said["path"] = sealed_name(
        text(encryption, "path"), folder=text(encryption, "packing") == "tar"
    )
    for key in ("nfiles", "files"):
        said.pop(key, None)
    return {**said, "size": ingested.size, "sha256": ingested.sha256, "md5": ingested.md5}
