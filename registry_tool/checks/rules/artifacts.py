"""The rule that holds the artifacts of a manifest and the pointers beside it together."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from registry_tool.catalog.index import VersionView
from registry_tool.checks.rule import Hit, ModelRule, ModelUnderCheck, Rule
from registry_tool.checks.rules.names import check_artifact_file
from registry_tool.checks.rules.wording import named, removal
from registry_tool.errors import InvalidName
from registry_tool.git.tree import Tree
from registry_tool.manifests.data import Data, records, text, whole
from registry_tool.manifests.document import Document
from registry_tool.manifests.problems import JSON, JSONPath
from registry_tool.names import fold

__all__ = ["RULES"]

_POINTER = ".dvc"
_AGREE = ("md5", "size", "nfiles")


def _value(data: JSON) -> str:
    return "nothing" if data is None else str(data)


def _against(entry: Data, pointer: Data, at: JSONPath, path: str) -> Iterator[Hit]:
    """Fields of an entry that its pointer contradicts; a pointer of DVC 2 may say less."""
    out = records(pointer, "outs")[0]
    for field in _AGREE:
        said, pointed = entry.get(field), out.get(field)
        if said != pointed and (pointed is not None or field == "md5"):
            yield Hit(
                f"`{field}` of artifact {text(entry, 'name')} is not that of its pointer {named(path)}",
                at=(*at, field) if field in entry else at,
                found=_value(said),
                expected=_value(pointed),
                remedy="add the artifact again with `registry version add`: it writes both",
            )


def _inside(entry: Data, at: JSONPath) -> Iterator[Hit]:
    """What a folder's entry says of itself: its files add up."""
    files = records(entry, "files")
    if not files:
        return
    for field, added in (("nfiles", len(files)), ("size", sum(whole(f, "size") for f in files))):
        if whole(entry, field) != added:
            yield Hit(
                f"`{field}` of artifact {text(entry, 'name')} is not what its `files` add up to",
                at=(*at, field),
                found=_value(entry.get(field)),
                expected=str(added),
                remedy="add the artifact again with `registry version add`",
            )


def _twins(entries: list[Data], field: str) -> Iterator[Hit]:
    seen: dict[str, str] = {}
    for number, entry in enumerate(entries):
        value = text(entry, field)
        first = seen.get(fold(value))
        if not value or first is None:
            seen[fold(value)] = value
            continue
        yield Hit(
            f"two artifacts have the {field} {value}",
            at=("artifacts", number, field),
            found=value if value == first else f"{first} and {value}",
            expected=f"a {field} of its own for each; case does not tell two apart",
            remedy=f"give one of them another {field}",
        )


def _lock(data: Data) -> Iterator[Hit]:
    lock = text(data, "environment", "lock")
    names = [text(entry, "name") for entry in records(data, "artifacts")]
    if lock and lock not in names:
        yield Hit(
            f"`environment.lock` names artifact {lock}, which the version does not have",
            at=("environment", "lock"),
            found=lock,
            expected=", ".join(names) or "an artifact's name",
            remedy="add the lock file as an artifact of that name, or delete the line",
        )


def _stored(
    entries: list[Data], folder: str, pointer_of: Callable[[str], Document | None]
) -> Iterator[Hit]:
    for number, entry in enumerate(entries):
        at: JSONPath = ("artifacts", number)
        path = text(entry, "path")
        if not path:
            continue
        pointer = pointer_of(path)
        if pointer is None:
            yield Hit(
                f"artifact {text(entry, 'name')} has no pointer {path}{_POINTER}",
                at=(*at, "path"),
                found=path,
                expected=f"{named(folder)}/{path}{_POINTER}",
                remedy="commit the pointer too, or add the artifact with `registry version add`",
            )
        elif pointer.data is not None:
            yield from _against(entry, pointer.data, at, pointer.path)
        yield from _inside(entry, at)


