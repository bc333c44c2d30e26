"""``registry serve`` with tokens of an OpenID Connect issuer: a real one, one that is down, one that rotates its keys."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from support import git, run_program
from support.impatient_servers import run_impatiently
from support.oidc_issuers import AUDIENCE, log_in, make_key, mock_issuer, scripted_issuer
from support.wire_clients import ServerProcess, running_server
from support.written_trains import bare_registry

from registry_tool.manifests.problems import JSON

MODELS = "/api/2.0/mlflow/registered-models"
ONE, TWO = make_key("one"), make_key("two")


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    return bare_registry(tmp_path)


@pytest.fixture
def tokens(tmp_path: Path) -> Path:
    return tmp_path / "tokens.jsonl"


def _grant(tokens: Path, rule: str, *scopes: str) -> None:
    words = [word for scope in scopes for word in ("--scope", scope)]
    ran = run_program(
        "serve", "grant", "add", rule, *words, "--tokens", str(tokens), cwd=tokens.parent
    )
    assert (ran.code, ran.out) == (0, f"tokens with {rule} have {', '.join(scopes)}\n"), ran.err


def _options(tokens: Path, issuer: str) -> tuple[str, ...]:
    return ("--tokens", str(tokens), "--oidc-issuer", issuer, "--oidc-audience", AUDIENCE)


def _status(server: ServerProcess, token: str) -> httpx.Response:
    return httpx.get(f"{server.url}/status", headers={"Authorization": f"Bearer {token}"})


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    with mock_issuer() as url:
        yield url


def test_a_user_who_logs_in_at_a_real_issuer_is_the_author(
    bare: Path, tokens: Path, issuer: str
) -> None:
    _grant(tokens, "groups=nlp-team", "write:default")
    ada: dict[str, JSON] = {
        "name": "Ada Lovelace", "email": "ada@example.org", "email_verified": True, "groups": ["nlp-team", "staff"],
    }  # fmt: skip
    token = log_in(issuer, "ada", ada)
    with running_server(bare, *_options(tokens, issuer)) as server:
        made = httpx.post(
            f"{server.url}{MODELS}/create", json={"name": "lang-id"}, headers={"Authorization": f"Bearer {token}"},
        )  # fmt: skip
        assert made.status_code == 200, made.text
        assert (
            git(bare, "log", "-1", "--format=%an <%ae>", "main") == "Ada Lovelace <ada@example.org>"
        )
        found = httpx.get(
            f"{server.url}{MODELS}/get", params={"name": "lang-id"}, auth=("x", token)
        )
        assert found.json()["registered_model"]["name"] == "lang-id"
        gone = httpx.request(
            "DELETE", f"{server.url}{MODELS}/delete", json={"name": "lang-id"}, auth=("", token)
        )
        assert (gone.status_code, gone.json()["error_code"]) == (403, "PERMISSION_DENIED")
        assert _status(server, log_in(issuer, "ada", ada, client="another")).status_code == 401
        stranger = _status(
            server, log_in(issuer, "eve", {"name": "Eve", "email": "ada@example.org"})
        )
        assert stranger.status_code == 403
        assert "Eve <eve@noreply.localhost> has no scopes on this server" in stranger.text
        _grant(tokens, "sub=*", "read")
        again = _status(server, log_in(issuer, "eve", {"name": "Eve", "groups": "nlp-team "}))
        assert again.status_code == 200
        listed = run_program("serve", "grant", "list", "--tokens", str(tokens), cwd=bare)
        assert listed.out == "groups=nlp-team  write:default\nsub=*  read\n"
        run_program("serve", "grant", "remove", "sub=*", "--tokens", str(tokens), cwd=bare)
        assert _status(server, log_in(issuer, "eve", {"name": "Eve"})).status_code == 403


def test_an_issuer_that_is_down_is_said_and_asked_again(bare: Path, tokens: Path) -> None:
    _grant(tokens, "sub=alice", "read")
    own = run_program(
        "serve", "token", "add", "Bob", "--email", "bob@example.org", "--scope", "read", "--tokens", str(tokens), cwd=bare
    ).out.strip()  # fmt: skip
    with scripted_issuer(ONE) as issuer:
        token, url, port = issuer.sign(), issuer.url, issuer.server.port
    with run_impatiently(bare, *_options(tokens, url)) as server:
        assert "the keys of the issuer cannot be fetched" in "\n".join(server.log)
        down = _status(server, token)
        assert (down.status_code, down.headers["retry-after"]) == (503, "1")
        assert "the issuer of the token cannot be reached" in down.text
        assert _status(server, own).status_code == 200
        assert _status(server, "rt_unknown").status_code == 401
        with scripted_issuer(ONE, port=port):
            found = _status(server, token)
            for _ in range(10):
                if found.status_code != 503:
                    break
                time.sleep(float(found.headers["retry-after"]))  # as a client does
                found = _status(server, token)
            assert found.status_code == 200, found.text
        assert _status(server, token).status_code == 200


def test_a_slow_issuer_delays_only_those_who_need_it(bare: Path, tokens: Path) -> None:
    """Keys are never fetched in the event loop, and any number of requests wait for one fetch."""
    _grant(tokens, "sub=alice", "read")
    with (
        scripted_issuer(ONE) as issuer,
        run_impatiently(bare, *_options(tokens, issuer.url)) as server,
    ):
        assert _status(server, issuer.sign()).status_code == 200
        before = len(issuer.server.asked)
        header = {"Authorization": f"Bearer {issuer.sign(key=TWO)}"}
        time.sleep(1)  # the shortest time between two fetches of an impatient server
        issuer.gate.clear()

        async def run() -> list[httpx.Response]:
            async with httpx.AsyncClient(base_url=server.url, timeout=60) as client:
                waiting = [
                    asyncio.create_task(client.get("/status", headers=header)) for _ in range(40)
                ]
                await asyncio.to_thread(issuer.server.wait_for, before + 1)
                others = [await client.get("/health")]
                known = {"Authorization": f"Bearer {issuer.sign()}"}
                others.append(await client.get("/status", headers=known))
                assert not any(one.done() for one in waiting)
                issuer.keys = [ONE, TWO]
                issuer.gate.set()
                return [*others, *await asyncio.gather(*waiting)]

        assert [one.status_code for one in asyncio.run(run())] == [200, 200, *[200] * 40]
        assert len(issuer.server.asked) == before + 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--oidc-issuer", "https://login.example.org"), "--oidc-audience registry"),
        (("--oidc-issuer", "http://93.184.215.14", "--oidc-audience", "a"), "has no TLS"),
        (("--oidc-audience", "a"), "need --oidc-issuer"),
        (("--oidc-issuer", "http://127.0.0.1:1", "--oidc-audience", "a"), "needs --tokens"),
    ],
    ids=str,
)
def test_options_that_do_not_fit_are_refused(bare: Path, words: tuple[str, ...], said: str) -> None:
    ran = run_program("serve", "--repo", str(bare), *words, cwd=bare)
    assert ran.code == 2
    assert said in ran.err
    assert "Traceback" not in ran.err


def test_what_may_do_nothing_is_said_at_the_start(bare: Path, tokens: Path) -> None:
    with (
        scripted_issuer(ONE) as issuer,
        running_server(bare, *_options(tokens, issuer.url)) as server,
    ):
        assert f"grants nothing to tokens of {issuer.url}" in "\n".join(server.log)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("add", "groups", "--scope", "read"), "is not a claim with a value"),
        (("add", "groups=x", "--scope", "root"), "'root' is not a scope"),
        (("remove", "groups=x"), "has no rule 'groups=x'"),
    ],
    ids=str,
)
def test_wrong_rules_are_refused(tokens: Path, words: tuple[str, ...], said: str) -> None:
    ran = run_program("serve", "grant", *words, "--tokens", str(tokens), cwd=tokens.parent)
    assert ran.code == 2
    assert said in ran.err


def test_the_missing_extra_is_named(bare: Path, tokens: Path) -> None:
    script = (
        "import sys; sys.modules['joserfc'] = None; from registry_tool.cli.main import run;"
        " sys.exit(run(sys.argv[1:]))"
    )
    words = ("serve", "--repo", str(bare), *_options(tokens, "https://login.example.org"))
    ran = subprocess.run(
        [sys.executable, "-c", script, *words], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 4
    assert "needs the package joserfc, which is not installed" in ran.stderr
    assert 'pip install "registry-tool[serve-oidc]"' in ran.stderr
