"""Clones of remote registries: kept, fetched, and honest about being out of date."""

from __future__ import annotations

import hashlib
import os
import shlex
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from support import commit, git, give_away, new_repository, write_files
from support.git_servers import smart_http
from support.manifests import small_registry

from registry_tool.api.registry import open_registry
from registry_tool.errors import OfflineError, UntrustedRepositoryError, UsageError
from registry_tool.git.remote.clone_cache import is_url, open_clone, shown_url
from registry_tool.git.remote.url import build_settings, stored_url


@pytest.fixture
def origin(tmp_path: Path) -> Path:
    folder = new_repository(
        tmp_path / "origin", {"registry.yaml": "1\n", "deep/in/big": "x" * 1000}
    )
    git(folder, "config", "uploadpack.allowFilter", "true")
    return folder


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def _clones(cache: Path) -> list[Path]:
    return [p for p in cache.iterdir() if p.is_dir()]


def test_a_clone_is_bare_and_without_blobs(origin: Path, cache: Path) -> None:
    clone = open_clone(origin.as_uri(), cache)
    assert clone.note == ""
    assert clone.git.work_tree is None
    assert clone.git.head() == git(origin, "rev-parse", "HEAD")
    missing = git(clone.git.git_dir, "rev-list", "--objects", "--all", "--missing=print")
    assert f"?{git(origin, 'rev-parse', 'HEAD:deep/in/big')}" in missing


def test_a_server_that_filters_but_gives_no_single_blob_is_cloned_whole(
    origin: Path, cache: Path, home: Path
) -> None:
    # Protocol 0 knows only the tips of branches; servers over SSH fall back to it.
    git(origin, "config", "--file", str(home / ".gitconfig"), "protocol.version", "0")
    clone = open_clone(origin.as_uri(), cache)
    assert git(clone.git.git_dir, "cat-file", "-p", "HEAD:deep/in/big") == "x" * 1000
    missing = git(clone.git.git_dir, "rev-list", "--objects", "--all", "--missing=print")
    assert "?" not in missing


def test_a_clone_is_fetched_and_not_made_again(origin: Path, cache: Path) -> None:
    first = open_clone(origin.as_uri(), cache)
    (first.git.git_dir / "mark").touch()
    write_files(origin, {"registry.yaml": "2\n"})
    moved = commit(origin)
    git(origin, "tag", "v2")
    git(origin, "branch", "side")
    again = open_clone(origin.as_uri(), cache)
    assert again.git.git_dir == first.git.git_dir
    assert (again.git.git_dir / "mark").exists()
    refs = git(again.git.git_dir, "for-each-ref", "--format=%(refname) %(objectname)")
    assert set(refs.split("\n")) == {
        f"refs/{name} {moved}" for name in ("heads/main", "heads/side", "tags/v2")
    }
    git(origin, "branch", "-D", "side")
    open_clone(origin.as_uri(), cache)
    assert "side" not in git(again.git.git_dir, "for-each-ref")
    assert len(_clones(cache)) == 1


def test_history_that_was_rewritten_is_followed(origin: Path, cache: Path) -> None:
    open_clone(origin.as_uri(), cache)
    git(origin, "commit", "--quiet", "--amend", "-m", "Other words")
    again = open_clone(origin.as_uri(), cache)
    assert again.git.head() == git(origin, "rev-parse", "HEAD")


def test_each_url_has_a_clone_of_its_own(origin: Path, cache: Path, tmp_path: Path) -> None:
    other = new_repository(tmp_path / "other", {"x": "1"})
    assert (
        open_clone(origin.as_uri(), cache).git.git_dir
        != open_clone(other.as_uri(), cache).git.git_dir
    )


def test_offline_answers_from_the_clone_and_says_so(origin: Path, cache: Path) -> None:
    old = open_clone(origin.as_uri(), cache).git.head()
    write_files(origin, {"registry.yaml": "2\n"})
    commit(origin)
    clone = open_clone(origin.as_uri(), cache, offline=True)
    assert clone.git.head() == old
    assert "cannot be reached; using the clone last fetched 20" in clone.note


def test_a_remote_that_went_away_is_a_note(origin: Path, cache: Path, tmp_path: Path) -> None:
    url = origin.as_uri()
    open_clone(url, cache)
    origin.rename(tmp_path / "moved")
    clone = open_clone(url, cache)
    assert "cannot be reached" in clone.note
    (tmp_path / "moved").rename(origin)
    assert open_clone(url, cache).note == ""


def test_offline_without_a_clone_is_an_error(origin: Path, cache: Path) -> None:
    with pytest.raises(OfflineError, match="there is no cached clone of file://") as caught:
        open_clone(origin.as_uri(), cache, offline=True)
    assert caught.value.remedy == "open it once with a network connection"


def test_a_clone_that_cannot_be_made_leaves_nothing_behind(tmp_path: Path, cache: Path) -> None:
    url = (tmp_path / "nothing").as_uri()
    with pytest.raises(OfflineError, match="nothing cannot be cloned: fatal: "):
        open_clone(url, cache)
    assert _clones(cache) == []


