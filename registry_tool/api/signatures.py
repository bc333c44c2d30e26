"""Signatures of versions: sign a record or the content of artifacts, verify signatures and files."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Unpack

from registry_tool.api.changes.session import ChangeSession
from registry_tool.artifacts.progress import SILENT, Progress
from registry_tool.artifacts.verify import differences, plain_entry
from registry_tool.catalog.resolve import resolve
from registry_tool.edits.changeset import ChangeSet, Edit, combine
from registry_tool.edits.signatures import (
    add_bundle,
    add_bundle_address,
    add_signature,
    read_record,
)
from registry_tool.errors import NotFoundError, OperationalError, RefusedError, UsageError
from registry_tool.manifests.data import member, records, text
from registry_tool.names import Reference
from registry_tool.signing import (
    Copy,
    Endorsement,
    Found,
    allowed_signers,
    find_signers,
    judge_bundles,
    judge_signatures,
    list_bundles,
    parse_signature,
    sign_record,
)

if TYPE_CHECKING:
    from registry_tool.api.changes.publish import Publication, WriteOptions
    from registry_tool.api.snapshot import Snapshot
    from registry_tool.api.views import Artifact, ModelVersion
    from registry_tool.catalog.catalog import Catalog, VersionView
    from registry_tool.git.command import Git
    from registry_tool.manifests.data import Data

__all__ = [
    "BundleOutput",
    "CheckedFiles",
    "Endorsement",
    "Verification",
    "sign",
    "sign_artifacts",
    "verify",
]

# Names that `model_signing verify` skips in a folder by default.
_SKIPPED = frozenset({".git", ".gitattributes", ".github", ".gitignore"})


def _signing_key(given: str | None, git: Git) -> str:
    """The key to sign with: as given, else the one that Git signs commits with."""
    if given is not None:
        return given
    configured = git.config("user.signingKey") if git.config("gpg.format") == "ssh" else None
    if configured is None:
        raise UsageError(
            "no signing key is given",
            remedy="--key FILE; or configure it: git config gpg.format ssh && git config user.signingKey FILE",
        )
    # Git takes a public key itself too, in both forms.
    return f"key::{configured}" if configured.startswith("ssh-") else configured


def _with_note(add: Edit, armour: str, record: bytes, by: str) -> Edit:
    """The edit, with a note for a signer whose key is not in ``allowed_signers``."""

    def add_note(catalog: Catalog) -> ChangeSet:
        change = add(catalog)
        if find_signers(armour, record, allowed_signers(catalog)):
            return change
        signature = parse_signature(armour)
        public = f"{signature.key_type} {base64.b64encode(signature.key).decode()}"
        address = by.rpartition("<")[2].rstrip(">")
        note = (
            f"allowed_signers does not contain this key, so the signature does not count yet; add the line:"
            f" {address} {public}"
        )
        return replace(change, notes=(*change.notes, note))

    return add_note


def sign(
    registry: Snapshot,
    reference: str,
    *,
    key: str | None = None,
    by: str | None = None,
    **options: Unpack[WriteOptions],
) -> Publication:
    """Sign the record of a version with an SSH key; the signature becomes evidence.

    Args:
        registry: The registry.
        reference: The version.
        key: A private SSH key, or the public half of one that the agent has; by default the key that Git signs with.
        by: Who signs; the author of the change by default.
        options: How it is written.
    """
    asked = Reference.for_change(reference)
    session = ChangeSession(registry, **options)
    who = session.require_author(by)
    version = resolve(session.catalog, asked, allow_draft=True).version
    record = read_record(version)
    armour = sign_record(record, _signing_key(key, registry.repository.git))
    # An alias may move before the edit is made again; the signature is for this version.
    exact = Reference(version.model.name, version.version)
    return session.publish(_with_note(add_signature(exact, armour, by=who), armour, record, who))


class BundleOutput(NamedTuple):
    """Where the bundles of artifact signatures are written.

    Attributes:
        file: A new file; None stores them as evidence.
        uri: The address at which readers find that file; None for none.
    """

    file: str | None = None
    uri: str | None = None


class _Signer(NamedTuple):
    """A private key, and the passphrase that decrypts it."""

    key: Path
    passphrase: bytes | None


def _read_signer(key: str | None, passphrase: Callable[[str], str]) -> _Signer:
    from registry_tool.signing import is_encrypted

    if key is None:
        raise UsageError(
            "no signing key is given",
            remedy="--key FILE; create one: openssl ecparam -name prime256v1 -genkey -noout -out FILE",
        )
    place = Path(key).expanduser()
    return _Signer(place, passphrase(key).encode() if is_encrypted(place) else None)


def _select_entries(version: VersionView, names: Sequence[str]) -> list[Data]:
    """The entries of the stored artifacts to sign; all by default."""
    stored = {text(e, "name"): e for e in records(version.data, "artifacts") if "md5" in e}
    for name in names:
        if name not in stored:
            known = ", ".join(stored) or "none"
            raise NotFoundError(
                f"{version} has no stored artifact {name}", remedy=f"stored artifacts: {known}"
            )
    if not stored:
        raise NotFoundError(f"{version} has no stored artifacts, so there is nothing to sign")
    return [stored[name] for name in dict.fromkeys(names or stored)]


def _read_copies(
    session: ChangeSession, entries: Sequence[Data], folder: str | None
) -> Iterator[Copy]:
    """The files of artifacts, compared with the record: from a folder, else from cache or remote."""
    for entry in entries:
        name = text(entry, "name")
        if folder is None:
            place = session.store.fetch(entry, progress=session.progress)
        else:
            place = Path(folder) / text(entry, "path")
        if found := differences(entry, place, progress=session.progress):
            raise RefusedError(
                f"{place} differs from artifact {name} of the record: it {found[0]}",
                remedy="sign the content of the record; registry fetch downloads it",
            )
        yield Copy(name, entry, place)


def _record_bundle(
    bundle: str, copy: Copy, output: BundleOutput, exact: Reference, by: str
) -> Edit:
    """The edit that records a bundle; its file is written now."""
    if output.file is None:
        return add_bundle(exact, bundle, artifact=copy.name, by=by)
    try:
        with Path(output.file).open("x", encoding="utf-8") as file:
            file.write(bundle)
    except OSError as exc:
        raise UsageError(f"--bundle: cannot write {output.file}: {exc.strerror}") from exc
    if output.uri is not None:
        return add_bundle_address(exact, output.uri, artifact=copy.name, by=by)
    written = f"Wrote a signature of artifact {copy.name} of {exact} to {output.file}"
    return lambda _: ChangeSet(written)


def _note_skipped(copy: Copy) -> tuple[str, ...]:
    found = [name for name in sorted(_SKIPPED) if (copy.place / name).exists()]
    if not found:
        return ()
    names = ", ".join(found)
    words = (
        f"artifact {copy.name} contains {names}: `model_signing verify` needs --no-ignore-git-paths"
    )
    return (words,)


def _check_output(output: BundleOutput, entries: Sequence[Data]) -> None:
    if output.uri is not None and output.file is None:
        raise UsageError("--uri is the address of a bundle file; it requires --bundle FILE")
    if output.file is None:
        return
    if len(entries) != 1:
        raise UsageError("--bundle is for one artifact", remedy="--artifact NAME")
    if Path(output.file).exists():
        raise UsageError(f"--bundle: {output.file} already exists")


def _with_notes(edit: Edit, notes: Sequence[str]) -> Edit:
    def add_note(catalog: Catalog) -> ChangeSet:
        change = edit(catalog)
        return replace(change, notes=(*notes, *change.notes))

    return add_note


def sign_artifacts(
    registry: Snapshot,
    reference: str,
    *,
    key: str | None,
    passphrase: Callable[[str], str],
    names: Sequence[str] = (),
    folder: str | None = None,
    output: BundleOutput | None = None,
    by: str | None = None,
    **options: Unpack[WriteOptions],
) -> Publication:
    """Sign the content of a version's artifacts with OpenSSF Model Signing.

    Args:
        registry: The registry.
        reference: The version.
        key: A private key of the curve P-256, P-384 or P-521 in PEM form.
        passphrase: Returns the passphrase of an encrypted key, by the key's path.
        names: The artifacts; all that are stored by default.
        folder: The folder with their files; the cache by default.
        output: Where the bundles are written; evidence by default.
        by: Who signs; the author of the change by default.
        options: How it is written.

    Raises:
        UsageError: The key, an artifact or an option cannot be used; or a bundle is too large for evidence.
        RefusedError: Files in the folder differ from the record.
        RemoteError: The files cannot be fetched.
        OperationalError: The package ``model-signing`` is not installed.
    """
    from registry_tool.signing import check_model_signing, public_half, sign_content

    asked, output = Reference.for_change(reference), output or BundleOutput()
    session = ChangeSession(registry, **options)
    who = session.require_author(by)
    version = resolve(session.catalog, asked).version
    entries = _select_entries(version, names)
    _check_output(output, entries)
    check_model_signing()
    signer = _read_signer(key, passphrase)
    public = public_half(*signer)
    exact = Reference(version.model.name, version.version)
    edits: list[Edit] = []
    for copy in _read_copies(session, entries, folder):
        before = [] if output.file else judge_bundles(list_bundles(version), [copy], public)
        if any(one.signature.state == "good" for one in before):
            continue
        bundle = sign_content(copy.place, *signer)
        edits.append(
            _with_notes(_record_bundle(bundle, copy, output, exact, who), _note_skipped(copy))
        )
    if not edits:
        done = ChangeSet(f"the artifacts of {exact} are already signed with that key")
        return session.publish(lambda _: done)
    message = f"Add {len(edits)} signatures to {exact}"
    return session.publish(edits[0] if len(edits) == 1 else combine(edits, message))


class CheckedFiles(NamedTuple):
    """The files of one artifact, and how they differ from the record."""

    artifact: Artifact
    path: Path
    differences: list[str]


@dataclass(frozen=True)
class Verification:
    """The result of ``verify``.

    Attributes:
        version: The version.
        signatures: Signatures of its record.
        bundles: Signatures of its artifacts, if they were verified.
        files: The files that were read.
        of_record: True where an allowed signer must have signed the record.
        of_artifacts: True where the holder of a key must have signed each artifact.
    """

    version: ModelVersion
    signatures: list[Endorsement]
    bundles: list[Endorsement]
    files: list[CheckedFiles]
    of_record: bool
    of_artifacts: bool

    @property
    def signed(self) -> bool:
        """True where an allowed signer signed the record."""
        return any(one.signature.state == "good" for one in self.signatures)

    @property
    def unsigned(self) -> list[str]:
        """The artifacts that lack a required signature."""
        good = {one.artifact for one in self.bundles if one.signature.state == "good"}
        names = [one.artifact.name for one in self.files] if self.of_artifacts else []
        return [name for name in names if name not in good]

    def error(self) -> RefusedError | OperationalError | None:
        """Why the version does not verify; None where it does."""
        name = f"{self.version.model}@{self.version.version}"
        wrong = [one.artifact.name for one in self.files if one.differences]
        if wrong:
            return RefusedError(f"files of {name} differ from its record: {', '.join(wrong)}")
        if self.of_artifacts and (found := self._artifact_error(name)):
            return found
        if self.signed or not self.of_record:
            return None
        if any(one.signature.state == "unchecked" for one in self.signatures):
            remedy = "install the OpenSSH client, 8.2 or newer"
            return OperationalError(f"cannot check the signatures of {name}", remedy=remedy)
        return RefusedError(
            f"{name} has no signature by an allowed signer", remedy=f"registry sign {name}"
        )

    def _artifact_error(self, name: str) -> RefusedError | OperationalError | None:
        if not self.files:
            return RefusedError(f"{name} has no stored artifacts that could be signed")
        lacking = ", ".join(self.unsigned)
        if not lacking:
            return None
        if any(one.signature.state == "unchecked" for one in self.bundles):
            return OperationalError(f"cannot check whether that key signed {lacking} of {name}")
        return RefusedError(
            f"{name}: that key did not sign {lacking}",
            remedy=f"registry sign {name} --method model-signing --key FILE",
        )


def _place_in(artifact: Artifact, folder: Path) -> tuple[Path, Data]:
    """Where an artifact is in a folder, and its expected entry there: the decrypted one if that is what is there."""
    encryption = member(artifact.entry, "encryption")
    plain = folder / text(encryption, "path")
    if encryption and plain.exists() and not (folder / artifact.path).exists():
        return plain, plain_entry(encryption)
    return folder / artifact.path, artifact.entry


def _check_files(
    version: ModelVersion, names: Sequence[str], folder: Path | None, progress: Progress
) -> list[CheckedFiles]:
    """Compare the stored artifacts with the files in a folder, or in the shared cache."""
    found = []
    for artifact in [version.record_artifact(name) for name in names] or version.record_artifacts():
        if artifact.uri:
            continue
        entry = artifact.entry
        if folder is None:
            place = artifact.fetch(progress=progress)
        else:
            place, entry = _place_in(artifact, folder)
        found.append(CheckedFiles(artifact, place, differences(entry, place, progress=progress)))
    return found


def _copies(files: Sequence[CheckedFiles]) -> list[Copy]:
    def obstacle(one: CheckedFiles) -> str:
        if one.differences:
            return "its content differs from the record"
        is_open = one.path.name != one.artifact.path
        return (
            "its files are decrypted, and the signature is of the encrypted file" if is_open else ""
        )

    return [Copy(one.artifact.name, one.artifact.entry, one.path, obstacle(one)) for one in files]


def _read_bundle(path: str) -> str:
    from registry_tool.signing import BUNDLE_LIMIT

    try:
        with Path(path).open("rb") as file:
            return file.read(BUNDLE_LIMIT + 1).decode("utf-8", "replace")
    except OSError as exc:
        raise UsageError(f"--bundle: cannot read {path}: {exc.strerror}") from exc


def _judge_bundles(
    version: VersionView, copies: Sequence[Copy], public_key: str, bundles: Sequence[str]
) -> list[Endorsement]:
    """Verify the bundles of a version with a key: those in its evidence, and those in files.

    Raises:
        UsageError: A file cannot be read, or is not a public key.
        OperationalError: The package ``model-signing`` is not installed.
    """
    from registry_tool.signing import check_model_signing, read_public

    check_model_signing()
    key = read_public(Path(public_key).expanduser())
    found = [*list_bundles(version), *(Found(path, _read_bundle(path)) for path in bundles)]
    checked = {copy.name for copy in copies}
    apart = frozenset(
        text(entry, "path")
        for entry in records(version.data, "artifacts")
        if text(entry, "name") not in checked
    )
    return judge_bundles(found, copies, key, apart=apart)


def verify(
    registry: Snapshot,
    reference: str,
    *,
    names: Sequence[str] = (),
    folder: Path | None = None,
    read_files: bool = False,
    signers: bytes | None = None,
    public_key: str | None = None,
    bundles: Sequence[str] = (),
    progress: Progress = SILENT,
) -> Verification:
    """Verify the signatures of a version, and that files match its record.

    Args:
        registry: The registry.
        reference: The version.
        names: Only these artifacts.
        folder: The folder with the files; the shared cache by default.
        read_files: Hash the files in the shared cache too. A folder or a public key implies it.
        signers: The content of an ``allowed_signers`` file; the registry's own by default.
        public_key: A file with the public key that must have signed each artifact.
        bundles: Files with signatures of artifacts, in addition to those in evidence.
        progress: Receives the progress of reads and downloads.

    Returns:
        The result; ``error()`` is the verdict. A signature is required where the registry has a file
        ``allowed_signers``, or where no files are read.
    """
    if bundles and public_key is None:
        raise UsageError("--bundle requires a key to verify it with", remedy="--public-key FILE")
    read_files = read_files or folder is not None
    version = registry.version(reference, allow_withdrawn=True)
    view = registry.resolve(reference, allow_withdrawn=True).version
    with_files = read_files or public_key is not None
    files = _check_files(version, names, folder, progress) if with_files else []
    of_record = judge_signatures(registry.repository, view, signers=signers)
    if public_key is not None:
        found = _judge_bundles(view, _copies(files), public_key, bundles)
        paths = {one.path for one in found}
        rest = [one for one in of_record if one.path not in paths]
        return Verification(version, rest, found, files, signers is not None, True)
    # A registry without allowed_signers expects no signatures; then the files alone decide, if they were read.
    known = bool(signers if signers is not None else allowed_signers(registry.catalog))
    return Verification(version, of_record, [], files, known or not read_files, False)
