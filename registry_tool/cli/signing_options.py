"""``sign --method model-signing`` and ``verify --public-key``: signatures of artifacts' bytes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import click

from registry_tool.cli.completion import complete_file
from registry_tool.cli.output.console import say
from registry_tool.errors import NotFoundError, RefusedError, UsageError

if TYPE_CHECKING:
    from registry_tool.catalog.catalog import VersionView
    from registry_tool.cli.change import ChangeSession
    from registry_tool.edits.changeset import Edit
    from registry_tool.manifests.data import Data
    from registry_tool.names import Reference
    from registry_tool.signing.bundles import Copy
    from registry_tool.signing.signatures import Endorsement

__all__ = [
    "Keeping",
    "bundles_option",
    "bundles_worth",
    "public_key_option",
    "signing_of_artifacts",
]

Function = TypeVar("Function", bound="Callable[..., object]")
# What `model_signing verify` leaves out of a folder unless it is told otherwise.
_LEFT_OUT = frozenset({".git", ".gitattributes", ".github", ".gitignore"})


class Keeping(NamedTuple):
    """Where bundles go: into a file, whose address may be recorded; by default into evidence."""

    file: str | None
    uri: str | None


class _Signer(NamedTuple):
    """A private key, and what opens it."""

    key: Path
    passphrase: bytes | None


def public_key_option(function: Function) -> Function:
    """``--public-key``: whose signatures of artifacts count."""
    return click.option(
        "--public-key", metavar="FILE", shell_complete=complete_file,
        help="Demand that the holder of this key (PEM) signed each artifact that is looked at, with model-signing.",
    )(function)  # fmt: skip


def bundles_option(function: Function) -> Function:
    """``--bundle``: signatures of artifacts that lie in files."""
    return click.option(
        "--bundle", "bundles", metavar="FILE", multiple=True, shell_complete=complete_file,
        help="A signature that model-signing made, beside those in the evidence; may be repeated.",
    )(function)  # fmt: skip


def _signer(key: str | None) -> _Signer:
    from registry_tool.cli.encryption_options import key_passphrase
    from registry_tool.crypto.pem import is_encrypted

    if key is None:
        raise UsageError(
            "there is no key to sign with",
            remedy="--key FILE; make one: openssl ecparam -name prime256v1 -genkey -noout -out FILE",
        )
    place = Path(key).expanduser()
    passphrase = key_passphrase(key).encode() if is_encrypted(place) else None
    return _Signer(place, passphrase)


def _chosen(version: VersionView, names: Sequence[str]) -> list[Data]:
    """The entries of the stored artifacts that are meant."""
    from registry_tool.manifests.data import records, text

    stored = {text(e, "name"): e for e in records(version.data, "artifacts") if "md5" in e}
    for name in names:
        if name not in stored:
            known = ", ".join(stored) or "none"
            raise NotFoundError(
                f"{version} stores no artifact {name}", remedy=f"it stores: {known}"
            )
    if not stored:
        raise NotFoundError(f"{version} stores no artifacts: there are no bytes to sign")
    return [stored[name] for name in dict.fromkeys(names or stored)]


def _copies(desk: ChangeSession, entries: Sequence[Data], folder: str | None) -> Iterator[Copy]:
    """Their bytes, which are those of the record: from a folder, else from cache or remote."""
    from registry_tool.artifacts.verify import differences
    from registry_tool.manifests.data import text
    from registry_tool.signing.bundles import Copy

    for entry in entries:
        name = text(entry, "name")
        if folder is None:
            place = desk.store.fetch(entry, progress=desk.progress)
        else:
            place = Path(folder) / text(entry, "path")
        if found := differences(entry, place, progress=desk.progress):
            raise RefusedError(
                f"{place} is not artifact {name} of the record: it {found[0]}",
                remedy="what is signed are the bytes of the record; registry fetch brings them",
            )
        yield Copy(name, entry, place)


def _kept(bundle: str, copy: Copy, keeping: Keeping, exact: Reference, by: str) -> Edit:
    """The act that records a bundle; a file of it is written now."""
    from registry_tool.edits.changeset import ChangeSet
    from registry_tool.edits.signatures import add_bundle, add_bundle_address

    if keeping.file is None:
        return add_bundle(exact, bundle, artifact=copy.name, by=by)
    try:
        with Path(keeping.file).open("x", encoding="utf-8") as file:
            file.write(bundle)
    except OSError as exc:
        raise UsageError(f"--bundle: {keeping.file} cannot be written: {exc.strerror}") from exc
    if keeping.uri is not None:
        return add_bundle_address(exact, keeping.uri, artifact=copy.name, by=by)
    written = f"Wrote a signature of artifact {copy.name} of {exact} to {keeping.file}"
    return lambda _: ChangeSet(written)


def _tell_of_git_files(copy: Copy) -> None:
    there = [name for name in sorted(_LEFT_OUT) if (copy.place / name).exists()]
    if there:
        say(
            f"note:  artifact {copy.name} has {', '.join(there)}: the command model_signing verify needs"
            " --no-ignore-git-paths for it",
            err=True,
        )


def _check_keeping(keeping: Keeping, entries: Sequence[Data]) -> None:
    if keeping.uri is not None and keeping.file is None:
        raise UsageError("--uri records where a bundle is kept: it needs --bundle FILE")
    if keeping.file is None:
        return
    if len(entries) != 1:
        raise UsageError("--bundle is for one artifact", remedy="--artifact NAME")
    if Path(keeping.file).exists():
        raise UsageError(f"--bundle: {keeping.file} is there already")


def signing_of_artifacts(
    desk: ChangeSession,
    version: VersionView,
    *,
    key: str | None,
    names: Sequence[str],
    folder: str | None,
    keeping: Keeping,
    by: str,
) -> Edit:
    """Sign the bytes of a version's artifacts, and what records that.

    Args:
        desk: The registry.
        version: The version.
        key: The private key.
        names: The artifacts; all that are stored by default.
        folder: Where their bytes lie; the cache by default.
        keeping: Where the bundles go.
        by: Who signs.

    Raises:
        UsageError: The key, an artifact or an option cannot be used; or a bundle is too large for evidence.
        RefusedError: Bytes in the folder are not those of the record.
        RemoteError: The bytes cannot be had.
        OperationalError: The package ``model-signing`` is not installed.
    """
    from registry_tool.crypto import model_signing
    from registry_tool.crypto.pem import public_half
    from registry_tool.edits.changeset import ChangeSet, combined
    from registry_tool.names import Reference
    from registry_tool.signing.bundles import beside, judged

    entries = _chosen(version, names)
    _check_keeping(keeping, entries)
    model_signing.check_package()
    signer = _signer(key)
    public = public_half(*signer)
    exact = Reference(version.model.name, version.version)
    acts = []
    for copy in _copies(desk, entries, folder):
        before = [] if keeping.file else judged(beside(version), [copy], public)
        if any(one.signature.state == "good" for one in before):
            continue
        bundle = model_signing.sign(copy.place, *signer)
        _tell_of_git_files(copy)
        acts.append(_kept(bundle, copy, keeping, exact, by))
    if not acts:
        return lambda _: ChangeSet(f"the artifacts of {exact} are signed with that key already")
    return acts[0] if len(acts) == 1 else combined(acts, f"Add {len(acts)} signatures to {exact}")


def _given(path: str) -> str:
    from registry_tool.crypto.model_signing import LIMIT

    try:
        with Path(path).open("rb") as file:
            return file.read(LIMIT + 1).decode("utf-8", "replace")
    except OSError as exc:
        raise UsageError(f"--bundle: {path} cannot be read: {exc.strerror}") from exc


def bundles_worth(
    version: VersionView, copies: Sequence[Copy], public_key: str, bundles: Sequence[str]
) -> list[Endorsement]:
    """What the bundles of a version are worth by a key: those in its evidence, and those in files.

    Args:
        version: The version.
        copies: The artifacts that are looked at.
        public_key: The file with the key.
        bundles: The files with bundles.

    Raises:
        UsageError: A file cannot be read, or the key is none.
        OperationalError: The package ``model-signing`` is not installed.
    """
    from registry_tool.crypto import model_signing
    from registry_tool.crypto.pem import read_public
    from registry_tool.manifests.data import records, text
    from registry_tool.signing.bundles import Found, beside, judged

    model_signing.check_package()
    key = read_public(Path(public_key).expanduser())
    found = [*beside(version), *(Found(path, _given(path)) for path in bundles)]
    looked_at = {copy.name for copy in copies}
    apart = frozenset(
        text(entry, "path")
        for entry in records(version.data, "artifacts")
        if text(entry, "name") not in looked_at
    )
    return judged(found, copies, key, apart=apart)
