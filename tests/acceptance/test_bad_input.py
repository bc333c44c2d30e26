"""Bad input to the commands that write: a clear message, the right exit code, and nothing half-done."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from support import Ran, git, write_files
from support import commit as commit_all
from support.manifests import small_registry

Cli = Callable[..., Ran]
FOLDER = "models/nlp/lang-id"
ADD = ("version", "add", "nlp/lang-id")
MODEL_ADD = ("--task", "t", "--owner", "o", "--description", "d")
CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")


@pytest.fixture
def storage(tmp_path: Path) -> Path:
    """The remote, outside any checkout."""
    return tmp_path / "storage"


@pytest.fixture
def root(make_registry: Callable[..., Path], storage: Path) -> Path:
    """A registry with ``nlp/lang-id`` 1 and 2."""
    config = f"[core]\n    remote = storage\n['remote \"storage\"']\n    url = {storage}\n"
    return make_registry({**small_registry(), ".dvc/config": config, ".gitignore": ""})


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """A file to store."""
    path = tmp_path / "weights.bin"
    path.write_bytes(b"weights")
    return path


def state(root: Path, storage: Path) -> dict[str, object]:
    """Everything an edit could leave behind."""
    return {
        "refs": git(root, "for-each-ref"),
        "status": git(root, "status", "--porcelain", "--ignored"),
        "index": git(root, "ls-files", "--stage"),
        "files": sorted(str(p) for p in root.rglob("*") if ".git" not in p.parts),
        "storage": sorted(str(p) for p in storage.rglob("*")),
    }


def assert_clear(ran: Ran) -> None:
    """What every refusal looks like: words on standard error, nothing raw, no traceback, no bug."""
    assert ran.out == ""
    assert ran.err.strip()
    assert "Traceback" not in ran.err
    assert "a bug in registry-tool" not in ran.err
    assert not CONTROL.search(ran.err)


HOSTILE = {
    "option": "-x",
    "long option": "--force",
    "up": "../x",
    "absolute": "/etc/x",
    "empty": "",
    "dot": ".",
    "dots": "..",
    "blank": "a b",
    "newline": "a\nb",
    "escape": "\x1b[31mred",
    "c1": "a\x9b31m",
    "bidi": "a\u202eb",
    "look-alike": "m\u043edel",
    "long": "x" * 300,
    "very long": "x" * 100_000,
    "git": ".git",
    "quote": "a'b\"c",
    "shell": "$(touch${IFS}x)",
    "percent": "%s%n",
    "not UTF-8": "a\udcff",
    "slashes": "a/b/c",
    "at": "a@b@c",
}
# A branch may have what a name may not.
FINE_FOR_A_BRANCH = {"look-alike", "quote", "shell", "percent", "slashes", "at"}
POSITIONS: dict[str, Callable[[str, str], Sequence[str]]] = {
    "model to add": lambda bad, _: ("model", "add", *MODEL_ADD, "--", f"nlp/{bad}"),
    "namespace": lambda bad, _: ("model", "add", *MODEL_ADD, "--", f"{bad}/m"),
    "model": lambda bad, _: ("version", "add", "--", bad),
    "version": lambda bad, _: (*ADD, "--", bad or "."),
    "tag": lambda bad, _: ("tag", "add", "nlp/lang-id@1", "--", bad),
    "tag of a new version": lambda bad, w: (*ADD, "--artifact", w, "--tag", bad),
    "alias": lambda bad, _: ("alias", "set", "nlp/lang-id@1", "--", bad),
    "alias of a new version": lambda bad, w: (*ADD, "--artifact", w, "--alias", bad),
    "alias to remove": lambda bad, _: ("alias", "rm", "nlp/lang-id", "--", bad),
    "selector": lambda bad, _: ("alias", "set", "--", f"nlp/lang-id@{bad or '.'}", "production"),
    "artifact name": lambda bad, w: (*ADD, "--artifact", f"{bad or '.'}={w}"),
    "artifact path": lambda bad, _: (*ADD, "--artifact", f"missing/{bad}"),
    "tracked name": lambda bad, _: (*ADD, "--track", f"{bad or '.'}=s3://b/x"),
    "evidence name": lambda bad, _: (
        "evidence", "add", "nlp/lang-id@1", "--kind", "note", "--text", "x", "--name", bad or ".",
    ),
    "branch": lambda bad, w: (*ADD, "--artifact", w, f"--branch={bad}"),
    "file of fields": lambda bad, _: (*ADD, "--file", f"missing/{bad}"),
    "card": lambda bad, _: ("model", "add", "nlp/m", *MODEL_ADD, "--card", f"missing/{bad}"),
    "label": lambda bad, w: (*ADD, "--artifact", w, "--label", bad),
    "framework": lambda bad, w: (*ADD, "--artifact", w, f"--framework={bad or '.'}"),
    "command": lambda bad, _: (bad or ".",),
}  # fmt: skip
CASES = [
    (position, name)
    for position in POSITIONS
    for name in HOSTILE
    if not (position == "branch" and name in FINE_FOR_A_BRANCH)
    and (position, name) != ("label", "slashes")  # a good label
    and (position, name) != ("command", "very long")  # repeated as a whole, to whoever typed it
]


@pytest.mark.parametrize("position", POSITIONS)
def test_hostile_names_are_refused_everywhere(
    cli: Cli, root: Path, storage: Path, weights: Path, position: str
) -> None:
    before = state(root, storage)
    for name in (name for where, name in CASES if where == position):
        arguments = POSITIONS[position](HOSTILE[name], str(weights))
        ran = cli(*arguments, cwd=root)
        assert ran.code in {1, 2}, (name, ran)
        assert_clear(ran)
        assert len(ran.err) < 3000, name
    assert state(root, storage) == before
    assert not (root / "x").exists()


@pytest.mark.parametrize("name", sorted(FINE_FOR_A_BRANCH))
def test_a_strange_branch_that_git_allows_is_only_a_name(cli: Cli, root: Path, name: str) -> None:
    branch = HOSTILE[name]
    ran = cli("tag", "add", "nlp/lang-id@2", "v2", f"--branch={branch}", cwd=root)
    assert ran.code == 0, ran.err
    heads = git(root, "for-each-ref", "--format=%(refname)", "refs/heads").splitlines()
    assert sorted(heads) == sorted([f"refs/heads/{branch}", "refs/heads/main"])
    assert not (root / "x").exists()


@pytest.mark.parametrize(
    "option",
    ["--description", "--external-id", "--python", "--pip", "--metric", "--metadata", "--param",
     "--dataset", "--base-model", "--same-as", "--source", "--code", "--message", "--track"],
)  # fmt: skip
@pytest.mark.parametrize("text", ["x=\x1b]0;title\x07", "x=\udcff", "x=\x9b31m", "x=\u202e"])
def test_what_cannot_be_shown_cannot_be_written(
    cli: Cli, root: Path, storage: Path, option: str, text: str
) -> None:
    before = state(root, storage)
    ran = cli(*ADD, f"{option}={text}", cwd=root)
    assert ran.code == 2
    assert_clear(ran)
    assert state(root, storage) == before


def test_control_characters_that_lie_in_the_registry_are_shown_escaped(
    cli: Cli, root: Path
) -> None:
    path = f"{FOLDER}/versions/1/metadata.yaml"
    write_files(root, {path: 'schema: metadata/v1\nlabels: ["\\u001b[31m"]\n'})
    ran = cli("annotate", "nlp/lang-id@1", "a=1", cwd=root)
    assert ran.code == 1
    assert_clear(ran)
    assert path in ran.err


def test_a_reason_of_several_lines_is_one_subject_line(cli: Cli, root: Path) -> None:
    ran = cli("deprecate", "nlp/lang-id@1", "--reason", "old\n\nTrailer: x", "--commit", cwd=root)
    assert ran.code == 0, ran.err
    assert git(root, "log", "-1", "--format=%B").strip() == "Deprecate nlp/lang-id@1: old"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("a: &a [x]\n" + "".join(f"{b}: &{b} [*{a}, *{a}]\n" for a, b in ("ab", "bc", "cd")), "anchor"),
        ("metadata: " + "[" * 5000 + "]" * 5000, "nested"),
        ("metadata: {a: 1, a: 2}", "twice"),
        ("identity: x", "computed"),
        ("model: nlp/other", "model"),
        ("version: [3]", "quotes"),
        ("schema: model/v1", "schema"),
        ("artifacts: [{name: m, role: model, path: m.bin}]", "--artifact"),
        ("artifacts: [x]", "artifacts"),
        ("artifacts: {name: x}", "artifacts"),
        ("metrics: x", "metrics"),
        ("x" * 300_000, "larger"),
        ("[]", "mapping"),
        ("", "empty"),
        ("\x00", "invisible"),
    ],
)  # fmt: skip
def test_a_bad_file_of_fields(
    *, cli: Cli, root: Path, storage: Path, weights: Path, content: str, words: str
) -> None:
    before = state(root, storage)
    fields = weights.with_name("fields.yaml")
    fields.write_text(content)
    ran = cli(*ADD, "--artifact", str(weights), "--file", str(fields), cwd=root)
    assert ran.code == 2, ran.err
    assert words in ran.err
    assert_clear(ran)
    assert state(root, storage) == before


@pytest.mark.parametrize(
    "content",
    ["framework: x", "nonsense: 1", "metrics: [{key: a}]", "lineage: []", "created_at: now",
     "parameters: {a: 12345678901234567}", "environment: {python_version: 3.x}",
     "artifacts: [{name: m, role: model}]"],
)  # fmt: skip
def test_fields_that_no_version_has_are_refused_by_the_check(
    cli: Cli, root: Path, storage: Path, weights: Path, content: str
) -> None:
    before = state(root, storage)
    fields = weights.with_name("fields.yaml")
    fields.write_text(content)
    ran = cli(*ADD, "--artifact", str(weights), "--file", str(fields), "--commit", cwd=root)
    assert ran.code == 1, ran.err
    assert_clear(ran)
    assert state(root, storage) == before


_NO_GOOD = [
    (option, kind)
    for option in ("--file", "--card", "--requirements", "--artifact")
    for kind in ("missing", "folder", "pipe", "binary", "loop", "too long")
    if (option, kind) != ("--artifact", "binary")  # any bytes are an artifact
]


@pytest.mark.parametrize(("option", "kind"), _NO_GOOD)
def test_paths_that_are_no_good(
    *, cli: Cli, root: Path, storage: Path, tmp_path: Path, option: str, kind: str
) -> None:
    place = tmp_path / kind
    if kind == "folder":
        place.mkdir()
    elif kind == "pipe":
        os.mkfifo(place)
    elif kind == "binary":
        place.write_bytes(b"\xff\xfe\x00")
    elif kind == "loop":
        place.symlink_to(place)
    elif kind == "too long":
        place = tmp_path / ("x" * 5000)
    before = state(root, storage)
    target = ("model", "add", "nlp/m", *MODEL_ADD) if option == "--card" else ADD
    ran = cli(*target, option, str(place), cwd=root)
    assert ran.code == 2, ran.err
    assert_clear(ran)
    assert state(root, storage) == before


@pytest.mark.parametrize(
    "name", ["version.yaml", "evidence", "a.dvc", ".hidden", "a b", "é", "-x", "CARD.md", "a\nb"]
)
def test_files_whose_names_have_no_place_in_a_registry(
    cli: Cli, root: Path, storage: Path, tmp_path: Path, name: str
) -> None:
    (tmp_path / name).write_text("x")
    before = state(root, storage)
    ran = cli(*ADD, f"--artifact=./{name}", "--repo", str(root), cwd=tmp_path)
    assert ran.code in {1, 2}, ran
    assert_clear(ran)
    assert state(root, storage) == before


def test_a_link_inside_a_folder_is_refused(cli: Cli, root: Path, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "weights").symlink_to("/etc/hostname")
    before = git(root, "status", "--porcelain")
    ran = cli(*ADD, "--artifact", str(folder), cwd=root)
    assert ran.code == 2
    assert "symbolic link" in ran.err
    assert_clear(ran)
    assert git(root, "status", "--porcelain") == before


@pytest.mark.parametrize("how", [(), ("--commit",)], ids=["files", "commit"])
@pytest.mark.parametrize("link", ["models/other", f"{FOLDER}/versions", f"{FOLDER}/tags"])
def test_a_link_in_the_registry_that_leads_out_is_not_followed(
    *, cli: Cli, root: Path, storage: Path, weights: Path, link: str, how: Sequence[str]
) -> None:
    outside = weights.with_name("outside")
    outside.mkdir()
    if (root / link).is_dir():
        git(root, "rm", "-rq", link)
    (root / link).symlink_to(outside)
    before = state(root, storage)
    add_version = (*ADD, "--artifact", str(weights), "--tag", "new")
    arguments = ("model", "add", "other/m", *MODEL_ADD) if "other" in link else add_version
    ran = cli(*arguments, *how, cwd=root)
    assert ran.code in {1, 2}, ran
    assert_clear(ran)
    assert state(root, storage) == before
    assert list(outside.iterdir()) == []


def test_a_committed_link_that_leads_out_is_not_followed(
    cli: Cli, root: Path, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (root / "models" / "other").symlink_to(outside)
    commit_all(root)
    for how in ((), ("--commit",), ("--branch", "new")):
        ran = cli("model", "add", "other/m", *MODEL_ADD, *how, cwd=root)
        assert ran.code == 1, ran
        assert_clear(ran)
    assert list(outside.iterdir()) == []
    assert git(root, "branch", "--list", "new") == ""
    assert git(root, "status", "--porcelain") == ""


def test_a_huge_manifest_in_the_tree_is_refused_where_it_matters_only(
    cli: Cli, root: Path, weights: Path
) -> None:
    path = f"{FOLDER}/versions/2/version.yaml"
    text = (root / path).read_text()
    write_files(root, {path: text + "#" * 50_000_000})
    commit_all(root)
    assert cli("tag", "add", "nlp/lang-id@1", "v1", "--repo", str(root), cwd=root).code in {0, 1}
    ran = cli("evidence", "add", "nlp/lang-id@2", "--kind", "note", "--text", "x", cwd=root)
    assert ran.code == 1
    assert_clear(ran)
    other = cli("model", "add", "cv/m", *MODEL_ADD, cwd=root)
    assert other.code == 0, other.err


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("model", "add"), 2),
        (("model", "add", "nlp/m", "--owner", ""), 1),
        (("model", "add", "nlp/m", "--task", "", "--owner", "o"), 1),
        (("model", "add", "nlp/m", *MODEL_ADD, "--scheme", "roman"), 2),
        (("model", "add", "nlp/m", *MODEL_ADD, "--link", "x"), 2),
        (("model", "add", "nlp/m", *MODEL_ADD, "--continues", "nlp/none"), 2),
        (("model", "add", "nlp/m", *MODEL_ADD, "--license", "no such"), 1),
        (("version", "add", "nlp/none"), 2),
        ((*ADD, "--step", "-1"), 2),
        ((*ADD, "--commit-id", "a" * 40), 2),
        ((*ADD, "--code", "x"), 2),
        ((*ADD, "--role", "x=model"), 2),
        ((*ADD, "--metric", "a"), 2),
        ((*ADD, "--metric", "a=1", "--metric", "a=2"), 2),
        ((*ADD, "--param", "a={"), 2),
        ((*ADD, "--source", "ftp:x"), 2),
        ((*ADD, "--source", "huggingface:acme/m", "--commit-id", "main"), 1),
        ((*ADD, "--track", "a=s3://b/x", "--track", "a=s3://b/y"), 2),
        ((*ADD, "--track", "no-address"), 1),
        ((*ADD, "--message", "  "), 2),
        (("alias", "rm", "nlp/lang-id", "none"), 2),
        (("alias", "set", "nlp/lang-id@9", "production"), 2),
        (("tag", "add", "nlp/lang-id@1", "latest"), 2),
        (("annotate", "nlp/lang-id@1"), 2),
        (("annotate", "nlp/lang-id@1", "--remove", "none"), 2),
        (("deprecate", "nlp/lang-id@1"), 2),
        (("deprecate", "nlp/lang-id@1", "--reason", " "), 2),
        (("deprecate", "nlp/lang-id@1", "--reason", "x", "--replaced-by", "9"), 1),
        (("withdraw", "nlp/lang-id@production", "--reason", "x"), 1),
        (("archive", "nlp/none"), 2),
        (("evidence", "add", "nlp/lang-id@1", "--kind", "rumour"), 2),
        (("evidence", "add", "nlp/lang-id@1", "--kind", "approval", "--decision", "maybe"), 2),
        (("evidence", "add", "nlp/lang-id@1", "--kind", "evaluation", "--suite", "s"), 1),
    ],
    ids=lambda value: " ".join(value)[:60] if isinstance(value, tuple) else None,
)  # fmt: skip
def test_wrong_use_has_words_and_a_code(
    cli: Cli, root: Path, storage: Path, arguments: Sequence[str], code: int
) -> None:
    before = state(root, storage)
    ran = cli(*arguments, cwd=root)
    assert ran.code == code, ran
    assert_clear(ran)
    assert state(root, storage) == before


def test_where_there_is_no_registry(cli: Cli, root: Path, tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.mkdir()
    assert cli(*ADD, cwd=plain).code == 2
    git(plain, "init", "-q")
    for how in ((), ("--commit",)):
        ran = cli("model", "add", "nlp/m", *MODEL_ADD, *how, cwd=plain)
        assert ran.code == 2
        assert_clear(ran)
    write_files(plain, {"registry.yaml": (root / "registry.yaml").read_bytes()})
    not_committed = cli("model", "add", "nlp/m", *MODEL_ADD, "--commit", cwd=plain)
    assert not_committed.code == 2
    assert "registry.yaml" in not_committed.err
    assert_clear(not_committed)
    assert git(plain, "for-each-ref") == ""
    in_files = cli("model", "add", "nlp/m", *MODEL_ADD, cwd=plain)
    assert in_files.code == 0, in_files.err


def test_artifacts_that_get_in_each_others_way(
    cli: Cli, root: Path, storage: Path, weights: Path
) -> None:
    other = weights.parent / "other"
    other.mkdir()
    (other / "weights.bin").write_bytes(b"others")
    before = state(root, storage)
    for given, words in (
        ((f"m={weights}", f"m={other}"), "would both be stored as 'weights.bin'"),
        ((f"m={weights}", "m=-"), "the name 'm'"),
        ((f"m={weights}", "M=-"), "the name 'M'"),
        ((f"a={weights}", f"b={other / 'weights.bin'}"), "the path 'weights.bin'"),
        ((str(weights), str(weights)), "the name 'weights.bin'"),
        ((str(root),), "contains the registry"),
        ((str(root.parent),), "contains the registry"),
    ):
        ran = cli(*ADD, *(f"--artifact={text}" for text in given), cwd=root)
        assert ran.code == 2
        assert words in ran.err
        assert_clear(ran)
    assert state(root, storage) == before


def test_a_reader_that_goes_away_does_not_undo_anything(root: Path) -> None:
    program = shlex.join([sys.executable, "-m", "registry_tool"])
    line = f"{program} tag add nlp/lang-id@2 v2 --commit | true"
    done = subprocess.run(["sh", "-c", line], cwd=root, capture_output=True, check=False)
    assert b"Traceback" not in done.stderr
    assert git(root, "log", "-1", "--format=%s") == "Tag nlp/lang-id@2 as v2"
    assert git(root, "status", "--porcelain") == ""
