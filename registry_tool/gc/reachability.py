"""Which stored objects are used, over every ref: what must be known before content is deleted.

An object is used by every version and model whose manifest names it, by every file in ``objects/`` that does and is not
an upload, and by every ``.dvc`` file and ``dvc.lock`` anywhere. All refs that this clone has or that its Git remotes list are searched, its work trees and indexes, and commits
that no ref reaches any more and that can still be published. In doubt an object is used: a manifest that cannot be read
uses every digest in its text.

An erased version uses nothing. What the main branch calls erased is erased in every ref: a tag, an old branch or an open
pull request that still has it active does not keep its content, because erased is final and a merge keeps it so. The same
applies to files that were uploaded for it after it was published, which ``model.yaml`` lists, except on the main branch.
``copies`` names these refs.

A folder of files that was searched in one ref is skipped in all others where Git gives it the same id, so five hundred
branches cost little more than one.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple

from registry_tool.catalog.catalog import Catalog
from registry_tool.errors import GitError, RefusedError
from registry_tool.git.commit_tree import CommitTree
from registry_tool.git.objects.reader import BlobReader
from registry_tool.git.objects.unreferenced import (
    linked_work_trees,
    unmerged_trees,
    unnamed_commits,
)
from registry_tool.git.refs import hidden_tips, list_tips, main_branch
from registry_tool.git.transaction.journal import check_not_interrupted
from registry_tool.git.tree import EXECUTABLE, FILE, Entry, Tree, walk
from registry_tool.git.worktree import staged_tree, work_tree
from registry_tool.manifests.data import Data, records, text
from registry_tool.manifests.layout import OBJECTS

if TYPE_CHECKING:
    from registry_tool.git.command import Git
    from registry_tool.git.repository import Repository
    from registry_tool.manifests.document import Document
    from registry_tool.manifests.layout import Place

__all__ = [
    "NeededBy",
    "RegistryState",
    "RequiredObjects",
    "copies",
    "everywhere",
    "needs",
    "stores_bytes",
]

_DIGEST: Final = re.compile(rb"(?<![0-9A-Za-z])[0-9a-f]{32}(?:\.dir)?(?![0-9A-Za-z])")
_RECORDS: Final = ("model.yaml", "version.yaml")
# Objects of protocols name files of their own, such as those of a checkpoint. An upload is not used until something names it.
_OBJECTS: Final = re.compile(rf"{OBJECTS}/[^/]+/(?!upload/)[^/]+/[^/]+")
_STATUS: Final = "status.yaml"
_LIMIT: Final = 64 << 20


class NeededBy(NamedTuple):
    """Who uses an object.

    Attributes:
        subject: A version such as ``nlp/lang-id@3``, a model, or the path of another file that names the object.
        ref: Where it was found, such as ``origin/main``; empty where the subject is the whole reason.
    """

    subject: str
    ref: str

    @property
    def words(self) -> str:
        """For messages."""
        return f"{self.subject} in {self.ref} uses it" if self.ref else self.subject


class RegistryState(NamedTuple):
    """One state of a registry that is searched.

    Attributes:
        ref: A ref, a work tree, or how else it can be published.
        tree: Its files.
        is_main: True for the published state.
        is_spare: True for a commit that no ref reaches: files that Git has pruned there use nothing.
    """

    ref: str
    tree: Tree
    is_main: bool = False
    is_spare: bool = False


@dataclass(frozen=True)
class RequiredObjects:
    """The result of a search.

    Attributes:
        wanted: The objects to search for, by md5; those of folders end in ``.dir``. None searches for all.
        objects: Of these, the needed ones, each with the first who needs it.
        folders: Folders by md5 whose files no manifest lists, and who needs them: any file may be among theirs.
    """

    wanted: frozenset[str] | None
    objects: dict[str, NeededBy] = field(default_factory=dict)
    folders: dict[str, NeededBy] = field(default_factory=dict)


class _Group(NamedTuple):
    """The files of one folder that may name objects."""

    folder: str
    names: tuple[str, ...]
    has_status: bool

    def paths(self) -> Iterator[str]:
        yield from (f"{self.folder}/{name}".removeprefix("/") for name in self.names)
        if self.has_status:
            yield f"{self.folder}/{_STATUS}"


def _may_name(folder: str, name: str, entry: Entry) -> bool:
    named = name in _RECORDS or name.endswith(".dvc") or name == "dvc.lock"
    named = named or (name.endswith(".yaml") and bool(_OBJECTS.match(folder)))
    return named and entry.mode in (FILE, EXECUTABLE)


def _unreadable(seen: RegistryState, path: str) -> GitError:
    return GitError(
        f"{path} of {seen.ref} cannot be read, so the objects it uses are unknown",
        remedy="check the repository: git fsck; then fetch again, or delete the ref",
    )


def _groups(seen: RegistryState, known: set[tuple[str, str]]) -> Iterator[_Group]:
    """The folders that were not seen before with the same content."""
    waiting = [""]
    while waiting:
        folder = waiting.pop()
        listing = seen.tree.folder(folder)
        if folder and not listing:  # Git has no empty folders
            raise _unreadable(seen, folder)
        names = tuple(sorted(n for n, e in listing.items() if _may_name(folder, n, e)))
        if names:
            yield _Group(folder, names, _STATUS in listing)
        for name, entry in listing.items():
            path = f"{folder}/{name}" if folder else name
            if entry.is_folder and (path, entry.oid) not in known:
                waiting.append(path)
                if entry.oid:
                    known.add((path, entry.oid))


def _is_erased(catalog: Catalog, folder: str) -> bool:
    """True for the folder of a version whose status says so; what cannot be read is not erased."""
    place = catalog.layout.locate(f"{folder}/{_STATUS}")
    status = None if place is None else catalog.document(f"{folder}/{_STATUS}", place, keep=False)
    return status is not None and text(status.data, "state") == "erased"


def _with_draft(folder: str) -> tuple[str, str]:
    """The folder of a version, and that of the draft which it was in older refs: what is erased there was the same."""
    home, _, version = folder.rpartition("/")
    return folder, f"{home.removesuffix('versions')}drafts/{version}"


def _subject(path: str, place: Place | None) -> str:
    if place is None or place.model is None:
        return path
    return str(place.model) if place.version is None else f"{place.model}@{place.version}"


def _find_digests(
    source: bytes, catalog: Catalog, path: str, place: Place | None
) -> tuple[set[str], set[str]]:
    """The digests a file names, and those of folders whose files it lists."""
    digests = {match.decode() for match in _DIGEST.findall(source)}
    listed: set[str] = set()
    # The text is enough, except for the files of a folder and for YAML escapes.
    if place is None or not (b".dir" in source or b"\\" in source):
        return digests, listed
    document = catalog.document(path, place, keep=False)
    data = None if document is None else document.data
    for entry in (*records(data, "artifacts"), *records(data, "outs")):
        files = [text(file, "md5") for file in records(entry, "files")]
        digests.update({text(entry, "md5"), *files})
        listed.update({text(entry, "md5")} if files else ())
    return digests, listed


class _Search:
    """Searches the states of one registry, the main branch first."""

    def __init__(self, found: RequiredObjects, label: str, leaving: str) -> None:
        self._found = found
        self._label = label
        self._known: set[tuple[str, str]] = set()
        self._leaving = frozenset(_with_draft(leaving) if leaving else ())
        self._erased = set(self._leaving)

    def look(self, seen: RegistryState) -> None:
        """Note what one state needs."""
        groups = list(_groups(seen, self._known))
        seen.tree.prefetch(path for group in groups for path in group.paths())
        catalog = Catalog(seen.tree)
        for group in groups:
            if group.folder in self._erased:
                continue
            if group.has_status and _is_erased(catalog, group.folder):
                self._erased.update(_with_draft(group.folder) if seen.is_main else ())
                continue
            self._note(seen, catalog, group)

    def _erased_uploads(self, seen: RegistryState, catalog: Catalog, group: _Group) -> _Uploads:
        """What a model's folder has of versions that the main branch calls erased.

        The main branch itself uses what it still lists, until the erasure is repeated there.
        """
        gone = self._leaving if seen.is_main else self._erased
        if not gone or "model.yaml" not in group.names:
            return _Uploads()
        path = f"{group.folder}/model.yaml"
        place = catalog.layout.locate(path)
        if place is None or place.model is None:
            return _Uploads()
        name, document = place.model, catalog.document(path, place, keep=False)
        if document is None or document.data is None:
            return _Uploads()
        return _uploads(document, gone, lambda version: catalog.layout.version(name, version))

    def _note(self, seen: RegistryState, catalog: Catalog, group: _Group) -> None:
        listed: set[str] = set()
        # Records first: they list the files of folders whose pointers are next to them.
        names = sorted(group.names, key=lambda name: name not in _RECORDS)
        erased = self._erased_uploads(seen, catalog, group)
        for name in names:
            if name.removesuffix(".dvc") in erased.paths:
                continue
            path = f"{group.folder}/{name}".removeprefix("/")
            source = seen.tree.read(path, limit=_LIMIT)
            if source is None:
                raise _unreadable(seen, path)
            if len(source) > _LIMIT:
                raise RefusedError(f"{path} of {seen.ref} is too large to be searched for digests")
            place = catalog.layout.locate(path)
            digests, more = _find_digests(source, catalog, path, place)
            digests -= erased.digests
            listed |= more
            ref = f"{seen.ref} of {self._label}" if self._label else seen.ref
            need = NeededBy(_subject(path, place), ref)
            wanted = self._found.wanted
            for digest in digests if wanted is None else digests & wanted:
                self._found.objects.setdefault(digest, need)
            for digest in digests - listed:
                if digest.endswith(".dir"):
                    self._found.folders.setdefault(digest, need)


class _Uploads(NamedTuple):
    """Files of erased versions in a model's folder: their paths, and the digests that nothing else of the model names."""

    paths: frozenset[str] = frozenset()
    digests: frozenset[str] = frozenset()


