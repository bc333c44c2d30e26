from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry_tool.access.subjects import ALL_SCOPES, Grant, Subject, parse_grants
from registry_tool.errors import UsageError


def _subject(*scopes: str) -> Subject:
    return Subject("Alice", "alice@example.org", "user", parse_grants(scopes))


@pytest.mark.parametrize(
    ("scopes", "scope", "namespace", "may"),
    [
        (["read"], "read", "nlp", True),
        (["read"], "write", "nlp", False),
        (["write:nlp"], "write", "nlp", True),
        (["write:nlp"], "read", "nlp", True),
        (["write:nlp"], "read", "vision", False),
        (["write:nlp"], "write", "nlp2", False),
        (["write:nlp*"], "write", "nlp2", True),
        (["write:*"], "write", "nlp", True),
        (["promote:nlp"], "write", "nlp", False),
        (["promote:nlp"], "delete", "nlp", False),
        (["read,write:nlp"], "read", "vision", True),
        ([], "read", "nlp", False),
    ],
)
def test_what_a_subject_may_do(scopes: list[str], scope: str, namespace: str, *, may: bool) -> None:
    found = next(one for one in ALL_SCOPES if one == scope)
    assert _subject(*scopes).may(found, namespace) is may


def test_a_subject_with_a_namespace_does_not_see_all() -> None:
    assert not _subject("write:nlp").sees_all
    assert not _subject("read:n*").sees_all
    assert _subject("read").sees_all


@pytest.mark.parametrize(
    "written", ["", "admin", "read:", "read:A", "read:a/b", "write:*x", "read:nlp:x"]
)
def test_what_is_no_grant_is_refused(written: str) -> None:
    with pytest.raises(UsageError):
        parse_grants([written])


@given(st.sampled_from(ALL_SCOPES), st.from_regex(r"\A[a-z0-9][a-z0-9_-]{0,30}\*?\Z"))
def test_a_grant_is_read_as_it_is_written(scope: str, namespace: str) -> None:
    found = next(one for one in ALL_SCOPES if one == scope)
    grant = Grant(found, namespace)
    assert parse_grants([str(grant)]) == (grant,)
