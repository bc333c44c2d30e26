"""Which objects somebody needs, in any ref."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from support import commit, git, write_files
from support.manifests import (
    MODEL_BYTES,
    model_files,
    model_yaml,
    pointer_yaml,
    small_registry,
    status_yaml,
    stored_artifact,
    version_files,
)

from registry_tool.errors import GitError
from registry_tool.gc.reachability import NeededBy, RegistryState, copies, everywhere, needs
from registry_tool.git.repository import Repository
from registry_tool.git.tree import DictTree
from registry_tool.manifests.problems import JSON

TOP = "models/nlp/lang-id"
ONE = "nlp/lang-id@1"
Files = Mapping[str, str]


def md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


FIRST = md5(MODEL_BYTES)
SECOND = md5(b"nlp/lang-id@2")


def seen(files: Files, ref: str = "main", *, is_main: bool = True) -> RegistryState:
    return RegistryState(ref, DictTree(files), is_main)


def who(wanted: str, *states: RegistryState, leaving: str = "") -> NeededBy | None:
    return needs([wanted], {"": states}, leaving=leaving).objects.get(wanted)


def folder(members: list[bytes], *, is_listed: bool = True) -> dict[str, JSON]:
    """The entry of a folder of some files."""
    name = f"{md5(b''.join(members))}.dir"
    files: list[JSON] = [
        {"path": f"f{n}", "size": len(m), "sha256": hashlib.sha256(m).hexdigest(), "md5": md5(m)}
        for n, m in enumerate(members)
    ]
    size = sum(len(m) for m in members)
    entry = stored_artifact(b"", path="folder", md5=name, size=size, nfiles=len(members))
    return {**entry, "files": files} if is_listed else entry


def test_a_version_needs_what_its_record_names() -> None:
    assert who(FIRST, seen(small_registry())) == NeededBy(ONE, "main")
    assert who(SECOND, seen(small_registry())) == NeededBy("nlp/lang-id@2", "main")
    assert who("0" * 32, seen(small_registry())) is None


def test_only_whole_digests_count() -> None:
    # The sha256 of something may hold the md5 of something else.
    text = version_files()[f"{TOP}/versions/1/version.yaml"]
    sha256 = re.findall("[0-9a-f]{64}", text)[0]
    assert who(sha256[:32], seen(small_registry())) is None
    assert who(sha256[32:], seen(small_registry())) is None


@pytest.mark.parametrize(
    ("files", "subject"),
    [
        ({f"{TOP}/model.yaml": model_yaml(artifacts=[stored_artifact(b"x")])}, "nlp/lang-id"),
        ({f"{TOP}/tests.bin.dvc": pointer_yaml(stored_artifact(b"x"))}, "nlp/lang-id"),
        (version_files("3", artifacts=[stored_artifact(b"x")]), "nlp/lang-id@3"),
        ({f"{TOP}/versions/3/m.dvc": pointer_yaml(stored_artifact(b"x"))}, "nlp/lang-id@3"),
        ({"data/set.dvc": pointer_yaml(stored_artifact(b"x"))}, "data/set.dvc"),
        ({"root.dvc": pointer_yaml(stored_artifact(b"x"))}, "root.dvc"),
        ({"dvc.lock": f"stages: {{train: {{outs: [{{md5: {md5(b'x')}}}]}}}}\n"}, "dvc.lock"),
        ({f"{TOP}/versions/3/version.yaml": f"broken: [{md5(b'x')}"}, "nlp/lang-id@3"),
        (version_files("3", artifacts=[folder([b"y", b"x"])]), "nlp/lang-id@3"),
    ],
    ids=[
        "model", "pointer of a model", "version", "pointer without a record", "pointer elsewhere",
        "pointer at the root", "lock of a pipeline", "broken record", "file of a folder",
    ],
)  # fmt: skip
def test_all_that_may_need_an_object(files: Files, subject: str) -> None:
    assert who(md5(b"x"), seen({**small_registry(), **files})) == NeededBy(subject, "main")


def test_an_object_of_a_protocol_needs_its_files_and_an_upload_waits_to_be_named() -> None:
    source = f"schema: object/v1\napi: modelbox\nkind: checkpoint\ntitle: epoch 1\ndata:\n  files:\n    - md5: {FIRST}\n"
    path = "objects/modelbox/checkpoint/0a/x.yaml"
    found = who(FIRST, seen({**small_registry(), path: source}))
    assert found is not None
    other = seen({"objects/modelbox/checkpoint/0a/x.yaml": source.replace(FIRST, SECOND)})
    assert who(SECOND, other) == NeededBy(path, "main")
    upload = {"objects/mlflow/upload/0a/x.yaml": source.replace(FIRST, SECOND)}
    assert who(SECOND, seen(upload)) is None


def test_a_digest_that_yaml_escapes_is_read() -> None:
    record = f"{TOP}/versions/1/version.yaml"
    files = version_files()
    first, rest = f"\\u{ord(FIRST[0]):04x}", FIRST[1:]
    escaped = re.sub(f'"?{FIRST}"?', lambda _: f'"{first}{rest}"', files[record])
    assert FIRST not in escaped
    assert who(FIRST, seen({"registry.yaml": "", record: escaped})) == NeededBy(ONE, "main")


def test_an_erased_version_needs_nothing() -> None:
    erased = {**small_registry(), f"{TOP}/versions/1/status.yaml": status_yaml("erased")}
    assert who(FIRST, seen(erased)) is None
    assert who(SECOND, seen(erased)) == NeededBy("nlp/lang-id@2", "main")


@pytest.mark.parametrize("state", ["deprecated", "withdrawn"])
def test_every_other_state_needs_its_bytes(state: str) -> None:
    files = {**small_registry(), f"{TOP}/versions/1/status.yaml": status_yaml(state)}
    assert who(FIRST, seen(files)) == NeededBy(ONE, "main")


def test_a_status_that_cannot_be_read_is_not_erased() -> None:
    files = {**small_registry(), f"{TOP}/versions/1/status.yaml": "state: erased\n"}
    assert who(FIRST, seen(files)) == NeededBy(ONE, "main")


def test_what_main_calls_erased_holds_nothing_in_any_ref() -> None:
    erased = {**small_registry(), f"{TOP}/versions/1/status.yaml": status_yaml("erased")}
    main, old = seen(erased), seen(small_registry(), "tags/old", is_main=False)
    assert who(FIRST, main, old) is None
    assert copies([main, old], f"{TOP}/versions/1") == ["tags/old"]
    assert copies([main, old], f"{TOP}/versions/9") == []


def test_what_a_branch_calls_erased_is_needed_by_main() -> None:
    erased = {**small_registry(), f"{TOP}/versions/1/status.yaml": status_yaml("erased")}
    main, branch = seen(small_registry()), seen(erased, "erase", is_main=False)
    assert who(FIRST, main, branch) == NeededBy(ONE, "main")
    # Without a main branch the order of refs says nothing.
    unborn = [seen(erased, "a", is_main=False), seen(small_registry(), "b", is_main=False)]
    assert who(FIRST, *unborn) == NeededBy(ONE, "b")


def test_a_version_of_another_ref_with_the_same_bytes_is_found() -> None:
    erased = {**small_registry(), f"{TOP}/versions/1/status.yaml": status_yaml("erased")}
    more = {**erased, **version_files("3", artifacts=[stored_artifact(MODEL_BYTES)])}
    found = who(FIRST, seen(erased), seen(more, "origin/new", is_main=False))
    assert found == NeededBy("nlp/lang-id@3", "origin/new")


def test_a_version_that_is_about_to_be_erased_is_left_out() -> None:
    assert who(FIRST, seen(small_registry()), leaving=f"{TOP}/versions/1") is None
    assert who(SECOND, seen(small_registry()), leaving=f"{TOP}/versions/1") is not None


def test_another_registry_counts_by_itself() -> None:
    ours = {**small_registry(), f"{TOP}/versions/1/status.yaml": status_yaml("erased")}
    theirs = model_files("nlp/lang-id", versions=("1",))
    registries = {"": [seen(ours)], "../other": [seen(theirs)]}
    found = needs([FIRST], registries, leaving=f"{TOP}/versions/1")
    assert found.objects == {FIRST: NeededBy(ONE, "main of ../other")}


def test_folders_whose_files_no_manifest_lists_are_named() -> None:
    listed, large = folder([b"a", b"b"]), folder([b"c", b"d"], is_listed=False)
    files = {
        **small_registry(),
        **version_files("3", artifacts=[listed]),
        **version_files("4", artifacts=[large]),
        "loose.dvc": pointer_yaml(folder([b"e"])),
        f"{TOP}/versions/5/version.yaml": f"broken: [{md5(b'f')}.dir",
    }
    found = needs([], {"": [seen(files)]})
    assert found.folders == {
        str(large["md5"]): NeededBy("nlp/lang-id@4", "main"),
        f"{md5(b'e')}.dir": NeededBy("loose.dvc", "main"),
        f"{md5(b'f')}.dir": NeededBy("nlp/lang-id@5", "main"),
    }


def test_a_file_that_cannot_be_read_stops_the_question() -> None:
    class Torn(DictTree):
        def read(self, path: str, *, limit: int | None = None) -> bytes | None:
            return None if path.endswith("2/version.yaml") else super().read(path, limit=limit)

    with pytest.raises(GitError, match=r"versions/2/version\.yaml of main cannot be read"):
        needs([FIRST], {"": [RegistryState("main", Torn(small_registry()), is_main=True)]})


@pytest.fixture
def root(make_registry: Callable[..., Path]) -> Path:
    """Main, and what only one other place has: a branch, a tag, a remote's branch, the stash, HEAD, and files."""
    root = make_registry(small_registry())

    def add(version: str) -> None:
        write_files(root, version_files(version, artifacts=[stored_artifact(version.encode())]))

    add("7")
    git(root, "add", ".")
    git(root, "stash", "push", "-q")
    for number, name in enumerate(("branch", "tag", "remote", "head"), 3):
        git(root, "switch", "-q", "--detach", "main")
        add(str(number))
        made = commit(root, name)
        refs = {"branch": "refs/heads/side", "remote": "refs/remotes/origin/theirs"}
        if name in refs:
            git(root, "update-ref", refs[name], made)
        elif name == "tag":
            git(root, "tag", "-a", "-m", "Release", "v1")
    git(root, "tag", "-a", "-m", "A file", "a-key", git(root, "hash-object", "-w", "registry.yaml"))
    add("8")
    return root


