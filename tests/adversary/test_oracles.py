"""The oracles find what they look for: violations written past every check into the repository or the remote."""

from __future__ import annotations

import ast
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from adversary.bytes_oracle import objects_on
from adversary.bytes_world import BytesTemplate, BytesWorld
from adversary.edits import Move
from adversary.games import shortened
from adversary.registry_oracle import RegistryOracle
from adversary.registry_world import Outcome, Template, World
from support import git

Step = Sequence[Move]


def edit(kind: str, **fields: object) -> Move:
    return {"edit": kind, **fields}


def production(version: str, *, pinned: bool = False) -> Move:
    return edit("alias", name="production", version=version, pinned=pinned)


ERASED = [
    edit("status", version="4", state="erased"),
    edit("delete", path="versions/4/model.bin.dvc"),
    edit("delete", path="tags/quarter"),
]
MODEL = "models/nlp/m"

# What is written to the main branch, a commit after another, and the promises that breaks.
PLANTED: dict[str, tuple[list[Step], set[str]]] = {
    "nothing": ([[edit("metadata", version="1")]], set()),
    "a good move": ([[production("2")]], set()),
    "a rollback": ([[production("2")], [production("1", pinned=True)]], set()),
    "a waived record": ([[edit("waiver", rule="C401", version="3")], [edit("spoil", path="3/version.yaml")]], set()),
    "an erasure": ([ERASED], set()),
    "an alias that comes back": ([[edit("delete", path="champion")], [edit("alias", name="champion", version="2")]], set()),
    "a record": ([[edit("spoil", path="3/version.yaml")]], {"frozen record"}),
    "a record's mode": ([[edit("mode", path="3/version.yaml")]], {"frozen record"}),
    "a record that goes": ([[edit("delete", path="nlp/f/versions/b/version.yaml")]], {"frozen record"}),
    "a record that came back changed": (
        [[edit("delete", path="3/version.yaml")], [edit("version", version="3", salt=9)]],
        {"frozen record", "frozen pointer", "given once"},
    ),
    "a pointer": ([[edit("spoil", path="3/model.bin.dvc", how=5)]], {"frozen pointer"}),
    "a pointer that goes": ([[edit("delete", path="3/model.bin.dvc")]], {"frozen pointer"}),
    "a tag that moves": ([[edit("tag", name="first", version="2")]], {"frozen tag"}),
    "a tag that goes": ([[edit("delete", path="tags/first")]], {"frozen tag"}),
    "a tag's name for an alias": ([ERASED, [edit("alias", name="quarter", version="1")]], {"given once"}),
    "evidence": ([[edit("spoil", path="holdout")]], {"frozen evidence"}),
    "evidence that goes": ([[edit("delete", path="holdout")]], {"frozen evidence"}),
    "a tag and an alias": ([[edit("tag", name="champion", version="1")]], {"one meaning"}),
    "a version and an alias": ([[edit("alias", name="2", version="1")]], {"one meaning", "given once"}),
    "a name in other case": ([[edit("alias", name="FIRST", version="1")]], {"one meaning", "given once"}),
    "a model in other case": ([[edit("model", name="M")]], {"one meaning", "given once"}),
    "latest": ([[edit("tag", name="latest", version="1")]], {"one meaning"}),
    "a stage's name for a tag": ([[edit("tag", name="canary", version="1")]], {"one meaning"}),
    "an alias to nothing": ([[edit("alias", name="champion", version="9")]], {"dangling name"}),
    "an alias to what is withdrawn": ([[edit("alias", name="champion", version="4")]], {"dangling name"}),
    "another model's name inside": ([[edit("raw", path=f"{MODEL}/aliases/x.yaml", text="model: nlp/f\nversion: '1'\n")]], {"agreement"}),
    "a state that goes back": ([[edit("status", version="4", state="active")]], {"state"}),
    "a model that goes": ([[edit("delete", path="nlp/m/model.yaml")]], {"permanence"}),
    "a stage by hand": ([[production("3")]], {"gate"}),
    "a stage without evidence": ([[edit("alias", name="staging", version="3")], [production("3")]], {"gate"}),
    "a stage with evidence against it": (
        [[edit("evidence", version="2", name="later", verdict="fail")], [production("2")]],
        {"gate"},
    ),
    "a stage that was not held before": ([[production("2")], [edit("alias", name="staging", version="1")], [production("1")]], set()),
    "a rollback to what never held it": ([[production("3", pinned=True)]], {"gate"}),
    "a rollback to what was rolled back": (
        [[production("2")], [production("1", pinned=True)], [edit("alias", name="staging", version="3")], [production("2", pinned=True)]],
        {"gate"},
    ),
    "a gated stage that goes": ([[edit("delete", path="production")]], {"gate"}),
    "a stage without a wait": ([[edit("alias", name="staging", version="1")], [edit("alias", name="canary", version="1")]], {"gate"}),
    "a softer policy in the same commit": ([[edit("policy", which=2), production("3")]], {"gate"}),
    "a softer policy before": ([[edit("policy", which=2)], [production("3")]], set()),
    "a secret that went again": ([[edit("secret")], [edit("delete", path="CARD")]], {"no secrets"}),
    "a large file that went again": ([[edit("large")], [edit("raw", path="notes.txt")]], {"no large files"}),
}  # fmt: skip


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Template:
    return Template(tmp_path_factory.mktemp("games"))


