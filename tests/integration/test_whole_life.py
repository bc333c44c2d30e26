"""A whole life of a model on a real smart-HTTP server: proposed, promoted, refused, rolled back, pinned, withdrawn, asked.

``REGISTRY_TRANSCRIPT=FILE`` keeps what was typed and what was answered.
"""

from __future__ import annotations

import copy
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support import new_repository, run_program, without
from support.git_servers import missing, nginx_server
from support.manifests import registry_yaml

from registry_tool.manifests.problems import JSON

STAGES: JSON = {
    "staging": {},
    "production": {
        "from": "staging",
        "require": [
            {"metric": "accuracy", "min": 0.9},
            {"evidence": "evaluation", "suite": "holdout", "verdict": "pass"},
            {"approvals": 1, "not": "author"},
        ],
    },
}
LANG = "nlp/lang-id"


class Person:
    """Somebody with a clone; what they type and what is answered goes into the transcript."""

    def __init__(self, role: str, url: str, folder: Path, transcript: list[str]) -> None:
        self.role = role
        self.folder = folder
        self._transcript = transcript
        self._env = {
            key: f"{role}@example.org" if key.endswith("EMAIL") else role.title()
            for part in ("AUTHOR", "COMMITTER")
            for key in (f"GIT_{part}_NAME", f"GIT_{part}_EMAIL")
        }
        self._env["GIT_ALLOW_PROTOCOL"] = "file:http"
        self._env["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        subprocess.run(
            ["git", "clone", "--quiet", url, str(folder)],
            env={**os.environ, **self._env},
            check=True,
        )

    def does(self, line: str, *, code: int = 0) -> str:
        """Type one line; the answer, which must end with that exit code."""
        done = subprocess.run(
            shlex.split(line), cwd=self.folder, env={**os.environ, **self._env},
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
        )  # fmt: skip
        self._transcript.append(f"{self.role}$ {line}\n{done.stdout}[exit {done.returncode}]\n")
        assert done.returncode == code, "\n".join(self._transcript[-3:])
        return done.stdout

    def proposes(self, branch: str, *lines: str) -> None:
        """Make commits on a branch, and push it."""
        self.does("git pull --quiet --rebase origin main")
        self.does(f"git switch --quiet -c {branch}")
        for line in lines:
            self.does(line)
        self.does(f"git push --quiet origin {branch}")
        self.does("git switch --quiet main")

    def proposed(self, version: int) -> str:
        """The branch that a promotion of a version opened."""
        found = self.does("git branch --list promote/* --format=%(refname:short)").split()
        (branch,) = [name for name in found if f"-{version}-" in name]
        return branch

    def merges(self, branch: str, *, code: int = 0) -> None:
        """Look at a branch as a reviewer does, merge it and push."""
        self.does("git fetch --quiet origin")
        self.does("git merge --quiet --ff-only origin/main")
        self.does(f"registry diff main origin/{branch}")
        self.does(f"registry check --base main --head origin/{branch}", code=code)
        self.does(f"git merge --quiet --no-ff -m 'Merge {branch}' origin/{branch}")
        self.does("git push --quiet origin main")


@pytest.fixture
def transcript() -> Iterator[list[str]]:
    """What was typed and answered."""
    lines: list[str] = []
    yield lines
    if place := os.environ.get("REGISTRY_TRANSCRIPT"):
        Path(place).write_text("\n".join(lines), encoding="utf-8")


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    """The address of a server with a registry, guarded by its hook."""
    if what := missing({"nginx": "nginx-light", "fcgiwrap": "fcgiwrap"}):
        without(what)
    files = {
        "registry.yaml": registry_yaml(stages=STAGES),
        ".gitignore": "/models/**/*.bin\n",
        ".dvc/config": f"[core]\n    remote = storage\n['remote \"storage\"']\n    url = {tmp_path}/storage\n",
    }
    first = new_repository(tmp_path / "first", files)
    (tmp_path / "storage").mkdir()
    root = tmp_path / "git"
    root.mkdir()
    server = root / "models.git"
    for line in (
        f"git clone --quiet --bare {first} {server}",
        f"git -C {server} config http.receivepack true",
        f"git -C {server} config uploadpack.allowFilter true",
    ):
        subprocess.run(shlex.split(line), check=True)
    done = run_program("hooks", "install", "--server", str(server), cwd=tmp_path)
    assert done.code == 0, done.err
    with nginx_server(root, tmp_path / "nginx", {"team": "secret"}) as http:
        yield http.url("models.git", "team", "secret")