def test_everywhere_is_everywhere(root: Path) -> None:
    states = everywhere(Repository.open(root))
    assert (states[0].ref, states[0].is_main) == ("main", True)
    assert [seen.is_main for seen in states[1:]] == [False] * (len(states) - 1)
    wanted = {md5(v.encode()): v for v in "345678"}
    found = needs(wanted, {"": states})
    assert {wanted[d]: need.ref for d, need in found.objects.items()} == {
        "3": "side", "4": "tags/v1", "5": "origin/theirs", "6": "HEAD", "7": "stash", "8": "the work tree",
    }  # fmt: skip


def test_equal_refs_are_looked_at_once(root: Path) -> None:
    for number in range(50):
        git(root, "branch", f"b{number}", "main")
    assert sum(seen.ref.startswith("b") for seen in everywhere(Repository.open(root))) == 0


def test_an_object_that_is_lost_stops_the_question(root: Path) -> None:
    lost = git(root, "rev-parse", f"side:{TOP}/versions/3")
    (root / ".git" / "objects" / lost[:2] / lost[2:]).unlink()
    with pytest.raises(GitError, match="versions/3 of side cannot be read"):
        needs([FIRST], {"": everywhere(Repository.open(root))})


def test_replaced_commits_are_seen_as_others_see_them(root: Path) -> None:
    empty = git(root, "commit-tree", "-m", "Empty", "4b825dc642cb6eb9a060e54bf8d69288fbee4904")
    git(root, "hash-object", "-w", "-t", "tree", "/dev/null")
    git(root, "replace", "main", empty)
    found = needs([FIRST], {"": everywhere(Repository.open(root))})
    assert found.objects == {FIRST: NeededBy(ONE, "main")}


