"""What may become of what is published: real histories, the real program, and a sentence for each refusal."""

from __future__ import annotations

import datetime as dt
import json
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support import Ran, commit, git, write_files
from support.manifests import (
    alias_yaml,
    evidence_yaml,
    model_yaml,
    registry_yaml,
    small_registry,
    status_yaml,
    stored_artifact,
    tag_yaml,
    version_files,
    waiver_yaml,
)

Cli = Callable[..., Ran]
LANG = "models/nlp/lang-id"
RECORD = f"{LANG}/versions/2/version.yaml"
THIRD = version_files("3", artifacts=[stored_artifact(b"third")])
AGAIN = version_files("3", artifacts=[stored_artifact(b"another third")])
WAIVER = "waivers/2026-11-21-c401-new-words.yaml"


@pytest.fixture
def origin(make_registry: Callable[..., Path]) -> Path:
    """A registry with versions 1 and 2 on its main branch."""
    return make_registry(small_registry(), name="origin")


@pytest.fixture
def clone(origin: Path, tmp_path: Path) -> Path:
    """A clone of it, on a branch."""
    git(tmp_path, "clone", "--quiet", str(origin), "clone")
    git(tmp_path / "clone", "switch", "--quiet", "--create", "topic")
    (tmp_path / "clone" / "storage").mkdir()
    return tmp_path / "clone"


def published(origin: Path, files: dict[str, str], message: str = "Publish") -> str:
    """One more commit on the main branch of the origin."""
    write_files(origin, files)
    return commit(origin, message)


def checked(cli: Cli, root: Path, *arguments: str, code: int = 0) -> dict[str, Any]:
    ran = cli("check", "--format", "json", *arguments, cwd=root)
    assert ran.code == code, ran.out + ran.err
    report: dict[str, Any] = json.loads(ran.out)
    return report


def rules(report: dict[str, Any]) -> list[str]:
    return sorted({finding["rule"] for finding in report["findings"]})


def edited(root: Path, path: str = RECORD) -> None:
    """Words added to a file, in a way that leaves it valid."""
    text = (root / path).read_text()
    (root / path).write_text(text + "description: Now with words.\n")


def test_a_revert_of_a_merged_version_is_refused_and_the_remedy_mends_it(
    cli: Cli, origin: Path, clone: Path
) -> None:
    published(origin, THIRD, "Add nlp/lang-id@3")
    git(clone, "pull", "--quiet", "origin", "main")
    git(clone, "revert", "--no-edit", "HEAD")
    report = checked(cli, clone, "--base", "origin/main", code=1)
    assert rules(report) == ["C401"]
    pointer, record = report["findings"]
    assert record["message"] == "nlp/lang-id@3 is published; this change deletes it"
    assert "registry withdraw nlp/lang-id@3 --reason TEXT" in record["remedy"]
    # What the findings say to do, done.
    git(clone, *shlex.split(record["remedy"].partition(";")[0])[1:])
    git(clone, *shlex.split(pointer["remedy"].partition(";")[0])[1:])
    commit(clone, "Put it back")
    withdraw = ("withdraw", "nlp/lang-id@3", "--reason", "It was reverted.", "--commit")
    assert cli(*withdraw, cwd=clone).code == 0
    assert checked(cli, clone, "--base", "origin/main")["kind"] == "status"


def test_a_version_on_a_branch_of_ones_own_may_be_mended_under_the_hook(
    cli: Cli, origin: Path, clone: Path
) -> None:
    assert cli("hooks", "install", cwd=clone).code == 0
    write_files(clone, THIRD)
    commit(clone, "Add nlp/lang-id@3")
    edited(clone, f"{LANG}/versions/3/version.yaml")
    git(clone, "add", "--all")
    git(clone, "commit", "--quiet", "--amend", "--no-edit")
    edited(clone, f"{LANG}/versions/3/version.yaml")  # the key appears twice: the hook is awake
    git(clone, "add", "--all")
    with pytest.raises(AssertionError, match="F102"):
        git(clone, "commit", "--quiet", "--amend", "--no-edit")
    git(clone, "reset", "--quiet", "--hard")
    git(clone, "push", "--quiet", "origin", "topic:refs/heads/review")
    git(origin, "merge", "--quiet", "review")
    git(clone, "fetch", "--quiet")
    path = clone / LANG / "versions" / "3" / "version.yaml"
    path.write_text(path.read_text().replace("words", "other words"))
    git(clone, "add", "--all")
    with pytest.raises(AssertionError, match="C401") as refused:
        git(clone, "commit", "--quiet", "--amend", "--no-edit")
    assert "version.yaml of nlp/lang-id@3 is published; this change edits it" in str(refused.value)