@pytest.fixture
def world(template: Template) -> Iterator[World]:
    made = template.world()
    yield made
    made.close()


def plant(world: World, steps: Sequence[Step]) -> None:
    """Commit some edits, one step after another, and move the server's branch past its hook."""
    for step in steps:
        world.play({"do": "commit", "who": 2, "edits": list(step)})
    tip = git(world.home / "eve.git", "rev-parse", "main")
    git(world.server, "update-ref", "refs/heads/main", tip)


@pytest.mark.parametrize("name", PLANTED)
def test_what_is_planted_is_found(world: World, name: str) -> None:
    steps, promises = PLANTED[name]
    oracle = RegistryOracle(world.server)
    assert oracle.look() == []
    plant(world, steps)
    found = oracle.look(now=int(time.time()))
    oracle.close()
    assert {one.promise for one in found} == promises


def test_a_branch_that_shrinks_is_found(world: World) -> None:
    oracle = RegistryOracle(world.server)
    oracle.look()
    git(world.server, "update-ref", "refs/heads/main", git(world.server, "rev-parse", "main~1"))
    assert [one.promise for one in oracle.look()] == ["only grows"]
    oracle.close()


def test_of_two_entries_of_one_name_none_is_trusted(world: World) -> None:
    tree = git(world.server, "cat-file", "-p", "main^{tree}").splitlines()
    double = [*tree, f"040000 tree {git(world.server, 'rev-parse', 'main:models/nlp')}\tmodels"]
    raw = b"".join(
        f"{mode.lstrip('0')} {path}\0".encode() + bytes.fromhex(oid)
        for line in sorted(double, key=lambda line: line.partition("\t")[2])
        for (mode, _, oid), path in [(line.partition("\t")[0].split(" "), line.partition("\t")[2])]
    )
    place = world.home / "tree"
    place.write_bytes(raw)
    oid = git(world.server, "hash-object", "-t", "tree", "-w", "--literally", str(place))
    commit = git(world.server, "commit-tree", "-p", "main", "-m", "x", oid)
    git(world.server, "update-ref", "refs/heads/main", commit)
    oracle = RegistryOracle(world.server)
    assert {one.promise for one in oracle.look()} == {"plain tree"}
    oracle.close()


def test_a_merge_is_judged_against_its_first_parent(world: World) -> None:
    """What lies on a side line is no state of the main branch."""
    for move in (
        {"do": "commit", "who": 2, "branch": "side", "parents": ["server"], "edits": [production("3")]},
        {"do": "commit", "who": 2, "parents": ["server", "side"], "tree": "server"},
    ):  # fmt: skip
        world.play(move)
    oracle = RegistryOracle(world.server)
    git(world.server, "update-ref", "refs/heads/main", git(world.home / "eve.git", "rev-parse", "main"))  # fmt: skip
    assert oracle.look() == []
    oracle.close()


class Leaky:
    """A server that takes everything: what a player would find there."""

    def __init__(self, world: World) -> None:
        self._world = world

    def play(self, move: Move) -> Outcome:
        if move["do"] != "push":
            return self._world.play(move)
        plant(self._world, [])
        return Outcome("accepted", "", tuple(self._world.look()))

    def close(self) -> None:
        self._world.close()


def test_a_game_is_shortened_to_what_breaks(template: Template) -> None:
    game: list[Move] = [
        {"do": "fetch", "who": 2},
        {"do": "commit", "who": 2, "date": -3600, "edits": [edit("metadata"), edit("tag", name="first", version="3"), edit("model")]},
        {"do": "ref", "who": 2, "name": "refs/tags/main", "to": "tip"},
        {"do": "push", "who": 2, "force": True},
    ]  # fmt: skip
    leaky = Leaky(template.world())
    found = [one for move in game for one in leaky.play(move).violations]
    leaky.close()
    assert [one.promise for one in found] == ["frozen tag"]
    short = shortened(lambda: Leaky(template.world()), game, found, seconds=60)
    assert list(short) == [
        {"do": "commit", "who": 2, "edits": [edit("tag", name="first", version="3")]},
        {"do": "push", "who": 2},
    ]


