"""Two people, a server and a remote: adding, reusing, erasing, purging and collecting bytes, with Git's own acts between.

A move is a mapping of JSON values, as in ``registry_world``. Commands run in this process; those that are killed run in a
copy of it, which dies before its n-th change to the disk, with nothing left to chance. Days pass by making everything
on the remote older. A push to the main branch is made as honest people make it: after what CI asks (``check --remote``)
and what the server's hook asks; pull requests are pushed as they are.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import itertools
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from adversary.bytes_oracle import BytesOracle, Lost
from adversary.edits import Move, as_int, as_list, as_text
from adversary.registry_world import judged
from support import commit as commit_all
from support import git, put_object, write_files
from support.manifests import (
    DVC_CONFIG,
    model_yaml,
    namespace_yaml,
    registry_yaml,
    stored_artifact,
    version_files,
)

from registry_tool.cli.main import run
from registry_tool.git.remote.ref_updates import Update

__all__ = ["BytesTemplate", "BytesWorld", "Ended"]

_PEOPLE: Final = ("ada", "bob")
_GRACE: Final = 7
_DAY: Final = 86400
_CONTENTS: Final = 4
_BUG: Final = "this is a bug in registry-tool"
_CHANGES: Final = ("os.rename", "os.link", "os.remove", "os.mkdir", "os.rmdir", "os.truncate")
_PATIENCE: Final = 60.0


class Ended(NamedTuple):
    """How a move ended: one word, and whether objects were deleted; what was said; what is broken since."""

    said: str
    words: str = ""
    violations: tuple[Lost, ...] = ()


def _content(number: int) -> bytes:
    return b"content %d\n" % (number % _CONTENTS)


class BytesTemplate:
    """What each game begins with, made once: ``nlp/m`` with three versions, a folder among them, all on the remote."""

    def __init__(self, place: Path) -> None:
        self._place = place
        self._count = 0
        home = place / "template"
        work = home / "ada"
        work.mkdir(parents=True)
        git(work, "init", "--quiet", "--initial-branch=main", "--template=")
        files = {
            "registry.yaml": registry_yaml(stages={"staging": {}}),
            ".dvc/config": DVC_CONFIG.replace("../storage", "../../storage"),
            ".gitignore": "/models/**/*.bin\n/models/**/parts\n",
            "models/nlp/namespace.yaml": namespace_yaml(),
            "models/nlp/m/model.yaml": model_yaml("m", "nlp"),
        }
        for number in (0, 1):
            artifact = stored_artifact(_content(number))
            files |= version_files(str(number + 1), "nlp/m", artifacts=[artifact])
        for number in range(
            _CONTENTS
        ):  # half of them are left over from versions that were never published
            place = put_object(home, _content(number))
            then = time.time() - 30 * _DAY
            os.utime(place, (then, then))
        write_files(work, {"README.md": "Models\n"})
        commit_all(work)
        write_files(work, files)
        commit_all(work)
        git(home, "clone", "--quiet", "--bare", "--template=", "ada", "server.git")
        for number in range(_CONTENTS):
            write_files(home / "files" / str(number), {"model.bin": _content(number)})
        for number in range(2):
            parts = {"a.bin": _content(number), "b.bin": _content(number + 2)}
            write_files(home / "folders" / str(number) / "parts", parts)
        for who in ("ada", "bob"):
            shutil.rmtree(home / who, ignore_errors=True)
            git(home, "clone", "--quiet", "--template=", "server.git", who)
            git(home / who, "config", "user.name", who)
            git(home / who, "config", "user.email", f"{who}@example.org")
            git(home / who, "config", "remote.origin.url", "../server.git")

    def world(self) -> BytesWorld:
        """A new game."""
        self._count += 1
        home = self._place / f"game-{self._count}"
        shutil.copytree(self._place / "template", home, symlinks=True)
        return BytesWorld(home)


class BytesWorld:
    """One game; see the module."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.server = home / "server.git"
        self.storage = home / "storage"
        self._clones = {who: home / who for who in _PEOPLE}
        self._day = 0
        self._numbers = itertools.count(
            1
        )  # two versions with the same outputs would have to say so
        # When each person came to rely on an object last, in days of this game.
        self._relied: dict[str, dict[str, int]] = {who: {} for who in _PEOPLE}
        self._oracle = BytesOracle(self.server, self._clones, self.storage)

    def close(self) -> None:
        """End the game and throw it away."""
        self._oracle.close()
        shutil.rmtree(self.home, ignore_errors=True)

    def play(self, move: Move) -> Ended:
        """Make one move, and look what it broke."""
        who = _PEOPLE[as_int(move.get("who", 0)) % len(_PEOPLE)]
        known = {"add": self._add, "command": self._command, "git": self._git_act, "push": self._push,
                 "days": self._days, "propose": self._propose, "kill": self._kill}  # fmt: skip
        ended = known[as_text(move["do"])](who, move)
        self._rely(who, move)
        lost = self._look(who)
        if _BUG in ended.words or "Traceback" in ended.words:
            lost.append(Lost("no bugs", "", ended.words[-600:]))
        said = f"{ended.said}, deleted" if self._oracle.gone else ended.said
        return ended._replace(said=said, violations=(*ended.violations, *lost))

    def look(self, number: int) -> list[Lost]:
        """What is missing since the last move, if this person is to blame."""
        return self._look(_PEOPLE[number])

    def _look(self, who: str) -> list[Lost]:
        young = {
            person: [md5 for md5, day in relied.items() if self._day - day < _GRACE]
            for person, relied in self._relied.items()
        }
        return self._oracle.look(who, young)

    # Commands

    def _arguments(self, move: Move) -> list[str]:
        """The words of a command; places of this game stand for numbers."""
        if move["do"] == "command":
            return [as_text(word) for word in as_list(move["arguments"])]
        number = as_int(move.get("content", 0))
        sources = {
            "file": f"{self.home}/files/{number % _CONTENTS}/model.bin",
            "folder": f"{self.home}/folders/{number % 2}/parts",
            "reuse": f"registry:{as_text(move.get('from', 'nlp/m@1'))}/model",
        }
        words = [
            "version",
            "add",
            "nlp/m",
            "--artifact",
            f"model={sources[as_text(move.get('what', 'file'))]}",
        ]
        words += ["--framework", "custom", "--param", f"n={next(self._numbers)}"]
        how = as_text(move.get("how", "commit"))
        return words + {"commit": ["--commit"], "work": [], "branch": ["--branch", "topic"]}[how]

    def _run(self, who: str, arguments: Sequence[str]) -> tuple[int, str]:
        heard = io.StringIO()
        with self._standing_in(who), contextlib.redirect_stdout(heard), contextlib.redirect_stderr(heard):  # fmt: skip
            code = run(arguments)
        return code, heard.getvalue()

    @contextlib.contextmanager
    def _standing_in(self, who: str) -> Iterator[None]:
        before = os.environ.get("REGISTRY_CACHE")
        os.environ["REGISTRY_CACHE"] = str(self.home / f"cache-{who}")
        try:
            with contextlib.chdir(self._clones[who]):
                yield
        finally:
            if before is None:
                del os.environ["REGISTRY_CACHE"]
            else:
                os.environ["REGISTRY_CACHE"] = before

    def _command(self, who: str, move: Move) -> Ended:
        code, words = self._run(who, self._arguments(move))
        return Ended("done" if code == 0 else "refused" if code == 1 else f"code {code}", words)

    def _add(self, who: str, move: Move) -> Ended:
        """Add a version; what its manifest names must be there now."""
        ended = self._command(who, move)
        if ended.said != "done" or move.get("how") == "work":
            return ended
        branch = "topic" if move.get("how") == "branch" else "HEAD"
        commit = git(self._clones[who], "rev-parse", branch)
        lost = [one for one in self._oracle.missing_at(who, commit) if self._is_new(who, one)]
        return ended._replace(violations=tuple(lost))

    def _is_new(self, who: str, one: Lost) -> bool:
        """True for a file of the last change."""
        return one.path in git(self._clones[who], "log", "-1", "--all", "--name-only", "--format=")

    def _rely(self, who: str, move: Move) -> None:
        """What a person points at since this move, they came to rely on today."""
        inner = move.get("move", move)
        if not isinstance(inner, Mapping) or inner.get("do") != "add" or move["do"] != "add":
            return
        relied = self._relied[who]
        content = as_int(inner.get("content", 0))
        if inner.get("what", "file") == "file":
            relied[hashlib.md5(_content(content), usedforsecurity=False).hexdigest()] = self._day
            return
        for pointer in self._oracle.local(who):
            if pointer.md5 not in relied:
                relied[pointer.md5] = self._day

    def _kill(self, who: str, move: Move) -> Ended:
        """Run a command that dies before its n-th change to the disk."""
        inner = move["move"]
        assert isinstance(inner, Mapping)
        arguments = self._arguments(inner)
        child = os.fork()
        if not child:
            self._die(who, arguments, as_int(move.get("step", 1)))
        return Ended(_waited(child))

    def _die(self, who: str, arguments: Sequence[str], step: int) -> None:
        """Never returns: the copy of this process runs the command, and ends before its n-th change."""
        try:
            os.setpgid(0, 0)
            seen, here = 0, str(self.home)

            def watch(event: str, values: tuple[object, ...]) -> None:
                nonlocal seen
                if not _changes_something(event, values, here):
                    return
                seen += 1
                if seen == step:
                    os.killpg(0, signal.SIGKILL)

            sys.addaudithook(watch)
            self._run(who, arguments)
        finally:
            os._exit(0)

    # Time

    def _days(self, _: str, move: Move) -> Ended:
        """Days pass: everything on the remote gets older."""
        days = as_int(move.get("days", 1))
        self._day += days
        for place in self.storage.rglob("*"):
            info = place.lstat()
            if place.is_file():
                then = info.st_mtime - days * _DAY
                os.utime(place, (then, then))
        return Ended("done")

    # Git

    def _git(self, who: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["git", *arguments], cwd=self._clones[who], capture_output=True, text=True, check=False,
            env={**os.environ, "GIT_EDITOR": "true"},
        )  # fmt: skip

    def _git_act(self, who: str, move: Move) -> Ended:
        """What people do with Git between commands."""
        acts: Mapping[str, Sequence[Sequence[str]]] = {
            "fetch": [["fetch", "--quiet", "--tags", "origin"]],
            "fetch all": [["fetch", "--quiet", "--tags", "origin", "+refs/heads/*:refs/remotes/origin/*", "+refs/pull/*:refs/remotes/origin/pull/*"]],
            "pull": [["fetch", "--quiet", "origin"], ["rebase", "--quiet", "origin/main"], ["rebase", "--abort"]],
            "merge": [["fetch", "--quiet", "origin"], ["merge", "--quiet", "--no-edit", "origin/main"], ["merge", "--abort"]],
            "reset": [["fetch", "--quiet", "origin"], ["reset", "--quiet", "--hard", "origin/main"], ["clean", "-fdq"]],
            "back": [["reset", "--quiet", "--hard", "HEAD~1"]],
            "commit": [["add", "--all"], ["commit", "--quiet", "-m", "By hand"]],
            "amend": [["add", "--all"], ["commit", "--quiet", "--amend", "-m", "Amended"]],
            "stash": [["stash", "--quiet", "--include-untracked"]],
            "pop": [["stash", "pop", "--quiet"]],
            "drop": [["stash", "drop", "--quiet"]],
            "topic": [["switch", "--quiet", "-C", "topic"]],
            "to topic": [["switch", "--quiet", "topic"]],
            "to main": [["switch", "--quiet", "main"]],
            "detach": [["switch", "--quiet", "--detach"]],
            "delete topic": [["switch", "--quiet", "main"], ["branch", "--quiet", "-D", "topic"]],
            "tag": [["tag", "--force", "kept"]],
            "delete tag": [["tag", "--delete", "kept"]],
            "revert": [["revert", "--no-edit", "HEAD"], ["revert", "--abort"]],
            "gc": [["reflog", "expire", "--expire=now", "--all"]],
        }  # fmt: skip
        act = as_text(move["act"])
        if act in {"back", "revert"} and self._git(who, "rev-parse", "--verify", "--quiet", "HEAD~2").returncode:  # fmt: skip
            return Ended("nothing", "there was no registry before")
        codes = [self._git(who, *arguments).returncode for arguments in acts[act]]
        return Ended("done" if not any(codes[:2]) else "nothing")

    def _propose(self, who: str, move: Move) -> Ended:
        """Open, renew or close a pull request; the server knows it by `refs/pull/N/head`, or by a branch."""
        ref = ("refs/pull/1/head", "refs/pull/2/head", "refs/heads/proposal")[
            as_int(move.get("number", 0)) % 3
        ]
        if move.get("close"):
            # As a host does it: such refs are not deleted by pushes.
            done = subprocess.run(["git", "update-ref", "-d", ref], cwd=self.server, check=False)
            return Ended("done" if done.returncode == 0 else "nothing")
        source = as_text(move.get("branch", "HEAD"))
        ended = self._git(
            who, "push", "--quiet", "--force", "--no-verify", "origin", f"{source}:{ref}"
        )
        return Ended("accepted" if ended.returncode == 0 else "nothing", ended.stderr)

    def _push(self, who: str, move: Move) -> Ended:
        """Publish what is committed, if CI and the server's hook take it."""
        source = as_text(move.get("branch", "HEAD"))
        self._git(who, "fetch", "--quiet", "origin")
        new = self._git(
            who, "rev-parse", "--verify", "--quiet", f"{source}^{{commit}}"
        ).stdout.strip()
        old = git(self.server, "rev-parse", "refs/heads/main")
        if not new or new == old or self._git(who, "merge-base", "--is-ancestor", old, new).returncode:  # fmt: skip
            return Ended("nothing")
        code, words = self._run(who, ["check", "--base", "origin/main", "--head", new, "--remote"])
        if code not in {0, 3}:
            return Ended("refused", words)
        self._git(who, "push", "--quiet", "--no-verify", "origin", f"{new}:refs/incoming/x")
        refused, words, _ = judged(self.server, [Update("refs/heads/main", old, new)])
        if not refused:
            git(self.server, "update-ref", "refs/heads/main", new, old)
        git(self.server, "update-ref", "-d", "refs/incoming/x")
        self._git(who, "fetch", "--quiet", "origin")
        return Ended("refused" if refused else "accepted", words)


def _changes_something(event: str, values: tuple[object, ...], here: str) -> bool:
    if event == "subprocess.Popen":
        return True
    if not any(
        isinstance(value, (str, os.PathLike)) and os.fspath(value).startswith(here)
        for value in values
    ):
        return False
    if event == "open":
        flags = values[2]
        return isinstance(flags, int) and bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))
    return event in _CHANGES


def _waited(child: int) -> str:
    """How a copy of this process ended: ``killed``, ``done`` when it had fewer steps, or ``stuck``."""
    until = time.monotonic() + _PATIENCE
    pause = 0.002
    while time.monotonic() < until:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            return "killed" if os.WIFSIGNALED(status) else "done"
        time.sleep(pause)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return "stuck"
