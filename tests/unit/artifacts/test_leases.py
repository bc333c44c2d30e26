"""Who relies on objects that a remote has, and who deletes them: each sees the other."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from registry_tool.artifacts.leases import deletion_notice, is_leased, leases, renew_leases
from registry_tool.artifacts.remotes.base import object_path
from registry_tool.artifacts.remotes.local import LocalRemote
from registry_tool.artifacts.transfer.upload import send
from registry_tool.errors import ConflictError, MissingObjectError, RemoteError
from registry_tool.gc.collect import audit, collect
from registry_tool.gc.reachability import RequiredObjects

DAY = 24 * 3600


def nobody(md5s: Iterable[str]) -> RequiredObjects:
    return RequiredObjects(frozenset(md5s))


def put(remote: LocalRemote, data: bytes, *, days: float = 30) -> tuple[str, Path]:
    md5 = hashlib.md5(data).hexdigest()
    place = remote.folder / object_path(md5)
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(data)
    age(place, days)
    return md5, place


def age(path: Path, days: float) -> None:
    then = time.time() - days * DAY
    os.utime(path, (then, then))


def week() -> float:
    return time.time() - 7 * DAY


@pytest.fixture
def sources(tmp_path: Path) -> Callable[[bytes], tuple[str, Path]]:
    def make(data: bytes) -> tuple[str, Path]:
        md5 = hashlib.md5(data).hexdigest()
        (tmp_path / md5).write_bytes(data)
        return md5, tmp_path / md5

    return make


def test_old_bytes_that_a_change_relies_on_are_young_again(
    remote: LocalRemote, sources: Callable[[bytes], tuple[str, Path]]
) -> None:
    md5, place = put(remote, b"needed")
    assert [one.md5 for one in audit(remote, nobody, before=week()).orphans] == [md5]
    assert send([sources(b"needed")], remote).sent == 0
    found = audit(remote, nobody, before=week())
    assert (found.orphans, [one.md5 for one in found.young]) == ((), [md5])
    (lease,) = leases(remote)
    age(remote.folder / lease.path, 8)
    found = audit(remote, nobody, before=week())
    assert [one.md5 for one in found.orphans] == [md5]
    assert collect(found, remote, nobody).objects == 1
    assert not place.exists()
    assert leases(remote) == []  # an expired one goes too
    assert not list((remote.folder / "registry-tool/collections").iterdir())


def test_what_is_sent_as_a_whole_needs_no_lease(
    remote: LocalRemote, sources: Callable[[bytes], tuple[str, Path]]
) -> None:
    assert send([sources(b"new")], remote).sent == 1
    assert not (remote.folder / "registry-tool").exists()


def test_bytes_that_are_taken_over_are_leased_and_must_be_there(remote: LocalRemote) -> None:
    md5, place = put(remote, b"taken over")
    assert send([], remote, relied={md5}) == (0, "")
    assert set(is_leased(leases(remote), week())) == {md5}
    place.unlink()
    with pytest.raises(MissingObjectError, match="1 objects that this change reuses"):
        send([], remote, relied={md5})


def test_a_collector_sees_a_lease_that_came_meanwhile(remote: LocalRemote) -> None:
    (md5, place), (_, other) = put(remote, b"one"), put(remote, b"other")
    found = audit(remote, nobody, before=week())
    renew_leases(remote, [md5])
    with pytest.raises(ConflictError, match=r"the lease of .*\.json\) names an object"):
        collect(found, remote, nobody)
    assert place.exists()
    assert other.exists()


def test_a_collector_sees_an_upload_that_came_meanwhile(
    remote: LocalRemote, sources: Callable[[bytes], tuple[str, Path]]
) -> None:
    md5, place = put(remote, b"one")
    found = audit(remote, nobody, before=week())
    remote.put(*sources(b"one"))
    with pytest.raises(ConflictError, match="an upload renewed an object"):
        collect(found, remote, nobody)
    assert place.exists()
    assert remote.exists([md5])


def test_an_add_sees_a_collector_at_work(
    remote: LocalRemote, sources: Callable[[bytes], tuple[str, Path]]
) -> None:
    (md5, _), (other, _) = put(remote, b"one"), put(remote, b"other")
    with deletion_notice(remote, [md5]):
        with pytest.raises(ConflictError, match="another process is deleting") as caught:
            send([sources(b"one")], remote)
        assert "registry-tool/collections/" in caught.value.message
        assert send([sources(b"other")], remote).sent == 0  # another object
        with pytest.raises(ConflictError), deletion_notice(remote, [other, md5]):
            raise AssertionError
    assert send([sources(b"one")], remote).sent == 0


def test_the_notice_of_a_killed_collector_is_passed_over_and_cleared_away(
    remote: LocalRemote, sources: Callable[[bytes], tuple[str, Path]]
) -> None:
    md5, _ = put(remote, b"one")
    folder = remote.folder / "registry-tool/collections"
    folder.mkdir(parents=True)
    (folder / "dead.json").write_text(f'{{"objects": ["{md5}"]}}')
    with pytest.raises(ConflictError):
        send([sources(b"one")], remote)
    age(folder / "dead.json", 1)
    assert send([sources(b"one")], remote).sent == 0
    with deletion_notice(remote, [md5]):
        assert len(list(folder.iterdir())) == 1


def test_a_lease_that_is_no_json_keeps_the_digests_in_its_text(remote: LocalRemote) -> None:
    md5, _ = put(remote, b"one")
    folder = remote.folder / "registry-tool/leases"
    folder.mkdir(parents=True)
    (folder / "broken.json").write_bytes(b"\xff\0{" + md5.encode() + b",")
    assert audit(remote, nobody, before=week()).orphans == ()


def test_a_remote_that_takes_no_notes_is_said(
    remote: LocalRemote,
    sources: Callable[[bytes], tuple[str, Path]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    put(remote, b"one")

    def refuse(_: LocalRemote, path: str, data: bytes) -> None:
        raise RemoteError(f"{path} of {len(data)} bytes cannot be written")

    monkeypatch.setattr(LocalRemote, "put_note", refuse)
    done = send([sources(b"one")], remote)
    assert done.sent == 0
    assert (
        "1 objects were already on the remote storage, and no lease could be written for them"
        in done.warning
    )
    assert "within 7 days" in done.warning
    found = audit(remote, nobody, before=week())
    with pytest.raises(RemoteError):  # without a notice nothing is deleted
        collect(found, remote, nobody)
    assert len(found.orphans) == 1
