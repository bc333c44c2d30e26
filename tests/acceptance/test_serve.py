"""``registry serve`` as a process: how it starts, what it prints, how it ends, and its tokens."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from support import Ran, commit, git, run_program, write_files
from support.certificates import make_certificate
from support.manifests import namespace_yaml
from support.wire_clients import running_server
from support.written_trains import bare_registry

LINES = {"Accept": "application/x-ndjson"}


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    return bare_registry(tmp_path)


@pytest.fixture
def publish(bare: Path, tmp_path: Path) -> Callable[[str], str]:
    """Pushes a namespace as another person does; gives the commit."""

    def push(name: str) -> str:
        work = tmp_path / "work"
        if not work.exists():
            git(tmp_path, "clone", "--quiet", str(bare), "work")
        write_files(work, {f"models/{name}/namespace.yaml": namespace_yaml()})
        oid = commit(work, f"Add {name}")
        git(work, "push", "--quiet", "origin", "main")
        return oid

    return push


def _refused(*words: str, cwd: Path, code: int = 2) -> Ran:
    ran = run_program("serve", *words, cwd=cwd)
    assert ran.code == code, ran.out + ran.err
    assert "Traceback" not in ran.err
    return ran


def test_it_says_what_it_serves_and_ends_on_sigterm(bare: Path) -> None:
    with running_server(bare) as server:
        oid = git(bare, "rev-parse", "main")
        assert server.log[0] == f"serving {bare} at main ({oid[:12]}) on {server.url}"
        assert server.log[-1] == "stop with Ctrl-C"
        assert f"  MLFLOW_REGISTRY_URI={server.url}" in server.log
        client = f'ModelRegistry("http://127.0.0.1", {server.port}, author="NAME", is_secure=False)'
        assert f"  {client}" in server.log
        assert httpx.get(f"{server.url}/health").text == "OK"
        assert httpx.get(f"{server.url}/status").json()["commit"] == oid
    assert not [line for line in server.log if "Traceback" in line]


def test_a_checkout_is_served_from_within(bare: Path, tmp_path: Path) -> None:
    git(tmp_path, "clone", "--quiet", str(bare), "work")
    git(tmp_path / "work", "remote", "remove", "origin")
    with running_server(tmp_path / "work" / "models", "--read-only") as server:
        assert httpx.get(f"{server.url}/status").json()["mode"] == "read-only"


def test_commits_of_others_are_served_and_events_go_on_after_a_crash(
    bare: Path, publish: Callable[[str], str]
) -> None:
    start = git(bare, "rev-parse", "main")
    with running_server(bare) as server, httpx.Client(base_url=server.url) as client:
        with client.stream("GET", "/events", headers={"Last-Event-ID": start}) as stream:
            lines = stream.iter_lines()
            assert next(lines) == ": connected"
            oid = publish("cv")
            seen = next(line for line in lines if line.startswith("id: "))
        assert seen == f"id: {oid}:models/cv/namespace.yaml"
        assert client.get("/status").json()["commit"] == oid
        server.kill()
    later = publish("audio")
    with running_server(f"file://{bare}", "--read-only") as server:
        position = {"since": seen.removeprefix("id: ")}
        found = httpx.get(f"{server.url}/events", params=position, headers=LINES)
        events = [json.loads(line) for line in found.text.splitlines()]
        assert [one["id"] for one in events] == [f"{later}:models/audio/namespace.yaml"]


def test_a_stream_of_events_ends_with_the_server(bare: Path) -> None:
    with (
        running_server(bare) as server,
        httpx.stream("GET", f"{server.url}/events", timeout=30) as stream,
    ):
        server.process.send_signal(signal.SIGTERM)
        assert [line for line in stream.iter_lines() if line] == [": connected"]
        assert server.process.wait(30) == 0


def test_a_request_under_way_is_answered_after_sigterm(tmp_path: Path) -> None:
    script = """
        import asyncio, os, signal, sys
        from registry_tool.server.http.run import Listener, bind, serve_until_stopped
        from starlette.responses import PlainTextResponse

        async def app(scope, receive, send):
            if scope["type"] == "http":
                os.kill(os.getpid(), signal.SIGTERM)
                await asyncio.sleep(0.5)
                await PlainTextResponse("done")(scope, receive, send)
            else:
                while (await receive())["type"] != "lifespan.shutdown":
                    await send({"type": "lifespan.startup.complete"})
                await send({"type": "lifespan.shutdown.complete"})

        listener = Listener(bind("127.0.0.1", 0))
        serve_until_stopped(app, listener, on_started=lambda: print(listener.url, flush=True))
        print("ended", flush=True)
    """
    words = [sys.executable, "-c", textwrap.dedent(script)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, cwd=tmp_path) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        assert httpx.get(url, timeout=30).text == "done"
        assert process.stdout.read() == "ended\n"
    assert process.returncode == 0


def test_tls_with_a_certificate_of_its_own(bare: Path, tmp_path: Path) -> None:
    certificate, key = make_certificate(tmp_path)
    with running_server(bare, "--cert", str(certificate), "--key", str(key)) as server:
        assert server.url.startswith("https://127.0.0.1:")
        trusted = ssl.create_default_context(cafile=str(certificate))
        assert httpx.get(f"{server.url}/health", verify=trusted).text == "OK"
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"{server.url}/health")
        with socket.create_connection(("127.0.0.1", server.port), 10) as plain:
            plain.sendall(b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            with contextlib.suppress(ConnectionError):
                assert not plain.recv(1000).startswith(b"HTTP/1.1 200")
        assert httpx.get(f"{server.url}/health", verify=trusted).text == "OK"


def test_tokens_are_added_listed_revoked_and_obeyed_at_once(bare: Path, tmp_path: Path) -> None:
    tokens = ("--tokens", str(tmp_path / "tokens.jsonl"))
    with running_server(bare, *tokens) as server:
        assert "has no tokens, so every request is refused" in "\n".join(server.log)

        def status(text: str) -> int:
            return httpx.get(f"{server.url}/status", auth=("", text)).status_code

        assert status("") == 401
        about = ("--email", "bob@example.org", "--scope", "read:nlp", "--expires", "12h")
        ran = run_program("serve", "token", "add", "Bob", *about, *tokens, cwd=tmp_path)
        assert (ran.code, ran.err[:6]) == (0, "token "), ran.err
        text = ran.out.strip()
        assert text not in (tmp_path / "tokens.jsonl").read_text()
        assert status(text) == 200
        bearer = {"Authorization": f"Bearer {text}"}
        assert httpx.get(f"{server.url}/metrics", headers=bearer).status_code == 403
        assert httpx.get(f"{server.url}/status?token={text}").status_code == 401
        ran = run_program("serve", "token", "list", "--format", "json", *tokens, cwd=tmp_path)
        (listed,) = json.loads(ran.out)
        assert (listed["name"], listed["scopes"]) == ("Bob", ["read:nlp"])
        assert text not in run_program("serve", "token", "list", *tokens, cwd=tmp_path).out
        ran = run_program("serve", "token", "revoke", "Bob", *tokens, cwd=tmp_path)
        assert ran.out == f"revoked {listed['id']} of Bob\n"
        assert status(text) == 401
    _, *problem = run_program("serve", "token", "revoke", "Bob", *tokens, cwd=tmp_path)
    assert "Bob" in str(problem)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--api", "gopher"], "'gopher' is not a protocol of this server"),
        (["--host", "0.0.0.0"], "requests must have tokens"),
        (["--host", "no host.invalid", "--tokens", "tokens"], "is not a host"),
        (["--key", "key.pem"], "--key needs --cert"),
        (["--cert", "none.pem"], "cannot use the certificate none.pem: No such file"),
        (["--port", "70000"], "70000 is not in the range"),
        (["--repo", "none"], "none does not exist"),
        (["--repo", "ext::sh -c true"], "ext::sh"),
    ],
    ids=lambda one: " ".join(one) if isinstance(one, list) else "",
)
def test_wrong_options_are_refused(bare: Path, words: list[str], said: str) -> None:
    assert said in _refused(*words, cwd=bare).err


def test_what_cannot_be_served_is_said(bare: Path, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        ran = _refused("--port", port, cwd=bare, code=4)
    assert f"cannot listen on 127.0.0.1:{port}" in ran.err
    git(tmp_path, "clone", "--quiet", str(bare), "work")
    (tmp_path / "work" / "serve.yaml").write_text("schema: serve/v1\nwrite: commit\n")
    commit(tmp_path / "work")
    assert "--push" in _refused(cwd=tmp_path / "work").err
    (tmp_path / "tokens").write_text("{}\n")
    (tmp_path / "tokens").chmod(0o600)
    ran = _refused("--tokens", str(tmp_path / "tokens"), cwd=bare, code=4)
    assert "tokens:1: this line is not a token" in ran.err
    if os.name == "posix":
        (tmp_path / "tokens").chmod(0o644)
        ran = _refused("--tokens", str(tmp_path / "tokens"), cwd=bare, code=4)
        assert f"chmod 600 {tmp_path}/tokens" in ran.err


def test_the_guard_stands_before_everything(bare: Path) -> None:
    with running_server(bare, "--rate", "5") as server:
        with httpx.Client(base_url=server.url) as client:
            assert client.get("/status", headers={"Host": "evil.example.org"}).status_code == 403
            assert client.get("/status", headers={"Origin": "http://evil.org"}).status_code == 403
            assert client.request("TRACE", "/status").status_code == 405
        with socket.create_connection(("127.0.0.1", server.port), 10) as raw:
            head = f"POST /status HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {2 << 30}\r\n\r\n"
            raw.sendall(head.encode())
            assert raw.recv(1000).startswith(b"HTTP/1.1 413 ")
        with httpx.Client(base_url=server.url) as client:
            found = {client.get("/status").status_code for _ in range(150)}
        assert found == {200, 429}


def test_every_answered_write_is_in_the_repository_after_a_kill(bare: Path, tmp_path: Path) -> None:
    answered: set[str] = set()
    enough = threading.Event()

    def write(worker: int, url: str) -> None:
        with httpx.Client(base_url=url, timeout=30) as client, contextlib.suppress(httpx.HTTPError):
            for number in range(1000):
                name = f"m{worker}-{number}"
                found = client.post("/api/2.0/mlflow/registered-models/create", json={"name": name})
                assert found.status_code == 200, found.text
                answered.add(name)
                if len(answered) >= 30:
                    enough.set()

    with running_server(bare, "--api", "mlflow") as server:
        workers = [threading.Thread(target=write, args=(n, server.url)) for n in range(4)]
        for one in workers:
            one.start()
        assert enough.wait(60)
        server.kill()
        for one in workers:
            one.join()
    git(bare, "fsck", "--full", "--strict")
    git(tmp_path, "clone", "--quiet", str(bare), "fresh")
    names = {path.name for path in (tmp_path / "fresh" / "models" / "default").iterdir()}
    assert answered <= names
    with running_server(bare, "--api", "mlflow") as server:
        body = {"name": "after"}
        url = f"{server.url}/api/2.0/mlflow/registered-models/create"
        assert httpx.post(url, json=body).status_code == 200
        assert httpx.post(url, json=body).json()["error_code"] == "RESOURCE_ALREADY_EXISTS"
