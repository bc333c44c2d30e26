"""Pushes with signatures by expired keys to a server with the hook, and what CI may merge without a person."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from support import Ran, git
from support.manifests import DVC_CONFIG, registry_yaml
from support.staged_registries import BOB, Staged, approval, evaluation, key, signer

from registry_tool.manifests.problems import JSON

Cli = Callable[..., Ran]
GATE: list[JSON] = [{"approvals": 1, "by": "signers"}]


@pytest.fixture
def served(tmp_path: Path, cli: Cli) -> Staged:
    """A clone of a guarded server; Bob's key expired some days after the first commit."""
    bob = key(tmp_path / "keys", "bob")
    lines = signer(BOB, bob, 'valid-before="20261105"')
    made = Staged(
        tmp_path / "registry",
        {"require": GATE},
        {"allowed_signers": lines, ".dvc/config": DVC_CONFIG},
    )
    policy = registry_yaml(
        automerge=["evidence"], stages={"staging": {}, "production": {"require": GATE}}
    )
    made.commit({"registry.yaml": policy}, at="2026-11-09T12:00:00Z")
    server = tmp_path / "server.git"
    git(tmp_path, "clone", "-q", "--bare", str(made.root), str(server))
    git(made.root, "remote", "add", "origin", str(server))
    git(made.root, "fetch", "-q", "origin")
    git(made.root, "remote", "set-head", "origin", "main")
    assert cli("hooks", "install", "--server", str(server), cwd=tmp_path).code == 0
    return made


def pushed(made: Staged) -> tuple[int, str]:
    done = subprocess.run(
        ["git", "push", "--no-verify", "origin", "main"],
        cwd=made.root, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done.returncode, done.stderr


@pytest.mark.parametrize("way", ["commit", "merged"])
def test_a_server_refuses_an_approval_that_is_dated_back(
    served: Staged, tmp_path: Path, way: str
) -> None:
    bob = tmp_path / "keys" / "bob"
    put = served.commit if way == "commit" else served.merged
    put(approval(BOB), by=BOB, key=bob, at="2026-11-04T12:00:00Z")
    code, said = pushed(served)
    assert code == 1
    assert "C420" in said
    assert "signed with a key of bob@example.org that is not valid now" in said
    git(served.root, "reset", "-q", "--hard", "origin/main")
    served.commit(evaluation("pass"))
    assert pushed(served)[0] == 0


def test_past_the_hook_it_counts_for_nothing(served: Staged, tmp_path: Path, cli: Cli) -> None:
    bob = tmp_path / "keys" / "bob"
    served.commit(approval(BOB), by=BOB, key=bob, at="2026-11-04T12:00:00Z")
    git(served.root, "update-ref", "refs/remotes/origin/main", "HEAD")
    ran = cli("promote", "nlp/lang-id@2", "--to", "production", "--dry-run", cwd=served.root)
    assert ran.code == 1
    assert "0 of 1 approval; does not count: bob@example.org (signed with a key that" in ran.out


@pytest.mark.parametrize(("what", "unseen"), [("approval", False), ("evaluation", True)])
def test_ci_does_not_merge_an_unsigned_approval(
    served: Staged, cli: Cli, what: str, *, unseen: bool
) -> None:
    served.commit(approval("Anybody") if what == "approval" else evaluation("pass"), by=BOB)
    asked = ("check", "--base", "origin/main", "--head", "HEAD", "--format", "json")
    ran = cli(*asked, cwd=served.root)
    report = json.loads(ran.out)
    assert (report["kind"], report["verdict"], report["automerge"]) == ("evidence", "pass", unseen)
