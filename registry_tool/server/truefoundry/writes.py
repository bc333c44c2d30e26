"""TrueFoundry's calls that write models and versions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from starlette.requests import Request
from starlette.responses import Response

from registry_tool.edits.changeset import Edit, combine
from registry_tool.edits.deletion import delete_version
from registry_tool.edits.drafts import delete_draft
from registry_tool.edits.shown_aliases import set_shown_alias
from registry_tool.errors import ConflictError
from registry_tool.live.records import ModelRecord, VersionRecord
from registry_tool.manifests.data import Data, member, text
from registry_tool.manifests.problems import JSON
from registry_tool.names import Reference
from registry_tool.server.changes import KnownVersions, find_stages, render_owner
from registry_tool.server.http.faces import JsonResponse
from registry_tool.server.truefoundry.bodies import (
    ModelManifest,
    PutVersionBody,
    TagsBody,
    check_manifest,
    read_body,
)
from registry_tool.server.truefoundry.edits import (
    AliasChange,
    NewModel,
    add_repo_model,
    add_repo_version,
    change_alias,
    change_version,
)
from registry_tool.server.truefoundry.errors import ManifestFieldError
from registry_tool.server.truefoundry.lookup import Lookup
from registry_tool.server.truefoundry.manifest import (
    API,
    FROZEN,
    VersionParts,
    describe_changes,
    limit_parts,
    split_manifest,
)
from registry_tool.server.truefoundry.reads import VersionReads
from registry_tool.server.truefoundry.render import (
    render_manifest,
    stored_address,
    write_subject,
)

if TYPE_CHECKING:
    from registry_tool.access.subjects import Scope
    from registry_tool.server.changes import ChangeWriter
    from registry_tool.server.service import Service
    from registry_tool.server.truefoundry.staging import StagedFiles, StagingCalls

__all__ = ["Target", "VersionWrites"]

_REASON: Final = "deleted through TrueFoundry"
_DONE: Final[Mapping[str, str]] = {}


@dataclass(frozen=True)
class Target:
    """What a manifest is about.

    Attributes:
        given: The manifest, checked, without what it leaves out.
        namespace: The namespace.
        repo: The shown name of the namespace.
        model: The model; None for a new one.
        version: The version that it edits; None for a new one.
    """

    given: dict[str, JSON]
    namespace: str
    repo: str
    model: ModelRecord | None
    version: VersionRecord | None


class _Plan(NamedTuple):
    """What a manifest changes in a version.

    Attributes:
        edit: The change of its fields; None for none.
        renamed: The change of its alias; None for none.
        moves_stage: That alias is a stage.
    """

    edit: Edit | None
    renamed: Edit | None
    moves_stage: bool


class VersionWrites:
    """The calls, over a service.

    Args:
        service: What they write to.
        reads: The calls that read, which render the answers.
        changes: Writes.
        staging: Gives the files that a source names.
    """

    def __init__(
        self, service: Service, reads: VersionReads, changes: ChangeWriter, staging: StagingCalls
    ) -> None:
        self._service = service
        self._reads = reads
        self._changes = changes
        self._staging = staging

    # --- PUT

    async def put_version(self, request: Request) -> Response:
        """``PUT model-versions``: adds the next version, or edits the one that it names."""
        body = await read_body(request, PutVersionBody)
        lookup = self._reads.lookup(request)
        target = self.find_target(lookup, body.given)
        reference = await self.put(request, lookup, target)
        lookup = self._reads.lookup(request)
        found = lookup.snapshot.version(reference.model, str(reference.selector))
        if found is None:
            raise ConflictError(f"{reference} was changed by another request", remedy="try again")
        return await self._reads.answer_version(lookup, found)

    def find_target(self, lookup: Lookup, manifest: dict[str, JSON]) -> Target:
        """What a manifest is about.

        Raises:
            ManifestFieldError: A field has a value that it cannot have.
        """
        given = check_manifest(manifest, ModelManifest)
        repo = text(given, "ml_repo")
        namespace = self._reads.namespace_for(lookup, repo)
        model = lookup.find_model(namespace, text(given, "name"))
        number = given.get("version")
        version = None
        if model is not None and number is not None:
            version = lookup.find_version(model, str(number))
        return Target(given, namespace, repo or namespace, model, version)

    async def put(self, request: Request, lookup: Lookup, target: Target) -> Reference:
        """Write what a manifest says; the version that it is about afterwards."""
        self._service.require(lookup.subject, "write", target.namespace)
        if target.version is not None:
            await self._edit(request, lookup, target, target.version)
            return Reference(target.version.model, target.version.version)
        staged = await self._staging.take(lookup, member(target.given, "source"))
        edit = self._add_version(lookup, target, staged)
        if target.model is None:
            model = self._add_model(lookup, target)
            await self._changes.write(request, target.namespace, model, step="model")
        written = await self._changes.write(request, target.namespace, edit)
        return written.change.versions[0]

    def _add_model(self, lookup: Lookup, target: Target) -> Edit:
        subject = lookup.subject
        new = NewModel(
            target.namespace,
            target.repo,
            text(target.given, "name"),
            render_owner(subject),
            subject.email,
            write_subject(subject),
        )
        return add_repo_model(new, lookup.snapshot.default_scheme)

    def _add_version(self, lookup: Lookup, target: Target, staged: StagedFiles | None) -> Edit:
        subject = lookup.subject
        return add_repo_version(
            target.namespace,
            None if target.model is None else target.model.name,
            target.given,
            _split(target.given, staged, ""),
            author=subject.name,
            created_by=write_subject(subject),
            known=KnownVersions(lambda: self._service.snapshot_for(subject)),
        )

    async def rehearse(self, request: Request, lookup: Lookup, target: Target) -> None:
        """Make what ``put`` would write and check it, without writing it.

        Raises:
            RegistryError: It would be refused.
        """
        scope: Scope = "write"
        if target.version is not None:
            staged = await self._take_new(lookup, target, target.version)
            plan = self._plan(lookup, target, target.version, staged)
            scope = "promote" if plan.moves_stage else scope
            edits = self._list_edits(target.version, plan)
        else:
            staged = await self._staging.take(lookup, member(target.given, "source"))
            edits = [self._add_version(lookup, target, staged)]
            if target.model is None:
                edits.insert(0, self._add_model(lookup, target))
        await self._changes.rehearse(request, target.namespace, edits, scope)

    # --- edits

    def _plan(
        self, lookup: Lookup, target: Target, version: VersionRecord, staged: StagedFiles | None
    ) -> _Plan:
        """What changes in a version.

        Raises:
            ManifestFieldError: A field of a sealed version would.
        """
        given, before = target.given, render_manifest(lookup, version)
        changed = describe_changes(before, given)
        frozen = [name for name in changed if name in FROZEN]
        if frozen and not version.is_draft:
            raise ManifestFieldError(
                f"manifest.{frozen[0]}",
                f"version {before['version']} of {before['name']} is sealed, so this field cannot change;"
                " leave the field version out to add a new version",
            )
        alias = self._alias_change(lookup, version, before, given)
        reference = Reference(version.model, version.version)
        edit = None
        if alias is not None or changed not in ([], ["version_alias"]):
            parts = _split_draft(given, version, frozen, staged)
            edit = change_version(reference, given, parts, changed)
        renamed = None if alias is None else change_alias(reference, alias)
        return _Plan(edit, renamed, moves_stage=alias is not None and alias.moves_stage)

    async def _edit(
        self, request: Request, lookup: Lookup, target: Target, version: VersionRecord
    ) -> None:
        staged = await self._take_new(lookup, target, version)
        plan = self._plan(lookup, target, version, staged)
        scope: Scope = "promote" if plan.moves_stage else "write"
        edits = self._list_edits(version, plan)
        for edit in edits[:-1]:
            await self._changes.write(request, target.namespace, edit, scope, step="alias")
        for edit in edits[-1:]:
            needed: Scope = "write" if len(edits) > 1 else scope
            await self._changes.write(request, target.namespace, edit, needed)

    async def _take_new(
        self, lookup: Lookup, target: Target, version: VersionRecord
    ) -> StagedFiles | None:
        """The files of a draft's new source; None where the source stays as it is."""
        source = member(target.given, "source")
        is_new = version.is_draft and source != member(render_manifest(lookup, version), "source")
        return await self._staging.take(lookup, source) if is_new else None

    @staticmethod
    def _list_edits(version: VersionRecord, plan: _Plan) -> list[Edit]:
        """The changes that a plan is written as: each is a commit.

        An edit and an alias of a sealed version in one commit are of two kinds, which a person would have to review.
        """
        edits = [edit for edit in (plan.edit, plan.renamed) if edit is not None]
        if len(edits) < 2:  # noqa: PLR2004 (an edit and an alias)
            return edits
        if not version.is_draft:
            return [*reversed(edits)]
        return [combine(edits, f"Update {version.model}@{version.version} and seal it")]

    def _alias_change(
        self, lookup: Lookup, version: VersionRecord, before: Data, given: Data
    ) -> AliasChange | None:
        new, shown = text(given, "version_alias"), text(before, "version_alias")
        if new == shown:
            return None
        noted = text(member(version.file("wire.yaml"), API), "version_alias")
        old = shown if noted == shown else ""
        if not new and not old:
            return None
        stages = find_stages(lookup.snapshot, version.model.namespace)
        return AliasChange(new, old, new in stages or old in stages)

    # --- the rest

    async def delete_version(self, request: Request) -> Response:
        """``DELETE model-versions/{id}``."""
        lookup = self._reads.lookup(request)
        await self.delete(request, lookup.version(request.path_params["id"]))
        return JsonResponse(_DONE)

    async def delete(self, request: Request, version: VersionRecord) -> None:
        """Delete a version or a draft; its number is not used again."""
        reference = Reference(version.model, version.version)
        if version.is_draft:
            edit = delete_draft(reference)
        else:
            edit = delete_version(reference, reason=_REASON, remove_aliases=True)
        await self._changes.write(request, version.model.namespace, edit, "delete")

    async def put_tags(self, request: Request) -> Response:
        """``PUT model-versions/tags``: adds tags; one of another version moves only where the client forces it."""
        body = await read_body(request, TagsBody)
        lookup = self._reads.lookup(request)
        version = lookup.version(body.model_version_id)
        model = lookup.snapshot.model_with(version)
        if not body.force:
            for tag in body.tags:
                self._check_tag(lookup, model, version, tag)
        stages = find_stages(lookup.snapshot, model.name.namespace)
        new = [t for t in dict.fromkeys(body.tags) if t not in _shown_aliases(model, version)]
        edits: list[Edit] = [
            set_shown_alias(model.name, version.version, tag, moves_stage=tag in stages)
            for tag in new
        ]
        if edits:
            scope: Scope = "promote" if stages.intersection(new) else "write"
            reference = Reference(model.name, version.version)
            edit = combine(edits, f"Tag {reference} with {', '.join(new)}"[:200])
            await self._changes.write(request, model.name.namespace, edit, scope)
        return JsonResponse(_DONE)

    def _check_tag(
        self, lookup: Lookup, model: ModelRecord, version: VersionRecord, tag: str
    ) -> None:
        path = lookup.find_alias(model, tag)
        other = None if path is None else lookup.snapshot.alias(model, path)
        if other is not None and other.version != version.version:
            number = lookup.snapshot.number(other)
            raise ManifestFieldError(
                "tags", f"{tag!a} is a tag of version {number}; set force to move it"
            )


def _shown_aliases(model: ModelRecord, version: VersionRecord) -> set[str]:
    return {model.titles.get(alias, alias) for alias in version.aliases}


def _split(given: dict[str, JSON], staged: StagedFiles | None, stored: str) -> VersionParts:
    if staged is None:
        return split_manifest(given, (), {}, stored)
    return split_manifest(given, staged.artifacts, staged.pointers, stored)


def _split_draft(
    given: dict[str, JSON], version: VersionRecord, frozen: list[str], staged: StagedFiles | None
) -> VersionParts | None:
    """What is written of a draft; None for a sealed version."""
    if not version.is_draft:
        return None
    parts = _split(given, staged, stored_address(version))
    wire = member(version.file("wire.yaml"), API)
    return limit_parts(parts, version.data, wire, frozen)
