"""Rules about artifacts and their ``.dvc`` pointers: they agree, and a pointer restores the file it is named after."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterator
from functools import lru_cache

from registry_tool.catalog.catalog import VersionView
from registry_tool.checks.rule import (
    FileRule,
    FileView,
    ModelRule,
    ModelUnderCheck,
    Violation,
    format_name,
    removal,
)
from registry_tool.checks.rules.names import check_artifact_file
from registry_tool.errors import InvalidNameError
from registry_tool.git.tree import Tree
from registry_tool.manifests.data import Data, records, text, whole
from registry_tool.manifests.document import Document
from registry_tool.manifests.problems import JSON, JSONPath
from registry_tool.names import fold

__all__ = [
    "RULES",
]

_POINTER = ".dvc"
_AGREE = ("md5", "size", "nfiles")


def _value(data: JSON) -> str:
    return "nothing" if data is None else str(data)


def _against(entry: Data, pointer: Data, at: JSONPath, path: str) -> Iterator[Violation]:
    """Fields of an entry that its pointer contradicts; a pointer of DVC 2 may say less."""
    out = records(pointer, "outs")[0]
    for field in _AGREE:
        said, pointed = entry.get(field), out.get(field)
        if said != pointed and (pointed is not None or field == "md5"):
            yield Violation(
                f"`{field}` of artifact {text(entry, 'name')} differs from its pointer {format_name(path)}",
                at=(*at, field) if field in entry else at,
                found=_value(said),
                expected=_value(pointed),
                remedy="add the artifact again with `registry version add`, which writes both",
            )


def _inside(entry: Data, at: JSONPath) -> Iterator[Violation]:
    """What a folder's entry says of itself: its files add up."""
    files = records(entry, "files")
    if not files:
        return
    for field, added in (("nfiles", len(files)), ("size", sum(whole(f, "size") for f in files))):
        if whole(entry, field) != added:
            yield Violation(
                f"`{field}` of artifact {text(entry, 'name')} does not match the sum of its `files`",
                at=(*at, field),
                found=_value(entry.get(field)),
                expected=str(added),
                remedy="add the artifact again with `registry version add`",
            )


def _twins(entries: list[Data], field: str) -> Iterator[Violation]:
    seen: dict[str, str] = {}
    for number, entry in enumerate(entries):
        value = text(entry, field)
        first = seen.get(fold(value))
        if not value or first is None:
            seen[fold(value)] = value
            continue
        yield Violation(
            f"two artifacts have the same {field} {value}",
            at=("artifacts", number, field),
            found=value if value == first else f"{first} and {value}",
            expected=f"a unique {field} for each, ignoring case",
            remedy=f"give one of them another {field}",
        )


def _lock(data: Data) -> Iterator[Violation]:
    lock = text(data, "environment", "lock")
    names = [text(entry, "name") for entry in records(data, "artifacts")]
    if lock and lock not in names:
        yield Violation(
            f"`environment.lock` names artifact {lock}, which the version does not contain",
            at=("environment", "lock"),
            found=lock,
            expected=", ".join(names) or "an artifact's name",
            remedy="add the lock file as an artifact of that name, or delete the line",
        )


def _check_stored(
    entries: list[Data], folder: str, pointer_of: Callable[[str], Document | None]
) -> Iterator[Violation]:
    for number, entry in enumerate(entries):
        at: JSONPath = ("artifacts", number)
        path = text(entry, "path")
        if not path:
            continue
        pointer = pointer_of(path)
        if pointer is None:
            yield Violation(
                f"artifact {text(entry, 'name')} has no pointer {path}{_POINTER}",
                at=(*at, "path"),
                found=path,
                expected=f"{format_name(folder)}/{path}{_POINTER}",
                remedy="commit the pointer, or add the artifact with `registry version add`",
            )
        elif pointer.data is not None:
            yield from _against(entry, pointer.data, at, pointer.path)
        yield from _inside(entry, at)


def _is_artifact_file(name: str) -> bool:
    """False for a name that no entry can have; that is another rule's finding."""
    try:
        check_artifact_file(name)
    except InvalidNameError:
        return False
    return True


