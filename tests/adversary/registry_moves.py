"""Moves of the first player at random: what honest people do, and what an attacker tries."""

from __future__ import annotations

from typing import Final

from adversary.edits import Move
from hypothesis import strategies as st

__all__ = [
    "ATTACKS",
    "COMMANDS",
    "COMMITS",
    "FETCHES",
    "PROBES",
    "PUSHES",
    "REFS",
    "STEPS",
    "Moves",
]

Moves = st.SearchStrategy[Move]

HONEST: Final = st.sampled_from([0, 1])
ANYONE: Final = st.sampled_from([2, 2, 2, 0, 1])
_REFERENCES: Final = st.sampled_from(
    ["nlp/m@1", "nlp/m@2", "nlp/m@3", "nlp/m@4", "nlp/m@5", "nlp/m@6", "nlp/m@staging", "nlp/m@latest", "nlp/m@champion",
     "nlp/f@a", "nlp/f@b", "nlp/f@c", "nlp/n@1"]
)  # fmt: skip
_NAMES: Final = st.sampled_from(
    ["champion", "second", "first", "quarter", "production", "staging", "canary", "5", "6", "a", "c", "latest", "Champion", "FIRST", "edge"]
)  # fmt: skip
_VERSIONS: Final = st.sampled_from(["1", "2", "3", "4", "5", "6", "7", "a", "A", "b", "c", "second", "champion", "01"])  # fmt: skip
_STAGES: Final = st.sampled_from(["production", "staging", "canary", "edge"])
_PATHS: Final = st.sampled_from(
    ["version.yaml", ".dvc", "/tags/", "/evidence/", "/aliases/", "/1/", "/2/", "/3/", "model.yaml", "status.yaml", "nlp/f/", "namespace.yaml", ""]
)  # fmt: skip
_SMALL: Final = st.integers(0, 5)


def _words(*parts: str | st.SearchStrategy[str]) -> st.SearchStrategy[list[str]]:
    return st.tuples(*(st.just(p) if isinstance(p, str) else p for p in parts)).map(list)


_TRACK: Final = st.integers(0, 99).map(lambda n: f"s3://bucket/{n}")
_ACCURACY: Final = st.sampled_from(["accuracy=0.95", "accuracy=0.5", "accuracy=0.9"])
_ARGUMENTS: Final = st.one_of(
    _words("version", "add", st.sampled_from(["nlp/m", "nlp/m", "nlp/n"]), "--track", _TRACK, "--framework", "custom", "--metric", _ACCURACY),
    _words("version", "add", "nlp/f", _VERSIONS, "--track", _TRACK, "--framework", "custom", "--metric", _ACCURACY),
    _words("version", "add", "nlp/m", "--track", _TRACK, "--framework", "custom", "--metric", _ACCURACY, "--tag", _NAMES),
    _words("model", "add", st.sampled_from(["nlp/n", "nlp/M", "cv/m", "NLP/m"]), "--owner", "x", "--task", "t", "--description", "d"),
    _words("alias", "set", _REFERENCES, _NAMES),
    _words("alias", "rm", st.sampled_from(["nlp/m", "nlp/f"]), _NAMES),
    _words("tag", "add", _REFERENCES, _NAMES),
    _words("promote", _REFERENCES, "--to", _STAGES),
    _words("promote", "nlp/m@2", "--to", "production"),
    _words("promote", _REFERENCES, "--to", "staging"),
    _words("rollback", "nlp/m", _STAGES, "--reason", "x"),
    _words("rollback", "nlp/m", _STAGES, "--to", _VERSIONS, "--reason", "x"),
    _words("annotate", _REFERENCES, "team=x", "--label", _NAMES),
    _words("evidence", "add", _REFERENCES, "--kind", "evaluation", "--suite", "holdout", "--verdict", st.sampled_from(["pass", "pass", "fail"]), "--metric", "f1=0.9"),
    _words("evidence", "add", _REFERENCES, "--kind", "metrics", "--metric", _ACCURACY),
    _words("evidence", "add", _REFERENCES, "--kind", "approval", "--stage", _STAGES, "--decision", "approve"),
    _words("deprecate", _REFERENCES, "--reason", "x"),
    _words("withdraw", _REFERENCES, "--reason", "x", "--remove-aliases"),
    _words("erase", _REFERENCES, "--reason", "x", "--yes", "--with-tags"),
    _words("archive", "nlp/f"),
)  # fmt: skip