def test_what_the_upstream_of_a_fork_has_is_published(
    cli: Cli, origin: Path, clone: Path, tmp_path: Path
) -> None:
    """The fork lags behind: its own main branch does not know version 3."""
    published(origin, THIRD)
    git(tmp_path, "clone", "--quiet", str(clone), "fork")
    fork = tmp_path / "fork"
    git(fork, "remote", "add", "upstream", str(origin))
    git(fork, "fetch", "--quiet", "upstream")
    git(fork, "merge", "--quiet", "upstream/main")
    edited(fork, f"{LANG}/versions/3/version.yaml")
    assert rules(checked(cli, fork, code=1)) == ["C401"]
    git(fork, "remote", "remove", "upstream")
    assert rules(checked(cli, fork)) == []


def test_files_on_disk_that_are_as_published_are_no_change(cli: Cli, clone: Path) -> None:
    edited(clone)
    commit(clone, "A mistake")
    assert rules(checked(cli, clone, code=1)) == ["C401"]
    git(clone, "restore", "--source=origin/main", "--", RECORD)
    report = checked(cli, clone)
    assert (report["kind"], report["findings"]) == (None, [])


def test_a_merge_of_the_main_branch_is_no_change_to_it(cli: Cli, origin: Path, clone: Path) -> None:
    """Main withdrew a version and set an alias; merged into a branch with a version that is still one version."""
    assert cli("hooks", "install", cwd=clone).code == 0
    write_files(clone, THIRD)
    commit(clone, "Add nlp/lang-id@3")
    published(origin, {f"{LANG}/versions/2/status.yaml": status_yaml("withdrawn")})
    published(origin, {f"{LANG}/aliases/staging.yaml": alias_yaml("1")})
    git(clone, "fetch", "--quiet")
    merged = subprocess.run(
        ["git", "merge", "--no-edit", "origin/main"], cwd=clone, capture_output=True, text=True, check=True
    )  # fmt: skip
    said = merged.stdout + merged.stderr
    assert "change kind: version" in said
    assert "C407" not in said
    assert checked(cli, clone)["kind"] == "version"


def test_unrelated_histories(cli: Cli, clone: Path) -> None:
    git(clone, "switch", "--quiet", "--orphan", "elsewhere")
    write_files(clone, small_registry(versions=("1",)))
    commit(clone, "Start again")
    report = checked(cli, clone, "--base", "origin/main", "--head", "elsewhere", code=1)
    assert rules(report) == ["C401"]
    assert report["notes"][0].endswith("which shares no history with it")


def test_a_main_branch_that_was_rewritten(cli: Cli, origin: Path, clone: Path) -> None:
    """What the branch is judged by is what both still have."""
    published(origin, THIRD)
    git(clone, "pull", "--quiet", "origin", "main")
    write_files(clone, {f"{LANG}/tags/best.yaml": tag_yaml("3")})
    commit(clone, "Tag it")
    git(origin, "reset", "--quiet", "--hard", "HEAD~1")
    rewritten = published(origin, {"README.md": "rewritten"})
    git(clone, "fetch", "--quiet", "--force")
    report = checked(cli, clone, "--base", rewritten, "--head", "topic")
    assert report["kind"] == "version"  # which main does not have any more
    assert report["notes"][0].startswith(f"checked changes in topic since {rewritten[:12]} (")


@pytest.mark.parametrize("base", ["0" * 40, "gone", "origin/gone", "--all", "main:registry.yaml"])
def test_a_missing_base(cli: Cli, clone: Path, base: str) -> None:
    ran = cli("check", f"--base={base}", cwd=clone)
    assert ran.code == 2
    assert "is not a commit, branch or tag" in ran.err
    assert "list the commits: git log --oneline --all" in ran.err


def test_a_base_that_a_shallow_clone_does_not_reach(cli: Cli, origin: Path, tmp_path: Path) -> None:
    first = git(origin, "rev-parse", "HEAD")
    published(origin, THIRD)
    git(tmp_path, "clone", "--quiet", "--depth=1", origin.as_uri(), "shallow")
    ran = cli("check", "--base", first, cwd=tmp_path / "shallow")
    assert ran.code == 4
    assert "the clone is shallow" in ran.err
    assert "git fetch --unshallow" in ran.err


