"""The second player: what happens to bytes."""

from __future__ import annotations

from typing import Final

from adversary.edits import Move
from adversary.machines import Player
from hypothesis import strategies as st
from hypothesis.stateful import rule

__all__ = ["BytesPlayer"]

_WHO: Final = st.sampled_from([0, 1])
_REFERENCE: Final = st.sampled_from(["nlp/m@1", "nlp/m@2", "nlp/m@3", "nlp/m@4", "nlp/m@5"])
_ADDS: Final[st.SearchStrategy[Move]] = st.fixed_dictionaries(
    {
        "do": st.just("add"),
        "who": _WHO,
        "what": st.sampled_from(["file", "file", "folder", "reuse"]),
        "content": st.integers(0, 3),
        "how": st.sampled_from(["commit", "commit", "work", "branch"]),
        "from": _REFERENCE,
    }
)
_GC: Final = st.just(["gc", "--yes"])
_COMMANDS: Final = st.one_of(
    _GC,
    _REFERENCE.map(lambda ref: ["erase", ref, "--purge", "--yes"]),
    _REFERENCE.map(lambda ref: ["erase", ref, "--reason", "x", "--yes", "--commit"]),
    _REFERENCE.map(lambda ref: ["withdraw", ref, "--reason", "x", "--commit"]),
    _REFERENCE.map(lambda ref: ["alias", "set", ref, "champion", "--commit"]),
    st.just(["check", "--all", "--remote"]),
    st.just(["recover"]),
    _REFERENCE.map(lambda ref: ["fetch", ref]),
)
_ACTS: Final = st.sampled_from(
    ["fetch", "fetch all", "pull", "pull", "merge", "reset", "back", "commit", "amend", "stash", "pop", "drop", "topic",
     "to topic", "to main", "to main", "detach", "delete topic", "tag", "delete tag", "revert", "gc"]
)  # fmt: skip
_DAYS: Final = st.sampled_from([1, 5, 8, 30])


class BytesPlayer(Player):
    """Two people, a server and a remote."""

    @rule(move=_ADDS)
    def add(self, move: Move) -> None:
        """Somebody adds a version."""
        self.go(move)

    @rule(move=_ADDS)
    def publish(self, move: Move) -> None:
        """Somebody adds a version to what is published, and publishes it."""
        who = move["who"]
        self.go(
            {"do": "git", "who": who, "act": "to main"},
            {"do": "git", "who": who, "act": "pull"},
            {**move, "how": "commit"},
            {"do": "push", "who": who},
        )

    @rule(who=_WHO, arguments=_COMMANDS)
    def command(self, who: int, arguments: list[str]) -> None:
        """Somebody runs another command."""
        self.go({"do": "command", "who": who, "arguments": arguments})

    @rule(who=_WHO, days=_DAYS)
    def collect(self, who: int, days: int) -> None:
        """Some time later somebody who has fetched everything collects what nobody needs."""
        self.go(
            {"do": "days", "days": days},
            {"do": "git", "who": who, "act": "fetch all"},
            {"do": "command", "who": who, "arguments": ["gc", "--yes"]},
        )

    @rule(who=_WHO, reference=_REFERENCE)
    def erase(self, who: int, reference: str) -> None:
        """A version is erased, that is published, and its bytes are purged."""
        self.go(
            {"do": "git", "who": who, "act": "to main"},
            {"do": "git", "who": who, "act": "pull"},
            {"do": "command", "who": who, "arguments": ["erase", reference, "--reason", "x", "--yes", "--commit"]},
            {"do": "push", "who": who},
            {"do": "git", "who": who, "act": "fetch all"},
            {"do": "command", "who": who, "arguments": ["erase", reference, "--purge", "--yes"]},
        )  # fmt: skip

    @rule(who=_WHO, act=_ACTS)
    def git(self, who: int, act: str) -> None:
        """Somebody does something with Git."""
        self.go({"do": "git", "who": who, "act": act})

    @rule(who=_WHO, branch=st.sampled_from(["HEAD", "HEAD", "topic", "main"]))
    def push(self, who: int, branch: str) -> None:
        """Somebody publishes what they have."""
        self.go({"do": "push", "who": who, "branch": branch})

    @rule(who=_WHO, number=st.integers(0, 2), branch=st.sampled_from(["HEAD", "topic"]), close=st.sampled_from([False, False, False, True]))  # fmt: skip
    def propose(self, who: int, number: int, branch: str, close: bool) -> None:  # noqa: FBT001 (Hypothesis names it)
        """Somebody opens or closes a pull request."""
        self.go({"do": "propose", "who": who, "number": number, "branch": branch, "close": close})

    @rule(days=_DAYS)
    def days(self, days: int) -> None:
        """Days pass."""
        self.go({"do": "days", "days": days})

    @rule(move=_ADDS, step=st.integers(1, 60))
    def kill_an_add(self, move: Move, step: int) -> None:
        """A command that adds a version is killed."""
        self.go({"do": "kill", "who": move["who"], "step": step, "move": move})

    @rule(who=_WHO, arguments=_COMMANDS, step=st.integers(1, 40))
    def kill(self, who: int, arguments: list[str], step: int) -> None:
        """Another command is killed."""
        inner = {"do": "command", "arguments": arguments}
        self.go({"do": "kill", "who": who, "step": step, "move": inner})