def _entry_digests(entry: Data) -> list[str]:
    return [text(entry, "md5"), *(text(file, "md5") for file in records(entry, "files"))]


def _uploads(document: Document, gone: Collection[str], version_folder: Callable[[str], str]) -> _Uploads:  # fmt: skip
    """Sort the entries of a ``model.yaml`` into those of erased versions and the others."""
    paths: tuple[set[str], set[str]] = (set(), set())
    digests: tuple[Counter[str], Counter[str]] = (Counter(), Counter())
    for entry in records(document.data, "artifacts"):
        version = text(entry, "version")
        of_erased = bool(version) and version_folder(version) in gone
        paths[of_erased].add(text(entry, "path"))
        digests[of_erased].update(_entry_digests(entry))
    # What the text has more often than these entries, such as in free metadata, is named there too.
    counted = Counter(match.decode() for match in _DIGEST.findall(document.source))
    only = {digest for digest, n in digests[True].items() if counted[digest] <= n}
    return _Uploads(
        frozenset(paths[True] - paths[False] - {""}), frozenset(only - digests[False].keys())
    )


def _work_states(git: Git, reader: BlobReader, label: str) -> Iterator[RegistryState]:
    """The states of a work tree and of its index."""
    if git.work_tree is not None:
        check_not_interrupted(git)
        yield RegistryState(label, work_tree(git, reader))
        yield RegistryState(f"the index of {label}", staged_tree(git, reader, merged_only=True))
        for tree in unmerged_trees(git, reader):
            yield RegistryState(f"the merge in {label}", tree, is_spare=True)


