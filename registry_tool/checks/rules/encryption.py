"""Rules about encrypted packages: the key beside a version, the keys of groups, and who can open them."""

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
    named,
    removal,
    state_of,
)
from registry_tool.manifests.data import Data, member, records, text, texts
from registry_tool.manifests.document import Document
from registry_tool.manifests.layout import KEYS, RECIPIENTS, Place
from registry_tool.manifests.problems import JSONPath

__all__ = ["RULES"]


def _wrap_trouble(wrap: Data) -> str:
    """Why a wrap cannot be what it says; empty where it can."""
    from registry_tool.scanning.age_header import (
        NotAgeError,
        read_armour,
    )  # few models are encrypted

    try:
        header = read_armour(text(wrap, "value"))
    except NotAgeError as exc:
        return f"it is no age file: {exc}"
    if header.is_passphrase != (text(wrap, "kind") == "passphrase"):
        return "a passphrase opens it" if header.is_passphrase else "no passphrase opens it"
    if not header.is_passphrase and len(header.stanzas) < len(set(texts(wrap, "to"))):
        return f"it is for {len(header.stanzas)} keys, and names more who can open it"
    return ""


def _wraps(document: Document, label: str) -> Iterator[Violation]:
    for number, wrap in enumerate(records(document.data, "wraps")):
        if why := _wrap_trouble(wrap):
            yield Violation(
                f"a wrap of the key of {label} is not what it says: {why}",
                path=document.path,
                at=("wraps", number, "value"),
                expected="the secret half of the key, in an age file",
                remedy=f"registry rewrap {label}",
            )


def _keyless(version: VersionView, entries: list[Data]) -> Iterator[Violation]:
    """What is wrong with an encrypted version and its key."""
    label, document = named(str(version)), key_document(version)
    said = sorted({text(entry, "encryption", "recipient") for entry in entries})
    path = "" if version.document is None else version.document.path
    if len(said) > 1:
        yield Violation(
            f"the artifacts of {label} are encrypted to several keys",
            path=path,
            at=("artifacts",),
            found=", ".join(said[:3]),
            expected="one key for a version",
            remedy=f"registry version add {named(str(version.model.name))} --artifact PATH --framework TYPE --encrypt-to WHO",
        )
    if document is None:
        if state_of(version) != "erased":
            yield Violation(
                f"{label} is encrypted and has no key.yaml",
                path=path,
                at=("artifacts",),
                expected="key.yaml beside it, with the key wrapped to somebody",
                remedy=f"put it back: git checkout REV -- {named(version.folder)}/key.yaml",
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
                remedy="put it back: the key of a version stays, and only its wraps change",
            )
        yield from _wraps(document, label)


def encrypted_has_key(model: ModelUnderCheck) -> Iterator[Violation]:
    """An encrypted version must have its key beside it, wrapped to somebody, and no other version has one.

    Without ``key.yaml`` nobody can open the payload, ever; with another key they cannot either. Whether a wrap really
    holds the key only shows when it is opened; that it is an age file for as many people as it names is looked at here.

    Mend it: put ``key.yaml`` back as it was, or wrap the key anew with ``registry rewrap``.

    Example:
        a change deletes ``key.yaml`` of version 4, whose artifacts say ``encryption``.
    """
    own = [e for e in records(None if model.document is None else model.document.data, "artifacts") if "encryption" in e]  # fmt: skip
    if own:
        yield Violation(
            f"an artifact of {named(str(model.name))} itself is encrypted; only versions have keys",
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
                f"{named(str(version))} has a key, and nothing of it is encrypted",
                path=f"{version.folder}/key.yaml",
                expected="no key.yaml",
                remedy=removal(f"{version.folder}/key.yaml"),
            )


def _groups(catalog: Catalog) -> Data:
    document = recipients_document(catalog)
    return {} if document is None else member(document.data, "groups")


def group_keys_hold(view: RegistryView) -> Iterator[Violation]:
    """The members of a group must have keys, and a key in ``keys/`` must be that of a group.

    What is encrypted to a group opens with its key, which is wrapped to the members in ``keys/<group>.yaml``. A member
    whose own key nobody knows cannot be among them, and a key of no group is one that nobody looks after.

    Mend it: add the member's public key to ``recipients.yaml``, or the group; ``registry rewrap GROUP`` writes its key.

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
                    f"{named(name)} of the group {named(group)} has no public key here",
                    path=RECIPIENTS,
                    at=("groups", group, number),
                    found=named(name),
                    expected="somebody of `recipients`",
                    remedy=f"add their public key to {RECIPIENTS}, or take them out of the group",
                )
    for file in sorted(catalog.tree.folder(KEYS)):
        group = file.removesuffix(".yaml")
        key = catalog.document(f"{KEYS}/{file}", Place("key", name=group))
        if not file.endswith(".yaml") or key is None or key.data is None:
            continue
        if group not in groups:
            yield Violation(
                f"{named(key.path)} is the key of no group",
                path=key.path,
                expected=f"one of {', '.join(groups) or 'no groups'}",
                remedy=f"add the group to {RECIPIENTS}, or when nothing is encrypted to it: {removal(key.path)}",
            )
        yield from _wraps(key, named(group))


def wraps_are_current(view: RegistryView) -> Iterator[Violation]:
    """Whoever a key is wrapped to should still be in ``recipients.yaml``.

    Somebody who left can open what they could open before, and a group that is gone opens nothing any more. The wrap
    stays until it is made anew.

    Mend it: ``registry rewrap REF --to WHO``; ``registry rekey REF`` where the content must be taken away from somebody.

    Example:
        ``key.yaml`` says ``to: [bob@example.org]``, and ``recipients.yaml`` does not know him any more.
    """
    catalog, document = view.catalog, recipients_document(view.catalog)
    known = {*_groups(catalog), *member(None if document is None else document.data, "recipients")}
    gone: dict[tuple[str, JSONPath], list[str]] = {}
    for claim in sorted(view.claims.of_pool("reader"), key=lambda one: (one.path, one.at[1])):
        if claim.value not in known:
            gone.setdefault((claim.path, claim.at), []).append(claim.value)
    for (path, at), readers in gone.items():
        place = catalog.layout.locate(path)
        subject = "" if place is None else named(f"{place.model}@{place.version}")
        yield Violation(
            f"the key of {subject} is wrapped to {named(', '.join(readers))}, who is not in {RECIPIENTS}",
            path=path,
            at=at,
            found=named(", ".join(readers)),
            expected=f"people and groups of {RECIPIENTS}",
            remedy=f"registry rewrap {subject} --to WHO",
        )


RULES: tuple[Rule, ...] = (
    ModelRule("M217", "an encrypted version has its key", "refuse", encrypted_has_key),
    RegistryRule("R313", "keys of groups are for their members", "refuse", group_keys_hold),
    RegistryRule("R314", "keys are wrapped to known people", "warn", wraps_are_current),
)
