"""Clients that write at once, people who push between them, and kills of the server.

Every request carries a mark of its own in what it writes, and as its ``Idempotency-Key``. A client repeats a request whose
connection broke, so in the end each request is acknowledged; then each mark must be in the published branch once.
"""

from __future__ import annotations

import http.client
import json
import random
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self
from urllib.parse import urlsplit

from registry_tool.manifests.problems import JSON
from support import commit, git, run_git, run_program, write_files
from support.wire_clients import running_server

__all__ = ["Storm", "check_storm", "guarded_registry", "push_notes", "run_storm"]

_MLFLOW: Final = "/api/2.0/mlflow"
_KUBEFLOW: Final = "/api/model_registry/v1alpha3"
_PATIENCE: Final = 60.0
_UNPAUSED: Final = 2
_ATTEMPTS: Final = 40
_SHARED: Final = "storm-shared"


def guarded_registry(folder: Path, files: Mapping[str, str]) -> Path:
    """A bare repository with our hook, into which a registry has been pushed; people push to it too."""
    bare = folder / "bare.git"
    git(folder, "init", "--quiet", "--bare", "--initial-branch=main", str(bare))
    installed = run_program("hooks", "install", "--server", str(bare), cwd=folder)
    assert installed.code == 0, installed.err
    git(folder, "clone", "--quiet", str(bare), "person")
    write_files(folder / "person", dict(files))
    commit(folder / "person", "Start")
    git(folder / "person", "push", "--quiet", "origin", "HEAD:main")
    return bare


@dataclass
class Storm:
    """What happened.

    Attributes:
        bare: The repository that is served.
        url: The address of the server; empty while it is down.
        created: Marks of things that were created and acknowledged.
        settings: The last acknowledged mark by the key that a client sets again and again.
        stored: MD5 digests of files that were uploaded and acknowledged, to the folder ``storage`` next to ``bare``.
        pushed: Commits of people that the repository took.
        failures: Answers that were errors.
        broken: Requests whose connection broke, and that were repeated.
        unpaused: How many of the pushes were taken while all clients wrote.
        kills: How often the server was killed.
        is_over: Set at the end.
        is_up: Set while there is a server.
        may_write: Cleared while a person has been refused again and again: Git takes a push only if the branch has not moved
            since it was fetched, and with clients that never pause it always has.
        pause: A file that exists meanwhile, for clients that are other processes; None where there are none.
    """

    bare: Path
    url: str = ""
    created: set[str] = field(default_factory=set)
    settings: dict[str, str] = field(default_factory=dict)
    stored: set[str] = field(default_factory=set)
    pushed: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    broken: int = 0
    unpaused: int = 0
    kills: int = 0
    is_over: threading.Event = field(default_factory=threading.Event)
    is_up: threading.Event = field(default_factory=threading.Event)
    may_write: threading.Event = field(default_factory=threading.Event)
    pause: Path | None = None

    def hold(self) -> None:
        """Let the clients wait before their next request."""
        self.may_write.clear()
        if self.pause is not None:
            self.pause.touch()

    def release(self) -> None:
        """Let the clients write."""
        self.may_write.set()
        if self.pause is not None:
            self.pause.unlink(missing_ok=True)


