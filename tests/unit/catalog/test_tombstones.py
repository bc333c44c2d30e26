"""What the main branch calls erased."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from support import commit, git, write_files
from support.manifests import small_registry, status_yaml, tag_yaml

from registry_tool.catalog.tombstones import tombstone
from registry_tool.errors import NotFoundError, RefusedError, UsageError
from registry_tool.git.repository import Repository
from registry_tool.names import Reference

TOP = "models/nlp/lang-id"
ERASED = {f"{TOP}/versions/2/status.yaml": status_yaml("erased")}


@pytest.fixture
def root(make_registry: Callable[..., Path]) -> Path:
    return make_registry({**small_registry(), f"{TOP}/tags/second.yaml": tag_yaml("2")})


def found(root: Path, reference: str = "nlp/lang-id@2") -> tuple[str, str, str]:
    tomb = tombstone(Repository.open(root), Reference.parse(reference))
    return str(tomb.version), tomb.branch, tomb.commit


def test_the_main_branch_decides(root: Path) -> None:
    with pytest.raises(
        RefusedError, match="nlp/lang-id@2 is active in main: files are purged only after"
    ) as no:
        found(root)
    assert no.value.remedy.startswith("registry erase nlp/lang-id@2 --reason TEXT; merge that")
    git(root, "switch", "-q", "-c", "erase")
    write_files(root, ERASED)
    tip = commit(root)
    with pytest.raises(RefusedError, match="is active in main"):
        found(root)
    git(root, "switch", "-q", "main")
    git(root, "merge", "-q", "--ff-only", "erase")
    assert found(root) == ("nlp/lang-id@2", "main", tip)
    assert found(root, "nlp/lang-id@second")[0] == "nlp/lang-id@2"


def test_in_a_clone_the_main_branch_is_that_of_the_remote(root: Path, tmp_path: Path) -> None:
    git(tmp_path, "clone", "-q", str(root), "clone")
    write_files(tmp_path / "clone", ERASED)
    commit(tmp_path / "clone")
    with pytest.raises(RefusedError, match="is active in origin/main"):
        found(tmp_path / "clone")


@pytest.mark.parametrize("reference", ["nlp/lang-id", "nlp/lang-id@production"])
def test_a_name_that_moves_is_not_enough(reference: str, root: Path) -> None:
    with pytest.raises(UsageError, match="can point to another version later"):
        found(root, reference)


def test_a_version_that_is_not_published(root: Path) -> None:
    with pytest.raises(NotFoundError, match="has no version, tag or alias 9 in main"):
        found(root, "nlp/lang-id@9")


def test_no_main_branch(root: Path) -> None:
    git(root, "branch", "-m", "main", "trunk")
    with pytest.raises(RefusedError, match="has no main branch") as no:
        found(root)
    assert "registry.published" in no.value.remedy