COMMANDS: Final[Moves] = st.fixed_dictionaries(
    {"do": st.just("command"), "who": HONEST, "arguments": _ARGUMENTS}
)

FETCHES: Final[Moves] = st.fixed_dictionaries(
    {"do": st.just("fetch"), "who": ANYONE, "how": st.sampled_from(["reset", "reset", "rebase", "merge"])}
)  # fmt: skip


def _edit(kind: str, **fields: st.SearchStrategy[object]) -> Moves:
    return st.fixed_dictionaries({"edit": st.just(kind), **fields})


_MODEL: Final = st.sampled_from([0, 0, 0, 1])
EDITS: Final[Moves] = st.one_of(
    _edit("alias", model=_MODEL, name=st.one_of(_STAGES, _STAGES, _NAMES), version=_VERSIONS, pinned=st.booleans()),
    _edit("alias", name=_STAGES, version=st.sampled_from(["1", "2", "3"]), pinned=st.booleans()),
    _edit("tag", model=_MODEL, name=st.one_of(_NAMES, _STAGES), version=_VERSIONS),
    _edit("version", model=_MODEL, version=_VERSIONS, salt=_SMALL, accuracy=st.sampled_from([95, 50])),
    _edit("status", model=_MODEL, version=_VERSIONS, state=st.sampled_from(["active", "deprecated", "withdrawn", "erased"])),
    _edit("policy", which=_SMALL),
    _edit("namespace", which=_SMALL),
    _edit("model", name=st.sampled_from(["n", "M", "m-1", "m_1", "F"])),
    _edit("waiver", rule=st.sampled_from(["C401", "C403", "C404", "C406", "M205", "C411"]), version=st.sampled_from(["", "1", "3"])),
    _edit("metadata", version=_VERSIONS),
    _edit("evidence", model=_MODEL, version=_VERSIONS, name=st.sampled_from(["more", "holdout", "later"]), verdict=st.sampled_from(["pass", "fail"])),
    _edit("delete", path=_PATHS, which=_SMALL),
    _edit("restore", path=_PATHS, which=_SMALL, back=_SMALL),
    _edit("spoil", path=_PATHS, which=_SMALL, how=_SMALL),
    _edit("mode", path=_PATHS, which=_SMALL),
    _edit("case", path=_PATHS, which=_SMALL, how=_SMALL),
    _edit("move", path=_PATHS, which=_SMALL, how=_SMALL),
    _edit("link", path=_PATHS, which=_SMALL),
    st.sampled_from([{"edit": "secret"}, {"edit": "large"}]),
    _edit("raw", path=st.sampled_from(["models/nlp/m/aliases/x.yml", "models/nlp/notes.md", ".gitignore", ".dvc/config.local", "models/nlp/m/tags/x/y.yaml"])),
)  # fmt: skip

_DATES: Final = st.sampled_from([0, 0, -3600, -7 * 86400, -10 * 365 * 86400, 86400])
_PARENTS: Final = st.sampled_from(
    [["tip"]] * 8
    + [["server", "tip"], ["tip", "server"], ["server", "side"], ["side", "server"], ["tip", "side"],
       ["server", "side", "tip"], ["server~1", "tip"], ["server~2"], ["root"], ["tip~1"], ["tip~1"], ["server", "root"], ["orphan"], ["server", "orphan"], ["orphan", "server"]]
)  # fmt: skip
_BRANCHES: Final = st.sampled_from(["main", "main", "main", "side"])


def _commit(who: st.SearchStrategy[int]) -> Moves:
    return st.fixed_dictionaries(
        {"do": st.just("commit"), "who": who, "parents": _PARENTS},
        optional={
            "branch": _BRANCHES,
            # Whose files a merge takes: those of one side (`-s ours`, `-X theirs`), or both merged.
            "tree": st.sampled_from(["", "merged", "tip", "side", "server", "server~1", "root"]),
            "edits": st.lists(EDITS, max_size=3),
            "author": st.sampled_from(["ada", "bob", "eve", "registry"]),
            "date": _DATES,
        },
    )


# Trees that no sane Git writes; mostly there are none.
_TRICKS: Final = st.integers(0, 9)


COMMITS: Final = _commit(ANYONE)

