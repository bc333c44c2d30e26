"""One set of files, and every kind of repository and tree that can hold it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from support import commit, git, new_repository, write_files

from registry_tool.git.command import Git, find_repository
from registry_tool.git.commit_tree import CommitTree, RemoteTree
from registry_tool.git.objects.pool import ObjectPool, PooledTree
from registry_tool.git.objects.reader import BlobReader, PartialCloneReader
from registry_tool.git.remote.clone_cache import open_clone
from registry_tool.git.shallow import has_latest_only
from registry_tool.git.tree import DictTree, OverlayTree, Tree
from registry_tool.git.worktree import FolderTree, staged_tree, work_tree

_FILES: dict[str, str | bytes] = {
    "registry.yaml": "schema: registry/v1\nname: acme-models\n",
    "models/nlp/lang-id/model.yaml": "schema: model/v1\nname: lang-id\n",
    "models/nlp/lang-id/versions/1/version.yaml": "needle: 1\n",
    "models/nlp/lang-id/versions/1/model.bin.dvc": "outs: []\n",
    "models/nlp/lang-id/CARD.md": "# Grüße\nneedle\n",
    "models/nlp/lang-id.old/model.yaml": "schema: model/v1\n",
    "bytes": bytes(range(256)) * 40,
    "empty": "",
    "names/with space": "needle\n",
    "names/ümlaut.yaml": "u: 1\n",
    "names/-option": "o\n",
    "names/new\nline": "hostile needle\n",
    "names/tab\tand\rcr": "cr\n",
    "names/ends-in-cr\r": "another\n",
    "names/ends-in-cr": "the other\n",
    "names/:(glob)**": "magic\n",
    "names/HEAD:registry.yaml": "not a revision\n",
    "line\nfeed/inside": "below a hostile folder\n",
}


@pytest.fixture
def files() -> Mapping[str, bytes]:
    """What every repository and tree here holds."""
    return {p: c.encode() if isinstance(c, str) else c for p, c in _FILES.items()}


@pytest.fixture
def reader_of() -> Iterator[Callable[[Git], BlobReader]]:
    """Starts readers that end with the test."""
    readers: list[BlobReader] = []

    def start(repository: Git) -> BlobReader:
        distant = has_latest_only(repository)
        readers.append(PartialCloneReader(repository) if distant else BlobReader(repository))
        return readers[-1]

    yield start
    for reader in readers:
        reader.close()


@pytest.fixture
def opened() -> Callable[[Path], Git]:
    """The repository at a path; fails the test when there is none."""
    return _opened


def _opened(folder: Path) -> Git:
    found = find_repository(folder)
    assert found is not None
    return found


def _normal(tmp_path: Path) -> Git:
    return _opened(new_repository(tmp_path / "normal", _FILES))


def _packed(tmp_path: Path) -> Git:
    repository = _normal(tmp_path)
    git(repository.place, "gc", "--quiet")
    return repository


def _clone(tmp_path: Path, *options: str) -> Git:
    origin = new_repository(tmp_path / "origin", {"first": "1"})
    (origin / "first").unlink()
    write_files(origin, _FILES)
    commit(origin, "Second")
    for key in ("allowFilter", "allowAnySHA1InWant"):
        git(origin, "config", f"uploadpack.{key}", "true")
    git(tmp_path, "clone", "--quiet", *options, origin.as_uri(), "clone")
    return _opened(tmp_path / "clone")


def _distant(tmp_path: Path) -> Git:
    """A cached clone of the newest commit, most of which is on its remote."""
    _clone(tmp_path, "--bare")
    return open_clone((tmp_path / "origin").as_uri(), tmp_path / "cache").git


def _sha256(tmp_path: Path) -> Git:
    git(tmp_path, "init", "--quiet", "--object-format=sha256", "sha256")
    write_files(tmp_path / "sha256", _FILES)
    commit(tmp_path / "sha256")
    return _opened(tmp_path / "sha256")


def _linked(tmp_path: Path) -> Git:
    main = new_repository(tmp_path / "main", {"elsewhere": "1"})
    linked = tmp_path / "linked"
    git(main, "worktree", "add", "--quiet", "-b", "side", str(linked))
    (linked / "elsewhere").unlink()
    write_files(linked, _FILES)
    commit(linked)
    return _opened(linked)


_REPOSITORIES: dict[str, Callable[[Path], Git]] = {
    "normal": _normal,
    "packed": _packed,
    "bare": lambda place: _clone(place, "--bare"),
    "partial": lambda place: _clone(place, "--bare", "--filter=blob:none"),
    "shallow": lambda place: _clone(place, "--depth=1"),
    "distant": _distant,
    "sha256": _sha256,
    "linked": _linked,
}


@pytest.fixture
def repository(tmp_path: Path) -> Callable[[str], Git]:
    """Makes a repository of a kind, whose HEAD holds the files."""
    return lambda kind: _REPOSITORIES[kind](tmp_path)


def _unborn(tmp_path: Path) -> Git:
    git(tmp_path, "init", "--quiet", "--initial-branch=main", "unborn")
    write_files(tmp_path / "unborn", _FILES)
    return _opened(tmp_path / "unborn")


def _half(tmp_path: Path) -> Git:
    """HEAD holds some of the files and others that are gone; the rest lies in the work tree."""
    some = dict(sorted(_FILES.items())[::2])
    folder = new_repository(tmp_path / "half", {**some, "gone/deep/file": "needle", "bytes": "old"})
    (folder / "gone/deep/file").unlink()
    write_files(folder, _FILES)
    return _opened(folder)


def _staged(repository: Git, reader: BlobReader) -> Tree:
    git(repository.place, "add", "--all")
    return staged_tree(repository, reader)


def _pooled(repository: Git, reader: BlobReader) -> Tree:
    root = git(repository.place, "rev-parse", "HEAD^{tree}")
    return PooledTree(ObjectPool(repository, reader), root)


def _overlay() -> Tree:
    items = sorted(_FILES.items())
    base = {**dict(items[::2]), "gone/deep/file": "needle", "bytes": "needle", "empty/inside": "x"}
    base.pop("empty", None)
    upper = {**dict(items[1::2]), "bytes": _FILES["bytes"], "empty": ""}
    return OverlayTree(DictTree(base), DictTree(upper), deletes=["gone/deep/file", "empty/inside"])


def _committed(repository: Git, reader: BlobReader) -> Tree:
    head = git(repository.place, "rev-parse", "HEAD")
    if isinstance(reader, PartialCloneReader):
        return RemoteTree(repository, head, reader)
    return CommitTree(repository, head, reader)


@pytest.fixture
def tree_of(tmp_path: Path, reader_of: Callable[[Git], BlobReader]) -> Callable[[str], Tree]:
    """Makes a tree of a kind, which holds the files."""

    def make(kind: str) -> Tree:
        if kind == "dict":
            return DictTree(_FILES)
        if kind == "overlay":
            return _overlay()
        if kind == "folder":
            write_files(tmp_path / "folder", _FILES)
            return FolderTree(tmp_path / "folder")
        place, _, state = kind.partition("-")
        starts = {"unborn": _unborn, "half": _half}
        repository = (starts.get(place) or _REPOSITORIES[place])(tmp_path)
        reader = reader_of(repository)
        states = {"staged": _staged, "work": work_tree, "pooled": _pooled}
        return states.get(state, _committed)(repository, reader)

    return make
