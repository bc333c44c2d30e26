"""Issuers of tokens: one that a test scripts, and a real one as a process of its own."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import httpx
from joserfc.jwk import ECKey, Key, KeyParameters, OKPKey, RSAKey
from joserfc.jwt import encode

from registry_tool.manifests.problems import JSON
from support.scripted_http import Answer, Asked, ScriptedServer, scripted_server

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["AUDIENCE", "ScriptedIssuer", "log_in", "make_key", "mock_issuer", "scripted_issuer"]

AUDIENCE = "registry"
_REDIRECT = "http://127.0.0.1:1/done"


def make_key(kid: str, algorithm: str = "RS256") -> Key:
    """A key pair."""
    parameters: KeyParameters = {"kid": kid, "alg": algorithm, "use": "sig"}
    if algorithm.startswith("ES"):
        curve = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521"}[algorithm]
        return ECKey.generate_key(curve, parameters)
    if algorithm.startswith("Ed"):
        return OKPKey.generate_key("Ed25519", parameters)
    return RSAKey.generate_key(2048, parameters)


class ScriptedIssuer:
    """An issuer whose documents and keys a test decides.

    Attributes:
        keys: Those in its JWKS.
        document: Overrides of its discovery document.
        raw: Answers by path, in place of its own.
        gate: It answers while this is set.
    """

    def __init__(self, *keys: Key) -> None:
        self.keys: Sequence[Key] = keys
        self.document: dict[str, JSON] = {}
        self.raw: dict[str, Answer] = {}
        self.gate = threading.Event()
        self.gate.set()
        self._server: ScriptedServer | None = None

    @property
    def server(self) -> ScriptedServer:
        """What answers."""
        assert self._server is not None
        return self._server

    @property
    def url(self) -> str:
        """Its address."""
        return self.server.url

    def answer(self, asked: Asked) -> Answer:
        """What it says."""
        self.gate.wait(30)
        if asked.target in self.raw:
            return self.raw[asked.target]
        if asked.target == "/.well-known/openid-configuration":
            said = {"issuer": self.url, "jwks_uri": f"{self.url}/jwks", **self.document}
            return Answer(200, json.dumps(said).encode())
        if asked.target == "/jwks":
            keys = [key.as_dict(private=False) for key in self.keys]
            return Answer(200, json.dumps({"keys": keys}).encode())
        return Answer(404)

    def sign(
        self,
        claims: Mapping[str, object] | None = None,
        *,
        key: Key | None = None,
        header: Mapping[str, object] | None = None,
    ) -> str:
        """A token that is valid but for what is given; a claim of None is left out."""
        key = key or self.keys[0]
        algorithm = str(key.as_dict(private=False).get("alg", "RS256"))
        now = int(time.time())
        all_claims: dict[str, object] = {
            "iss": self.url, "aud": AUDIENCE, "sub": "alice", "iat": now, "exp": now + 300,
            **(claims or {}),
        }  # fmt: skip
        head = {"alg": algorithm, "kid": key.kid, **(header or {})}
        said = {name: value for name, value in all_claims.items() if value is not None}
        return encode(
            {k: v for k, v in head.items() if v is not None}, said, key, algorithms=[algorithm]
        )


@contextmanager
def scripted_issuer(*keys: Key, port: int = 0) -> Iterator[ScriptedIssuer]:
    """An issuer with some keys, on a free port or on a given one."""
    issuer = ScriptedIssuer(*keys)
    with scripted_server(issuer.answer, port=port) as server:
        issuer._server = server
        yield issuer


@contextmanager
def mock_issuer() -> Iterator[str]:
    """The address of a real issuer: ``oidc-provider-mock``, as a process of its own."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-u", "-W", "ignore", "-m", "oidc_provider_mock", "--port", str(port)],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        assert any("running on" in line for line in process.stdout)
        yield f"http://localhost:{port}"
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def log_in(issuer: str, sub: str, claims: Mapping[str, JSON], *, client: str = AUDIENCE) -> str:
    """The ID token of a user who logs in with a browser; the flow of the authorization code."""
    with httpx.Client(base_url=issuer) as browser:
        browser.put(f"/users/{sub}", json=dict(claims)).raise_for_status()
        asked = {
            "client_id": client, "redirect_uri": _REDIRECT, "response_type": "code",
            "scope": "openid profile email",
        }  # fmt: skip
        done = browser.post("/oauth2/authorize", params=asked, data={"sub": sub})
        code = parse_qs(urlsplit(done.headers["location"]).query)["code"][0]
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": _REDIRECT}
        token = browser.post("/oauth2/token", data=form, auth=(client, "secret"))
        found = token.raise_for_status().json()["id_token"]
    assert re.fullmatch(r"[\w-]+\.[\w-]+\.[\w-]+", found)
    return str(found)