REF_NAMES: Final = st.sampled_from(
    ["refs/tags/origin/main", "refs/tags/main", "refs/heads/HEAD", "refs/heads/refs/heads/main", "refs/heads/origin/main",
     "refs/tags/HEAD", "refs/remotes/origin/HEAD", "refs/heads/side", "refs/pull/1/head", "refs/notes/x",
     "refs/tags/refs/remotes/origin/main", "refs/heads/-x", "refs/replace/" + "1" * 40]
)  # fmt: skip
REFS: Final[Moves] = st.fixed_dictionaries(
    {"do": st.just("ref"), "who": ANYONE, "name": REF_NAMES, "to": st.sampled_from(["tip", "server", "server~1", "root", "side"])}
)  # fmt: skip

_PAIRS: Final = st.one_of(
    st.tuples(st.sampled_from(["tip", "tip", "tip", "side", "server~1"]), st.just("refs/heads/main")),
    st.tuples(st.sampled_from(["tip", "side", "server", "root", ""]), REF_NAMES),
).map(list)  # fmt: skip
_TO_MAIN: Final = st.just([["tip", "refs/heads/main"]])
PUSHES: Final[Moves] = st.fixed_dictionaries(
    {"do": st.just("push"), "who": ANYONE},
    optional={
        "refs": st.one_of(_TO_MAIN, _TO_MAIN, st.lists(_PAIRS, min_size=1, max_size=3)),
        "force": st.booleans(),
    },
)

_TRICK: Final[Moves] = st.fixed_dictionaries(
    {"do": st.just("commit"), "who": st.just(2), "edits": st.just([]), "trick": _TRICKS}
)
# Withdrawn and erased, with the pointers and tags that go with that; then its names are tried again.
_ERASURE: Final[Moves] = st.just(
    {"do": "commit", "who": 2, "edits": [
        {"edit": "status", "version": "4", "state": "erased"},
        {"edit": "delete", "path": "versions/4/model.bin.dvc"},
        {"edit": "delete", "path": "tags/quarter"},
    ]}
)  # fmt: skip
_RETURN: Final[Moves] = st.fixed_dictionaries(
    {
        "do": st.just("commit"),
        "who": st.just(2),
        "edits": st.fixed_dictionaries(
            {
                "edit": st.sampled_from(["tag", "alias"]),
                "name": st.sampled_from(["quarter", "quarter", "QUARTER"]),
                "version": st.sampled_from(["1", "2", "3"]),
            }
        ).map(lambda edit: [edit]),
    }
)
STEPS: Final[Moves] = st.fixed_dictionaries(
    {"do": st.just("commit"), "who": st.just(2), "edits": st.lists(EDITS, min_size=1, max_size=2)},
    optional={"date": _DATES, "author": st.sampled_from(["ada", "bob", "registry"])},
)
# A commit that takes back what came before it, and may keep something of its own.
_TAKE_BACK: Final[Moves] = st.fixed_dictionaries(
    {"do": st.just("commit"), "who": st.just(2), "tree": st.just("server"), "edits": st.lists(EDITS, max_size=1)}
)  # fmt: skip


# One thing that is wrong, with nothing beside it that would be refused anyway.
PROBES: Final[Moves] = st.fixed_dictionaries(
    {"do": st.just("commit"), "who": st.just(2), "edits": st.lists(EDITS, min_size=1, max_size=1)},
    optional={"date": _DATES},
)


@st.composite
def _attack(draw: st.DrawFn) -> list[Move]:
    """From what the server has: some commits, taken back or not, then a push, or one after each."""
    commits = draw(st.lists(STEPS, min_size=1, max_size=3))
    special = draw(st.sampled_from(["", "", "", "", "", "", "", "trick", "erasure", "return"]))
    if special == "trick":
        commits += [draw(_TRICK)]
    if special == "erasure":
        commits = [draw(_ERASURE), *commits]
    if special == "return":
        commits = [draw(_ERASURE), draw(_RETURN)]
    if draw(st.booleans()):
        commits += [draw(_TAKE_BACK)]
    push: Move = {"do": "push", "who": 2}
    each = draw(st.sampled_from([False, False, True]))
    moves = [move for commit in commits for move in ([commit, push] if each else [commit])]
    return [{"do": "fetch", "who": 2}, *moves, push]


ATTACKS: Final = _attack()
