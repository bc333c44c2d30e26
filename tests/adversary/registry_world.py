"""A registry with a guarded server, two honest people and an attacker, and every move they can make, as data.

A move is a mapping of JSON values, so that a game is a list that can be written down, shortened and played again. Moves
mean something in every situation: what is not there is taken as what is nearest, or the move does nothing.

``World.play`` makes one move. Pushes reach the server in one of two ways: ``process`` runs ``git push`` and the hook that
``registry hooks install --server`` wrote; ``inside`` calls the function behind that hook in this process, on objects
that clones and server share, and then moves the refs. The second is some twenty times faster and judges with the same
code; the first sees to it that the script, the quarantine and Git's own settings do their part.
"""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from adversary.edits import Edits, Move, as_int, as_list, as_text
from adversary.forge import Forge
from adversary.registry_oracle import RegistryOracle, Violation
from adversary.template import PEOPLE, new_template

from registry_tool.cli.main import run
from registry_tool.errors import RegistryError
from registry_tool.git.command import Git
from registry_tool.git.remote.ref_updates import Update
from registry_tool.git.repository import Repository
from registry_tool.hooks.pre_receive import check_received_push

__all__ = ["Outcome", "Template", "World", "judged"]

_NOTHING = "0" * 40
_PLAIN = ("refs/heads/main", "refs/heads/side", "refs/remotes/origin/main")
_BUG = "this is a bug in registry-tool"


class Outcome(NamedTuple):
    """How a move ended.

    Attributes:
        said: ``done``, ``nothing``; of pushes ``accepted`` (main moved), ``elsewhere`` (another ref), ``refused``.
        words: What was said about it.
        violations: What is broken since.
    """

    said: str
    words: str = ""
    violations: tuple[Violation, ...] = ()


class Template:
    """What each game begins with, made once.

    Args:
        place: A new folder for it and for the games.
        mode: ``inside`` or ``process``; see above.
    """

    def __init__(self, place: Path, mode: str = "inside") -> None:
        self.place = place
        self.mode = mode
        self._count = 0
        place.mkdir(parents=True, exist_ok=True)
        new_template(place / "template.git")

    def world(self) -> World:
        """A new game."""
        self._count += 1
        home = self.place / f"game-{self._count}"
        server = home / "server.git"
        shutil.copytree(self.place / "template.git", server, symlinks=True)
        return World(home, server, self.mode)


