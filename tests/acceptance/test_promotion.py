"""Promoting and rolling back as users and jobs do, in real repositories with a remote in a folder."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from support import Ran, git, put_object, write_files
from support.manifests import DVC_CONFIG, MODEL_BYTES, alias_yaml, status_yaml
from support.staged_registries import (
    ALIASES,
    BOB,
    MODEL,
    Staged,
    alias,
    approval,
    evaluation,
    key,
    signer,
)

from registry_tool.manifests.problems import JSON

Cli = Callable[..., Ran]
BRANCH = "promote/nlp/lang-id-2-production"
PATH = f"{ALIASES}/production.yaml"
GATES: list[JSON] = [
    {"metric": "accuracy", "min": 0.9},
    {"metric": "latency_ms", "not_worse_than": "current", "tolerance": 0.05},
    {"evidence": "evaluation", "suite": "holdout", "verdict": "pass"},
    {"approvals": 1, "not": "author"},
    {"artifacts": "available"},
]
TO = ("promote", "nlp/lang-id@2", "--to", "production")


def registry(root: Path, *gates: JSON, **stage: JSON) -> Staged:
    """A registry with DVC's remote in a folder beside it, and all bytes there."""
    files = {".dvc/config": DVC_CONFIG, ".gitignore": "/storage\n/models/**/*.bin\n"}
    made = Staged(root, {**stage, "require": list(gates)}, files)
    for version in (b"1", b"2"):
        put_object(root, MODEL_BYTES + version)
    return made


@pytest.fixture
def gated(tmp_path: Path) -> Staged:
    """Version 1 is production, 2 is staging; nobody has looked at 2 yet."""
    made = registry(tmp_path / "registry", *GATES, **{"from": "staging"})
    made.commit({**alias("production", "1"), **alias("staging", "2")})
    return made


@pytest.fixture
def ready(gated: Staged) -> Staged:
    """Every gate holds for 2."""
    gated.merged(evaluation("pass"), by=BOB)
    gated.merged(approval(BOB), by=BOB)
    return gated


def state(root: Path) -> tuple[str, str]:
    return git(root, "for-each-ref"), git(root, "status", "--porcelain", "--ignored")


def shown(root: Path, revision: str = "HEAD") -> str:
    return git(root, "show", f"{revision}:{PATH}") + "\n"


# --- what promote says


def test_a_dry_run_explains_every_gate_and_changes_nothing(gated: Staged, cli: Cli) -> None:
    before = state(gated.root)
    ran = cli(*TO, "--dry-run", cwd=gated.root)
    assert (ran.code, ran.err) == (1, "")
    assert ran.out == (
        "nlp/lang-id@2 → production (currently 1)\n"
        "  pass     from: staging\n"
        "           staging is version 2\n"
        "  pass     metric: accuracy, min: 0.9\n"
        "           accuracy 0.95 >= 0.9\n"
        "  pass     metric: latency_ms, not_worse_than: current, tolerance: 0.05\n"
        "           latency_ms 104 against 100 of version 1: 4 % worse, at most 5 % (lower is better: its name says so)\n"
        "  fail     evidence: evaluation, suite: holdout, verdict: pass\n"
        "           nlp/lang-id@2 has no evaluation of holdout\n"
        "           try: registry evidence add nlp/lang-id@2 --kind evaluation --suite holdout --verdict pass"
        " --metric KEY=VALUE --commit\n"
        "  fail     approvals: 1, not: author\n"
        "           0 of 1 approval\n"
        "           try: an approver must first merge:"
        " registry evidence add nlp/lang-id@2 --kind approval --stage production --decision approve --commit\n"
        "  pass     artifacts: available\n"
        "           the object exists\n"
        "nlp/lang-id@2 cannot be promoted to production: 2 of 6 gates failed\n"
    )
    assert state(gated.root) == before


def test_a_dry_run_whose_gates_hold(ready: Staged, cli: Cli) -> None:
    before = state(ready.root)
    ran = cli(*TO, "--dry-run", cwd=ready.root)
    assert (ran.code, ran.out.splitlines()[-1]) == (0, "every gate passes; nothing was changed")
    assert state(ready.root) == before


