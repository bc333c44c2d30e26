"""``registry rewrap``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from registry_tool.cli.completion import complete_reference
from registry_tool.cli.secrets import holder_of, holder_options, passphrase_wraps
from registry_tool.cli.writing import Desk, How, writing, writing_options
from registry_tool.errors import NotFound, UsageError

if TYPE_CHECKING:
    from registry_tool.catalog.index import Catalog
    from registry_tool.edits.changeset import Act, ChangeSet
    from registry_tool.encryption.keys import Key
    from registry_tool.manifests.data import Data
    from registry_tool.vault import Holder

__all__ = ["rewrap"]

_KEPT = (
    "whoever could open it before may have kept the key; `registry rekey` gives a version a new one"
)


def _noted(change: ChangeSet, catalog: Catalog) -> ChangeSet:
    """The change, with a word about what it cannot do; a key that is new was nobody's before."""
    from dataclasses import replace

    anew = any(catalog.tree.entry(path) is not None for path in change.puts)
    return replace(change, notes=(_KEPT,)) if anew else change


def _group(desk: Desk, group: str, holder: Holder | None, to: tuple[str, ...]) -> Act:
    """The act for a group: its key to its members, made where it has none."""
    from registry_tool.catalog.keys import group_document, members_of
    from registry_tool.edits.keys import set_group_key
    from registry_tool.encryption.keys import new_key

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
    desk: Desk, reference: str, holder: Holder, to: tuple[str, ...], *, new_passphrase: bool
) -> Act:
    from registry_tool.catalog.keys import key_document
    from registry_tool.catalog.resolve import resolve
    from registry_tool.edits.keys import set_version_key
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
    from registry_tool.catalog.keys import groups_of
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
            raise NotFound(f"recipients.yaml has no group {subject}", remedy=f"it has {known}")
        else:
            Reference.parse(subject)
            opener = holder or holder_of(identities, by_passphrase=by_passphrase)
            act = _version(desk, subject, opener, to, new_passphrase=new_passphrase)
        return desk.finish(lambda catalog: _noted(act(catalog), catalog))