def test_a_partial_clone_brings_what_it_needs(root: Path, tmp_path: Path) -> None:
    git(root, "config", "uploadpack.allowFilter", "true")
    git(tmp_path, "clone", "-q", "--bare", "--filter=blob:none", root.as_uri(), "partial.git")
    found = needs([FIRST], {"": everywhere(Repository.open(tmp_path / "partial.git"))})
    assert found.objects == {FIRST: NeededBy(ONE, "main")}


UPLOAD = b"# Report\n"


def with_upload(*, erased: bool, listed: bool = True, metadata: JSON = None) -> dict[str, str]:
    """A registry in which a file was uploaded for version 2 after it was published."""
    entry = {**stored_artifact(UPLOAD, name="report.md", path="report.md"), "version": "2"}
    files = {**small_registry(), **version_files("2", artifacts=[stored_artifact(b"2")])}
    if erased:
        files[f"{TOP}/versions/2/status.yaml"] = status_yaml("erased")
    if listed:
        more: dict[str, JSON] = {} if metadata is None else {"metadata": metadata}
        fields: dict[str, JSON] = {"schema": "model/v2", "artifacts": [entry], **more}
        files[f"{TOP}/model.yaml"] = model_yaml("lang-id", "nlp", **fields)
        files[f"{TOP}/report.md.dvc"] = pointer_yaml(entry)
    return files


def test_a_file_that_was_uploaded_later_is_erased_with_its_version_in_every_ref() -> None:
    upload, model = md5(UPLOAD), "nlp/lang-id"
    before, after = with_upload(erased=False), with_upload(erased=True, listed=False)
    assert who(upload, seen(before)) == NeededBy(model, "main")
    assert who(upload, seen(before), leaving=f"{TOP}/versions/2") is None
    old = seen(before, "old", is_main=False)
    assert who(upload, seen(after), old) is None
    # Without an erasure on the main branch a branch's own word does not count, and it keeps the file.
    assert who(upload, seen(small_registry()), old) == NeededBy(model, "old")
    # An earlier release left the entry on the main branch: what it lists there, readers still fetch.
    assert who(upload, seen(with_upload(erased=True))) == NeededBy(model, "main")


def test_other_uses_of_such_a_file_keep_it() -> None:
    upload, after = md5(UPLOAD), seen(with_upload(erased=True, listed=False))
    free = with_upload(erased=False, metadata={"also": upload})
    assert who(upload, after, seen(free, "old", is_main=False)) is not None
    entry = stored_artifact(UPLOAD, name="mine", path="mine")
    own = {**with_upload(erased=False), **version_files("1", artifacts=[entry])}
    assert who(upload, after, seen(own, "old", is_main=False)) == NeededBy(ONE, "old")