class _Wire:
    """One client's connection; follows the server to its new address after a kill."""

    def __init__(self, storm: Storm) -> None:
        self._storm = storm
        self._url = ""
        self._connection: http.client.HTTPConnection | None = None

    def write(self, method: str, path: str, mark: str, body: JSON) -> dict[str, JSON]:
        """Send a request until it is answered; the answer, empty for an error, which is noted."""
        end = time.monotonic() + _PATIENCE
        while time.monotonic() < end:
            self._storm.may_write.wait(_PATIENCE)
            self._storm.is_up.wait(_PATIENCE)
            try:
                status, answer = self._once(method, path, mark, body)
            except (OSError, http.client.HTTPException):
                self.close()
                self._storm.broken += 1
                time.sleep(0.02)
                continue
            if status in {429, 503}:
                time.sleep(0.05)
                continue
            if status < 300:
                found = json.loads(answer)
                assert isinstance(found, dict)
                return {"status": status, **found}
            self._storm.failures.append(f"{method} {path} {mark}: {status} {answer[:300]!r}")
            return {}
        self._storm.failures.append(f"{method} {path} {mark}: no answer")
        return {}

    def close(self) -> None:
        """Close the connection; the next request makes one."""
        if self._connection is not None:
            self._connection.close()
        self._connection = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _once(self, method: str, path: str, mark: str, body: JSON) -> tuple[int, bytes]:
        url = self._storm.url
        if self._connection is None or url != self._url:
            self.close()
            parts = urlsplit(url)
            self._connection = http.client.HTTPConnection(
                parts.hostname or "", parts.port, timeout=30
            )
            self._url = url
        headers = {"Content-Type": "application/json", "Idempotency-Key": mark}
        self._connection.request(method, path, json.dumps(body), headers)
        with self._connection.getresponse() as response:
            return response.status, response.read()


def _mlflow_client(storm: Storm, wire: _Wire, number: int) -> None:
    turn = 0
    own = f"storm-mlflow-{number}"
    if not wire.write("POST", f"{_MLFLOW}/registered-models/create", own, {"name": own}):
        return
    while not storm.is_over.is_set():
        turn += 1
        mark = f"mark-m{number}x{turn}x"
        name = _SHARED if turn % 3 == 0 else own
        made = wire.write(
            "POST", f"{_MLFLOW}/model-versions/create", mark,
            {"name": name, "source": f"s3://bucket/{number}/{turn}", "description": mark},
        )  # fmt: skip
        if made:
            storm.created.add(mark)
        again = f"mark-m{number}x{turn}t"
        tag: JSON = {"name": own, "key": f"tag-{number}", "value": again}
        if wire.write("POST", f"{_MLFLOW}/registered-models/set-tag", again, tag):
            storm.settings[f"m{number}"] = again


def _kubeflow_client(storm: Storm, wire: _Wire, number: int) -> None:
    turn = 0
    while not storm.is_over.is_set():
        turn += 1
        mark = f"mark-k{number}x{turn}x"
        model = wire.write(
            "POST", f"{_KUBEFLOW}/registered_models", f"{mark}m",
            {"name": f"storm-kubeflow-{number}-{turn}", "description": f"{mark}m"},
        )  # fmt: skip
        if not model:
            continue
        storm.created.add(f"{mark}m")
        version = wire.write(
            "POST", f"{_KUBEFLOW}/model_versions", f"{mark}v",
            {"name": "v1", "registeredModelId": model["id"], "description": f"{mark}v"},
        )  # fmt: skip
        if not version:
            continue
        storm.created.add(f"{mark}v")
        artifact: JSON = {
            "artifactType": "model-artifact",
            "name": "weights",
            "uri": f"https://example.org/{mark}a.onnx",
        }
        path = f"{_KUBEFLOW}/model_versions/{version['id']}/artifacts"
        if wire.write("POST", path, f"{mark}a", artifact):
            storm.created.add(f"{mark}a")


def push_notes(storm: Storm, clone: Path) -> None:
    """A person who commits a note, pushes it through the hook until it is taken, and begins again."""
    turn = 0
    while not storm.is_over.is_set():
        turn += 1
        write_files(clone, {f"notes/{turn}.md": f"mark-p0x{turn}x\n"})
        commit(clone, f"Note {turn}")
        attempts = 0
        while attempts < _ATTEMPTS:
            attempts += 1
            if attempts > _UNPAUSED:
                storm.hold()
            git(clone, "pull", "--quiet", "--rebase", "origin", "main")
            done = subprocess.run(
                ["git", "push", "--quiet", "origin", "HEAD:main"],
                cwd=clone, capture_output=True, check=False,
            )  # fmt: skip
            if done.returncode == 0:
                storm.pushed.append(git(clone, "rev-parse", "HEAD"))
                storm.created.add(f"mark-p0x{turn}x")
                storm.unpaused += attempts <= _UNPAUSED
                break
        else:
            storm.failures.append(f"a push was refused: {done.stderr.decode()[-500:]}")
        storm.release()
        storm.is_over.wait(0.3)