def _is_artifact_file(name: str) -> bool:
    """False for a name that no entry can have; that is another rule's finding."""
    try:
        check_artifact_file(name)
    except InvalidName:
        return False
    return True


def _orphans(tree: Tree, folder: str, entries: list[Data]) -> Iterator[Hit]:
    paths = frozenset(text(entry, "path") for entry in entries)
    for name, entry in sorted(tree.folder(folder).items()):
        artifact = name.removesuffix(_POINTER)
        if (
            entry.is_folder
            or artifact == name
            or artifact in paths
            or not _is_artifact_file(artifact)
        ):
            continue
        path = f"{folder}/{name}"
        yield Hit(
            f"the manifest has no artifact for the pointer {named(name)}",
            path=path,
            expected=f"an entry with `path: {named(artifact)}` under `artifacts`",
            remedy=f"{removal(path)}; or add the artifact in a new version",
        )


def _record(document: Document) -> Iterator[Hit]:
    """What a record says of itself, whether its bytes are there or not."""
    data = document.data or {}
    entries = records(data, "artifacts")
    for found in (_twins(entries, "name"), _twins(entries, "path"), _lock(data)):
        for hit in found:
            yield hit._replace(path=document.path)


def _compared(
    document: Document, folder: str, tree: Tree, pointer_of: Callable[[str], Document | None]
) -> Iterator[Hit]:
    """A record and the pointers beside it."""
    entries = records(document.data, "artifacts")
    for hit in _stored(entries, folder, pointer_of):
        yield hit._replace(path=document.path)
    yield from _orphans(tree, folder, entries)


def _is_erased(version: VersionView) -> bool:
    # Most versions have no status, and the folder's listing is at hand.
    if "status.yaml" not in version.model.catalog.tree.folder(version.folder):
        return False
    return version.status is not None and text(version.status.data, "state") == "erased"


def _left_over(version: VersionView) -> Iterator[Hit]:
    """Pointers of an erased version: plain DVC would look for bytes that are gone."""
    for name, entry in sorted(version.model.catalog.tree.folder(version.folder).items()):
        if name.endswith(_POINTER) and not entry.is_folder:
            path = f"{version.folder}/{name}"
            yield Hit(
                f"version {named(version.version)} of {named(str(version.model.name))} is erased "
                f"and still has the pointer {named(name)}",
                path=path,
                expected="no pointers in the folder of an erased version",
                remedy=removal(path),
            )


def _of_version(version: VersionView) -> Iterator[Hit]:
    document, erased = version.document, _is_erased(version)
    if document is not None and document.data is not None:
        yield from _record(document)
        if not erased:
            tree = version.model.catalog.tree
            yield from _compared(document, version.folder, tree, version.pointer)
    if erased:
        yield from _left_over(version)


def artifacts_agree(model: ModelUnderCheck) -> Iterator[Hit]:
    """Artifacts and pointers must say the same: one pointer for each stored artifact, one entry for each pointer.

    ``version.yaml`` holds the sha256 that readers verify, the ``.dvc`` pointer holds the address the bytes are
    fetched by. Where the two differ, a reader gets other bytes than the record promises. Names and paths of artifacts
    are unique, also in upper and lower case, and ``environment.lock`` names one of them. An erased version keeps its
    record and has no pointers: plain ``dvc pull`` would ask for bytes that are gone.

    Mend it: add the artifact with ``registry version add``, which writes both; a published version stays as it is,
    so mend it in a new version. ``registry erase`` deletes the pointers of what it erases.

    Example:
        ``size: 938013`` in ``version.yaml`` and ``size: 938012`` in ``lid.176.ftz.dvc``.
    """
    if model.document is not None and model.document.data is not None:
        yield from _record(model.document)
        yield from _compared(model.document, model.folder, model.catalog.tree, model.pointer)
    for version in model.looked_at():
        yield from _of_version(version)


RULES: tuple[Rule, ...] = (
    ModelRule("M201", "artifacts and pointers agree", "refuse", artifacts_agree),
)
