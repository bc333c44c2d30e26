from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

import pytest
from joserfc.jwk import OctKey, RSAKey
from joserfc.jwt import encode
from support.oidc_issuers import AUDIENCE, ScriptedIssuer, make_key, scripted_issuer

from registry_tool.access.authenticate import Authenticator
from registry_tool.access.issuer_keys import IssuerKeys, IssuerUnavailableError, fetch_keys
from registry_tool.access.oidc import OidcIssuer, OidcSettings, check_settings, open_issuer
from registry_tool.access.subjects import Subject, parse_grants
from registry_tool.access.tokens import TokenFile, add_rule, add_token, remove_rule
from registry_tool.errors import ForbiddenError, OperationalError, UnauthenticatedError, UsageError

RSA, OTHER = RSAKey.import_key(make_key("one").as_dict(private=True)), make_key("other")
NOW = int(time.time())


@pytest.fixture
def issuer() -> Iterator[ScriptedIssuer]:
    with scripted_issuer(RSA) as found:
        yield found


@pytest.fixture
def tokens(tmp_path: Path) -> TokenFile:
    add_rule(tmp_path / "tokens", "groups=nlp", parse_grants(["write:nlp"]))
    return TokenFile(tmp_path / "tokens")


def _accept(issuer: ScriptedIssuer, tokens: TokenFile) -> Authenticator:
    settings = OidcSettings(issuer.url, (AUDIENCE, "cli"))
    opened = open_issuer(settings, lambda: tokens.rules, notify=lambda _: None)
    return Authenticator(tokens, issuer=opened)


def _ask(who: Authenticator, token: str) -> Subject:
    header = f"Bearer {token}"
    if (waiting := who.pending(header)) is not None:
        waiting.result(10)
    return who.subject(header)


def test_a_token_of_the_issuer_is_accepted(issuer: ScriptedIssuer, tokens: TokenFile) -> None:
    who = _accept(issuer, tokens)
    claims = {"groups": ["nlp"], "name": "Ada", "email": "ada@example.org", "email_verified": True}
    token = issuer.sign(claims)
    expected = Subject("Ada", "ada@example.org", "user", parse_grants(["write:nlp"]))
    assert _ask(who, token) == expected
    basic = base64.b64encode(f"any:{token}".encode()).decode()
    assert who.subject(f"Basic {basic}") == expected
    assert _ask(who, issuer.sign({**claims, "aud": ["x", "cli"]})) == expected
    assert _ask(who, issuer.sign(claims, header={"typ": "at+JWT", "x5t": "x"})) == expected
    assert _ask(who, issuer.sign(claims, header={"kid": None})) == expected


@pytest.mark.parametrize(
    "algorithm", ["RS512", "PS256", "ES256", "ES384", "ES512", "EdDSA", "Ed25519"]
)
def test_algorithms_of_public_keys_are_accepted(tokens: TokenFile, algorithm: str) -> None:
    with scripted_issuer(make_key("one", algorithm)) as issuer:
        assert _ask(_accept(issuer, tokens), issuer.sign({"groups": "nlp"})).name == "alice"


def test_tokens_of_the_file_are_accepted_next_to_it(
    issuer: ScriptedIssuer, tokens: TokenFile
) -> None:
    own = Subject("Bob", "bob@example.org", "user", parse_grants(["read"]))
    text, _ = add_token(tokens.path, own)
    who = _accept(issuer, tokens)
    asked = len(issuer.server.asked)
    assert who.pending(f"Bearer {text}") is None
    assert who.subject(f"Bearer {text}") == own
    assert [str(one) for one in tokens.rules] == ["groups=nlp"]
    assert len(issuer.server.asked) == asked


def test_a_rule_that_is_removed_is_not_obeyed_any_more(
    issuer: ScriptedIssuer, tokens: TokenFile
) -> None:
    who, token = _accept(issuer, tokens), issuer.sign({"groups": ["nlp"]})
    assert _ask(who, token).may("write", "nlp")
    remove_rule(tokens.path, "groups=nlp")
    with pytest.raises(
        ForbiddenError, match=r"alice <alice@noreply.127.0.0.1> has no scopes on this"
    ):
        _ask(who, token)


