"""Sixteen people push to one server at once: nothing is lost, nothing is there twice, and who loses is told what to do."""

from __future__ import annotations

import re
import subprocess
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from threading import Barrier, Event

import pytest
from support import Ran, git, run_program, without
from support.git_servers import NGINX, missing, nginx_server
from support.manifests import model_files, namespace_yaml, registry_yaml

import registry_tool as registry

WRITERS = 16
TRIES = 200
SHARED = "nlp/shared"
REBASE = "git pull --rebase origin main"
TAKE_BACK = "git reset --keep origin/main"
# What a loser may be told: by our command, by our hook, by Git.
LOST = {
    TAKE_BACK: "both sides changed: take yours back or rebase by hand",
    REBASE: "rebase and push again",
    "fetch first": "Git: fetch first",
    "cannot lock ref": "Git: the lock was lost",
}


@dataclass
class Writer:
    """One person with a clone: adds a version, then moves an alias to it.

    Even ones work on one model and claim one alias; odd ones have a model of their own.
    """

    number: int
    folder: Path
    told: list[str] = field(default_factory=list)
    chance: Random = field(default_factory=Random)

    @property
    def model(self) -> str:
        return SHARED if self.number % 2 == 0 else f"nlp/own-{self.number}"

    @property
    def mark(self) -> str:
        return f"by writer {self.number}"

    def run(self, *arguments: str) -> Ran:
        return run_program(*arguments, cwd=self.folder)

    def git(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["git", *arguments], cwd=self.folder, capture_output=True, text=True, check=False
        )

    def insist(self, *arguments: str) -> None:
        """Run a command that pushes; when it loses, do what it says, until it went in."""
        for _ in range(TRIES):
            done = self.run(*arguments, "--push")
            if done.code == 0:
                return
            assert done.err.startswith("error: origin refused main"), done.err
            self.lost(done.err)
            if TAKE_BACK in done.err:
                assert self.git(*TAKE_BACK.split()[1:]).returncode == 0
            elif self.bring_up():
                return
        raise AssertionError(f"{self.mark}: never went in")

    def insist_by_hand(self, *arguments: str) -> None:
        """As ``insist``, but commit first and push with plain Git, as people do who read what Git says."""
        for _ in range(TRIES):
            assert self.run(*arguments, "--commit").code == 0
            if self.bring_up():
                return
        raise AssertionError(f"{self.mark}: never went in")

    def bring_up(self) -> bool:
        """Rebase and push while others are faster; False after a conflict, with the commit taken back."""
        for losses in range(TRIES):
            if self.git(*REBASE.split()[1:]).returncode != 0:
                assert self.git("rebase", "--abort").returncode == 0
                assert self.git(*TAKE_BACK.split()[1:]).returncode == 0
                return False
            pushed = self.git("push", "origin", "main")
            if pushed.returncode == 0:
                return True
            self.lost(pushed.stderr)
            Event().wait(self.chance.uniform(0, min(8.0, 2**losses / 2)))
        raise AssertionError(f"{self.mark}: never went in")

    def lost(self, said: str) -> None:
        """Take a lost race down, by what was said; any other refusal fails the test."""
        why = next((why for words, why in LOST.items() if words in said), None)
        assert why is not None, said
        self.told.append(why)

    def work(self, start: Barrier) -> None:
        start.wait()
        version = (
            "version", "add", self.model, "--track", f"s3://bucket/{self.number}",
            "--framework", "onnx", "--description", self.mark,
        )  # fmt: skip
        self.insist(*version)
        alias = "contested" if self.model == SHARED else "production"
        move = ("alias", "set", f"{self.model}@{self.own_version()}", alias, "--reason", self.mark)
        if self.number % 4 < 2:
            self.insist(*move)
        else:
            self.insist_by_hand(*move)

    def own_version(self) -> str:
        with registry.open(self.folder) as reg:
            return next(number for number, mark in marks(reg, self.model) if mark == self.mark)


