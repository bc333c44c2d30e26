"""The lines Git gives to hooks, good and hostile."""

from __future__ import annotations

import pytest

from registry_tool.errors import UsageError
from registry_tool.git.remote.ref_updates import Update, outgoing_updates, received_updates

A, B, NONE = "a" * 40, "b" * 40, "0" * 40
LONG_A, LONG_NONE = "a" * 64, "0" * 64


def test_what_a_server_is_told() -> None:
    data = f"{A} {B} refs/heads/main\n{NONE} {B} refs/tags/v1\n{A} {NONE} refs/heads/old\n"
    moved, tag, gone = received_updates(data.encode())
    assert moved == Update("refs/heads/main", A, B)
    assert (moved.is_branch, moved.creates, moved.deletes, moved.shown) == (
        True,
        False,
        False,
        "main",
    )
    assert (tag.is_branch, tag.creates, tag.shown) == (False, True, "refs/tags/v1")
    assert gone.deletes
    assert received_updates(b"") == ()


def test_ids_may_be_sha256() -> None:
    (update,) = received_updates(f"{LONG_NONE} {LONG_A} refs/heads/main\n".encode())
    assert update.creates
    assert not update.deletes


def test_what_a_client_is_told() -> None:
    data = f"refs/heads/x {A} refs/heads/main {B}\n(delete) {NONE} refs/heads/old {B}\n"
    pushed, gone = outgoing_updates(data.encode())
    assert pushed == Update("refs/heads/main", B, A)
    assert gone.deletes


def test_what_was_typed_for_a_commit_may_hold_spaces() -> None:
    (update,) = outgoing_updates(f"main@{{1 day ago}} {A} refs/heads/x {NONE}\n".encode())
    assert update == Update("refs/heads/x", NONE, A)


@pytest.mark.parametrize(
    "name",
    [
        b"refs/heads/\xff\xfe",
        b"refs/heads/$(touch${IFS}x)",
        b"refs/heads/--upload-pack=x",
        b"refs/heads/" + b"x" * 4000,
        "refs/heads/\u202egnp".encode(),
    ],
)
def test_a_name_is_data(name: bytes) -> None:
    (update,) = received_updates(b"%s %s %s\n" % (A.encode(), B.encode(), name))
    assert update.ref.encode(errors="surrogateescape") == name
    assert update.is_branch
    assert len(update.shown) <= 61


@pytest.mark.parametrize(
    "data",
    [
        b"x",
        b"\n",
        f"{A} {B} refs/heads/main".encode(),
        f"{A} {B}\n".encode(),
        f"{A} {B} main\n".encode(),
        f"{A} --help refs/heads/main\n".encode(),
        f"HEAD {B} refs/heads/main\n".encode(),
        f"{A[:39]} {B} refs/heads/main\n".encode(),
        f"{A}\0 {B} refs/heads/main\n".encode(),
        f"{A} {B} \n".encode(),
    ],
)
def test_what_git_does_not_say_is_refused(data: bytes) -> None:
    with pytest.raises(UsageError):
        received_updates(data)
    with pytest.raises(UsageError):
        outgoing_updates(data)
