from __future__ import annotations

import sys
from pathlib import Path

import pytest

from registry_tool.paths import cache_folder, is_guarded, own_key, own_user, usable_folder


def test_the_cache_is_where_the_environment_says(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cache_folder().is_relative_to(home)
    monkeypatch.setenv("REGISTRY_CACHE", str(tmp_path / "own"))
    assert cache_folder() == tmp_path / "own"
    monkeypatch.delenv("REGISTRY_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    if sys.platform == "linux":
        assert cache_folder() == tmp_path / "xdg" / "registry-tool"


def test_a_folder_is_guarded_when_nobody_else_can_put_anything_in_its_place(tmp_path: Path) -> None:
    own = tmp_path / "own" / "inner"
    own.mkdir(parents=True)
    assert is_guarded(str(own))
    for mode in (0o775, 0o757, 0o1777):
        other = tmp_path / oct(mode) / "inner"
        other.mkdir(parents=True)
        other.parent.chmod(mode)
        # Above it may be one like /tmp, in which nobody touches what is ours.
        assert is_guarded(str(other)) == (mode == 0o1777)
        assert not is_guarded(str(other.parent))
    (tmp_path / "link").symlink_to(own)
    assert is_guarded(str(tmp_path / "link" / "x")) is False  # it is not there
    (own / "x").mkdir()
    assert is_guarded(str(tmp_path / "link" / "x")) is False  # asked once in a process
    assert is_guarded(str(tmp_path / "link"))


def test_a_link_is_as_safe_as_where_it_leads(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o1777)
    (tmp_path / "link").symlink_to(shared)
    assert not is_guarded(str(tmp_path / "link"))  # others can put files in there
    (shared / "own").mkdir()
    assert is_guarded(str(tmp_path / "link" / "own"))
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    assert not is_guarded(str(tmp_path / "loop" / "x"))


def test_a_deep_folder_is_judged(tmp_path: Path) -> None:
    deep = tmp_path.joinpath(*["d"] * 600)  # as deep as pytest can delete
    deep.mkdir(parents=True)
    assert is_guarded(str(deep))


def test_the_secret_of_a_user_is_kept_and_closed_to_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    key = own_key.__wrapped__()
    place = tmp_path / "state" / "registry-tool" / "seal-key"
    assert place.read_bytes() == key
    assert (place.stat().st_mode & 0o777, len(key)) == (0o600, 32)
    assert own_key.__wrapped__() == key
    place.chmod(0o644)  # others have seen it
    assert own_key.__wrapped__() != key
    place.chmod(0o600)
    place.write_bytes(b"short")
    assert len(own_key.__wrapped__()) == 32
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    assert len(own_key.__wrapped__()) == 32


def test_a_folder_that_cannot_be_written_is_passed_over(tmp_path: Path) -> None:
    assert usable_folder(tmp_path / "new" / "clones") == tmp_path / "new" / "clones"
    (tmp_path / "clones").write_text("a file")
    beside = usable_folder(tmp_path / "clones")
    assert beside is None or beside.name == f"clones-{own_user()}"
    assert usable_folder(tmp_path / "clones" / "x") is None
