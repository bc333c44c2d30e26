"""``registry codeowners``, as people and CI use it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from support import Ran, git, write_files
from support.manifests import namespace_yaml, registry_yaml, small_registry

Cli = Callable[..., Ran]


@pytest.fixture
def registry(make_registry: Callable[..., Path]) -> Path:
    return make_registry(
        {**small_registry(), "registry.yaml": registry_yaml(owners=["@acme/platform"])}
    )


def test_write_then_check(cli: Cli, registry: Path) -> None:
    stale = cli("codeowners", "--check", cwd=registry)
    assert (stale.code, stale.out) == (1, "")
    assert (
        stale.err == "error: CODEOWNERS is out of date\ntry:   run: registry codeowners --commit\n"
    )
    done = cli("codeowners", "--commit", cwd=registry)
    assert done.code == 0, done.err
    assert git(registry, "show", "--name-only", "--format=%s") == "Write CODEOWNERS\n\nCODEOWNERS"
    assert "/models/nlp/                             @acme/speech\n" in (registry / "CODEOWNERS").read_text()  # fmt: skip
    fresh = cli("codeowners", "--check", cwd=registry)
    assert (fresh.code, fresh.out) == (0, "CODEOWNERS is already up to date\n")
    assert cli("codeowners", cwd=registry).code == 0


def test_a_changed_owner_makes_it_stale(cli: Cli, registry: Path) -> None:
    cli("codeowners", cwd=registry)
    write_files(registry, {"models/nlp/namespace.yaml": namespace_yaml(owners=["@acme/other"])})
    assert cli("codeowners", "--check", cwd=registry).code == 1


def test_a_check_writes_nothing(cli: Cli, registry: Path) -> None:
    before = git(registry, "status", "--porcelain")
    assert cli("codeowners", "--check", "--commit", cwd=registry).code == 2
    assert cli("codeowners", "--check", cwd=registry).code == 1
    assert git(registry, "status", "--porcelain") == before


def test_notes_go_to_standard_error(cli: Cli, registry: Path) -> None:
    write_files(registry, {"models/nlp/namespace.yaml": namespace_yaml(owners=["@a/b/c"])})
    done = cli("codeowners", cwd=registry)
    assert "note:  github cannot read the owner @a/b/c of /models/nlp/: left out\n" in done.err
    assert cli("codeowners", "--check", cwd=registry).err.startswith("note:  github cannot read")
    assert "@a/b/c" not in (registry / "CODEOWNERS").read_text()
    assert "cannot read" not in cli("codeowners", "--host", "gitlab", cwd=registry).err
    assert "@a/b/c" in (registry / "CODEOWNERS").read_text()
