"""What a killed command left, finished by the next one: every state it can be found in."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from support import commit, git, new_repository, run_git, without, write_files

from registry_tool.errors import GitError, OperationalError
from registry_tool.git.command import Git
from registry_tool.git.commit import Target, commit_change
from registry_tool.git.commit_tree import CommitTree
from registry_tool.git.objects.reader import BlobReader
from registry_tool.git.transaction.index import lock_index
from registry_tool.git.transaction.journal import (
    Journal,
    check_not_interrupted,
    describe_interrupted,
    lock_file,
    plan_steps,
    staging_folder,
    write_journal,
)
from registry_tool.git.transaction.lock import acquire
from registry_tool.git.transaction.pending import is_pending, journal_file
from registry_tool.git.transaction.recovery import exclusive, recover_pending
from registry_tool.git.tree import DictTree

FILES = {"a": "1\n", "b/c": "1\n", "other": "1\n", "moved": "1\n"}
PUTS = {"a": b"2\n", "new/deep/file": b"3\n", "moved/in": b"4\n"}
DELETES = frozenset({"b/c", "moved"})
WHAT = "Add nlp/lang-id@3"

Opened = Callable[[Path], Git]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return new_repository(tmp_path / "r", FILES)


@pytest.fixture
def checkout(root: Path, opened: Opened) -> Git:
    return opened(root)


@pytest.fixture
def written(reader_of: Callable[[Git], BlobReader]) -> Callable[..., str]:
    """Brings a checkout to where a command that commits is killed before the branch moves; the commit's id."""

    def write(
        repository: Git,
        puts: Mapping[str, bytes] = PUTS,
        deletes: frozenset[str] = DELETES,
    ) -> str:
        root = repository.place
        tip, ref = git(root, "rev-parse", "HEAD"), git(root, "symbolic-ref", "HEAD")
        base = CommitTree(repository, tip, reader_of(repository))
        aside = Target("refs/heads/aside", None, tip, checked_out=False)
        made = commit_change(repository, aside, base, puts=puts, deletes=deletes, message=WHAT)
        git(root, "update-ref", "-d", "refs/heads/aside")
        steps = tuple(
            step._replace(
                old_blob=_blob(root, f"{tip}:{step.path}"),
                new_blob="" if step.data is None else _blob(root, f"{made}:{step.path}"),
            )
            for step in plan_steps(root, puts, deletes)
        )
        write_journal(repository, Journal(WHAT, steps, made, ref, tip))
        _age(repository)
        return made

    return write


Written = Callable[..., str]


def _blob(root: Path, name: str) -> str:
    try:
        return git(root, "rev-parse", "--verify", "--quiet", name)
    except AssertionError:
        return ""


def _age(repository: Git) -> None:
    """As if the command had been killed a minute ago: what outlived it has ended."""
    past = journal_file(repository).stat().st_mtime - 60
    os.utime(journal_file(repository), (past, past))


def _recover(repository: Git) -> list[str]:
    told: list[str] = []
    with exclusive(repository, notify=told.append):
        pass
    assert not is_pending(repository)
    assert not describe_interrupted(repository)
    assert list(staging_folder(repository).glob("*")) == []
    return told


def _move(root: Path, made: str) -> None:
    git(root, "update-ref", "HEAD", made)


FINISHED = [f"completed an interrupted command: {WHAT}"]


# --- a commit -----------------------------------------------------------------------------------------------------


def test_before_the_branch_moved_nothing_is_done(
    root: Path, checkout: Git, written: Written
) -> None:
    before = git(root, "rev-parse", "HEAD")
    written(checkout)
    assert describe_interrupted(checkout) == ""
    assert _recover(checkout) == []
    assert git(root, "rev-parse", "HEAD") == before
    assert git(root, "status", "--porcelain") == ""


def _place(root: Path, *paths: str) -> None:
    for path in paths:
        if path in DELETES:
            (root / path).unlink()
        else:
            write_files(root, {path: PUTS[path]})


def _nothing(_root: Path, _made: str) -> None:
    return


def _index(root: Path, made: str) -> None:
    git(root, "read-tree", made)


def _index_and_file(root: Path, made: str) -> None:
    git(root, "read-tree", made)
    _place(root, "a")


def _some_files(root: Path, _made: str) -> None:
    _place(root, "a", "new/deep/file", "b/c")


def _everything(root: Path, made: str) -> None:
    git(root, "reset", "--hard", "--quiet", made)


def _torn(root: Path, _made: str) -> None:
    write_files(root, {"a": "", "new/deep/file": ""})


