"""Where requests are committed: to main, pushed to main, or to branches of their authors that people merge."""

from __future__ import annotations

import hashlib
import stat
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from support import commit, git, write_files
from support.manifests import registry_yaml
from support.written_trains import (
    ADA,
    BOB,
    MODEL,
    alias_request,
    bare_registry,
    files_edit,
    held,
    opened,
    subjects,
    version_edit,
    version_request,
)

from registry_tool.catalog.catalog import Catalog
from registry_tool.edits.changeset import ChangeSet
from registry_tool.edits.lifecycle import archive, restore
from registry_tool.errors import (
    ConflictError,
    ForbiddenError,
    GitError,
    InvalidManifestError,
    NotFoundError,
    UsageError,
)
from registry_tool.git.command import find_repository
from registry_tool.git.tree import DictTree
from registry_tool.manifests.problems import JSON
from registry_tool.writer.author_branches import AuthorBranches
from registry_tool.writer.branch_names import branch_of_author, split_proposal
from registry_tool.writer.modes import (
    SERVER,
    Mode,
    ServerPolicy,
    WriteMode,
    choose_mode,
    read_policy,
)
from registry_tool.writer.request import (
    Person,
    RefusedByCheckError,
    WriteRequest,
)
from registry_tool.writer.writer import Writer

