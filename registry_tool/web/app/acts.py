"""What can be done in the web app: for each act its fields, the scopes it needs, and how its values become an edit."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from registry_tool.access.subjects import Scope
from registry_tool.catalog.catalog import ModelView, VersionView
from registry_tool.edits.aliases import add_tag, remove_alias, set_alias
from registry_tool.edits.annotations import replace_metadata
from registry_tool.edits.changeset import Edit, combine
from registry_tool.edits.deletion import delete_model, delete_version
from registry_tool.edits.lifecycle import set_state, withdraw_with_aliases
from registry_tool.edits.model_fields import update_model
from registry_tool.edits.models import write_card
from registry_tool.edits.promotion import promote, rollback
from registry_tool.edits.titles import set_title
from registry_tool.errors import NotFoundError, UsageError
from registry_tool.git.history import FirstParentHistory
from registry_tool.manifests.data import member, text, texts
from registry_tool.names import Reference
from registry_tool.promotion.stages import Stage
from registry_tool.web.app.fields import Field, parse_metadata, split_labels, write_metadata

__all__ = ["ACTS", "Act", "ActTarget", "Values"]

Values = Mapping[str, str]
_REASON: Final = Field("reason", "Reason", help="Readers see it.", is_required=True)
_OPTIONAL_REASON: Final = Field("reason", "Reason", help="Readers see it. It can be empty.")


@dataclass(frozen=True)
class ActTarget:
    """What an act is about, at one commit.

    Attributes:
        model: The model.
        version: The version; None for an act about the model.
        stages: The stages of its namespace, first to last.
        history: The history up to the commit.
    """

    model: ModelView
    version: VersionView | None
    stages: Mapping[str, Stage]
    history: FirstParentHistory

    @property
    def reference(self) -> Reference:
        """The model, or the version."""
        return Reference(self.model.name, "" if self.version is None else self.version.version)

    def list_versions(self) -> tuple[tuple[str, str], ...]:
        """The versions to choose from, newest first, with their aliases."""
        held: dict[str, list[str]] = {}
        for alias, version in self.model.alias_targets().items():
            held.setdefault(version, []).append(alias)
        return tuple(
            (one, f"{one} ({', '.join(held[one])})" if one in held else one)
            for one in reversed(self.model.versions)
        )


def _write(_: ActTarget, __: Values) -> tuple[Scope, ...]:
    return ("write",)


def _delete(_: ActTarget, __: Values) -> tuple[Scope, ...]:
    return ("delete",)


def _promote(_: ActTarget, __: Values) -> tuple[Scope, ...]:
    return ("promote",)


def _write_alias(target: ActTarget, values: Values) -> tuple[Scope, ...]:
    return ("promote",) if values.get("alias", "") in target.stages else ("write",)


@dataclass(frozen=True)
class Act:
    """One act.

    Attributes:
        title: What the form is called; ``{}`` is the model or version.
        link: What leads to it.
        button: What is on the button of the last step.
        is_about_version: True for an act about a version.
        fields: Its fields with what they contain.
        edit: The change that the values ask for; raises RegistryError where they are wrong.
        scopes: What a subject needs in the namespace.
        explanation: What the act means, for one that cannot be undone: then the reference is typed; else empty.
        has_gates: True for one that the gates of a stage decide about.
    """

    title: str
    link: str
    button: str
    is_about_version: bool
    fields: Callable[[ActTarget], tuple[Field, ...]]
    edit: Callable[[ActTarget, Values], Edit]
    scopes: Callable[[ActTarget, Values], tuple[Scope, ...]] = field(default=_write)
    explanation: str = ""
    has_gates: bool = False


def _require(values: Values, name: str, what: str) -> str:
    found = values.get(name, "").strip()
    if not found:
        raise UsageError(f"{what} is empty")
    return found


# --- models


def _model_fields(target: ActTarget) -> tuple[Field, ...]:
    data = target.model.data
    card = target.model.catalog.tree.read(f"{target.model.folder}/CARD.md") or b""
    return (
        Field("title", "Title", value=target.model.title,
              help=f"The shown name. The path {target.model.name} never changes."),
        Field("description", "Description", "area", text(data, "description")),
        Field("owner", "Owner", value=text(data, "owner"), is_required=True),
        Field("task", "Task", value=text(data, "task")),
        Field("license", "License", value=text(data, "license"), help="An SPDX identifier, such as Apache-2.0."),
        Field("labels", "Labels", value=", ".join(texts(data, "labels")), help="Words, separated by commas."),
        Field("metadata", "Metadata", "code", write_metadata(member(data, "metadata")), help="A JSON object."),
        Field("card", "Model card", "code", card.decode("utf-8", "replace"), help="CARD.md, in Markdown."),
    )  # fmt: skip


def _edit_model(target: ActTarget, values: Values) -> Edit:
    """The changed fields alone, so that the others keep their form in the file."""
    name = target.model.name
    before = {one.name: one.value for one in _model_fields(target)}
    typed = {key: values.get(key, old).replace("\r\n", "\n") for key, old in before.items()}
    changed = {key for key, value in typed.items() if value.strip() != before[key].strip()}
    fields: dict[str, object] = {
        key: typed[key].strip() or None
        for key in ("description", "owner", "task", "license")
        if key in changed
    }
    if "labels" in changed:
        fields["labels"] = split_labels(typed["labels"]) or None
    if "metadata" in changed:
        fields["metadata"] = parse_metadata(typed["metadata"]) or None
    edits = [update_model(name, fields)] if fields else []
    if "title" in changed:
        edits.append(set_title(name, typed["title"].strip()))
    if "card" in changed:
        edits.append(write_card(name, typed["card"]))
    return combine(edits, f"Update {', '.join(sorted(changed))} of {name}")


def _model_alias_fields(target: ActTarget) -> tuple[Field, ...]:
    return (
        Field("alias", "Alias", help=_describe_aliases(target), is_required=True),
        Field("version", "Version", "choice", options=target.list_versions(), is_required=True),
        _OPTIONAL_REASON,
    )


def _describe_aliases(target: ActTarget) -> str:
    known = (f"{alias} is {version}" for alias, version in target.model.alias_targets().items())
    return f"A new one, or one that moves: {'; '.join(known) or 'there are none yet'}."


def _set_model_alias(target: ActTarget, values: Values) -> Edit:
    reference = Reference(target.model.name, _require(values, "version", "the version"))
    return set_alias(reference, _require(values, "alias", "the alias"), reason=values.get("reason", "").strip())  # fmt: skip


def _alias_choice(target: ActTarget) -> Field:
    known = target.model.alias_targets()
    options = tuple((alias, f"{alias} (now {version})") for alias, version in known.items())
    return Field("alias", "Alias", "choice", options=options, is_required=True)


def _remove_fields(target: ActTarget) -> tuple[Field, ...]:
    return (_alias_choice(target),)


def _remove_alias(target: ActTarget, values: Values) -> Edit:
    return remove_alias(target.model.name, _require(values, "alias", "the alias"))


def _rollback_fields(target: ActTarget) -> tuple[Field, ...]:
    options = (("", "the last good one"), *target.list_versions())
    back = Field("to", "Back to", "choice", options=options, help="A version that it had before.")
    return (_alias_choice(target), back, _REASON)


def _roll_back(target: ActTarget, values: Values) -> Edit:
    return rollback(
        target.model.name,
        _require(values, "alias", "the alias"),
        reason=_require(values, "reason", "the reason"),
        to=values.get("to", ""),
        history=lambda: target.history,
    )


def _reason_alone(_: ActTarget) -> tuple[Field, ...]:
    return (_REASON,)


def _delete_model(target: ActTarget, values: Values) -> Edit:
    return delete_model(target.model.name, reason=_require(values, "reason", "the reason"))


# --- versions


def _version_of(target: ActTarget) -> VersionView:
    if target.version is None:
        raise NotFoundError("the form names no version")
    return target.version


def _promote_fields(target: ActTarget) -> tuple[Field, ...]:
    now = target.model.alias_targets()
    options = tuple(
        (name, f"{name} (now {now[name]})" if name in now else f"{name} (now none)")
        for name in target.stages
    )
    return (
        Field("stage", "Stage", "choice", options=options, is_required=True),
        _OPTIONAL_REASON,
    )


def _promote_version(target: ActTarget, values: Values) -> Edit:
    stage = _require(values, "stage", "the stage")
    return promote(target.reference, stage, reason=values.get("reason", "").strip())


def _version_alias_fields(target: ActTarget) -> tuple[Field, ...]:
    alias = Field("alias", "Alias", help=_describe_aliases(target), is_required=True)
    return (alias, _OPTIONAL_REASON)


def _set_version_alias(target: ActTarget, values: Values) -> Edit:
    alias, reason = _require(values, "alias", "the alias"), values.get("reason", "").strip()
    return set_alias(target.reference, alias, reason=reason)


def _tag_fields(_: ActTarget) -> tuple[Field, ...]:
    return (Field("tag", "Tag", help="It always names this version.", is_required=True),)


def _tag_version(target: ActTarget, values: Values) -> Edit:
    return add_tag(target.reference, _require(values, "tag", "the tag"))


def _version_fields(target: ActTarget) -> tuple[Field, ...]:
    version = _version_of(target)
    return (
        Field("title", "Title", value=version.title,
              help=f"The shown name. The version {version.version} never changes."),
        Field("description", "Description", "area", version.description),
        Field("labels", "Labels", value=", ".join(version.labels), help="Words, separated by commas."),
        Field("metadata", "Metadata", "code", write_metadata(version.all_metadata), help="A JSON object."),
    )  # fmt: skip


def _edit_version(target: ActTarget, values: Values) -> Edit:
    before = {one.name: one.value for one in _version_fields(target)}
    typed = {key: values.get(key, old).replace("\r\n", "\n") for key, old in before.items()}
    changed = {key for key, value in typed.items() if value.strip() != before[key].strip()}
    edits: list[Edit] = []
    if changed - {"title"}:
        edits.append(
            replace_metadata(
                target.reference,
                parse_metadata(typed["metadata"]),
                labels=split_labels(typed["labels"]) if "labels" in changed else None,
                description=typed["description"].strip() if "description" in changed else None,
            )
        )
    if "title" in changed:
        edits.append(
            set_title(target.model.name, typed["title"].strip(), name=_version_of(target).version)
        )
    return combine(edits, f"Update {', '.join(sorted(changed))} of {target.reference}")


def _deprecate_fields(_: ActTarget) -> tuple[Field, ...]:
    other = Field("replaced_by", "Replaced by", help="A reference, such as lang-id@5. It can be empty.")  # fmt: skip
    return (_REASON, other)


def _deprecate(target: ActTarget, values: Values) -> Edit:
    reason, other = (
        _require(values, "reason", "the reason"),
        values.get("replaced_by", "").strip(),
    )
    return set_state(target.reference, "deprecated", reason=reason, replaced_by=other)


def _with_aliases(target: ActTarget) -> tuple[Field, ...]:
    held = _version_of(target).aliases
    if not held:
        return (_REASON,)
    label = f"Remove its aliases too: {', '.join(held)}"
    return (_REASON, Field("remove_aliases", label, "tick"))


def _withdraw(target: ActTarget, values: Values) -> Edit:
    reason = _require(values, "reason", "the reason")
    if values.get("remove_aliases"):
        return withdraw_with_aliases(target.reference, reason=reason)
    return set_state(target.reference, "withdrawn", reason=reason)


def _delete_version(target: ActTarget, values: Values) -> Edit:
    reason = _require(values, "reason", "the reason")
    is_all = bool(values.get("remove_aliases"))
    return delete_version(target.reference, reason=reason, remove_aliases=is_all)


ACTS: Final[Mapping[str, Act]] = {
    "edit": Act("Edit {}", "Edit", "Commit", False, _model_fields, _edit_model),
    "alias": Act(
        "Set an alias of {}", "Set alias", "Commit", False, _model_alias_fields, _set_model_alias, _write_alias,
    ),
    "remove-alias": Act(
        "Remove an alias of {}", "Remove alias", "Commit", False, _remove_fields, _remove_alias, _write_alias,
    ),
    "rollback": Act("Roll back an alias of {}", "Roll back", "Commit", False, _rollback_fields, _roll_back, _promote),
    "delete": Act(
        "Delete {}", "Delete", "Delete", False, _reason_alone, _delete_model, _delete,
        "The model is archived, all its versions are deleted, and its aliases are removed. The files stay, and the path is"
        " never used again. This cannot be undone.",
    ),
    "promote": Act(
        "Promote {}", "Promote", "Commit", True, _promote_fields, _promote_version, _promote, has_gates=True,
    ),
    "name-version": Act(
        "Set an alias to {}", "Set alias", "Commit", True, _version_alias_fields, _set_version_alias, _write_alias,
    ),
    "tag": Act("Tag {}", "Tag", "Commit", True, _tag_fields, _tag_version),
    "edit-version": Act("Edit {}", "Edit", "Commit", True, _version_fields, _edit_version),
    "deprecate": Act("Deprecate {}", "Deprecate", "Commit", True, _deprecate_fields, _deprecate),
    "withdraw": Act(
        "Withdraw {}", "Withdraw", "Withdraw", True, _with_aliases, _withdraw, _write,
        "The version is no longer served, unless a caller insists. Its files stay. It cannot become active again.",
    ),
    "delete-version": Act(
        "Delete {}", "Delete", "Delete", True, _with_aliases, _delete_version, _delete,
        "The version is withdrawn permanently and no longer listed. Its files stay, and its number is never used again."
        " This cannot be undone.",
    ),
}  # fmt: skip
"""By their names in addresses. A new act is a row here."""
