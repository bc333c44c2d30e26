"""The git program: found repositories, a clean environment, and one process that reads objects."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from support import git, new_repository, run_git, write_files

from registry_tool.errors import GitError, UsageError
from registry_tool.git.command import Git, GitCommandError, find_repository, receiving_repository
from registry_tool.git.commit_tree import parse_tree_object
from registry_tool.git.environment import FIXED, clean_environment
from registry_tool.git.objects.reader import BlobReader

Opened = Callable[[Path], Git]
ReaderOf = Callable[[Git], BlobReader]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    return new_repository(tmp_path / "r", {"a": "1\n", "b/c": "2\n", "big": b"x" * 3_000_000})


@pytest.fixture
def other(tmp_path: Path) -> Path:
    return new_repository(tmp_path / "other", {"a": "wrong\n"})


def _mislead(monkeypatch: pytest.MonkeyPatch, other: Path) -> None:
    """What Git sets around a hook of another repository."""
    for name, value in {
        "GIT_DIR": other / ".git", "GIT_WORK_TREE": other, "GIT_INDEX_FILE": other / ".git/index",
        "GIT_OBJECT_DIRECTORY": other / ".git/objects", "GIT_PREFIX": "sub/",
        "GIT_COMMON_DIR": other / ".git", "GIT_NAMESPACE_UNRELATED": "kept",
        "GIT_CONFIG_PARAMETERS": "'core.bare'='true'",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, str(value))


def test_variables_of_another_repository_do_not_mislead(
    checkout: Path,
    other: Path,
    opened: Opened,
    reader_of: ReaderOf,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    head = git(checkout, "rev-parse", "HEAD")
    _mislead(monkeypatch, other)
    repository = opened(checkout)
    assert repository.head() == head
    assert repository.run("status", "--porcelain") == b""
    found = reader_of(repository).read("HEAD:a")
    assert found is not None
    assert found[2] == b"1\n"


def test_the_environment_is_cleaned_of_what_is_local_and_keeps_the_rest(
    other: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _mislead(monkeypatch, other)
    env = clean_environment({"EXTRA": "1"})
    assert {name for name in env if name.startswith("GIT_")} & {
        "GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_PREFIX",
        "GIT_COMMON_DIR", "GIT_CONFIG_PARAMETERS",
    } == set()  # fmt: skip
    assert env["GIT_NAMESPACE_UNRELATED"] == "kept"
    assert env["EXTRA"] == "1"
    assert env["PATH"] == os.environ["PATH"]


def test_every_variable_git_calls_local_is_cleaned(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = git(checkout, "rev-parse", "--local-env-vars").split()
    for name in names:
        monkeypatch.setenv(name, "x")
    env = clean_environment()
    # Ours, whatever they were.
    assert env.pop("GIT_NO_REPLACE_OBJECTS") == "1"
    assert env.pop("GIT_CONFIG_COUNT") == str(len(FIXED))
    assert not Path(env.pop("GIT_GRAFT_FILE")).exists()
    assert [name for name in names if name in env] == []


def test_transports_that_run_commands_are_off(
    checkout: Path, opened: Opened, tmp_path: Path
) -> None:
    git(checkout, "config", "protocol.ext.allow", "always")
    for url in (f"ext::touch {tmp_path}/ran", f"ext::sh -c 'touch {tmp_path}/ran'"):
        with pytest.raises(GitCommandError, match="transport 'ext' not allowed"):
            opened(checkout).run("fetch", url)
    assert not (tmp_path / "ran").exists()


def test_a_repository_cannot_name_a_program_to_run_on_reads(
    checkout: Path, opened: Opened, tmp_path: Path
) -> None:
    git(checkout, "config", "core.fsmonitor", f"touch {tmp_path}/ran; false")
    opened(checkout).run("status", "--porcelain")
    assert not (tmp_path / "ran").exists()


def test_a_failed_command_keeps_what_git_said(checkout: Path, opened: Opened) -> None:
    with pytest.raises(GitCommandError, match="git cat-file failed: fatal: ") as caught:
        opened(checkout).run("cat-file", "-p", "nothing")
    assert caught.value.status == 128
    assert "nothing" in caught.value.words


def test_configuration_as_git_reads_it(checkout: Path, opened: Opened) -> None:
    repository = opened(checkout)
    for value, said in {"true": True, "yes": True, "1": True, "off": False, "odd": False}.items():
        git(checkout, "config", "test.flag", value)
        assert repository.flag("test.flag") is said
    assert repository.flag("test.nothing") is False
    assert repository.config("test.nothing") is None
    assert repository.config("test.flag") == "odd"


def test_head_and_branch(checkout: Path, opened: Opened, tmp_path: Path) -> None:
    repository = opened(checkout)
    assert repository.branch() == "refs/heads/main"
    git(checkout, "switch", "--quiet", "--detach")
    assert repository.branch() is None
    git(tmp_path, "init", "--quiet", "--initial-branch=trunk", "empty")
    empty = opened(tmp_path / "empty")
    assert (empty.head(), empty.branch()) == (None, "refs/heads/trunk")


def test_a_repository_is_found_from_inside(checkout: Path, tmp_path: Path) -> None:
    bare, linked = tmp_path / "bare.git", tmp_path / "linked"
    git(checkout, "clone", "--quiet", "--bare", ".", str(bare))
    git(checkout, "worktree", "add", "--quiet", str(linked))
    found = {
        start: find_repository(start)
        for start in (checkout, checkout / "b", bare, bare / "refs/heads", linked / "b", tmp_path)
    }
    places = {start: repository and repository.place for start, repository in found.items()}
    assert places == {
        checkout: checkout, checkout / "b": checkout, bare: bare, bare / "refs/heads": bare,
        linked / "b": linked, tmp_path: None,
    }  # fmt: skip


def test_a_file_named_dot_git_that_is_no_link_is_no_repository(tmp_path: Path) -> None:
    write_files(tmp_path, {"x/.git": "nonsense\n"})
    assert find_repository(tmp_path / "x") is None


def test_objects_by_id_and_by_path(checkout: Path, opened: Opened, reader_of: ReaderOf) -> None:
    reader = reader_of(opened(checkout))
    oid = git(checkout, "rev-parse", "HEAD:b/c")
    assert reader.read("HEAD:b/c") == reader.read(oid) == (oid, "blob", b"2\n")
    found = reader.read("HEAD:b")
    assert found is not None
    assert list(parse_tree_object(found[2], 20)) == ["c"]
    for name in ("HEAD:nothing", "nothing", "0" * 40, "", "HEAD:a\nHEAD:b/c", "HEAD:a\r"):
        assert reader.read(name) is None
    assert reader.read("HEAD:a") is not None  # and the stream is still in step


def test_a_limit_passes_over_the_rest(checkout: Path, opened: Opened, reader_of: ReaderOf) -> None:
    reader = reader_of(opened(checkout))
    for limit in (0, 10, 2_999_999, 3_000_000, 9_000_000):
        found = reader.read("HEAD:big", limit=limit)
        assert found is not None
        assert len(found[2]) == min(3_000_000, limit + 1)
        assert reader.read("HEAD:a") is not None


def test_many_threads_share_one_reader(tmp_path: Path, opened: Opened, reader_of: ReaderOf) -> None:
    files = {f"f{n}": f"{n}" * (n * 97 % 5000) for n in range(60)}
    reader = reader_of(opened(new_repository(tmp_path / "many", files)))

    def check(number: int) -> bool:
        found = reader.read(f"HEAD:f{number % 60}", limit=number % 7 * 1000 or None)
        limit = number % 7 * 1000
        expected = files[f"f{number % 60}"].encode()
        return found is not None and found[2] == (expected[: limit + 1] if limit else expected)

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(check, range(600)))


def test_a_reader_goes_on_after_its_process_died(
    checkout: Path, opened: Opened, reader_of: ReaderOf
) -> None:
    reader = reader_of(opened(checkout))
    assert reader.read("HEAD:a") is not None
    process = reader._process
    assert process is not None
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    found = reader.read("HEAD:a")
    assert found is not None
    assert found[2] == b"1\n"


def test_a_process_that_dies_while_it_answers_is_trouble_and_then_forgotten(
    checkout: Path, opened: Opened, reader_of: ReaderOf
) -> None:
    reader = reader_of(opened(checkout))
    assert reader.read("HEAD:a") is not None
    process = reader._process
    assert process is not None
    assert process.stdout is not None
    process.stdout.close()
    with pytest.raises(GitError, match="HEAD:a"):
        reader.read("HEAD:a")
    assert reader.read("HEAD:a") is not None


def test_closing_is_no_end(checkout: Path, opened: Opened, reader_of: ReaderOf) -> None:
    reader = reader_of(opened(checkout))
    reader.close()
    assert reader.read("HEAD:a") is not None
    reader.close()
    reader.close()
    assert reader.read("HEAD:a") is not None


@pytest.fixture
def quarantine(tmp_path: Path, other: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, str]:
    """A bare repository as its hook sees it, and the id of an object that is pushed and not yet accepted."""
    bare = tmp_path / "server.git"
    git(tmp_path, "init", "-q", "--bare", str(bare))
    incoming = bare / "objects/tmp_objdir-incoming"
    incoming.mkdir()
    variables = {
        "GIT_DIR": str(bare),
        "GIT_OBJECT_DIRECTORY": str(incoming),
        "GIT_ALTERNATE_OBJECT_DIRECTORIES": str(bare / "objects"),
        "GIT_QUARANTINE_PATH": str(incoming),
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    # The tests' own git runs in that environment too, as a program that a hook starts does.
    return bare, run_git(bare, "hash-object", "-w", "--stdin", stdin=b"pushed\n").decode().strip()


def test_the_repository_that_is_pushed_to_sees_what_is_pushed(
    quarantine: tuple[Path, str], reader_of: ReaderOf
) -> None:
    bare, oid = quarantine
    receiving = receiving_repository()
    assert receiving.git_dir == bare
    assert receiving.run("cat-file", "blob", oid) == b"pushed\n"
    found = reader_of(receiving).read(oid)
    assert found is not None
    assert found[2] == b"pushed\n"


def test_every_other_repository_sees_nothing_of_it(
    quarantine: tuple[Path, str], opened: Opened, other: Path
) -> None:
    bare, oid = quarantine
    receiving_repository()
    for repository in (Git(bare), opened(other)):
        with pytest.raises(GitCommandError):
            repository.run("cat-file", "-e", oid)
    assert [name for name in clean_environment() if "OBJECT_DIR" in name] == []
    # Git moves no ref, in whatever repository, while this one is set.
    assert "GIT_QUARANTINE_PATH" not in clean_environment()
    opened(other).run("update-ref", "refs/heads/moved", "HEAD")
    with pytest.raises(GitCommandError, match="quarantine"):
        receiving_repository().run("update-ref", "refs/heads/moved", oid)


def test_object_folders_of_a_stranger_are_no_quarantine(
    quarantine: tuple[Path, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, oid = quarantine
    monkeypatch.delenv("GIT_QUARANTINE_PATH")
    with pytest.raises(GitCommandError):
        receiving_repository().run("cat-file", "-e", oid)
    monkeypatch.delenv("GIT_DIR")
    with pytest.raises(UsageError, match="only Git may run this"):
        receiving_repository()


def test_replacements_are_not_seen(checkout: Path, opened: Opened, reader_of: ReaderOf) -> None:
    blob = git(checkout, "rev-parse", "HEAD:a")
    fake = run_git(checkout, "hash-object", "-w", "--stdin", stdin=b"fake\n").decode().strip()
    git(checkout, "replace", blob, fake)
    assert git(checkout, "cat-file", "blob", blob) == "fake"
    assert opened(checkout).run("cat-file", "blob", blob) == b"1\n"
    found = reader_of(opened(checkout)).read("HEAD:a")
    assert found is not None
    assert found[2] == b"1\n"
