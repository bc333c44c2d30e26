"""Signed addresses: for one object, one operation, one length, one use, one hour."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from registry_tool.errors import ForbiddenError, OperationalError
from registry_tool.server.files.signed_addresses import Grant, Operation, Signer, UsedGrants

KEY = bytes(range(32))
NOW = 1_000_000


def signed(signer: Signer, operation: Operation = "write", target: str = "a/b") -> str:
    return signer.sign("truefoundry", operation, target, name="Ada", email="ada@example.org")


def test_a_grant_reads_back_and_no_two_are_equal() -> None:
    signer = Signer(KEY, clock=lambda: NOW)
    text = signed(signer)
    grant = signer.verify(text, "truefoundry", "write")
    assert (grant.target, grant.name, grant.expires) == ("a/b", "Ada", NOW + 3600)
    assert text != signed(signer)
    assert Signer(KEY, clock=lambda: NOW + 3599).verify(text, "truefoundry", "write") == grant


@pytest.mark.parametrize("text", ["", ".", "a.b", "é.é", "=.=", "x" * 10_000, "AAAA.AAAA"])
def test_other_text_is_refused(text: str) -> None:
    with pytest.raises(ForbiddenError, match="not valid here"):
        Signer(KEY).verify(text, "truefoundry", "write")


def test_a_changed_one_another_key_another_use_and_a_late_one_are_refused() -> None:
    signer = Signer(KEY, clock=lambda: NOW)
    text = signed(signer)
    head, _, tail = text.partition(".")
    other = signed(signer, target="other").partition(".")[0]
    for bad in (f"{other}.{tail}", f"{head}.{tail[:-2]}AA", f"{head}"):
        with pytest.raises(ForbiddenError):
            signer.verify(bad, "truefoundry", "write")
    with pytest.raises(ForbiddenError):
        Signer(bytes(32), clock=lambda: NOW).verify(text, "truefoundry", "write")
    for api, operation in (("kolena", "write"), ("truefoundry", "read")):
        with pytest.raises(ForbiddenError, match="not valid here"):
            signer.verify(text, api, operation)  # type: ignore[arg-type]  # one of them
    with pytest.raises(ForbiddenError, match="expired"):
        Signer(KEY, clock=lambda: NOW + 3600).verify(text, "truefoundry", "write")


def grant_until(expires: int, nonce: str = "n") -> Grant:
    return Grant("truefoundry", "write", "a", "Ada", "ada@example.org", expires, nonce=nonce)


def test_a_grant_is_used_once_also_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "serve" / "used"
    used = UsedGrants(path, clock=lambda: NOW)
    grant = grant_until(NOW + 10)
    with pytest.raises(ZeroDivisionError), used.use(grant):
        raise ZeroDivisionError
    with used.use(grant), pytest.raises(ForbiddenError, match="used already"), used.use(grant):
        pass
    for again in (used, UsedGrants(path, clock=lambda: NOW)):
        with pytest.raises(ForbiddenError, match="used already"), again.use(grant):
            pass
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_grant_that_another_server_of_the_user_has_seen_is_used(tmp_path: Path) -> None:
    path = tmp_path / "used"
    servers = [UsedGrants(path, clock=lambda: NOW) for _ in range(2)]
    for server, nonce in ((servers[0], "a"), (servers[1], "b")):
        with server.use(grant_until(NOW + 10, nonce)):
            pass
    for server in servers:
        for nonce in ("a", "b"):
            again = server.use(grant_until(NOW + 10, nonce))
            with pytest.raises(ForbiddenError, match="used already"), again:
                pass


def test_expired_ones_leave_the_file_at_the_next_start(tmp_path: Path) -> None:
    path = tmp_path / "used"
    first = UsedGrants(path, clock=lambda: NOW)
    for expires, nonce in ((NOW + 10, "old"), (NOW + 100, "new")):
        with first.use(grant_until(expires, nonce)):
            pass
    later = UsedGrants(path, clock=lambda: NOW + 50)
    with pytest.raises(ForbiddenError), later.use(grant_until(NOW + 100, "new")):
        pass
    assert path.read_text() == f"{NOW + 100} new\n"


def test_a_file_that_cannot_be_written_refuses_the_write(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    used = UsedGrants(tmp_path / "file" / "used", clock=lambda: NOW)
    with pytest.raises(OperationalError), used.use(grant_until(NOW + 10)):
        pass