def _clients(storm: Storm, faces: tuple[str, ...], count: int) -> list[threading.Thread]:
    known = {"mlflow": _mlflow_client, "kubeflow": _kubeflow_client}

    def work(number: int) -> None:
        with _Wire(storm) as wire:
            known[faces[number % len(faces)]](storm, wire, number)

    return [threading.Thread(target=work, args=(number,)) for number in range(count)]


def _make_shared(storm: Storm) -> None:
    with _Wire(storm) as wire:
        wire.write("POST", f"{_MLFLOW}/registered-models/create", _SHARED, {"name": _SHARED})


def run_storm(
    bare: Path,
    *,
    clients: int = 16,
    seconds: float = 10.0,
    kills: int = 0,
    faces: tuple[str, ...] = ("mlflow", "kubeflow"),
    seed: int = 1,
) -> Storm:
    """Let clients write and a person push for some seconds, and kill the server meanwhile.

    Args:
        bare: From ``guarded_registry``; the clone ``person`` lies next to it.
        clients: How many, of the protocols in turn.
        seconds: How long.
        kills: How often the server is killed, spread over the time.
        faces: The protocols.
        seed: Of the moments of the kills.
    """
    storm, chance = Storm(bare), random.Random(seed)
    storm.release()
    threads = _clients(storm, faces, clients)
    threads.append(threading.Thread(target=push_notes, args=(storm, bare.parent / "person")))
    share = seconds / (kills + 1)
    with ExitStack() as running:
        for turn in range(kills + 1):
            server = running.enter_context(running_server(bare))
            storm.url = server.url
            storm.is_up.set()
            if turn == 0:
                if "mlflow" in faces:
                    _make_shared(storm)
                for thread in threads:
                    thread.start()
            time.sleep(share * chance.uniform(0.6, 1.4) if kills else share)
            if turn < kills:
                storm.is_up.clear()
                server.kill()
                storm.kills += 1
        storm.is_over.set()
        for thread in threads:
            thread.join(_PATIENCE * 2)
            assert not thread.is_alive(), "a client got no answer"
    return storm


def check_storm(storm: Storm, folder: Path) -> Path:
    """Check that nothing was lost, nothing is there twice, and Git is content; a fresh clone.

    Raises:
        AssertionError: With what is wrong.
    """
    assert storm.failures == [], "\n".join(storm.failures[:10])
    clone = folder / "after"
    git(folder, "clone", "--quiet", str(storm.bare), str(clone))
    # A model's card begins with its description.
    pattern = "mark-[a-z][0-9]+x[0-9]*[a-z]+"
    said = run_git(clone, "grep", "-h", "-o", "-E", pattern, "HEAD", "--", ".", ":!*/CARD.md")
    found = Counter(said.decode().split())
    lost = sorted(storm.created - set(found))
    assert lost == [], f"{len(lost)} of {len(storm.created)} are lost: {lost[:10]}"
    twice = [mark for mark in storm.created if found[mark] > 1]
    assert twice == [], f"{len(twice)} are there twice: {sorted(twice)[:10]}"
    assert [mark for mark in storm.settings.values() if not found[mark]] == []
    digests = set(run_git(clone, "grep", "-h", "-o", "-E", "[0-9a-f]{32}", "HEAD").decode().split())
    assert sorted(storm.stored - digests) == []
    objects = storm.bare.parent / "storage" / "files" / "md5"
    assert [one for one in storm.stored if not (objects / one[:2] / one[2:]).is_file()] == []
    requests = Counter(
        git(clone, "log", "--format=%(trailers:key=Registry-Request,valueonly)").split()
    )
    assert [key for key, count in requests.items() if count > 1] == []
    assert set(storm.pushed) <= set(git(clone, "rev-list", "--first-parent", "HEAD").split())
    for place in (storm.bare, clone):
        assert git(place, "fsck", "--full", "--strict", "--no-dangling") == ""
    checked = run_program("check", "--all", cwd=clone)
    assert checked.code == 0, checked.out[-3000:]
    return clone