def everywhere(repository: Repository) -> list[RegistryState]:
    """Every state of a registry that can be published from this clone or its remotes.

    The main branch, all other refs, those that only remotes have, the work trees and their indexes, and what no ref
    leads to any more: reflogs, stashes, and young commits that a rebase or an amended commit left.

    Raises:
        GitError: A ref leads nowhere.
        OperationalError: An interrupted command left a work tree in between.
    """
    git = repository.git
    # Without `git replace`: what one machine shows in place of a commit is not what others have.
    reader = BlobReader(git, {"GIT_NO_REPLACE_OBJECTS": "1"})
    main = main_branch(git)
    found = {} if main is None else {main.tip: main.name}
    for name, oid in (*list_tips(git), *hidden_tips(git)):
        found.setdefault(oid, name)
    states = []
    for oid, name in found.items():
        root = reader.read(f"{oid}^{{tree}}", limit=0)
        if root is None:
            raise GitError(f"{name} points to an object that cannot be read", remedy="git fsck")
        is_main = main is not None and oid == main.tip
        states.append(RegistryState(name, CommitTree(git, oid, reader), is_main))
    if git.work_tree is not None:
        states += _work_states(git, reader, "the work tree")
    for other in linked_work_trees(git):
        states += _work_states(other, reader, f"the work tree {other.work_tree}")
    for oid in unnamed_commits(git):
        if oid not in found:
            name = f"commit {oid[:12]}, which no ref reaches"
            states.append(RegistryState(name, CommitTree(git, oid, reader), is_spare=True))
    return states


def needs(
    wanted: Iterable[str] | None,
    registries: Mapping[str, Sequence[RegistryState]],
    *,
    leaving: str = "",
) -> RequiredObjects:
    """Who needs some objects.

    Args:
        wanted: Their md5; those of folders end in ``.dir``. None finds all that any file names, and whatever in a
            manifest merely looks like the name of one.
        registries: All states of each registry that shares the remote, the main branch first; by the words that
            messages call it by, empty for this one.
        leaving: The folder of a version of this registry that is about to be erased, and needs nothing any more.

    Raises:
        GitError: A file that may name an object cannot be read.
        RefusedError: Such a file is too large.
    """
    found = RequiredObjects(None if wanted is None else frozenset(wanted))
    for label, states in registries.items():
        search = _Search(found, label, "" if label else leaving)
        for seen in states:
            try:
                search.look(seen)
            except GitError:
                if not seen.is_spare:
                    raise
    return found


def copies(states: Iterable[RegistryState], folder: str) -> list[str]:
    """The refs in which the version of a folder exists and is not erased."""
    return [
        seen.ref
        for seen in states
        if not seen.is_spare
        and any(
            seen.tree.entry(f"{home}/version.yaml") is not None
            and not _is_erased(Catalog(seen.tree), home)
            for home in _with_draft(folder)
        )
    ]


def stores_bytes(catalog: Catalog) -> bool:
    """True when a model of one state has a pointer, so that its remote stores objects."""
    # A model at a time: of a registry that is far away only the first travels.
    folders = map(catalog.layout.model, catalog.model_names())
    return any(
        path.endswith(".dvc") for folder in folders for path, _ in walk(catalog.tree, folder)
    )
