"""Writing the keys of encrypted packages: wraps to people, groups and passphrases."""

from __future__ import annotations

from collections.abc import Sequence

from registry_tool.catalog.catalog import Catalog
from registry_tool.catalog.recipients import group_document, key_document, public_keys
from registry_tool.catalog.resolve import resolve
from registry_tool.edits.changeset import ChangeSet, Edit
from registry_tool.encryption import Key, wrap
from registry_tool.errors import NotFoundError, UsageError
from registry_tool.manifests.problems import JSON
from registry_tool.manifests.yaml.writer import render
from registry_tool.names import Reference, check_new_name

__all__ = ["key_bytes", "passphrase_wrap", "set_group_key", "set_version_key"]

_NOBODY = "--to WHO, or --passphrase"


def passphrase_wrap(value: str) -> dict[str, JSON]:
    """The entry of a wrap that a passphrase opens."""
    return {"kind": "passphrase", "value": value}


def key_bytes(
    catalog: Catalog, key: Key, to: Sequence[str], others: Sequence[dict[str, JSON]] = ()
) -> bytes:
    """The bytes of a ``key.yaml``.

    Args:
        catalog: Where ``recipients.yaml`` says whose keys are whose.
        key: The key.
        to: The people and groups who can open it.
        others: Entries of further wraps.

    Raises:
        NotFoundError: Somebody is not in ``recipients.yaml``.
        UsageError: Nobody could open it.
    """
    wraps: list[JSON] = []
    if to:
        names = list(dict.fromkeys(to))
        value = wrap(key, public_keys(catalog, names))
        wraps.append({"kind": "recipients", "to": [*names], "value": value})
    wraps += others
    if not wraps:
        raise UsageError("no recipient could decrypt that key", remedy=_NOBODY)
    return render({"schema": "key/v1", "recipient": key.recipient, "wraps": wraps})


def set_version_key(
    reference: Reference, key: Key, to: Sequence[str], others: Sequence[dict[str, JSON]] = ()
) -> Edit:
    """Wrap a version's key anew.

    The edit raises NotFound (no such version, or it is not encrypted).
    """

    def edit(catalog: Catalog) -> ChangeSet:
        version = resolve(catalog, reference, allow_withdrawn=True).version
        document = key_document(version)
        if document is None:
            raise NotFoundError(f"{version} is not encrypted")
        path = document.path
        return ChangeSet(
            f"Re-encrypt the key of {version}", {path: key_bytes(catalog, key, to, others)}
        )

    return edit


def set_group_key(group: str, key: Key, to: Sequence[str]) -> Edit:
    """Wrap a group's key to people; a group that has none yet gets this one."""

    def edit(catalog: Catalog) -> ChangeSet:
        done = (
            "Create a key for"
            if group_document(catalog, group) is None
            else "Re-encrypt the key of"
        )
        if group_document(catalog, group) is None:
            check_new_name(group, "group")
        path = catalog.layout.key(group)
        return ChangeSet(f"{done} the group {group}", {path: key_bytes(catalog, key, to)})

    return edit