def marks(reg: registry.Registry, model: str) -> list[tuple[str, str | None]]:
    """The versions of a model, and who made them."""
    numbers = reg.model(model).versions
    return [(number, reg.version(f"{model}@{number}").description) for number in numbers]


@pytest.fixture
def bare(make_registry: Callable[..., Path], tmp_path: Path) -> Path:
    """A server with the hook and the models of all writers."""
    files = {"registry.yaml": registry_yaml(), "models/nlp/namespace.yaml": namespace_yaml()}
    for name in (SHARED, *(f"nlp/own-{number}" for number in range(1, WRITERS, 2))):
        files |= model_files(name, versions=())
    start = make_registry(files)
    place = tmp_path / "served" / "models.git"
    place.parent.mkdir()
    git(tmp_path, "clone", "-q", "--bare", str(start), str(place))
    git(place, "config", "http.receivepack", "true")
    assert run_program("hooks", "install", "--server", str(place), cwd=tmp_path).code == 0
    return place


def test_sixteen_writers(
    bare: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    record_property: Callable[[str, object], None],
) -> None:
    if lack := missing(NGINX):
        without(lack)
    monkeypatch.setenv("GIT_ALLOW_PROTOCOL", "file:http")
    before = int(git(bare, "rev-list", "--count", "main"))
    users = {f"writer-{number}": f"secret-{number}" for number in range(WRITERS)}
    with nginx_server(bare.parent, tmp_path / "nginx", users, at_once=WRITERS) as server:
        writers = []
        for number, (user, password) in enumerate(users.items()):
            folder = tmp_path / f"clone-{number}"
            git(tmp_path, "clone", "-q", server.url(bare.name, user, password), str(folder))
            writers.append(Writer(number, folder))
        start = Barrier(WRITERS)
        with ThreadPoolExecutor(WRITERS) as pool:
            list(pool.map(lambda writer: writer.work(start), writers))
    told = Counter(why for writer in writers for why in writer.told)
    for why, count in told.items():
        record_property(f"told: {why}", count)
    log = (tmp_path / "nginx/access.log").read_text()
    record_property(
        "pushes that arrived", len(re.findall(r"POST \S+/git-receive-pack .* 200 ", log))
    )
    record_property("pushes that went in", 2 * WRITERS)
    _everything_is_there(bare, writers, before)


def _everything_is_there(bare: Path, writers: list[Writer], before: int) -> None:
    checked = run_program("check", "--all", "--repo", str(bare), cwd=bare)
    assert checked.code == 0, checked.out
    assert git(bare, "fsck", "--strict", "--no-dangling") == ""
    with registry.open(bare) as reg:
        by_model = {writer.model: marks(reg, writer.model) for writer in writers}
        contested = reg.version(f"{SHARED}@contested").description
        for writer in writers:
            if writer.model != SHARED:
                assert by_model[writer.model] == [("1", writer.mark)]
                assert reg.version(f"{writer.model}@production").version == "1"
    sharing = [writer.mark for writer in writers if writer.model == SHARED]
    numbers = {int(version) for version, _ in by_model[SHARED]}
    assert numbers == set(range(1, len(sharing) + 1))
    assert sorted(str(mark) for _, mark in by_model[SHARED]) == sorted(sharing)
    # One commit for each version and each move of an alias, one after the other.
    assert int(git(bare, "rev-list", "--count", "--first-parent", "main")) == before + 2 * WRITERS
    assert git(bare, "rev-list", "--merges", "main") == ""
    alias = f"models/{SHARED}/aliases/contested.yaml"
    moves = git(bare, "log", "--format=%H", "main", "--", alias).split()
    reasons = [re.findall("by writer [0-9]+", git(bare, "show", f"{c}:{alias}"))[0] for c in moves]
    assert sorted(reasons) == sorted(sharing)
    assert reasons[0] == contested