@pytest.mark.parametrize(
    "url",
    [
        "ext::sh -c 'touch RAN'", "ext::touch RAN", "fd::17", "-oProxyCommand=touch@host:RAN",
        "--upload-pack=touch RAN@x:y", "odd://host/path", "ftp://host/path", "-x@host:path",
    ],
)  # fmt: skip
def test_addresses_that_can_run_programs_are_refused(
    url: str, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="is not a supported Git URL"):
        open_clone(url, cache)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "url", ["ssh://-oProxyCommand=touch%20RAN/path", "ssh://-oProxyCommand=x/p"]
)
def test_a_host_that_looks_like_an_option_is_no_option(
    url: str, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(OfflineError, match="strange hostname"):
        open_clone(url, cache)
    assert not (tmp_path / "RAN").exists()


def test_what_is_an_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    urls = (
        "https://host/x.git", "ssh://git@host/x", "file:///x", "git@host:acme/x.git", "host:x", "ext::sh -c x",
    )  # fmt: skip
    assert [url for url in urls if not is_url(url)] == []
    paths = (".", "/a/b", "a/b", "-oProxyCommand=x", "", "a b", "./host:x")
    assert [path for path in paths if is_url(path)] == []
    (tmp_path / "host:x").mkdir()
    assert not is_url("host:x")  # a folder that is there is a folder


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://user:secret@host/x", "https://***@host/x"),
        ("https://secret@host/x", "https://***@host/x"),
        ("https://user:s@cr:et@host/x", "https://***@host/x"),
        ("https://host/x@1", "https://host/x@1"),
        ("ssh://git:secret@host/x", "ssh://git:***@host/x"),
        ("ssh://git:s@cret@host/x", "ssh://git:***@host/x"),
        ("ssh://git@host:22/x", "ssh://git@host:22/x"),
        ("git@host:acme/x.git", "git@host:acme/x.git"),
        ("file:///a/b", "file:///a/b"),
        ("https://host/x.git?access_token=secret", "https://host/x.git?***"),
        ("https://secret@host/x.git?private_token=secret", "https://***@host/x.git?***"),
        ("HTTPS://user:secret@host/x", "HTTPS://***@host/x"),
    ],
)
def test_passwords_and_tokens_are_not_shown(url: str, shown: str) -> None:
    assert shown_url(url) == shown


@pytest.mark.parametrize(
    "url",
    [
        "http://user:secret@127.0.0.1:9/x.git", "http://secret@127.0.0.1:9/x.git",
        "http://127.0.0.1:9/x.git?access_token=secret", "http://a:secret@127.0.0.1:9/x?private_token=secret",
    ],
)  # fmt: skip
def test_no_message_holds_the_password(url: str, cache: Path) -> None:
    with pytest.raises(OfflineError) as caught:
        open_clone(url, cache)
    assert "secret" not in str(caught.value)
    for exc in (caught.value, caught.value.__cause__):
        assert "secret" not in str(exc)
    with pytest.raises(OfflineError) as caught:
        open_clone(url, cache, offline=True)
    assert "secret" not in str(caught.value)
    with pytest.raises(OfflineError) as caught:
        open_registry(url)
    assert "secret" not in str(caught.value)