def test_a_promotion_that_does_not_hold_is_refused(gated: Staged, cli: Cli) -> None:
    before = state(gated.root)
    ran = cli(*TO, cwd=gated.root)
    assert ran.code == 1
    assert ran.err == "error: nlp/lang-id@2 cannot be promoted to production: 2 of 6 gates failed\n"
    assert "  fail     approvals: 1, not: author\n" in ran.out
    assert state(gated.root) == before


def test_gates_for_programs(gated: Staged, cli: Cli) -> None:
    ran = cli(*TO, "--dry-run", "--format", "json", cwd=gated.root)
    data = json.loads(ran.out)
    assert ran.code == 1
    assert {name: data[name] for name in ("model", "version", "stage", "holder", "promoted", "pinned")} == {
        "model": "nlp/lang-id", "version": "2", "stage": "production", "holder": "1", "promoted": False,
        "pinned": False,
    }  # fmt: skip
    assert [(gate["gate"], gate["state"]) for gate in data["gates"]][3:5] == [
        ("evidence: evaluation, suite: holdout, verdict: pass", "failed"),
        ("approvals: 1, not: author", "failed"),
    ]
    assert data["gates"][3]["explanation"] == "nlp/lang-id@2 has no evaluation of holdout"
    refused = cli(*TO, "--format", "json", cwd=gated.root)
    assert (refused.code, json.loads(refused.out)["commit"]) == (1, None)


# --- what promote does


def test_a_promotion_is_one_small_commit_on_a_branch_of_its_own(ready: Staged, cli: Cli) -> None:
    main = ready.head
    ran = cli(*TO, "--reason", "Best on short texts.", cwd=ready.root)
    assert ran.code == 0, ran
    assert ran.out.endswith(
        f"  committed  {git(ready.root, 'rev-parse', BRANCH)[:12]} to {BRANCH}\n"
        "next:\n"
        f"  git push -u origin {BRANCH}    # then open a pull request\n"
    )
    assert git(ready.root, "rev-parse", "main", f"{BRANCH}^") == f"{main}\n{main}"
    assert git(ready.root, "diff", "--name-only", "main", BRANCH) == PATH
    assert (
        git(ready.root, "log", "-1", "--format=%s", BRANCH) == "Promote nlp/lang-id@2 to production"
    )
    assert shown(ready.root, BRANCH) == alias_yaml("2", reason="Best on short texts.")
    assert git(ready.root, "status", "--porcelain") == ""
    checked = cli("check", "--base", "main", "--head", BRANCH, cwd=ready.root)
    assert checked.code == 0, checked


def test_a_second_run_finds_the_branch_and_makes_no_other(ready: Staged, cli: Cli) -> None:
    cli(*TO, cwd=ready.root)
    before = state(ready.root)
    ran = cli(*TO, cwd=ready.root)
    assert (ran.code, state(ready.root)) == (0, before)
    assert ran.out == (
        "nlp/lang-id@production is already 2 on branch"
        f" {BRANCH}: merge it, or delete it to start again\n"
    )
    dry = cli(*TO, "--dry-run", cwd=ready.root)
    assert dry.out.splitlines()[-1] == "every gate passes; nothing was changed"
    git(ready.root, "merge", "--quiet", BRANCH)
    assert cli(*TO, cwd=ready.root).out == "nlp/lang-id@production is already 2\n"


def test_a_promotion_for_programs(ready: Staged, cli: Cli) -> None:
    ran = cli(*TO, "--format", "json", cwd=ready.root)
    data = json.loads(ran.out)
    assert (ran.code, data["promoted"], data["branch"], data["files"]) == (0, True, BRANCH, [PATH])
    assert data["commit"] == git(ready.root, "rev-parse", BRANCH)
    assert {gate["state"] for gate in data["gates"]} == {"held"}


