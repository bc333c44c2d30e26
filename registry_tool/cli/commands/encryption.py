"""``registry encrypt`` and ``registry rekey``: a version again, with a payload that another key opens.

``registry decrypt``.

``registry rewrap``.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from registry_tool.cli.change import ChangeSession, How, writing, writing_options
from registry_tool.cli.completion import complete_folder, complete_reference
from registry_tool.cli.encryption_options import holder_of, holder_options, passphrase_wraps
from registry_tool.cli.options import (
    check_signed,
    format_option,
    open_for_reading,
    ref_option,
    repo_option,
    signers_option,
)
from registry_tool.cli.output.console import print_json, progress_bar, say
from registry_tool.errors import NotFoundError, RefusedError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from registry_tool.api.artifact_store import StagedArtifact
    from registry_tool.catalog.catalog import VersionView
    from registry_tool.edits.versions import VersionRecord
    from registry_tool.encryption.seal import Package
    from registry_tool.manifests.data import Data
    from registry_tool.manifests.problems import JSON

    Again = Callable[[Data], StagedArtifact]
    from registry_tool.catalog.catalog import Catalog
    from registry_tool.crypto.age import Key
    from registry_tool.edits.changeset import ChangeSet, Edit
    from registry_tool.encryption.keyring import KeyHolder

__all__ = [
    "decrypt",
    "encrypt",
    "rekey",
    "rewrap",
]

# What a new version says for itself.
_OWN = frozenset({"schema", "model", "version", "artifacts", "identity", "same_as", "created_at", "metrics"})  # fmt: skip


class _Whom(NamedTuple):
    """Who can open the new version."""

    to: tuple[str, ...]
    passphrase: bool


def _record(
    version: VersionView, entries: list[dict[str, JSON]], pointers: dict[str, bytes]
) -> VersionRecord:
    """The record of a version again, with other artifacts."""
    from registry_tool.edits.versions import VersionRecord
    from registry_tool.manifests.data import records

    fields = {key: value for key, value in version.data.items() if key not in _OWN}
    fields["same_as"] = str(version)
    return VersionRecord(
        fields=fields,
        artifacts=entries,
        pointers=pointers,
        metrics=records(version.data, "metrics"),
    )


def _artifacts(
    desk: ChangeSession, version: VersionView, again: Again
) -> tuple[list[dict[str, JSON]], dict[str, bytes]]:
    """The entries and pointers of the new version; what is tracked elsewhere stays as it is."""
    from registry_tool.manifests.data import records

    desk.store.reach()
    listed = records(version.data, "artifacts")
    elsewhere = [dict(entry) for entry in listed if "uri" in entry]
    entries, pointers = desk.hold([again(entry) for entry in listed if "uri" not in entry])
    return [*entries, *elsewhere], pointers


def _finish(
    desk: ChangeSession,
    version: VersionView,
    name: str | None,
    *,
    package: Package,
    whom: _Whom,
    again: Again,
) -> int:
    from registry_tool.edits.encryption import key_bytes, with_key
    from registry_tool.edits.versions import add_version

    others = passphrase_wraps(package.key, wanted=whom.passphrase)
    key_bytes(desk.catalog, package.key, whom.to, others)  # who is unknown is said first
    entries, pointers = _artifacts(desk, version, again)
    add = add_version(version.model.name, name, _record(version, entries, pointers))
    return desk.finish(with_key(add, package.key, whom.to, others))


def _pointed(entry: dict[str, JSON], source: object) -> bytes:
    from registry_tool.artifacts.dvc_files import Pointer, render_pointer
    from registry_tool.artifacts.transfer.ingest import IngestedBlob

    size = source.size if isinstance(source, IngestedBlob) else None
    return render_pointer(Pointer(str(entry["path"]), str(entry["md5"]), size, None))


@click.command(short_help="Add a version again, encrypted.")
@click.argument("reference", metavar="REF", shell_complete=complete_reference)
@click.argument("name", metavar="[VERSION]", required=False)
@click.option(
    "--to",
    metavar="WHO",
    multiple=True,
    help="Who can open it: people and groups of recipients.yaml.",
)
@click.option(
    "--new-passphrase",
    is_flag=True,
    help="Also, or only, whoever knows a passphrase; asked for, or from REGISTRY_NEW_PASSPHRASE.",
)
@writing_options
def encrypt(
    *, reference: str, name: str | None, to: tuple[str, ...], new_passphrase: bool, how: How
) -> int:
    """Add the version that REF means once more, with encrypted artifacts.

    The new version has the identity of the old one and says `same_as`. The old one stays as it is: withdraw and erase
    it, if its plaintext must go from the remote. To add files encrypted from the start: registry version add
    --encrypt-to WHO.

    \b
    Examples:
      registry encrypt nlp/lang-id@4 --to speech --commit
      registry encrypt nlp/lang-id@4 5 --to ada@example.org --new-passphrase
    """
    from registry_tool.api.artifact_store import StagedArtifact
    from registry_tool.artifacts.content_policy import ALLOWED
    from registry_tool.catalog.recipients import encrypted
    from registry_tool.catalog.resolve import resolve
    from registry_tool.encryption.seal import Package
    from registry_tool.names import Reference

    if not to and not new_passphrase:
        raise UsageError("nobody could open it", remedy="--to WHO, or --new-passphrase")
    with writing(how) as desk:
        version = resolve(desk.catalog, Reference.for_change(reference)).version
        if encrypted(version):
            raise RefusedError(
                f"{version} is encrypted already",
                remedy=f"for other readers: registry rewrap {version}; with another key: registry rekey {version}",
            )
        package = Package()

        def again(entry: Data) -> StagedArtifact:
            place: Path = desk.store.fetch(entry)
            made = package.take_in(
                place, str(entry["path"]), str(entry["role"]),
                settings=desk.catalog.settings, cache=desk.store.cache, progress=desk.progress,
                allow=ALLOWED,  # it is published
            )  # fmt: skip
            whole = {**entry, **made.entry}
            for key in ("nfiles", "files"):
                whole.pop(key, None)
            return StagedArtifact(
                whole, _pointed(whole, made.ingested), made.ingested, made.findings
            )

        whom = _Whom(to, new_passphrase)
        return _finish(desk, version, name, package=package, whom=whom, again=again)


@click.command(short_help="Add an encrypted version again, with a new key.")
@click.argument("reference", metavar="REF", shell_complete=complete_reference)
@click.argument("name", metavar="[VERSION]", required=False)
@click.option(
    "--to", metavar="WHO", multiple=True, help="Who can open it. Default: who can open the old one."
)
@click.option(
    "--new-passphrase",
    is_flag=True,
    help="Also, or only, whoever knows a new passphrase; asked for, or from REGISTRY_NEW_PASSPHRASE.",
)
@holder_options
@writing_options
def rekey(
    *, reference: str, name: str | None, to: tuple[str, ...], new_passphrase: bool,
    identities: tuple[str, ...], by_passphrase: bool, how: How,
) -> int:  # fmt: skip
    """Add the encrypted version that REF means once more, with a new key and a new payload.

    This is how content is taken away from somebody who could open it: withdraw and erase the old version afterwards.
    Plaintext goes through memory only.

    \b
    Examples:
      registry rekey nlp/lang-id@4 --to speech --identity ~/.config/age/key.txt --commit
    """
    from registry_tool.api.artifact_store import StagedArtifact
    from registry_tool.catalog.recipients import key_document
    from registry_tool.catalog.resolve import resolve
    from registry_tool.encryption.seal import Package
    from registry_tool.manifests.data import records, texts
    from registry_tool.names import Reference

    holder = holder_of(identities, by_passphrase=by_passphrase)
    with writing(how) as desk:
        version = resolve(desk.catalog, Reference.for_change(reference)).version
        old = holder.open_version(version)
        document = key_document(version)
        wraps = records(None if document is None else document.data, "wraps")
        readers = tuple(name for one in wraps for name in texts(one, "to"))
        package = Package()

        def again(entry: Data) -> StagedArtifact:
            if "encryption" not in entry:
                return desk.store.take_again(entry)
            made = package.take_over(desk.store.fetch(entry), entry, old, desk.store.cache)
            return StagedArtifact(made.entry, _pointed(made.entry, made.ingested), made.ingested)

        whom = _Whom(to or (() if new_passphrase else readers), new_passphrase)
        return _finish(desk, version, name, package=package, whom=whom, again=again)


@click.command()
@click.argument("reference", metavar="REF", shell_complete=complete_reference)
@click.option(
    "-o", "--output", metavar="DIR", required=True, help="Where the plaintext goes.",
    shell_complete=complete_folder,
)  # fmt: skip
@click.option(
    "--artifact", "names", metavar="NAME", multiple=True, help="Only this one; may be repeated."
)
@click.option("--overwrite", is_flag=True, help="Replace what differs in DIR.")
@click.option(
    "--require-signature", is_flag=True,
    help="Decrypt nothing unless an allowed signer signed the version.",
)  # fmt: skip
@signers_option
@holder_options
@format_option
@repo_option
@ref_option
def decrypt(
    *, reference: str, output: str, names: tuple[str, ...], overwrite: bool, require_signature: bool,
    signers: str | None, identities: tuple[str, ...], by_passphrase: bool, form: str, repo: str,
    ref: str | None,
) -> None:  # fmt: skip
    """Fetch the version that REF means, and decrypt it into a folder.

    The plaintext is verified before it gets a name; only you may read it. A run that fails or is killed leaves none.

    \b
    Examples:
      registry decrypt nlp/lang-id@4 -o out --identity ~/.config/age/key.txt
      registry decrypt nlp/lang-id@production -o out --identity ~/.ssh/id_ed25519 --require-signature
      REGISTRY_PASSPHRASE=... registry decrypt nlp/lang-id@4 -o out --passphrase
    """
    from registry_tool.encryption.keyring import decrypt_version

    holder = holder_of(identities, by_passphrase=by_passphrase)
    with open_for_reading(repo, ref) as registry, progress_bar() as progress:
        if require_signature or signers is not None:
            check_signed(registry, reference, signers)
        version = registry.resolve(reference).version
        done = decrypt_version(
            version,
            lambda entry: registry.store.fetch(entry, progress=progress),
            holder,
            Path(output),
            names=names,
            overwrite=overwrite,
            progress=progress,
        )
    if form == "json":
        artifacts = [{"name": name, "path": str(place)} for name, place in done]
        print_json(
            {"model": str(version.model.name), "version": version.version, "artifacts": artifacts}
        )
        return
    for _, place in done:
        say(str(place))


_KEPT = (
    "whoever could open it before may have kept the key; `registry rekey` gives a version a new one"
)


def _noted(change: ChangeSet, catalog: Catalog) -> ChangeSet:
    """The change, with a word about what it cannot do; a key that is new was nobody's before."""
    from dataclasses import replace

    anew = any(catalog.tree.entry(path) is not None for path in change.puts)
    return replace(change, notes=(_KEPT,)) if anew else change


