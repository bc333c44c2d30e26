"""Sealing: a draft becomes a version, with the names that are reserved for it. It is one-way."""

from __future__ import annotations

from collections.abc import Sequence

from registry_tool.catalog.catalog import Catalog, VersionView
from registry_tool.catalog.resolve import find_draft, resolve
from registry_tool.edits.changeset import ChangeSet, Edit, followed_by, overlaid
from registry_tool.edits.pointers import write_alias, write_tag
from registry_tool.errors import InvalidManifestError
from registry_tool.git.tree import walk
from registry_tool.manifests.data import records, text
from registry_tool.manifests.yaml.editor import edit_fields
from registry_tool.names import Reference

__all__ = ["apply_seal", "seal", "seal_first"]


def _move(draft: VersionView) -> ChangeSet:
    """Move the files of a draft to the folder of its version, without ``draft.yaml``."""
    catalog, model = draft.model.catalog, draft.model
    folder = catalog.layout.version(model.name, draft.version)
    puts: dict[str, bytes] = {}
    paths = [path for path, _ in walk(catalog.tree, draft.folder)]
    catalog.tree.prefetch(paths)
    for path in paths:
        source = catalog.tree.read(path)
        if source is None:
            raise InvalidManifestError(f"{path} cannot be read", remedy="registry check --all")
        if path != f"{draft.folder}/draft.yaml":
            puts[folder + path.removeprefix(draft.folder)] = source
    if twin := _find_twin(draft):
        record, path = f"{folder}/version.yaml", f"{draft.folder}/version.yaml"
        puts[record] = edit_fields(puts[record], draft.data, {"same_as": twin}, path)
    exact = Reference(model.name, draft.version)
    return ChangeSet(f"Seal {draft}", puts, frozenset(paths), versions=(exact,))


def _find_twin(draft: VersionView) -> str:
    """The version of its model that gives the same outputs, which the record of a version names; empty for none."""
    data = draft.data
    if text(data, "same_as") or not records(data, "artifacts"):
        return ""
    wanted = text(data, "identity")
    versions = filter(None, map(draft.model.version, draft.model.versions))
    found = (str(v) for v in versions if _identity(v) == wanted)
    return next(found, "")


def _identity(version: VersionView) -> str:
    document = version.document
    return "" if document is None else text(document.data, "identity")


def _seal(
    catalog: Catalog, draft: VersionView, tags: Sequence[str], aliases: Sequence[str]
) -> ChangeSet:
    exact = Reference(draft.model.name, draft.version)
    names = [write_tag(exact, tag) for tag in dict.fromkeys((*draft.reserved_tags, *tags))]
    every = dict.fromkeys((*draft.reserved_aliases, *aliases))
    names += [write_alias(exact, alias) for alias in every]
    return followed_by(catalog, _move(draft), names)


def seal(reference: Reference, *, tags: Sequence[str] = (), aliases: Sequence[str] = ()) -> Edit:
    """Make a draft a version: its files move to ``versions/``, and its reserved tags and aliases are written.

    Args:
        reference: The draft.
        tags: Tags that it gets in addition.
        aliases: Aliases that it gets in addition.

    The edit does nothing for a version. It raises NotFoundError (no such draft), RefusedError (a name is taken) or
    InvalidManifestError.
    """

    def edit(catalog: Catalog) -> ChangeSet:
        draft = find_draft(catalog, reference)
        if draft is None:
            found = resolve(catalog, reference, allow_withdrawn=True).version
            return ChangeSet(f"{found} is already sealed")
        return _seal(catalog, draft, tags, aliases)

    return edit


def seal_first(reference: Reference, edit: Edit, why: str) -> Edit:
    """An edit of a version that seals it first where it is a draft, as one change.

    Args:
        reference: The version or draft.
        edit: The edit, of the version.
        why: What is done to it, for the message: ``as production``.
    """

    def seal_and_edit(catalog: Catalog) -> ChangeSet:
        draft = find_draft(catalog, reference)
        if draft is None:
            return edit(catalog)
        sealed = _seal(catalog, draft, (), ())
        message = f"Seal {draft} {why}"
        whole = followed_by(catalog, sealed, [edit])
        return ChangeSet(message, whole.puts, whole.deletes, whole.notes, whole.versions)

    return seal_and_edit


def apply_seal(catalog: Catalog, reference: Reference) -> Catalog:
    """The catalog as it would be with a draft sealed; the catalog itself where the reference names none."""
    draft = find_draft(catalog, reference)
    if draft is None:
        return catalog
    return Catalog(overlaid(catalog.tree, _seal(catalog, draft, (), ())))