def _orphans(tree: Tree, folder: str, entries: list[Data]) -> Iterator[Violation]:
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
        yield Violation(
            f"the manifest has no artifact for the pointer {format_name(name)}",
            path=path,
            expected=f"an entry with `path: {format_name(artifact)}` under `artifacts`",
            remedy=f"{removal(path)}; or add the artifact in a new version",
        )


def _record(document: Document) -> Iterator[Violation]:
    """What a record says of itself, whether its bytes are there or not."""
    data = document.data or {}
    entries = records(data, "artifacts")
    for found in (_twins(entries, "name"), _twins(entries, "path"), _lock(data)):
        for hit in found:
            yield hit._replace(path=document.path)


def _compare(
    document: Document, folder: str, tree: Tree, pointer_of: Callable[[str], Document | None]
) -> Iterator[Violation]:
    """Compare a record with the pointers next to it."""
    entries = records(document.data, "artifacts")
    for hit in _check_stored(entries, folder, pointer_of):
        yield hit._replace(path=document.path)
    yield from _orphans(tree, folder, entries)


def _is_erased(version: VersionView) -> bool:
    # Most versions have no status, and the folder's listing is at hand.
    if "status.yaml" not in version.model.catalog.tree.folder(version.folder):
        return False
    return version.status is not None and text(version.status.data, "state") == "erased"


def _left_over(version: VersionView) -> Iterator[Violation]:
    """Pointers of an erased version: plain DVC would try to fetch deleted content."""
    for name, entry in sorted(version.model.catalog.tree.folder(version.folder).items()):
        if name.endswith(_POINTER) and not entry.is_folder:
            path = f"{version.folder}/{name}"
            yield Violation(
                f"version {format_name(version.version)} of {format_name(str(version.model.name))} is erased "
                f"but still has the pointer {format_name(name)}",
                path=path,
                expected="no pointers in the folder of an erased version",
                remedy=removal(path),
            )


def _check_version(version: VersionView) -> Iterator[Violation]:
    document, erased = version.document, _is_erased(version)
    if document is not None and document.data is not None:
        yield from _record(document)
        if not erased:
            tree = version.model.catalog.tree
            yield from _compare(document, version.folder, tree, version.pointer)
    if erased:
        yield from _left_over(version)


def artifacts_agree(model: ModelUnderCheck) -> Iterator[Violation]:
    """Artifacts and pointers must agree: one pointer for each stored artifact, one entry for each pointer.

    ``version.yaml`` contains the sha256 that readers verify; the ``.dvc`` pointer contains the digest that content is
    fetched by. If the two differ, a reader gets other content than the record promises. Names and paths of artifacts are
    unique, ignoring case, and ``environment.lock`` names one of them. An erased version keeps its record and has no
    pointers: plain ``dvc pull`` would try to fetch deleted content.

    How to fix: add the artifact with ``registry version add``, which writes both; a published version cannot change,
    so fix it in a new version. ``registry erase`` deletes the pointers of the versions that it erases.

    Example:
        ``size: 938013`` in ``version.yaml`` and ``size: 938012`` in ``lid.176.ftz.dvc``.
    """
    if model.document is not None and model.document.data is not None:
        yield from _record(model.document)
        yield from _compare(model.document, model.folder, model.catalog.tree, model.pointer)
    for version in model.looked_at():
        yield from _check_version(version)


_CONFIG = ".dvc/config"
_CONFIG_LIMIT = 64 * 1024
# DVC writes ['remote "storage"']; the inner quotes are part of the section's name.
_REMOTE = re.compile(rb"""(?mi)^[ \t]*\[[ \t]*['"]?remote[ \t]+"([^"\n]+)"['"]?[ \t]*\]""")
# Folders whose files the registry reads.
_READ = frozenset({"evidence", "versions", "drafts", "tags", "aliases"})
# Fields of DVC with which the registry cannot fetch the content.
_ELSEWHERE = {
    "push": "the content is never pushed to the remote",
    "cache": "the content is not stored by its digest",
    "files": "the content is in a version-aware remote",
    "cloud": "the content is in a version-aware remote",
}