STAGES: dict[str, Callable[[Path, str], None]] = {
    "the branch moved": _nothing,
    "the index is there": _index,
    "one file is there": _index_and_file,
    "files without the index": _some_files,
    "everything is there": _everything,
    "files are empty after a power cut": _torn,
}


@pytest.mark.parametrize("stage", STAGES)
def test_after_the_branch_moved_the_checkout_follows(
    root: Path, checkout: Git, written: Written, stage: str
) -> None:
    made = written(checkout)
    _move(root, made)
    STAGES[stage](root, made)
    done = stage == "everything is there"
    assert describe_interrupted(checkout) == ("" if done else WHAT)
    assert _recover(checkout) == ([] if done else FINISHED)
    assert git(root, "rev-parse", "HEAD") == made
    assert git(root, "status", "--porcelain") == ""
    assert {p: (root / p).read_bytes() for p in PUTS} == PUTS
    assert not (root / "b").exists()


def test_what_a_person_changed_meanwhile_is_left_alone_and_named(
    root: Path, checkout: Git, written: Written
) -> None:
    made = written(checkout)
    _move(root, made)
    write_files(root, {"a": "mine\n", "other": "mine too\n"})
    assert _recover(checkout) == [
        *FINISHED, "changed since a command was interrupted, left unchanged: a",
    ]  # fmt: skip
    assert (root / "a").read_bytes() == b"mine\n"
    assert git(root, "status", "--porcelain").split("\n") == [" M a", " M other"]


def test_what_a_person_staged_meanwhile_is_left_alone_and_named(
    root: Path, checkout: Git, written: Written
) -> None:
    made = written(checkout)
    _move(root, made)
    write_files(root, {"a": "staged\n"})
    git(root, "add", "a")
    write_files(root, {"a": "1\n"})
    told = _recover(checkout)
    assert told[1:] == ["changed since a command was interrupted, left unchanged: a"]
    assert git(root, "status", "--porcelain") == "MM a"
    assert git(root, "show", ":a") == "staged"
    assert (root / "a").read_bytes() == b"1\n"


def test_a_folder_in_the_way_is_left_alone_and_named(
    root: Path, checkout: Git, written: Written
) -> None:
    made = written(checkout)
    _move(root, made)
    write_files(root, {"new/deep/file/mine": "x"})
    assert "left unchanged: new/deep/file" in _recover(checkout)[1]
    assert (root / "new/deep/file/mine").read_bytes() == b"x"


@pytest.mark.parametrize("kind", ["hard", "soft", "mixed"])
def test_a_person_who_reset_the_branch_meant_it(
    root: Path, checkout: Git, written: Written, kind: str
) -> None:
    tip = git(root, "rev-parse", "HEAD")
    _move(root, written(checkout))
    git(root, "reset", f"--{kind}", "--quiet", tip)
    before = git(root, "status", "--porcelain")
    assert _recover(checkout) == []
    assert git(root, "rev-parse", "HEAD") == tip
    assert git(root, "status", "--porcelain") == before


def test_a_commit_from_the_old_index_is_said_to_take_it_back(
    root: Path, checkout: Git, written: Written
) -> None:
    made = written(checkout)
    _move(root, made)
    git(root, "commit", "--quiet", "-m", "Mine")
    told = _recover(checkout)
    assert told == [f"an interrupted command had committed {made[:12]} ({WHAT}), and a later commit undid it"]  # fmt: skip
    assert git(root, "status", "--porcelain") == ""


def test_a_commit_on_top_changes_nothing(root: Path, checkout: Git, written: Written) -> None:
    _move(root, written(checkout))
    git(root, "reset", "--hard", "--quiet")
    write_files(root, {"a": "4\n"})
    commit(root, "Mine")
    assert _recover(checkout) == []
    assert git(root, "status", "--porcelain") == ""
    assert (root / "a").read_bytes() == b"4\n"


def test_another_branch_that_was_gone_to_is_left_alone(
    root: Path, checkout: Git, written: Written
) -> None:
    tip = git(root, "rev-parse", "HEAD")
    _move(root, written(checkout))
    git(root, "reset", "--hard", "--quiet")
    git(root, "switch", "--quiet", "-c", "side", tip)
    assert _recover(checkout) == []
    assert git(root, "status", "--porcelain") == ""