@pytest.mark.parametrize(
    ("claims", "header"),
    [
        ({"exp": NOW - 61}, {}),
        ({"exp": None}, {}),
        ({"exp": "never"}, {}),
        ({"exp": float("nan")}, {}),
        ({"nbf": NOW + 10_000}, {}),
        ({"iat": NOW + 10_000}, {}),
        ({"aud": "another"}, {}),
        ({"aud": ["a", "b"]}, {}),
        ({"aud": []}, {}),
        ({"aud": None}, {}),
        ({"aud": {"registry": 1}}, {}),
        ({"iss": "https://evil.example"}, {}),
        ({"iss": None}, {}),
        ({"sub": None}, {}),
        ({"sub": 7}, {}),
        ({}, {"typ": "logout+jwt"}),
        ({}, {"kid": "unknown"}),
        ({}, {"kid": "x" * 1000}),
    ],
    ids=lambda one: "-".join(one) or "_",
)
def test_tokens_that_are_not_valid_are_refused(
    issuer: ScriptedIssuer, tokens: TokenFile, claims: dict[str, object], header: dict[str, object]
) -> None:
    who = _accept(issuer, tokens)
    token = issuer.sign({"groups": ["nlp"], **claims}, header=header)
    with pytest.raises(UnauthenticatedError, match="unknown or has expired"):
        _ask(who, token)


def test_clocks_may_differ_by_a_minute(issuer: ScriptedIssuer, tokens: TokenFile) -> None:
    who = _accept(issuer, tokens)
    assert _ask(
        who,
        issuer.sign({"groups": "nlp", "exp": int(time.time()) - 20, "nbf": int(time.time()) + 30}),
    ).grants


def _part(data: Mapping[str, object]) -> str:
    return base64.urlsafe_b64encode(json.dumps(data).encode()).rstrip(b"=").decode()


def _forge(issuer: ScriptedIssuer, header: Mapping[str, object], secret: bytes | None) -> str:
    """A token that is signed with a secret by HMAC, or not at all."""
    claims = {"iss": issuer.url, "aud": AUDIENCE, "sub": "x", "exp": NOW + 10_000, "groups": "nlp"}
    text = f"{_part(header)}.{_part(claims)}"
    if secret is None:
        return f"{text}."
    found = hmac.new(secret, text.encode(), hashlib.sha256).digest()
    return f"{text}.{base64.urlsafe_b64encode(found).rstrip(b'=').decode()}"


def test_forged_tokens_are_refused(issuer: ScriptedIssuer, tokens: TokenFile) -> None:
    who = _accept(issuer, tokens)
    pem = RSA.as_pem(private=False)
    public = json.dumps(RSA.as_dict(private=False)).encode()
    good = issuer.sign({"groups": ["nlp"]})
    head, claims, signature = good.split(".")
    other = OTHER.as_dict(private=False)
    forged = [
        _forge(issuer, {"alg": "none"}, None),
        _forge(issuer, {"alg": "None", "kid": "one"}, b"x"),
        _forge(issuer, {"alg": "HS256", "kid": "one"}, pem),
        _forge(issuer, {"alg": "HS256"}, public),
        _forge(issuer, {"alg": ["RS256"]}, b"x"),
        issuer.sign({"groups": ["nlp"]}, key=OTHER),
        issuer.sign({"groups": ["nlp"]}, key=OTHER, header={"kid": "one"}),
        issuer.sign({"groups": ["nlp"]}, key=OTHER, header={"kid": None}),
        issuer.sign({"groups": ["nlp"]}, key=OTHER, header={"jwk": other, "kid": "one"}),
        issuer.sign({"groups": ["nlp"]}, key=OTHER, header={"jku": "https://evil.example/keys"}),
        f"{head}.{claims[:-4]}AAAA.{signature}",
        f"{head}.{claims}.{signature[:-4]}",
        f"{head}.{claims}.",
        f"{head}.{claims}",
        f"{good}.{signature}",
        "a.b.c",
        "....",
        encode({"alg": "HS256"}, {"sub": "x"}, OctKey.import_key("k" * 32)),
        f"{base64.urlsafe_b64encode(b'[' * 3000).decode()}.{claims}.{signature}",
        "x" * (2 << 20),
        f"{head}.{'A' * (2 << 20)}.{signature}",
    ]
    for number, token in enumerate(forged):
        with pytest.raises(UnauthenticatedError) as found:
            _ask(who, token)
        assert found.value.code == "unauthenticated", number
    assert _ask(who, good).name == "alice"


