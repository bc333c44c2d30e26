"""Rules about encrypted packages: the key of a version, the keys of groups, and who can open them."""

from __future__ import annotations

from collections.abc import Iterator

from registry_tool.catalog.catalog import Catalog, VersionView
from registry_tool.catalog.recipients import key_document, recipients_document
from registry_tool.checks.rule import (
    ModelRule,
    ModelUnderCheck,
    RegistryRule,
    RegistryView,
    Rule,
    Violation,
    find_state,
    format_name,
    removal,
)
from registry_tool.manifests.data import Data, member, records, text, texts
from registry_tool.manifests.document import Document
from registry_tool.manifests.layout import KEYS, RECIPIENTS, Place
from registry_tool.manifests.problems import JSONPath

__all__ = ["RULES"]


def _wrap_trouble(wrap: Data) -> str:
    """Why a wrap is invalid; empty where it is valid."""
    from registry_tool.scanning import NotAgeError, read_armour

    try:
        header = read_armour(text(wrap, "value"))
    except NotAgeError as exc:
        return f"it is not an age file: {exc}"
    if header.is_passphrase != (text(wrap, "kind") == "passphrase"):
        return (
            "it is encrypted with a passphrase"
            if header.is_passphrase
            else "it is not encrypted with a passphrase"
        )
    if not header.is_passphrase and len(header.stanzas) < len(set(texts(wrap, "to"))):
        return f"it is encrypted to {len(header.stanzas)} keys, but lists more readers"
    return ""


def _wraps(document: Document, label: str) -> Iterator[Violation]:
    for number, wrap in enumerate(records(document.data, "wraps")):
        if why := _wrap_trouble(wrap):
            yield Violation(
                f"a wrap of the key of {label} is invalid: {why}",
                path=document.path,
                at=("wraps", number, "value"),
                expected="the private key, in an age file",
                remedy=f"registry rewrap {label}",
            )


def _keyless(version: VersionView, entries: list[Data]) -> Iterator[Violation]:
    """Find errors of an encrypted version and its key."""
    label, document = format_name(str(version)), key_document(version)
    said = sorted({text(entry, "encryption", "recipient") for entry in entries})
    path = "" if version.document is None else version.document.path
    if len(said) > 1:
        yield Violation(
            f"the artifacts of {label} are encrypted to several keys",
            path=path,
            at=("artifacts",),
            found=", ".join(said[:3]),
            expected="one key for a version",
            remedy=f"registry version add {format_name(str(version.model.name))} --artifact PATH --framework TYPE --encrypt-to WHO",
        )
    if document is None:
        if find_state(version) != "erased":
            yield Violation(
                f"{label} is encrypted but has no key.yaml",
                path=path,
                at=("artifacts",),
                expected="key.yaml next to version.yaml, with the key wrapped for at least one recipient",
                remedy=f"restore it: git checkout REV -- {format_name(version.folder)}/key.yaml",
            )
    elif document.data is not None:
        recipient = text(document.data, "recipient")
        if recipient not in said:
            yield Violation(
                f"key.yaml is not the key of {label}",
                path=document.path,
                at=("recipient",),
                found=recipient,
                expected=said[0],
                remedy="restore it: the key of a version cannot change, only its wraps",
            )
        yield from _wraps(document, label)


def encrypted_has_key(model: ModelUnderCheck) -> Iterator[Violation]:
    """An encrypted version must have its key in ``key.yaml``, wrapped for at least one recipient; other versions have no key.

    Without ``key.yaml``, or with another key, the content can never be decrypted. Only decrypting shows whether a wrap
    really contains the key; this rule checks that it is an age file for at least as many people as it lists.

    How to fix: restore ``key.yaml``, or re-encrypt the key with ``registry rewrap``.

    Example:
        a change deletes ``key.yaml`` of version 4, whose artifacts say ``encryption``.
    """
    own = [e for e in records(None if model.document is None else model.document.data, "artifacts") if "encryption" in e]  # fmt: skip
    if own:
        yield Violation(
            f"an artifact of {format_name(str(model.name))} itself is encrypted; only versions have keys",
            at=("artifacts",),
            expected="encrypted artifacts in versions",
            remedy="store it with a version",
        )
    for version in model.looked_at():
        record = version.document
        if record is None or record.data is None:
            continue
        entries = [e for e in records(record.data, "artifacts") if "encryption" in e]
        if entries:
            yield from _keyless(version, entries)
        elif "key.yaml" in model.catalog.tree.folder(version.folder):
            yield Violation(
                f"{format_name(str(version))} has a key, but none of its artifacts is encrypted",
                path=f"{version.folder}/key.yaml",
                expected="no key.yaml",
                remedy=removal(f"{version.folder}/key.yaml"),
            )