Start = Callable[..., Writer]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts writers that end with the test."""
    with ExitStack() as stack:

        def make(folder: Path, write: WriteMode = "commit", *, push: bool = False) -> Writer:
            repository = opened(folder)
            stack.callback(repository.close)
            return stack.enter_context(Writer(repository, mode=Mode(write, push)))

        yield make


@pytest.fixture
def server(tmp_path: Path) -> Path:
    """The remote, a bare repository."""
    return bare_registry(tmp_path)


@pytest.fixture
def clone(server: Path, tmp_path: Path) -> Path:
    """The clone in which the writer works."""
    git(tmp_path, "clone", "--quiet", "--bare", server.as_uri(), "clone.git")
    return tmp_path / "clone.git"


def _hook(server: Path, text: str) -> None:
    place = server / "hooks/pre-receive"
    place.parent.mkdir(exist_ok=True)
    place.write_text(f"#!/bin/sh\n{text}\n")
    place.chmod(place.stat().st_mode | stat.S_IXUSR)


def _other(server: Path, tmp_path: Path, name: str = "other") -> Path:
    git(tmp_path, "clone", "--quiet", str(server), name)
    return tmp_path / name


def test_the_default_is_commit_without_a_remote_and_propose_with_one(
    tmp_path: Path, server: Path, clone: Path
) -> None:
    alone, cloned = find_repository(server), find_repository(clone)
    assert alone is not None
    assert cloned is not None
    assert choose_mode(alone) == Mode("commit", push=False)
    assert choose_mode(cloned) == Mode("propose", push=True)
    assert choose_mode(cloned, "commit", push=True) == Mode("commit", push=True)
    assert choose_mode(cloned, "branch") == Mode("branch", push=False)
    for repository, write, push in (
        (cloned, "commit", False),
        (alone, "propose", False),
        (alone, "commit", True),
        (alone, "merge", False),
    ):
        with pytest.raises(UsageError):
            choose_mode(repository, write, push=push)


@pytest.mark.parametrize(
    ("email", "branch"),
    [
        ("ada@example.org", "serve/ada@example.org"),
        ("a..b@x.lock", "serve/a.b@x-%s"),
        ("a.b@x", "serve/a.b@x"),
        ("ü~^:?*[@x", "serve/@x-%s"),
        ("...", "serve/unknown-%s"),
        ("-x" * 200, "serve/" + ("x-" * 50)[:99] + "-%s"),
    ],
)
def test_a_branch_is_named_after_its_author_alone(email: str, branch: str) -> None:
    digest = hashlib.sha256(email.encode()).hexdigest()[:8]
    found = branch_of_author(Person("A", email))
    assert found == branch.replace("%s", digest)
    assert branch_of_author(Person("A", email), 2) == f"{found},2"
    assert split_proposal(found) == (found, 1)
    assert split_proposal(f"{found},12") == (found, 12)


def test_a_pushed_request_is_answered_when_the_remote_has_it(
    start: Start, clone: Path, server: Path
) -> None:
    writer = start(clone, push=True)
    written = writer.submit(version_request(1)).result(30)
    assert written.commit == git(server, "rev-parse", "main") == git(clone, "rev-parse", "main")


def test_a_lost_race_makes_the_train_again_on_what_won(
    start: Start, clone: Path, server: Path, tmp_path: Path
) -> None:
    writer = start(clone, push=True)
    assert writer.submit(version_request(1)).result(30).commit
    other = _other(server, tmp_path)
    write_files(other, {"README.md": "theirs\n"})
    theirs = commit(other, "Theirs")
    git(other, "push", "--quiet", "origin", "main")
    written = writer.submit(version_request(2)).result(30)
    assert git(server, "rev-parse", "main^") == theirs
    assert written.commit == git(server, "rev-parse", "main") == git(clone, "rev-parse", "main")


def test_two_servers_on_two_clones_know_each_others_requests(
    start: Start, clone: Path, server: Path, tmp_path: Path
) -> None:
    git(tmp_path, "clone", "--quiet", "--bare", server.as_uri(), "second.git")
    one, other = start(clone, push=True), start(tmp_path / "second.git", push=True)
    first = one.submit(version_request(1, key="once")).result(30)
    repeated = other.submit(version_request(1, key="once")).result(30)
    assert repeated.repeated
    assert repeated.commit == first.commit
    assert other.submit(version_request(2, key="twice")).result(30).commit
    assert one.submit(version_request(2, key="twice")).result(30).repeated
    assert len(subjects(server)) == 3


def test_a_protected_branch_refuses_and_says_what_to_set(
    start: Start, clone: Path, server: Path
) -> None:
    _hook(server, "echo main is protected >&2; exit 1")
    writer = start(clone, push=True)
    before = git(clone, "rev-parse", "main")
    with pytest.raises(ForbiddenError) as caught:
        writer.submit(version_request(1)).result(30)
    assert "main is protected" in caught.value.remedy
    assert "write: propose" in caught.value.remedy
    assert git(clone, "rev-parse", "main") == git(server, "rev-parse", "main") == before
    (server / "hooks/pre-receive").unlink()
    assert writer.submit(version_request(1)).result(30).commit == git(server, "rev-parse", "main")


def test_a_remote_that_is_down_is_an_error_and_the_next_request_works(
    start: Start, clone: Path, server: Path, tmp_path: Path
) -> None:
    writer = start(clone, push=True)
    server.rename(tmp_path / "away")
    before = git(clone, "rev-parse", "main")
    with pytest.raises(GitError):
        writer.submit(version_request(1)).result(30)
    assert git(clone, "rev-parse", "main") == before
    (tmp_path / "away").rename(server)
    assert writer.submit(version_request(1)).result(30).commit == git(server, "rev-parse", "main")


def test_proposals_are_on_a_branch_for_each_author(start: Start, clone: Path, server: Path) -> None:
    _hook(server, "echo open https://example.org/new-pull-request >&2")
    writer = start(clone, "propose", push=True)
    main = git(clone, "rev-parse", "main")
    with held(writer):
        asked = [writer.submit(version_request(n, who)) for n in (1, 2) for who in (ADA, BOB)]
    found = [one.result(30) for one in asked]
    assert [one.branch for one in found] == ["serve/ada@example.org", "serve/bob@example.org"] * 2
    assert all(one.proposed for one in found)
    assert found[0].notes == ("open https://example.org/new-pull-request",)
    # Each is the next version of its own branch.
    assert [str(one.change.versions[0]) for one in found] == [f"{MODEL}@{n}" for n in (3, 3, 4, 4)]
    assert git(server, "rev-parse", "main") == main
    for who in (ADA, BOB):
        assert len(subjects(server, branch_of_author(who))) == 3


def _merge(server: Path, clone: Path, tmp_path: Path, branch: str, how: str) -> None:
    """Merge a branch of the server into main as a person does, and fetch that."""
    other = _other(server, tmp_path, f"other-{how}-{len(subjects(server))}")
    if how == "rebase":
        write_files(other, {"README.md": how})
        commit(other, "Meanwhile")
        git(other, "switch", "--quiet", branch)
        git(other, "rebase", "--quiet", "main")
        git(other, "switch", "--quiet", "main")
        git(other, "merge", "--quiet", "--ff-only", branch)
    else:
        git(other, "merge", "--quiet", f"--{how}", f"origin/{branch}", "-m", "Merge")
    if how == "squash":
        git(other, "commit", "--quiet", "-m", "Squashed")
    git(other, "push", "--quiet", "origin", "main")
    git(clone, "fetch", "--quiet", "origin", "+main:main")


def test_a_merged_proposal_is_left_behind(
    start: Start, clone: Path, server: Path, tmp_path: Path
) -> None:
    writer = start(clone, "propose", push=True)
    branch = branch_of_author(ADA)
    for number, how in enumerate(("no-ff", "squash", "rebase")):
        assert writer.submit(version_request(number)).result(30).commit
        _merge(server, clone, tmp_path, branch, how)
    written = writer.submit(version_request(5)).result(30)
    assert git(server, "rev-parse", f"{branch}^") == git(server, "rev-parse", "main")
    assert str(written.change.versions[0]) == f"{MODEL}@6"


def test_a_squashed_proposal_stays_merged_when_main_goes_on(
    start: Start, clone: Path, server: Path, tmp_path: Path
) -> None:
    writer = start(clone, "propose", push=True)
    branch = branch_of_author(ADA)
    assert writer.submit(alias_request("best", "1")).result(30).commit
    _merge(server, clone, tmp_path, branch, "squash")
    other = _other(server, tmp_path, "later")
    place = other / "models/nlp/lang-id/aliases/best.yaml"
    place.write_text(place.read_text().replace('"1"', '"2"'))
    commit(other, "Move it on")
    git(other, "push", "--quiet", "origin", "main")
    git(clone, "fetch", "--quiet", "origin", "+main:main")
    written = writer.submit(version_request(5)).result(30)
    assert written.branch == branch
    assert git(server, "rev-parse", f"{branch}^") == git(server, "rev-parse", "main")


def test_a_conflict_sets_a_proposal_aside_and_the_author_goes_on(
    start: Start, clone: Path, server: Path, tmp_path: Path
) -> None:
    writer = start(clone, "propose", push=True)
    first = branch_of_author(ADA)
    assert str(writer.submit(version_request(1)).result(30).change.versions[0]) == f"{MODEL}@3"
    # Another version 3 is merged first.
    assert writer.submit(version_request(2, BOB)).result(30).commit
    _merge(server, clone, tmp_path, branch_of_author(BOB), "no-ff")
    second = writer.submit(version_request(3)).result(30)
    assert (second.branch, str(second.change.versions[0])) == (f"{first},2", f"{MODEL}@4")
    third = writer.submit(version_request(4)).result(30)
    assert (third.branch, str(third.change.versions[0])) == (f"{first},2", f"{MODEL}@5")
    assert len(subjects(server, first)) == 2
    # Once a person has resolved it, the newest one goes on.
    git(server, "update-ref", "-d", f"refs/heads/{first}")
    git(clone, "update-ref", "-d", f"refs/heads/{first}")
    assert writer.submit(version_request(6)).result(30).branch == f"{first},2"


def test_an_author_whose_proposals_all_conflict_is_told_what_to_do(
    start: Start, clone: Path, tmp_path: Path
) -> None:
    writer = start(clone, "branch")
    for number in range(8):
        assert writer.submit(version_request(number)).result(30).branch.startswith("serve/ada@")
        other = _other(clone, tmp_path, f"other-{number}")
        folder = other / "models/nlp/lang-id/versions"
        (folder / str(number + 3)).mkdir()
        text = (folder / "2/version.yaml").read_text()
        (folder / f"{number + 3}/version.yaml").write_text(text.replace('"2"', f'"{number + 3}"'))
        commit(other, f"Another version {number + 3}")
        git(other, "push", "--quiet", "origin", "HEAD:main")
    with pytest.raises(ConflictError, match="8 proposals of Ada") as caught:
        writer.submit(version_request(100)).result(30)
    assert "serve/ada@example.org,8" in caught.value.remedy
    assert writer.submit(version_request(100, BOB)).result(30).branch == branch_of_author(BOB)


def _archive(*, may: bool = False, author: Person = ADA) -> WriteRequest:
    return WriteRequest(archive(MODEL), author, may_review=may, request_id="archive")


def test_what_needs_review_becomes_a_proposal(start: Start, server: Path, clone: Path) -> None:
    writer = start(server)
    main = git(server, "rev-parse", "main")
    written = writer.submit(_archive()).result(30)
    assert (written.proposed, written.branch) == (True, branch_of_author(ADA))
    assert written.report.verdict == "review"
    assert git(server, "rev-parse", "main") == main
    assert git(server, "rev-parse", f"{written.branch}^") == main
    # What does not need one is published.
    assert not writer.submit(version_request(1)).result(30).proposed
    again = writer.submit(_archive()).result(30)
    assert (again.repeated, again.proposed, again.commit) == (True, True, written.commit)
    assert not writer.submit(_archive(may=True, author=BOB)).result(30).proposed
    proposing = start(clone, "propose", push=True)
    assert proposing.submit(_archive()).result(30).proposed


def test_a_proposal_is_pushed_as_commits_are(start: Start, server: Path, clone: Path) -> None:
    writer = start(clone, push=True)
    with held(writer):
        asked = [writer.submit(one) for one in (version_request(1), _archive(), version_request(2))]
    found = [one.result(30) for one in asked]
    assert [one.proposed for one in found] == [False, True, False]
    assert git(server, "rev-parse", branch_of_author(ADA)) == found[1].commit
    assert git(server, "rev-parse", "main") == found[2].commit


def test_a_proposal_that_cannot_be_made_fails_alone(
    start: Start, server: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = start(server)

    def fail(_: AuthorBranches, author: Person) -> str:
        raise ConflictError(f"8 proposals of {author} conflict with main")

    monkeypatch.setattr(AuthorBranches, "choose", fail)
    with held(writer):
        asked = [writer.submit(one) for one in (version_request(1), _archive(), version_request(2))]
    with pytest.raises(ConflictError, match="8 proposals"):
        asked[1].result(30)
    assert asked[2].result(30).commit == git(server, "rev-parse", "main")
    assert asked[0].result(30).commit == git(server, "rev-parse", "main^")


def test_an_edit_of_what_is_proposed_joins_the_proposal(start: Start, server: Path) -> None:
    writer = start(server)
    branch = writer.submit(_archive()).result(30).branch
    # On main the model is not archived, so there would be nothing to do.
    back = writer.submit(WriteRequest(restore(MODEL), ADA)).result(30)
    assert (back.branch, back.proposed) == (branch, True)
    assert writer.submit(WriteRequest(restore(MODEL), BOB)).result(30).commit is None


def test_what_is_about_something_proposed_joins_the_proposal(start: Start, server: Path) -> None:
    writer = start(server)
    mixed = files_edit({"README.md": b"new\n"})

    def edit(catalog: Catalog) -> ChangeSet:
        version = version_edit(1)(catalog)
        other = mixed(catalog)
        return ChangeSet("Mix", {**version.puts, **other.puts}, versions=version.versions)

    proposed = writer.submit(WriteRequest(edit, ADA)).result(30)
    assert proposed.proposed
    assert str(proposed.change.versions[0]) == f"{MODEL}@3"
    named = writer.submit(alias_request("best", "3")).result(30)
    assert named.branch == proposed.branch
    with pytest.raises(NotFoundError):
        writer.submit(alias_request("best", "9")).result(30)


def test_a_restarted_writer_goes_on_with_the_proposal(start: Start, server: Path) -> None:
    first = start(server)
    written = first.submit(_archive()).result(30)
    first.close()
    second = start(server)
    again = second.submit(_archive()).result(30)
    assert (again.repeated, again.proposed, again.commit) == (True, True, written.commit)
    back = second.submit(WriteRequest(restore(MODEL), ADA)).result(30)
    assert git(server, "rev-parse", f"{written.branch}^") == written.commit
    assert back.branch == written.branch


def test_gates_are_evaluated_for_any_client(start: Start, tmp_path: Path) -> None:
    stages: dict[str, JSON] = {"production": {"require": [{"metric": "accuracy", "min": 0.999}]}}
    files = {"registry.yaml": registry_yaml(stages=stages)}
    writer = start(bare_registry(tmp_path, files))
    with pytest.raises(RefusedByCheckError, match="accuracy") as caught:
        writer.submit(alias_request("production", "2", may_review=True)).result(30)
    assert "C406" in str(caught.value)


def test_the_policy_is_the_published_one() -> None:
    def policy(text: str) -> ServerPolicy:
        return read_policy(Catalog(DictTree({"serve.yaml": text} if text else {})))

    assert policy("") == ServerPolicy("", SERVER)
    written = policy("schema: serve/v1\nwrite: branch\ncommitter: Bot <bot@example.org>\n")
    assert written == ServerPolicy("branch", Person("Bot", "bot@example.org"))
    with pytest.raises(InvalidManifestError):
        policy("schema: serve/v1\nwrite: always\n")


@pytest.mark.parametrize("takes_options", [True, False])
def test_a_gitlab_is_asked_for_a_merge_request(
    start: Start, clone: Path, server: Path, *, takes_options: bool
) -> None:
    # Git replaces the beginning of an address, so this host is a folder here.
    git(clone, "config", f"url.{server.as_uri()}.insteadOf", "https://gitlab.example.org/a/b.git")
    git(clone, "config", "remote.origin.url", "https://gitlab.example.org/a/b.git")
    git(server, "config", "receive.advertisePushOptions", str(takes_options).lower())
    _hook(server, 'for n in 0 1 2 3; do eval "echo option \\"\\$GIT_PUSH_OPTION_$n\\" >&2"; done')
    writer = start(clone, "propose", push=True)
    for number in range(2):
        written = writer.submit(version_request(number)).result(30)
        assert written.commit == git(server, "rev-parse", branch_of_author(ADA))
        asked = [
            "option merge_request.create",
            "option merge_request.target=main",
            f"option merge_request.title=Add {MODEL}@{3 + number}",
            "option merge_request.remove_source_branch",
        ]
        assert written.notes == (tuple(asked) if takes_options else ("option",) * 4)