@pytest.mark.parametrize("moved", [False, True])
def test_the_first_commit_of_a_repository(tmp_path: Path, opened: Opened, *, moved: bool) -> None:
    root = tmp_path / "first"
    git(tmp_path, "init", "--quiet", "--initial-branch=main", str(root))
    repository = opened(root)
    aside = Target("refs/heads/aside", None, None, checked_out=False)
    made = commit_change(
        repository, aside, DictTree({}), puts={"a": b"2\n"}, deletes=frozenset(), message=WHAT
    )
    git(root, "update-ref", "-d", "refs/heads/aside")
    (step,) = plan_steps(root, {"a": b"2\n"}, frozenset())
    blob = _blob(root, f"{made}:a")
    write_journal(
        repository, Journal(WHAT, (step._replace(new_blob=blob),), made, "refs/heads/main")
    )
    _age(repository)
    if moved:
        _move(root, made)
    assert _recover(repository) == (FINISHED if moved else [])
    assert git(root, "status", "--porcelain") == ""
    assert (root / "a").exists() == moved


@pytest.mark.parametrize("kind", ["linked", "sha256"])
def test_other_kinds_of_repository(
    kind: str, tmp_path: Path, root: Path, opened: Opened, written: Written
) -> None:
    if kind == "linked":
        folder = tmp_path / "linked"
        git(root, "worktree", "add", "--quiet", "-b", "side", str(folder))
    else:
        folder = tmp_path / "sha256"
        git(tmp_path, "init", "--quiet", "-b", "main", "--object-format=sha256", str(folder))
        write_files(folder, FILES)
        commit(folder)
    repository = opened(folder)
    _move(folder, written(repository))
    assert not is_pending(opened(root))
    assert _recover(repository) == FINISHED
    assert git(folder, "status", "--porcelain") == git(root, "status", "--porcelain") == ""


@pytest.fixture
def other_disk(tmp_path: Path) -> Iterator[Path]:
    memory = Path("/dev/shm")
    if not memory.is_dir() or memory.stat().st_dev == tmp_path.stat().st_dev:
        without("a second file system at /dev/shm")
    place = memory / f"registry-tool-test-{os.getpid()}"
    yield place
    shutil.rmtree(place, ignore_errors=True)


def test_a_work_tree_on_another_disk(
    root: Path, other_disk: Path, opened: Opened, written: Written
) -> None:
    git(root, "worktree", "add", "--quiet", "-b", "side", str(other_disk))
    repository = opened(other_disk)
    _move(other_disk, written(repository))
    write_files(other_disk, {".a.registry-tool.tmp": "half"})
    assert _recover(repository) == FINISHED
    assert git(other_disk, "status", "--porcelain") == ""
    assert (other_disk / "a").read_bytes() == b"2\n"


# --- locks --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("said", ["the commit", "nothing yet"])
@pytest.mark.parametrize("name", ["refs/heads/main.lock", "HEAD.lock"])
def test_a_lock_on_the_branch_that_a_killed_git_left_is_taken_away(
    *, root: Path, checkout: Git, written: Written, said: str, name: str
) -> None:
    made = written(checkout)
    lock = root / ".git" / name
    lock.write_text(f"{made}\n" if said == "the commit" else "")
    assert _recover(checkout) == []
    assert not lock.exists()


def test_a_lock_of_somebody_else_on_the_branch_stays(
    root: Path, checkout: Git, written: Written
) -> None:
    written(checkout)
    lock = root / ".git/refs/heads/main.lock"
    lock.write_text("f" * 40 + "\n")
    assert _recover(checkout) == []
    assert lock.exists()


def test_our_own_lock_on_the_index_is_taken_away(
    root: Path, checkout: Git, written: Written
) -> None:
    _move(root, written(checkout))
    with lock_index(checkout):
        shutil.copyfile(root / ".git/index.lock", root / ".git/kept")
    shutil.move(root / ".git/kept", root / ".git/index.lock")
    assert _recover(checkout) == FINISHED
    assert not (root / ".git/index.lock").exists()


def test_a_lock_of_git_on_the_index_is_waited_for_and_then_explained(
    root: Path, checkout: Git
) -> None:
    lock = root / ".git/index.lock"
    lock.write_bytes(b"")
    told: list[str] = []
    with (
        pytest.raises(GitError, match="another git process is using") as caught,
        lock_index(checkout, patience=1.2, notify=told.append),
    ):
        pass
    assert caught.value.remedy.endswith(f"if no git command is running: rm {lock}")
    assert told == ["waiting for another git process that is using the index …"]
    assert lock.exists()


def test_git_keeps_away_while_the_index_is_held(root: Path, checkout: Git) -> None:
    write_files(root, {"a": "5\n"})
    with lock_index(checkout), pytest.raises(AssertionError, match=r"index\.lock"):
        git(root, "add", "a")
    git(root, "add", "a")


