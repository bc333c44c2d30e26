from __future__ import annotations

import datetime as dt
import os
import threading
from pathlib import Path

import pytest

from registry_tool.access.subjects import Subject, parse_grants
from registry_tool.access.tokens import TokenFile, add_token, digest, revoke_token
from registry_tool.errors import NotFoundError, OperationalError, UsageError

ALICE = Subject("Alice", "alice@example.org", "user", parse_grants(["write:nlp"]))
BOB = Subject("Bob", "bob@example.org", "service", parse_grants(["read"]))
NOW = dt.datetime.now(dt.UTC)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "tokens.jsonl"


def test_a_token_is_found_by_its_text_only(path: Path) -> None:
    text, token = add_token(path, ALICE)
    known = TokenFile(path)
    assert known.find(text) == token
    assert known.find(text).subject == ALICE  # type: ignore[union-attr]  # found a line above
    assert known.find(f"{text}x") is None
    assert known.find(token.sha256) is None
    assert known.find("") is None


def test_the_file_does_not_contain_the_text_and_is_private(path: Path) -> None:
    text, _ = add_token(path, ALICE)
    assert text not in path.read_text()
    assert digest(text) in path.read_text()
    assert path.stat().st_mode & 0o077 == 0


def test_a_running_server_reads_the_file_again(path: Path) -> None:
    first, _ = add_token(path, ALICE)
    known = TokenFile(path)
    assert known.find(first) is not None
    second, _ = add_token(path, BOB)
    assert known.find(second) is not None
    revoke_token(path, "Alice")
    assert known.find(first) is None
    assert known.find(second) is not None
    path.unlink()
    assert known.find(second) is None


def test_an_expired_token_is_not_found(path: Path) -> None:
    text, _ = add_token(path, ALICE, expires=NOW + dt.timedelta(hours=1))
    assert TokenFile(path).find(text) is not None
    assert TokenFile(path).find(text, now=NOW + dt.timedelta(hours=2)) is None


@pytest.mark.parametrize("by", ["id", "name", "email"])
def test_tokens_are_revoked_by_their_id_or_subject(path: Path, by: str) -> None:
    _, token = add_token(path, ALICE)
    add_token(path, BOB)
    named = {"id": token.id, "name": "Alice", "email": "alice@example.org"}[by]
    assert [one.id for one in revoke_token(path, named)] == [token.id]
    assert [one.subject.name for one in TokenFile(path)] == ["Bob"]
    with pytest.raises(NotFoundError):
        revoke_token(path, named)


def test_a_token_without_scopes_is_refused(path: Path) -> None:
    with pytest.raises(UsageError):
        add_token(path, Subject("Alice", "alice@example.org"))
    assert not path.exists()


@pytest.mark.skipif(os.name == "nt", reason="Windows has no modes")
def test_a_file_that_others_can_read_is_refused(path: Path) -> None:
    add_token(path, ALICE)
    path.chmod(0o640)
    with pytest.raises(OperationalError, match="other users") as caught:
        TokenFile(path).find("x")
    assert caught.value.remedy == f"chmod 600 {path}"


@pytest.mark.parametrize(
    "line", ["{", "[]", "null", "{}", '{"sha256": "zz"}', "\ufffd", '{"sha256": 1, "kind": "user"}']
)
def test_a_broken_line_is_reported_and_nothing_is_lost(path: Path, line: str) -> None:
    add_token(path, ALICE)
    before = path.read_text() + f"{line}\n"
    path.write_text(before)
    with pytest.raises(OperationalError, match=r"tokens.jsonl:2: "):
        TokenFile(path).find("x")
    with pytest.raises(OperationalError):
        add_token(path, BOB)
    assert path.read_text() == before


def test_tokens_that_are_added_at_once_are_all_kept(path: Path) -> None:
    threads = [threading.Thread(target=add_token, args=(path, ALICE)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len([*TokenFile(path)]) == len(threads)
