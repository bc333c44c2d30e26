"""The artifact storage of one registry: its DVC remote and the shared cache, opened when they are first needed."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, cast

from registry_tool.artifacts.progress import SILENT
from registry_tool.errors import InvalidNameError, MissingObjectError, UsageError
from registry_tool.manifests.data import text, whole
from registry_tool.manifests.problems import JSON
from registry_tool.names import check_artifact_name, check_new_name, is_device

if TYPE_CHECKING:
    from registry_tool.artifacts.cache.cache import Cache
    from registry_tool.artifacts.dvc_files import Member
    from registry_tool.artifacts.hashing import ByteReader, Digest
    from registry_tool.artifacts.progress import Progress
    from registry_tool.artifacts.remotes.base import Remote
    from registry_tool.artifacts.remotes.config import DvcSettings, RemoteSettings
    from registry_tool.artifacts.transfer.ingest import IngestedBlob
    from registry_tool.artifacts.transfer.sources import ArtifactSources
    from registry_tool.catalog.catalog import Catalog
    from registry_tool.encryption import Package
    from registry_tool.git.repository import Repository
    from registry_tool.manifests.data import Data
    from registry_tool.scanning import Finding

__all__ = ["ArtifactStore", "StagedArtifact", "UploadSummary", "identity"]

_CONFIG = ".dvc/config"
_LOCAL = ".dvc/config.local"
_CONFIG_LIMIT = 64 * 1024
_NOTHING = "0" * 32
# What an entry says about the content, whichever manifest it is in.
_TAKEN_OVER = (
    "file_type",
    "media_type",
    "format",
    "path",
    "size",
    "sha256",
    "md5",
    "nfiles",
    "files",
)


def identity(repository: Repository) -> str:
    """Identifies a registry on this machine: its URL, or the folder that all its work trees share."""
    from registry_tool.git.remote.url import is_url, shown_url

    if is_url(repository.source):
        return shown_url(repository.source)
    shared = repository.git.shared_dir.resolve()
    return str(shared.parent if shared.name == ".git" else shared)


class StagedArtifact(NamedTuple):
    """An artifact that was read and digested, and is not uploaded yet.

    Attributes:
        entry: Its entry in a manifest.
        pointer: The bytes of its ``.dvc`` pointer.
        ingested: Its bytes in the cache.
        findings: What a scan of its content warns of.
    """

    entry: dict[str, JSON]
    pointer: bytes
    ingested: IngestedBlob
    findings: tuple[Finding, ...] = ()


class UploadSummary(NamedTuple):
    """The result of an upload.

    Attributes:
        objects: How many objects were sent.
        of: How many there are; the remote already had the others.
        warning: Why those may be deleted by ``gc`` before the change is published; empty where they may not.
        size: The size of the artifacts that had to be in the remote, in bytes.
        remote: The name of the remote.
    """

    objects: int
    of: int
    warning: str = ""
    size: int = 0
    remote: str = ""


def _check_new_names(members: Iterable[str], called: str, name: str) -> None:
    """Check that every system can have files with these names; those of published artifacts are not checked."""
    check_new_name(name or called, "artifact")
    check_new_name(called, "file")
    for member in members:
        part = next((part for part in member.split("/") if is_device(part)), "")
        if part:
            raise InvalidNameError(
                f"{called}/{member} cannot be stored: {part!a} is a device name on Windows",
                remedy="rename the file in the folder",
            )


class ArtifactStore:
    """Where a registry's artifacts are stored.

    Args:
        catalog: The tree that contains ``.dvc/config`` and ``registry.yaml``.
        root: The registry's folder on this machine, for relative remotes and local credentials; None without one.
        registry: Which registry it is, for the hosts that get credentials: its URL, or its folder, which is the default.
        package: Encrypts every file that is read; None stores files as they are.
    """

    def __init__(
        self,
        catalog: Catalog,
        root: Path | None,
        registry: str = "",
        *,
        package: Package | None = None,
    ) -> None:
        self._catalog = catalog
        self._root = root
        self._registry = registry or str(root or "")
        self._package = package

    def encrypting(self, package: Package) -> ArtifactStore:
        """The same storage, which encrypts every file that is read into it."""
        return ArtifactStore(self._catalog, self._root, self._registry, package=package)

    @cached_property
    def cache(self) -> Cache:
        """The cache that all registries of this user share."""
        from registry_tool.artifacts.cache.cache import Cache
        from registry_tool.paths import cache_folder

        return Cache(cache_folder())

    @cached_property
    def remote(self) -> Remote:
        """The remote that ``registry.yaml`` names, else DVC's default.

        Raises:
            NoRemoteError: None is configured.
            RemoteError: Its configuration cannot be used.
        """
        from registry_tool.artifacts.remotes.open import open_configured
        from registry_tool.gc.reachability import stores_bytes

        return open_configured(
            self.settings, self.chosen, in_use=lambda: stores_bytes(self._catalog)
        )

    @cached_property
    def chosen(self) -> RemoteSettings:
        """The settings of that remote.

        Raises:
            NoRemoteError: None is configured.
            RemoteError: Its configuration cannot be used.
        """
        from registry_tool.artifacts.remotes.config import select_remote

        return select_remote(self.settings, text(self._catalog.settings, "remote") or None)

    @cached_property
    def settings(self) -> DvcSettings:
        """Where DVC's configuration is. A local file that Git tracks does not count: a commit added it."""
        from registry_tool.artifacts.remotes.config import DvcSettings

        config = self._catalog.tree.read(_CONFIG, limit=_CONFIG_LIMIT) or b""
        return DvcSettings(config, self._local_config(), self._root, self._registry)

    def _local_config(self) -> Path | None:
        """DVC's local configuration; none that a commit brought, or that another user may have written."""
        if self._root is None or not (self._root / _LOCAL).exists():
            return None
        from registry_tool.git.command import find_repository
        from registry_tool.git.worktree import is_tracked

        git = find_repository(self._root)
        foreign = git is not None and not git.is_trusted
        return None if foreign or is_tracked(self._root, _LOCAL) else self._root / _LOCAL

    def reach(self) -> None:
        """Check that the remote can be reached and accepts the credentials, before large files are read.

        Raises:
            NoRemoteError: None is configured.
            RemoteError: It cannot be used.
        """
        self.remote.sizes([_NOTHING])

    @cached_property
    def supply(self) -> ArtifactSources:
        """Where its bytes are read from."""
        from registry_tool.artifacts.transfer.sources import ArtifactSources

        name = text(self._catalog.settings, "remote") or None
        return ArtifactSources(lambda: self.settings, name, self.cache)

    def fetch(self, entry: Data, file: str = "", progress: Progress | None = None) -> Path:
        """The verified bytes of an artifact's entry, or of one file of a folder; see ``ArtifactSources.fetch``."""
        return self.supply.fetch(entry, file, progress=progress or SILENT)

    def _describe(
        self, ingested: IngestedBlob, called: str, name: str, role: str, allow: Collection[str]
    ) -> StagedArtifact:
        """The entry and the pointer of bytes that are in the cache, if the policy lets their content in."""
        from registry_tool.artifacts.content_policy import list_files, look_at_files
        from registry_tool.artifacts.dvc_files import Pointer, render_pointer
        from registry_tool.artifacts.entry_builder import artifact_words

        _check_new_names((member.path for member in ingested.members), called, name)
        entry: dict[str, JSON] = {"name": name or called, "role": role}
        entry.update(artifact_words(called, role=role))
        entry.update({"path": called, **cast("dict[str, JSON]", ingested.describe())})
        pointer = Pointer(called, ingested.md5, ingested.size, ingested.nfiles)
        files = list_files(ingested, called)
        findings = look_at_files(files, called, self._catalog.settings, allow=allow)
        return StagedArtifact(entry, render_pointer(pointer), ingested, findings)

    def _seal(
        self,
        package: Package,
        source: Path,
        name: str,
        role: str,
        *,
        progress: Progress,
        allow: Collection[str],
    ) -> StagedArtifact:
        """The entry and the pointer of a file or folder that lies encrypted in the cache."""
        from registry_tool.artifacts.dvc_files import Pointer, render_pointer

        called = check_artifact_name(Path(os.path.abspath(source)).name)  # noqa: PTH100 (resolve follows links)
        from registry_tool.artifacts.dvc_files import walk

        inside = walk(source) if source.is_dir() else ()
        _check_new_names((path for path, _ in inside), called, name)
        made = package.take_in(
            source, called, role,
            settings=self._catalog.settings, cache=self.cache, progress=progress, allow=allow,
        )  # fmt: skip
        pointer = Pointer(text(made.entry, "path"), made.ingested.md5, made.ingested.size, None)
        entry = {"name": check_artifact_name(name or called), **made.entry}
        return StagedArtifact(entry, render_pointer(pointer), made.ingested, made.findings)

    def _check_plain(self) -> None:
        """Never store unencrypted what must be encrypted."""
        if self._package is not None:
            raise UsageError(
                "only a single file or folder can be encrypted",
                remedy="copy the content into one file or folder, and give that",
            )

    def take_in(
        self,
        source: Path | Sequence[Path],
        *,
        name: str = "",
        role: str = "",
        path: str = "",
        progress: Progress | None = None,
        allow: Collection[str] = (),
    ) -> StagedArtifact:
        """Read and digest a file or folder into the cache; nothing is uploaded.

        Args:
            source: The file or folder; several are merged into one folder, in which no two may have one path.
            name: The artifact's name; the file's own by default. Several sources need one.
            role: Its role; guessed from the file's name by default.
            path: Its file name next to the manifest; by default the file's own name, or the artifact's for several.
            progress: Receives the progress.
            allow: Mistakes that are meant: ``empty``, ``mislabelled``.

        Raises:
            UsageError: The file does not exist, is not a file or folder, or two of several have the same path.
            RefusedError: Its content is refused.
            ConflictError: It changed while it was read.
        """
        from registry_tool.artifacts.transfer.ingest import ingest, merge

        told = progress or SILENT
        if self._package is not None and isinstance(source, Path):
            return self._seal(self._package, source, name, role, progress=told, allow=allow)
        if not isinstance(source, Path):
            self._check_plain()
            called = check_artifact_name(path or name)
            check_artifact_name(name)
            merged = merge([*source], called, cache=self.cache, progress=told)
            return self._describe(merged, called, name, role, allow)
        # A link is taken in under its own name: in caches of models the target's is often a digest.
        called = path or Path(os.path.abspath(source)).name  # noqa: PTH100 (resolve follows links)
        check_artifact_name(name or called)
        return self._describe(
            ingest(source, cache=self.cache, progress=told), called, name, role, allow
        )

    def take_stream(
        self,
        stream: ByteReader,
        *,
        name: str,
        role: str = "",
        progress: Progress | None = None,
        allow: Collection[str] = (),
    ) -> StagedArtifact:
        """Read and digest a stream, such as standard input, into the cache; ``name`` is also its file's name.

        Raises:
            UsageError: It is empty.
        """
        from registry_tool.artifacts.transfer.ingest import ingest_stream

        self._check_plain()
        check_artifact_name(name)
        ingested = ingest_stream(stream, name, cache=self.cache, progress=progress or SILENT)
        return self._describe(ingested, name, name, role, allow)

    def take_url(
        self,
        url: str,
        *,
        name: str = "",
        role: str = "",
        progress: Progress | None = None,
        allow: Collection[str] = (),
    ) -> StagedArtifact:
        """Read and digest an object at a URL into the cache; the end of its path is its file's name.

        Raises:
            UsageError: It is a folder, of a kind that cannot be read, or empty.
            RemoteError: It does not exist, or cannot be read.
            ConflictError: It gave another number of bytes than it said.
        """
        from registry_tool.artifacts.entry_builder import last_part
        from registry_tool.artifacts.remotes.url import open_url
        from registry_tool.artifacts.transfer.ingest import ingest_stream

        self._check_plain()
        called = check_artifact_name(last_part(url))
        with open_url(url, self.settings) as found:
            ingested = ingest_stream(
                found.stream, found.label, cache=self.cache, size=found.size, progress=progress or SILENT
            )  # fmt: skip
        return self._describe(ingested, called, name, role, allow)

    def store_file(self, stream: ByteReader, *, expected: int = 0) -> Digest:
        """Read and digest one file into the cache, and upload it; no manifest names it yet.

        Args:
            stream: The file.
            expected: About how many bytes it has, where that is known.

        Raises:
            NoRemoteError: No remote is configured.
            RemoteError: The remote cannot be used, or does not have the bytes afterwards.
        """
        from registry_tool.artifacts.transfer.upload import send

        self._check_plain()
        remote = self.remote
        kept = self.cache.add_stream(stream, check=lambda _: None, expected=expected)
        send([(kept.digest.md5, kept.path)], remote)
        return kept.digest

    def take_members(self, members: Sequence[Member], *, name: str) -> StagedArtifact:
        """Files that ``store_file`` has uploaded, as one folder; ``name`` is also the folder's name.

        Raises:
            RefusedError: The content is refused.
            RemoteError: The remote cannot be used, or lacks a file that is not in the cache.
            CorruptObjectError: A path is unsafe, or both a file and a folder.
        """
        from registry_tool.artifacts.transfer.ingest import describe_folder

        self._check_plain()
        check_artifact_name(name)
        places = {
            member.md5: self.fetch({"name": name, **member._asdict(), "path": "file"})
            for member in members
        }
        found = describe_folder(members, places, self.cache)
        return self._describe(found, name, name, "model", ())

    def take_again(self, entry: Data, *, name: str = "", role: str = "") -> StagedArtifact:
        """An artifact that another manifest has, for one more: its bytes are on the remote, and nothing is read.

        Raises:
            UsageError: It is tracked elsewhere.
            MissingObjectError: The remote lacks its bytes.
        """
        from registry_tool.artifacts.dvc_files import Pointer, render_pointer
        from registry_tool.artifacts.transfer.ingest import IngestedBlob
        from registry_tool.artifacts.verify import find_missing, objects

        self._check_plain()
        if "md5" not in entry:
            raise UsageError(
                f"artifact {text(entry, 'name')} is tracked elsewhere: its content is not in the remote",
                remedy=f"record its address again: --track {text(entry, 'uri')}",
            )
        (lacking,) = find_missing([entry], lambda: self.remote)
        if lacking:
            raise MissingObjectError(
                f"artifact {text(entry, 'name')} is missing in remote {self.remote.name} "
                f"({self.remote.url}): found {lacking[0].found}",
                remedy="ask its author to restore it: registry upload REF PATH",
            )
        own: dict[str, JSON] = {
            "name": name or text(entry, "name"),
            "role": role or text(entry, "role"),
        }
        kept = {key: entry[key] for key in _TAKEN_OVER if key in entry}
        size, nfiles = whole(entry, "size"), whole(entry, "nfiles") or None
        relied = objects(entry, self.remote)
        ingested = IngestedBlob(
            size, text(entry, "md5"), text(entry, "sha256"), nfiles, relied=relied
        )
        pointer = Pointer(text(entry, "path"), ingested.md5, size, nfiles)
        return StagedArtifact({**own, **kept}, render_pointer(pointer), ingested)

    def upload(
        self, taken: Iterable[StagedArtifact], *, progress: Progress | None = None
    ) -> UploadSummary:
        """Upload artifacts, each object once, and verify that the remote has it.

        What the remote has already is renewed; see ``artifacts.leases``.

        Raises:
            ConflictError: What it has is being deleted.
            NoRemoteError: None is configured.
            RemoteError: The remote cannot be used, or does not have the bytes afterwards.
        """
        from registry_tool.artifacts.transfer.upload import send

        all_of_them = [one.ingested for one in taken]
        blobs = dict(blob for one in all_of_them for blob in one.blobs)
        relied = {md5 for one in all_of_them for md5 in one.relied} - blobs.keys()
        if not (blobs or relied):
            return UploadSummary(0, 0)
        done = send([*blobs.items()], self.remote, relied=relied, progress=progress or SILENT)
        size = sum(one.size for one in all_of_them if one.blobs)
        return UploadSummary(done.sent, len(blobs), done.warning, size, self.remote.name)
