"""Trees written without an index are the trees that git makes."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support import git, new_repository, run_git

from registry_tool.errors import OperationalError
from registry_tool.git.command import Git, find_repository
from registry_tool.git.commit_tree import CommitTree
from registry_tool.git.objects.reader import BlobReader
from registry_tool.git.objects.writer import ObjectWriter, tree_with
from registry_tool.git.tree import DictTree

Files = dict[str, bytes]

# Names around the slash in Git's order of folders, and some that quoting would change.
_names = st.sampled_from(["a", "a.b", "a-b", "a0", "A", "b", "ü", "with space", "new\nline", '"q"'])
_paths = st.lists(_names, min_size=1, max_size=3).map("/".join)
_contents = st.sampled_from([b"", b"1\n", b"2\r\n", b"\x00\xff"])
_trees = st.dictionaries(_paths, _contents, max_size=8).filter(
    lambda files: not any(b.startswith(f"{a}/") for a in files for b in files)
)


@pytest.fixture(scope="module", params=["sha1", "sha256"])
def repository(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Git:
    folder = tmp_path_factory.mktemp("objects")
    git(folder, "init", "--quiet", f"--object-format={request.param}")
    found = find_repository(folder)
    assert found is not None
    return found


@pytest.fixture(scope="module")
def reader(repository: Git) -> Iterator[BlobReader]:
    reader = BlobReader(repository)
    yield reader
    reader.close()


def _tree_by_git(repository: Git, files: Files) -> str:
    """What ``git update-index`` and ``git write-tree`` make of some files."""
    place = repository.place
    lines = []
    for path, data in files.items():
        oid = run_git(place, "hash-object", "-w", "--stdin", stdin=data).strip()
        lines.append(b"100644 %s\t%s\0" % (oid, path.encode()))
    git(place, "read-tree", "--empty")
    run_git(place, "update-index", "-z", "--index-info", stdin=b"".join(lines))
    return git(place, "write-tree")


@settings(max_examples=25, suppress_health_check=list(HealthCheck))
@given(base=_trees, head=_trees)
def test_a_changed_tree_is_the_one_git_makes(
    repository: Git, reader: BlobReader, base: Files, head: Files
) -> None:
    start = CommitTree(repository, _tree_by_git(repository, base), reader)
    puts = {p: c for p, c in head.items() if base.get(p) != c}
    deletes = frozenset(base.keys() - head.keys())
    made = tree_with(ObjectWriter(repository), start.folder, puts, deletes)
    assert made == _tree_by_git(repository, head)


def test_only_the_folders_on_the_way_are_written(
    tmp_path: Path, opened: Callable[[Path], Git], reader_of: Callable[[Git], BlobReader]
) -> None:
    many = {f"m{n}/v{v}/x": f"{n}.{v}" for n in range(9) for v in range(9)}
    folder = new_repository(tmp_path / "r", many)
    git(folder, "gc", "--quiet")
    repository = opened(folder)
    base = CommitTree(repository, git(folder, "rev-parse", "HEAD"), reader_of(repository))
    writer = ObjectWriter(repository)
    tree_with(writer, base.folder, {"m3/v3/x": b"new"}, frozenset())
    writer.sync()
    # One blob, and the folders m3/v3, m3 and the root.
    assert git(folder, "count-objects").split(" ")[0] == "4"


def test_what_is_written_passes_fsck(tmp_path: Path, opened: Callable[[Path], Git]) -> None:
    folder = new_repository(tmp_path / "r", {"x": "1"})
    writer = ObjectWriter(opened(folder))
    files = {"a/b": b"1", "a.b": b"2", "a-b/c": b"3", "a0": b""}
    tree = tree_with(writer, DictTree({}).folder, files, frozenset())
    writer.sync()
    made = git(folder, "commit-tree", "-m", "Test", tree)
    git(folder, "update-ref", "refs/heads/made", made)
    assert git(folder, "fsck", "--strict", "--full", "--no-dangling") == ""
    assert git(folder, "ls-tree", "-r", "--name-only", "made").split() == [
        "a-b/c",
        "a.b",
        "a/b",
        "a0",
    ]


def test_an_object_that_is_there_is_not_written_again(
    tmp_path: Path, opened: Callable[[Path], Git]
) -> None:
    repository = opened(new_repository(tmp_path / "r", {"x": "1"}))
    oid = ObjectWriter(repository).write("blob", b"1")
    assert oid == git(repository.place, "rev-parse", "HEAD:x")
    assert git(repository.place, "count-objects").split(" ")[0] == "3"


def test_deleting_everything_leaves_the_empty_tree(
    tmp_path: Path, opened: Callable[[Path], Git]
) -> None:
    repository = opened(new_repository(tmp_path / "r", {}))
    made = tree_with(
        ObjectWriter(repository), DictTree({"a/b": "1"}).folder, {}, frozenset({"a/b"})
    )
    assert made == git(repository.place, "hash-object", "-t", "tree", os.devnull)


def test_objects_of_a_linked_work_tree_go_into_the_common_store(
    tmp_path: Path, opened: Callable[[Path], Git]
) -> None:
    main = new_repository(tmp_path / "main", {"x": "1"})
    git(main, "worktree", "add", "--quiet", str(tmp_path / "linked"))
    writer = ObjectWriter(opened(tmp_path / "linked"))
    oid = writer.write("blob", b"linked")
    writer.sync()
    assert git(main, "cat-file", "-t", oid) == "blob"


def test_a_store_that_cannot_be_written_to_is_trouble_of_the_environment(
    tmp_path: Path, opened: Callable[[Path], Git]
) -> None:
    repository = opened(new_repository(tmp_path / "r", {"x": "1"}))
    for number in range(256):  # a file where the folder of an object would go
        place = repository.git_dir / "objects" / f"{number:02x}"
        if not place.exists():
            place.write_bytes(b"")
    writer = ObjectWriter(repository)
    writer.write("blob", b"one that is not there")
    with pytest.raises(OperationalError, match="Git objects cannot be written"):
        writer.sync()


@pytest.mark.parametrize("algorithm", ["sha1", "sha256"])
def test_many_objects_go_into_one_pack(
    algorithm: str, tmp_path: Path, opened: Callable[[Path], Git]
) -> None:
    git(tmp_path, "init", "--quiet", f"--object-format={algorithm}", "r")
    writer = ObjectWriter(opened(tmp_path / "r"))
    files = {f"f{number}": b"x" * number * 37 for number in range(300)}
    tree = tree_with(writer, DictTree({}).folder, files, frozenset())
    writer.sync()
    assert git(tmp_path / "r", "count-objects").startswith("0 objects")
    assert len(list((tmp_path / "r/.git/objects/pack").glob("*.pack"))) == 1
    made = git(tmp_path / "r", "commit-tree", "-m", "Test", tree)
    git(tmp_path / "r", "update-ref", "refs/heads/made", made)
    assert git(tmp_path / "r", "fsck", "--strict", "--full", "--no-dangling") == ""
    assert run_git(tmp_path / "r", "cat-file", "blob", "made:f299") == b"x" * 299 * 37


def test_what_is_there_already_is_not_written_again(
    tmp_path: Path, opened: Callable[[Path], Git]
) -> None:
    folder = new_repository(tmp_path / "r", {"x": "1"})
    before = git(folder, "count-objects")
    writer = ObjectWriter(opened(folder))
    writer.write("blob", b"1")
    writer.sync()
    assert git(folder, "count-objects") == before