# --- credentials in an address


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A registry, and its address on a web server, with a password in it."""
    folder = new_repository(tmp_path / "served", small_registry())
    git(folder, "config", "uploadpack.allowFilter", "true")
    with smart_http(tmp_path) as url:
        yield folder, url.replace("://", "://user:secret@") + "/served/.git"


def _holding(folder: Path, word: bytes) -> list[Path]:
    return [p for p in folder.rglob("*") if p.is_file() and word in p.read_bytes()]


def test_credentials_are_handed_to_git_and_stored_nowhere(
    served: tuple[Path, str], cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start, url = served
    said: list[Sequence[str]] = []
    run = subprocess.run

    def heard(command: Sequence[str], **more: object) -> object:
        said.append(command)
        return run(command, **more)  # type: ignore[call-overload]  # as it was called

    monkeypatch.setattr(subprocess, "run", heard)
    first = open_clone(url, cache)
    assert first.git.config("remote.origin.url") == stored_url(url)
    write_files(start, {"README.md": "2\n"})
    moved = commit(start)
    again = open_clone(url, cache)
    assert (again.note, again.git.head()) == ("", moved)
    assert _holding(cache, b"secret") == []
    assert [command for command in said if "secret" in " ".join(command)] == []
    # With its history, and with another token, it is the same clone.
    assert len(git(first.git.git_dir, "rev-list", "--all").split()) == 1
    other = open_clone(url.replace("secret", "newer"), cache)
    assert other.git.git_dir == first.git.git_dir


def test_a_registry_does_not_show_its_credentials(served: tuple[Path, str]) -> None:
    start, url = served
    with open_registry(url) as registry:
        assert "secret" not in repr(registry) + registry.source
        assert len(registry.history("nlp/lang-id")) > 0
        write_files(start, {"README.md": "2\n"})
        moved = commit(start)
        with registry.refresh() as fresh:
            assert fresh.commit == moved


def test_a_clone_of_an_older_release_forgets_the_credentials(
    served: tuple[Path, str], cache: Path
) -> None:
    start, url = served
    cache.mkdir()
    old = cache / f"{hashlib.sha256(url.encode()).hexdigest()[:24]}.git"
    git(cache, "clone", "--quiet", "--bare", str(start), str(old))
    git(old, "config", "remote.origin.url", url)
    assert _holding(cache, b"secret") == [old / "config"]
    old.chmod(0o755)
    cache.chmod(0o755)
    offline = open_clone(url, cache, offline=True)
    assert offline.git.head() == git(start, "rev-parse", "HEAD")
    assert _holding(cache, b"secret") == []
    assert not old.exists()
    moved = commit(start)
    assert open_clone(url, cache).git.head() == moved


def test_configurations_of_an_older_release_are_closed(origin: Path, cache: Path) -> None:
    other = cache / "other.git"
    git(origin, "clone", "--quiet", "--bare", ".", str(other))
    (other / "config").chmod(0o644)
    cache.chmod(0o755)
    open_clone(origin.as_uri(), cache)
    assert (other / "config").stat().st_mode & 0o077 == 0


def test_clones_are_for_their_user_alone(origin: Path, cache: Path) -> None:
    open_clone(origin.as_uri(), cache)
    assert cache.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("url", "stored"),
    [
        ("https://user:secret@host/x", "https://host/x"),
        ("https://host/x.git?access_token=secret", "https://host/x.git"),
        ("ssh://git:secret@host/x", "ssh://git@host/x"),
        ("ssh://git@host/x", "ssh://git@host/x"),
        ("git@host:x", "git@host:x"),
    ],
)
def test_what_is_stored_of_an_address(url: str, stored: str) -> None:
    assert stored_url(url) == stored
    assert build_settings(url) == ({} if url == stored else {f"url.{url}.insteadOf": stored})


# --- clones that are not as this release makes them


def test_a_clone_whose_remote_has_another_name_is_made_again(origin: Path, cache: Path) -> None:
    place = open_clone(origin.as_uri(), cache).git.git_dir
    git(place, "remote", "rename", "origin", "elsewhere")
    write_files(origin, {"registry.yaml": "2\n"})
    moved = commit(origin)
    clone = open_clone(origin.as_uri(), cache, offline=True)
    assert "cannot be reached" in clone.note
    clone = open_clone(origin.as_uri(), cache)
    assert (clone.note, clone.git.head()) == ("", moved)
    assert len(_clones(cache)) == 1


def test_a_clone_of_another_registry_in_that_place_is_not_believed(
    origin: Path, cache: Path, tmp_path: Path
) -> None:
    place = open_clone(origin.as_uri(), cache).git.git_dir
    other = new_repository(tmp_path / "other", {"registry.yaml": "other\n"})
    git(place, "config", "remote.origin.url", other.as_uri())
    with pytest.raises(OfflineError):
        open_clone(origin.as_uri(), cache, offline=True)
    assert open_clone(origin.as_uri(), cache).git.config("remote.origin.url") == origin.as_uri()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_in_a_shared_cache_each_user_has_clones_of_their_own(
    origin: Path, cache: Path, tmp_path: Path
) -> None:
    url = origin.as_uri()
    theirs = open_clone(url, cache).git.git_dir
    old = git(origin, "rev-parse", "HEAD")
    git(theirs, "config", "core.sshCommand", f"touch {tmp_path}/RAN")
    give_away(cache)
    os.chown(cache, 65534, 65534)
    write_files(origin, {"registry.yaml": "2\n"})
    moved = commit(origin)
    # What another user cloned answers where nothing else can, and nothing in it is obeyed.
    offline = open_clone(url, cache, offline=True)
    assert offline.git.git_dir == theirs
    assert "cannot be reached" in offline.note
    assert (offline.git.head(), offline.git.is_trusted) == (old, False)
    assert offline.git.config("core.sshcommand") is None
    mine = open_clone(url, cache)
    assert (mine.note, mine.git.head(), mine.git.is_trusted) == ("", moved, True)
    assert mine.git.git_dir.parent == cache.with_name(f"cache-{os.geteuid()}")
    assert not (tmp_path / "RAN").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_what_another_user_puts_in_the_place_of_a_clone_is_refused(
    origin: Path, cache: Path
) -> None:
    give_away(open_clone(origin.as_uri(), cache).git.git_dir)
    with pytest.raises(UntrustedRepositoryError, match="dubious ownership"):
        open_clone(origin.as_uri(), cache)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_the_remedy_for_a_repository_of_another_user_works(
    origin: Path, cache: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    give_away(origin)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "gitconfig"))
    with pytest.raises(OfflineError, match="dubious ownership") as caught:
        open_clone(origin.as_uri(), cache)
    assert caught.value.remedy.startswith("git config --global --add safe.directory /")
    subprocess.run(shlex.split(caught.value.remedy), check=True)
    assert open_clone(origin.as_uri(), cache).note == ""