def test_pushed_from_a_clone_as_a_job_does(ready: Staged, cli: Cli, tmp_path: Path) -> None:
    """A job checks out a commit, not a branch."""
    git(tmp_path, "clone", "--quiet", "--bare", str(ready.root), "server.git")
    git(tmp_path, "clone", "--quiet", "server.git", "job")
    job = tmp_path / "job"
    git(job, "checkout", "--quiet", "--detach")
    (job / "storage").symlink_to(ready.root / "storage")
    ran = cli(*TO, "--automatic", "--push", cwd=job)
    assert ran.code == 0, ran
    assert "  pushed     " in ran.out
    assert "next:" not in ran.out
    assert git(tmp_path / "server.git", "log", "-1", "--format=%s", BRANCH).startswith("Promote")
    assert git(tmp_path / "server.git", "rev-parse", "main") == ready.head
    git(tmp_path, "clone", "--quiet", "server.git", "next-job")
    (tmp_path / "next-job" / "storage").symlink_to(ready.root / "storage")
    again = cli(*TO, "--automatic", "--push", cwd=tmp_path / "next-job")
    assert again.code == 0
    assert f"on branch origin/{BRANCH}" in again.out


def test_a_commit_on_the_branch_that_is_checked_out(ready: Staged, cli: Cli) -> None:
    ran = cli(*TO, "--commit", cwd=ready.root)
    assert ran.code == 0, ran
    assert "next:" not in ran.out
    assert shown(ready.root, "main") == alias_yaml("2")


def test_the_default_of_an_alias_that_moved_meanwhile_is_not_kept(ready: Staged, cli: Cli) -> None:
    """A merged branch of an earlier promotion is no reason to do nothing, and is not built on."""
    cli(*TO, cwd=ready.root)
    git(ready.root, "merge", "--quiet", BRANCH)
    cli("rollback", "nlp/lang-id", "production", "--reason", "Slow.", "--commit", cwd=ready.root)
    ran = cli(*TO, cwd=ready.root)
    assert ran.code == 0, ran
    assert f" to {BRANCH}-2\n" in ran.out
    assert git(ready.root, "rev-parse", f"{BRANCH}-2^") == ready.head


# --- no way around


def test_setting_the_alias_by_hand_is_refused_and_names_promote(gated: Staged, cli: Cli) -> None:
    before = state(gated.root)
    for way in ((), ("--commit",), ("--branch", "x")):
        ran = cli("alias", "set", "nlp/lang-id@2", "production", *way, cwd=gated.root)
        assert ran.code == 1
        assert (
            "refuse C406 version 2 cannot be promoted to nlp/lang-id@production: 0 of 1 approval"
            in ran.err
        )
        assert "registry promote nlp/lang-id@2 --to production --dry-run" in ran.err
        assert state(gated.root) == before


def test_editing_the_file_is_refused_by_the_check(gated: Staged, cli: Cli) -> None:
    gated.commit()
    git(gated.root, "switch", "--quiet", "--create", "topic")
    write_files(gated.root, alias("production", "2"))
    assert cli("check", cwd=gated.root).code == 1
    gated.commit()
    ran = cli("check", "--base", "main", "--head", "HEAD", cwd=gated.root)
    assert ran.code == 1
    assert ran.out.count("refuse C406") == 2


def test_reverting_a_promotion_is_refused_with_the_way_to_do_it(ready: Staged, cli: Cli) -> None:
    ready.commit(alias("production", "2"))
    git(ready.root, "switch", "--quiet", "--create", "topic")
    git(ready.root, "revert", "--no-edit", "HEAD")
    ran = cli("check", "--base", "main", "--head", "HEAD", cwd=ready.root)
    assert ran.code == 1
    assert (
        "it was in production before: to go back to it, roll back, which pins the alias" in ran.out
    )
    assert "registry rollback nlp/lang-id production --to 1 --reason TEXT" in ran.out


# --- back, pinned, and on