def test_a_key_is_used_for_its_own_algorithm_only(tokens: TokenFile) -> None:
    with scripted_issuer(make_key("one", "RS256")) as issuer:
        who = _accept(issuer, tokens)
        rsa = issuer.keys[0]
        now = {"iss": issuer.url, "aud": AUDIENCE, "sub": "x", "exp": NOW + 10_000, "groups": "nlp"}
        plain = type(rsa).import_key({k: v for k, v in rsa.as_dict(private=True).items() if k != "alg"})  # fmt: skip
        token = encode({"alg": "PS256", "kid": "one"}, now, plain, algorithms=["PS256"])
        with pytest.raises(UnauthenticatedError):
            _ask(who, token)


def test_a_new_key_is_found_and_a_flood_of_unknown_ones_asks_the_issuer_once(
    issuer: ScriptedIssuer, tokens: TokenFile
) -> None:
    now = [1000.0]
    keys = IssuerKeys(partial(fetch_keys, issuer.url), clock=lambda: now[0])
    opened = OidcIssuer(OidcSettings(issuer.url, (AUDIENCE,)), keys, lambda: tokens.rules)
    who, server = Authenticator(tokens, issuer=opened), issuer.server
    assert _ask(who, issuer.sign({"groups": "nlp"})).name == "alice"
    issuer.keys = [OTHER]
    now[0] += 11
    assert _ask(who, issuer.sign({"groups": "nlp"})).name == "alice"
    with pytest.raises(UnauthenticatedError):
        _ask(who, issuer.sign({"groups": "nlp"}, key=RSA))
    asked = len(server.asked)
    for number in range(50):
        with pytest.raises(UnauthenticatedError):
            _ask(who, issuer.sign({"groups": "nlp"}, header={"kid": f"flood-{number}"}))
    assert len(server.asked) == asked == 4


def test_an_issuer_that_is_down_is_not_a_wrong_token(tokens: TokenFile) -> None:
    said: list[str] = []
    with scripted_issuer(RSA) as issuer:
        token, url = issuer.sign({"groups": "nlp"}), issuer.url
    opened = open_issuer(OidcSettings(url, (AUDIENCE,)), lambda: tokens.rules, notify=said.append)
    who = Authenticator(tokens, issuer=opened)
    with pytest.raises(IssuerUnavailableError, match="the issuer of the token cannot be reached"):
        _ask(who, token)
    with pytest.raises(UnauthenticatedError):
        _ask(who, "rt_something")
    assert "refused" in said[0]


@pytest.mark.parametrize(
    ("issuer", "audiences"),
    [
        ("https://login.example.org", ()),
        ("https://login.example.org", ("",)),
        ("http://93.184.215.14", ("a",)),
        ("login.example.org", ("a",)),
        ("file:///x", ("a",)),
    ],
)
def test_settings_that_cannot_be_used_are_refused(issuer: str, audiences: tuple[str, ...]) -> None:
    with pytest.raises(UsageError):
        check_settings(OidcSettings(issuer, audiences))


def test_a_token_file_that_cannot_be_read_is_said_when_the_subject_is_asked_for(
    issuer: ScriptedIssuer, tokens: TokenFile
) -> None:
    who = _accept(issuer, tokens)
    tokens.path.write_text("nonsense\n")
    header = f"Bearer {issuer.sign()}"
    assert who.pending(header) is None
    with pytest.raises(OperationalError, match="is not a token"):
        who.subject(header)