def _group(desk: ChangeSession, group: str, holder: KeyHolder | None, to: tuple[str, ...]) -> Edit:
    """The act for a group: its key to its members, made where it has none."""
    from registry_tool.catalog.recipients import group_document, members_of
    from registry_tool.crypto.age import new_key
    from registry_tool.edits.encryption import set_group_key

    members = members_of(desk.catalog, group)
    if to:
        raise UsageError(
            "a group's key is for its members", remedy="write them into recipients.yaml"
        )
    if group_document(desk.catalog, group) is None:
        return set_group_key(group, new_key(), members)
    if holder is None:
        raise UsageError(
            f"the group {group} has a key, and there is nothing to open it with",
            remedy="--identity FILE",
        )
    return set_group_key(group, holder.open_group(desk.catalog, group), members)


def _before(data: Data) -> tuple[list[str], list[Data]]:
    """Who could open a key before, and the wraps that are left as they are: those to passphrases."""
    from registry_tool.manifests.data import records, text, texts

    wraps = records(data, "wraps")
    readers = [name for one in wraps for name in texts(one, "to")]
    return readers, [one for one in wraps if text(one, "kind") == "passphrase"]


def _version(
    desk: ChangeSession,
    reference: str,
    holder: KeyHolder,
    to: tuple[str, ...],
    *,
    new_passphrase: bool,
) -> Edit:
    from registry_tool.catalog.recipients import key_document
    from registry_tool.catalog.resolve import resolve
    from registry_tool.edits.encryption import set_version_key
    from registry_tool.names import Reference

    version = resolve(desk.catalog, Reference.for_change(reference), allow_withdrawn=True).version
    key: Key = holder.open_version(version)
    document = key_document(version)
    readers, kept = _before({} if document is None or document.data is None else document.data)
    wraps = passphrase_wraps(key, wanted=new_passphrase)
    others = wraps or [dict(one) for one in kept]
    exact = Reference(version.model.name, version.version)
    return set_version_key(exact, key, [*(to or readers)], others)


