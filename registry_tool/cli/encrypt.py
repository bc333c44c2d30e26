"""``registry encrypt`` and ``registry rekey``: a version again, with a payload that another key opens."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from registry_tool.cli.completion import complete_reference
from registry_tool.cli.secrets import holder_of, holder_options, passphrase_wraps
from registry_tool.cli.writing import Desk, How, writing, writing_options
from registry_tool.errors import Refused, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from registry_tool.catalog.index import VersionView
    from registry_tool.edits.versions import VersionRecord
    from registry_tool.manifests.data import Data
    from registry_tool.manifests.problems import JSON
    from registry_tool.sealer import Package
    from registry_tool.store import Taken

    Again = Callable[[Data], Taken]

__all__ = ["encrypt", "rekey"]

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
    desk: Desk, version: VersionView, again: Again
) -> tuple[list[dict[str, JSON]], dict[str, bytes]]:
    """The entries and pointers of the new version; what is tracked elsewhere stays as it is."""
    from registry_tool.manifests.data import records

    desk.store.reach()
    listed = records(version.data, "artifacts")
    elsewhere = [dict(entry) for entry in listed if "uri" in entry]
    entries, pointers = desk.hold([again(entry) for entry in listed if "uri" not in entry])
    return [*entries, *elsewhere], pointers


def _finish(
    desk: Desk,
    version: VersionView,
    name: str | None,
    *,
    package: Package,
    whom: _Whom,
    again: Again,
) -> int:
    from registry_tool.edits.keys import key_bytes, with_key
    from registry_tool.edits.versions import add_version

    others = passphrase_wraps(package.key, wanted=whom.passphrase)
    key_bytes(desk.catalog, package.key, whom.to, others)  # who is unknown is said first
    entries, pointers = _artifacts(desk, version, again)
    add = add_version(version.model.name, name, _record(version, entries, pointers))
    return desk.finish(with_key(add, package.key, whom.to, others))


def _pointed(entry: dict[str, JSON], source: object) -> bytes:
    from registry_tool.artifacts.ingesting import Ingested
    from registry_tool.artifacts.pointers import Pointer, render_pointer

    size = source.size if isinstance(source, Ingested) else None
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
    from registry_tool.catalog.keys import encrypted
    from registry_tool.catalog.resolve import resolve
    from registry_tool.content import ALLOWED
    from registry_tool.names import Reference
    from registry_tool.sealer import Package
    from registry_tool.store import Taken

    if not to and not new_passphrase:
        raise UsageError("nobody could open it", remedy="--to WHO, or --new-passphrase")
    with writing(how) as desk:
        version = resolve(desk.catalog, Reference.for_change(reference)).version
        if encrypted(version):
            raise Refused(
                f"{version} is encrypted already",
                remedy=f"for other readers: registry rewrap {version}; with another key: registry rekey {version}",
            )
        package = Package()

        def again(entry: Data) -> Taken:
            place: Path = desk.store.fetch(entry)
            made = package.take_in(
                place, str(entry["path"]), str(entry["role"]),
                settings=desk.catalog.settings, cache=desk.store.cache, progress=desk.progress,
                allow=ALLOWED,  # it is published
            )  # fmt: skip
            whole = {**entry, **made.entry}
            for key in ("nfiles", "files"):
                whole.pop(key, None)
            return Taken(whole, _pointed(whole, made.ingested), made.ingested, made.findings)

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
    from registry_tool.catalog.keys import key_document
    from registry_tool.catalog.resolve import resolve
    from registry_tool.manifests.data import records, texts
    from registry_tool.names import Reference
    from registry_tool.sealer import Package
    from registry_tool.store import Taken

    holder = holder_of(identities, by_passphrase=by_passphrase)
    with writing(how) as desk:
        version = resolve(desk.catalog, Reference.for_change(reference)).version
        old = holder.open_version(version)
        document = key_document(version)
        wraps = records(None if document is None else document.data, "wraps")
        readers = tuple(name for one in wraps for name in texts(one, "to"))
        package = Package()

        def again(entry: Data) -> Taken:
            if "encryption" not in entry:
                return desk.store.take_again(entry)
            made = package.take_over(desk.store.fetch(entry), entry, old, desk.store.cache)
            return Taken(made.entry, _pointed(made.entry, made.ingested), made.ingested)

        whom = _Whom(to or (() if new_passphrase else readers), new_passphrase)
        return _finish(desk, version, name, package=package, whom=whom, again=again)