def test_criss_cross_merges(cli: Cli, origin: Path, clone: Path) -> None:
    """Two merge bases: what main had on its own line counts, and then the result of the merge is judged."""
    write_files(clone, THIRD)
    commit(clone, "Add nlp/lang-id@3")
    published(origin, {f"{LANG}/tags/second.yaml": tag_yaml("2")}, "Tag")
    git(clone, "fetch", "--quiet")
    early = git(clone, "rev-parse", "HEAD")
    git(clone, "merge", "--quiet", "--no-edit", "origin/main")
    git(origin, "fetch", "--quiet", str(clone), early)
    git(origin, "merge", "--quiet", "--no-edit", "FETCH_HEAD")
    git(clone, "fetch", "--quiet")
    assert len(git(clone, "merge-base", "--all", "origin/main", "topic").split()) == 2
    (clone / LANG / "tags" / "second.yaml").write_text(tag_yaml("1"))
    edited(clone, f"{LANG}/versions/3/version.yaml")
    commit(clone, "Change what main has")
    report = checked(cli, clone, "--base", "origin/main", "--head", "topic", code=1)
    assert rules(report) == ["C404"]
    git(clone, "merge", "--quiet", "--no-edit", "origin/main")
    report = checked(cli, clone, "--base", "origin/main", "--head", "topic", code=1)
    assert rules(report) == ["C401", "C404"]


def waiver(days: int, **fields: str) -> dict[str, str]:
    expires = dt.datetime.now(dt.UTC).date() + dt.timedelta(days=days)
    subject = {"rule": "C401", "subject": RECORD, **fields}
    return {WAIVER: waiver_yaml(**subject, expires=str(expires))}


def test_a_waiver_does_not_waive_the_change_that_brings_it(
    cli: Cli, origin: Path, clone: Path
) -> None:
    write_files(clone, waiver(30))
    edited(clone)
    commit(clone, "Change a record, and allow it")
    report = checked(cli, clone, "--base", "origin/main", code=1)
    assert rules(report) == ["C401", "C409"]
    [changed] = [f for f in report["findings"] if f["rule"] == "C401"]
    assert f"({WAIVER} has no effect until it is merged in a separate change)" in changed["message"]
    # By itself it needs a person, and then it counts.
    git(clone, "reset", "--quiet", "--hard", "origin/main")
    write_files(clone, waiver(30))
    commit(clone, "Allow it")
    alone = checked(cli, clone, "--base", "origin/main", code=3)
    assert (alone["kind"], rules(alone)) == ("waiver", ["C409"])
    published(origin, waiver(30))
    git(clone, "fetch", "--quiet")
    git(clone, "reset", "--quiet", "--hard", "origin/main")
    edited(clone)
    commit(clone, "Change a record")
    report = checked(cli, clone, "--base", "origin/main")
    assert [(f["rule"], f["severity"]) for f in report["findings"]] == [("C401", "warn")]
    assert "waived until" in report["findings"][0]["message"]


def test_an_expired_waiver_waives_nothing_and_is_named(cli: Cli, origin: Path, clone: Path) -> None:
    published(origin, waiver(-1))
    git(clone, "pull", "--quiet", "origin", "main")
    edited(clone)
    commit(clone, "Change a record")
    report = checked(cli, clone, "--base", "origin/main", code=1)
    assert f"the waiver {WAIVER} expired on" in report["findings"][0]["message"]
    assert "R310" in rules(checked(cli, origin, "--all"))


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"rule": "C416", "subject": WAIVER}, "C416 cannot be waived"),
        ({"rule": "C409", "subject": WAIVER}, "C409 cannot be waived"),
        ({"subject": "models"}, "which is a folder"),
        ({"subject": "/etc/passwd"}, "which is not a file in the registry"),
        ({"subject": "../outside"}, "which is not a file in the registry"),
        ({"subject": "nlp/lang-id@production"}, "has no version production"),
    ],
)
def test_a_waiver_that_is_too_wide_is_refused(
    cli: Cli, clone: Path, fields: dict[str, str], sentence: str
) -> None:
    write_files(clone, waiver(30, **fields))
    report = checked(cli, clone, code=1)
    assert sentence in " ".join(f["message"] for f in report["findings"] if f["rule"] == "C416")


def test_a_name_that_was_there_once_is_not_given_again(
    cli: Cli, origin: Path, clone: Path, tmp_path: Path
) -> None:
    """Somebody deleted a version past all hooks; the history knows."""
    published(origin, THIRD)
    for path in THIRD:
        (origin / path).unlink()
    published(origin, {})
    git(clone, "pull", "--quiet", "origin", "main")
    (tmp_path / "new.bin").write_bytes(b"new")
    add = ("version", "add", "nlp/lang-id", "--artifact", "../new.bin", "--framework", "onnx")
    refused = cli(*add[:3], "3", *add[3:], "--commit", cwd=clone)
    assert (refused.code, "C403" in refused.err) == (1, True)
    assert git(clone, "status", "--porcelain") == ""
    write_files(clone, AGAIN)
    report = checked(cli, clone, "--base", "origin/main", code=1)
    assert [(f["rule"], f["path"]) for f in report["findings"]] == [
        ("C403", f"{LANG}/versions/3/version.yaml")
    ]
    git(clone, "clean", "-fdq")
    assert (
        "as 4" in (done := cli(*add, "--commit", cwd=clone)).out or "@4" in done.out
    )  # passed over
    assert rules(checked(cli, clone, "--base", "origin/main")) == []
    # Brought back byte for byte, it means what it meant.
    git(clone, "reset", "--quiet", "--hard", "origin/main")
    write_files(clone, THIRD)
    assert rules(checked(cli, clone)) == []