@click.command()
@click.argument("subject", metavar="REF|GROUP", shell_complete=complete_reference)
@click.option(
    "--to",
    metavar="WHO",
    multiple=True,
    help="Who can open it from now on: people and groups of recipients.yaml. Default: as before.",
)
@click.option(
    "--new-passphrase",
    is_flag=True,
    help="Wrap it to a new passphrase, in place of the old one; asked for, or from REGISTRY_NEW_PASSPHRASE.",
)
@holder_options
@writing_options
def rewrap(
    *, subject: str, to: tuple[str, ...], new_passphrase: bool, identities: tuple[str, ...],
    by_passphrase: bool, how: How,
) -> int:  # fmt: skip
    """Wrap the key of an encrypted version, or of a group, to who should have it now.

    Only a small file changes; the payload stays as it is. With the same readers it takes their keys as recipients.yaml
    has them now. A group that has no key yet gets one.

    \b
    Examples:
      registry rewrap speech --commit
      registry rewrap nlp/lang-id@4 --to speech --to ada@example.org --identity ~/.config/age/key.txt
      registry rewrap nlp/lang-id@4 --passphrase --new-passphrase
    """
    from registry_tool.catalog.recipients import groups_of
    from registry_tool.names import Reference

    holder = None
    if identities or by_passphrase:
        holder = holder_of(identities, by_passphrase=by_passphrase)
    with writing(how) as desk:
        is_group = "/" not in subject and "@" not in subject and subject in groups_of(desk.catalog)
        if is_group:
            act = _group(desk, subject, holder, to)
        elif "/" not in subject and "@" not in subject:
            known = ", ".join(groups_of(desk.catalog)) or "none"
            raise NotFoundError(f"recipients.yaml has no group {subject}", remedy=f"it has {known}")
        else:
            Reference.parse(subject)
            opener = holder or holder_of(identities, by_passphrase=by_passphrase)
            act = _version(desk, subject, opener, to, new_passphrase=new_passphrase)
        return desk.finish(lambda catalog: _noted(act(catalog), catalog))