# --- files without a commit ---------------------------------------------------------------------------------------


def _interrupted(repository: Git) -> None:
    write_journal(repository, Journal(WHAT, plan_steps(repository.place, PUTS, DELETES)))


def test_before_the_first_file_nothing_is_done(root: Path, checkout: Git) -> None:
    _interrupted(checkout)
    (root / "new/deep").mkdir(parents=True)
    assert describe_interrupted(checkout) == ""
    assert _recover(checkout) == []
    assert git(root, "status", "--porcelain") == ""
    assert not (root / "new").exists()


@pytest.mark.parametrize("path", [*PUTS, *sorted(DELETES)])
def test_after_the_first_file_the_others_follow(root: Path, checkout: Git, path: str) -> None:
    _interrupted(checkout)
    if path == "moved/in":
        (root / "moved").unlink()
    _place(root, path)
    assert describe_interrupted(checkout) == WHAT
    assert _recover(checkout) == FINISHED
    assert {p: (root / p).read_bytes() for p in PUTS} == PUTS
    assert not (root / "b").exists()


def test_whoever_put_everything_back_meant_it(root: Path, checkout: Git) -> None:
    _interrupted(checkout)
    _place(root, "a", "new/deep/file")
    git(root, "checkout", "--quiet", "--", ".")
    git(root, "clean", "-fdq")
    assert _recover(checkout) == []
    assert git(root, "status", "--porcelain") == ""


def test_a_file_that_was_edited_meanwhile_is_left_alone(root: Path, checkout: Git) -> None:
    _interrupted(checkout)
    _place(root, "new/deep/file")
    write_files(root, {"a": "mine\n"})
    assert _recover(checkout)[1].endswith("left unchanged: a")
    assert (root / "a").read_bytes() == b"mine\n"
    assert not (root / "b").exists()


def test_what_cannot_be_finished_says_why_and_waits(
    root: Path, checkout: Git, tmp_path: Path
) -> None:
    _interrupted(checkout)
    _place(root, "a")
    (tmp_path / "outside").mkdir()
    (root / "new").symlink_to(tmp_path / "outside")
    for _ in range(2):
        with pytest.raises(OperationalError, match="cannot be completed") as caught:
            recover_pending(checkout)
        assert caught.value.remedy == "move the files that block it, and retry"
    assert list((tmp_path / "outside").iterdir()) == []
    (root / "new").unlink()
    assert _recover(checkout) == FINISHED


# --- the journal --------------------------------------------------------------------------------------------------


def test_a_broken_journal_is_put_aside_and_said(root: Path, checkout: Git) -> None:
    journal_file(checkout).parent.mkdir()
    journal_file(checkout).write_bytes(b"noise")
    assert describe_interrupted(checkout) == ""
    (told,) = _recover(checkout)
    (aside,) = (root / ".git/registry-tool").glob("*.broken")
    assert str(aside) in told
    assert aside.read_bytes() == b"noise"
    assert _recover(checkout) == []


def test_readers_are_told_only_while_nobody_is_at_work(
    root: Path, checkout: Git, written: Written
) -> None:
    check_not_interrupted(checkout)
    _move(root, written(checkout))
    with pytest.raises(OperationalError, match=f"was interrupted in .*: {WHAT}") as caught:
        check_not_interrupted(checkout)
    assert caught.value.remedy.startswith("registry recover")
    with acquire(lock_file(checkout), place="here"):
        check_not_interrupted(checkout)


def test_nothing_of_a_killed_command_stays_in_the_workshop(root: Path, checkout: Git) -> None:
    staging_folder(checkout).mkdir(parents=True)
    names = ["index", "index.lock", "journal", "mark", "77-1.tmp"]
    write_files(staging_folder(checkout), dict.fromkeys(names, ""))
    note = root / ".git/registry-tool/.vanished-x.tmp"
    young = note.with_name(".vanished-y.tmp")
    write_files(root, {str(note): "", str(young): ""})
    os.utime(note, (0, 0))
    assert _recover(checkout) == []
    assert not note.exists()
    assert young.exists()


def test_a_bare_repository_has_nothing_to_finish(
    tmp_path: Path, root: Path, opened: Opened
) -> None:
    git(tmp_path, "clone", "--quiet", "--bare", str(root), "bare")
    with exclusive(opened(tmp_path / "bare")):
        pass
    assert run_git(tmp_path / "bare", "rev-parse", "HEAD")