class World:
    """One game; see the module."""

    def __init__(self, home: Path, server: Path, mode: str) -> None:
        self.home = home
        self.server = server
        self.mode = mode
        self._clock = int(time.time())
        self._clones = {name: home / f"{name}.git" for name in PEOPLE}
        for name, clone in self._clones.items():
            self._make_clone(name, clone)
        self._forge = Forge(self._clones[PEOPLE[0]])
        self._has_others = False
        self._main = self.tip(server, "refs/heads/main")
        self._oracle = RegistryOracle(server)
        self.first = tuple(self._oracle.look())

    def _make_clone(self, name: str, clone: Path) -> None:
        for folder in ("refs/heads", "refs/remotes/origin", "objects/info"):
            (clone / folder).mkdir(parents=True)
        (clone / "HEAD").write_text("ref: refs/heads/main\n")
        tip = (self.server / "refs/heads/main").read_text()
        for ref in ("heads/main", "remotes/origin/main"):
            (clone / "refs" / ref).write_text(tip)
        (clone / "refs/remotes/origin/HEAD").write_text("ref: refs/remotes/origin/main\n")
        (clone / "config").write_text(
            "[core]\n\trepositoryformatversion = 0\n\tbare = true\n"
            f"[user]\n\tname = {name}\n\temail = {name}@example.org\n"
            f'[remote "origin"]\n\turl = {self.server}\n'
            "\tfetch = +refs/heads/*:refs/remotes/origin/*\n",
            encoding="utf-8",
        )
        if self.mode == "inside":
            shutil.rmtree(clone / "objects")
            (clone / "objects").symlink_to(self.server / "objects")
        else:
            shutil.rmtree(clone / "objects")
            pool = self.home / "objects"
            if not pool.exists():
                shutil.copytree(self.server / "objects", pool)
            (clone / "objects").symlink_to(pool)

    def close(self) -> None:
        """End the game and throw it away."""
        self._oracle.close()
        self._forge.close()
        shutil.rmtree(self.home, ignore_errors=True)

    def look(self) -> list[Violation]:
        """What is broken on the server since the last look."""
        return self._oracle.look(now=int(time.time()))

    # What people do

    def play(self, move: Move) -> Outcome:
        """Make one move."""
        known = {"command": self._command, "commit": self._commit, "fetch": self._fetch,
                 "ref": self._ref, "push": self._push, "race": self._race}  # fmt: skip
        return known[as_text(move["do"])](move)

    def clone(self, move: Move) -> Path:
        """The clone of whoever makes a move."""
        return self._clones[PEOPLE[as_int(move.get("who", 0)) % len(PEOPLE)]]

    def _command(self, move: Move) -> Outcome:
        """An honest person runs ``registry``; what it commits lies on a branch of theirs."""
        clone = self.clone(move)
        branch = as_text(move.get("branch", "main"))
        words = [as_text(word) for word in as_list(move["arguments"])]
        code, said = _registry([*words, "--repo", str(clone), "--branch", branch])
        if _BUG in said or "Traceback" in said:
            return Outcome("done", said, (Violation("no bugs", "", " ".join(words), said),))
        return Outcome("done" if code == 0 else "nothing", said)

    def _fetch(self, move: Move) -> Outcome:
        """Take what the server has; the branch goes there, or is merged or rebased onto it."""
        clone = self.clone(move)
        self._bring(clone)
        branch = as_text(move.get("branch", "main"))
        how, main = as_text(move.get("how", "reset")), self.tip(self.server, "refs/heads/main")
        mine = self.tip(clone, f"refs/heads/{branch}")
        if how == "reset" or mine == main or not mine:
            self._set(clone, f"refs/heads/{branch}", main)
            return Outcome("done")
        merged = self._merge_tree(clone, main, mine)
        if not merged:
            return Outcome("nothing", "it conflicts")
        parents = [main, mine] if how == "merge" else [main]
        self._set(clone, f"refs/heads/{branch}", self._commit_tree(merged, parents, move))
        return Outcome("done")

    def _bring(self, clone: Path) -> None:
        if self.mode == "inside":
            self._set(clone, "refs/remotes/origin/main", self._main)
            if self._has_others:
                self._bring_others(clone)
            return
        self._git(clone, "fetch", "--quiet", "--tags", "--force", "origin", check=False)

    def _bring_others(self, clone: Path) -> None:
        """The server's branches and tags: as `git fetch --tags --force` brings them."""
        form = "--format=update %(refname) %(objectname)"
        lines = self._git(self.server, "for-each-ref", form, "refs/heads", "refs/tags").stdout
        wanted = lines.replace("update refs/heads/", "update refs/remotes/origin/")
        for line in wanted.splitlines(
            keepends=True
        ):  # one that is no name here does not keep the rest away
            self._git(clone, "update-ref", "--stdin", stdin=line, check=False)

    def _commit(self, move: Move) -> Outcome:
        """Any commit at all: any parents, a tree taken from any of them or merged, and edits by hand."""
        clone, branch = self.clone(move), as_text(move.get("branch", "main"))
        parents = [p for name in as_list(move.get("parents", ["tip"])) if (p := self.find(clone, as_text(name), branch))]  # fmt: skip
        if not parents:
            return Outcome("nothing", "no such parent")
        base = self.find(clone, as_text(move.get("tree", "")), branch) or parents[0]
        if move.get("tree") == "merged" and len(parents) > 1:
            base = self._merge_tree(clone, parents[0], parents[1]) or base
        edits = Edits(self._forge, self._forge.line(parents[0]))
        changed = edits.tree(base, as_list(move.get("edits", [])))
        if "trick" in move:
            changed = edits.hostile(changed, as_int(move["trick"]))
        commit = self._commit_tree(changed, list(dict.fromkeys(parents)), move)
        self._set(clone, f"refs/heads/{branch}", commit)
        return Outcome("done", commit)

    def _ref(self, move: Move) -> Outcome:
        """A ref of any name in one's own clone, such as a tag that is called like a branch."""
        clone = self.clone(move)
        target = self.find(clone, as_text(move.get("to", "tip")), as_text(move.get("branch", "main")))  # fmt: skip
        name = as_text(move["name"])
        return Outcome("done" if target and self._set(clone, name, target) else "nothing")

    def _push(self, move: Move) -> Outcome:
        """Push branches, or anything to anything."""
        clone, branch = self.clone(move), as_text(move.get("branch", "main"))
        wanted: dict[str, str] = {}
        for pair in as_list(move.get("refs", [["tip", "refs/heads/main"]])):
            source, target = (as_text(word) for word in as_list(pair))
            new = _NOTHING if not source else self.find(clone, source, branch)  # fmt: skip
            if new:
                wanted[target] = new
        if not wanted:
            return Outcome("nothing", "nothing to push")
        forced = bool(move.get("force"))
        if self.mode == "inside":
            accepted, words, bugs = self._push_inside(wanted, forced=forced)
        else:
            accepted, words, bugs = self._push_process(clone, wanted, forced=forced)
        if accepted is None:
            return Outcome("nothing", words)
        if not accepted:
            return Outcome("refused", words, bugs)
        return self._landed(words, bugs)

    def _landed(self, words: str, bugs: tuple[Violation, ...]) -> Outcome:
        """Something was accepted: look at it."""
        main, before = self.tip(self.server, "refs/heads/main"), self._main
        self._has_others |= main == before
        self._main = main
        found = (*bugs, *self.look())
        return Outcome("accepted" if main != before else "elsewhere", words, found)

    def _race(self, move: Move) -> Outcome:
        """Everybody pushes at the same moment, to main and to a branch of their own."""
        if self.mode == "inside":
            ends = [self._push({**move, "who": who}) for who in range(len(PEOPLE))]
        else:
            started = [
                subprocess.Popen(
                    ["git", f"--git-dir={clone}", "push", "--no-verify", "origin", "main:refs/heads/main", f"main:refs/heads/{name}"],
                    stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                )
                for name, clone in self._clones.items()
            ]  # fmt: skip
            words = [one.communicate()[0].decode(errors="replace") for one in started]
            ends = [self._landed(" ".join(words), ())]
        found = tuple(one for end in ends for one in end.violations)
        said = next((e.said for e in ends if e.said == "accepted"), ends[-1].said)
        return Outcome(said, "\n".join(end.words for end in ends), found)

    def _push_inside(
        self, wanted: Mapping[str, str], *, forced: bool
    ) -> tuple[bool | None, str, tuple[Violation, ...]]:
        updates = []
        for ref, new in wanted.items():
            if subprocess.run(["git", "check-ref-format", ref], check=False).returncode:
                return None, f"{ref} is no name", ()
            old = self.tip(self.server, ref)
            if old == new or (new == _NOTHING and not old):
                continue
            if not forced and old and new != _NOTHING and not self._follows(old, new):
                return None, "rejected (non-fast-forward)", ()
            updates.append(Update(ref, old or _NOTHING, new))
        if not updates:
            return None, "everything up-to-date", ()
        refused, words, bugs = judged(self.server, updates)
        if refused:
            return False, words, bugs
        lines = "".join(f"update {u.ref} {u.new} {u.old}\n" for u in updates)
        done = self._git(self.server, "update-ref", "--stdin", stdin=lines, check=False)
        return (True if done.returncode == 0 else None), words + done.stderr, bugs

    def _push_process(
        self, clone: Path, wanted: Mapping[str, str], *, forced: bool
    ) -> tuple[bool | None, str, tuple[Violation, ...]]:
        before = self._git(self.server, "for-each-ref").stdout
        pairs = [f"{'' if new == _NOTHING else new}:{ref}" for ref, new in wanted.items()]
        force = ["--force"] if forced else []
        done = self._git(clone, "push", "--no-verify", *force, "origin", *pairs, check=False)
        words = done.stdout + done.stderr
        if "Traceback" in words or _BUG in words:
            return False, words, (Violation("no bugs", "", "hook", words),)
        moved = self._git(self.server, "for-each-ref").stdout != before
        declined = "pre-receive hook declined" in words
        return (True if moved else False if declined else None), words, ()

    # Git

    def _git(
        self, place: Path, *arguments: str, stdin: str = "", check: bool = True, env: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:  # fmt: skip
        return subprocess.run(
            ["git", f"--git-dir={place}", *arguments], input=stdin, text=True, errors="replace",
            env={**os.environ, **(env or {})}, capture_output=True, check=check,
        )  # fmt: skip

    def tip(self, place: Path, ref: str) -> str:
        """The object a ref is at; empty where there is none."""
        with contextlib.suppress(OSError):
            said = (place / ref).read_text().strip()
            if len(said) == 40:
                return said
        return self._git(place, "rev-parse", "--verify", "--quiet", ref, check=False).stdout.strip()

    def find(self, clone: Path, name: str, branch: str) -> str:
        """The commit of a word: ``tip``, ``server`` (its main branch), ``server~2``, ``root``, a branch, or ``orphan``: a commit without a past; empty for none."""
        if name == "orphan":
            return self._commit_tree(self._forge.tree_of(self._main), [], {})
        word, _, back = name.partition("~")
        refs = {
            "tip": (clone, f"refs/heads/{branch}"),
            "server": (self.server, "refs/heads/main"),
            "root": (self.server, "refs/heads/main"),
        }
        where, ref = refs.get(word, (clone, f"refs/heads/{word}"))
        tip = self.tip(where, ref)
        if not tip or not (back or word == "root"):
            return tip
        line = self._forge.line(tip)
        return line[-1] if word == "root" else line[min(int(back), len(line) - 1)]

    def _set(self, place: Path, ref: str, oid: str) -> bool:
        if ref in _PLAIN:  # what is not looked at by a hook needs no Git
            (place / ref).write_text(f"{oid}\n")
            return True
        return not self._git(place, "update-ref", ref, oid, check=False).returncode

    def _follows(self, old: str, new: str) -> bool:
        done = self._git(self.server, "merge-base", "--is-ancestor", old, new, check=False)
        return done.returncode == 0

    def _merge_tree(self, clone: Path, ours: str, theirs: str) -> str:
        done = self._git(clone, "merge-tree", "--write-tree", ours, theirs, check=False)
        return done.stdout.split("\n", 1)[0] if done.returncode == 0 else ""

    def _commit_tree(self, tree: str, parents: Sequence[str], move: Move) -> str:
        author = as_text(move.get("author", "")) or PEOPLE[as_int(move.get("who", 0)) % len(PEOPLE)]
        when = self._clock + as_int(move.get("date", 0))
        return self._forge.commit(tree, parents, author, when)


def _registry(arguments: Sequence[str]) -> tuple[int, str]:
    """Run a command in this process."""
    heard = io.StringIO()
    with contextlib.redirect_stdout(heard), contextlib.redirect_stderr(heard):
        code = run(arguments)
    return code, heard.getvalue()


@contextlib.contextmanager
def _opened(server: Path) -> Iterator[Repository]:
    repository = Repository(Git(server), source=str(server))
    try:
        yield repository
    finally:
        repository.close()


def judged(server: Path, updates: Sequence[Update]) -> tuple[bool, str, tuple[Violation, ...]]:
    """What the hook says, its words, and whether it failed in a way that nobody foresaw."""
    try:
        with _opened(server) as repository:
            answer = check_received_push(repository, updates)
    except RegistryError as exc:
        return True, str(exc), ()
    except Exception as exc:  # noqa: BLE001 (what nobody foresaw is what is looked for)
        words = f"{type(exc).__name__}: {exc}"
        return True, words, (Violation("no bugs", "", "hook", words),)
    return answer.refused, "\n".join(answer.lines), ()
