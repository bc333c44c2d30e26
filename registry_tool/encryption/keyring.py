"""Open encrypted packages: from a person's identities, through groups, to the key of a version and its plaintext."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from registry_tool.artifacts.progress import SILENT
from registry_tool.catalog.catalog import Catalog, VersionView, require
from registry_tool.catalog.recipients import (
    group_document,
    key_document,
    list_encrypted,
    read_groups,
)
from registry_tool.errors import ConflictError, NotFoundError, RefusedError
from registry_tool.manifests.data import Data, member, records, text, texts

if TYPE_CHECKING:
    from registry_tool.artifacts.progress import Progress
    from registry_tool.crypto.age import Key
    from registry_tool.crypto.pyrage import Identity

__all__ = ["KeyHolder", "decrypt_version"]

_DEEPEST = 4


@dataclass
class KeyHolder:
    """A person's identities, which open keys.

    Attributes:
        identities: Their secrets.
        passphrase: Called only when a wrap needs one; None where there is none.
    """

    identities: Sequence[Identity] = ()
    passphrase: Callable[[], str] | None = None
    _groups: dict[str, Key | None] = field(default_factory=dict)

    def _of_group(self, catalog: Catalog, group: str, depth: int) -> Key | None:
        if group not in self._groups:
            document = group_document(catalog, group)
            data = None if document is None else document.data
            self._groups[group] = None if data is None else self._unwrap(catalog, data, depth + 1)
        return self._groups[group]

    def _by_people(self, catalog: Catalog, wrap: Data, depth: int) -> Key | None:
        from registry_tool.crypto.age import open_wrap

        identities = list(self.identities)
        known = read_groups(catalog)
        for reader in texts(wrap, "to"):
            group = self._of_group(catalog, reader, depth) if reader in known else None
            if group is not None:
                identities.append(group.identity)
        return open_wrap(text(wrap, "value"), identities) if identities else None

    def _unwrap(self, catalog: Catalog, data: Data, depth: int) -> Key | None:
        from registry_tool.crypto.age import open_with_passphrase

        if depth > _DEEPEST:
            return None
        wraps = sorted(records(data, "wraps"), key=lambda one: text(one, "kind") == "passphrase")
        for wrap in wraps:
            if text(wrap, "kind") == "recipients":
                found = self._by_people(catalog, wrap, depth)
            elif self.passphrase is not None:
                found = open_with_passphrase(text(wrap, "value"), self.passphrase())
            else:
                found = None
            if found is not None and found.recipient == text(data, "recipient"):
                return found
        return None

    def open(self, catalog: Catalog, data: Data, label: str) -> Key:
        """The key in a ``key.yaml``.

        Args:
            catalog: Where the keys of groups are.
            data: What the file says.
            label: What messages call it.

        Raises:
            RefusedError: No identity opens it, or a wrap contains another key.
        """
        found = self._unwrap(catalog, data, 0)
        if found is not None:
            return found
        readers = [name for one in records(data, "wraps") for name in texts(one, "to")]
        has_passphrase = any(text(one, "kind") == "passphrase" for one in records(data, "wraps"))
        whom = [*readers, *(["a passphrase"] if has_passphrase else [])]
        raise RefusedError(
            f"no identity that was given opens the key of {label}; it is encrypted for {', '.join(whom)}",
            remedy="pass your age or SSH key with --identity FILE"
            + (", or use --passphrase" if has_passphrase else ""),
        )

    def open_version(self, version: VersionView) -> Key:
        """The key of an encrypted version.

        Raises:
            NotFoundError: It is not encrypted.
            RefusedError: As ``open``; or its record names another key key.
        """
        entries = list_encrypted(version)
        document = key_document(version)
        if not entries or document is None:
            raise NotFoundError(f"{version} is not encrypted", remedy=f"registry fetch {version}")
        key = self.open(version.model.catalog, require(document, document.path), str(version))
        for entry in entries:
            if text(entry, "encryption", "recipient") != key.recipient:
                raise RefusedError(
                    f"{document.path} is not the key of {version}: its record names another key"
                )
        return key

    def open_group(self, catalog: Catalog, group: str) -> Key:
        """The key of a group.

        Raises:
            NotFoundError: The group has none yet.
            RefusedError: As ``open``.
        """
        document = group_document(catalog, group)
        if document is None:
            raise NotFoundError(
                f"the group {group} has no key yet", remedy=f"registry rewrap {group}"
            )
        return self.open(catalog, require(document, document.path), f"the group {group}")


def decrypt_version(
    version: VersionView,
    fetch: Callable[[Data], Path],
    holder: KeyHolder,
    folder: Path,
    *,
    names: Sequence[str] = (),
    overwrite: bool = False,
    progress: Progress = SILENT,
) -> list[tuple[str, Path]]:
    """Decrypt a version's encrypted artifacts into a folder, each under its plain name.

    Args:
        version: The version.
        fetch: Gives the verified age file of an artifact's entry.
        holder: The identities to open it with.
        folder: Where the plaintext goes.
        names: Only these artifacts; all of the encrypted ones by default.
        overwrite: Replace different content.
        progress: Receives the number of bytes.

    Returns:
        The name of each artifact, and its path.

    Raises:
        NotFoundError: It is not encrypted, or has no such artifact.
        RefusedError: No identity opens it.
        ConflictError: Different content exists there; or two artifacts have the same name when decrypted.
        CorruptObjectError: The plaintext is not what the record says; nothing was kept.
        RemoteError: The age file cannot be fetched.
    """
    from registry_tool.encryption.open import open_sealed

    entries = {text(entry, "name"): entry for entry in list_encrypted(version)}
    key = holder.open_version(version)
    for name in names:
        if name not in entries:
            known = ", ".join(entries)
            raise NotFoundError(
                f"{version} has no encrypted artifact {name}", remedy=f"it has {known}"
            )
    wanted = {name: entries[name] for name in names} if names else entries
    plain = [text(entry, "encryption", "path") for entry in wanted.values()]
    if len(set(plain)) != len(plain):
        raise ConflictError(
            "two artifacts have the same name when decrypted", remedy="decrypt one: --artifact NAME"
        )
    done = []
    for name, entry in wanted.items():
        age_file = fetch(entry)
        encryption = member(entry, "encryption")
        place = folder / text(encryption, "path")
        open_sealed(age_file, encryption, key, place, overwrite=overwrite, progress=progress)
        done.append((name, place))
    return done
