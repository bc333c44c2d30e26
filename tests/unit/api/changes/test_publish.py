"""A change set to files or to a commit: checked first, all or nothing, and made again when another push was faster."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support import commit, git, write_files
from support.manifests import small_registry

from registry_tool.api.changes.publish import (
    Destination,
    Person,
    RefusedByCheckError,
    publish,
    read_base,
)
from registry_tool.catalog.catalog import Catalog
from registry_tool.edits.aliases import add_tag, set_alias
from registry_tool.edits.changeset import ChangeSet, Edit
from registry_tool.edits.lifecycle import set_state
from registry_tool.errors import (
    ConflictError,
    DirtyFilesError,
    GitError,
    NotARegistryError,
    NotFoundError,
    OperationalError,
    RefusedError,
    RegistryError,
    StaleBaseError,
    UsageError,
)
from registry_tool.git.remote.push import LostRaceError
from registry_tool.git.repository import Repository
from registry_tool.git.transaction.journal import Journal, plan_steps, write_journal
from registry_tool.names import Reference

MakeRegistry = Callable[..., Path]
Open = Callable[[Path | str], Repository]
ALIAS = "models/nlp/lang-id/aliases/production.yaml"
MOVE = set_alias(Reference.parse("nlp/lang-id@2"), "production")
COMMIT = Destination(commit=True)


@pytest.fixture
def registry(make_registry: MakeRegistry) -> Path:
    return make_registry(small_registry())


@pytest.fixture
def opened() -> Iterator[Open]:
    """Opens repositories that are closed with the test."""
    found: list[Repository] = []

    def start(source: Path | str) -> Repository:
        found.append(Repository.open(source))
        return found[-1]

    yield start
    for repository in found:
        repository.close()


def _put(path: str, text: str, message: str = "Put") -> Edit:
    return lambda _: ChangeSet(message, {path: text.encode()})


def test_files_are_written_and_nothing_is_committed(registry: Path, opened: Open) -> None:
    head = git(registry, "rev-parse", "HEAD")
    done = publish(opened(registry), MOVE, Destination())
    assert (done.commit, done.branch, done.report.verdict) == (None, None, "pass")
    assert git(registry, "status", "--porcelain") == f" M {ALIAS}"
    assert git(registry, "rev-parse", "HEAD") == head


def test_a_commit_says_what_it_does(registry: Path, opened: Open) -> None:
    done = publish(opened(registry), MOVE, COMMIT)
    assert done.commit == git(registry, "rev-parse", "HEAD")
    assert done.branch == "main"
    assert git(registry, "log", "-1", "--format=%s") == "Move nlp/lang-id@production from 1 to 2"
    assert git(registry, "status", "--porcelain") == ""


def test_nothing_to_do_is_no_commit(registry: Path, opened: Open) -> None:
    head = git(registry, "rev-parse", "HEAD")
    act = set_alias(Reference.parse("nlp/lang-id@1"), "production")
    for destination in (Destination(), COMMIT, Destination(branch="side")):
        done = publish(opened(registry), act, destination)
        assert (done.commit, done.change.puts) == (None, {})
    assert git(registry, "rev-parse", "--all") == head


@pytest.mark.parametrize("destination", [Destination(), COMMIT, Destination(branch="side")])
def test_what_would_not_pass_is_not_written(
    registry: Path, opened: Open, destination: Destination
) -> None:
    before = git(registry, "rev-parse", "--all")
    act = _put(ALIAS, "schema: alias/v1\nmodel: nlp/lang-id\nversion: '9'\n", "Move to 9")
    uploaded: list[int] = []
    with pytest.raises(
        RefusedByCheckError, match="Move to 9: the result would not pass the check"
    ) as caught:
        publish(opened(registry), act, destination, before=lambda: uploaded.append(1))
    assert caught.value.report.verdict == "refuse"
    assert ALIAS in caught.value.remedy
    assert uploaded == []
    assert git(registry, "rev-parse", "--all") == before
    assert git(registry, "status", "--porcelain") == ""


@pytest.mark.parametrize(
    "path", ["models/nlp/lang-id/versions/1/../../../../../../evil.yaml", "../evil", ".git/config"]
)
def test_paths_that_lead_out_are_not_written(
    registry: Path, opened: Open, path: str, tmp_path: Path
) -> None:
    config = (registry / ".git/config").read_bytes()
    with pytest.raises((RefusedError, OperationalError)):
        publish(opened(registry), _put(path, "x"), Destination())
    assert not list(tmp_path.rglob("evil*"))
    assert (registry / ".git/config").read_bytes() == config


def test_a_branch_is_started_at_head_and_then_followed(registry: Path, opened: Open) -> None:
    head = git(registry, "rev-parse", "HEAD")
    first = publish(opened(registry), MOVE, Destination(branch="promote/x"))
    assert git(registry, "rev-parse", "promote/x^") == head
    act = set_alias(Reference.parse("nlp/lang-id@production"), "champion")
    second = publish(opened(registry), act, Destination(branch="promote/x"))
    assert git(registry, "rev-parse", "promote/x", "promote/x^").split() == [
        second.commit,
        first.commit,
    ]
    assert 'version: "2"' in git(
        registry, "show", "promote/x:models/nlp/lang-id/aliases/champion.yaml"
    )
    assert git(registry, "rev-parse", "main") == head
    assert git(registry, "status", "--porcelain") == ""


def test_a_bare_repository_takes_commits(registry: Path, opened: Open, tmp_path: Path) -> None:
    git(tmp_path, "clone", "--quiet", "--bare", str(registry), "bare")
    with pytest.raises(OperationalError, match="has no work tree"):
        publish(opened(tmp_path / "bare"), MOVE, Destination())
    done = publish(opened(tmp_path / "bare"), MOVE, COMMIT)
    assert git(tmp_path / "bare", "rev-parse", "main") == done.commit


@pytest.mark.parametrize(
    "branch", ["a b", "-x", "a..b", "HEAD", "", "a\n", "x" * 300, "a.lock", "\udc80"]
)
def test_what_is_no_name_for_a_branch(registry: Path, opened: Open, branch: str) -> None:
    with pytest.raises(UsageError, match="is not a valid branch name"):
        publish(opened(registry), MOVE, Destination(branch=branch))


def test_a_detached_head_needs_a_branch(registry: Path, opened: Open) -> None:
    git(registry, "switch", "--quiet", "--detach")
    with pytest.raises(GitError, match="HEAD is detached"):
        publish(opened(registry), MOVE, COMMIT)
    assert publish(opened(registry), MOVE, Destination(branch="side")).branch == "side"


def test_a_branch_that_is_checked_out_elsewhere_does_not_move(
    registry: Path, opened: Open, tmp_path: Path
) -> None:
    git(registry, "worktree", "add", "--quiet", "-b", "side", str(tmp_path / "linked"))
    with pytest.raises(ConflictError, match="side is checked out in"):
        publish(opened(registry), MOVE, Destination(branch="side"))
    publish(opened(tmp_path / "linked"), MOVE, COMMIT)
    assert git(tmp_path / "linked", "status", "--porcelain") == ""


def test_uncommitted_work_is_not_overwritten(registry: Path, opened: Open) -> None:
    write_files(registry, {ALIAS: "mine\n"})
    uploaded: list[int] = []
    with pytest.raises(DirtyFilesError):
        publish(opened(registry), MOVE, COMMIT, before=lambda: uploaded.append(1))
    assert (registry / ALIAS).read_bytes() == b"mine\n"
    assert uploaded == []


def test_uncommitted_work_is_built_on_when_files_are_written(registry: Path, opened: Open) -> None:
    publish(opened(registry), MOVE, Destination())
    act = set_alias(Reference.parse("nlp/lang-id@production"), "champion")
    done = publish(opened(registry), act, Destination())
    assert done.change.message == "Set nlp/lang-id@champion to 2"


def test_when_somebody_was_first_the_act_is_made_again(registry: Path, opened: Open) -> None:
    made: list[str] = []

    def act(catalog: Catalog) -> ChangeSet:
        made.append(str(catalog.tree.read("note") or b""))
        if len(made) == 1:
            write_files(registry, {"note": "theirs\n"})
            commit(registry, "Theirs")
        return MOVE(catalog)

    done = publish(opened(registry), act, COMMIT)
    assert len(made) == 2
    assert "theirs" in made[1]
    log = git(registry, "log", "-2", "--format=%s").split("\n")
    assert log == ["Move nlp/lang-id@production from 1 to 2", "Theirs"]
    assert done.commit == git(registry, "rev-parse", "HEAD")


def test_a_branch_that_keeps_moving_is_given_up(registry: Path, opened: Open) -> None:
    def act(catalog: Catalog) -> ChangeSet:
        git(registry, "commit", "--quiet", "--allow-empty", "-m", "Theirs")
        return MOVE(catalog)

    with pytest.raises(StaleBaseError, match="main moved"):
        publish(opened(registry), act, COMMIT)
    assert git(registry, "log", "-1", "--format=%s") == "Theirs"


def test_what_the_newer_base_does_not_allow_is_refused(registry: Path, opened: Open) -> None:
    asked: list[int] = []

    def act(catalog: Catalog) -> ChangeSet:
        asked.append(1)
        if len(asked) == 1:
            git(registry, "rm", "-r", "--quiet", "models/nlp/lang-id/versions/2")
            commit(registry, "Remove 2")
        return MOVE(catalog)

    with pytest.raises(NotFoundError):
        publish(opened(registry), act, COMMIT)


def test_bytes_travel_after_the_check_and_once(registry: Path, opened: Open) -> None:
    order: list[str] = []

    def act(catalog: Catalog) -> ChangeSet:
        order.append("act")
        return MOVE(catalog)

    publish(opened(registry), act, COMMIT, before=lambda: order.append("upload"))
    assert order == ["act", "upload"]


def _made(order: list[str]) -> Edit:
    def edit(catalog: Catalog) -> ChangeSet:
        order.append("edit")
        return MOVE(catalog)

    return edit


def test_a_branch_that_moves_during_the_upload_is_checked_again(
    registry: Path, opened: Open
) -> None:
    order: list[str] = []

    def upload() -> None:
        order.append("upload")
        write_files(registry, {"note": "theirs\n"})
        commit(registry, "Theirs")

    done = publish(opened(registry), _made(order), COMMIT, before=upload)
    assert order == ["edit", "upload", "edit"]
    assert git(registry, "log", "-2", "--format=%s").split("\n")[1] == "Theirs"
    assert git(registry, "show", f"{done.commit}:note") == "theirs"


def test_a_published_branch_that_moves_during_the_upload_is_checked_again(
    registry: Path, opened: Open
) -> None:
    """The check compares with the published state, so a fetch in between makes it anew."""
    git(registry, "switch", "--quiet", "-c", "work")
    order: list[str] = []

    def upload() -> None:
        order.append("upload")
        git(registry, "commit", "--quiet", "--allow-empty", "-m", "Ours")
        git(registry, "branch", "--quiet", "--force", "main", "HEAD")
        git(registry, "reset", "--quiet", "--soft", "HEAD~1")

    publish(opened(registry), _made(order), COMMIT, before=upload)
    assert order[:2] == ["edit", "upload"]


def test_a_state_that_was_read_before_is_used_while_its_branch_stands(
    registry: Path, opened: Open
) -> None:
    repository = opened(registry)
    base, seen = read_base(repository, COMMIT), []

    def edit(catalog: Catalog) -> ChangeSet:
        seen.append(catalog)
        return MOVE(catalog)

    publish(repository, edit, COMMIT, base=base)
    assert seen == [base.catalog]
    back = set_alias(Reference.parse("nlp/lang-id@1"), "production")
    done = publish(repository, back, COMMIT, base=base)
    assert done.change.puts  # on the new tip, where the alias is at 2


@pytest.mark.parametrize("signed", [False, True])
def test_author_and_committer_per_call(registry: Path, opened: Open, *, signed: bool) -> None:
    if signed:  # Git's own program writes the commit: an encoding is enough for that
        git(registry, "config", "i18n.commitEncoding", "UTF-8")
    destination = Destination(
        commit=True,
        message="In their name",
        author=Person("Ada Lovelace", "ada@example.org"),
        committer=Person.parse("Robot <robot@example.org>"),
    )
    publish(opened(registry), MOVE, destination)
    assert git(registry, "log", "-1", "--format=%an|%ae|%cn|%ce|%s") == (
        "Ada Lovelace|ada@example.org|Robot|robot@example.org|In their name"
    )


@pytest.mark.parametrize(
    "text", ["", "Ada", "Ada <a@b> <c@d>", "<a@b>", "Ada <>", "Ada\n <a@b>", "A\0 <a@b>", " <a@b>"]
)
def test_who_is_not_a_person(text: str) -> None:
    with pytest.raises(UsageError, match="is not a person that Git can record"):
        Person.parse(text)


def test_an_upload_that_fails_writes_nothing(registry: Path, opened: Open) -> None:
    def fail() -> None:
        raise OperationalError("the remote is away")

    for destination in (Destination(), COMMIT):
        with pytest.raises(OperationalError, match="the remote is away"):
            publish(opened(registry), MOVE, destination, before=fail)
    assert git(registry, "status", "--porcelain") == ""
    assert git(registry, "rev-list", "--count", "HEAD") == "1"


def test_a_file_that_cannot_be_written_puts_the_others_back(registry: Path, opened: Open) -> None:
    (registry / "models/nlp/lang-id/tags/zz.yaml").mkdir()
    text = "schema: tag/v1\nmodel: nlp/lang-id\nversion: '1'\n"

    def act(_: Catalog) -> ChangeSet:
        puts = {f"models/nlp/lang-id/tags/{name}.yaml": text.encode() for name in ("aa", "zz")}
        return ChangeSet("Two tags", puts)

    with pytest.raises((OperationalError, RefusedError)):
        publish(opened(registry), act, Destination())
    assert git(registry, "status", "--porcelain") == ""


def test_two_commands_do_not_write_at_once(registry: Path, opened: Open) -> None:
    """The second waits for the first, says so, and builds on what it made."""
    at_work, go_on = threading.Event(), threading.Event()
    told: list[str] = []
    made: list[str] = []

    def slow(catalog: Catalog) -> ChangeSet:
        at_work.set()
        go_on.wait()
        made.append("first")
        return MOVE(catalog)

    def quick(catalog: Catalog) -> ChangeSet:
        made.append("second")
        return set_alias(Reference.parse("nlp/lang-id@production"), "champion")(catalog)

    def tell(words: str) -> None:
        told.append(words)
        go_on.set()

    first = threading.Thread(target=publish, args=(opened(registry), slow, COMMIT))
    first.start()
    at_work.wait()
    second = publish(opened(registry), quick, COMMIT, notify=tell)
    first.join()
    assert made == ["first", "second"]
    assert second.change.message == "Set nlp/lang-id@champion to 2"
    assert len(told) == 1
    assert told[0].startswith("waiting for another registry command (pid ")
    assert git(registry, "status", "--porcelain") == ""


@pytest.mark.parametrize("destination", [Destination(), COMMIT])
def test_what_a_killed_command_left_is_finished_first(
    registry: Path, opened: Open, destination: Destination
) -> None:
    repository = opened(registry)
    text = b"schema: tag/v1\nmodel: nlp/lang-id\nversion: '2'\n"
    tags = {f"models/nlp/lang-id/tags/{name}.yaml": text for name in ("one", "two")}
    steps = plan_steps(registry, tags, frozenset())
    write_journal(repository.git, Journal("Tag 2 twice", steps))
    write_files(registry, {"models/nlp/lang-id/tags/one.yaml": text})
    told: list[str] = []
    with pytest.raises(OperationalError, match=r"was interrupted in .*: Tag 2 twice"):
        repository.work()
    catalog = read_base(repository, destination, notify=told.append).catalog
    assert told == ["completed an interrupted command: Tag 2 twice"]
    assert (catalog.tree.entry("models/nlp/lang-id/tags/two.yaml") is None) == destination.commits
    publish(repository, MOVE, destination, notify=told.append)
    assert len(told) == 1
    assert (registry / "models/nlp/lang-id/tags/two.yaml").read_bytes() == text


def test_a_commit_waits_for_git_and_then_says_who_is_in_the_way(
    registry: Path, opened: Open
) -> None:
    lock = registry / ".git/index.lock"
    lock.write_bytes(b"")
    threading.Timer(1.5, lock.unlink).start()
    told: list[str] = []
    done = publish(opened(registry), MOVE, COMMIT, notify=told.append)
    assert told == ["waiting for another git process that is using the index …"]
    assert done.commit == git(registry, "rev-parse", "HEAD")


def test_a_lock_that_cannot_be_made_is_trouble_of_the_environment(
    registry: Path, opened: Open
) -> None:
    (registry / ".git/registry-tool.lock").mkdir()
    with pytest.raises(OperationalError, match="cannot be written"):
        publish(opened(registry), MOVE, COMMIT)


def test_no_registry_at_the_destination(make_registry: MakeRegistry, opened: Open) -> None:
    folder = make_registry({"README.md": "x\n"})
    write_files(folder, small_registry())
    with pytest.raises(NotARegistryError, match=r"branch main has no registry\.yaml"):
        publish(opened(folder), _put("note", "x"), COMMIT)
    publish(opened(folder), MOVE, Destination())


def test_pushing(registry: Path, opened: Open, tmp_path: Path) -> None:
    with pytest.raises(GitError, match="Git remote origin does not exist"):
        publish(opened(registry), MOVE, Destination(push=True))
    assert git(registry, "rev-list", "--count", "HEAD") == "1"
    git(tmp_path, "clone", "--quiet", "--bare", str(registry), "server")
    git(registry, "remote", "add", "origin", str(tmp_path / "server"))
    done = publish(opened(registry), MOVE, Destination(push=True))
    assert git(tmp_path / "server", "rev-parse", "main") == done.commit


@pytest.mark.parametrize("bare", [False, True])
def test_who_pushes_second_makes_the_act_again(
    registry: Path, opened: Open, tmp_path: Path, *, bare: bool
) -> None:
    git(tmp_path, "clone", "--quiet", "--bare", str(registry), "server")
    for name in ("first", "second"):
        options = ("--bare",) if bare and name == "second" else ()
        git(tmp_path, "clone", "--quiet", *options, str(tmp_path / "server"), name)
    second = opened(tmp_path / "second")
    push = Destination(push=True)
    publish(opened(tmp_path / "first"), MOVE, push)
    act = set_alias(Reference.parse("nlp/lang-id@production"), "champion")
    done = publish(second, act, push)
    assert done.change.message == "Set nlp/lang-id@champion to 2"
    assert git(tmp_path / "server", "rev-parse", "main") == done.commit
    assert git(tmp_path / "server", "log", "--format=%s", "main").split("\n")[:2] == [
        "Set nlp/lang-id@champion to 2", "Move nlp/lang-id@production from 1 to 2",
    ]  # fmt: skip


@pytest.fixture
def clones(registry: Path, tmp_path: Path) -> tuple[Path, Path]:
    """Two clones of one server."""
    git(tmp_path, "clone", "--quiet", "--bare", str(registry), "server")
    for name in ("first", "second"):
        git(tmp_path, "clone", "--quiet", str(tmp_path / "server"), name)
    return tmp_path / "first", tmp_path / "second"


def test_what_is_refused_on_what_won_is_not_committed(
    clones: tuple[Path, Path], opened: Open
) -> None:
    first, second = clones
    withdrawn = set_state(Reference.parse("nlp/lang-id@2"), "withdrawn", reason="It is wrong.")
    theirs = publish(opened(first), withdrawn, Destination(push=True))
    with pytest.raises(RegistryError, match="withdrawn"):
        publish(opened(second), MOVE, Destination(push=True))
    assert git(second, "rev-parse", "main", "origin/main").split() == [theirs.commit] * 2
    assert git(second, "status", "--porcelain") == ""


def test_of_two_changes_of_one_file_the_later_stays_here(
    clones: tuple[Path, Path], opened: Open
) -> None:
    first, second = clones
    theirs = publish(
        opened(first), add_tag(Reference.parse("nlp/lang-id@2"), "best"), Destination(push=True)
    )
    with pytest.raises(LostRaceError, match="refused main"):
        publish(
            opened(second),
            add_tag(Reference.parse("nlp/lang-id@1"), "best"),
            Destination(push=True),
        )
    assert git(second, "rev-parse", "origin/main") == theirs.commit
    assert git(second, "log", "-1", "--format=%s") == "Tag nlp/lang-id@1 as best"
    assert git(second, "status", "--porcelain") == ""


def test_what_an_act_is_made_on(registry: Path, opened: Open) -> None:
    write_files(registry, {"note": "dirty\n"})
    repository = opened(registry)
    assert read_base(repository, Destination()).catalog.tree.read("note") == b"dirty\n"
    assert read_base(repository, COMMIT).catalog.tree.read("note") is None
    assert Destination(branch="x").commits
    assert Destination(push=True).commits


# --- what is known of the past is not asked of it again


def _notes(git_dir: Path) -> dict[str, list[str]]:
    """For each commit the names that are gone there, as a note in the repository says."""
    note = (git_dir / "registry-tool" / "vanished.json").read_text(encoding="utf-8")
    text = note.partition("\n")[2]
    found: dict[str, dict[str, list[str]]] = json.loads(text)
    return found["models"] if "models" in found else next(iter(found.values()))


def test_a_commit_carries_on_what_is_known_of_the_past(
    registry: Path, tmp_path: Path, opened: Open
) -> None:
    git(tmp_path, "clone", "--quiet", "--bare", str(registry), "bare.git")
    bare = opened(tmp_path / "bare.git")
    made = [
        publish(bare, add_tag(Reference.parse("nlp/lang-id@2"), f"tag-{n}"), COMMIT).commit
        for n in range(3)
    ]
    assert set(made) <= _notes(tmp_path / "bare.git").keys()


def test_what_is_not_pushed_does_not_crowd_out_what_is_known_of_the_published(
    registry: Path, tmp_path: Path, opened: Open
) -> None:
    git(tmp_path, "clone", "--quiet", str(registry), "clone")
    clone, main = opened(tmp_path / "clone"), git(registry, "rev-parse", "HEAD")
    for number in range(20):
        publish(clone, add_tag(Reference.parse("nlp/lang-id@2"), f"tag-{number}"), COMMIT)
    assert main in _notes(tmp_path / "clone" / ".git")