def test_a_shallow_clone_says_which_rule_it_cannot_answer(
    cli: Cli, origin: Path, tmp_path: Path
) -> None:
    automatic = registry_yaml(automerge=["version"])
    for text in ("one", "two", "three"):
        published(origin, {"registry.yaml": automatic, "README.md": text})
    git(tmp_path, "clone", "--quiet", "--depth=2", origin.as_uri(), "shallow")
    shallow = tmp_path / "shallow"
    write_files(shallow, AGAIN)
    report = checked(cli, shallow)
    [note] = [note for note in report["notes"] if note.startswith("skipped ")]
    assert note.startswith("skipped C403: ")
    assert "shallow" in note
    assert note.endswith("git fetch --unshallow")
    assert (report["verdict"], report["automerge"]) == ("pass", False)
    git(shallow, "fetch", "--quiet", "--unshallow")
    whole = checked(cli, shallow)
    assert not [note for note in whole["notes"] if note.startswith("skipped ")]
    assert whole["automerge"]


def test_no_history_is_read_where_no_name_is_given(cli: Cli, origin: Path, tmp_path: Path) -> None:
    """An alias that moves asks nothing of the past, so a shallow clone answers."""
    published(origin, {"README.md": "more"})
    git(tmp_path, "clone", "--quiet", "--depth=1", origin.as_uri(), "shallow")
    write_files(tmp_path / "shallow", {f"{LANG}/aliases/production.yaml": alias_yaml("2")})
    report = checked(cli, tmp_path / "shallow")
    assert (report["kind"], len(report["notes"])) == ("alias", 2)


@pytest.mark.parametrize(
    ("kind", "arguments"),
    [
        ("model", ("model", "add", "cv/eyes", "--task", "t", "--owner", "o", "--description", "d")),
        ("version", ("version", "add", "nlp/lang-id", "--artifact", "../a.bin", "--framework", "onnx", "--tag", "v3")),
        ("alias", ("alias", "set", "nlp/lang-id@2", "production")),
        ("alias", ("alias", "rm", "nlp/lang-id", "production")),
        ("tag", ("tag", "add", "nlp/lang-id@2", "second")),
        ("status", ("deprecate", "nlp/lang-id@1", "--reason", "Old.")),
        ("status", ("erase", "nlp/lang-id@2", "--reason", "It must go.", "--yes")),
        ("edit", ("annotate", "nlp/lang-id@1", "note=1")),
        ("edit", ("archive", "nlp/lang-id")),
    ],
)  # fmt: skip
def test_what_the_commands_write_is_of_one_kind(
    cli: Cli, clone: Path, tmp_path: Path, kind: str, arguments: tuple[str, ...]
) -> None:
    (tmp_path / "a.bin").write_bytes(b"bytes")
    ran = cli(*arguments, "--commit", cwd=clone)
    assert ran.code == 0, ran.out + ran.err
    # The end of a model is for a person to look at.
    code = 3 if arguments[0] == "archive" else 0
    report = checked(cli, clone, "--base", "origin/main", code=code)
    assert report["kind"] == kind
    assert f"change kind: {kind}" in report["notes"]


def test_what_policy_lets_merge_by_itself_is_said(cli: Cli, origin: Path, clone: Path) -> None:
    published(origin, {"registry.yaml": registry_yaml(automerge=["evidence"])})
    git(clone, "pull", "--quiet", "origin", "main")
    record = (clone / RECORD).read_text()
    write_files(clone, {f"{LANG}/versions/2/evidence/a.yaml": evidence_yaml("2", record=record)})
    ran = cli("check", cwd=clone)
    assert ran.code == 0
    assert "note: change kind: evidence; it may be merged automatically\n" in ran.out
    write_files(clone, {f"{LANG}/model.yaml": model_yaml(description="Other words.")})
    assert "may be merged automatically" not in cli("check", cwd=clone).out


def test_a_server_without_a_main_branch_of_that_name(
    cli: Cli, origin: Path, tmp_path: Path
) -> None:
    """A bare repository is judged whole, and what its own HEAD names is published."""
    git(tmp_path, "clone", "--quiet", "--bare", str(origin), "bare.git")
    bare = tmp_path / "bare.git"
    git(bare, "branch", "--quiet", "--move", "main", "trunk")
    report = checked(cli, bare)
    assert (report["verdict"], report["kind"]) == ("pass", None)
    git(bare, "symbolic-ref", "HEAD", "refs/heads/never")
    assert checked(cli, bare, "--head", "trunk")["verdict"] == "pass"
