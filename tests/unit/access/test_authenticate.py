from __future__ import annotations

import base64
from pathlib import Path

import pytest

from registry_tool.access.authenticate import Authenticator, local_subject
from registry_tool.access.subjects import Subject, parse_grants
from registry_tool.access.tokens import TokenFile, add_token
from registry_tool.errors import UnauthenticatedError

ALICE = Subject("Alice", "alice@example.org", "user", parse_grants(["read"]))


def _basic(text: str) -> str:
    return f"Basic {base64.b64encode(text.encode()).decode()}"


def test_a_token_is_accepted_as_bearer_and_as_the_password_of_basic(tmp_path: Path) -> None:
    path = tmp_path / "tokens"
    text, _ = add_token(path, ALICE)
    who = Authenticator(TokenFile(path))
    for header in (
        f"Bearer {text}",
        f"bearer  {text}",
        f"Bearer tfy_{text}",
        _basic(f"alice:{text}"),
        _basic(f":{text}"),
    ):
        assert who.subject(header) == ALICE


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer",
        "Bearer x",
        "Basic x",
        "Basic ====",
        "Digest a=b",
        "Bearer tfy_",
        "Bearer tfy_x",
        "Bearer \0",
        "é",
        _basic("x"),
    ],
)
def test_everything_else_is_refused(tmp_path: Path, header: str) -> None:
    path = tmp_path / "tokens"
    add_token(path, ALICE)
    with pytest.raises(UnauthenticatedError):
        Authenticator(TokenFile(path)).subject(header)


def test_without_tokens_everybody_is_the_local_user() -> None:
    local = local_subject("Ada", "ada@example.org")
    assert Authenticator(anonymous=local).subject("Bearer whatever") == local
    assert local.may_everywhere("delete")
