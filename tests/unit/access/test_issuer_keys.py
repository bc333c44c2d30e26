from __future__ import annotations

import json
import threading

import pytest
from support.oidc_issuers import make_key, scripted_issuer
from support.scripted_http import Answer

from registry_tool.access.issuer_keys import (
    IssuerKeys,
    IssuerUnavailableError,
    SigningKey,
    fetch_keys,
)
from registry_tool.access.outgoing_requests import AddressRefusedError
from registry_tool.errors import OfflineError, OperationalError, RegistryError

RSA = make_key("one")
DOCUMENT = "/.well-known/openid-configuration"


def _signing(kid: str) -> SigningKey:
    return SigningKey(kid, "RS256", ("RSA", ""), RSA)


class Source:
    """Keys that change, or cannot be fetched, at a time that a test sets."""

    def __init__(self, *kids: str) -> None:
        self.kids = kids
        self.is_down = False
        self.fetches = 0
        self.now = 1000.0
        self.said: list[str] = []
        self.keys = IssuerKeys(self.fetch, notify=self.said.append, clock=lambda: self.now)

    def fetch(self) -> list[SigningKey]:
        self.fetches += 1
        if self.is_down:
            raise OfflineError("it is down")
        return [_signing(kid) for kid in self.kids]

    def ask(self, kid: str) -> list[str]:
        """What a request does: wait, then look."""
        if (waiting := self.keys.pending("RS256", kid)) is not None:
            waiting.result(10)
        return [key.kid for key in self.keys.find("RS256", kid)]

    def refresh(self) -> None:
        """Begin what is due, and wait for it though no request would."""
        assert self.keys.pending("RS256", "one") is None
        for thread in threading.enumerate():
            if thread.name == "keys of the issuer":
                thread.join(10)


def test_keys_are_fetched_once_and_kept() -> None:
    source = Source("one", "two")
    assert source.ask("one") == ["one"]
    assert source.ask("two") == ["two"]
    assert source.ask("") == ["one", "two"]
    assert source.fetches == 1


def test_an_unknown_key_is_fetched_at_a_bounded_rate() -> None:
    source = Source("one")
    source.ask("one")
    for number in range(1000):
        assert source.ask(f"flood-{number}") == []
    assert source.fetches == 1
    source.now += 11
    source.kids = ("one", "new")
    assert source.ask("new") == ["new"]
    for number in range(1000):
        assert source.ask(f"flood-{number}") == []
    assert source.fetches == 2


def test_a_removed_key_is_refused_after_ten_minutes_at_the_latest() -> None:
    source = Source("one", "old")
    assert source.ask("old") == ["old"]
    source.kids = ("one",)
    source.now += 601
    source.refresh()
    assert source.ask("old") == []


def test_many_that_wait_share_one_fetch() -> None:
    release, source = threading.Event(), Source("one")
    slow = IssuerKeys(lambda: [*filter(lambda _: release.wait(10), source.fetch())])
    waiting = [slow.pending("RS256", kid) for kid in ("one", "two", "three")]
    assert waiting[0] is not None
    assert all(one is waiting[0] for one in waiting)
    with pytest.raises(IssuerUnavailableError):
        slow.find("RS256", "one")
    release.set()
    waiting[0].result(10)
    assert [key.kid for key in slow.find("RS256", "one")] == ["one"]
    assert source.fetches == 1


def test_an_issuer_that_is_down_at_the_start_is_asked_again() -> None:
    source = Source("one")
    source.is_down = True
    with pytest.raises(IssuerUnavailableError):
        source.ask("one")
    with pytest.raises(IssuerUnavailableError):
        source.ask("one")
    assert source.fetches == 1
    source.is_down = False
    source.now += 11
    assert source.ask("one") == ["one"]
    assert source.said == [
        "the keys of the issuer cannot be fetched: it is down",
        "the keys of the issuer were fetched",
    ]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_fetch_that_ends_badly_leaves_nobody_waiting() -> None:
    def fail() -> list[SigningKey]:
        raise ZeroDivisionError

    keys = IssuerKeys(fail)
    waiting = keys.pending("RS256", "one")
    assert waiting is not None
    waiting.result(10)
    for thread in threading.enumerate():
        if thread.name == "keys of the issuer":
            thread.join(10)
    assert keys.failure == "the fetch ended with an error"


def test_keys_at_hand_are_used_for_a_day_while_the_issuer_is_down() -> None:
    source = Source("one")
    source.ask("one")
    source.is_down = True
    source.now += 3600
    source.refresh()
    assert source.ask("one") == ["one"]
    with pytest.raises(IssuerUnavailableError):  # it may be a new one
        source.ask("new")
    source.now += 86_400
    with pytest.raises(IssuerUnavailableError):
        source.ask("one")


@pytest.mark.parametrize("algorithm", ["RS256", "PS512", "ES256", "ES384", "ES512", "Ed25519"])
def test_keys_of_an_issuer_are_found_by_discovery(algorithm: str) -> None:
    with scripted_issuer(make_key("one", algorithm)) as issuer:
        found = fetch_keys(issuer.url)
        assert [(key.kid, key.fits(algorithm, "one")) for key in found] == [("one", True)]
        assert not found[0].fits("HS256", "one")
        assert not found[0].fits("none", "one")
        assert [one.target for one in issuer.server.asked] == [DOCUMENT, "/jwks"]


def test_keys_that_are_not_for_signatures_are_left_out() -> None:
    good = RSA.as_dict(private=False)
    keys = [
        {**good, "use": "enc"}, {**good, "n": good["n"][:100]}, {"kty": "oct", "k": "AAAA"}, {"kty": "EC", "crv": "P-192"},
        {**good, "n": 7}, {"kty": "EC", "crv": "P-256", "x": "AAAA", "y": "AAAA"}, "text", None, {}, {**good, "kid": 5},
    ]  # fmt: skip
    with scripted_issuer() as issuer:
        issuer.raw["/jwks"] = Answer(200, json.dumps({"keys": [*keys, good]}).encode())
        assert [key.kid for key in fetch_keys(issuer.url)] == ["", "one"]


def _fails(path: str, answer: Answer, error: type[RegistryError], said: str) -> None:
    with scripted_issuer(RSA) as issuer:
        issuer.raw[path] = answer
        with pytest.raises(error, match=said):
            fetch_keys(issuer.url)


@pytest.mark.parametrize("path", [DOCUMENT, "/jwks"])
@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (Answer(302, b"", {"Location": "http://169.254.169.254/latest/"}), "answered with status 302"),
        (Answer(500), "answered with status 500"),
        (Answer(200, b'{"keys": [' + b"1," * (1 << 20) + b"1]}"), "is larger than 256 KiB"),
        (Answer(200, b"[" * 200_000), "is not JSON"),
        (Answer(200, b"[]"), "is not a JSON object"),
    ],
)  # fmt: skip
def test_other_answers_are_refused(path: str, answer: Answer, said: str) -> None:
    _fails(path, answer, OperationalError, said)


def test_the_document_of_another_issuer_is_refused() -> None:
    with scripted_issuer(RSA) as issuer:
        issuer.document = {"issuer": f"{issuer.url}/"}
        with pytest.raises(OperationalError, match="is that of the issuer"):
            fetch_keys(issuer.url)


@pytest.mark.parametrize("place", ["http://169.254.169.254/keys", "http://10.0.0.1/keys"])
def test_keys_at_a_private_address_are_refused(place: str) -> None:
    with scripted_issuer(RSA) as issuer:
        issuer.document = {"jwks_uri": place}
        with pytest.raises(AddressRefusedError, match="may not connect to"):
            fetch_keys(issuer.url)