def _add(version: int, accuracy: float, folder: Path) -> str:
    (folder / f"{version}.bin").write_bytes(f"the weights of version {version}".encode())
    return (
        f"registry version add {LANG} --artifact model={folder}/{version}.bin --framework onnx"
        f" --metric accuracy={accuracy} --commit"
    )


def _evidence(version: int, kind: str) -> str:
    return f"registry evidence add {LANG}@{version} --kind {kind} --commit"


def test_a_whole_life(  # noqa: PLR0915 (one life, in its order)
    url: str, tmp_path: Path, transcript: list[str]
) -> None:
    scientist = Person("scientist", url, tmp_path / "scientist", transcript)
    reviewer = Person("reviewer", url, tmp_path / "reviewer", transcript)
    passed = "evaluation --suite holdout --verdict pass --metric accuracy"
    approved = "approval --stage production --decision approve"

    # Added by pull request, evaluated, approved, promoted.
    new = f"registry model add {LANG} --owner speech --task language-identification --description 'Which language?' --commit"
    scientist.proposes("lang-id-1", new, _add(1, 0.91, tmp_path), _evidence(1, f"{passed}=0.91"))
    reviewer.merges("lang-id-1")
    reviewer.does(f"registry promote {LANG}@1 --to staging --push --branch main --reason first")
    reviewer.does(_evidence(1, approved))
    reviewer.does("git push --quiet origin main")
    reviewer.does(f"registry promote {LANG}@1 --to production --push --reason 'first release'")
    reviewer.merges(reviewer.proposed(1))

    # A version whose metric is too low is refused, by the command and by the server.
    scientist.proposes("lang-id-2", _add(2, 0.85, tmp_path), _evidence(2, f"{passed}=0.85"))
    reviewer.merges("lang-id-2")
    reviewer.does(f"registry promote {LANG}@2 --to staging --push --branch main --reason try")
    refused = reviewer.does(f"registry promote {LANG}@2 --to production", code=1)
    assert "accuracy" in refused
    assert "0.85" in refused
    by_hand = reviewer.folder / f"models/{LANG}/aliases/production.yaml"
    by_hand.write_text(by_hand.read_text().replace('"1"', '"2"'))
    reviewer.does("git commit --quiet --no-verify -am 'Only this once'")
    assert "C406" in reviewer.does("git push origin main", code=1)
    reviewer.does("git reset --quiet --hard origin/main")

    # A better one goes through, and is rolled back and pinned when it disappoints.
    scientist.proposes("lang-id-3", _add(3, 0.97, tmp_path), _evidence(3, f"{passed}=0.97"))
    reviewer.merges("lang-id-3")
    reviewer.does(_evidence(3, approved))
    reviewer.does("git push --quiet origin main")
    reviewer.does(f"registry promote {LANG}@3 --to staging --push --branch main --reason candidate")
    reviewer.does(
        f"registry promote {LANG}@3 --to production --push --reason 'better on short text'"
    )
    reviewer.merges(reviewer.proposed(3))
    reviewer.does(
        f"registry rollback {LANG} production --push --branch main --reason 'slow on phones'"
    )
    pinned = reviewer.does(f"registry promote {LANG}@3 --to production --automatic")
    assert "pinned" in pinned
    scientist.does("git pull --quiet --rebase origin main")
    scientist.does(f"registry alias set {LANG}@1 staging --reason 'back too' --commit")
    scientist.does(f"registry withdraw {LANG}@3 --reason 'trained on leaked labels' --commit")
    scientist.does("git push --quiet origin main")

    # History tells all of it; a shallow clone says that it cannot.
    told = scientist.does(f"registry history {LANG}@production")
    for words in ("first release", "better on short text", "slow on phones", "pinned"):
        assert words in told
    assert "Only this once" not in told
    scientist.does(f"registry history {LANG}@3")
    audit = scientist.does(f"registry audit --model {LANG} --format csv")
    assert audit.count("@production") + audit.count(",production,") >= 3
    scientist.does("registry check --all")
    scientist.does(f"git clone --quiet --depth 1 {url} ../shallow")
    shallow = copy.copy(scientist)
    shallow.role, shallow.folder = "auditor", tmp_path / "shallow"
    shallow.does(f"registry resolve {LANG}@production")
    for question in (f"history {LANG}@production", f"audit --model {LANG}", "events HEAD~1 HEAD"):
        assert "shallow" in shallow.does(f"registry {question}", code=4)
    shallow.does("git fetch --quiet --unshallow")
    assert shallow.does(f"registry history {LANG}@production") == told