@pytest.fixture(scope="module")
def bytes_template(tmp_path_factory: pytest.TempPathFactory) -> BytesTemplate:
    return BytesTemplate(tmp_path_factory.mktemp("bytes"))


@pytest.fixture
def bytes_world(bytes_template: BytesTemplate) -> Iterator[BytesWorld]:
    made = bytes_template.world()
    yield made
    made.close()


def _add(who: int, **fields: object) -> Move:
    return {"do": "add", "who": who, "what": "file", "content": 2, "how": "commit", **fields}


def _forget(world: BytesWorld, content: bytes) -> None:
    (md5,) = [md5 for md5, data in objects_on(world.storage).items() if data == content]
    (world.storage / "files" / "md5" / md5[:2] / md5[2:]).unlink()


def test_published_bytes_that_go_are_found(bytes_world: BytesWorld) -> None:
    assert bytes_world.play({"do": "days", "days": 1}).violations == ()
    _forget(bytes_world, b"content 0\n")
    found = bytes_world.play({"do": "days", "days": 1}).violations
    assert {one.promise for one in found} == {"published bytes", "needed bytes"}
    assert {one.path for one in found} == {"models/nlp/m/versions/1/model.bin.dvc"}


def test_published_bytes_that_are_others_are_found(bytes_world: BytesWorld) -> None:
    for place in (bytes_world.storage / "files").rglob("*"):
        if place.is_file() and place.read_bytes() == b"content 1\n":
            place.chmod(0o644)
            place.write_bytes(b"content x\n")
    found = bytes_world.play({"do": "days", "days": 1}).violations
    assert {one.path for one in found} == {"models/nlp/m/versions/2/model.bin.dvc"}


@pytest.mark.parametrize("where", ["commit", "work", "branch", "proposal", "stash", "other"])
def test_bytes_of_work_that_go_are_found(bytes_world: BytesWorld, where: str) -> None:
    how = where if where in {"work", "branch"} else "commit"
    added = bytes_world.play(_add(0, how=how))
    assert (added.said, added.violations) == ("done", ()), added.words
    if where == "stash":
        bytes_world.play({"do": "git", "who": 0, "act": "stash"})
    if where == "proposal":
        assert bytes_world.play({"do": "propose", "who": 0, "number": 0}).said == "accepted"
    _forget(bytes_world, b"content 2\n")
    who = 1 if where in {"proposal", "other"} else 0
    found = bytes_world.look(who)
    assert {one.promise for one in found} == {"needed bytes"}


def test_what_others_added_long_ago_is_their_risk(bytes_world: BytesWorld) -> None:
    bytes_world.play(_add(0))
    bytes_world.play({"do": "days", "days": 8})
    _forget(bytes_world, b"content 2\n")
    assert bytes_world.look(1) == []


def test_a_published_version_needs_its_bytes_without_end(bytes_world: BytesWorld) -> None:
    bytes_world.play(_add(0, what="folder", content=1))
    pushed = bytes_world.play({"do": "push", "who": 0})
    assert pushed.said == "accepted", pushed.words
    bytes_world.play({"do": "days", "days": 100})
    _forget(bytes_world, b"content 3\n")  # a file that only the folder's list names
    assert [one.promise for one in bytes_world.look(1)][:1] == ["published bytes"]


def test_a_killed_command_dies_at_its_step(bytes_world: BytesWorld) -> None:
    killed = bytes_world.play({"do": "kill", "who": 0, "step": 3, "move": _add(0)})
    assert (killed.said, killed.violations) == ("killed", ())
    late = bytes_world.play({"do": "kill", "who": 0, "step": 100_000, "move": _add(0)})
    assert (late.said, late.violations) == ("done", ())


@pytest.mark.parametrize("name", ["plain_git.py", "registry_oracle.py", "bytes_oracle.py"])
def test_the_oracles_share_no_code_with_what_they_watch(name: str) -> None:
    tree = ast.parse((Path(__file__).parent / name).read_text(encoding="utf-8"))
    imported = {
        module
        for node in ast.walk(tree)
        for module in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [str(node.module)]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert not [module for module in imported if module.split(".")[0] in {"registry_tool", "support", "dvc"}]  # fmt: skip