def _groups(catalog: Catalog) -> Data:
    document = recipients_document(catalog)
    return {} if document is None else member(document.data, "groups")


def group_keys_hold(view: RegistryView) -> Iterator[Violation]:
    """The members of a group must have keys, and each key in ``keys/`` must be the key of a group.

    Versions encrypted to a group open with the group's key, which is wrapped for the members in ``keys/<group>.yaml``. It
    cannot be wrapped for a member without a public key, and no owner is responsible for the key of an undefined group.

    How to fix: add the member's public key to ``recipients.yaml``, or the group; ``registry rewrap GROUP`` writes its key.

    Example:
        ``groups: {speech: [ada@example.org]}`` without ``ada@example.org`` among ``recipients``.
    """
    catalog, document = view.catalog, recipients_document(view.catalog)
    groups = _groups(catalog)
    people = {} if document is None else member(document.data, "recipients")
    for group in groups:
        for number, name in enumerate(texts(groups, group)):
            if name not in people:
                yield Violation(
                    f"{format_name(name)} of the group {format_name(group)} has no public key in this registry",
                    path=RECIPIENTS,
                    at=("groups", group, number),
                    found=format_name(name),
                    expected="a name in `recipients`",
                    remedy=f"add their public key to {RECIPIENTS}, or remove them from the group",
                )
    for file in sorted(catalog.tree.folder(KEYS)):
        group = file.removesuffix(".yaml")
        key = catalog.document(f"{KEYS}/{file}", Place("key", name=group))
        if not file.endswith(".yaml") or key is None or key.data is None:
            continue
        if group not in groups:
            yield Violation(
                f"{format_name(key.path)} is not the key of a group",
                path=key.path,
                expected=f"one of {', '.join(groups) or 'no groups'}",
                remedy=f"add the group to {RECIPIENTS}, or, if nothing is encrypted to it: {removal(key.path)}",
            )
        yield from _wraps(key, format_name(group))


def wraps_are_current(view: RegistryView) -> Iterator[Violation]:
    """The readers that a key is wrapped for should be in ``recipients.yaml``.

    A person who left can still open the versions they could open before, and a deleted group cannot open anything. The
    wrap stays until the key is re-encrypted.

    How to fix: ``registry rewrap REF --to WHO``; ``registry rekey REF`` if a reader must lose access to the content.

    Example:
        ``key.yaml`` says ``to: [bob@example.org]``, and ``recipients.yaml`` no longer lists him.
    """
    catalog, document = view.catalog, recipients_document(view.catalog)
    known = {*_groups(catalog), *member(None if document is None else document.data, "recipients")}
    gone: dict[tuple[str, JSONPath], list[str]] = {}
    for claim in sorted(view.claims.of_pool("reader"), key=lambda one: (one.path, one.at[1])):
        if claim.value not in known:
            gone.setdefault((claim.path, claim.at), []).append(claim.value)
    for (path, at), readers in gone.items():
        place = catalog.layout.locate(path)
        subject = "" if place is None else format_name(f"{place.model}@{place.version}")
        yield Violation(
            f"the key of {subject} is wrapped for {format_name(', '.join(readers))}, not in {RECIPIENTS}",
            path=path,
            at=at,
            found=format_name(", ".join(readers)),
            expected=f"people and groups of {RECIPIENTS}",
            remedy=f"registry rewrap {subject} --to WHO",
        )


RULES: tuple[Rule, ...] = (
    ModelRule("M217", "an encrypted version has its key", "refuse", encrypted_has_key),
    RegistryRule("R313", "group keys are for their members", "refuse", group_keys_hold),
    RegistryRule("R314", "keys are wrapped for known recipients", "warn", wraps_are_current),
)