def test_a_rollback_pins_and_an_automatic_promotion_respects_it(ready: Staged, cli: Cli) -> None:
    ready.commit(alias("production", "2"))
    ran = cli(
        "rollback", "nlp/lang-id", "production", "--reason", "Slow.", "--commit", cwd=ready.root
    )
    assert ran.code == 0, ran
    assert ran.out.startswith("Roll nlp/lang-id@production back from 2 to 1: Slow.\n")
    assert shown(ready.root) == alias_yaml("1", reason="Slow.", pinned=True)
    before = state(ready.root)
    job = cli(*TO, "--automatic", cwd=ready.root)
    assert (job.code, state(ready.root)) == (0, before)
    assert (
        job.out
        == "nlp/lang-id@production is pinned to 1: Slow.; an automatic promotion does not move it\n"
    )
    told = cli(*TO, "--automatic", "--format", "json", cwd=ready.root)
    data = json.loads(told.out)
    assert (told.code, data["promoted"], data["pinned"], data["commit"]) == (0, False, True, None)
    by_hand = cli(*TO, "--commit", cwd=ready.root)
    assert by_hand.code == 0, by_hand
    assert "note:  the pin on version 1 is removed; its reason: Slow." in by_hand.err
    assert shown(ready.root) == alias_yaml("2")


def test_a_rollback_goes_to_the_work_tree_or_a_branch_as_other_edits_do(
    ready: Staged, cli: Cli
) -> None:
    ready.commit(alias("production", "2"))
    ran = cli("rollback", "nlp/lang-id", "production", "--reason", "Slow.", cwd=ready.root)
    assert ran.code == 0, ran
    assert "git commit -m 'Roll nlp/lang-id@production back from 2 to 1: Slow.'" in ran.out
    assert git(ready.root, "status", "--porcelain").strip() == f"M {PATH}"
    git(ready.root, "restore", ".")
    ran = cli(
        "rollback", "nlp/lang-id", "production", "--to", "1", "--reason", "Slow.", "--branch", "back",
        cwd=ready.root,
    )  # fmt: skip
    assert ran.code == 0, ran
    assert shown(ready.root, "back") == alias_yaml("1", reason="Slow.", pinned=True)
    assert " C406 " not in cli("check", "--base", "main", "--head", "back", cwd=ready.root).out


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (
            ("production", "--reason", "x"),
            1,
            "no usable version was production of nlp/lang-id before 1",
        ),
        (
            ("production", "--to", "2", "--reason", "x"),
            1,
            "registry promote nlp/lang-id@2 --to production",
        ),
        (("champion", "--reason", "x"), 2, "nlp/lang-id has no alias champion"),
        (("production", "--reason", " "), 2, "--reason is empty"),
        (("production",), 2, "--reason"),
        (("production", "--to", "a/b", "--reason", "x"), 2, "is not a version name"),
    ],
)
def test_a_rollback_that_cannot_be(
    gated: Staged, cli: Cli, arguments: tuple[str, ...], code: int, words: str
) -> None:
    ran = cli("rollback", "nlp/lang-id", *arguments, "--commit", cwd=gated.root)
    assert ran.code == code
    assert words in ran.err


# --- what stands in the way


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("nlp/lang-id@2", "--to", "champion"), 2, "champion is not a stage of nlp/lang-id"),
        (("nlp/lang-id@9", "--to", "production"), 2, "no version, tag or alias 9"),
        (("nlp/lang-id@2",), 2, "--to"),
        (("nlp/lang id@2", "--to", "production"), 2, "is not a"),
        (("nlp/lang-id@2", "--to", "../x"), 2, "is not a stage name"),
    ],
)
def test_what_cannot_be_asked(
    gated: Staged, cli: Cli, arguments: tuple[str, ...], code: int, words: str
) -> None:
    ran = cli("promote", *arguments, cwd=gated.root)
    assert ran.code == code
    assert words in ran.err


def test_a_withdrawn_version(ready: Staged, cli: Cli) -> None:
    ready.commit(
        alias("staging", "1") | {f"{MODEL}/versions/2/status.yaml": status_yaml("withdrawn")}
    )
    ran = cli(*TO, cwd=ready.root)
    assert ran.code == 1
    assert "nlp/lang-id@2 is withdrawn and cannot be promoted" in ran.err