@lru_cache(maxsize=8)
def _remotes(config: bytes) -> frozenset[str]:
    """Their names, as DVC compares them."""
    return frozenset(m.decode(errors="replace").lower() for m in _REMOTE.findall(config))


def _named_remote(file: FileView, out: Data) -> Iterator[Violation]:
    remote = text(out, "remote")
    if not remote:
        return
    known = _remotes(file.catalog.tree.read(_CONFIG, limit=_CONFIG_LIMIT) or b"")
    if remote.lower() not in known:
        yield Violation(
            f"the pointer names remote {remote}, which {_CONFIG} does not define",
            at=("outs", 0, "remote"),
            found=remote,
            expected=", ".join(sorted(known)) or f"a remote of {_CONFIG}",
            remedy=f"dvc remote add {remote} URL; or delete the line",
        )


def _working_folder(file: FileView, data: Data) -> Iterator[Violation]:
    """Find a ``wdir`` with which DVC would overwrite other files."""
    first = next((part for part in text(data, "wdir").split("/") if part not in {"", "."}), "")
    if not first:
        return
    folder = file.path.rpartition("/")[0]
    others = {name.casefold() for name in file.catalog.tree.folder(folder)}
    if first.casefold() in _READ or f"{first.casefold()}.dvc" in others:
        yield Violation(
            f"`wdir` leads into {format_name(first)}, which contains other files",
            at=("wdir",),
            found=format_name(text(data, "wdir")),
            expected="the folder of the pointer, or a separate folder below it",
            remedy="delete the line `wdir`, and move the file next to the pointer",
        )


def _check_imported(file: FileView, data: Data) -> Iterator[Violation]:
    """A pointer of ``dvc import``: plain DVC fetches from the other repository, not from a remote of this one."""
    if not any("repo" in dependency for dependency in records(data, "deps")):
        return
    folder, _, name = file.path.rpartition("/")
    artifact = name.removesuffix(".dvc")
    move = f"cd {shlex.quote(folder)} && dvc update {shlex.quote(name)} && "
    yield Violation(
        "`dvc pull` fetches this file only from another repository, which may delete it",
        at=("deps", 0, "repo"),
        found="a pointer of `dvc import`",
        expected="content in a remote of this registry",
        remedy=f"{move}dvc remove {shlex.quote(name)} && dvc add {shlex.quote(artifact)} && "
        f"dvc push {shlex.quote(name)}",
    )


def pointer_stays(file: FileView) -> Iterator[Violation]:
    """A ``.dvc`` pointer must restore the file that it is named after, from a remote of this registry.

    ``weights.dvc`` restores ``weights``. A pointer to another name or folder could overwrite a manifest, and other users
    cannot fetch content that is not pushed by its digest. A pointer of ``dvc import`` refers to another repository, from
    which the registry does not fetch. ``wdir`` may name a folder below the pointer's own folder that contains no other
    files.

    How to fix: add the file again with ``registry version add``, which writes the pointer.

    Example:
        ``weights.bin.dvc`` with ``path: other.bin``, or with ``push: false``.
    """
    document, place = file.document, file.location
    if document is None or document.data is None or place is None or place.kind != "dvc":
        return
    out = records(document.data, "outs")[0]
    path = text(out, "path")
    if path != place.name:
        yield Violation(
            f"the pointer restores {format_name(path)}, but it is named after {format_name(place.name)}",
            at=("outs", 0, "path"),
            found=format_name(path),
            expected=format_name(place.name),
            remedy=f"write `path: {format_name(place.name)}`, or rename the pointer to {format_name(path)}.dvc",
        )
    for field, meaning in _ELSEWHERE.items():
        if field in out and out[field] is not True:
            yield Violation(
                f"with `{field}`, {meaning}",
                at=("outs", 0, field),
                found=field,
                expected="content in the remote, stored by its digest",
                remedy=f"delete `{field}` and push the content with `dvc push {format_name(file.path)}`",
            )
    yield from _named_remote(file, out)
    yield from _working_folder(file, document.data)
    yield from _check_imported(file, document.data)


RULES = (
    ModelRule("M201", "artifacts and pointers agree", "refuse", artifacts_agree),
    FileRule("F107", "a pointer restores the file it is named after", "refuse", pointer_stays),
)
