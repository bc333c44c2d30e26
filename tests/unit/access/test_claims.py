from __future__ import annotations

import datetime as dt

import pytest

from registry_tool.access.claims import ClaimRule, build_subject, find_claim, split_rule
from registry_tool.access.subjects import parse_grants
from registry_tool.api.changes.person import Person
from registry_tool.errors import UsageError

NOW = dt.datetime(2026, 11, 30, tzinfo=dt.UTC)
BASE = {"iss": "https://login.example.org/realms/a", "sub": "1234"}


def _rule(written: str, *scopes: str) -> ClaimRule:
    return ClaimRule(*split_rule(written), parse_grants(scopes or ("read",)), NOW)


@pytest.mark.parametrize(
    ("rule", "claims", "covers"),
    [
        ("groups=nlp", {"groups": ["cv", "nlp"]}, True),
        ("groups=nlp", {"groups": "nlp"}, True),
        ("groups=nlp", {"groups": ["nlp-admins"]}, False),
        ("groups=nlp", {}, False),
        ("groups=*", {"groups": []}, False),
        ("groups=*", {"groups": ["x"]}, True),
        ("sub=*", {}, True),
        ("realm_access.roles=reader", {"realm_access": {"roles": ["reader"]}}, True),
        ("realm_access.roles=reader", {"realm_access": ["roles"]}, False),
        ("https://example.org/roles=reader", {"https://example.org/roles": ["reader"]}, True),
        ("admin=true", {"admin": True}, True),
        ("level=3", {"level": 3}, True),
        ("groups=a=b", {"groups": ["a=b"]}, True),
        ("groups=None", {"groups": [None]}, False),
        ("groups=x", {"groups": {"x": 1}}, False),
        ("groups=last", {"groups": [*map(str, range(5000)), "last"]}, False),
    ],
)
def test_a_rule_covers_a_claim_or_one_of_its_values(
    rule: str,
    claims: dict[str, object],
    covers: bool,  # noqa: FBT001
) -> None:
    assert _rule(rule).covers({**BASE, **claims}) is covers


@pytest.mark.parametrize(
    "written", ["", "groups", "=x", "groups=", " groups=x", "a=\n", "a=" + "b" * 300]
)
def test_a_rule_is_a_claim_and_a_value(written: str) -> None:
    with pytest.raises(UsageError, match="is not a claim with a value"):
        split_rule(written)


def test_a_claim_is_found_by_its_whole_name_first() -> None:
    assert find_claim({"a.b": 1, "a": {"b": 2}}, "a.b") == 1


def test_grants_of_all_rules_that_cover_it_add_up() -> None:
    rules = [
        _rule("groups=nlp", "write:nlp"),
        _rule("groups=cv", "write:cv"),
        _rule("sub=*", "read"),
    ]
    subject = build_subject({**BASE, "groups": ["nlp"]}, rules)
    assert [str(one) for one in subject.grants] == ["write:nlp", "read"]
    assert build_subject(BASE, []).grants == ()


@pytest.mark.parametrize(
    ("claims", "email", "expected"),
    [
        ({"email": "ada@example.org", "email_verified": True, "name": "Ada L."}, "", ("Ada L", "ada@example.org", "user")),
        ({"email": "ada@example.org", "email_verified": "true"}, "", ("1234", "ada@example.org", "user")),
        ({"email": "ceo@example.org", "email_verified": False}, "", ("1234", "1234@noreply.login.example.org", "service")),
        ({"email": "ceo@example.org"}, "", ("1234", "1234@noreply.login.example.org", "service")),
        ({"email": "ada@example.org"}, "email", ("1234", "ada@example.org", "user")),
        ({"upn": "ada@example.org", "preferred_username": "ada"}, "upn", ("ada", "ada@example.org", "user")),
        ({"email": "a@b\n", "email_verified": True}, "", ("1234", "1234@noreply.login.example.org", "service")),
        ({"email": ["a@b"], "email_verified": True}, "", ("1234", "1234@noreply.login.example.org", "service")),
        ({"name": "<\x1b[31m>\u202e"}, "", ("[31m", "1234@noreply.login.example.org", "service")),
        ({"name": "...", "preferred_username": 7}, "", ("1234", "1234@noreply.login.example.org", "service")),
    ],
)  # fmt: skip
def test_the_author_is_one_that_the_issuer_vouches_for(
    claims: dict[str, object], email: str, expected: tuple[str, str, str]
) -> None:
    subject = build_subject({**BASE, **claims}, [], email_claim=email)
    assert (subject.name, subject.email, subject.kind) == expected


@pytest.mark.parametrize(
    "sub", ["repo:octo/models:ref:refs/heads/main", "é", "a@b", "x" * 500, "\ud800", "..."]
)
def test_git_can_record_every_subject(sub: str) -> None:
    subject = build_subject({**BASE, "sub": sub}, [])
    assert Person.parse(f"{subject.name} <{subject.email}>").email == subject.email
    assert subject.email.endswith("@noreply.login.example.org")