def test_bytes_that_are_not_there(ready: Staged, cli: Cli) -> None:
    (gone,) = [
        p
        for p in (ready.root / "storage").rglob("*")
        if p.is_file() and p.read_bytes().endswith(b"2")
    ]
    gone.unlink()
    ran = cli(*TO, cwd=ready.root)
    assert ran.code == 1
    assert "  fail     artifacts: available\n           1 of 1 missing: model (md5 " in ran.out


def test_a_remote_that_is_not_configured_leaves_it_open(ready: Staged, cli: Cli) -> None:
    ready.commit({".dvc/config": "[core]\n    remote = nowhere\n"})
    ran = cli(*TO, cwd=ready.root)
    assert ran.code == 4
    assert "  unknown  artifacts: available\n           the remote cannot be queried: " in ran.out
    assert "1 of 6 gates could not be evaluated here" in ran.err
    assert cli(*TO, "--dry-run", cwd=ready.root).code == 4


def test_a_shallow_clone_says_so(ready: Staged, cli: Cli, tmp_path: Path) -> None:
    ready.commit({"NOTES.md": "x\n"})
    git(tmp_path, "clone", "--quiet", "--depth=1", f"file://{ready.root}", "shallow")
    (tmp_path / "shallow" / "storage").symlink_to(ready.root / "storage")
    ran = cli(*TO, cwd=tmp_path / "shallow")
    assert ran.code == 4
    assert "is a shallow clone" in ran.out
    assert "try: git fetch --unshallow" in ran.out
    back = cli("rollback", "nlp/lang-id", "production", "--reason", "x", cwd=tmp_path / "shallow")
    assert back.code == 4
    assert "git fetch --unshallow" in back.err
    git(tmp_path / "shallow", "fetch", "--quiet", "--unshallow")
    assert cli(*TO, cwd=tmp_path / "shallow").code == 0


def test_soak_and_a_clock_that_is_ahead(tmp_path: Path, cli: Cli) -> None:
    made = registry(tmp_path / "registry", **{"from": "staging", "soak": "2d"})
    now = dt.datetime.now(dt.UTC)
    made.commit(alias("staging", "2"), at=(now + dt.timedelta(days=9)).isoformat())
    ran = cli(*TO, cwd=made.root)
    assert ran.code == 1
    assert " d " in ran.out
    assert "in the future; the soak starts then" in ran.out
    made.commit(alias("staging", "1"), at=(now - dt.timedelta(days=4)).isoformat())
    made.commit(alias("staging", "2"), at=(now - dt.timedelta(days=3)).isoformat())
    assert cli(*TO, cwd=made.root).code == 0


def test_a_signed_record(tmp_path: Path, cli: Cli, home: Path) -> None:
    """A version that `registry version add` committed, signed as Git is set up to."""
    ada = key(tmp_path / "keys", "ada")
    made = registry(tmp_path / "registry", {"signed": "commit"})
    made.commit({"allowed_signers": signer("tester@example.org", ada)})
    plain = cli("promote", "nlp/lang-id@2", "--to", "production", "--dry-run", cwd=made.root)
    assert plain.code == 1
    assert " is not signed" in plain.out
    for setting, value in {
        "gpg.format": "ssh",
        "user.signingKey": str(ada),
        "commit.gpgSign": "true",
    }.items():
        git(home, "config", "--global", setting, value)
    (tmp_path / "new.bin").write_bytes(b"new")
    added = cli(
        "version", "add", "nlp/lang-id", "--artifact", str(tmp_path / "new.bin"), "--framework", "custom", "--commit",
        cwd=made.root,
    )  # fmt: skip
    assert added.code == 0, added
    ran = cli("promote", "nlp/lang-id@3", "--to", "production", cwd=made.root)
    assert ran.code == 0, ran
    assert ", by tester@example.org" in ran.out
